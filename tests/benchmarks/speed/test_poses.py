"""How far joints lie apart, and who is missed or mistaken, on frames that were counted by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from benchmarks.speed.poses import compare

Floats = npt.NDArray[np.float32]
PLAYER, OTHER = (100, 100, 200, 300), (220, 100, 320, 300)


def people(*boxes: tuple[int, int, int, int], sure: float = 0.9) -> tuple[Floats, Floats]:
    """Boxes, and 17 joints each in the box's middle."""
    corners = np.array(boxes, np.float32).reshape(-1, 4)
    joints = np.full((len(boxes), 17, 3), sure, np.float32)
    joints[..., :2] = (corners[:, None, :2] + corners[:, None, 2:]) / 2
    return corners, joints


def test_by_hand() -> None:
    """The player is 200 pixels high. Frame by frame: 4 pixels apart, missed, extra, nobody, mistaken, and not compared."""
    loop = [
        people(PLAYER, OTHER),
        people(PLAYER),
        people(OTHER),
        people(),
        people(OTHER, PLAYER),
        people(PLAYER, sure=0.4),
    ]
    boxes = np.array([PLAYER, [np.nan] * 4, PLAYER, [np.nan] * 4, OTHER, PLAYER, PLAYER], np.float32)
    keypoints = np.zeros((7, 17, 3), np.float32)
    keypoints[..., :2] = [150, 204]
    keypoints[4, :, :2] = [270, 200]
    found = compare(loop, keypoints, boxes, np.array(PLAYER, np.float32))
    assert (found.frames, found.missed, found.extra, found.other) == (3, 1, 1, 1)
    assert found.apart.tolist() == pytest.approx([0.02] * 17 + [0.6] * 17)
