"""How well a score separates two outcomes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.metrics.intervals import Estimate, from_resamples, resample_people

__all__ = ["area_under_roc", "roc_points"]


def area_under_roc(
    truth: npt.NDArray[np.bool_], score: npt.NDArray[np.float64], people: npt.NDArray[np.int64], n_people: int
) -> Estimate:
    """Share of pairs, one of each outcome, in which the true one has the higher score; equal scores count half.

    Args:
        truth: (n,) outcomes.
        score: (n,) higher speaks for True.
        people: (n,) whose each is, a number below `n_people`; the interval is over them.

    Returns:
        NaN where an outcome is missing.
    """
    higher = score[truth][:, None] - score[~truth][None, :]
    won = (higher > 0) + 0.5 * (higher == 0)
    # Pairs summed by the two people they are of: a resample that draws these a and b times holds a * b times as many.
    of_people = np.zeros((n_people, n_people))
    np.add.at(of_people, (people[truth][:, None], people[~truth][None, :]), won)
    n_true = np.bincount(people[truth], minlength=n_people)
    n_false = np.bincount(people[~truth], minlength=n_people)

    def value(times: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        pairs = (times @ n_true) * (times @ n_false)
        right = ((times @ of_people) * times).sum(axis=1)
        return np.asarray(np.divide(right, pairs, out=np.full(len(times), np.nan), where=pairs > 0))

    point = float(value(np.ones((1, n_people), dtype=np.int64))[0])
    return from_resamples(point, value(resample_people(n_people)) if n_people > 1 else None)


def roc_points(truth: npt.NDArray[np.bool_], score: npt.NDArray[np.float64]) -> list[list[float]]:
    """Share of False and of True at or above each score, from (0, 0) to (1, 1); both outcomes must be there."""
    thresholds = np.unique(score)[::-1]
    false = [float((score[~truth] >= t).mean()) for t in thresholds]
    true = [float((score[truth] >= t).mean()) for t in thresholds]
    return [[0.0, 0.0], *([round(f, 6), round(t, 6)] for f, t in zip(false, true, strict=True))]
