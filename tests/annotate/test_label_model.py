"""The label model against an independent implementation, worked cases, and simulated crowds whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.consensus import agreed_gestures
from annotate.label_model import Votes, fit
from annotate.opinions import Opinion, Segment
from annotate.weigh import weigh, weighted_median
from benchmarks.crowd import f1_against_truth
from benchmarks.simulator.crowd import CROWDS, simulate_crowd
from manifests.segments import temporal_iou


def votes(table: np.ndarray, n_classes: int, **changes) -> Votes:
    """From (items, annotators) answers."""
    items, annotators = table.shape
    item, annotator = (grid.ravel() for grid in np.meshgrid(range(items), range(annotators), indexing="ij"))
    unknown = np.full(items, -1)
    facts = {"proposed": unknown, "known": unknown, **changes}
    return Votes(item, annotator, table.ravel(), n_annotators=annotators, n_classes=n_classes, **facts)


def test_one_who_is_always_right_outweighs_two_who_guess():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, size=400)
    right = np.where(rng.random((400, 3)) < 0.9, truth[:, None], rng.integers(0, 4, size=(400, 3)))
    table = np.column_stack([right, rng.integers(0, 4, size=(400, 4))])  # three good ones, four who guess
    found = fit(votes(table, 4))
    by_majority = np.array([np.bincount(row, minlength=4).argmax() for row in table])
    assert (found.posterior.argmax(axis=1) == truth).mean() > 0.95 > (by_majority == truth).mean()
    assert found.weight[:3].min() > 0.85
    assert found.weight[3:].max() < 0.4
    assert found.confusion.sum(axis=2) == pytest.approx(np.ones((7, 4)))


def test_it_finds_out_who_copies():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 4, size=400)
    proposed = np.where(rng.random(400) < 0.6, truth, rng.integers(0, 4, size=400))
    looked = np.where(rng.random((400, 5)) < 0.9, truth[:, None], rng.integers(0, 4, size=(400, 5)))
    copying = rng.random((400, 5)) < np.array([0, 0, 0, 0.8, 0.8])
    found = fit(votes(np.where(copying, proposed[:, None], looked), 4, proposed=proposed))
    assert found.copies[:3].max() < 0.2
    assert found.copies[3:] == pytest.approx([0.8, 0.8], abs=0.1)
    assert (found.posterior.argmax(axis=1) == truth).mean() > 0.95


def test_what_is_known_is_certain():
    table = np.array([[0, 0, 0], [1, 1, 1]])
    found = fit(votes(table, 2, known=np.array([1, -1])))
    assert found.posterior[0].tolist() == [0, 1]


def test_two_who_differ_once_leave_it_open():
    # Both agree on twenty things of three classes, and differ on one that neither has named elsewhere. Nothing tells who is right.
    agreed = np.repeat([0, 1, 2, 5], 5)
    table = np.concatenate([np.column_stack([agreed, agreed]), [[3, 4]]])
    found = fit(votes(table, 6))  # the last class is that there is nothing
    assert found.apart[-1, 3] == pytest.approx(found.apart[-1, 4], abs=0.05)
    assert found.apart[-1].max() < 0.6
    assert found.apart[:-1].max(axis=1).min() > 0.9, "what both say is as sure as before"


def test_certainties_are_nearly_right():
    """In a simulated crowd, of what the model is nearly sure of, nine in ten are true."""
    crowd = simulate_crowd(CROWDS["mostly careful"], clips=100, per_clip=3, seed=5)
    weighed, _ = weigh(crowd.opinions, proposals=crowd.proposals)
    sure = [(clip, one) for clip, found in weighed.items() for one in found if one.certainty > 0.95]
    true = [
        (one.label if one.is_gesture else None)
        == next(
            (t.label for t in crowd.truth[clip] if temporal_iou([(t.start, t.end)], [(one.start, one.end)]) > 0.4), None
        )
        for clip, one in sure
    ]
    assert len(sure) > 200
    assert np.mean(true) > 0.9


@given(st.lists(st.lists(st.integers(0, 2), min_size=3, max_size=3), min_size=1, max_size=8))
def test_probabilities_stay_probabilities(table):
    found = fit(votes(np.array(table), 3))
    assert found.posterior.sum(axis=1) == pytest.approx(np.ones(len(table)))
    assert found.posterior.min() >= 0
    assert found.apart.sum(axis=1) == pytest.approx(np.ones(len(table)))
    assert found.apart.min() >= 0
    assert 0 <= found.weight.min() <= found.weight.max() <= 1


@pytest.mark.parametrize(
    ("values", "weights", "middle"),
    [
        ([10, 20, 90], [1, 1, 1], 20),
        ([90, 10, 20], [3, 1, 1], 90),
        ([10, 20], [1, 1], 15),
        ([10, 21], [0.5, 0.5], 16),  # half frames go up
        ([10, 20], [1, 3], 20),
        ([7], [0], 7),
    ],
)
def test_weighted_median(values, weights, middle):
    assert weighted_median(values, weights) == middle


def test_nobody_is_dropped_and_unusable_is_no_answer():
    up = Segment(10, 20, "head_up")
    opinions = {
        "c1": [Opinion("A01", "gesture", (up,)), Opinion("A02", "gesture", (up,)), Opinion("A03", "unusable")],
        "c2": [Opinion("A01", "nothing"), Opinion("A02", "nothing")],
        "c3": [Opinion("A03", "unusable")],
    }
    found, weight = weigh(opinions)
    (one,) = found["c1"]
    assert (one.start, one.end, one.label, one.looked, one.is_gesture) == (10, 20, "head_up", 2, True)
    assert (found["c2"], found["c3"]) == ([], [])
    assert sorted(weight) == ["A01", "A02"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mixed", "anchored", "spammed"])
def test_better_than_the_majority_in_simulated_crowds(name):
    gains = []
    for seed in range(3):  # other seeds than those that the model was shaped with
        crowd = simulate_crowd(CROWDS[name], clips=150, per_clip=5, seed=seed)
        weighed, weight = weigh(crowd.opinions, proposals=crowd.proposals)
        believed = {clip: [one for one in found if one.is_gesture] for clip, found in weighed.items()}
        voted = {clip: agreed_gestures(of_clip) for clip, of_clip in crowd.opinions.items()}
        gains.append(f1_against_truth(crowd.truth, believed) - f1_against_truth(crowd.truth, voted))
        of_kind = {kind: np.mean([weight[w] for w, k in crowd.kind_of.items() if k == kind]) for kind in CROWDS[name]}
        assert of_kind["careful"] == max(of_kind.values())
    assert min(gains) > 0.02
