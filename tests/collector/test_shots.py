"""Cuts are found on their very frame, and flashes are none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenedetect import AdaptiveDetector, detect

from collector.flashes import without_flashes
from collector.frames import Frame, Image, read_frames, read_timeline
from collector.shots import find_shots
from mgcollect.demo.footage import PressConference
from tests.collector.pictures import write_video

RATE = Fraction(25)


def scene(seed: int, frame: int, bright: float = 0.0) -> Image:
    """A frame of a slow pan over a textured scene; `bright` mixes it with white."""
    random = np.random.default_rng(seed)
    wide = cv2.resize(random.integers(30, 170, (9, 24, 3), dtype=np.uint8), (240, 90), interpolation=cv2.INTER_CUBIC)
    view = wide[:, frame % 60 : frame % 60 + 160].astype(np.float32)
    return np.asarray(view + bright * (255 - view), np.uint8)


def film(shots: Sequence[tuple[int, int]], flashes: dict[int, float] | None = None) -> list[Image]:
    """Shots of (seed, frames) one after the other; `flashes` whiten frames of the film."""
    flashes = flashes or {}
    frames = [(seed, n) for seed, length in shots for n in range(length)]
    return [scene(seed, n, flashes.get(index, 0.0)) for index, (seed, n) in enumerate(frames)]


def cuts(path: Path) -> list[int]:
    """Index of the first frame of each shot but the first."""
    timeline = read_timeline(path)
    shots = find_shots(path, timeline)
    assert shots[0].start_pts == timeline.start_pts
    assert shots[-1].end_pts == timeline.end_pts
    assert all(one.end_pts == next_one.start_pts for one, next_one in pairwise(shots))
    return [int(np.searchsorted(timeline.pts, shot.start_pts)) for shot in shots[1:]]


def test_cuts_are_found_on_their_frame(tmp_path: Path) -> None:
    """One of the shots is a cutaway of eight frames."""
    images = film([(1, 40), (2, 8), (1, 30), (3, 22)])
    assert cuts(write_video(tmp_path / "a.mp4", images, RATE)) == [40, 48, 78]


@pytest.mark.parametrize("bright", [0.2, 0.5, 0.92, 1.0])
@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_flash_is_no_cut(tmp_path: Path, length: int, bright: float) -> None:
    flashes = {30 + n: bright for n in range(length)}
    assert cuts(write_video(tmp_path / "a.mp4", film([(1, 60), (2, 30)], flashes), RATE)) == [60]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_cut_right_after_a_flash_is_found(tmp_path: Path, length: int) -> None:
    """The flash lights the end of the first shot, then the start of the second, then the end of one and start of the other."""
    shots = [(1, 40), (2, 40)]
    for first in (40 - length, 40, 39):
        flashes = {first + n: 0.8 for n in range(length)}
        assert cuts(write_video(tmp_path / "a.mp4", film(shots, flashes), RATE)) == [40], first


def test_a_white_frame_between_two_shots_makes_one_cut(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", film([(1, 40), (2, 40)], {39: 1.0}), RATE)
    assert cuts(path) == [40]


def test_a_bright_shot_is_no_flash(tmp_path: Path) -> None:
    bright = dict.fromkeys(range(30, 42), 0.7)
    path = write_video(tmp_path / "a.mp4", film([(1, 30), (2, 12), (1, 30)], bright), RATE)
    assert cuts(path) == [30, 42]


def test_variable_rate_and_a_late_start(tmp_path: Path) -> None:
    """12, then 30 frames a second, the first at 2 s."""
    images = film([(1, 24), (2, 30), (3, 12)])
    times = [
        2 + t
        for t in accumulate([Fraction(0)] + [Fraction(1, 12)] * 24 + [Fraction(1, 30)] * 30 + [Fraction(1, 12)] * 11)
    ]
    path = write_video(tmp_path / "a.mp4", images, times, "-bf", "0", "-copyts")
    assert cuts(path) == [24, 54]
    assert [shot.start_s for shot in find_shots(path)] == pytest.approx([0, 2, 3])


ENCODERS = {
    "scene cuts": ["-preset", "medium"],
    "no scene cuts": ["-preset", "veryfast", "-x264-params", "scenecut=0"],
    "short open groups": ["-preset", "medium", "-x264-params", "scenecut=0:keyint=25:open-gop=1"],
    "long runs of B-frames": ["-preset", "medium", "-x264-params", "scenecut=0:bframes=16:b-adapt=0:ref=16"],
    "keyframes only": ["-g", "1"],
    "x265": ["-c:v", "libx265", "-x265-params", "log-level=error"],
    "MPEG-4": ["-c:v", "mpeg4", "-q:v", "4", "-bf", "2", "-sc_threshold", "1000000000"],
    "MPEG-2": ["-c:v", "mpeg2video", "-q:v", "4", "-bf", "2", "-sc_threshold", "1000000000"],
    "program stream": ["-c:v", "mpeg2video", "-q:v", "4", "-bf", "2", "-sc_threshold", "1000000000", "-f", "mpeg"],
    "VP9": ["-c:v", "libvpx-vp9", "-b:v", "0", "-deadline", "realtime", "-cpu-used", "8"],
}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_whatever_the_encoder(tmp_path: Path, encoder: str) -> None:
    """A cutaway of six frames, one of eight back to back with a cut, a flash amid a shot and one on a cut's first frame."""
    images = film([(1, 45), (2, 6), (1, 50), (3, 8), (4, 50)], {20: 0.9, 21: 0.9, 101: 0.8, 130: 1.0})
    assert cuts(write_video(tmp_path / "a.mkv", images, RATE, *ENCODERS[encoder])) == [45, 51, 101, 109]


