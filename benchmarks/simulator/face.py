"""The face: 68 points in the order of iBUG's mark-up, which COCO-WholeBody shares, in the head's frame.

Metres for a head of average size; the origin is between the ears, x to the person's left, y up, z out of the face. The mark-up
runs from the image's left, so from the person's right.
"""

from __future__ import annotations

import numpy as np

from benchmarks.simulator.body import Floats

__all__ = ["CROWN", "EARS", "EYES", "FACE", "MOUTH", "NOSE", "face_points"]

NOSE = (0.0, -0.010, 0.115)
EYES = ((0.032, 0.025, 0.085), (-0.032, 0.025, 0.085))
EARS = ((0.075, 0.0, 0.0), (-0.075, 0.0, 0.0))
CROWN = (0.0, 0.140, 0.0)
MOUTH = (0.0, -0.050, 0.100)

_LOWER_LIP = (55, 56, 57, 58, 59, 65, 66, 67)
_LIPS = tuple(range(48, 68))
_UPPER_LIDS = (37, 38, 43, 44)
_LOWER_LIDS = (41, 40, 47, 46)
_BROWS = tuple(range(17, 27))
_CHEEKS = (2, 3, 4, 5, 11, 12, 13, 14)


def _face() -> Floats:
    points = np.zeros((68, 3))
    along = np.pi * np.arange(17) / 16  # jaw: right ear, chin, left ear
    points[0:17] = np.stack([-0.070 * np.cos(along), 0.005 - 0.103 * np.sin(along), 0.012 + 0.075 * np.sin(along)], 1)
    for brow, centre in ((slice(17, 22), -0.036), (slice(22, 27), 0.036)):
        t = np.linspace(-1, 1, 5)
        points[brow] = np.stack(
            [centre + 0.024 * t, 0.049 - 0.006 * t * t, 0.092 - 0.10 * np.abs(centre + 0.024 * t)], 1
        )
    points[27:31] = [(0, 0.024, 0.095), (0, 0.012, 0.103), (0, 0.001, 0.110), NOSE]
    points[31:36] = [(x, -0.024 - 0.003 * (x == 0), 0.100 - 0.4 * abs(x)) for x in (-0.016, -0.008, 0, 0.008, 0.016)]
    for first, centre in ((36, -0.032), (42, 0.032)):
        ring = [(-0.015, 0.0), (-0.006, 0.005), (0.006, 0.005), (0.015, 0.0), (0.006, -0.004), (-0.006, -0.004)]
        points[first : first + 6] = [(centre + dx, 0.025 + dy, 0.085) for dx, dy in ring]
    outer = [
        (-26, 0),
        (-15, 8),
        (-5, 10),
        (0, 9),
        (5, 10),
        (15, 8),
        (26, 0),
        (16, -9),
        (6, -12),
        (0, -12),
        (-6, -12),
        (-16, -9),
    ]
    inner = [(-20, 0), (-7, 3), (0, 3), (7, 3), (20, 0), (7, -3), (0, -3), (-7, -3)]
    points[48:68] = [(x / 1000, MOUTH[1] + y / 1000, MOUTH[2] - 0.3 * abs(x) / 1000) for x, y in outer + inner]
    return points.astype(np.float32)


FACE: Floats = _face()


def face_points(jaw: Floats, press: Floats, puff: Floats, blink: Floats, brow: Floats, smile: Floats) -> Floats:
    """(68, 3, frames) points of a face in the head's frame.

    Args:
        jaw: (frames,) 0 for a closed mouth, 1 for one open by 3 cm.
        press: 0 for lips at rest, 1 for lips pressed and drawn in.
        puff: 0 for cheeks at rest, 1 for cheeks full of air.
        blink: 0 for open eyes, 1 for shut ones.
        brow: 0 for brows at rest, 1 for brows raised by 9 mm.
        smile: 0 for lips at rest, 1 for the corners of the mouth 6 mm out and 6 mm up; below 0 for corners down.
    """
    points = np.repeat(FACE[:, :, None], len(jaw), axis=2)
    for point in _LIPS:
        up = FACE[point, 1] - MOUTH[1]
        points[point, 0] = FACE[point, 0] * (1 + 0.10 * press - 0.25 * puff)
        points[point, 1] -= 0.75 * up * press
        points[point, 2] -= 0.006 * press - 0.004 * puff
        corner = np.float32(FACE[point, 0] / 0.026)  # -1 and 1 at the corners of the mouth
        points[point, 0] += 0.006 * corner * smile
        points[point, 1] += 0.006 * (corner * corner - np.float32(0.35)) * smile
    for point in _LOWER_LIP:
        points[point, 1] -= 0.030 * jaw
    for point in range(17):
        points[point, 1] -= 0.026 * jaw * np.float32(np.sin(np.pi * point / 16))
    for point in _CHEEKS:
        points[point, 0] += np.float32(np.sign(FACE[point, 0])) * 0.011 * puff
    for upper, lower in zip(_UPPER_LIDS, _LOWER_LIDS, strict=True):
        points[upper, 1] -= 0.9 * (FACE[upper, 1] - FACE[lower, 1]) * blink
    for point in _BROWS:
        points[point, 1] += 0.009 * brow
    return points
