"""The simulated crowd and the comparison of rules on it."""

from __future__ import annotations

import pytest

from annotate.opinions import Segment
from benchmarks.crowd import compare, f1_against_truth
from benchmarks.simulator.crowd import CROWDS, KINDS, N_FRAMES, simulate_crowd

UP, LIPS = Segment(10, 20, "head_up"), Segment(30, 40, "pressing_lips")


def test_f1_by_hand():
    # One of two is found with its label, one more has another label: 2 * 1 / (2 + 2).
    assert f1_against_truth({"c1": [UP, LIPS]}, {"c1": [UP, Segment(30, 40, "head_up")]}) == pytest.approx(0.5)
    assert f1_against_truth({"c1": [UP], "c2": [LIPS]}, {"c1": [UP]}) == pytest.approx(2 / 3)


def test_a_seed_is_a_crowd():
    one, same, other = (simulate_crowd(CROWDS["mixed"], clips=5, seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.opinions != other.opinions


def test_kinds_do_what_they_are_named_for():
    crowd = simulate_crowd(CROWDS["mixed"], clips=200, per_clip=5, seed=0)
    found: dict[str, list[float]] = {kind: [] for kind in KINDS}
    copied: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    for clip, opinions in crowd.opinions.items():
        for opinion in opinions:
            kind = crowd.kind_of[opinion.annotator_id]
            assert all(0 <= s.start < s.end <= N_FRAMES for s in opinion.segments)
            found[kind].append(f1_against_truth({clip: [UP, *crowd.truth[clip]]}, {clip: [UP, *opinion.segments]}))
            places = {(s.start, s.end, s.label) for s in opinion.segments}
            copied[kind] += [(p["start"], p["end"], p["label"]) in places for p in crowd.proposals[clip]]
    mean = {kind: sum(values) / len(values) for kind, values in found.items()}
    assert mean["careful"] > mean["hasty"] > mean["spammer"]
    share = {kind: sum(values) / len(values) for kind, values in copied.items()}
    assert share["anchored"] > 0.8 > 0.4 > share["spammer"] > share["careful"]


def test_a_comparison_says_how_sure_it_is():
    found = compare("mixed", per_clip=3, clips=20, seeds=range(3))
    mean, low, high = found.gain
    assert mean == pytest.approx(found.dawid_skene - found.majority)
    assert low < mean < high
    assert (found.seeds, found.clips, found.per_clip) == (3, 20, 3)
