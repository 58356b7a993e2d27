"""Which segment of one annotator is which of another: overlap in time, and the best one-to-one matching by it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

__all__ = ["match", "temporal_iou"]

Ranges = Sequence[tuple[int, int]] | npt.NDArray[np.int64]


def temporal_iou(a: Ranges, b: Ranges) -> npt.NDArray[np.float64]:
    """Intersection over union of every range in `a` with every range in `b`.

    Args:
        a: n half-open frame ranges `[start, end)`.
        b: m likewise.

    Returns:
        (n, m) float64 in [0, 1].

    Raises:
        ValueError: a range is empty or reversed; the message names its place.
    """
    first, second = _checked(a), _checked(b)
    starts = np.maximum(first[:, None, 0], second[None, :, 0])
    ends = np.minimum(first[:, None, 1], second[None, :, 1])
    shared = np.clip(ends - starts, 0, None)
    lengths = (first[:, 1] - first[:, 0])[:, None] + (second[:, 1] - second[:, 0])[None, :]
    return np.asarray(shared / (lengths - shared), dtype=np.float64)


def match(a: Ranges, b: Ranges, tiou: float) -> list[tuple[int, int]]:
    """Pair ranges one to one, each pair with a temporal IoU of at least `tiou`.

    There are as many pairs as can be; among all such pairings the one with the largest sum of temporal IoU is taken.

    Returns:
        Pairs (place in `a`, place in `b`), in order of `a`.

    Raises:
        ValueError: a range is empty or reversed, or `tiou` is not above 0 and up to 1.
    """
    if not 0 < tiou <= 1:
        raise ValueError(f"a temporal IoU of {tiou} can't be asked for; it must be above 0 and up to 1")
    overlap = temporal_iou(a, b)
    allowed = overlap >= tiou
    # One more pair must always outweigh any gain in overlap, and the overlaps sum to at most the number of pairs.
    weight = np.where(allowed, overlap + min(overlap.shape) + 1, 0.0)
    rows, columns = linear_sum_assignment(weight, maximize=True)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if allowed[i, j]]


def _checked(ranges: Ranges) -> npt.NDArray[np.int64]:
    array = np.asarray(ranges, dtype=np.int64).reshape(-1, 2)
    wrong = np.flatnonzero(array[:, 0] >= array[:, 1])
    if wrong.size:
        start, end = array[wrong[0]]
        raise ValueError(f"range {wrong[0]} is empty or reversed: [{start}, {end})")
    return array
