"""The face and the hands of a clip's player, cut out of its pictures in the pixels that were recorded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from collector.frames import Image
from collector.pose_measures import face_region, hand_regions
from manifests.poses import Poses

__all__ = ["FULL_WIDTH", "cut_face", "cut_hands"]

FULL_WIDTH = 8192  # wider than any clip: pictures read with it are not scaled down


def cut_face(image: Image, poses: Poses, frame: int) -> list[Image]:
    """The face, where the frame's pose shows it and more than half of it lies in the picture.

    Raises:
        ValueError: the skeleton is not known.
    """
    region = face_region(poses, frame)
    return [] if region is None else _cut(image, region)


def cut_hands(image: Image, poses: Poses, frame: int) -> list[Image]:
    """The hands, likewise.

    Raises:
        ValueError: the skeleton is not known.
    """
    return [hand for region in hand_regions(poses, frame) for hand in _cut(image, region)]


def _cut(image: Image, region: npt.NDArray[np.float64]) -> list[Image]:
    x0, y0, x1, y1 = np.round(region).astype(int)
    part = image[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    return [part] if 2 * part.shape[0] * part.shape[1] > (y1 - y0) * (x1 - x0) else []
