"""Intervals by bootstrap over clips.

What annotators say of one clip hangs together, so a resample draws whole clips, as many as there are, with replacement. The
figures here are functions of sums over clips, so that all resamples are one matrix product. The interval is the percentile
interval of Efron (Annals of Statistics, 1979).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["Interval", "Statistic", "Sums", "f1", "interval", "middle", "ratio", "resampled"]

Interval = tuple[float, float]
Sums = npt.NDArray[np.float64]
Statistic = Callable[[Sums], Sums]

_RESAMPLES = 1000
_LEVEL = 0.95
_ENOUGH = 0.5  # of the resamples must have the figure defined


def interval(sums: Sums, statistic: Statistic, *, seed: int = 0) -> Interval | None:
    """The middle 95 % of a figure over resampled clips.

    Args:
        sums: (clips, k) what each clip adds.
        statistic: (m, k) sums to (m,) values, NaN where the figure is undefined.

    Returns:
        Its ends; None with fewer than two clips, or where most resamples leave the figure undefined.
    """
    return None if len(sums) < 2 else middle(statistic(resampled(len(sums), seed=seed) @ sums))


def resampled(n: int, *, seed: int = 0) -> npt.NDArray[np.int64]:
    """(1000, n) how often each resample drew each of n."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)


def middle(values: Sums) -> Interval | None:
    """The middle 95 % of a figure's values in the resamples; None where most leave it undefined."""
    defined = values[np.isfinite(values)]
    if len(defined) < _ENOUGH * _RESAMPLES:
        return None
    low, high = np.quantile(defined, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


def ratio(part: Sums, whole: Sums) -> Sums:
    """part / whole, NaN where the whole is 0."""
    out = np.full(np.shape(whole), np.nan)
    np.divide(part, whole, out=out, where=whole != 0)
    return out


def f1(sums: Sums) -> Sums:
    """F1 of (m, 2) sums: pairs that were found the same, and all that was marked on both sides."""
    return ratio(2 * sums[:, 0], sums[:, 1])
