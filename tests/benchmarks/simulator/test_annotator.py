"""A simulated annotator: what is done with a proposal, how long it takes, and what goes unnoticed."""

from __future__ import annotations

import numpy as np
import pytest

from annotate.opinions import Segment
from benchmarks.simulator.annotator import COSTS, Manner, Shown, Work, annotate
from benchmarks.simulator.crowd import KINDS, Kind

EXACT = Kind(misses=0, confuses=0, jitter=0, invents=0, copies=0)
TRUTH = (Segment(100, 150, "touching_face"), Segment(200, 260, "folding_arms"))


def proposal(number: int, start: int, end: int, label: str, *others: str) -> dict[str, object]:
    return {"proposal_id": f"p{number}", "start": start, "end": end, "label": label, "top_labels": [label, *others]}


def task(*proposals: dict[str, object], **changes: object) -> Shown:
    known: dict[str, object] = {"n_frames": 500, "fps": 25.0, "truth": TRUTH, "difficulty": (1.0, 1.0)}
    return Shown(**{**known, "proposals": proposals, **changes})


def done(shown: Shown, who: Kind = EXACT, manner: Manner | None = None, seed: int = 0) -> tuple[list[tuple], Work]:
    opinion, work = annotate(shown, "A01", who, manner or Manner(), np.random.default_rng(seed))
    assert opinion.lead_time_s == pytest.approx(work.seconds())
    return [(s.start, s.end, s.label, s.from_proposal) for s in opinion.segments], work


def test_without_proposals_all_is_drawn():
    said, work = done(task())
    assert said == [(s.start, s.end, s.label, None) for s in TRUTH]
    assert work == Work(played=40.0, draw=2, submit=1)  # 20 s at half speed
    assert work.seconds() == pytest.approx(40 + 2 * COSTS.draw + COSTS.submit)
    assert work.seconds(actions=2, playing=0.5) == pytest.approx(20 + 2 * (2 * COSTS.draw + COSTS.submit))


def test_each_action_once():
    shown = task(
        proposal(1, 103, 150, "touching_jaw", "touching_face"),  # another label; the start is near enough to be left
        proposal(2, 110, 140, "touching_face"),  # the same gesture, worse: deleted
        proposal(3, 200, 290, "folding_arms"),  # the end is moved
        proposal(4, 400, 450, "head_up"),  # nothing is there: deleted
    )
    said, work = done(shown, manner=Manner(close=0.5, speed=1.0, top_keys=True))
    assert said == [(103, 150, "touching_face", "p1"), (200, 260, "folding_arms", "p3")]
    looked_at = 47 + 90 + 50  # frames
    assert work.played == pytest.approx((500 - looked_at) / 25 + looked_at / 12.5)
    assert (work.decide, work.delete, work.rename_top, work.rename, work.move, work.draw) == (4, 2, 1, 0, 1, 0)
    assert done(shown)[1].rename == 1  # without keys for the likeliest
    far = done(task(proposal(1, 103, 150, "touching_jaw", "touching_ears")), manner=Manner(top_keys=True))[1]
    assert (far.rename, far.rename_top, far.draw) == (1, 0, 1)


def test_who_copies_does_not_look_and_who_yields_leaves_what_looked_wrong():
    wrong = task(proposal(1, 100, 150, "touching_ears"), proposal(2, 300, 350, "head_up"))
    as_shown = [(100, 150, "touching_ears", "p1"), (200, 260, "folding_arms", None), (300, 350, "head_up", "p2")]
    copied, work = done(wrong, Kind(misses=0, confuses=0, jitter=0, invents=0, copies=1))
    assert (copied, work.decide) == (as_shown, 0)
    left, work = done(wrong, Kind(misses=0, confuses=0, jitter=0, invents=0, copies=0, yields=1))
    assert (left, work.decide, work.delete, work.rename) == (as_shown, 2, 0, 0)


def test_what_is_not_played_is_not_noticed():
    said, work = done(task(skipped=((160, 500),)))
    assert [label for _, _, label, _ in said] == ["touching_face"]
    assert work.played == pytest.approx(160 / 12.5)


def test_fast_playing_misses_more_and_proposals_draw_the_eye():
    half = Kind(misses=0.3, confuses=0, jitter=0, invents=0, copies=0)
    pointed = (proposal(1, 100, 150, "touching_face"), proposal(2, 200, 260, "folding_arms"))

    def found(shown: Shown, manner: Manner) -> float:
        return sum(len(done(shown, half, manner, seed)[0]) for seed in range(200)) / 400

    slow, fast = found(task(), Manner()), found(task(), Manner(1.0, 1.0))
    assert slow == pytest.approx(0.7, abs=0.05)
    assert fast == pytest.approx(0.4, abs=0.05)
    assert found(task(*pointed), Manner(1.0, 1.0)) == pytest.approx(0.7, abs=0.05)


def test_a_spammer_plays_nothing():
    _, work = done(task(proposal(1, 300, 350, "head_up")), KINDS["spammer"])
    assert (work.played, work.decide, work.delete) == (0.0, 0, 0)
