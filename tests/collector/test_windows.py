"""Long clips in windows: planned by hand, cut from real film, compared picture by picture."""

from __future__ import annotations

import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.counting import count_frames
from collector.frames import read_timeline
from collector.windows import cut_windows, plan_windows
from manifests.errors import BadInput
from manifests.tables import TABLES, from_rows
from manifests.workspace import open_workspace
from tests.manifests.samples import clip

FPS, SECONDS = 10, 12


def test_windows_planned_by_hand():
    # 100 frames in windows of 40 that share 10: three, wished from 0, 30 and 60.
    every = list(range(100))
    assert plan_windows(100, every, length=40, overlap=10) == [(0, 40), (30, 70), (60, 100)]
    # With a keyframe every 8 frames: 30 falls back to 24 and ends at 72, 60 falls back to 56.
    assert plan_windows(100, range(0, 100, 8), length=40, overlap=10) == [(0, 40), (24, 72), (56, 100)]
    # Five wished from 0, 9, 18, 26 and 35; the first, [0, 20), and the last, [30, 50), would lie inside their neighbours.
    assert plan_windows(50, range(0, 50, 10), length=15, overlap=5) == [(0, 30), (10, 40), (20, 50)]
    assert plan_windows(60, every[:60], length=40, overlap=10) == [(0, 60)]  # not worth a second one
    assert plan_windows(100, [0], length=40, overlap=10) == [(0, 100)]
    with pytest.raises(ValueError, match="can't share 40 frames of windows of 40"):
        plan_windows(100, every, length=40, overlap=40)
    with pytest.raises(ValueError, match="frame 0 is no keyframe"):
        plan_windows(100, [3], length=40, overlap=10)


@given(
    st.integers(1, 3000),
    st.sets(st.integers(1, 2999)),
    st.integers(2, 400).flatmap(lambda length: st.tuples(st.just(length), st.integers(0, length - 1))),
)
def test_windows_cover_the_clip_and_overlap(n_frames, keys, sizes):
    length, overlap = sizes
    keyframes = sorted({0} | {key for key in keys if key < n_frames})
    windows = plan_windows(n_frames, keyframes, length=length, overlap=overlap)
    assert windows[0][0] == 0
    assert windows[-1][1] == n_frames
    for start, end in windows:
        assert start in keyframes
        assert end in keyframes or end == n_frames
        assert end - start >= min(length, n_frames)
    for (first, end), (start, last) in pairwise(windows):
        assert end - start >= overlap
        assert first < start
        assert end < last


@pytest.fixture
def film(tmp_path) -> Path:
    """A clip as `collector.clips` encodes them, with B-frames and a keyframe a second; no two pictures are alike."""
    path = tmp_path / "film.mp4"
    source = f"testsrc2=size=64x48:rate={FPS}:duration={SECONDS}"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p"]
    subprocess.run([*command, "-c:v", "libx264", "-g", str(FPS), "-bf", "3", str(path)], check=True)
    return path


def pictures(path: Path) -> np.ndarray:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, 48, 64)


def test_windows_hold_the_clips_own_pictures(film, tmp_path):
    row = clip("c1", n_frames=FPS * SECONDS, fps_num=FPS, path="clips/v1/c1.mp4")
    whole = pictures(film)
    with open_workspace(tmp_path / "d", create=True) as workspace:
        clips = workspace.root / "clips" / "v1"
        clips.mkdir(parents=True)
        (clips / "c1.mp4").write_bytes(film.read_bytes())
        workspace.write("clips", from_rows(TABLES["clips"], [row]))
        report = cut_windows(workspace, length_s=5, overlap_s=1, quiet=True)
        assert (report.ok, report.failed) == (1, 0)
        rows = workspace.read("windows").to_pylist()
        assert [(r["start"], r["end"]) for r in rows] == [(0, 50), (30, 90), (70, 120)]
        for r in rows:
            path = workspace.path_of(r["path"])
            assert count_frames(path) == r["end"] - r["start"]
            np.testing.assert_array_equal(pictures(path), whole[r["start"] : r["end"]])
            times = read_timeline(path)  # from 0, or an annotator's player would count its frames from elsewhere
            assert [pts * times.time_base * FPS for pts in times.pts.tolist()] == list(range(r["end"] - r["start"]))

        # Of another length: what was cut before goes.
        assert cut_windows(workspace, length_s=0, quiet=True).ok == 1
        (one,) = workspace.read("windows").to_pylist()
        assert (one["start"], one["end"], one["path"]) == (0, 120, "clips/v1/c1.mp4")
        assert not list((workspace.root / "windows").glob("*"))

        # A clip whose file is gone fails alone, and is tried again.
        lost = clip("c2", n_frames=FPS * SECONDS, fps_num=FPS, path="clips/v1/c2.mp4")
        workspace.write("clips", from_rows(TABLES["clips"], [row, lost]))
        report = cut_windows(workspace, length_s=5, overlap_s=1, quiet=True)
        assert (report.ok, [(key, kind) for key, kind, _ in report.failures]) == (1, [("c2", "missing")])
        (clips / "c2.mp4").write_bytes(film.read_bytes())
        assert cut_windows(workspace, length_s=5, overlap_s=1, quiet=True).ok == 2

        with pytest.raises(BadInput, match="--window 5 --overlap 5: give seconds, the overlap less than the window"):
            cut_windows(workspace, length_s=5, overlap_s=5, quiet=True)
