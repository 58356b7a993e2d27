import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.segments import temporal_iou

RANGES = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 30)).map(lambda r: (r[0], r[0] + r[1])), max_size=6)


def test_by_hand():
    # [0, 10) and [5, 20) share 5 of 20 frames; [0, 10) and [10, 12) touch and share none.
    assert temporal_iou([(0, 10)], [(5, 20), (10, 12), (0, 10)]).tolist() == [[0.25, 0.0, 1.0]]
    assert temporal_iou(np.array([[0.0, 1.0]]), np.array([[0.5, 1.5]]))[0, 0] == pytest.approx(1 / 3)


def test_nothing_overlaps_nothing():
    assert temporal_iou([], []).shape == (0, 0)


@given(RANGES, RANGES)
def test_it_is_what_sets_of_frames_give(a, b):
    found = temporal_iou(a, b)
    assert found.shape == (len(a), len(b))
    for i, one in enumerate(a):
        for j, other in enumerate(b):
            p, q = set(range(*one)), set(range(*other))
            assert found[i, j] == pytest.approx(len(p & q) / len(p | q))


@pytest.mark.parametrize("wrong", [(5, 5), (5, 4), (float("nan"), 4.0)])
def test_wrong_ranges_are_named(wrong):
    with pytest.raises(ValueError, match="b, range 1 is empty or reversed"):
        temporal_iou([(0, 1)], [(0, 2), wrong])
