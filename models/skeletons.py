"""Joint sets, and how each maps into the one canonical set that the models know.

A model never sees columns: it sees the canonical joints that a source has, by name. A joint that a source lacks is absent; none
is ever interpolated from others. Anything that is no body ("points") gets anonymous joints of its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from manifests.errors import BadInput
from models.joint_sets.canonical import CANONICAL, PARENT, PART, PARTS
from models.joint_sets.formats import FORMATS

__all__ = [
    "JOINTS",
    "MAX_POINTS",
    "PARTS",
    "Skeleton",
    "nearest",
    "nearest_ancestors",
    "part_of",
    "skeleton",
    "skeleton_names",
]

MAX_POINTS = 64  # anonymous joints of a "points" skeleton

JOINTS: tuple[str, ...] = (*CANONICAL, *(f"point_{index}" for index in range(MAX_POINTS)))
_INDEX = {name: index for index, name in enumerate(JOINTS)}

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Skeleton:
    """A joint set.

    Attributes:
        name: what tables and configurations call it.
        columns: for each column of the source, the canonical joint that it is, or None.
    """

    name: str
    columns: tuple[str | None, ...]

    @property
    def n_columns(self) -> int:
        """Columns of the source, mapped or not."""
        return len(self.columns)

    @property
    def joints(self) -> tuple[str, ...]:
        """The canonical joints that it has, in the canonical order."""
        return tuple(sorted((name for name in self.columns if name is not None), key=_INDEX.__getitem__))

    @property
    def source_columns(self) -> Ints:
        """(joints,) which column of the source each of `joints` is."""
        return np.array([self.columns.index(name) for name in self.joints], dtype=np.int64)

    @property
    def joint_ids(self) -> Ints:
        """(joints,) index of each of `joints` in `JOINTS`."""
        return np.array([_INDEX[name] for name in self.joints], dtype=np.int64)

    @property
    def parts(self) -> tuple[str, ...]:
        """(joints,) the part of the body that each of `joints` belongs to."""
        return tuple(part_of(name) for name in self.joints)

    @property
    def mirror(self) -> Ints:
        """(joints,) position in `joints` of each joint's mirror image; its own where it has none."""
        position = {name: index for index, name in enumerate(self.joints)}
        return np.array([position.get(_mirrored(name), index) for name, index in position.items()], dtype=np.int64)

    @property
    def limbs(self) -> tuple[tuple[int, int], ...]:
        """Pairs of positions in `joints` that make one connected tree; empty for anonymous points.

        A joint is joined to its nearest ancestor in the body's tree that is there. Where a format lacks the joints between
        (COCO has no neck), each piece left over is joined to the joint that is nearest along the tree.
        """
        return _limbs(self.joints)

    @property
    def shoulders(self) -> tuple[int, int] | None:
        """Positions in `joints` of the left and the right shoulder; None where one is missing."""
        joints = self.joints
        if "left_shoulder" in joints and "right_shoulder" in joints:
            return joints.index("left_shoulder"), joints.index("right_shoulder")
        return None

    def select(self, columns: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """(frames, columns, channels) of the source to (frames, joints, channels) in the canonical order.

        Raises:
            BadInput: the array has another number of columns than this skeleton.
        """
        if columns.shape[-2] != self.n_columns:
            raise BadInput(
                f"The poses have {columns.shape[-2]} joints, but skeleton {self.name} has {self.n_columns}. "
                f"Name the skeleton they were made with; known are {', '.join(skeleton_names())}."
            )
        return np.ascontiguousarray(columns[..., self.source_columns, :])


def part_of(joint: str) -> str:
    """The part of the body (one of `PARTS`) that a canonical joint belongs to; "points" for an anonymous one."""
    return PART.get(joint, "points")


@cache
def nearest_ancestors(joints: tuple[int, ...]) -> tuple[int, ...]:
    """For each of some joints (indices in `JOINTS`), the position among them of its nearest ancestor; its own if it has none."""
    position = {JOINTS[joint]: place for place, joint in enumerate(joints)}
    found = []
    for name, place in position.items():
        above = _path(name)[1:] if name in PARENT else []
        found.append(next((position[ancestor] for ancestor in above if ancestor in position), place))
    return tuple(found)


def nearest(joint: str, others: Collection[str]) -> str:
    """Of some joints, the one most like this: of its part of the body if there is one, and the fewest limbs away.

    Raises:
        ValueError: `others` is empty.
    """
    alike = [other for other in others if part_of(other) == part_of(joint)] or list(others)
    bodily = [other for other in alike if other in PARENT]
    if joint not in PARENT or not bodily:
        return min(alike, key=_INDEX.__getitem__)
    return min(bodily, key=lambda other: (_tree_distance(joint, other), _INDEX[other]))


def skeleton_names() -> tuple[str, ...]:
    """Names that `skeleton` knows, beside "points" followed by a number."""
    return (*FORMATS, "points1 … points64")


@cache
def skeleton(name: str) -> Skeleton:
    """The joint set of this name: one of the known formats, or "points8" for eight anonymous points.

    Raises:
        BadInput: no joint set has that name.
    """
    if name in FORMATS:
        return Skeleton(name, FORMATS[name])
    if (match := re.fullmatch(r"points(\d+)", name)) and 1 <= int(match[1]) <= MAX_POINTS:
        return Skeleton(name, tuple(f"point_{index}" for index in range(int(match[1]))))
    raise BadInput(f"There is no skeleton called {name!r}. Known are {', '.join(skeleton_names())}.")


def _path(name: str) -> list[str]:
    """A joint and its ancestors, up to the root."""
    path = [name]
    while (above := PARENT[path[-1]]) is not None:
        path.append(above)
    return path


def _tree_distance(a: str, b: str) -> int:
    path_a, path_b = _path(a), _path(b)
    shared = len(set(path_a) & set(path_b))
    return len(path_a) + len(path_b) - 2 * shared


@cache
def _limbs(joints: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    position = {name: index for index, name in enumerate(joints) if name in PARENT}
    pairs, piece, roots = [], {name: name for name in position}, []
    for name in position:
        ancestor = next((above for above in _path(name)[1:] if above in position), None)
        if ancestor is None:
            roots.append(name)
        else:
            pairs.append((position[name], position[ancestor]))
            piece[name] = ancestor

    def root_of(name: str) -> str:
        while piece[name] != name:
            name = piece[name]
        return name

    for root in roots[1:]:
        others = [name for name in position if root_of(name) != root_of(root)]
        if others:
            nearest = min(others, key=lambda name: _tree_distance(root, name))
            pairs.append((position[root], position[nearest]))
            piece[root_of(root)] = root_of(nearest)
    return tuple(pairs)


def _mirrored(name: str) -> str:
    if name.startswith("left_"):
        return "right_" + name.removeprefix("left_")
    if name.startswith("right_"):
        return "left_" + name.removeprefix("right_")
    return name