@pytest.mark.parametrize("encoder", ["scene cuts", "short open groups"])
def test_parts_are_found_as_the_whole_is(tmp_path: Path, encoder: str) -> None:
    """One part, or several at a time whose ends lie on cuts, beside flashes, or within cutaways."""
    images = film([(1, 45), (2, 6), (1, 49), (3, 8), (4, 50)], {20: 0.9, 21: 0.9, 100: 0.8, 126: 1.0})
    path = write_video(tmp_path / "a.mkv", images, RATE, *ENCODERS[encoder])
    found = [[round(shot.start_s * 25) for shot in find_shots(path, threads=threads)[1:]] for threads in (1, 2, 5)]
    assert found == [[45, 51, 100, 108]] * 3


def interview(faces: Sequence[tuple[int, int]], caption_from: int | None = None) -> list[Image]:
    """Faces of (seed, frames), each nodding before one and the same wall; a caption comes up at some frame."""
    wall = np.full((180, 320, 3), (150, 110, 60), np.uint8)
    images = []
    for seed, frames in faces:
        random = np.random.default_rng(seed)
        face = cv2.resize(
            random.integers(60, 200, (7, 5, 3), dtype=np.uint8), (100, 130), interpolation=cv2.INTER_CUBIC
        )
        for n in range(frames):
            image = wall.copy()
            y = 10 + round(3 * np.sin(n / 4))
            image[y : y + 130, 110:210] = face
            if caption_from is not None and len(images) >= caption_from:
                image[135:170, 20:300] = cv2.resize(wall[:35, :280] // 2, (280, 35))
                image[145:160, 30:290:8] = 255
            images.append(image)
    return images


@pytest.mark.parametrize("encoder", ["scene cuts", "no scene cuts"])
def test_two_people_before_one_backdrop(tmp_path: Path, encoder: str) -> None:
    """Too small a change for PySceneDetect, but another face stands where the first one was."""
    path = write_video(tmp_path / "a.mp4", interview([(1, 40), (2, 37), (1, 40)]), RATE, *ENCODERS[encoder])
    assert detect(str(path), AdaptiveDetector()) == []
    assert cuts(path) == [40, 77]


def test_a_caption_is_no_cut(tmp_path: Path) -> None:
    assert cuts(write_video(tmp_path / "a.mp4", interview([(1, 80)], caption_from=40), RATE)) == []


def test_frames_are_left_out_where_the_encoder_sees_cuts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a cut with calm around it, what the other frames are built on is enough."""
    asked = []

    def watching(*arguments: Any, **options: Any) -> Iterator[Frame]:
        asked.append(options)
        return read_frames(*arguments, **options)

    for module in ("scan", "shots"):
        monkeypatch.setattr(f"collector.{module}.read_frames", watching)
    path = write_video(tmp_path / "a.mp4", film([(1, 50), (2, 40), (3, 50)]), RATE, *ENCODERS["scene cuts"])
    assert cuts(path) == [50, 90]
    assert {options.get("skip_frame") for options in asked} == {"noref"}


def test_a_slow_dissolve_is_no_cut(tmp_path: Path) -> None:
    one, other = film([(1, 60)]), film([(2, 60)])
    mixed = [
        np.asarray(cv2.addWeighted(a, 1 - weight, b, weight, 0), np.uint8)
        for a, b, weight in zip(one, other, np.clip((np.arange(60) - 15) / 30, 0, 1), strict=True)
    ]
    assert cuts(write_video(tmp_path / "a.mp4", mixed, RATE, *ENCODERS["scene cuts"])) == []


def test_a_single_frame_is_a_shot(tmp_path: Path) -> None:
    (shot,) = find_shots(write_video(tmp_path / "a.mp4", film([(1, 1)]), RATE))
    assert shot.end_pts > shot.start_pts


@given(st.lists(st.integers(0, 255), max_size=40))
def test_no_frame_is_lost_and_none_is_made_up(levels: list[int]) -> None:
    """Whatever the light does: the same stamps come out, and no picture brighter or darker than those around it were."""
    frames = [Frame(10 * n, np.full((2, 2, 3), level, np.uint8)) for n, level in enumerate(levels)]
    out = list(without_flashes(frames))
    assert [frame.pts for frame in out] == [frame.pts for frame in frames]
    for n, frame in enumerate(out):
        near = levels[max(0, n - 3) : n + 4]
        assert min(near) <= int(frame.image[0, 0, 0]) <= max(near)


@pytest.mark.slow
def test_press_conferences(conferences: list[PressConference]) -> None:
    """Real people, with a flash each, one of them at a varying rate: every cut, no other, on its frame."""
    for conference in conferences:
        found = [shot.start_s for shot in find_shots(conference.path)[1:]]
        assert found == pytest.approx([float(cut) for cut in conference.cuts_s], abs=1e-6), conference.slug
