"""Paired differences: worked out by hand, and p values against independent implementations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.differences import Drawn, holm, paired_difference, paired_differences
from benchmarks.metrics.intervals import estimate, resample_people


def _score(method: str, value: float, drawn, seed: int = 0, metric: str = "top1") -> Drawn:
    return Drawn("supervised", method, metric, None, seed, value, np.asarray(drawn, dtype=np.float64))


def test_a_difference_by_hand():
    # Apart by 0.1 in nine resamples and by -0.1 in one: (1 + 1) / 11 on the smaller side, twice.
    one = {0: _score("a", 0.6, [0.6] * 9 + [0.5])}
    other = {0: _score("b", 0.5, [0.5] * 9 + [0.6])}
    value, low, high, p = paired_difference(one, other)
    assert value == pytest.approx(0.1)
    assert high == pytest.approx(0.1)
    assert low < 0
    assert p == pytest.approx(4 / 11)


def test_pairing_makes_a_small_but_steady_difference_plain():
    random = np.random.default_rng(0)
    noise = random.normal(0.5, 0.2, 1000)  # people differ a lot, the two methods hardly
    apart = paired_difference({0: _score("a", 0.51, noise + 0.01)}, {0: _score("b", 0.5, noise)})
    shuffled = paired_difference({0: _score("a", 0.51, noise + 0.01)}, {0: _score("b", 0.5, random.permutation(noise))})
    assert apart[3] == pytest.approx(2 / 1001)
    assert shuffled[3] > 0.5


def test_equal_methods_do_not_differ():
    same = {seed: _score("a", 0.5, np.linspace(0, 1, 50), seed) for seed in range(3)}
    assert paired_difference(same, same) == (0.0, 0.0, 0.0, 1.0)


def test_seeds_that_disagree_widen_the_interval():
    steady = {seed: _score("a", 0.1, np.full(1000, 0.1), seed) for seed in range(2)}
    wild = {0: _score("a", 0.3, np.full(1000, 0.3)), 1: _score("a", -0.1, np.full(1000, -0.1), 1)}
    zero = {seed: _score("b", 0.0, np.zeros(1000), seed) for seed in range(2)}
    assert paired_difference(steady, zero)[1:3] == pytest.approx((0.1, 0.1))
    assert paired_difference(wild, zero)[0] == pytest.approx(0.1)
    assert paired_difference(wild, zero)[1:3] == pytest.approx((-0.1, 0.3))


def test_p_agrees_with_a_paired_t_test_where_that_one_holds():
    from scipy.stats import ttest_rel

    random = np.random.default_rng(1)
    for shift in (0.0, 0.02, 0.05):
        a, b = random.normal(0.5, 0.1, (2, 200))
        a = a + shift
        drawn = [resample_people(200) @ x / 200 for x in (a, b)]
        *_, p = paired_difference({0: _score("a", a.mean(), drawn[0])}, {0: _score("b", b.mean(), drawn[1])})
        assert p == pytest.approx(ttest_rel(a, b).pvalue, abs=0.06)


def test_resamples_of_an_estimate_pair_up():
    hits = np.array([[8.0, 10], [3, 10], [9, 10]])
    found = estimate(hits, lambda sums: sums[:, 0] / sums[:, 1])
    times = resample_people(3)
    np.testing.assert_allclose(found.drawn, times @ hits[:, 0] / (times @ hits[:, 1]))


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.5: times 4, 3, 2, 1, never falling.
    np.testing.assert_allclose(holm(np.array([0.03, 0.01, 0.5, 0.02])), [0.06, 0.04, 0.5, 0.06])


@given(arrays(np.float64, st.integers(1, 8), elements=st.floats(0.001, 1)))
def test_holm_rejects_what_a_step_down_by_the_book_rejects(p):
    rejected = np.zeros(len(p), dtype=bool)
    for step, i in enumerate(np.argsort(p, kind="stable")):
        if p[i] * (len(p) - step) > 0.05:
            break
        rejected[i] = True
    assert ((holm(p) <= 0.05) == rejected).all()


def test_all_pairs_are_taken_and_the_better_one_stands_first():
    scores = [_score(name, value, np.full(20, value)) for name, value in (("a", 0.2), ("b", 0.6), ("c", 0.4))]
    found = paired_differences([*scores, _score("a", 1.0, np.ones(20), metric="other")], {"supervised": ["top1"]})
    assert [(d.first, d.second, round(d.value, 6)) for d in found] == [
        ("b", "a", 0.4),
        ("c", "a", 0.2),
        ("b", "c", 0.2),
    ]
    assert all(d.p == pytest.approx(2 / 21) for d in found)
    assert all(d.p_corrected == pytest.approx(6 / 21) for d in found)  # three questions
