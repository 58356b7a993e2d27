"""Scripted annotators: what they do follows from the seed, and does what its name says."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.label_studio import Region, from_result, to_result
from manifests.taxonomy import by_label
from mgcollect.demo.annotators import SCRIPTED, Habits, decide

PROPOSALS = [Region("p1", 10, 30, "touching_face", score=0.8), Region("p2", 60, 90, "illustrative", score=0.4)]
NEVER = {"reject": 0.0, "relabel": 0.0, "move": 0.0, "shift": 0.2, "add": 0.0, "unsure": 0.0}


def only(**shares: float) -> Habits:
    return Habits(**(NEVER | shares))


def test_accepting_keeps_frames_labels_and_ids():
    answer, actions = decide("a", "c1", 100, PROPOSALS, only())
    assert [(r.region_id, r.start, r.end, r.label, r.certainty) for r in answer.regions] == [
        ("p1", 10, 30, "touching_face", "sure"),
        ("p2", 60, 90, "illustrative", "sure"),
    ]
    assert actions == Counter(accept=2)


def test_rejecting_all_says_nothing_here():
    answer, actions = decide("a", "c1", 100, PROPOSALS, only(reject=1.0))
    assert (answer.verdict, answer.regions) == ("nothing", ())
    assert actions == Counter(reject=2, nothing=1)


def test_relabelling_stays_in_the_body_part_where_it_can():
    answer, _ = decide("a", "c1", 100, PROPOSALS, only(relabel=1.0))
    face, talking = answer.regions
    assert face.label != "touching_face"
    assert by_label(face.label).body_part == "head and face"
    assert talking.label != "illustrative"
    assert (face.start, face.end) == (10, 30)


def test_moving_goes_no_farther_than_its_reach():
    for clip in map(str, range(50)):
        face = decide("a", clip, 100, PROPOSALS, only(move=1.0))[0].regions[0]
        assert abs(face.start - 10) <= 4
        assert abs(face.end - 30) <= 4
        assert face.label == "touching_face"


def test_adding_where_nothing_was_proposed():
    answer, actions = decide("a", "c1", 100, [], only(add=1.0))
    assert len(answer.regions) == 1
    assert actions == Counter(add=1)


def test_the_same_seed_decides_alike_and_names_differ():
    def all_of(name: str, seed: int = 0) -> list:
        return [decide(name, str(clip), 100, PROPOSALS, SCRIPTED[name], seed) for clip in range(30)]

    assert all_of("annotator-1") == all_of("annotator-1")
    assert all_of("annotator-1") != all_of("annotator-1", seed=1)
    assert all_of("annotator-1") != all_of("annotator-2")


def test_shares_are_kept():
    actions = sum(
        (decide("annotator-2", str(c), 100, PROPOSALS, SCRIPTED["annotator-2"])[1] for c in range(1000)), Counter()
    )
    # Of 2,000 proposals; four standard deviations are at most 90.
    assert actions["reject"] == pytest.approx(400, abs=90)
    assert actions["relabel"] == pytest.approx(300, abs=90)
    assert actions["move"] == pytest.approx(500, abs=90)


@given(st.integers(1, 60), st.text(min_size=1), st.sampled_from(sorted(SCRIPTED)))
def test_what_they_say_can_always_be_taken(n_frames, clip, name):
    proposals = [Region("p1", 0, n_frames, "head_up"), Region("p2", n_frames - 1, n_frames, "touching_hat")]
    answer, _ = decide(name, clip, n_frames, proposals, SCRIPTED[name])
    assert from_result(to_result(answer), n_frames).verdict == answer.verdict
