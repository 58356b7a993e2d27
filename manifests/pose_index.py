"""Where in a release's shards the poses of a clip lie, so that a window of one clip is read and nothing else.

A shard's footer says of every row group which clips and blocks it holds, from its smallest to its largest; rows lie in that
order. So a footer is read when a clip of its shard is first asked for; of the rows only the groups that hold the window, and of
their keypoints only the pages of its blocks (manifests/pages.py).
"""

from __future__ import annotations

import os
import weakref
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from manifests.errors import BadInput
from manifests.pages import Page, page_values, value_pages
from manifests.poses import BLOCK, Poses, Unit, unpack
from manifests.tables import TABLES, check_version

__all__ = ["PoseIndex"]

_Key = tuple[str, int]
_Floats = npt.NDArray[np.float32]
_HEAD = ["skeleton", "n_joints", "dims", "unit", "made_by"]
_LAST = 2**31


@dataclass(frozen=True)
class _Head:
    """What is the same in all blocks of a clip."""

    skeleton: str
    n_joints: int
    dims: int
    unit: Unit
    made_by: str


@dataclass
class _Group:
    """A row group. `first` and `last` are the keys of its ends; `keys` of all its rows where it holds several clips."""

    number: int
    first: _Key
    last: _Key
    keys: list[_Key] | None = None
    pages: list[Page] | None = None
    looked: bool = False

    def rows(self, low: _Key, high: _Key) -> range:
        """The rows with a key from `low` to `high`."""
        if self.keys is not None:
            return range(bisect_left(self.keys, low), bisect_right(self.keys, high))
        return range(max(low[1] - self.first[1], 0), min(high[1], self.last[1]) - self.first[1] + 1)


