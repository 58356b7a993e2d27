"""The poses of a release: the clips' files joined into shards, laid out so that one window is read alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from tqdm import tqdm

from manifests.parquet import read_parquet
from manifests.poses import BLOCK
from manifests.tables import TABLES

__all__ = ["POSES_LAYOUT", "write_shards"]

_NUMBERS_PER_GROUP = 16 * 64 * 133 * 3  # 16 blocks of 133 joints: other programs unpack a row group to read one window,
_BLOCKS_PER_GROUP = 32  # and ours walks over the headers of its pages
# No two blocks are alike, so a dictionary of them only costs; and the index takes what is the same in a row group from its
# statistics. Pages end as soon as they are larger than this, and are looked at after each row: so each block of keypoints has
# one of its own.
POSES_LAYOUT: dict[str, Any] = {
    "compression": "zstd",
    "data_page_size": 2048,
    "write_batch_size": 1,
    "use_dictionary": ["clip_id", "skeleton", "unit", "made_by"],
    "write_statistics": ["clip_id", "block", "skeleton", "n_joints", "dims", "unit", "made_by"],
}
_BLOCKS_PER_SHARD = 64 * 1024  # about four million frames


def write_shards(files: dict[str, Path], folder: Path, *, quiet: bool) -> tuple[int, dict[str, int]]:
    """Join the clips' pose files into shards, in the order of clip ids; few clips are in memory at a time.

    Returns:
        How many blocks they have, and how many each estimator made.
    """
    makers: Counter[str] = Counter()
    sizes = {clip: pq.read_metadata(path).num_rows for clip, path in sorted(files.items())}
    shards = _shards(sizes)
    folder.mkdir(parents=True)
    with tqdm(total=len(files), desc="poses", unit="clip", disable=quiet or None) as progress:
        for number, clips in enumerate(shards):
            name = f"{number:05d}-of-{len(shards):05d}.parquet"
            with pq.ParquetWriter(folder / name, TABLES["poses"].schema, **POSES_LAYOUT) as writer:
                for group in _groups([files[clip] for clip in clips]):
                    writer.write_table(group, row_group_size=group.num_rows)
                    makers.update(group["made_by"].to_pylist())
                    progress.update(sum(pc.equal(group["block"], 0).to_pylist()))
    return sum(sizes.values()), dict(sorted(makers.items()))


def _shards(sizes: dict[str, int]) -> list[list[str]]:
    shards: list[list[str]] = []
    room = 0
    for clip, size in sizes.items():
        if room < size:
            shards.append([])
            room = max(_BLOCKS_PER_SHARD, size)
        shards[-1].append(clip)
        room -= size
    return shards


def _groups(paths: list[Path]) -> Iterator[pa.Table]:
    """The blocks of many clips, a row group in a table; short clips share one."""
    waiting = TABLES["poses"].schema.empty_table()
    for path in paths:
        clip = read_parquet(TABLES["poses"], path)
        waiting = pa.concat_tables([waiting, clip])
        numbers = max(BLOCK * clip["n_joints"][0].as_py() * (clip["dims"][0].as_py() + 1), 1) if clip.num_rows else 1
        size = min(max(_NUMBERS_PER_GROUP // numbers, 1), _BLOCKS_PER_GROUP)
        while waiting.num_rows >= size:
            yield waiting.slice(0, size).combine_chunks()  # the writer puts two rows into a page where chunks meet
            waiting = waiting.slice(size)
    if waiting.num_rows:
        yield waiting.combine_chunks()
