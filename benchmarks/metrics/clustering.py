"""Clustering: do groups found without a label match the classes?

The metrics are functions of a contingency table (classes by clusters), so that all resamples of people are computed at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from benchmarks.metrics.retrieval import unit_rows

__all__ = ["adjusted_rand", "cluster", "cluster_accuracy", "normalised_mutual_information"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.floating[Any]] | npt.NDArray[np.integer[Any]]
_RESTARTS = 20


def cluster(embeddings: npt.NDArray[np.floating[Any]], n_clusters: int, seed: int) -> Ints:
    """(n,) cluster of each row: k-means on rows of length 1, the best of 20 starts."""
    rows = unit_rows(embeddings.astype(np.float64))
    # k-means can't make more clusters than there are distinct points.
    n_clusters = min(n_clusters, len(np.unique(rows, axis=0)))
    # On one thread: sums come in the same order on every machine, and small problems gain nothing from more.
    with threadpool_limits(1):
        found = KMeans(n_clusters, n_init=_RESTARTS, random_state=seed).fit_predict(rows)
    return np.asarray(found, dtype=np.int64)


def cluster_accuracy(counts: Counts, mapped_by: Counts | None = None) -> Floats:
    """(m,) accuracy under a one-to-one map of clusters to classes (Hungarian algorithm), of (m, classes, clusters).

    Args:
        mapped_by: (classes, clusters) the counts whose best map is taken for all; by default each table has its own. Resamples
            want the map of what they are drawn from: the best map of each would fit its chances, and lie too high.
    """
    if mapped_by is None:
        best = np.array([table[linear_sum_assignment(table, maximize=True)].sum() for table in counts])
    else:
        classes, clusters = linear_sum_assignment(mapped_by, maximize=True)
        best = counts[:, classes, clusters].sum(axis=1)
    return _ratio(best, counts.sum(axis=(1, 2)))


def normalised_mutual_information(counts: Counts) -> Floats:
    """(m,) mutual information over the arithmetic mean of the two entropies; 1 where there is one class and one cluster."""
    total = counts.sum(axis=(1, 2))
    p = _ratio(counts, np.broadcast_to(total[:, None, None], counts.shape))
    rows, columns = p.sum(axis=2), p.sum(axis=1)
    entropies = _entropy(rows) + _entropy(columns)
    shared = entropies - _entropy(p.reshape(len(p), -1))
    # One class in one cluster has no entropy to share; scikit-learn calls that a perfect match, and so do we.
    value = np.divide(2 * shared, entropies, out=np.ones(len(p)), where=entropies > 0)
    return np.where(total > 0, np.clip(value, 0, 1), np.nan)


def adjusted_rand(counts: Counts, squares: Counts | None = None) -> Floats:
    """(m,) Rand index adjusted for chance: 1 for equal partitions, 0 on average for random ones; may fall below 0.

    Hubert and Arabie, Journal of Classification 1985, equation 5.

    Args:
        counts: (m, classes, clusters).
        squares: likewise, sums of squared weights, where items count with a weight: no item is then paired with its own copy,
            which would always agree and make every resample too good.
    """
    squares = counts if squares is None else squares
    together = _pairs(counts, squares).sum(axis=(1, 2))
    of_class = _pairs(counts.sum(axis=2), squares.sum(axis=2)).sum(axis=1)
    of_cluster = _pairs(counts.sum(axis=1), squares.sum(axis=1)).sum(axis=1)
    pairs = _pairs(counts.sum(axis=(1, 2)), squares.sum(axis=(1, 2)))
    expected = np.divide(of_class * of_cluster, pairs, out=np.zeros(len(counts)), where=pairs > 0)
    room = (of_class + of_cluster) / 2 - expected
    value = np.divide(together - expected, room, out=np.ones(len(counts)), where=room != 0)
    return np.where(counts.sum(axis=(1, 2)) > 0, value, np.nan)


def _pairs(n: Counts, squares: Counts) -> Floats:
    return np.asarray((n * n - squares) / 2, dtype=np.float64)


def _entropy(p: Floats) -> Floats:
    return np.asarray(-(p * np.log(p, out=np.zeros_like(p), where=p > 0)).sum(axis=1))


def _ratio(part: Counts, whole: Counts) -> Floats:
    part = np.asarray(part, dtype=np.float64)
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0))
