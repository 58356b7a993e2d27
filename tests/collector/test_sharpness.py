"""Blur of edges worked out by hand, and of a real face that was blurred more and more."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from collector.frames import read_frames, read_timeline
from collector.sharpness import LEAST_SIDE, blur
from mgcollect.demo.footage import PressConference


def _edge(width: int) -> np.ndarray:
    """A picture that rises from 40 to 220 over so many pixels, from left to right."""
    row = np.interp(np.arange(64), [32 - width / 2 - 0.5, 32 + width / 2 - 0.5], [40.0, 220.0])
    return np.tile(row, (40, 1)).astype(np.uint8)


def test_edges_by_hand() -> None:
    # A step differs at one place, by 180; smoothed over nine pixels it differs by 20 there. So it loses 8/9.
    assert blur(_edge(1)) == pytest.approx(1 / 9, abs=0.001)
    assert blur(_edge(1).T) == pytest.approx(1 / 9, abs=0.001)
    # A ramp over nine pixels differs by 20 at nine places; smoothed, by 20/9 times 5 6 7 8 9 8 7 6 5. So 61 of 81 are left.
    assert blur(_edge(9)) == pytest.approx(61 / 81, abs=0.01)


def test_nothing_to_tell() -> None:
    assert blur(np.full((64, 64), 90, np.uint8)) is None
    assert blur(_edge(1)[: LEAST_SIDE - 1]) is None


@pytest.mark.slow
def test_a_real_picture_blurred_by_known_amounts(conferences: list[PressConference]) -> None:
    path = next(conference for conference in conferences if conference.slug == "elin-sorby").path
    timeline = read_timeline(path)
    picture = next(read_frames(path, timeline, int(timeline.pts[100]), timeline.end_pts, width=640)).image
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
    found = [blur(grey), *(blur(np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma), np.uint8)) for sigma in (1, 2, 4))]
    assert all(one is not None and other is not None and one + 0.05 < other for one, other in pairwise(found))
    brighter = np.clip(grey.astype(int) // 2 + 60, 0, 255).astype(np.uint8)  # half the contrast
    assert blur(brighter) == pytest.approx(found[0], abs=0.05)
    moved = np.asarray(cv2.blur(grey, (9, 1)), np.uint8)  # as a quick turn of the head blurs, sideways only
    assert blur(moved) > found[0] + 0.2
