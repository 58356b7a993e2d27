"""Intervals by bootstrap over people.

Gestures of one person are alike, so they are no independent draws; people are. A resample draws as many people as there are,
with replacement, each with all that is theirs. The interval is the percentile interval of Efron (Annals of Statistics 1979).

Most metrics are functions of sums (hits, confusion counts, sums of average precisions). Summed by person once, all resamples
are one matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "RESAMPLES",
    "Estimate",
    "estimate",
    "from_resamples",
    "percentile_interval",
    "resample_people",
    "sums_by_person",
]

RESAMPLES = 1000
_LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval over people.

    Attributes:
        value: of all people.
        low, high: ends of the interval; None where there is only one person.
        drawn: (resamples,) the value in each resample of people. Equal people give equal resamples, so two methods' values can
            be compared resample by resample.
    """

    value: float
    low: float | None
    high: float | None
    drawn: npt.NDArray[np.float64] | None = field(default=None, compare=False, repr=False)


def from_resamples(value: float, drawn: npt.NDArray[np.float64] | None) -> Estimate:
    """An estimate from its value in each resample; None where there is only one person to draw."""
    return Estimate(value, None, None) if drawn is None else Estimate(value, *percentile_interval(drawn), drawn)


def resample_people(n_people: int, *, seed: int = 0, resamples: int = RESAMPLES) -> npt.NDArray[np.int64]:
    """(resamples, n_people) how often each resample drew each person."""
    random = np.random.default_rng(seed)
    return random.multinomial(n_people, np.full(n_people, 1 / n_people), size=resamples).astype(np.int64)


def percentile_interval(values: npt.NDArray[np.float64]) -> tuple[float | None, float | None]:
    """The middle 95 % of the resamples' values; NaN (a resample without what the metric needs) is left out."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None, None
    low, high = np.quantile(finite, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


def sums_by_person(people: npt.NDArray[np.int64], values: npt.NDArray[Any], n_people: int) -> npt.NDArray[np.float64]:
    """(n_people, ...) sums of the rows of `values` (n, ...), each added to its person, a number below `n_people`."""
    sums = np.zeros((n_people, *values.shape[1:]))
    np.add.at(sums, people, values)
    return sums


def estimate(
    sums: npt.NDArray[np.float64], statistic: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
) -> Estimate:
    """A statistic of sums over people, with its interval.

    Args:
        sums: (n_people, ...) what each person adds.
        statistic: (m, ...) sums to (m,) values.
    """
    value = float(statistic(sums.sum(axis=0, keepdims=True))[0])
    if len(sums) < 2:
        return from_resamples(value, None)
    drawn = np.asarray(np.tensordot(resample_people(len(sums)), sums, axes=1), dtype=np.float64)
    return from_resamples(value, statistic(drawn))
