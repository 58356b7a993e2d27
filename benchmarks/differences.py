"""Is one better than the other? Paired over people and seeds, and corrected for the number of questions asked.

Two methods were tested on the same people, and their scores were resampled with the same draws of people; so the difference
is taken resample by resample. Each resample also draws the seeds anew, the same for both. p is two-sided: twice the smaller
share of resamples on either side of no difference (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 16).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.metrics.intervals import percentile_interval

__all__ = ["Difference", "Drawn", "corrected", "holm", "paired_difference", "paired_differences"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """One score and its value in each resample of people."""

    task: str
    method: str
    metric: str
    fraction: float | None
    seed: int
    value: float
    drawn: npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Difference:
    """How much `first` is above `second`.

    Attributes:
        task, metric, fraction: of what.
        first, second: the methods, or the runs.
        value, low, high: difference and its 95 % interval over people and seeds.
        p: two-sided; `p_corrected` after Holm, over all differences of the task in this metric.
    """

    task: str
    metric: str
    fraction: float | None
    first: str
    second: str
    value: float
    low: float
    high: float
    p: float
    p_corrected: float = 1.0

    @property
    def what(self) -> str:
        """Such as "top1" or "top1, 10% of labels"."""
        return self.metric if self.fraction is None else f"{self.metric}, {self.fraction:.0%} of labels"

    def __str__(self) -> str:
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}], p = {self.p_corrected:.3f}"


def paired_difference(first: Mapping[int, Drawn], second: Mapping[int, Drawn]) -> tuple[float, float, float, float]:
    """Difference, the ends of its interval, and p, of two methods' scores by seed.

    Only seeds that both have count. NaN resamples (without what the metric needs) are left out.

    Raises:
        ValueError: they share no seed, or were resampled differently.
    """
    seeds = sorted(first.keys() & second.keys())
    if not seeds:
        raise ValueError("no seed in common")
    apart = np.stack([np.asarray(first[s].drawn, float) - np.asarray(second[s].drawn, float) for s in seeds])
    value = float(np.mean([first[s].value - second[s].value for s in seeds]))
    n = apart.shape[1]
    random = np.random.default_rng(0)
    picked = random.integers(len(seeds), size=(len(seeds), n))
    drawn = apart[picked, np.arange(n)].mean(axis=0)
    drawn = drawn[np.isfinite(drawn)]
    low, high = percentile_interval(drawn)
    if low is None or high is None:
        raise ValueError("no resample has a value")
    # The data themselves count as one resample, so that p is never 0.
    below, above = (1 + (drawn <= 0).sum()) / (1 + len(drawn)), (1 + (drawn >= 0).sum()) / (1 + len(drawn))
    return value, low, high, float(min(1.0, 2 * min(below, above)))


def paired_differences(scores: Sequence[Drawn], metrics: Mapping[str, Sequence[str]]) -> list[Difference]:
    """Every pair of methods in every task, for the metrics named for it; the better one stands first.

    Args:
        scores: all scores with their resamples.
        metrics: task to the metrics that are compared.
    """
    groups: dict[tuple[str, str, float | None], dict[str, dict[int, Drawn]]] = {}
    for score in scores:
        if score.metric in metrics.get(score.task, ()):
            place = (score.task, score.metric, score.fraction)
            groups.setdefault(place, {}).setdefault(score.method, {})[score.seed] = score
    found = []
    for place, methods in groups.items():
        for one, other in combinations(methods, 2):
            if methods[one].keys() & methods[other].keys():
                value, low, high, p = paired_difference(methods[one], methods[other])
                if value < 0:
                    one, other, value, low, high = other, one, -value, -high, -low
                found.append(Difference(*place, one, other, value, low, high, p))
    return corrected(found)


def corrected(differences: Sequence[Difference]) -> list[Difference]:
    """The same with p corrected over all that ask about one task and metric."""
    families: dict[tuple[str, str], list[int]] = {}
    for i, difference in enumerate(differences):
        families.setdefault((difference.task, difference.metric), []).append(i)
    p = np.ones(len(differences))
    for rows in families.values():
        p[rows] = holm(np.array([differences[i].p for i in rows]))
    return [
        Difference(**{**vars(difference), "p_corrected": float(value)})
        for difference, value in zip(differences, p, strict=True)
    ]


def holm(p: Floats) -> Floats:
    """p values corrected for their number (Holm, Scandinavian Journal of Statistics 1979)."""
    order = np.argsort(p, kind="stable")
    steps = np.minimum(1.0, p[order] * (len(p) - np.arange(len(p))))
    result = np.empty(len(p))
    result[order] = np.maximum.accumulate(steps)
    return result
