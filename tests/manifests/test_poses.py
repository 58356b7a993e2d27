"""Poses survive the disk to 1/16 pixel, and the documented layout can be read without our code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from manifests.poses import BLOCK, Poses, boxes_around, pack, read_poses, unpack, write_poses

coordinates = st.floats(-500, 8192, width=32)
keypoints = st.tuples(st.integers(1, BLOCK), st.integers(1, 20)).flatmap(
    lambda shape: hnp.arrays(np.float32, (*shape, 3), elements=coordinates)
)


@given(keypoints)
def test_blocks_survive_to_a_sixteenth_of_a_pixel_even_at_8k(points: np.ndarray):
    points[..., 2] = np.abs(points[..., 2]) / 8192
    back = unpack(pack(points), len(points), points.shape[1])
    assert back.shape == points.shape
    assert back.dtype == np.float32
    assert np.abs(back[..., :2] - points[..., :2]).max() <= 1 / 32
    assert np.abs(back[..., 2] - points[..., 2]).max() <= 1 / 512


metres = st.floats(-8, 8, width=32)
keypoints_in_3d = st.tuples(st.integers(1, BLOCK), st.integers(1, 5)).flatmap(
    lambda shape: hnp.arrays(np.float32, (*shape, 4), elements=metres)
)


@given(keypoints_in_3d)
def test_three_dimensions_in_metres_survive_exactly(points: np.ndarray):
    points[..., 3] = np.abs(points[..., 3]) / 8
    back = unpack(pack(points, "metre"), len(points), points.shape[1], dims=3)
    np.testing.assert_array_equal(back[..., :3], points[..., :3])
    assert np.abs(back[..., 3] - points[..., 3]).max() <= 1 / 512


def _poses(n_frames: int, joints: int = 17) -> Poses:
    random = np.random.default_rng(0)
    points = random.uniform(0, 1, (n_frames, joints, 3)).astype(np.float32) * np.float32([640, 360, 1])
    boxes = random.uniform(0, 640, (n_frames, 4)).astype(np.float32)
    boxes[3] = np.nan
    points[3, :, 2] = 0
    return Poses("c1", "coco17", points, boxes, made_by="test")


@pytest.mark.parametrize("n_frames", [5, 64, 65, 200])
def test_a_clip_survives_the_disk(tmp_path: Path, n_frames: int):
    poses = _poses(n_frames)
    write_poses(poses, tmp_path / "c1.parquet")
    back = read_poses(tmp_path / "c1.parquet")
    np.testing.assert_allclose(back.keypoints[..., :2], poses.keypoints[..., :2], atol=1 / 32)
    np.testing.assert_array_equal(back.boxes, poses.boxes)
    assert back.seen.tolist() == [frame != 3 for frame in range(n_frames)]
    assert (back.clip_id, back.skeleton, back.made_by) == ("c1", "coco17", "test")


def test_the_documented_line_reads_a_block(tmp_path: Path):
    poses = _poses(70)
    write_poses(poses, tmp_path / "c1.parquet")
    row = pq.read_table(tmp_path / "c1.parquet").to_pylist()[1]
    numbers = np.frombuffer(row["keypoints"], "u1").reshape(4, -1).T.copy().view("<f4")
    block = numbers.reshape(row["n_joints"], 3, row["n_frames"])
    np.testing.assert_allclose(block[5, 0], poses.keypoints[64:, 5, 0], atol=1 / 32)
    np.testing.assert_allclose(block[16, 1], poses.keypoints[64:, 16, 1], atol=1 / 32)


def test_nan_is_refused(tmp_path: Path):
    poses = _poses(5)
    poses.keypoints[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="an unseen joint is confidence 0"):
        write_poses(poses, tmp_path / "c1.parquet")


def test_a_clip_that_is_not_there(tmp_path: Path):
    write_poses(_poses(5), tmp_path / "c1.parquet")
    with pytest.raises(KeyError, match="c9"):
        read_poses(tmp_path / "c1.parquet", "c9")


def test_metres_survive_the_disk_and_the_documented_line_reads_them(tmp_path: Path):
    points = np.random.default_rng(0).normal(0, 1, (70, 20, 4)).astype(np.float32)
    points[..., 3] = 1
    poses = Poses("c1", "kinect20", points, boxes_around(points), made_by="test", unit="metre")
    write_poses(poses, tmp_path / "c1.parquet")
    back = read_poses(tmp_path / "c1.parquet")
    assert (back.unit, back.dims) == ("metre", 3)
    np.testing.assert_array_equal(back.positions, points[..., :3])
    np.testing.assert_array_equal(back.confidence, points[..., 3])
    row = pq.read_table(tmp_path / "c1.parquet").to_pylist()[1]
    numbers = np.frombuffer(row["keypoints"], "u1").reshape(4, -1).T.copy().view("<f4")
    np.testing.assert_array_equal(
        numbers.reshape(row["n_joints"], row["dims"] + 1, row["n_frames"])[7, 2], points[64:, 7, 2]
    )


def test_a_box_is_around_what_was_seen():
    points = np.float32([[[1, 5, 0.9], [4, 2, 0.1], [100, 100, 0]], [[1, 1, 0], [2, 2, 0], [3, 3, 0]]])
    np.testing.assert_array_equal(boxes_around(points), np.float32([[1, 2, 4, 5], [np.nan] * 4]))


def test_pixels_have_two_dimensions(tmp_path: Path):
    with pytest.raises(ValueError, match="pixels have 2"):
        write_poses(
            Poses("c1", "kinect20", np.ones((5, 20, 4), np.float32), np.ones((5, 4), np.float32)),
            tmp_path / "x.parquet",
        )
