"""Gamma against disorders worked out by hand and against another implementation."""

from __future__ import annotations

import numpy as np
import pytest

from annotate.agree import agreement
from annotate.gamma import disorder, gamma_sums, units_of
from annotate.opinions import Opinion, Segment

FACE, UP, TORSO, TALK, NECK = "touching_face", "head_up", "moving_torso", "illustrative", "touching_neck"


def said(who: str, *segments: tuple[int, int, str]) -> Opinion:
    return Opinion(who, "gesture" if segments else "nothing", tuple(Segment(*one) for one in segments))


ANA = said("A01", (10, 30, FACE), (50, 60, UP), (70, 90, TORSO), (120, 150, FACE), (200, 220, TALK))
BO = said("A02", (12, 30, FACE), (50, 58, NECK), (125, 150, FACE), (160, 170, UP), (190, 225, TALK))


def test_disorder_by_hand():
    # Pairs: ends 2 frames apart of 38, 2 of 18 and another class, 5 of 55, 15 of 55; two gestures stand alone.
    pairs = (2 / 38) ** 2 + (2 / 18) ** 2 + 1 + (5 / 55) ** 2 + (15 / 55) ** 2
    assert disorder(units_of(ANA), units_of(BO)) == pytest.approx(pairs + 2)
    assert disorder(units_of(ANA), units_of(ANA)) == 0
    assert disorder(units_of(ANA), units_of(said("A03"))) == 5
    # Ten frames apart, of twenty: as unlike as two that stand alone would be, were the class the same; it is not, and 2 is less.
    assert disorder(units_of(said("a", (0, 10, UP))), units_of(said("b", (20, 30, NECK)))) == 2


def test_gamma_of_another_implementation():
    # pygamma-agreement 0.5.9, alpha = beta = delta_empty = 1, its ShuffleContinuumSampler with real pivots, three times 400
    # samples: disorder 0.61955 of a mean of 5 gestures each, gamma 0.5420, 0.5407, 0.5463.
    (observed, by_chance), *_ = gamma_sums({"c": [ANA, BO]}, {"c": 225})
    assert observed / 5 == pytest.approx(0.61955, abs=1e-5)
    assert 1 - observed / by_chance == pytest.approx(0.543, abs=0.006)


def test_gamma_of_the_whole_range():
    rng = np.random.default_rng(0)
    labels = [FACE, UP, TORSO, TALK]

    def somebody(who: str) -> Opinion:
        starts = np.sort(rng.choice(45, 5, replace=False)) * 20
        return said(who, *((int(s), int(s) + 15, str(rng.choice(labels))) for s in starts))

    clips = {f"c{i}": somebody("A01") for i in range(25)}
    frames = dict.fromkeys(clips, 920)
    same = agreement({c: [o, Opinion("A02", "gesture", o.segments)] for c, o in clips.items()}, frames)
    assert same.gamma == 1
    by_chance = agreement({c: [o, somebody("A02")] for c, o in clips.items()}, frames)
    low, high = by_chance.intervals["gamma"]
    assert low < by_chance.gamma < high
    assert low < 0 < high or abs(by_chance.gamma) < 0.05
    assert agreement({"c": [said("A01"), said("A02")]}, {"c": 100}).gamma is None
