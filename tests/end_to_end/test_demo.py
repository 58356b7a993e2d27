"""The main job on real video, as `make demo` runs it: once undisturbed, and once killed with -9 at every step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import ffmpeg
import numpy as np
import pyarrow as pa
import pytest

from annotate.local_server import find_executable
from manifests.checks import verify
from manifests.errors import Unavailable
from manifests.poses import read_poses
from manifests.release import open_release
from manifests.workspace import Workspace, open_workspace
from mgcollect.demo.footage import PressConference, make_footage
from tests.end_to_end.commands import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

# A line that the demo shows, and how long after it the demo is killed.
KILLS = [
    ("$ mgcollect fetch", 1.5),
    ("$ mgcollect duplicates", 2.5),
    ("$ mgcollect segment", 6.0),
    ("$ mgcollect segment", 9.0),
    ("$ mgcollect pose", 8.0),
    ("$ mgcollect quality", 3.0),
    ("$ mgcollect propose", 2.0),
    ("Starting Label Studio", 6.0),
    ("$ mgcollect annotate push", 2.5),
    ("Two scripted annotators", 0.3),
    ("$ mgcollect annotate pull", 2.0),
    ("$ mgcollect annotate consensus", 1.5),
    ("$ mgcollect release build", 1.5),
    ("$ mgcollect benchmark", 3.0),
]


def _start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mgcollect.main", "demo", "--dataset", folder / "dataset"],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "150"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _run(folder: Path) -> str:
    with _start(folder) as process:
        assert process.stdout is not None
        said = process.stdout.read()
    assert process.returncode == 0, said
    return said


def _run_and_kill(folder: Path, line: str, after_s: float) -> None:
    with _start(folder) as process:
        assert process.stdout is not None
        screen = []
        for said in process.stdout:
            screen.append(said)
            if said.startswith(line):
                break
        else:
            pytest.fail(f"the demo ended before it said {line!r}:\n{''.join(screen)}")
        time.sleep(after_s)
        process.kill()
        assert process.wait() in (-signal.SIGKILL, 0)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a demo that ran undisturbed."""
    try:
        find_executable()
    except Unavailable as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("demo")
    (folder / "screen.txt").write_text(_run(folder))
    return folder


@pytest.fixture
def workspace(demo: Path) -> Iterator[Workspace]:
    with open_workspace(demo / "dataset") as opened:
        yield opened


@pytest.fixture
def conferences(demo: Path) -> list[PressConference]:
    return make_footage(demo / "footage")


def _clips_of(workspace: Workspace, conference: PressConference) -> list[dict]:
    videos = workspace.read("videos").to_pylist()
    # The one with the source's bytes: what was fetched is what was served.
    source = conference.path.read_bytes()
    (video,) = [v for v in videos if workspace.path_of(v["path"]).read_bytes() == source]
    clips = [c for c in workspace.read("clips").to_pylist() if c["video_id"] == video["video_id"]]
    return sorted(clips, key=lambda clip: clip["start_s"])


def test_kept_clips_are_the_shots_with_a_person(workspace: Workspace, conferences: list[PressConference]):
    for conference in conferences:
        clips = _clips_of(workspace, conference)
        kept = [(clip["start_s"], clip["end_s"]) for clip in clips if clip["kept"]]
        truth = [(float(shot.start_s), float(shot.end_s)) for shot in conference.shots if shot.persons]
        np.testing.assert_allclose(kept, truth, atol=1e-3)
        assert all(clip["reason"] for clip in clips if not clip["kept"])
        # Kept or not, the rows cover the whole video.
        edges = [0.0, *(clip["end_s"] for clip in clips)]
        np.testing.assert_allclose([clip["start_s"] for clip in clips], edges[:-1], atol=1e-3)
        assert edges[-1] == pytest.approx(float(conference.duration_s), abs=0.05)


def test_the_flash_does_not_cut(workspace: Workspace, conferences: list[PressConference]):
    for conference in conferences:
        flash = float(conference.flash_s)
        around = [clip for clip in _clips_of(workspace, conference) if clip["start_s"] <= flash < clip["end_s"]]
        assert [clip["kept"] for clip in around] == [True]
        assert around[0]["start_s"] < flash - 0.5
        assert around[0]["end_s"] > flash + 0.5


def test_nobody_is_in_no_kept_clip(workspace: Workspace, conferences: list[PressConference]):
    for conference in conferences:
        for start, end in conference.nobody_s:
            for clip in _clips_of(workspace, conference):
                overlap = min(float(end), clip["end_s"]) - max(float(start), clip["start_s"])
                assert not (clip["kept"] and overlap > 1e-3)


def test_every_clip_decodes_to_the_frames_of_its_row(workspace: Workspace):
    clips = [clip for clip in workspace.read("clips").to_pylist() if clip["kept"]]
    assert len(clips) >= 3
    for clip in clips:
        path = workspace.path_of(clip["path"])
        (stream,) = ffmpeg.probe(str(path), count_frames=None)["streams"]
        assert int(stream["nb_read_frames"]) == clip["n_frames"]
        assert Fraction(stream["r_frame_rate"]) == Fraction(stream["avg_frame_rate"])
        assert Fraction(stream["r_frame_rate"]) == Fraction(clip["fps_num"], clip["fps_den"])
        assert (stream["codec_name"], stream["pix_fmt"]) == ("h264", "yuv420p")
        assert float(stream["start_time"]) == 0
        duration = clip["n_frames"] * clip["fps_den"] / clip["fps_num"]
        assert duration == pytest.approx(clip["end_s"] - clip["start_s"], abs=1.01 * clip["fps_den"] / clip["fps_num"])


