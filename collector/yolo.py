"""People and their joints in pictures, by Ultralytics YOLO-pose; on the CPU or on CUDA."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from collector.frames import Image
from collector.weights import import_ultralytics
from manifests.errors import BadWeights, Unavailable

__all__ = ["JOINTS", "People", "PoseModel", "load_pose_model", "share_cores"]

JOINTS = 17  # COCO: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles
_LONG_SIDE = 640  # what the weights were trained at; 320 moves joints by 1.5 % of a person's height

Floats = npt.NDArray[np.float32]


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

    def __init__(self, path: str, device: str | None, threads: int) -> None:
        ultralytics = import_ultralytics()
        import torch

        self._model = ultralytics.YOLO(path)
        shape = list(getattr(self._model.model, "kpt_shape", ()))
        if self._model.task != "pose" or shape != [JOINTS, 3]:
            raise BadWeights(f"{path}: not a pose model with the 17 joints of COCO. Give one such as yolo11n-pose.pt.")
        if device not in (None, "cpu") and not torch.cuda.is_available() and device != "mps":
            raise Unavailable(f"--device {device}: torch sees no such device here. Leave the option out, or say cpu.")
        self.device = device or ("cuda:0" if torch.cuda.is_available() else "cpu")
        self._half = self.device.startswith("cuda")
        self.find([np.zeros((360, _LONG_SIDE, 3), np.uint8)])
        # Ultralytics sets its own number while it gets ready, so this has to come after its first picture.
        torch.set_num_threads(threads)

    def find(self, images: Sequence[Image], confidence: float = 0.25) -> list[People]:
        """People in pictures of one size, each with at least this confidence; one entry a picture."""
        results = self._model.predict(
            list(images), imgsz=_LONG_SIDE, conf=confidence, device=self.device, half=self._half, verbose=False
        )
        return [_people(result) for result in results]


@lru_cache(maxsize=1)
def load_pose_model(path: str, device: str | None = None, threads: int | None = None) -> PoseModel:
    """Load weights that `find_weights` checked; a second call with the same arguments gives the same model.

    Args:
        device: such as "cpu" or "cuda:0"; CUDA if there, unless given. On CUDA it computes in half precision.
        threads: for torch on the CPU; all usable cores unless given.

    Raises:
        BadWeights: they are no pose model of the COCO joints.
        Unavailable: there is no such device.
    """
    return PoseModel(path, device, threads or share_cores(1))


def _people(result: Any) -> People:
    result = result.cpu()
    boxes = np.asarray(result.boxes.xyxyn, dtype=np.float32).reshape(-1, 4)
    confidence = np.asarray(result.boxes.conf, dtype=np.float32).reshape(-1)
    keypoints = np.zeros((len(boxes), JOINTS, 3), np.float32)
    if len(boxes):
        keypoints[..., :2] = np.asarray(result.keypoints.xyn)
        keypoints[..., 2] = np.asarray(result.keypoints.conf)
    return People(boxes, confidence, keypoints)
