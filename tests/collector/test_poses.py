"""Poses are the player's, frame by frame, and nobody's where the player isn't seen."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from collector.holistic import FACE, find_models
from collector.poses import pose
from collector.yolo import JOINTS
from manifests.errors import BadInput, Unavailable
from manifests.poses import read_poses
from manifests.tables import TABLES, Row, from_rows, rows_of
from manifests.workspace import Workspace, open_workspace


@pytest.fixture(scope="module")
def kept(segmented: Workspace) -> list[Row]:
    return [row for row in rows_of(segmented.read("clips")) if row["kept"]]


@pytest.mark.slow
def test_poses_of_real_people(segmented: Workspace, kept: list[Row]) -> None:
    """A pose in nearly every frame; faces are where faces are; the flash gives none that was made up."""
    assert {path.stem for path in segmented.root.glob("tables/poses/*")} == {row["clip_id"] for row in kept}
    for row in kept:
        poses = read_poses(segmented.table_path("poses", row["clip_id"]))
        assert poses.keypoints.shape == (row["n_frames"], JOINTS, 3)
        assert poses.seen.mean() >= 0.95
        assert np.isnan(poses.boxes[~poses.seen]).all()
        assert (poses.keypoints[~poses.seen] == 0).all()
        boxes, joints = poses.boxes[poses.seen], poses.keypoints[poses.seen]
        inside = (joints[:, :5, :2] >= boxes[:, None, :2] - 2) & (joints[:, :5, :2] <= boxes[:, None, 2:] + 2)
        assert inside.all()
        eyes, shoulders = joints[:, 1:3, 1].mean(axis=1), joints[:, 5:7, 1].mean(axis=1)
        assert (eyes < shoulders).all()
        # One person all along: from frame to frame the nose moves less than a fifth of the box.
        steps = np.abs(np.diff(joints[:, 0, :2], axis=0)) / (boxes[1:, 2:] - boxes[1:, :2])
        assert steps.max() < 0.2
        assert poses.made_by == row["made_by"]


@pytest.mark.slow
def test_again_does_nothing_and_stale_poses_go(segmented: Workspace, weights: Path) -> None:
    stray = segmented.table_path("poses", "00000000-0000-0000-0000-000000000000")
    stray.touch()
    report = pose(segmented, weights=weights, quiet=True)
    assert (report.ok, report.done_now, report.failed) == (report.total, 0, 0)
    assert not stray.exists()


@pytest.mark.slow
def test_a_clip_that_is_not_what_its_row_says(segmented: Workspace, weights: Path, kept: list[Row]) -> None:
    """A clip that is gone, and a clip swapped for another: both failed, by name, with no poses left."""
    clips = segmented.read("clips")
    paths = [segmented.path_of(row["path"]) for row in kept]
    saved = [path.read_bytes() for path in paths[:2]]
    rows = [
        row | {"sha256": "changed"} if row["path"] in (kept[0]["path"], kept[1]["path"]) else row
        for row in rows_of(clips)
    ]
    try:
        paths[0].unlink()
        paths[1].write_bytes(paths[2].read_bytes())
        segmented.write("clips", from_rows(TABLES["clips"], rows))
        report = pose(segmented, weights=weights, quiet=True, workers=0)
        assert {(item, kind) for item, kind, _ in report.failures} == {
            (kept[0]["clip_id"], "missing"),
            (kept[1]["clip_id"], "clip_mismatch"),
        }
        assert not segmented.table_path("poses", kept[0]["clip_id"]).exists()
        assert segmented.table_path("poses", kept[2]["clip_id"]).exists()
    finally:
        for path, data in zip(paths, saved, strict=False):
            path.write_bytes(data)
        segmented.write("clips", clips)
        assert pose(segmented, weights=weights, quiet=True, workers=0).exit_code == 0


@pytest.fixture
def one_clip(segmented: Workspace, kept: list[Row], tmp_path: Path) -> Iterator[Workspace]:
    """A dataset of its own, with the shortest of the clips."""
    root = tmp_path / "dataset"
    clip = min(kept, key=lambda row: row["n_frames"])
    with open_workspace(root, create=True) as workspace:
        (root / "clips" / clip["video_id"]).mkdir(parents=True)
        shutil.copy(segmented.path_of(clip["path"]), root / clip["path"])
        workspace.write("clips", from_rows(TABLES["clips"], [clip]))
        yield workspace


@pytest.mark.slow
def test_body_hands_and_face(one_clip: Workspace, weights: Path) -> None:
    """The face's joints lie in the player's box; the skeleton stays what it was until somebody asks for another."""
    try:
        find_models()
    except Unavailable as error:
        pytest.skip(str(error))
    (clip,) = rows_of(one_clip.read("clips"))
    path = one_clip.table_path("poses", clip["clip_id"])
    assert pose(one_clip, weights=weights, quiet=True, workers=0).ok == 1
    body = read_poses(path)
    assert pose(one_clip, weights=weights, skeleton="holistic", quiet=True, workers=0).done_now == 1
    poses = read_poses(path)
    assert (poses.skeleton, poses.keypoints.shape) == ("holistic", (clip["n_frames"], 543, 3))
    assert poses.made_by.endswith("; mediapipe 0.10.21")
    assert (poses.keypoints[~poses.seen] == 0).all()
    face = poses.keypoints[poses.seen][:, FACE]
    there = face[:, 0, 2] > 0
    assert there.mean() > 0.9
    low, high = poses.boxes[poses.seen][there, None, :2] - 5, poses.boxes[poses.seen][there, None, 2:] + 5
    assert ((face[there, :, :2] > low) & (face[there, :, :2] < high)).mean() > 0.95
    # YOLO and MediaPipe see one nose, each in its way: within 8 % of the height of the box, which is all head here.
    both = poses.keypoints[poses.seen][there, 0, :2] - body.keypoints[poses.seen][there, 0, :2]
    assert (np.linalg.norm(both, axis=1) / np.ptp(poses.boxes[poses.seen][there][:, 1::2], axis=1)).mean() < 0.08
    assert pose(one_clip, weights=weights, quiet=True, workers=0).done_now == 0
    assert pose(one_clip, weights=weights, skeleton="coco17", quiet=True, workers=0).done_now == 1
    assert np.array_equal(read_poses(path).keypoints, body.keypoints)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_same_rows_on_every_engine(
    one_clip: Workspace, weights: Path, engine: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process with all its cores, on two workers with one each, on Ray: the same bytes."""
    if engine == "ray":
        monkeypatch.setenv("RAY_ADDRESS", request.getfixturevalue("ray_cluster"))
    (clip,) = rows_of(one_clip.read("clips"))
    path = one_clip.table_path("poses", clip["clip_id"])
    assert pose(one_clip, weights=weights, quiet=True, workers=0).ok == 1
    here = path.read_bytes()
    path.unlink()
    one_clip.write("clips", from_rows(TABLES["clips"], [clip | {"sha256": "0" * 64}]))
    report = pose(one_clip, weights=weights, quiet=True, engine=engine, workers=2)
    assert (report.ok, report.done_now) == (1, 1)
    assert path.read_bytes() == here


@pytest.mark.slow
def test_unknown_skeleton(segmented: Workspace, weights: Path) -> None:
    with pytest.raises(BadInput, match="Choose coco17 or holistic"):
        pose(segmented, weights=weights, skeleton="coco18", quiet=True)
