"""The hand: 21 points in COCO-WholeBody's order (root, then four of thumb, index, middle, ring and little finger).

A hand's own frame: along the stretched fingers, out of the palm, towards the thumb. Lengths are in units of the hand's, wrist to
the tip of the stretched middle finger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.simulator.body import Floats

__all__ = ["N_POINTS", "SHAPES", "HandShape", "contact_point", "hand_points"]

N_POINTS = 21


@dataclass(frozen=True)
class HandShape:
    """How the fingers stand.

    Attributes:
        index: 0 for a stretched index finger, 1 for one curled into the palm.
        others: the same of the middle, ring and little finger.
        thumb: 0 for a thumb stuck out, 1 for one laid along the palm.
        spread: 0 for fingers side by side, 1 for fanned out.
    """

    index: float
    others: float
    thumb: float
    spread: float

    def numbers(self) -> tuple[float, float, float, float]:
        return (self.index, self.others, self.thumb, self.spread)


SHAPES: dict[str, HandShape] = {
    "relaxed": HandShape(0.28, 0.35, 0.5, 0.1),
    "flat": HandShape(0.05, 0.05, 0.4, 0.2),
    "fingertips": HandShape(0.22, 0.22, 0.5, 0.25),
    "point": HandShape(0.08, 0.75, 0.7, 0.0),
    "pinch": HandShape(0.42, 0.5, 0.85, 0.0),
    "fist": HandShape(0.85, 0.9, 0.9, 0.0),
    "hook": HandShape(0.45, 0.45, 0.5, 0.1),
    "chin": HandShape(0.35, 0.4, 0.0, 0.1),
    "interlaced": HandShape(0.5, 0.5, 0.7, 0.3),
    "open": HandShape(0.08, 0.10, 0.1, 0.6),
}

# Knuckle (along, out of the palm, thumbward), lengths of the three bones, angle of the fan at spread 1.
_FINGERS = (
    ((0.50, 0.0, 0.12), (0.22, 0.14, 0.10), 0.22),
    ((0.50, 0.0, 0.02), (0.25, 0.15, 0.10), 0.05),
    ((0.47, 0.0, -0.07), (0.23, 0.14, 0.10), -0.12),
    ((0.42, 0.0, -0.15), (0.18, 0.11, 0.09), -0.32),
)
_BENDS = (1.4, 1.75, 1.05)  # radians at the knuckle and the two joints after it, at curl 1
_THUMB_ROOT = (0.12, 0.03, 0.13)
_THUMB_BONES = (0.22, 0.17, 0.13)


def hand_points(shape: Floats) -> Floats:
    """(21, 3, frames) points of a hand in its own frame, from (4, frames) of index, others, thumb, spread."""
    index, others, thumb, spread = shape
    points = np.zeros((N_POINTS, 3, shape.shape[1]), np.float32)
    points[1] = np.array(_THUMB_ROOT, np.float32)[:, None]
    angle = 0.55 + 0.45 * thumb
    for joint, length in enumerate(_THUMB_BONES):
        rise = np.float32(0.25)  # the thumb stands a little out of the palm's plane
        flat = np.sqrt(1 - rise * rise)
        points[2 + joint, 0] = points[1 + joint, 0] + length * flat * np.sin(angle)
        points[2 + joint, 1] = points[1 + joint, 1] + length * rise
        points[2 + joint, 2] = points[1 + joint, 2] + length * flat * np.cos(angle)
        angle = angle + 0.35 * thumb
    for finger, (knuckle, bones, fan) in enumerate(_FINGERS):
        curl = index if finger == 0 else others
        start = 5 + 4 * finger
        points[start] = np.array(knuckle, np.float32)[:, None]
        ahead, across = np.cos(fan * spread), np.sin(fan * spread)
        bend = np.zeros_like(curl)
        for joint, length in enumerate(bones):
            bend = bend + _BENDS[joint] * curl
            reach = length * np.cos(bend)
            points[start + 1 + joint, 0] = points[start + joint, 0] + reach * ahead
            points[start + 1 + joint, 1] = points[start + joint, 1] + length * np.sin(bend)
            points[start + 1 + joint, 2] = points[start + joint, 2] + reach * across
    return points


def contact_point(contact: str, shape: HandShape) -> tuple[float, float, float]:
    """Where a hand of this shape touches, in its own frame: the "index" tip, the "pinch" of index and thumb, "palm" or "wrist".

    Raises:
        KeyError: there is no such contact.
    """
    points = hand_points(np.array(shape.numbers(), np.float32)[:, None])[:, :, 0]
    at = {
        "index": points[8],
        "middle": points[12],
        "pinch": (points[4] + points[8]) / 2,
        "palm": np.array([0.48, 0.06, 0.0], np.float32),
        "wrist": points[0],
    }[contact]
    return float(at[0]), float(at[1]), float(at[2])
