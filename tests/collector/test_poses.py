"""Poses are the player's, frame by frame, and nobody's where the player isn't seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from collector.poses import follow, pose
from collector.yolo import JOINTS, People
from manifests.errors import BadInput
from manifests.poses import read_poses
from manifests.tables import TABLES, Row, from_rows, rows_of
from manifests.workspace import Workspace

LEFT, RIGHT = (0.1, 0.2, 0.4, 0.9), (0.5, 0.2, 0.8, 0.9)


def people(*boxes: tuple[float, ...]) -> People:
    n = len(boxes)
    return People(
        np.array(boxes, np.float32).reshape(-1, 4), np.full(n, 0.9, np.float32), np.ones((n, JOINTS, 3), "f4")
    )


def followed(frames: list[People], start: tuple[float, ...]) -> list[tuple[float, ...] | None]:
    """The box chosen in each frame."""
    track = list(follow(frames, np.array(start, np.float32)))
    assert all(len(person.boxes) == len(person.keypoints) == len(person.confidence) <= 1 for person in track)
    return [tuple(person.boxes[0].astype(float).round(2).tolist()) if len(person) else None for person in track]


def test_the_neighbour_is_never_taken_for_the_player() -> None:
    frames = [people(LEFT, RIGHT), people(RIGHT, LEFT), people(LEFT), people(), people(LEFT, RIGHT)]
    assert followed(frames, RIGHT) == [RIGHT, RIGHT, None, None, RIGHT]


def test_follows_who_moves() -> None:
    """From right to left in steps that overlap, past where the track began; an empty seat is not gone back to."""
    path = [(0.5 - 0.05 * n, 0.2, 0.8 - 0.05 * n, 0.9) for n in range(9)]
    boxes = followed([people(RIGHT if n == 0 else place) for n, place in enumerate(path)], RIGHT)
    assert boxes == [tuple(round(edge, 2) for edge in place) for place in path]
    assert followed([people(place, RIGHT) for place in path], RIGHT)[:1] == [RIGHT]


def test_who_was_lost_comes_back_where_they_began() -> None:
    away = (0.38, 0.2, 0.68, 0.9)
    far = (0.26, 0.2, 0.56, 0.9)
    assert followed([people(away), people(far), people(), people(RIGHT)], RIGHT) == [away, far, None, RIGHT]


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


@pytest.mark.slow
def test_unknown_skeleton(segmented: Workspace, weights: Path) -> None:
    with pytest.raises(BadInput, match="Choose coco17"):
        pose(segmented, weights=weights, skeleton="coco18", quiet=True)
