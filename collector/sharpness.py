"""How blurred a picture is, whatever it shows: by how little it changes when it is blurred once more."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["LEAST_SIDE", "blur"]

LEAST_SIDE = 16  # pixels; a smaller picture tells nothing
_TAPS = 9
_FLAT = 0.5  # grey levels that neighbours differ by on average; less is a wall, or night


def blur(grey: npt.NDArray[np.uint8]) -> float | None:
    """How blurred a picture is, from 0 to 1. A sharp edge gives 1/9, a ramp over nine pixels 61/81.

    Args:
        grey: (height, width), in the resolution it was recorded in.

    Returns:
        None where the picture is too small or too flat to tell.

    Source: Crete, Dolmiere, Ladret, Nicolas, The Blur Effect, SPIE 6492, 2007: neighbours' differences before and after a
    low-pass filter, in each direction; the worse direction counts, as motion blurs in one.
    """
    if min(grey.shape) < LEAST_SIDE:
        return None
    picture = grey.astype(np.float32)
    found = [_along(picture, axis) for axis in (0, 1)]
    told = [value for value in found if value is not None]
    return max(told) if told else None


def _along(picture: npt.NDArray[np.float32], axis: int) -> float | None:
    size = (1, _TAPS) if axis == 0 else (_TAPS, 1)  # OpenCV gives the width first
    smooth = np.asarray(cv2.blur(picture, size, borderType=cv2.BORDER_REFLECT), np.float32)
    sharp = np.abs(np.diff(picture, axis=axis))
    lost = np.maximum(0, sharp - np.abs(np.diff(smooth, axis=axis)))
    if sharp.mean() < _FLAT:
        return None
    return float(1 - lost.sum() / sharp.sum())
