"""Segments in time: how far two overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Ranges", "temporal_iou"]

Ranges = Sequence[tuple[int, int]] | npt.NDArray[Any]


def temporal_iou(a: Ranges, b: Ranges) -> npt.NDArray[np.float64]:
    """Intersection over union of every range in `a` with every range in `b`.

    Args:
        a: n half-open ranges `[start, end)`, in frames or in any other unit.
        b: m likewise.

    Returns:
        (n, m) float64 in [0, 1].

    Raises:
        ValueError: a range is empty or reversed; the message names its place.
    """
    first, second = _checked("a", a), _checked("b", b)
    starts = np.maximum(first[:, None, 0], second[None, :, 0])
    ends = np.minimum(first[:, None, 1], second[None, :, 1])
    shared = np.clip(ends - starts, 0, None)
    lengths = (first[:, 1] - first[:, 0])[:, None] + (second[:, 1] - second[:, 0])[None, :]
    return np.asarray(shared / (lengths - shared), dtype=np.float64)


def _checked(name: str, ranges: Ranges) -> npt.NDArray[Any]:
    array = np.asarray(ranges).reshape(-1, 2)
    wrong = np.flatnonzero(~(array[:, 0] < array[:, 1]))
    if wrong.size:
        start, end = array[wrong[0]]
        raise ValueError(f"{name}, range {wrong[0]} is empty or reversed: [{start}, {end})")
    return array
