"""Ultralytics' YOLO-pose weights as a network; for the CPU translated once to OpenVINO's format, and kept in the cache."""

from __future__ import annotations

import ctypes
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

from collector.network import Network, import_openvino, on_cpu, on_torch
from collector.weights import cache_dir, import_ultralytics
from manifests.errors import BadWeights, Unavailable
from manifests.ids import file_sha256

__all__ = ["JOINTS", "load_network"]

JOINTS = 17  # COCO: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles


def load_network(path: str, device: str | None, threads: int) -> Network:
    """The network that turns pictures into (n, 56, candidates): x, y, width, height, confidence and 17 x, y, confidence.

    Args:
        path: weights that `find_weights` checked.
        device: such as "cpu" or "cuda:0"; CUDA if there, unless given.
        threads: for the CPU.

    Raises:
        BadWeights: they are no pose model of the COCO joints.
        Unavailable: there is no such device, OpenVINO is missing, or the cache can't be written.
    """
    if device is None and not _has_driver():
        device = "cpu"
    if device != "cpu":
        import torch

        if device is not None and device != "mps" and not torch.cuda.is_available():
            raise Unavailable(f"--device {device}: torch sees no such device here. Leave the option out, or say cpu.")
        device = device or ("cuda:0" if torch.cuda.is_available() else "cpu")
    return on_cpu(_translated(path), threads) if device == "cpu" else on_torch(_module(path), device)


def _has_driver() -> bool:
    """Whether NVIDIA's driver is here. Asking torch takes seconds and 470 MiB, for each worker."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def _module(path: str) -> Any:
    ultralytics = import_ultralytics()
    model = ultralytics.YOLO(path)
    shape = list(getattr(model.model, "kpt_shape", ()))
    if model.task != "pose" or shape != [JOINTS, 3]:
        raise BadWeights(f"{path}: not a pose model with the 17 joints of COCO. Give one such as yolo11n-pose.pt.")
    model.model.model[
        -1
    ].end2end = False  # newer ones could choose among candidates by themselves; here that is done for all
    return model.model.fuse().eval()


def _translated(path: str) -> Path:
    """The weights in OpenVINO's format, for pictures of any size; named by their sha256, so that they are the checked ones."""
    openvino = import_openvino()
    folder = cache_dir() / "networks" / f"{file_sha256(path)}-openvino-{version('openvino')}"
    file = folder / "network.xml"
    if file.is_file():
        return file
    import torch

    module = _module(path)
    head = module.model[-1]
    head.export, head.dynamic, head.format = True, True, "openvino"
    example = torch.zeros(2, 3, 256, 320)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # tracing is called outdated; what replaces it takes five times as long here
        traced = torch.jit.trace(module, example, strict=False, check_trace=False)  # type: ignore[no-untyped-call]
        network = openvino.convert_model(traced, example_input=example, input=[-1, 3, -1, -1])
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=folder.parent) as temporary:
            made = Path(temporary, "made")
            openvino.save_model(network, str(made / file.name), compress_to_fp16=False)
            if not folder.exists():
                made.rename(folder)
    except OSError as error:
        if not file.is_file():  # another worker may have been faster
            raise Unavailable(
                f"{folder} can't be written ({error}). Name another cache with MGCOLLECT_CACHE."
            ) from error
    return file
