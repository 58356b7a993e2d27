"""The gestures of a release one by one, with their poses: what a training loop reads.

A sequence in Python's sense, and so a map-style dataset in PyTorch's: `torch.utils.data.DataLoader` takes it as it is, with
workers too, and nothing here needs PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import pyarrow.compute as pc

from manifests.errors import BadInput
from manifests.poses import Poses
from manifests.release import Release
from manifests.splits import CROSS_SUBJECT

__all__ = ["Gesture", "GestureSequence"]


@dataclass(frozen=True)
class Gesture:
    """One agreed gesture.

    Attributes:
        gesture_id: of the gestures table.
        player_id: whose it is.
        label: its class.
        index: of the class in the release's taxonomy.
        poses: of its frames alone.
    """

    gesture_id: str
    player_id: str
    label: str
    index: int
    poses: Poses


class GestureSequence(Sequence[Gesture]):
    """Gestures in the order of their ids; poses are read when an item is asked for.

    Args:
        release: an open release.
        part: train, val or test of the protocol; None for all gestures.
        protocol: a split of gestures.

    Raises:
        BadInput: the release has no such part.
    """

    def __init__(self, release: Release, part: str | None = None, protocol: str = CROSS_SUBJECT) -> None:
        rows = release.table("gestures").sort_by("gesture_id")
        if part is not None:
            splits = release.table("splits")
            wanted = pc.and_(pc.equal(splits["protocol"], protocol), pc.equal(splits["part"], part))
            items = splits.filter(pc.and_(wanted, pc.equal(splits["unit"], "gesture")))["item_id"].combine_chunks()
            if not len(items):
                known = sorted(set(zip(splits["protocol"].to_pylist(), splits["part"].to_pylist(), strict=True)))
                raise BadInput(f"{release.path}: no part {part} of {protocol}. It has {known}.")
            rows = rows.filter(pc.is_in(rows["gesture_id"], value_set=items))
        self._release = release
        self._rows = rows.select(["gesture_id", "player_id", "clip_id", "start", "end", "label"]).to_pylist()
        self._index = {label: i for i, label in enumerate(release.labels)}

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, i: int) -> Gesture: ...
    @overload
    def __getitem__(self, i: slice) -> Sequence[Gesture]: ...
    def __getitem__(self, i: int | slice) -> Gesture | Sequence[Gesture]:
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        row = self._rows[i]
        poses = self._release.window(row["clip_id"], row["start"], row["end"])
        return Gesture(row["gesture_id"], row["player_id"], row["label"], self._index[row["label"]], poses)
