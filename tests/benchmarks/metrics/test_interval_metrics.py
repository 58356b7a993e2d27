import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.metrics.intervals import estimate, percentile_interval, resample_people, sums_by_person
from benchmarks.metrics.separation import area_under_roc


def _share(sums):
    return sums[:, 0] / sums[:, 1]


def test_sums_by_hand():
    sums = sums_by_person(np.array([0, 1, 0]), np.array([[1, 1], [0, 1], [1, 1]]), 2)
    assert sums.tolist() == [[2, 2], [0, 1]]


def test_resamples_are_those_of_copied_people():
    """One matrix product gives what drawing people one by one and pooling their rows gives."""
    random = np.random.default_rng(0)
    people, hits = random.integers(0, 6, 80), random.integers(0, 2, 80)
    sums = sums_by_person(people, np.stack([hits, np.ones(80)], axis=1), 6)
    by_hand = []
    for times in resample_people(6):
        drawn = np.concatenate([hits[people == p] for p in range(6) for _ in range(times[p])])
        by_hand.append(drawn.mean())
    found = estimate(sums, _share)
    assert found.value == pytest.approx(hits.mean())
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(by_hand, [0.025, 0.975])))


def test_one_person_has_no_interval():
    found = estimate(np.array([[3.0, 4.0]]), _share)
    assert (found.value, found.low, found.high) == (0.75, None, None)


def test_each_resample_draws_as_many_people_as_there_are():
    times = resample_people(5, resamples=50)
    assert times.shape == (50, 5)
    assert (times.sum(axis=1) == 5).all()
    assert (resample_people(5, resamples=50) == times).all()


def test_interval_covers_the_truth_about_as_often_as_it_says():
    """200 samples of 40 people with their own hit rates around 0.6; a percentile interval runs a little narrow."""
    random = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        rates = random.beta(6, 4, 40)
        found = estimate(np.stack([random.binomial(20, rates), np.full(40, 20)], axis=1).astype(float), _share)
        covered += found.low <= 0.6 <= found.high
    assert 180 <= covered <= 199


def test_resamples_without_a_value_are_left_out():
    assert percentile_interval(np.array([np.nan, 0.5, 0.5])) == (0.5, 0.5)
    assert percentile_interval(np.array([np.nan])) == (None, None)


def test_area_under_roc_agrees_with_scikit_learn():
    random = np.random.default_rng(2)
    truth, people = random.random(40) < 0.4, random.integers(0, 5, 40)
    score = np.round(random.normal(size=40) + truth, 1)  # with ties
    found = area_under_roc(truth, score, people, 5)
    assert found.value == pytest.approx(roc_auc_score(truth, score))
    drawn = []
    for times in resample_people(5):
        rows = np.repeat(np.arange(40), times[people])
        drawn.append(roc_auc_score(truth[rows], score[rows]) if len(set(truth[rows])) == 2 else np.nan)
    assert (found.low, found.high) == pytest.approx(tuple(np.nanquantile(drawn, [0.025, 0.975])))


def test_area_under_roc_needs_both_outcomes():
    assert np.isnan(area_under_roc(np.array([True, True]), np.array([0.1, 0.2]), np.array([0, 1]), 2).value)
