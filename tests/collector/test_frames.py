"""Frames come with the stamps of their container, and those asked for, whatever the container and wherever one starts."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest

from collector.frames import read_frames, read_timeline
from manifests.errors import UnreadableVideo
from tests.collector.pictures import HEIGHT, WIDTH, barcode, number_in, write_video

N = 150
CONTAINERS = ["long.mp4", "b.mkv", "b.ts", "late.mp4", "b.avi"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 numbered frames at 25 a second, one keyframe at the start or one in 40, with B-frames, in several containers."""
    folder = tmp_path_factory.mktemp("frames")
    images = [barcode(n) for n in range(N)]
    rate = Fraction(25)
    write_video(folder / "long.mp4", images, rate, "-bf", "2", "-g", "1000")
    write_video(folder / "b.mkv", images, rate, "-bf", "2", "-g", "40")
    write_video(folder / "b.ts", images, rate, "-bf", "2", "-g", "40")  # its first stamp is 1.4 s, not 0
    write_video(folder / "late.mp4", images, rate, "-bf", "2", "-g", "40", "-output_ts_offset", "3.3")
    write_video(folder / "b.avi", images, rate, "-c:v", "mpeg4", "-g", "40")
    return folder


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_frame_once_with_its_stamp(folder: Path, name: str) -> None:
    timeline = read_timeline(folder / name)
    frames = list(read_frames(folder / name, timeline))
    assert [number_in(frame.image) for frame in frames] == list(range(N))
    assert [frame.pts for frame in frames] == timeline.pts.tolist()
    assert timeline.seconds(timeline.end_pts) == pytest.approx(6.0, abs=0.002)


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize(("first", "last"), [(0, 3), (1, 2), (77, 131), (39, 41), (120, 150)])
def test_a_stretch_is_exact(folder: Path, name: str, first: int, last: int) -> None:
    timeline = read_timeline(folder / name)
    ends = [*timeline.pts.tolist(), timeline.end_pts]
    frames = read_frames(folder / name, timeline, ends[first], ends[last])
    assert [number_in(frame.image) for frame in frames] == list(range(first, last))


def test_looks_are_spread_and_hold_both_ends(folder: Path) -> None:
    timeline = read_timeline(folder / "long.mp4")
    start, end = int(timeline.pts[10]), int(timeline.pts[42])
    frames = read_frames(folder / "long.mp4", timeline, start, end, every=timeline.units(0.4))
    assert [number_in(frame.image) for frame in frames] == [10, 20, 30, 40, 41]


def test_variable_rate_keeps_the_files_stamps(tmp_path: Path) -> None:
    steps = [Fraction(1, 12)] * 10 + [Fraction(1, 30)] * 20 + [Fraction(1, 2), Fraction(1, 24)]
    times = [Fraction(0), *accumulate(steps)]
    path = write_video(tmp_path / "a.mp4", [barcode(n) for n in range(len(times))], times, "-bf", "0")
    timeline = read_timeline(path)
    assert [(frame.pts - timeline.start_pts) * timeline.time_base for frame in read_frames(path, timeline)] == times


def test_pictures_are_scaled_down_never_up(folder: Path) -> None:
    timeline = read_timeline(folder / "b.mkv")
    end = int(timeline.pts[1])
    (small,) = read_frames(folder / "b.mkv", timeline, end_pts=end, width=100)
    (large,) = read_frames(folder / "b.mkv", timeline, end_pts=end, width=10_000)
    assert small.image.shape == (20, 100, 3)
    assert large.image.shape == (HEIGHT, WIDTH, 3)


def test_pixels_become_square_and_pictures_upright(tmp_path: Path) -> None:
    """A 64x48 recording with pixels twice as wide as high is 128x48; turned by its container, 48x128."""
    plain = write_video(tmp_path / "a.mp4", [np.full((48, 64, 3), 90, np.uint8)] * 3, Fraction(25), "-aspect", "128:48")
    data = bytearray(plain.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # nine numbers; this one turns by 90 degrees
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    turned = tmp_path / "b.mp4"
    turned.write_bytes(data)
    assert next(read_frames(plain, read_timeline(plain))).image.shape == (48, 128, 3)
    height, width, _ = next(read_frames(turned, read_timeline(turned))).image.shape
    assert height > width


def test_nothing_decodes(folder: Path, tmp_path: Path) -> None:
    """The index is whole, the pictures are not."""
    data = bytearray((folder / "long.mp4").read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = bytes(end - start)
    path = tmp_path / "a.mp4"
    path.write_bytes(data)
    with pytest.raises(UnreadableVideo, match=r"a\.mp4: "):
        list(read_frames(path, read_timeline(path)))


def test_whoever_stops_early_leaves_no_process(folder: Path) -> None:
    timeline = read_timeline(folder / "long.mp4")
    frames = read_frames(folder / "long.mp4", timeline)
    assert number_in(next(frames).image) == 0
    frames.close()  # type: ignore[attr-defined]
    children = [pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]
    assert "ffmpeg" not in [Path("/proc", pid, "comm").read_text().strip() for pid in children]
