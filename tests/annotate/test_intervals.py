"""Intervals against one that can be worked out, and their promise: they hold the truth in 95 of 100 cases."""

from __future__ import annotations

import numpy as np
import pytest

from annotate.intervals import f1, interval, ratio


def mean(sums: np.ndarray) -> np.ndarray:
    return ratio(sums[:, 0], sums[:, 1])


def test_the_interval_of_a_share_is_the_binomials():
    # 100 clips, half of them 1: a resample's mean is Binomial(100, 1/2) / 100, whose 2.5 and 97.5 % points are .40 and .60.
    sums = np.array([[i % 2, 1] for i in range(100)], dtype=float)
    assert interval(sums, mean) == pytest.approx((0.40, 0.60), abs=0.011)


def test_it_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(200):
        matched = rng.binomial(4, 0.7, size=60)
        low, high = interval(np.stack([matched, np.full(60, 8)], axis=1).astype(float), f1)
        held += low <= 0.7 <= high
    assert 180 <= held <= 198  # 190 expected, of standard deviation 3.1


def test_where_there_is_none():
    assert interval(np.array([[1.0, 1.0]]), mean) is None
    assert interval(np.zeros((0, 2)), mean) is None
    # The one clip with a gesture is missing from a third of the resamples, those with none from nearly all.
    assert interval(np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]), mean) == (1, 1)
    assert interval(np.zeros((9, 2)), mean) is None
