"""Reading opinions out of the annotations table."""

from __future__ import annotations

from datetime import UTC, datetime

from annotate.opinions import Opinion, Segment, opinions_by_window
from tests.annotate.datasets import table
from tests.manifests.samples import annotation


def test_rows_of_one_submission_are_one_opinion():
    rows = [
        annotation("a1", start=30, end=40, label="head_up", certainty=None),
        annotation("a2", start=10, end=20, description="left hand"),
        annotation("b1", submission_id="s2", annotator_id="A02", verdict="nothing", start=None, end=None, label=None),
    ]
    first = (Segment(10, 20, "touching_neck", "sure", "left hand"), Segment(30, 40, "head_up"))
    assert opinions_by_window(table("annotations", rows)) == {
        ("c1", None, None): [Opinion("A01", "gesture", first), Opinion("A02", "nothing")]
    }


def test_the_last_submission_of_an_annotator_counts():
    early, late = (datetime(2026, 1, day, tzinfo=UTC) for day in (2, 3))
    rows = [
        annotation("a1", submission_id="z", created_at=early, start=0, end=5),
        annotation("a2", submission_id="a", created_at=late, start=7, end=9),
    ]
    (opinion,) = opinions_by_window(table("annotations", rows))["c1", None, None]
    assert [(s.start, s.end) for s in opinion.segments] == [(7, 9)]


def test_windows_of_a_clip_are_judged_apart():
    rows = [
        annotation("b", submission_id="s2", window_start=100, window_end=250, start=110, end=120),
        annotation("a", submission_id="s1", window_start=0, window_end=150, start=110, end=121),
    ]
    found = opinions_by_window(table("annotations", rows))
    assert list(found) == [("c1", 0, 150), ("c1", 100, 250)]
    assert [s.end for (opinion,) in found.values() for s in opinion.segments] == [121, 120]
