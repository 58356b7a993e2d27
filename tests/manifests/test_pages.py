"""Values read page by page are those that pyarrow reads, however the file was written; what can't be read so is left to it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.pages import page_values, value_pages
from manifests.pose_index import PoseIndex
from manifests.pose_shards import POSES_LAYOUT, write_shards
from manifests.poses import Poses, read_poses, write_poses
from manifests.tables import TABLES

OURS = {
    "compression": "zstd",
    "use_dictionary": False,
    "data_page_size": 16,
    "write_batch_size": 1,
    "write_statistics": ["n"],
}


def _written(path: Path, values: list[bytes], nullable: bool = False, **options: object) -> pq.ParquetFile:
    schema = pa.schema([pa.field("n", pa.int32()), pa.field("b", pa.binary(), nullable=nullable)])
    table = pa.table({"n": pa.array(range(len(values)), pa.int32()), "b": values}, schema=schema)
    pq.write_table(table, path, **{**OURS, "row_group_size": 5, **options})
    return pq.ParquetFile(path)


def _read(path: Path, file: pq.ParquetFile) -> list[bytes] | None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        column = file.metadata.schema.column(1)
        levels = column.max_definition_level, column.max_repetition_level
        values: list[bytes] = []
        for group in range(file.num_row_groups):
            pages = value_pages(descriptor, file.metadata.row_group(group).column(1), levels)
            if pages is None:
                return None
            values += [value.to_pybytes() for value in page_values(descriptor, pages)]
        return values
    finally:
        os.close(descriptor)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(min_size=20, max_size=400), min_size=1, max_size=12))
def test_every_value_is_what_was_written(tmp_path: Path, values: list[bytes]):
    path = tmp_path / "a.parquet"
    assert _read(path, _written(path, values)) == values


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "snappy"},
        {"use_dictionary": True},
        {"data_page_size": 1 << 20},  # several values a page
        {"nullable": True},
        {"data_page_version": "2.0"},
        {"use_dictionary": False, "column_encoding": {"b": "DELTA_LENGTH_BYTE_ARRAY"}},
    ],
)
def test_another_layout_is_left_to_pyarrow(tmp_path: Path, options: dict[str, object]):
    path = tmp_path / "a.parquet"
    assert _read(path, _written(path, [bytes([i]) * 50 for i in range(7)], **options)) is None


@pytest.mark.parametrize("at", [0, 1, 2, 3, 5, 9])
def test_a_damaged_header_gives_no_value(tmp_path: Path, at: int):
    path = tmp_path / "a.parquet"
    file = _written(path, [os.urandom(60)])
    start = file.metadata.row_group(0).column(1).data_page_offset
    content = bytearray(path.read_bytes())
    content[start + at] ^= 0x55
    path.write_bytes(content)
    try:
        assert _read(path, file) is None
    except OSError:
        return  # the header is sound but says another length, which unpacking finds


@pytest.mark.parametrize("layout", [POSES_LAYOUT, {"compression": "snappy"}])
def test_poses_are_read_from_either_layout(tmp_path: Path, layout: dict[str, object]):
    random = np.random.default_rng(0)
    tables, whole = [], {}
    for i, frames in enumerate((64, 300, 1, 129)):
        whole[f"c{i}"] = random.uniform(0, 900, (frames, 17, 3)).astype(np.float32).round(0)
        write_poses(
            Poses(f"c{i}", "coco17", whole[f"c{i}"], random.random((frames, 4), np.float32)), tmp_path / f"c{i}"
        )
        tables.append(pq.read_table(tmp_path / f"c{i}"))
    path = tmp_path / "shard.parquet"
    with pq.ParquetWriter(path, TABLES["poses"].schema, **layout) as writer:
        writer.write_table(pa.concat_tables(tables), row_group_size=4)
    index = PoseIndex([path])
    assert list(index.clips()) == list(whole)
    for clip, keypoints in whole.items():
        np.testing.assert_array_equal(index.read(clip).keypoints, keypoints)
        assert index.read(clip).keypoints.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(index.read("c1", 60, 140).keypoints, whole["c1"][60:140])
    rows = {row["clip_id"]: row for row in pa.concat_tables(tables).to_pylist() if row["block"] == 0}
    np.testing.assert_array_equal(index.read("c3", 3, 5).boxes.reshape(-1), np.float32(rows["c3"]["boxes"][12:20]))


def test_each_block_of_a_shard_has_a_page_also_where_clips_share_a_row_group(tmp_path: Path):
    random = np.random.default_rng(0)
    files, blocks = {}, {}
    for clip, joints, frames in (("a", 17, 640), ("b", 17, 1500), ("c", 133, 700), ("d", 17, 90)):
        files[clip], blocks[clip] = tmp_path / clip, -(-frames // 64)
        keypoints = random.uniform(0, 900, (frames, joints, 3)).astype(np.float32)
        write_poses(
            Poses(clip, f"points{joints}", keypoints, np.zeros((frames, 4), np.float32), made_by=clip), files[clip]
        )
    assert write_shards(files, tmp_path / "poses", quiet=True) == (sum(blocks.values()), blocks)
    (shard,) = (tmp_path / "poses").iterdir()
    file = pq.ParquetFile(shard)
    place = file.schema_arrow.get_field_index("keypoints")
    assert file.metadata.row_group(0).column(place).path_in_schema == "keypoints"
    descriptor = os.open(shard, os.O_RDONLY)
    for group in range(file.num_row_groups):
        described = file.metadata.row_group(group)
        pages = value_pages(descriptor, described.column(place), (0, 0))
        assert pages is not None
        assert len(pages) == described.num_rows
    os.close(descriptor)
    index = PoseIndex([shard])
    for clip, file_of_clip in files.items():  # clips of one row group differ in joints and maker
        whole = read_poses(file_of_clip)
        found = index.read(clip, 10, 80)
        assert (found.skeleton, found.made_by) == (whole.skeleton, clip)
        np.testing.assert_array_equal(found.keypoints, whole.keypoints[10:80])
