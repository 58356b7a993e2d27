"""Overlap in time against sets of frames, and the matching against trying every pairing."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.matching import match

ranges = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 15)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=4
)


def by_sets(a: tuple[int, int], b: tuple[int, int]) -> float:
    first, second = set(range(*a)), set(range(*b))
    return len(first & second) / len(first | second)


@given(ranges, ranges, st.sampled_from([0.1, 0.3, 0.5, 0.75, 1.0]))
def test_no_pairing_is_better(a, b, tiou):
    found = match(a, b, tiou)
    assert len({i for i, _ in found}) == len({j for _, j in found}) == len(found)
    assert all(by_sets(a[i], b[j]) >= tiou for i, j in found)
    value = (len(found), sum(by_sets(a[i], b[j]) for i, j in found))
    for size in range(min(len(a), len(b)) + 1):
        for chosen in combinations(range(len(a)), size):
            for partners in permutations(range(len(b)), size):
                overlaps = [by_sets(a[i], b[j]) for i, j in zip(chosen, partners, strict=True)]
                if all(overlap >= tiou for overlap in overlaps):
                    assert (size, sum(overlaps)) <= (value[0], value[1] + 1e-9)


def test_two_pairs_beat_one_perfect_pair():
    # The first ranges are the same, but only if each takes the other's second range is there a pair for all: 6/14 each.
    a, b = [(20, 30), (16, 26)], [(20, 30), (24, 34)]
    assert match(a, b, 0.4) == [(0, 1), (1, 0)]
    assert match(a, b, 0.5) == [(0, 0)]


def test_nothing_matches_nothing():
    assert match([], [(0, 5)], 0.5) == []


@pytest.mark.parametrize("tiou", [0, -0.5, 1.2])
def test_a_threshold_out_of_range(tiou):
    with pytest.raises(ValueError, match="temporal IoU"):
        match([(0, 1)], [(0, 1)], tiou)
