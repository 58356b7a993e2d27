"""Faces are hidden in every frame, the rest stays, and no frame is lost. The pictures and poses are simulated."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from collector.blur import blur_faces, hide
from collector.counting import count_frames
from collector.engine import Retry
from manifests.ids import file_sha256
from manifests.poses import Poses, write_poses
from manifests.tables import TABLES, from_rows
from manifests.workspace import Workspace, open_workspace
from tests.collector.pictures import write_video
from tests.manifests import samples

WIDTH, HEIGHT, FRAMES, FPS = 320, 240, 60, 25
HEAD = 60  # pixels high


def _face(k: int) -> tuple[float, float]:
    """Where the face is in frame k: it goes to the right."""
    return 80 + 2.5 * k, 80.0


def _picture(k: int) -> np.ndarray:
    """Stripes all over, and a finer pattern that moves with the face."""
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    picture = np.where((x // 6 + y // 6) % 2 == 0, 60, 190).astype(np.uint8)
    face_x, face_y = _face(k)
    inside = (x - face_x) ** 2 + (y - face_y) ** 2 < (HEAD / 2) ** 2
    pattern = np.where(((x - face_x) // 4 + y // 3) % 2 == 0, 20, 235).astype(np.uint8)
    return np.repeat(np.where(inside, pattern, picture)[..., None], 3, axis=2)


def _poses(clip: str, unseen: range = range(0), lost: range = range(0)) -> Poses:
    """COCO's joints around the face; not seen in some frames, nobody found in others."""
    keypoints, boxes = np.zeros((FRAMES, 17, 3), np.float32), np.zeros((FRAMES, 4), np.float32)
    for k in range(FRAMES):
        x, y = _face(k)
        # Eyes 0.27, ears 0.65 and shoulders 1.55 heads apart.
        at = {0: (0, 5), 1: (8, -3), 2: (-8, -3), 3: (19, 0), 4: (-19, 0), 5: (46, 60), 6: (-46, 60)}
        for joint, (dx, dy) in at.items():
            keypoints[k, joint] = (x + dx, y + dy, 0.9)
        boxes[k] = (x - 50, y - 35, x + 50, HEIGHT)
    keypoints[list(unseen), :5, 2] = 0.1
    keypoints[list(lost), :, 2] = 0
    boxes[list(lost)] = np.nan
    return Poses(clip, "coco17", keypoints, boxes)