def test_poses_for_nine_of_ten_frames_that_show_a_person(workspace: Workspace):
    seen = total = 0
    for clip in workspace.read("clips").to_pylist():
        if clip["kept"]:
            poses = read_poses(workspace.table_path("poses", clip["clip_id"]))
            assert len(poses.keypoints) == clip["n_frames"]
            # A pose without a joint would be no pose.
            seen += int((poses.seen & (poses.keypoints[..., 2] > 0.3).sum(axis=1).astype(bool)).sum())
            total += clip["n_frames"]
    assert total > 1000
    assert seen / total >= 0.9


def test_the_tables_hold_the_whole_job(workspace: Workspace):
    assert workspace.read("players").num_rows == 3
    assert workspace.read("videos").num_rows == 3
    assert workspace.read("duplicates").num_rows == 0, "three talks of three people"
    clips = {clip["clip_id"]: clip for clip in workspace.read("clips").to_pylist()}
    for name in ("proposals", "annotations", "gestures"):
        rows = workspace.read(name).to_pylist()
        assert rows
        for row in rows:
            if row["start"] is not None:
                assert 0 <= row["start"] < row["end"] <= clips[row["clip_id"]]["n_frames"]
    assert set(workspace.read("quality")["clip_id"].to_pylist()) == {clip for clip, row in clips.items() if row["kept"]}
    annotations = workspace.read("annotations").to_pylist()
    for annotator in {row["annotator_id"] for row in annotations}:
        judged = {row["clip_id"] for row in annotations if row["annotator_id"] == annotator}
        assert judged == {clip for clip, row in clips.items() if row["kept"]}
    assert len({row["annotator_id"] for row in annotations}) == 2
    assert any(row["from_proposal"] for row in annotations)


def test_the_release_is_sound_and_says_that_annotators_are_scripted(demo: Path):
    (path,) = (demo / "dataset" / "releases").iterdir()
    assert verify(path).findings == ()
    assert "annotators are scripted" in open_release(path).info["note"]
    assert (demo / "results" / "scores.json").exists()
    names = [conference.player for conference in make_footage(demo / "footage")]
    released = str([open_release(path).table(name).to_pylist() for name in ("players", "videos", "annotations")])
    assert not [name for name in names if name in released]


def _marks(table: pa.Table) -> list[tuple]:
    """What was said, without when and under which number the server keeps it."""
    rows = table.select(["annotator_id", "clip_id", "verdict", "start", "end", "label"]).to_pylist()
    return sorted(tuple(str(value) for value in row.values()) for row in rows)


def _result(folder: Path) -> dict[str, object]:
    with open_workspace(folder / "dataset") as workspace:
        result: dict[str, object] = {
            name: workspace.read(name).to_pylist()
            for name in ("players", "duplicates", "clips", "quality", "proposals", "gestures")
        }
        result["videos"] = workspace.read("videos").drop_columns("checked_at").to_pylist()
        result["annotations"] = _marks(workspace.read("annotations"))
        result["poses"] = {p.name: p.read_bytes() for p in workspace.table_path("poses", "x").parent.iterdir()}
        states = {stage: workspace.ledger.entries(stage).values() for stage in workspace.ledger.stages()}
        result["states"] = {
            stage: sorted(e.state for e in entries) for stage, entries in states.items() if stage != "players"
        }
    return result


def _files(folder: Path) -> dict[str, int]:
    places = ["dataset/videos", "dataset/clips", "dataset/tables", "dataset/releases", "footage"]
    return {str(p): p.stat().st_mtime_ns for place in places for p in (folder / place).rglob("*") if p.is_file()}


def test_a_second_run_does_nothing_twice(demo: Path):
    before, files = _result(demo), _files(demo)
    with open_workspace(demo / "dataset") as workspace:
        attempts = {
            s: workspace.ledger.entries(s)
            for s in ("fetch", "duplicates", "segment", "pose", "quality", "propose", "pull")
        }
    said = _run(demo)
    assert _result(demo) == before
    # Duplicates, gestures and players are small tables that are written whole each time; all else keeps its file.
    changed = {Path(p).name for p, mtime in _files(demo).items() if files.get(p) != mtime}
    assert changed <= {"duplicates.parquet", "gestures.parquet", "players.parquet", "players_private.parquet"}
    with open_workspace(demo / "dataset") as workspace:
        assert {s: workspace.ledger.entries(s) for s in attempts} == attempts
    assert "stands already, unchanged" in said


def test_killed_at_every_step_it_ends_the_same(demo: Path, tmp_path: Path):
    for line, after_s in KILLS:
        _run_and_kill(tmp_path, line, after_s)
    _run(tmp_path)
    assert _result(tmp_path) == _result(demo)
    (release,) = (tmp_path / "dataset" / "releases").iterdir()
    assert verify(release).findings == ()
    left = [p for p in (tmp_path / "dataset").rglob("*") if ".tmp." in p.name or p.name.startswith(".part")]
    assert not left, "nothing half-written stays"
