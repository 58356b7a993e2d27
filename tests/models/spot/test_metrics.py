from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.segments import temporal_iou
from models.spot.metrics import (
    Segments,
    average_precision,
    average_recall,
    greedy_hits,
    lenient_found,
    strict_found,
    top_by_clip,
)


def segments(*rows):
    """Rows of (clip, start, end, label) or (clip, start, end, label, score)."""
    table = np.array([(*row, 1.0)[:5] for row in rows], dtype=float).reshape(-1, 5)
    whole = table[:, :4].astype(np.int64)
    return Segments(whole[:, 0], whole[:, 1:3], whole[:, 3], table[:, 4])


_rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 12), st.integers(1, 8), st.integers(0, 1), st.integers(0, 4)).map(
        lambda row: (row[0], row[1], row[1] + row[2], row[3], row[4] / 4)
    ),
    max_size=6,
)


def _ap(true, found, tiou):
    found = found.by_score()
    return average_precision(
        greedy_hits(true, found, tiou), np.ones((1, len(found))), np.array([len(true)], dtype=float)
    )[0]


def test_average_precision_by_hand():
    true = segments((0, 0, 10, 0), (0, 20, 30, 0), (1, 0, 10, 0))
    found = segments((0, 0, 10, 0, 0.9), (0, 1, 11, 0, 0.8), (1, 0, 9, 0, 0.7), (1, 50, 60, 0, 0.6))
    # Right, wrong (its segment is taken), right, wrong. Precision 1, 1/2, 2/3, 2/4; envelope 1, 2/3, 2/3, 1/2.
    assert greedy_hits(true, found, 0.5).tolist() == [True, False, True, False]
    assert _ap(true, found, 0.5) == pytest.approx((1 + 2 / 3) / 3)
    # At 0.95 the nine frames of ten are too few.
    assert _ap(true, found, 0.95) == pytest.approx(1 / 3)


def test_greedy_takes_the_free_segment_that_overlaps_most():
    true = segments((0, 0, 10, 0), (0, 4, 14, 0))
    found = segments((0, 3, 13, 0, 0.9), (0, 3, 13, 0, 0.8))
    # The first takes [4, 14) (9 of 11), the second what is left, [0, 10) (7 of 13).
    assert greedy_hits(true, found, 0.5).tolist() == [True, True]
    assert greedy_hits(true, found, 0.6).tolist() == [True, False]


@given(_rows, _rows, st.sampled_from([0.1, 0.3, 0.5, 0.7]))
def test_average_precision_against_a_plain_count(true_rows, found_rows, tiou):
    true, found = (segments(*[(*row[:3], 0, row[4]) for row in rows]) for rows in (true_rows, found_rows))
    if not len(true):
        assert np.isnan(_ap(true, found, tiou))
        return
    ordered, taken, right = found.by_score(), set(), []
    for clip, (start, end) in zip(ordered.clip, ordered.span, strict=True):
        overlaps = {}
        for i, (other, (a, b)) in enumerate(zip(true.clip, true.span, strict=True)):
            both = max(0, min(end, b) - max(start, a))
            if other == clip and i not in taken:
                overlaps[i] = both / (end - start + b - a - both)
        best = max(overlaps, key=lambda i: overlaps[i], default=None)
        right.append(best is not None and overlaps[best] >= tiou)
        if right[-1]:
            taken.add(best)
    precisions = [sum(right[: i + 1]) / (i + 1) for i in range(len(right))]
    gained = sum(max(precisions[i:]) for i in range(len(right)) if right[i])
    assert _ap(true, found, tiou) == pytest.approx(gained / len(true))


def test_weights_count_as_copies_of_clips():
    true = segments((0, 0, 10, 0), (1, 0, 10, 0), (1, 20, 30, 0))
    found = segments((0, 0, 10, 0, 0.9), (1, 40, 50, 0, 0.8), (1, 0, 10, 0, 0.7))
    hits = greedy_hits(true, found, 0.5)
    twice = average_precision(hits, np.array([[1.0, 2.0, 2.0]]), np.array([5.0]))
    copies = segments((2, 0, 10, 0), (2, 20, 30, 0)), segments((2, 40, 50, 0, 0.8), (2, 0, 10, 0, 0.7))
    joined = [
        Segments(*(np.concatenate([getattr(a, f), getattr(b, f)]) for f in ("clip", "span", "label", "score")))
        for a, b in zip((true, found), copies, strict=True)
    ]
    assert twice[0] == pytest.approx(_ap(*joined, 0.5))


def test_average_recall_by_hand():
    true = segments((0, 0, 10, 3), (0, 20, 30, 3), (1, 0, 10, 3))
    found = segments((0, 0, 8, 1, 0.9), (0, 20, 30, 1, 0.1))
    # tIoU 0.8 passes 0.5 to 0.8, seven of ten thresholds; 1 passes all; nothing in clip 1. Classes don't matter.
    assert average_recall(true, found).tolist() == pytest.approx([0.7, 1.0, 0.0])
    assert average_recall(true, top_by_clip(found, 1)).tolist() == pytest.approx([0.7, 0.0, 0.0])


def test_lenient_counts_one_detection_twice():
    true = segments((0, 0, 10, 0), (0, 10, 20, 0))
    found = segments((0, 0, 20, 0))
    assert lenient_found(true, found).sum() == 2  # each overlaps by a half
    assert strict_found(true, found).sum() == 1


def test_other_class_or_other_clip_finds_nothing():
    true = segments((0, 0, 10, 0))
    for found in (segments((0, 0, 10, 1)), segments((1, 0, 10, 0)), segments()):
        assert not lenient_found(true, found).any()
        assert not strict_found(true, found).any()
        assert not greedy_hits(true, found, 0.1).any()


@given(_rows, _rows)
def test_strict_is_the_largest_matching_and_never_above_lenient(true_rows, found_rows):
    true, found = segments(*true_rows), segments(*found_rows)
    fits = {
        (i, j)
        for i in range(len(true))
        for j in range(len(found))
        if true.clip[i] == found.clip[j]
        and true.label[i] == found.label[j]
        and temporal_iou(true.span[i : i + 1], found.span[j : j + 1])[0, 0] > 0.3
    }
    strict, lenient = strict_found(true, found), lenient_found(true, found)
    assert set(np.flatnonzero(lenient)) == {i for i, _ in fits}
    assert not (strict & ~lenient).any()
    # Hall's theorem, deficiency form: what no matching can reach is what some set of true segments lacks in partners.
    short = 0
    for size in range(1, len(true) + 1):
        for some in combinations(range(len(true)), size):
            short = max(short, size - len({j for i, j in fits if i in some}))
    assert strict.sum() == len(true) - short


@given(_rows)
def test_the_truth_itself_is_perfect(rows):
    true = segments(*rows)
    assert strict_found(true, true).all()
    assert average_recall(true, true).tolist() == [1.0] * len(true)
