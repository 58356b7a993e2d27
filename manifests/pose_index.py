"""Where in a release's shards the poses of a clip lie, so that a window of one clip is read and nothing else.

A shard's footer says of every row group which clips and blocks it holds, from its smallest to its largest; rows lie in that
order. So a footer is read when a clip of its shard is first asked for, and of the rows only the groups that hold the window.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from manifests.errors import BadInput
from manifests.poses import BLOCK, Poses, Unit, unpack
from manifests.tables import TABLES, Row, check_version

__all__ = ["PoseIndex"]

_Key = tuple[str, int]
_Floats = npt.NDArray[np.float32]
_HEAD = ["clip_id", "skeleton", "n_joints", "dims", "unit", "made_by"]
_FRAMES = ["clip_id", "block", "n_frames", "keypoints", "boxes"]


@dataclass(frozen=True)
class _Head:
    """What is the same in all blocks of a clip."""

    skeleton: str
    n_joints: int
    dims: int
    unit: Unit
    made_by: str


@dataclass(frozen=True)
class _Shard:
    """An open shard; `first[i]` and `last[i]` are the ends of row group i."""

    path: Path
    file: pq.ParquetFile
    first: list[_Key]
    last: list[_Key]

    def rows(self, low: _Key, high: _Key, columns: list[str]) -> Iterator[Row]:
        """Rows with a key from `low` to `high`, in their order."""
        groups = list(range(bisect_left(self.last, low), bisect_right(self.first, high)))
        if not groups:
            return
        try:
            # One thread: the columns are few and small, and starting threads takes longer than they do.
            table = self.file.read_row_groups(groups, columns=["block", *columns], use_threads=False)
        except (pa.ArrowInvalid, OSError) as error:
            raise _damaged(self.path, error) from error
        keys = zip(table["clip_id"].to_pylist(), table["block"].to_pylist(), strict=True)
        wanted = [i for i, key in enumerate(keys) if low <= key <= high]
        if wanted:
            yield from table.slice(wanted[0], len(wanted)).to_pylist()


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
        first = start // BLOCK
        last = _LAST if end is None else (end - 1) // BLOCK
        rows = list(shard.rows((clip_id, first), (clip_id, last), _FRAMES))
        skip = start - first * BLOCK
        frames = sum(row["n_frames"] for row in rows) - skip
        if frames <= 0 or (end is not None and frames < end - start):
            raise ValueError(f"clip {clip_id} has no frame {max(start, start + frames)}")
        part = slice(skip, None if end is None else skip + end - start)
        return Poses(
            clip_id=clip_id,
            skeleton=head.skeleton,
            keypoints=_join([unpack(row["keypoints"], row["n_frames"], head.n_joints, head.dims) for row in rows])[
                part
            ],
            boxes=_join([np.asarray(row["boxes"], np.float32).reshape(-1, 4) for row in rows])[part],
            first_frame=start,
            made_by=head.made_by,
            unit=head.unit,
        )

    def _find(self, clip_id: str) -> tuple[_Shard, _Head]:
        """The shard that holds a clip (never do two), and what its blocks share."""
        if clip_id not in self._heads:
            for path in self._paths:
                shard = self._open.get(path) or self._open.setdefault(path, _open(path))
                for row in shard.rows((clip_id, 0), (clip_id, 0), _HEAD):
                    head = _Head(*(row[name] for name in _HEAD[1:]))
                    self._heads[clip_id] = shard, head
        if clip_id not in self._heads:
            raise KeyError(f"no poses of clip {clip_id}")
        return self._heads[clip_id]


_LAST = 2**31


def _join(parts: list[_Floats]) -> _Floats:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _open(path: Path) -> _Shard:
    try:
        file = pq.ParquetFile(path, memory_map=True)
        check_version(TABLES["poses"], file.schema_arrow, str(path))
        places = {file.metadata.schema.column(i).path: i for i in range(file.metadata.num_columns)}
        first, last = [], []
        for i in range(file.num_row_groups):
            group = file.metadata.row_group(i)
            clips, blocks = (group.column(places[name]).statistics for name in ("clip_id", "block"))
            if clips.min == clips.max:
                first.append((clips.min, blocks.min))
                last.append((clips.max, blocks.max))
            else:  # the smallest block of several clips is not the first row's
                keys = file.read_row_group(i, columns=["clip_id", "block"])
                first.append((clips.min, keys["block"][0].as_py()))
                last.append((clips.max, keys["block"][-1].as_py()))
    except (pa.ArrowInvalid, OSError) as error:
        raise _damaged(path, error) from error
    return _Shard(path, file, first, last)


def _damaged(path: Path, error: Exception) -> BadInput:
    return BadInput(f"{path}: not a readable Parquet file ({error}). Get the release anew.")
