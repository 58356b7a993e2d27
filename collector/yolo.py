"""People and their joints in pictures, by YOLO-pose; in a whole picture, or in a part of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

import cv2
import numpy as np
import numpy.typing as npt

from collector.frames import Image
from collector.network import Network
from collector.yolo_network import JOINTS, load_network

__all__ = ["JOINTS", "People", "PoseModel", "Region", "load_pose_model", "share_cores"]

_LONG_SIDE = 640  # what the weights were trained at; 320 moves joints by 1.5 % of a person's height
_PART_LONG_SIDE = 320  # of a person cut out: no less of them than half of what 640 shows
_STRIDE = 32  # a network's input is a multiple of this
_GREY = 114  # around a picture, as Ultralytics pads it
_SAME = 0.7  # IoU of two boxes that are one person; Ultralytics' value

Floats = npt.NDArray[np.float32]
Region = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole pixels of a picture."""


@dataclass(frozen=True)
class People:
    """The people in one picture. Coordinates are shares of its width and height, 0 to 1.

    Attributes:
        boxes: (n, 4) x0, y0, x1, y1.
        confidence: (n,) 0 to 1, falling.
        keypoints: (n, 17, 3) x, y, confidence of the COCO joints.
    """

    boxes: Floats
    confidence: Floats
    keypoints: Floats

    def __len__(self) -> int:
        return len(self.boxes)

    def only(self, *who: int) -> People:
        """Some of the people."""
        chosen = list(who)
        return People(self.boxes[chosen], self.confidence[chosen], self.keypoints[chosen])


def share_cores(workers: int) -> int:
    """Threads for each of so many workers (0: this process alone), so that together they use the cores this process may use.

    Workers started from now on wait for their threads asleep: threads of torch that wait in a busy loop, as they do unless
    told otherwise before torch is loaded, slow down tenfold as soon as another program needs a core.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // max(1, workers))


class PoseModel:
    """YOLO-pose weights, loaded and ready. Get one from `load_pose_model`."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def find(self, images: Sequence[Image], confidence: float = 0.25) -> list[People]:
        """People in pictures of one size, each with at least this confidence; one entry a picture."""
        height, width = images[0].shape[:2]
        return self._find(images, (0, 0, width, height), confidence, _LONG_SIDE / max(height, width))

    def find_in(self, images: Sequence[Image], region: Region, confidence: float = 0.25) -> list[People]:
        """People in one region of pictures of one size; in coordinates of the whole pictures.

        A region is seen as large as `find` would see it, unless its longer side is then more than 320 pixels.
        """
        x0, y0, x1, y1 = region
        scale = min(_LONG_SIDE / max(images[0].shape[:2]), _PART_LONG_SIDE / max(x1 - x0, y1 - y0))
        return self._find(images, region, confidence, scale)

    def _find(self, images: Sequence[Image], region: Region, confidence: float, scale: float) -> list[People]:
        x0, y0, x1, y1 = region
        height, width = round((y1 - y0) * scale), round((x1 - x0) * scale)
        rows, columns = (ceil(size / _STRIDE) * _STRIDE for size in (height, width))
        top, left = round((rows - height) / 2 - 0.1), round((columns - width) / 2 - 0.1)  # as Ultralytics rounds
        canvas = np.full((len(images), rows, columns, 3), _GREY, np.uint8)
        for image, place in zip(images, canvas[:, top : top + height, left : left + width], strict=True):
            part = image[y0:y1, x0:x1]
            place[:] = part if scale == 1 else cv2.resize(part, (width, height))
        size = np.array(images[0].shape[1::-1], np.float32)
        # Of a point on the canvas, to a share of the whole picture.
        stretch = np.array([(x1 - x0) / width, (y1 - y0) / height], np.float32) / size
        shift = np.array([x0, y0], np.float32) / size - np.array([left, top], np.float32) * stretch
        (found,) = self._network(canvas)
        return [_people(rows.T, confidence, stretch, shift) for rows in found]


@lru_cache(maxsize=1)
def load_pose_model(path: str, device: str | None = None, threads: int | None = None) -> PoseModel:
    """Load weights that `find_weights` checked; a second call with the same arguments gives the same model.

    Args:
        device: such as "cpu" or "cuda:0"; CUDA if there, unless given. On CUDA it computes in half precision.
        threads: for the CPU; all usable cores unless given.

    Raises:
        BadWeights: they are no pose model of the COCO joints.
        Unavailable: there is no such device, or OpenVINO is missing.
    """
    return PoseModel(load_network(path, device, threads or share_cores(1)))


def _people(found: Floats, least: float, stretch: Floats, shift: Floats) -> People:
    """Of (candidates, 56) x, y, width, height, confidence and joints on the canvas, the people, each once."""
    found = found[found[:, 4] >= least]
    found = found[np.argsort(-found[:, 4], kind="stable")]
    half = found[:, 2:4] / 2
    boxes = np.concatenate([found[:, :2] - half, found[:, :2] + half], axis=1)
    corners = np.concatenate([boxes[:, :2], found[:, 2:4]], axis=1)
    kept = np.asarray(cv2.dnn.NMSBoxes(corners.tolist(), found[:, 4].tolist(), 0.0, _SAME), np.intp).reshape(-1)
    keypoints = found[kept, 5:].reshape(-1, JOINTS, 3)
    places = np.clip(keypoints[..., :2] * stretch + shift, 0, 1)
    return People(
        np.clip(boxes[kept] * np.tile(stretch, 2) + np.tile(shift, 2), 0, 1).astype(np.float32),
        found[kept, 4],
        np.concatenate([places, keypoints[..., 2:]], axis=-1).astype(np.float32),
    )
