"""The player is found, and the stretches that show them begin and end on the right frame."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.frames import read_timeline
from collector.people import Stretch, find_stretches, iou
from collector.shots import Shot
from tests.collector.pictures import GreenBlocks, Image, room, write_video

RATE = Fraction(25)
PLAYER = (60, 20, 40, 70, True)
Spans = list[tuple[int, int, str | None]]


def stretches(path: Path, images: list[Image], min_clip_s: float = 2.0) -> tuple[list[Stretch], Spans]:
    """The stretches of a video of one shot; also as (first frame, last frame + 1, reason)."""
    write_video(path, images, RATE, "-g", "1000")
    timeline = read_timeline(path)
    shot = Shot(timeline.start_pts, timeline.end_pts, 0.0, timeline.seconds(timeline.end_pts))
    found = find_stretches(path, timeline, shot, GreenBlocks(), min_clip_s)
    index = {int(pts): n for n, pts in enumerate(timeline.pts)} | {timeline.end_pts: len(timeline.pts)}
    return found, [(index[one.start_pts], index[one.end_pts], one.reason) for one in found]


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


def test_few_frames_are_looked_at(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [room([PLAYER])] * 250, RATE)
    timeline, finder = read_timeline(path), GreenBlocks()
    find_stretches(path, timeline, Shot(timeline.start_pts, timeline.end_pts, 0, 10), finder)
    assert finder.looked_at == 51  # 10 s at 5 a second, and the last frame


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
