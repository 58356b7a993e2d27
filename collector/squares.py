"""Squares in a picture, turned so that what they show stands upright: cut out for a network, and its points put back.

The body, a hand and a face are each seen by a network of their own, in a square that the one before has placed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import atan2, cos, hypot, pi, sin

import cv2
import numpy as np
import numpy.typing as npt

from collector.frames import Image

__all__ = ["Square", "along", "around", "cut"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Square:
    """A square in a picture.

    Attributes:
        x, y: its centre, in pixels.
        side: in pixels.
        angle: by which it is turned, in radians, clockwise as one sees it.
    """

    x: float
    y: float
    side: float
    angle: float = 0.0

    def grown(self, times: float) -> Square:
        """So many times as large, about its centre."""
        return Square(self.x, self.y, self.side * times, self.angle)

    def raised(self, pixels: float) -> Square:
        """Moved towards what is up in it."""
        return Square(self.x + pixels * sin(self.angle), self.y - pixels * cos(self.angle), self.side, self.angle)

    def put_back(self, points: Floats) -> Floats:
        """(..., 2 or more) points in the square, x and y from 0 to 1, to pixels of the picture; what else there is stays."""
        placed = np.array(points, np.float32)
        x, y = (points[..., 0] - 0.5) * self.side, (points[..., 1] - 0.5) * self.side
        placed[..., 0] = self.x + x * cos(self.angle) - y * sin(self.angle)
        placed[..., 1] = self.y + x * sin(self.angle) + y * cos(self.angle)
        return placed


def along(start: Floats, end: Floats, towards: float) -> Square:
    """The square with its centre at one point that reaches to another, which lies at `towards` radians from it if upright.

    Angles of that kind count against the clock from the right: pi / 2 is above.
    """
    x, y = float(end[0] - start[0]), float(end[1] - start[1])
    return Square(float(start[0]), float(start[1]), 2 * hypot(x, y), _wrapped(towards - atan2(-y, x)))


def around(points: Floats, left: int, right: int) -> Square:
    """The square around (n, 2) points, turned so that the line from one of them to another lies level."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    x, y = points[right, :2] - points[left, :2]
    centre = (low + high) / 2
    return Square(float(centre[0]), float(centre[1]), float((high - low).max()), _wrapped(-atan2(-y, x)))


def cut(image: Image, square: Square, size: int, *, black: bool = False) -> Image:
    """A square as a (size, size, 3) picture; beyond the picture's edge lies black, or what is at the edge."""
    scale = size / square.side
    turn, shift = scale * cos(square.angle), scale * sin(square.angle)
    matrix = np.array(
        [
            [turn, shift, size / 2 - turn * square.x - shift * square.y],
            [-shift, turn, size / 2 + shift * square.x - turn * square.y],
        ]
    )
    beyond = cv2.BORDER_CONSTANT if black else cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=beyond), np.uint8)


def _wrapped(angle: float) -> float:
    return float(angle - 2 * pi * np.floor((angle + pi) / (2 * pi)))
