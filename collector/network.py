"""A network made ready to run on pictures: by OpenVINO on the CPU, by torch in half precision on a GPU.

On a CPU OpenVINO takes 0.4 to 0.7 of torch's time for YOLO, less the smaller the picture, with the same result to a millionth
of the picture. It computes in float32 also where the processor has a shorter format, so that every machine gives the same joints.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from manifests.errors import Unavailable

__all__ = ["Network", "import_openvino", "on_cpu", "on_torch", "tflite_on_cpu"]

Floats = npt.NDArray[np.float32]
Image = npt.NDArray[np.uint8]

Network = Callable[[Image], tuple[Floats, ...]]
"""(n, height, width, 3) pictures in BGR to the network's outputs, n rows each."""


def import_openvino() -> Any:
    """Import OpenVINO so that it keeps to itself: its converter reports every use to its makers unless that part is missing.

    Raises:
        Unavailable: it isn't installed.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # how Python marks what can't be imported
    try:
        import openvino
    except ImportError as error:
        raise Unavailable("OpenVINO is not installed. Run `pip install openvino`.") from error
    return openvino


def on_cpu(path: Path | str, threads: int) -> Network:
    """A network that takes any number of pictures in RGB, 0 to 1, channels first, from a file that OpenVINO reads.

    Args:
        threads: that it computes with, on one batch at a time.

    Raises:
        RuntimeError: OpenVINO can't read the file.
        Unavailable: OpenVINO is missing.
    """
    request = _compiled(path, "NCHW", 0.0, {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}).create_infer_request()

    def run(pictures: Image) -> tuple[Floats, ...]:
        results = request.infer([np.ascontiguousarray(pictures)], share_inputs=True)
        return tuple(np.array(results[index], np.float32) for index in range(len(results)))

    return run


def tflite_on_cpu(path: Path | str, threads: int, low: float = 0.0) -> Network:
    """A network that takes one picture in RGB, channels last, from a TensorFlow Lite file; several run side by side.

    Args:
        threads: so many pictures are computed at a time.
        low: black is this number to the network; white is 1.

    Raises:
        RuntimeError, Unavailable: as `on_cpu`.
    """
    compiled = _compiled(path, "NHWC", low, {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": threads})
    queue = import_openvino().AsyncInferQueue(compiled, threads)
    outputs = range(len(compiled.outputs))

    def run(pictures: Image) -> tuple[Floats, ...]:
        found: dict[int, list[Floats]] = {}

        def keep(request: Any, index: int) -> None:
            found[index] = [np.array(request.get_output_tensor(output).data[0], np.float32) for output in outputs]

        queue.set_callback(keep)
        for index in range(len(pictures)):
            queue.start_async([np.ascontiguousarray(pictures[index : index + 1])], index)
        queue.wait_all()
        return tuple(np.stack([found[index][output] for index in range(len(pictures))]) for output in outputs)

    return run


def _compiled(path: Path | str, layout: str, low: float, settings: dict[str, Any]) -> Any:
    """A network that takes bytes in BGR, channels last."""
    openvino = import_openvino()
    from openvino.preprocess import ColorFormat, PrePostProcessor

    core = openvino.Core()
    steps = PrePostProcessor(core.read_model(str(path)))
    picture = steps.input()
    picture.tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
    picture.tensor().set_color_format(ColorFormat.BGR)
    picture.model().set_layout(openvino.Layout(layout))
    scale = 255 / (1 - low)
    picture.preprocess().convert_element_type(openvino.Type.f32).convert_color(ColorFormat.RGB)
    picture.preprocess().mean(-low * scale).scale(scale)
    # Pinned, the threads of every worker would sit on the same cores.
    more = {"INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False}
    return core.compile_model(steps.build(), "CPU", settings | more)


def on_torch(module: Any, device: str) -> Network:
    """A torch module that takes pictures in RGB, 0 to 1, channels first; in half precision on CUDA."""
    import torch

    number = torch.float16 if device.startswith("cuda") else torch.float32
    module = module.to(device, number).eval()

    @torch.inference_mode()  # type: ignore[no-untyped-call, unused-ignore, misc]
    def run(pictures: Image) -> tuple[Floats, ...]:
        rgb = torch.from_numpy(np.ascontiguousarray(pictures)).to(device).flip(-1).permute(0, 3, 1, 2)
        found = module(rgb.to(number) / 255)
        # Ultralytics' networks give their raw maps beside the result.
        return (np.asarray((found[0] if isinstance(found, tuple | list) else found).float().cpu(), np.float32),)

    return run
