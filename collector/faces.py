"""Where the player's face is in every frame of a clip, so that no frame is given away with it unhidden.

Four ways, the first that works: from the face's own keypoints; between the frames before and after in which they were seen,
where those are near in time; the head's part of the player's box; and else the whole frame. A region is generous: what is not
face costs nothing, what is face and stays visible can't be taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

from collector.body import Parts, parts_of
from manifests.poses import Poses

__all__ = ["Faces", "FoundBy", "find_faces"]

_Floats = npt.NDArray[np.float32]
_Ints = npt.NDArray[np.int64]

_SEEN = 0.3
_NEAR_S = 0.5  # a face is taken to be where it was for so long
_STEADY_S = 2.0  # over which the size of a head is steadied
# A head's height, 0.23 m, in lengths that joints (by place in `Parts.body`) give: between the eyes 0.063 m, the ears 0.15,
# nose and ear 0.11, the shoulders' joints 0.36 (Tilley, The Measure of Man and Woman, 2002, rounded).
_PAIRS = ((1, 2, 0.27), (3, 4, 0.65), (0, 3, 0.48), (0, 4, 0.48), (5, 6, 1.55))
_RADIUS = 0.75  # of a head's height, from the middle of the face past chin and crown
_LEAST = 0.02  # of the picture's height
_HEAD_DOWN, _ABOVE, _BESIDE = 0.45, 0.1, 0.1  # of the box's height and width


class FoundBy(IntEnum):
    """How a frame's region was found."""

    KEYPOINTS = 0
    NEIGHBOURS = 1
    BOX = 2
    NOTHING = 3


@dataclass(frozen=True)
class Faces:
    """The region to hide in each frame.

    Attributes:
        regions: (frames, 4) x0, y0, x1, y1 in pixels, reaching outside the picture where they must.
        found_by: (frames,) a `FoundBy` each. Regions of keypoints and neighbours are round, the others have corners.
    """

    regions: _Floats
    found_by: _Ints

    def counts(self) -> dict[FoundBy, int]:
        """Frames by how their region was found."""
        return {how: int((self.found_by == how).sum()) for how in FoundBy}


def find_faces(poses: Poses, width: int, height: int, fps: float) -> Faces:
    """The face's region in every frame of a whole clip.

    Args:
        poses: of the clip, in pixels.
        width, height: of the picture.
        fps: frames a second.

    Raises:
        ValueError: the poses are of a skeleton whose face isn't known, or not in pixels.
    """
    parts = parts_of(poses)
    n = len(poses.keypoints)
    regions = np.tile(np.array([0, 0, width, height], np.float32), (n, 1))
    found_by = np.full(n, FoundBy.NOTHING, dtype=np.int64)
    boxed = poses.seen
    regions[boxed], found_by[boxed] = _heads(poses.boxes[boxed]), FoundBy.BOX

    known, centres, reach = _centres(poses, parts)
    radii = _radii(poses, parts, known, fps, height) if known.any() else np.zeros(n, np.float32)
    known &= radii > 0  # a point of which nothing tells how large the head around it is hides nothing
    radii = np.maximum(radii, reach + _LEAST * height)
    if known.any():
        frames = np.flatnonzero(known)
        round_, how = _between(frames, centres[known], radii[known], n, _NEAR_S * fps)
        near = how >= 0
        regions[near], found_by[near] = round_[near], how[near]
    return Faces(regions, found_by)


def _heads(boxes: _Floats) -> _Floats:
    """(m, 4) boxes to the part in which the head is, whoever sits there however."""
    size = boxes[:, 2:] - boxes[:, :2]
    beside, above, down = _BESIDE * size[:, 0], _ABOVE * size[:, 1], _HEAD_DOWN * size[:, 1]
    return np.stack([boxes[:, 0] - beside, boxes[:, 1] - above, boxes[:, 2] + beside, boxes[:, 1] + down], axis=1)


def _centres(poses: Poses, parts: Parts) -> tuple[npt.NDArray[np.bool_], _Floats, _Floats]:
    """(frames,) whether a point of the face is seen, (frames, 2) the middle of those that are, (frames,) how far they go."""
    face = [*parts.head, *parts.outline]
    seen = (poses.confidence[:, face] >= _SEEN)[..., None]
    points = poses.positions[:, face]
    low = np.where(seen, points, np.inf).min(axis=1)
    high = np.where(seen, points, -np.inf).max(axis=1)
    known = np.asarray(seen.any(axis=(1, 2)))
    centres = np.zeros((len(known), 2), np.float32)
    centres[known] = (low[known] + high[known]) / 2
    reach = np.where(seen[..., 0], np.linalg.norm(points - centres[:, None], axis=2), 0).max(axis=1)
    return known, centres, reach


def _radii(poses: Poses, parts: Parts, known: npt.NDArray[np.bool_], fps: float, height: int) -> _Floats:
    """(frames,) radius of the head where it is known: by its largest sign in the frame, and not below what it is around."""
    body = list(parts.body)
    sure, places = poses.confidence[:, body] >= _SEEN, poses.positions[:, body]
    heads = np.zeros(len(sure), np.float32)
    for a, b, share in _PAIRS:
        apart = np.linalg.norm(places[:, a] - places[:, b], axis=1) / share
        heads = np.maximum(heads, np.where(sure[:, a] & sure[:, b], apart, 0))
    told = heads[known]
    window = 2 * round(_STEADY_S * fps) + 1
    told = np.maximum(told, median_filter(told, size=min(window, 2 * len(told) - 1), mode="nearest"))
    if told.any():
        told = np.where(told > 0, told, np.median(told[told > 0]))
    # One point alone tells no size; then the box does.
    boxes = np.nan_to_num(poses.boxes[known])
    told = np.where(told > 0, told, 0.5 * (boxes[:, 3] - boxes[:, 1]))
    radii = np.zeros(len(sure), np.float32)
    radii[known] = np.where(told > 0, np.maximum(_RADIUS * told, _LEAST * height), 0)
    return radii


def _between(frames: _Ints, centres: _Floats, radii: _Floats, n: int, near: float) -> tuple[_Floats, _Ints]:
    """Round regions of all frames of which one with a known face is near; -1 where none is.

    Between two known frames the circle is wide enough for every way from one to the other of up to twice the straight one's
    length; past the first and the last it grows with time, as far as a quick turn of the head takes it.
    """
    every = np.arange(n)
    after = np.minimum(np.searchsorted(frames, every), len(frames) - 1)
    before = np.maximum(np.searchsorted(frames, every, side="right") - 1, 0)
    to_before, to_after = every - frames[before], frames[after] - every
    inside = (to_before >= 0) & (to_after >= 0)
    distance = np.where(inside, np.maximum(to_before, to_after), np.maximum(np.abs(to_before), np.abs(to_after)))
    share = np.where(inside, to_before / np.maximum(to_before + to_after, 1), 0)[:, None]
    first, second = centres[before], centres[after]
    centre = first * (1 - share) + second * share
    moved = np.linalg.norm(second - first, axis=1)
    radius = np.maximum(radii[before], radii[after]) + moved
    radius *= np.where(inside, 1, 1 + distance / max(near, 1))
    how = np.where(distance <= near, FoundBy.NEIGHBOURS, -1)
    how[frames] = FoundBy.KEYPOINTS
    return np.concatenate([centre - radius[:, None], centre + radius[:, None]], axis=1).astype(np.float32), how
