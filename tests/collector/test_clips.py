"""Clips hold exactly the frames they should, at a constant rate, and what they claim of themselves is what decodes."""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction
from itertools import accumulate
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.clips import constant_rate, cut, expected_frames
from collector.counting import count_frames
from collector.frames import Timeline, read_timeline
from manifests.errors import UnreadableVideo
from manifests.ids import file_sha256
from tests.collector.pictures import barcode, numbers_in, write_video

NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)


def shown(times: list[Fraction], fps: Fraction, n_frames: int) -> list[int]:
    """By the rule: frame k shows the last source frame whose time, rounded to the nearest frame, is at most k."""
    places = [floor(time * fps + Fraction(1, 2)) for time in times]
    return [max(n for n, place in enumerate(places) if place <= k) for k in range(n_frames)]


@pytest.fixture(scope="module")
def varying(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Fraction]]:
    """90 numbered frames: 12 a second, then 30, then uneven ones, the file's first stamp at 1.5 s."""
    uneven = [Fraction(n, 240) for n in (8, 8, 19, 3, 8, 8, 48, 8, 9, 10)] * 3
    steps = [Fraction(1, 12)] * 30 + [Fraction(1, 30)] * 30 + uneven
    times = [Fraction(0), *accumulate(steps)][:90]
    path = tmp_path_factory.mktemp("varying") / "a.mp4"
    write_video(path, [barcode(n) for n in range(90)], times, "-bf", "0", "-g", "25", "-output_ts_offset", "1.5")
    return path, times


@pytest.mark.parametrize(("first", "last"), [(0, 30), (3, 27), (31, 59), (20, 50), (55, 90), (89, 90)])
@pytest.mark.parametrize("fps", [Fraction(12), Fraction(30), NTSC, Fraction(25)])
def test_variable_rate(
    varying: tuple[Path, list[Fraction]], tmp_path: Path, first: int, last: int, fps: Fraction
) -> None:
    path, times = varying
    timeline = read_timeline(path)
    ends = [*timeline.pts.tolist(), timeline.end_pts]
    clip = cut(path, timeline, ends[first], ends[last], tmp_path / "clip.mp4", fps=fps)
    length = (ends[last] - ends[first]) * timeline.time_base
    assert clip.n_frames == max(1, floor(length * fps + Fraction(1, 2)))
    expected = shown([time - times[first] for time in times[first:last]], fps, clip.n_frames)
    assert [number - first for number in numbers_in(clip.path)] == expected
    assert count_frames(clip.path) == clip.n_frames


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
@pytest.mark.parametrize("fps", [FILM, Fraction(25), NTSC, Fraction(50)])
def test_at_the_sources_own_rate_every_frame_appears_once(tmp_path: Path, name: str, fps: Fraction) -> None:
    """However the container rounds its stamps (Matroska: to milliseconds). Of 50 a second, every other one."""
    path = write_video(tmp_path / name, [barcode(n) for n in range(120)], fps, "-bf", "2", "-g", "50")
    timeline = read_timeline(path)
    clip = cut(path, timeline, int(timeline.pts[33]), int(timeline.pts[97]), tmp_path / "clip.mp4")
    if fps == 50:
        assert (clip.fps, clip.n_frames) == (25, 32)
        assert [33 <= n < 97 for n in numbers_in(clip.path)] == [True] * 32
        assert set(np.diff(numbers_in(clip.path))) == {2}
    else:
        assert clip.fps == fps
        assert numbers_in(clip.path) == list(range(33, 97))


def _ffprobe(path: Path) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-show_streams", "-show_packets", "-of", "json", str(path)]
    found: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found


def test_the_file(tmp_path: Path) -> None:
    """H.264, yuv420p, from 0, evenly spaced, no sound, even size, index in front, a keyframe each second."""
    source = tmp_path / "a.mp4"
    picture, sound = "testsrc=size=99x75:rate=25:duration=4", "sine=duration=4"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    subprocess.run([*command, "-c:v", "libx264", "-pix_fmt", "yuv444p", str(source)], check=True)
    timeline = read_timeline(source)
    clip = cut(source, timeline, int(timeline.pts[10]), int(timeline.pts[90]), tmp_path / "sub" / "clip.mp4")
    found = _ffprobe(clip.path)
    (stream,) = found["streams"]
    assert (stream["codec_name"], stream["pix_fmt"], stream["width"], stream["height"]) == ("h264", "yuv420p", 98, 74)
    assert (clip.width, clip.height, clip.n_frames) == (98, 74, 80)
    assert stream["avg_frame_rate"] == "25/1"
    pts = sorted(packet["pts"] * Fraction(stream["time_base"]) for packet in found["packets"])
    assert pts == [Fraction(n, 25) for n in range(80)]
    keyframes = [packet["pts"] * Fraction(stream["time_base"]) for packet in found["packets"] if "K" in packet["flags"]]
    assert set(range(4)) <= set(keyframes)
    data = clip.path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert clip.sha256 == file_sha256(clip.path)


