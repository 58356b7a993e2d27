"""Which segment of one annotator is which of another: overlap in time, and the best one-to-one matching by it."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from manifests.segments import Ranges, temporal_iou

__all__ = ["match"]


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
