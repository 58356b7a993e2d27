"""Squares are cut out and put back without moving anything, however they are turned."""

from __future__ import annotations

from math import cos, pi, sin

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.squares import Square, along, around, cut


def test_by_hand() -> None:
    # Upright, 40 pixels around (100, 50): its upper left corner and its middle.
    square = Square(100, 50, 40)
    assert square.put_back(np.array([[0, 0], [0.5, 0.5], [1, 0.25]], np.float32)).tolist() == [
        [80, 30],
        [100, 50],
        [120, 40],
    ]
    # A quarter turn clockwise: what is up in it points to the right in the picture.
    turned = Square(100, 50, 40, pi / 2)
    assert turned.put_back(np.array([[0.5, 0]], np.float32))[0] == pytest.approx([120, 50])
    raised = turned.raised(10)
    assert (raised.x, raised.y) == pytest.approx((110, 50))
    assert square.grown(2.5) == Square(100, 50, 100)


def test_along_a_line() -> None:
    """From hips to head, straight up, nothing is turned; a quarter clockwise if the head lies to the right."""
    upright = along(np.array([10, 100]), np.array([10, 40]), pi / 2)
    assert (upright.x, upright.y, upright.side, upright.angle) == pytest.approx((10, 100, 120, 0))
    lying = along(np.array([10, 100]), np.array([70, 100]), pi / 2)
    assert (lying.side, lying.angle) == pytest.approx((120, pi / 2))


def test_around_points() -> None:
    """Eyes that lie level turn nothing; one eye lower by as much as it lies to the right turns by an eighth."""
    points = np.array([[10, 20], [30, 20], [20, 60]], np.float32)
    assert around(points, 0, 1) == Square(20, 40, 40, 0)
    points[1] = [30, 40]
    assert around(points, 0, 1).angle == pytest.approx(pi / 4)


@settings(max_examples=30, deadline=None)
@given(st.floats(60, 140), st.floats(60, 100), st.floats(30, 120), st.floats(-pi, pi), st.integers(16, 128))
def test_a_spot_is_found_where_it_was(x: float, y: float, side: float, angle: float, size: int) -> None:
    """A bright spot off the centre: the brightest place of what was cut out, put back, is the spot."""
    square = Square(x, y, side, angle)
    spot = (x + side / 4 * cos(angle), y + side / 4 * sin(angle))  # halfway to the right edge of the square
    rows, columns = np.mgrid[:160, :200]
    light = 255 * np.exp(-((columns - spot[0]) ** 2 + (rows - spot[1]) ** 2) / (2 * (side / 12) ** 2))
    shown = cut(np.repeat(light[..., None], 3, axis=2).astype(np.uint8), square, size)[..., 0].astype(float)
    shown[shown < 128] = 0
    centre = np.array([(np.arange(size) * shown.sum(axis=0)).sum(), (np.arange(size) * shown.sum(axis=1)).sum()])
    found = square.put_back((centre / shown.sum() / size)[None].astype(np.float32))[0]
    assert found == pytest.approx(spot, abs=0.5 + side / size)


def test_beyond_the_edge() -> None:
    image = np.full((20, 20, 3), 200, np.uint8)
    square = Square(0, 0, 20)
    assert cut(image, square, 20).min() == 200
    assert cut(image, square, 20, black=True)[:8].max() == 0
    assert np.array_equal(cut(image, Square(10, 10, 20), 40), cv2.resize(image, (40, 40)))