def test_the_same_cut_gives_the_same_bytes(varying: tuple[Path, list[Fraction]], tmp_path: Path) -> None:
    timeline = read_timeline(varying[0])
    ends = timeline.pts.tolist()
    first, second = (cut(varying[0], timeline, ends[5], ends[40], tmp_path / name) for name in ("a.mp4", "b.mp4"))
    assert first.sha256 == second.sha256


def test_frames_that_do_not_decode(tmp_path: Path) -> None:
    """Of a recording with a hole, the stretch with the hole is refused and leaves no file; the one before it is cut."""
    source = write_video(tmp_path / "a.mp4", [barcode(n) for n in range(100)], Fraction(25), "-g", "25", "-bf", "0")
    packets = sorted(_ffprobe(source)["packets"], key=lambda packet: packet["pts"])
    data = bytearray(source.read_bytes())
    for packet in packets[50:75]:
        start, size = int(packet["pos"]), int(packet["size"])
        data[start : start + size] = bytes(size)
    source.write_bytes(data)
    timeline = read_timeline(source)
    with pytest.raises(
        UnreadableVideo, match=r"a\.mp4: of the 60 frames from 1\.60 s to 4\.00 s only 35 decode"
    ) as error:
        cut(source, timeline, int(timeline.pts[40]), timeline.end_pts, tmp_path / "hole.mp4")
    assert error.value.kind == "damaged"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4"]
    clip = cut(source, timeline, timeline.start_pts, int(timeline.pts[40]), tmp_path / "whole.mp4")
    assert numbers_in(clip.path) == list(range(40))


def test_count_frames_counts_what_decodes(tmp_path: Path) -> None:
    """A file whose index still lists all 50 frames, of which the last 25 are gone."""
    path = write_video(tmp_path / "a.mp4", [barcode(n) for n in range(50)], Fraction(25), "-g", "25", "-bf", "0")
    assert count_frames(path) == 50
    packets = sorted(_ffprobe(path)["packets"], key=lambda packet: packet["pts"])
    data = bytearray(path.read_bytes())
    for packet in packets[25:]:
        data[int(packet["pos"]) : int(packet["pos"]) + int(packet["size"])] = bytes(int(packet["size"]))
    path.write_bytes(data)
    assert count_frames(path) == 25


def _timeline(times: list[float], unit: Fraction) -> Timeline:
    pts = np.array([round(time / unit) for time in times], np.int64)
    return Timeline(pts, int(2 * pts[-1] - pts[-2]), unit)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (30000 / 1001, NTSC),
        (24000 / 1001, FILM),
        (24, 24),
        (30, 30),
        (25, 25),
        (12, 12),
        (12.5, Fraction(25, 2)),
        (50, 25),
        (60000 / 1001, NTSC),
        (60, 30),
        (120, 30),
        (48, 24),
        (17.3, 17),
        (0.2, 1),
    ],
)
def test_constant_rate(rate: float, expected: Fraction) -> None:
    """Also with stamps in milliseconds, and with every tenth frame dropped."""
    times = [n / rate for n in range(300)]
    for unit in (Fraction(1, 90000), Fraction(1, 1000)):
        for kept in (times, [time for n, time in enumerate(times) if n % 10]):
            timeline = _timeline(kept, unit)
            assert constant_rate(timeline, timeline.start_pts, timeline.end_pts) == expected


def test_frames_by_hand() -> None:
    ms = Fraction(1, 1000)
    assert expected_frames(0, 2000, ms, Fraction(25)) == 50
    assert expected_frames(0, 2019, ms, Fraction(25)) == 50  # 50.475
    assert expected_frames(0, 2020, ms, Fraction(25)) == 51  # 50.5
    assert expected_frames(5, 6, ms, Fraction(25)) == 1
    assert expected_frames(0, 1001, Fraction(1, 1000), NTSC) == 30


@given(st.integers(1, 10**7), st.integers(1, 10**7), st.sampled_from([FILM, NTSC, Fraction(25), Fraction(12)]))
def test_parts_add_up(first: int, second: int, fps: Fraction) -> None:
    """Two stretches side by side have as many frames as both together, give or take one for the rounding."""
    unit = Fraction(1, 90000)
    whole = expected_frames(0, first + second, unit, fps)
    parts = expected_frames(0, first, unit, fps) + expected_frames(first, first + second, unit, fps)
    assert abs(whole - parts) <= (1 if min(first, second) * unit * fps >= Fraction(1, 2) else 2)