@dataclass
class _Shard:
    """An open shard and its row groups, in order."""

    path: Path
    file: pq.ParquetFile
    groups: list[_Group]
    lasts: list[_Key] = field(init=False)
    firsts: list[_Key] = field(init=False)

    def __post_init__(self) -> None:
        self.firsts, self.lasts = [group.first for group in self.groups], [group.last for group in self.groups]

    @cached_property
    def descriptor(self) -> int:
        """The file, open for reads at a place; not memory-mapped, for a map of a whole release would count as memory."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, descriptor)
        return descriptor

    @cached_property
    def places(self) -> dict[str, int]:
        schema = self.file.metadata.schema
        return {schema.column(i).path: i for i in range(self.file.metadata.num_columns)}

    def between(self, low: _Key, high: _Key) -> list[_Group]:
        """Groups that hold a row with a key from `low` to `high`."""
        return self.groups[bisect_left(self.lasts, low) : bisect_right(self.firsts, high)]

    def read(self, group: _Group, columns: list[str]) -> pa.Table:
        # One thread: the columns are few and small, and starting threads takes longer than they do.
        return self.file.read_row_group(group.number, columns=columns, use_threads=False)

    def head(self, group: _Group, rows: range) -> _Head:
        """What the blocks of the clip in some rows share: by the footer where all clips of the group share it."""
        described = self.file.metadata.row_group(group.number)
        ends = [described.column(self.places[name]).statistics for name in _HEAD]
        if all(end is not None and end.has_min_max and end.min == end.max for end in ends):
            return _Head(*(end.min for end in ends))
        row = self.read(group, _HEAD).slice(rows.start, 1).to_pylist()[0]
        return _Head(*(row[name] for name in _HEAD))

    def blobs(self, group: _Group, rows: range) -> Sequence[Any]:
        """The keypoints of some rows as they are packed."""
        if not group.looked:
            place = self.places["keypoints"]
            described = self.file.metadata.schema.column(place)
            levels = described.max_definition_level, described.max_repetition_level
            group.pages = value_pages(self.descriptor, self.file.metadata.row_group(group.number).column(place), levels)
            group.looked = True
        if group.pages is None:
            return [value.as_buffer() for value in self.read(group, ["keypoints"])["keypoints"][rows.start : rows.stop]]
        return page_values(self.descriptor, group.pages[rows.start : rows.stop])


class PoseIndex:
    """The poses of a release's clips. Reading is not for several threads at once.

    Args:
        shards: the files of the poses table, in the order of their clips.
    """

    def __init__(self, shards: Sequence[Path]) -> None:
        self._paths = list(shards)
        self._open: dict[Path, _Shard] = {}
        self._heads: dict[str, tuple[_Shard, _Head]] = {}

    def read(self, clip_id: str, start: int = 0, end: int | None = None) -> Poses:
        """Frames `[start, end)` of a clip.

        Raises:
            KeyError: there are no poses of that clip.
            ValueError: the window is empty, or reaches outside the clip.
            BadInput: a shard is damaged.
            SchemaMismatch: a shard is of another version.
        """
        if start < 0 or (end is not None and end <= start):
            raise ValueError(f"clip {clip_id}: frames {start} up to {end} are none")
        shard, head = self._find(clip_id)
        low, high = (clip_id, start // BLOCK), (clip_id, _LAST if end is None else (end - 1) // BLOCK)
        keypoints, boxes = [], []
        try:
            for group in shard.between(low, high):
                rows = group.rows(low, high)
                if rows:
                    numbers = head.n_joints * (head.dims + 1) * 4
                    keypoints += [
                        unpack(blob, len(blob) // numbers if numbers else 0, head.n_joints, head.dims)
                        for blob in shard.blobs(group, rows)
                    ]
                    boxes.append(_boxes(shard.read(group, ["boxes"])["boxes"], rows))
        except (pa.ArrowInvalid, OSError, ValueError, IndexError) as error:
            raise _damaged(shard.path, error) from error
        skip = start % BLOCK
        frames = sum(len(block) for block in keypoints) - skip
        if frames <= 0 or (end is not None and frames < end - start):
            raise ValueError(f"clip {clip_id} has no frame {max(start, start + frames)}")
        frames = frames if end is None else end - start
        return Poses(
            clip_id=clip_id,
            skeleton=head.skeleton,
            keypoints=_joined(keypoints, skip, frames),
            boxes=_joined(boxes, skip, frames),
            first_frame=start,
            made_by=head.made_by,
            unit=head.unit,
        )

    def clips(self) -> Iterator[str]:
        """The clips that have poses, in the order in which they lie."""
        for path in self._paths:
            shard = self._shard(path)
            before = None
            for group in shard.groups:
                for clip, _ in group.keys or [group.first]:
                    if clip != before:
                        yield clip
                    before = clip

    def _shard(self, path: Path) -> _Shard:
        return self._open.get(path) or self._open.setdefault(path, _open(path))

    def _find(self, clip_id: str) -> tuple[_Shard, _Head]:
        """The shard that holds a clip (never do two), and what its blocks share."""
        if clip_id not in self._heads:
            key = clip_id, 0
            for path in self._paths:
                shard = self._shard(path)
                for group in shard.between(key, key):
                    if rows := group.rows(key, key):
                        self._heads[clip_id] = shard, shard.head(group, rows)
        if clip_id not in self._heads:
            raise KeyError(f"no poses of clip {clip_id}")
        return self._heads[clip_id]


def _boxes(column: pa.ChunkedArray, rows: range) -> _Floats:
    """(frames, 4) the boxes of some rows of a row group."""
    lists = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return np.asarray(lists.slice(rows.start, len(rows)).flatten(), dtype=np.float32).reshape(-1, 4)


def _joined(parts: list[_Floats], skip: int, frames: int) -> _Floats:
    """`frames` frames of the parts together, from `skip` on: contiguous, as a network wants it, copied once."""
    whole = np.empty((frames, *parts[0].shape[1:]), np.float32)
    done = -skip
    for part in parts:
        first, last = max(done, 0), min(done + len(part), frames)
        whole[first:last] = part[first - done : last - done]
        done += len(part)
    return whole


def _open(path: Path) -> _Shard:
    try:
        # Reading ahead would start threads for what is mostly a few kilobytes.
        file = pq.ParquetFile(path, pre_buffer=False)
        check_version(TABLES["poses"], file.schema_arrow, str(path))
        places = {file.metadata.schema.column(i).path: i for i in range(file.metadata.num_columns)}
        groups = []
        for i in range(file.num_row_groups):
            described = file.metadata.row_group(i)
            clips, blocks = (described.column(places[name]).statistics for name in ("clip_id", "block"))
            if clips.min == clips.max:
                groups.append(_Group(i, (clips.min, blocks.min), (clips.max, blocks.max)))
            else:  # the smallest block of several clips is not the first row's
                table = file.read_row_group(i, columns=["clip_id", "block"])
                keys = list(zip(table["clip_id"].to_pylist(), table["block"].to_pylist(), strict=True))
                groups.append(_Group(i, keys[0], keys[-1], keys))
    except (pa.ArrowInvalid, OSError) as error:
        raise _damaged(path, error) from error
    return _Shard(path, file, groups)


def _damaged(path: Path, error: Exception) -> BadInput:
    return BadInput(f"{path}: not a readable Parquet file ({error}). Get the release anew.")
