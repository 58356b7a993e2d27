"""Recognition: which of the classes is this gesture?

The metrics are functions of confusion counts, so that a thousand resamples of people are computed at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["confusion_counts", "macro_f1", "mean_class_accuracy", "top1", "top_k_hits"]

Counts = npt.NDArray[np.floating[Any]] | npt.NDArray[np.integer[Any]]
Values = npt.NDArray[np.float64]


def top_k_hits(labels: npt.NDArray[np.int64], scores: npt.NDArray[np.floating[Any]], k: int) -> npt.NDArray[np.bool_]:
    """(n,) whether the true class is among the k with the highest score; of equal scores the lower class goes first.

    Args:
        labels: (n,) true classes.
        scores: (n, classes) higher is likelier.
    """
    true = scores[np.arange(len(labels)), labels][:, None]
    before = np.arange(scores.shape[1]) < labels[:, None]
    return np.asarray(((scores > true) | ((scores == true) & before)).sum(axis=1) < k)


def confusion_counts(
    labels: npt.NDArray[np.int64],
    predicted: npt.NDArray[np.int64],
    n_classes: int,
    groups: npt.NDArray[np.int64] | None = None,
    n_groups: int = 1,
) -> npt.NDArray[np.int64]:
    """(n_groups, n_classes, n_classes) how often each true class (row) was called each class (column), by group."""
    counts = np.zeros((n_groups, n_classes, n_classes), dtype=np.int64)
    np.add.at(counts, (np.zeros_like(labels) if groups is None else groups, labels, predicted), 1)
    return counts


def top1(confusion: Counts) -> Values:
    """Share of correct predictions, of (..., classes, classes) counts; NaN where nothing was predicted."""
    return _ratio(np.trace(confusion, axis1=-2, axis2=-1), confusion.sum(axis=(-2, -1)))


def mean_class_accuracy(confusion: Counts) -> Values:
    """Mean recall of the classes that occur; also called balanced accuracy."""
    recall = _ratio(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(axis=-1))
    return _mean_of_known(recall)


def macro_f1(confusion: Counts) -> Values:
    """Mean F1 of the classes that occur or were predicted; a class predicted but absent counts 0."""
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    return _mean_of_known(_ratio(2 * right, confusion.sum(axis=-1) + confusion.sum(axis=-2)))


def _ratio(part: npt.ArrayLike, whole: npt.ArrayLike) -> Values:
    whole = np.asarray(whole, dtype=np.float64)
    part = np.asarray(part, dtype=np.float64)
    return np.asarray(np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0))


def _mean_of_known(values: Values) -> Values:
    known = np.isfinite(values)
    return _ratio(np.where(known, values, 0).sum(axis=-1), known.sum(axis=-1))
