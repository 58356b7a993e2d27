"""The player is found, and the stretches that show them begin and end on the right frame."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.frames import read_timeline
from collector.people import iou
from collector.shots import Shot
from collector.stretches import Limits, Stretch, find_stretches
from tests.collector.pictures import PERSON, GreenBlocks, Image, room, write_video

RATE = Fraction(25)
PLAYER = (60, 20, 40, 70, True)
Spans = list[tuple[int, int, str | None]]


def stretches(path: Path, images: list[Image], min_clip_s: float = 2.0) -> tuple[list[Stretch], Spans]:
    """The stretches of a video of one shot; also as (first frame, last frame + 1, reason)."""
    write_video(path, images, RATE, "-g", "1000")
    timeline = read_timeline(path)
    shot = Shot(timeline.start_pts, timeline.end_pts, 0.0, timeline.seconds(timeline.end_pts))
    found = list(find_stretches(path, timeline, [shot], GreenBlocks(), Limits(min_clip_s)))
    index = {int(pts): n for n, pts in enumerate(timeline.pts)} | {timeline.end_pts: len(timeline.pts)}
    return found, [(index[one.start_pts], index[one.end_pts], one.reason) for one in found]


def test_a_camera_that_moves(tmp_path: Path) -> None:
    """A pan of a second, 40 % of the width in all: cut out, and named. One of a fifth of a second is a jolt, and stays."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 255, (24, 80, 3)).astype(np.uint8)
    wall = np.asarray(cv2.resize(coarse, (640, 192), interpolation=cv2.INTER_CUBIC), np.uint8)
    wall[..., 1] //= 3  # nothing green

    def seen(at: float) -> Image:
        image = wall[:, round(at) : round(at) + 320].copy()
        image[40:180, 120:200] = PERSON
        image[44:56, 156:164] = 255
        return image

    places = [0.0] * 75 + [128 * n / 25 for n in range(25)] + [128.0] * 75
    _, spans = stretches(tmp_path / "a.mp4", [seen(at) for at in places])
    assert [reason and reason.split(" (")[0] for _, _, reason in spans] == [None, "the camera moves", None]
    assert [start for start, _, _ in spans[1:]] == [pytest.approx(75, abs=5), pytest.approx(100, abs=5)]
    places = [0.0] * 75 + [128 * n / 5 for n in range(5)] + [128.0] * 70
    _, spans = stretches(tmp_path / "b.mp4", [seen(at) for at in places])
    assert spans == [(0, 150, None)]


def test_iou_by_hand() -> None:
    # 2x2 squares a unit apart share 2 of 6; side by side nothing; inside, a quarter.
    a = np.array([[0, 0, 2, 2]], np.float32)
    b = np.array([[1, 0, 3, 2], [2, 0, 4, 2], [0, 0, 1, 1], [0, 0, 2, 2]], np.float32)
    assert iou(a, b).tolist() == [pytest.approx([1 / 3, 0, 0.25, 1])]


def test_comes_and_goes_on_the_frame(tmp_path: Path) -> None:
    images = [room([PLAYER] if 37 <= n < 121 else []) for n in range(150)]
    found, spans = stretches(tmp_path / "a.mp4", images)
    assert spans == [(0, 37, "nobody in view"), (37, 121, None), (121, 150, "nobody in view")]
    assert found[1].box is not None
    assert found[1].box * [160, 96, 160, 96] == pytest.approx([60, 20, 100, 90], abs=2)
    assert found[1].confidence == pytest.approx(0.9)
    assert (found[1].share, found[1].people) == (1.0, 1.0)
    assert (found[0].share, found[0].people, found[0].box) == (0.0, 0.0, None)


def test_somebody_missing_for_a_moment(tmp_path: Path) -> None:
    """Three frames (a flash) are bridged, four are not; a stretch too short is told apart."""
    images = [room([] if 60 <= n < 63 or 120 <= n < 124 else [PLAYER]) for n in range(150)]
    _, spans = stretches(tmp_path / "a.mp4", images)
    assert spans == [(0, 120, None), (120, 124, "nobody in view"), (124, 150, "shorter than 2 s")]


def test_the_player_is_large_central_and_shows_a_face(tmp_path: Path) -> None:
    moderator, back = (120, 30, 30, 60, True), (2, 5, 40, 90, False)
    found, spans = stretches(tmp_path / "a.mp4", [room([moderator, PLAYER, back])] * 60)
    assert spans == [(0, 60, None)]
    assert found[0].box is not None
    assert found[0].box[0] == pytest.approx(60 / 160, abs=0.02)
    assert found[0].people == 3
    assert found[0].confidence is not None
    assert 0.3 < found[0].confidence < 0.8  # less than the detector's 0.9: somebody else could be it


def test_a_stranger_is_not_the_player(tmp_path: Path) -> None:
    """The player goes; the one who stays elsewhere is not taken for them."""
    other = (5, 40, 20, 40, True)
    images = [room([other, PLAYER] if n < 80 else [other]) for n in range(120)]
    _, spans = stretches(tmp_path / "a.mp4", images)
    assert spans == [(0, 80, None), (80, 120, "the player is not in view")]


@pytest.mark.parametrize("who", [(70, 30, 12, 20, True), (60, 20, 40, 70, False)])
def test_too_small_or_no_face(tmp_path: Path, who: tuple[int, int, int, int, bool]) -> None:
    found, spans = stretches(tmp_path / "a.mp4", [room([who])] * 60)
    assert spans == [(0, 60, "nobody in view is fit to be the player: too small, or no face")]
    assert found[0].people == 1


@pytest.mark.parametrize(("still", "looks"), [(False, 51), (True, 10)])
def test_few_frames_are_looked_at(tmp_path: Path, still: bool, looks: int) -> None:
    """Of 10 s, five frames a second and the last one where something moves; else one a second."""
    images = [room([(60 + (0 if still else n % 20), 20, 40, 70, True)]) for n in range(250)]
    path = write_video(tmp_path / "a.mp4", images, RATE)
    timeline, finder = read_timeline(path), GreenBlocks()
    (found,) = find_stretches(path, timeline, [Shot(timeline.start_pts, timeline.end_pts, 0, 10)], finder)
    assert finder.looked_at == looks
    assert (found.reason, found.share) == (None, 1.0)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 70)), min_size=1, max_size=6))
def test_every_frame_is_in_one_stretch(tmp_path: Path, pattern: list[tuple[bool, int]]) -> None:
    """However the player comes and goes: no gap, no overlap, and nobody missing for long in what is kept."""
    there = [here for here, length in pattern for _ in range(length)]
    found, spans = stretches(tmp_path / "a.mp4", [room([PLAYER] if here else []) for here in there], 0.4)
    assert (spans[0][0], spans[-1][1]) == (0, len(there))
    assert all(one[1] == other[0] for one, other in pairwise(spans))
    for one, (start, end, reason) in zip(found, spans, strict=True):
        shown = "".join("x" if here else "." for here in there[start:end])
        if reason is None:
            assert end - start >= 10
            assert shown[0] == shown[-1] == "x"
            assert "...." not in shown
            assert one.share > 0
        elif "shorter" in reason:
            assert end - start < 10