SEEN = {"c1": _poses("c1"), "c2": _poses("c2", range(10, 16)), "c3": _poses("c3", range(20, 55), range(30, 35))}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Three clips of one picture: the face is always seen; lost for a moment; lost for long, and then the player too."""
    root = tmp_path / "dataset"
    with open_workspace(root, create=True) as workspace:
        rows = []
        (root / "clips" / "v1").mkdir(parents=True)
        write_video(root / "film.mp4", [_picture(k) for k in range(FRAMES)], Fraction(FPS))
        for clip, poses in SEEN.items():
            path = root / "clips" / "v1" / f"{clip}.mp4"
            path.hardlink_to(root / "film.mp4")
            size = {"width": WIDTH, "height": HEIGHT, "n_frames": FRAMES, "people": 1.0}
            rows.append(samples.clip(clip, sha256=file_sha256(path), **size))
            write_poses(poses, workspace.table_path("poses", clip))
        workspace.write("clips", from_rows(TABLES["clips"], rows))
        yield workspace


def _grey(path: Path) -> np.ndarray:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY))
    return np.stack(frames)


def _detail(frame: np.ndarray, x: float, y: float, radius: int = HEAD // 2 - 4) -> float:
    """Variance of the Laplacian, a measure of sharpness (Pech-Pacheco and others, ICPR 2000)."""
    part = frame[round(y) - radius : round(y) + radius, round(x) - radius : round(x) + radius]
    return float(cv2.Laplacian(part, cv2.CV_64F).var())


def test_each_face_lost_its_detail_and_the_rest_did_not(workspace: Workspace):
    report = blur_faces(workspace, workers=0, quiet=True)
    assert (report.ok, report.failed) == (3, 0)
    rows = {row["clip_id"]: row for row in workspace.read("blurred").to_pylist()}
    ways = ("by_keypoints", "by_neighbours", "by_box", "whole_frames")
    assert {clip: tuple(row[way] for way in ways) for clip, row in rows.items()} == {
        "c1": (60, 0, 0, 0),
        "c2": (54, 6, 0, 0),  # six frames are a moment
        "c3": (25, 0, 30, 5),  # of 35 without a face the player was in 30
    }
    before = _grey(workspace.root / "film.mp4")
    for clip, row in rows.items():
        path = workspace.root / row["path"]
        assert count_frames(path) == row["n_frames"] == FRAMES
        assert file_sha256(path) == row["sha256"]
        after = _grey(path)
        assert after.shape == before.shape
        for k in range(FRAMES):
            x, y = _face(k)
            assert _detail(after[k], x, y) < 0.02 * _detail(before[k], x, y), (clip, k)
            if clip != "c3":
                # Below the head and far from it every pixel is what it was, but for what encoding again costs.
                for part in (after[k, 160:], after[k, :, 300:] if x < 220 else after[k, :, :40]):
                    assert part.std() > 50
                assert np.abs(after[k, 160:].astype(int) - before[k, 160:]).mean() < 3, (clip, k)
    whole = _grey(workspace.root / rows["c3"]["path"])[32]
    assert cv2.Laplacian(whole, cv2.CV_64F).var() < 0.02 * cv2.Laplacian(before[32], cv2.CV_64F).var()


def test_other_people_are_hidden_with_all_that_is_around_the_player(workspace: Workspace):
    rows = workspace.read("clips").to_pylist()
    workspace.write("clips", from_rows(TABLES["clips"], [row | {"people": 1.2} for row in rows[:1]]))
    blur_faces(workspace, workers=0, quiet=True)
    (row,) = workspace.read("blurred").to_pylist()
    assert row["others_hidden"]
    before, after = _grey(workspace.root / "film.mp4"), _grey(workspace.root / row["path"])
    for k in (0, 30, 59):
        x, _ = _face(k)
        left, right = round(x) - 50, round(x) + 50
        inside = slice(max(left, 0), min(right, WIDTH))
        assert np.abs(after[k, 160:, inside].astype(int) - before[k, 160:, inside]).mean() < 6
        away = after[k, :, right + 40 :] if x < 160 else after[k, :, : left - 40]
        assert cv2.Laplacian(away, cv2.CV_64F).var() < 0.02 * cv2.Laplacian(before[k], cv2.CV_64F).var()


def test_a_clip_without_poses_fails_and_says_so(workspace: Workspace):
    workspace.table_path("poses", "c2").unlink()
    (workspace.root / "clips" / "v1" / "c3.mp4").unlink()
    report = blur_faces(workspace, workers=0, quiet=True)
    assert [(clip, kind) for clip, kind, _ in sorted(report.failures)] == [("c2", "no_poses"), ("c3", "missing")]
    assert not (workspace.root / "blurred" / "v1" / "c2.mp4").exists()
    write_poses(SEEN["c2"], workspace.table_path("poses", "c2"))
    again = blur_faces(workspace, workers=0, retry=Retry("no_poses"), quiet=True)
    assert (again.done_now, again.ok) == (1, 2)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_both_engines_give_the_same_bytes(workspace: Workspace, engine: str, request: pytest.FixtureRequest):
    blur_faces(workspace, workers=0, quiet=True)
    here = workspace.read("blurred").to_pylist()
    for path in (workspace.root / "blurred").rglob("*.mp4"):
        path.unlink()
    workspace.ledger.retire("blur", list(SEEN))
    if engine == "ray":
        request.getfixturevalue("ray_cluster")
    assert blur_faces(workspace, engine=engine, workers=2, quiet=True).done_now == 3
    assert workspace.read("blurred").to_pylist() == here
    assert {file_sha256(workspace.root / row["path"]) for row in here} == {row["sha256"] for row in here}


def test_a_region_that_reaches_outside_the_picture():
    plane = np.tile(np.array([0, 255], np.uint8), (40, 20))
    hide(plane, np.array([-20, -20, 20, 20], np.float32), round=True)
    assert plane[:12, :12].std() < 10
    assert (plane[30:, 30:] == np.tile(np.array([0, 255], np.uint8), (10, 5))).all()
    hide(plane, np.array([50, 50, 60, 60], np.float32), round=True)  # nothing of it is in the picture
