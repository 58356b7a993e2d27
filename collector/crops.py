"""The face and the hands of a clip's player, cut out of its pictures in the pixels that were recorded."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from collector.faces import FoundBy, find_faces
from collector.frames import Image
from collector.pose_measures import hand_regions
from manifests.poses import Poses

__all__ = ["FULL_WIDTH", "Crops"]

FULL_WIDTH = 8192  # wider than any clip: pictures read with it are not scaled down
_INNER = 1 / 6  # of a face's region on each side: it is made to hide a face, and reaches past the head


class Crops:
    """What can be cut out of the pictures of a clip.

    Args:
        poses: of the whole clip, in pixels.
        width, height: of its pictures.
        fps: frames a second.

    Raises:
        ValueError: the poses are of a skeleton that is not known.
    """

    def __init__(self, poses: Poses, width: int, height: int, fps: float) -> None:
        self._poses = poses
        self._faces = find_faces(poses, width, height, fps)

    def face(self, image: Image, frame: int) -> Image | None:
        """The face; None where the frame's pose doesn't show it."""
        if self._faces.found_by[frame] != FoundBy.KEYPOINTS:
            return None
        low, high = self._faces.regions[frame].astype(np.float64).reshape(2, 2)
        return _cut(image, np.concatenate([low + _INNER * (high - low), high - _INNER * (high - low)]))

    def hands(self, image: Image, frame: int) -> list[Image]:
        """The hands that the frame's pose shows."""
        crops = (_cut(image, region) for region in hand_regions(self._poses, frame))
        return [crop for crop in crops if crop is not None]


def _cut(image: Image, region: npt.NDArray[np.float64]) -> Image | None:
    """What a region holds of a picture; None where half of it or more lies outside."""
    x0, y0, x1, y1 = np.round(region).astype(int)
    part = image[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    return part if 2 * part.shape[0] * part.shape[1] > (y1 - y0) * (x1 - x0) else None
