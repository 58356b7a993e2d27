"""Segmenting, by the real thing on real footage: who is kept, who is not, and that nothing goes missing."""

from __future__ import annotations

import shutil
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from collector.segment import Segment, segment
from collector.weights import find_weights
from manifests.errors import BadInput, BadWeights
from manifests.ids import clip_id, file_sha256
from manifests.tables import TABLES, Row, from_rows, rows_of
from manifests.workspace import Workspace, open_workspace
from mgcollect.demo.footage import PressConference
from tests.collector.conftest import video_row
from tests.collector.pictures import numbers_in, room, write_video

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def conference(conferences: list[PressConference]) -> PressConference:
    return next(conference for conference in conferences if conference.variable_fps)


@pytest.fixture(scope="module")
def clips(segmented: Workspace) -> list[Row]:
    return sorted(rows_of(segmented.read("clips")), key=lambda row: row["start_pts"])


def test_rows_cover_the_video(clips: list[Row], conference: PressConference) -> None:
    assert clips[0]["start_s"] == 0
    assert clips[-1]["end_s"] == pytest.approx(float(conference.duration_s), abs=1e-6)
    assert all(one["end_pts"] == other["start_pts"] for one, other in pairwise(clips))
    assert all(row["kept"] == (row["reason"] is None) for row in clips)


def test_shots_with_the_player_are_kept_whole_and_no_other(clips: list[Row], conference: PressConference) -> None:
    kept = [(row["start_s"], row["end_s"]) for row in clips if row["kept"]]
    shown = [(float(shot.start_s), float(shot.end_s)) for shot in conference.shots if shot.persons]
    assert kept == [pytest.approx(span, abs=1e-6) for span in shown]


def test_the_player_is_who_speaks(clips: list[Row], conference: PressConference) -> None:
    """Where two are in view, the man at the lectern, not the one beside him; and the row says that two were there."""
    both = {float(shot.start_s) for shot in conference.shots if shot.persons == 2}
    alone = {float(shot.start_s) for shot in conference.shots if shot.persons == 1}
    for row in (row for row in clips if row["kept"]):
        start = min(both | alone, key=lambda start: abs(start - row["start_s"]))
        x0, y0, x1, y1 = row["player_box"]
        assert 0 <= x0 < x1 <= 640
        assert 0 <= y0 < y1 <= 360
        assert row["player_share"] > 0.9
        if start in both:
            assert row["people"] == pytest.approx(2, abs=0.3)
            assert row["player_confidence"] < 0.7
            assert x1 - x0 > 220  # he fills more of the picture; the other man's box is 180 wide at most
        else:
            assert row["people"] == pytest.approx(1, abs=0.1)
            assert row["player_confidence"] > 0.7


def test_clips_hold_what_their_rows_say(clips: list[Row], segmented: Workspace) -> None:
    for row in clips:
        fps = Fraction(row["fps_num"], row["fps_den"])
        if not row["kept"]:
            assert (row["n_frames"], row["path"], row["sha256"]) == (0, None, None)
            continue
        path = segmented.path_of(row["path"])
        assert fps == 12  # what these shots were filmed at, between others at 24 and 30
        assert row["n_frames"] == len(numbers_in(path)) == round((row["end_s"] - row["start_s"]) * fps)
        assert row["sha256"] == file_sha256(path)
        assert row["clip_id"] == clip_id(row["video_id"], row["start_pts"], row["end_pts"], row["time_base"])
        assert "yolo11n-pose.pt sha256:869e83fc" in row["made_by"]
    named = {row["path"] for row in clips if row["kept"]}
    assert {path.relative_to(segmented.root).as_posix() for path in segmented.root.glob("clips/*/*")} == named


def test_again_does_nothing(segmented: Workspace, weights: Path) -> None:
    report = segment(segmented, weights=weights, quiet=True)
    assert (report.total, report.ok, report.done_now) == (1, 1, 0)


def test_settings_and_input_count(weights: Path) -> None:
    stage = Segment("dataset", find_weights(weights))
    item = {"sha256": "a", "player_id": "P1"}
    changed = [
        replace(stage, crf=20),
        replace(stage, fps=Fraction(25)),
        replace(stage, min_clip_s=3.0),
        replace(stage, weights=replace(stage.weights, sha256="0")),
    ]
    assert len({stage.fingerprint(item)} | {other.fingerprint(item) for other in changed}) == 5
    assert replace(stage, root="elsewhere", threads=7, device="cpu").fingerprint(item) == stage.fingerprint(item)
    assert stage.fingerprint(item | {"sha256": "b"}) != stage.fingerprint(item)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A dataset with a video of an empty room, one that is gone, and one that is no video."""
    root = tmp_path / "dataset"
    with open_workspace(root, create=True) as workspace:
        (root / "videos").mkdir()
        empty = write_video(root / "videos" / "empty.mp4", [room()] * 10, Fraction(25))
        gone, page = root / "videos" / "gone.mp4", root / "videos" / "page.mp4"
        shutil.copy(empty, gone)
        shutil.copy(empty, page)
        rows = [video_row(path, root, f"P{n}") for n, path in enumerate((empty, gone, page))]
        gone.unlink()
        page.write_text("<html>not found</html>")
        workspace.write("videos", from_rows(TABLES["videos"], rows))
    return root


def test_one_bad_video_does_not_cost_the_others(small: Path, weights: Path) -> None:
    stray = small / "clips" / "00000000-0000-0000-0000-000000000000" / ".a.1234.tmp.mp4"
    stray.parent.mkdir(parents=True)
    stray.touch()
    with open_workspace(small) as workspace:
        report = segment(workspace, weights=weights, quiet=True, workers=0)
        assert (report.total, report.ok, report.failed, report.exit_code) == (3, 1, 2, 1)
        assert sorted(kind for _, kind, _ in report.failures) == ["missing", "not_video"]
        (row,) = rows_of(workspace.read("clips"))
        assert (row["kept"], row["reason"], row["start_s"], row["end_s"]) == (False, "nobody in view", 0, 0.4)
    assert not stray.parent.exists()


def test_bad_options(small: Path, weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pt"
    other.write_bytes(b"no weights")
    with open_workspace(small) as workspace:
        for options in ({"min_clip_s": 0}, {"min_clip_s": float("nan")}, {"fps": Fraction(0)}, {"crf": 52}):
            with pytest.raises(BadInput, match=r"^--"):
                segment(workspace, weights=weights, quiet=True, **options)
        with pytest.raises(BadWeights):
            segment(workspace, weights=other, quiet=True)
        assert workspace.ledger.stages() == []


def test_a_table_that_points_outside_is_refused(small: Path, weights: Path) -> None:
    with open_workspace(small) as workspace:
        row = next(rows_of(workspace.read("videos")))
        for change in ({"path": "../secret.mp4"}, {"video_id": "../../secret"}):
            workspace.write("videos", from_rows(TABLES["videos"], [row | change]))
            with pytest.raises(BadInput, match="outside the dataset"):
                segment(workspace, weights=weights, quiet=True)
