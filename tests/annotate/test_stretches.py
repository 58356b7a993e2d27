"""A clip's frames and those of the windows that its tasks show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.opinions import Segment
from annotate.stretches import Judged, Stretch, read_judged
from manifests.errors import BadInput
from manifests.workspace import open_workspace
from tests.annotate.datasets import table
from tests.manifests.samples import annotation, clip, proposal

FIRST, SECOND = Stretch("c1", 0, 60, whole=False), Stretch("c1", 50, 100, whole=False)


def test_a_whole_clip_goes_by_its_own_name():
    assert Stretch.of("c1", 0, 100, 100).key == "c1"
    assert Stretch.of("c1", 50, 100, 100).key == "c1@50-100"


def test_a_gesture_is_shown_where_its_middle_lies_and_cut_at_the_border():
    assert FIRST.inside(10, 20) == (10, 20)
    assert FIRST.inside(52, 66) == (52, 60)  # its middle, 59, is the last frame shown
    assert FIRST.inside(54, 68) is None
    assert SECOND.inside(52, 66) == (2, 16)
    assert SECOND.inside(40, 60) is None  # frames 40 to 59: the middle, 49.5, is not shown
    assert SECOND.inside(41, 61) == (0, 11)


@given(st.integers(0, 99), st.integers(1, 100))
def test_every_gesture_is_shown_somewhere_and_never_outside(start, length):
    end = min(start + length, 100)
    shown = [(one, one.inside(start, end)) for one in (FIRST, SECOND)]
    assert any(at for _, at in shown)
    for one, at in shown:
        if at:
            assert 0 <= at[0] < at[1] <= one.end - one.start
            assert start <= one.start + at[0] < one.start + at[1] <= end


def test_proposals_and_gold_as_a_window_shows_them():
    judged = Judged({one.key: one for one in (FIRST, SECOND)}, {})
    rows = [proposal("p1", start=5, end=9), proposal("p2", start=52, end=58), proposal("p3", "other", start=0, end=3)]
    shown = judged.proposals({"c1": rows[:2], "other": rows[2:]})
    assert {key: [(r["proposal_id"], r["start"], r["end"]) for r in found] for key, found in shown.items()} == {
        "c1@0-60": [("p1", 5, 9), ("p2", 52, 58)],
        "c1@50-100": [("p2", 2, 8)],
    }
    assert judged.gold({"c1": [Segment(70, 80, "head_up")]}) == {
        "c1@0-60": (),
        "c1@50-100": (Segment(20, 30, "head_up"),),
    }
    assert judged.gold({}) == {}


def test_what_was_judged_counts_from_the_window(tmp_path):
    with open_workspace(tmp_path / "d", create=True) as workspace:
        with pytest.raises(BadInput, match="no annotations yet"):
            read_judged(workspace)
        rows = [
            annotation("a", submission_id="s1", start=55, end=70, window_start=50, window_end=100),
            annotation("b", "c2", submission_id="s2", start=1, end=2),
        ]
        workspace.write("annotations", table("annotations", rows))
        workspace.write("clips", table("clips", [clip("c1")]))
        with pytest.raises(BadInput, match="1 annotated clips are not in the clips table, such as c2"):
            read_judged(workspace)
        workspace.write("clips", table("clips", [clip("c1"), clip("c2", n_frames=7)]))
        judged = read_judged(workspace)
    assert judged.n_frames == {"c1@50-100": 50, "c2": 7}
    assert [(s.start, s.end) for s in judged.opinions["c1@50-100"][0].segments] == [(5, 20)]
