"""A stretch between keyframes comes out as it is, to the bit; whatever would make another clip of it is encoded."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import pytest

from collector.clips import cut
from collector.copying import copied, fits
from collector.counting import count_frames, decode
from collector.frames import Timeline, read_timeline
from tests.collector.pictures import barcode, numbers_in, write_video

RATE = Fraction(25)
KEYED = (
    "-preset",
    "veryfast",
    "-x264-params",
    "scenecut=0:keyint=250",
    "-force_key_frames",
    "expr:eq(n,0)+eq(n,30)+eq(n,80)",
)


def film(path: Path, *options: str, frames: int = 100) -> Path:
    """Numbered frames, a keyframe at 30 and at 80, B-frames between."""
    return write_video(path, [barcode(n) for n in range(frames)], RATE, *KEYED, *options)


def pictures(path: Path) -> list[str]:
    """A checksum of every picture, as another run of ffmpeg decodes it."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v:0", "-f", "framemd5", "-"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [line.split(",")[-1].strip() for line in lines if not line.startswith("#")]


def stretch(timeline: Timeline, first: int, last: int) -> tuple[int, int]:
    ends = [*timeline.pts.tolist(), timeline.end_pts]
    return ends[first], ends[last]


@pytest.mark.parametrize(("first", "last"), [(0, 30), (30, 80), (80, 100), (0, 80), (30, 100), (0, 100)])
def test_to_the_bit(tmp_path: Path, first: int, last: int) -> None:
    path = film(tmp_path / "a.mp4", "-output_ts_offset", "1.6")
    timeline = read_timeline(path)
    clip = cut(path, timeline, *stretch(timeline, first, last), tmp_path / "clip.mp4")
    assert (clip.n_frames, clip.fps, clip.width, clip.height) == (last - first, RATE, 320, 64)
    assert pictures(clip.path) == pictures(path)[first:last]
    assert b"keyint=25" not in clip.path.read_bytes()  # as x264 says where we encode
    written = read_timeline(clip.path)
    assert [pts * written.time_base * RATE for pts in written.pts.tolist()] == list(range(last - first))
    assert written.end_pts * written.time_base * RATE == last - first
    data = clip.path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_the_same_copy_gives_the_same_bytes(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4")
    timeline = read_timeline(path)
    one, other = (cut(path, timeline, *stretch(timeline, 30, 80), tmp_path / name) for name in ("1.mp4", "2.mp4"))
    assert one.sha256 == other.sha256


def test_what_is_no_picture_stays_behind(tmp_path: Path) -> None:
    """Captions travel in packets of the same kind as a message of x264's about itself, or one of ours."""
    said = "h264_metadata=sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+what-was-said"
    path = film(tmp_path / "a.mp4", "-bsf:v", said)
    assert b"what-was-said" in path.read_bytes()
    timeline = read_timeline(path)
    clip = cut(path, timeline, *stretch(timeline, 30, 80), tmp_path / "clip.mp4")
    assert pictures(clip.path) == pictures(path)[30:80]
    assert b"what-was-said" not in clip.path.read_bytes()
    assert b"keyint" not in clip.path.read_bytes()


@pytest.mark.parametrize(
    ("name", "options", "first", "last"),
    [
        ("a.mp4", (), 31, 80),
        ("a.mp4", (), 30, 79),
        ("a.mp4", ("-x264-params", "scenecut=0:keyint=30:min-keyint=30:open-gop=1:bframes=3:b-adapt=0"), 30, 60),
        ("a.mp4", ("-pix_fmt", "yuv444p"), 30, 80),
        ("a.mp4", ("-vf", "setsar=4/3"), 30, 80),
        ("a.mp4", ("-c:v", "mpeg4", "-q:v", "2"), 30, 80),
        ("a.mkv", (), 30, 80),
        ("a.ts", (), 30, 80),
    ],
)
def test_what_is_encoded(tmp_path: Path, name: str, options: tuple[str, ...], first: int, last: int) -> None:
    path = film(tmp_path / name, *options)
    timeline = read_timeline(path)
    start, end = stretch(timeline, first, last)
    assert not fits(timeline, start, end, RATE)
    clip = cut(path, timeline, start, end, tmp_path / "clip.mp4")
    assert numbers_in(clip.path) == list(range(first, last))


def test_a_varying_rate_or_another_one_is_encoded(tmp_path: Path) -> None:
    steps = [Fraction(1, 25)] * 79 + [Fraction(3, 25)] + [Fraction(1, 25)] * 9
    times = [Fraction(0), *accumulate(steps)]
    path = write_video(tmp_path / "a.mp4", [barcode(n) for n in range(90)], times, *KEYED, "-bf", "0")
    timeline = read_timeline(path)
    assert fits(timeline, *stretch(timeline, 0, 30), RATE)
    assert not fits(timeline, *stretch(timeline, 0, 30), Fraction(12))
    assert not fits(timeline, *stretch(timeline, 30, 80), RATE)  # its last frame lasts three times as long


def test_keyframes_far_apart_are_for_no_annotator(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", frames=232)
    timeline = read_timeline(path)
    assert fits(timeline, *stretch(timeline, 80, 230), RATE) is False  # no keyframe at 230
    assert fits(timeline, *stretch(timeline, 80, 232), RATE) is False  # 6.08 s
    shorter = read_timeline(film(tmp_path / "b.mp4", frames=230))
    assert fits(shorter, *stretch(shorter, 80, 230), RATE)  # 6 s


def test_an_index_that_lies(tmp_path: Path) -> None:
    """It has frame 60 for a keyframe instead of 30, so that a copy from 30 on begins at 0: it is encoded."""
    path = film(tmp_path / "a.mp4")
    data = path.read_bytes()
    at = data.index(b"stss") + 8
    assert [int.from_bytes(data[at + 4 * n : at + 4 * n + 4], "big") for n in range(4)] == [3, 1, 31, 81]
    path.write_bytes(data[: at + 8] + (61).to_bytes(4, "big") + data[at + 12 :])
    timeline = read_timeline(path)
    start, end = stretch(timeline, 30, 80)
    assert fits(timeline, start, end, RATE)
    assert copied(path, timeline, start, end, tmp_path / "copy.mp4") is None
    clip = cut(path, timeline, start, end, tmp_path / "clip.mp4")
    assert numbers_in(clip.path) == list(range(30, 80))


def test_a_damaged_packet_is_not_copied(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", "-bf", "0")
    command = ["ffprobe", "-v", "error", "-show_entries", "packet=pos,size", "-of", "csv=p=0", str(path)]
    size, place = map(
        int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[50].split(",")
    )
    data = bytearray(path.read_bytes())
    data[place + 4 : place + size] = bytes(size - 4)
    path.write_bytes(data)
    timeline = read_timeline(path)
    assert copied(path, timeline, *stretch(timeline, 30, 80), tmp_path / "copy.mp4") is None
    assert copied(path, timeline, *stretch(timeline, 0, 30), tmp_path / "copy.mp4") is not None
    shown, complaints = decode(tmp_path / "copy.mp4")
    assert (len(shown), complaints) == (count_frames(tmp_path / "copy.mp4"), []) == (30, [])
