"""The press conferences are what they are said to be: measured on the decoded frames, not read off the edit list."""

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction

import cv2
import numpy as np
import pytest

from manifests.errors import Unavailable
from mgcollect.demo.footage import make_footage
from mgcollect.demo.weights import demo_weights

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("footage")


@pytest.fixture(scope="module")
def conferences(folder):
    return make_footage(folder)


def probe(path):
    """Stream facts, and every frame's time and length (in decoding order), as ffprobe has them."""
    entries = "stream=codec_name,width,height,time_base,duration:packet=pts,duration"
    command = ["ffprobe", "-v", "error", "-protocol_whitelist", "file,pipe", "-of", "json", "-show_entries", entries]
    found = json.loads(subprocess.run([*command, str(path)], capture_output=True, check=True).stdout)
    (stream,) = found["streams"]
    return stream, found["packets"]


def frame_times(path):
    stream, packets = probe(path)
    return sorted(packet["pts"] * Fraction(stream["time_base"]) for packet in packets)


def decode(path):
    """Every frame, in grey, (n, 90, 160)."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(cv2.cvtColor(cv2.resize(read[1], (160, 90), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY))
    return np.stack(frames).astype(np.float64)


def test_three_players_about_25_seconds_each(conferences):
    assert len({c.player for c in conferences}) == len({c.path for c in conferences}) == 3
    assert 70 <= sum(c.duration_s for c in conferences) <= 85
    for c in conferences:
        stream, packets = probe(c.path)
        assert (stream["codec_name"], stream["width"], stream["height"]) == ("h264", 640, 360)
        assert len(packets) == c.n_frames
        assert float(stream["duration"]) == pytest.approx(float(c.duration_s), abs=1e-5)
        assert c.path.stat().st_size < 2_000_000
        assert c.player in c.title


def test_truth_by_hand(conferences):
    """Added up by hand from the lengths of the takes: 80 + 144 + 36 + … frames, and 80/24 + 26/12 + 45/30 + … seconds."""
    elin, marcus, _ = conferences
    frame = Fraction(1001, 24000)
    assert elin.cuts_s == tuple(n * frame for n in (80, 224, 260, 360, 390, 510))
    assert elin.flash_s == 450 * frame
    assert elin.nobody_s == tuple((a * frame, b * frame) for a, b in ((0, 80), (224, 260), (360, 390)))
    assert marcus.cuts_s == tuple(map(Fraction, ("10/3", "11/2", "7", "25/2", "14", "119/6", "253/12")))
    assert (marcus.flash_s, marcus.duration_s) == (Fraction("9.5"), Fraction("25.25"))


def test_frames_change_at_the_cuts_and_nowhere_else(conferences):
    for c in conferences:
        times, frames = frame_times(c.path), decode(c.path)
        assert len(frames) == len(times) == c.n_frames
        change = dict(zip(times[1:], np.abs(np.diff(frames, axis=0)).mean((1, 2)), strict=True))
        flash = times.index(c.flash_s)
        for time_s in (times[flash], times[flash + 1]):
            del change[time_s]
        at_cuts = [change.pop(cut) for cut in c.cuts_s]
        assert min(at_cuts) > 2 * max(change.values())


def test_the_flash_is_one_frame_inside_a_shot_of_the_player(conferences):
    for c in conferences:
        times, frames = frame_times(c.path), decode(c.path)
        flash = times.index(c.flash_s)
        brightness = frames.mean((1, 2))
        assert brightness[flash] > 230
        assert np.delete(brightness, flash).max() < 180
        assert np.abs(frames[flash + 1] - frames[flash - 1]).mean() < 10  # the same shot goes on
        assert min(abs(c.flash_s - cut) for cut in c.cuts_s) > 1
        assert not any(start <= c.flash_s < end for start, end in c.nobody_s)


def test_one_of_them_varies_its_frame_rate(conferences):
    varying = [c for c in conferences if c.variable_fps]
    assert [c.slug for c in varying] == ["marcus-adeyo"]
    stream, packets = probe(varying[0].path)
    assert stream["time_base"] == "1/120"
    assert {packet["duration"] for packet in packets} == {4, 5, 10}  # 30, 24 and 12 frames a second
    for c in conferences:
        steps = set(np.diff(frame_times(c.path)))
        assert (len(steps) > 1) == c.variable_fps


def test_people_are_in_view_when_they_are_said_to_be(conferences):
    """By Ultralytics YOLO, at three moments of every shot; on the horizon of the park it may see who it likes."""
    import torch
    from ultralytics import YOLO

    torch.set_num_threads(1)
    model = YOLO(demo_weights())
    for c in conferences:
        assert any(end - start >= 3 for start, end in c.nobody_s)
        times, capture = frame_times(c.path), cv2.VideoCapture(str(c.path))
        frames = [capture.read()[1] for _ in times]
        for shot in c.shots:
            inside = [i for i, t in enumerate(times) if shot.start_s <= t < shot.end_s and t != c.flash_s]
            for i in (inside[2], inside[len(inside) // 2], inside[-3]):
                boxes = model.predict(frames[i], imgsz=320, verbose=False)[0].boxes
                large = [box for box in boxes if float(box.xywh[0, 3]) > 90]
                assert len(large) >= shot.persons
                assert bool(large) == bool(shot.persons)


def test_finished_files_are_left_alone(conferences, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    before = [c.path.stat().st_mtime_ns for c in conferences]
    assert make_footage(folder, cache=tmp_path) == conferences  # neither a cache nor a registry to make them from
    assert [c.path.stat().st_mtime_ns for c in conferences] == before


def test_killed_in_the_middle_it_ends_the_same(conferences, tmp_path):
    command = (
        "import sys, pathlib; from mgcollect.demo.footage import make_footage; make_footage(pathlib.Path(sys.argv[1]))"
    )
    process = subprocess.Popen([sys.executable, "-c", command, str(tmp_path)], start_new_session=True)
    deadline = time.monotonic() + 120
    while not any(file.stat().st_size for file in tmp_path.glob(".*.mp4")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert len(list(tmp_path.glob("[!.]*.mp4"))) < 3
    for made, whole in zip(make_footage(tmp_path), conferences, strict=True):
        assert made.path.read_bytes() == whole.path.read_bytes()


def test_no_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="apt install ffmpeg"):
        make_footage(tmp_path)
    assert list(tmp_path.iterdir()) == []
