"""Consensus against clips whose outcome was worked out by hand."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.consensus import agreed_gestures, consensus
from annotate.opinions import Opinion, Segment
from manifests.errors import BadInput
from manifests.ids import gesture_id
from manifests.taxonomy import LABELS
from manifests.workspace import open_workspace
from tests.annotate.datasets import dataset, table
from tests.annotate.test_report_page import crowd_dataset
from tests.manifests.samples import annotation


def says(who: str, *segments: Segment) -> Opinion:
    return Opinion(who, "gesture" if segments else "nothing", segments)


def test_three_annotators_by_hand():
    opinions = [
        says("A01", Segment(10, 30, "touching_face", "sure", "left hand"), Segment(60, 70, "head_up")),
        says("A02", Segment(12, 33, "touching_face"), Segment(80, 90, "biting_nails")),
        says("A03", Segment(14, 31, "touching_jaw", "sure", "left hand")),
    ]
    (found,) = agreed_gestures(opinions)
    # Medians of 10, 12, 14 and of 30, 33, 31; two of three say touching_face; the others were seen by one of three.
    assert (found.start, found.end, found.label) == (12, 31, "touching_face")
    assert found.agreement == pytest.approx(2 / 3)
    assert found.marked_by == ("A01", "A02", "A03")
    assert found.description == "left hand (A01, A03)"
    assert len(agreed_gestures(opinions, min_support=0)) == 3


def test_a_majority_is_more_than_half():
    opinions = [says("A01", Segment(10, 30, "head_up")), says("A02")]
    assert agreed_gestures(opinions) == []
    (found,) = agreed_gestures(opinions, min_support=0.4)
    assert found.agreement == 0.5


def test_half_frames_round_up():
    opinions = [says("A01", Segment(10, 30, "head_up")), says("A02", Segment(11, 33, "head_up"))]
    (found,) = agreed_gestures(opinions)
    assert (found.start, found.end) == (11, 32)


@pytest.mark.parametrize(
    ("first", "second", "label"),
    [
        (("touching_jaw", "unsure"), ("touching_face", "sure"), "touching_face"),  # more certainty
        (("touching_jaw", None), ("touching_face", "unsure"), "touching_jaw"),
        (("touching_jaw", "sure"), ("touching_face", "sure"), "touching_face"),  # 7 comes before 10 in the taxonomy
    ],
)
def test_tied_labels(first, second, label):
    opinions = [says("A01", Segment(0, 10, *first)), says("A02", Segment(0, 10, *second))]
    (found,) = agreed_gestures(opinions)
    assert (found.label, found.agreement) == (label, 0.5)


def test_an_annotator_stands_once_in_a_gesture():
    # Both of Ana's segments overlap Bo's; the closer one is his, the other stays alone.
    opinions = [
        says("A01", Segment(0, 10, "head_up"), Segment(1, 14, "head_up")),
        says("A02", Segment(0, 11, "head_up")),
    ]
    (found,) = agreed_gestures(opinions)
    assert (found.start, found.end) == (0, 11)
    assert len(agreed_gestures(opinions, min_support=0)) == 2


def test_a_chain_is_no_gesture():
    # 0-10 and 8-18 don't overlap enough; that 4-14 overlaps both does not make the three one.
    opinions = [
        says("A01", Segment(0, 10, "head_up")),
        says("A02", Segment(4, 14, "head_up")),
        says("A03", Segment(8, 18, "head_up")),
    ]
    found = agreed_gestures(opinions, tiou=0.4, min_support=0)
    assert sorted(len(gesture.marked_by) for gesture in found) == [1, 2]


segments = st.builds(
    lambda start, length, label, certainty: Segment(start, start + length, label, certainty),
    st.integers(0, 40),
    st.integers(1, 20),
    st.sampled_from(LABELS[:3]),
    st.sampled_from(["sure", "unsure", None]),
)
crowds = st.lists(st.lists(segments, max_size=4), min_size=1, max_size=4).map(
    lambda crowd: [says(f"A{i:02d}", *marked) for i, marked in enumerate(crowd)]
)


@given(crowds, st.sampled_from([0.0, 0.5, 0.75]), st.sampled_from([0.1, 0.5, 0.9]))
def test_what_always_holds(opinions, min_support, tiou):
    found = agreed_gestures(opinions, min_support=min_support, tiou=tiou)
    starts = [segment.start for opinion in opinions for segment in opinion.segments]
    ends = [segment.end for opinion in opinions for segment in opinion.segments]
    for gesture in found:
        assert min(starts) <= gesture.start < gesture.end <= max(ends)
        assert len(set(gesture.marked_by)) == len(gesture.marked_by) > min_support * len(opinions)
        assert 0 < gesture.agreement <= len(gesture.marked_by) / len(opinions)
    assert len({(g.start, g.end, g.label) for g in found}) == len(found)


@given(crowds)
def test_one_annotator_alone_is_right(opinions):
    alone = opinions[0]
    found = agreed_gestures([alone])
    assert {(g.start, g.end, g.label) for g in found} == {(s.start, s.end, s.label) for s in alone.segments}


@pytest.mark.parametrize(("options", "text"), [({"min_support": 1}, "min-support"), ({"tiou": 0}, "tiou")])
def test_options_out_of_range(options, text):
    with pytest.raises(BadInput, match=text):
        agreed_gestures([says("A01")], **options)


def test_the_table(tmp_path):
    def row(name: str, clip: str, who: str, **changes):
        return annotation(name, clip, submission_id=f"{clip}-{who}", annotator_id=who, **changes)

    none = {"start": None, "end": None, "label": None, "certainty": None}
    rows = [
        row("1", "c1", "A01", start=10, end=30, label="head_up"),
        row("2", "c1", "A02", start=10, end=30, label="head_up"),
        row("3", "c2", "A01", verdict="unusable", **none),
        row("4", "c2", "A02", start=5, end=9),
        row("5", "c2", "A03", verdict="unusable", **none),
        row("6", "c3", "A01", verdict="nothing", **none),
        row("7", "c3", "A02", start=5, end=9),
    ]
    with dataset(tmp_path / "d", ["c1", "c2", "c3"], []) as workspace:
        workspace.write("annotations", table("annotations", rows))
        report = consensus(workspace)
        (gesture,) = workspace.read("gestures").to_pylist()
    assert (report.clips, report.unusable, report.empty, report.candidates, report.gestures) == (3, 1, 1, 2, 1)
    assert report.per_class == {"head_up": 1}
    assert gesture["gesture_id"] == gesture_id("c1", 10, 30, "head_up")
    assert (gesture["video_id"], gesture["player_id"]) == ("v1", "P0001")
    assert (gesture["n_annotators"], gesture["agreement"], gesture["adjudicated"]) == (2, 1.0, False)
    assert report.rule == "majority"  # two annotators are too few for the label model
    assert report.disputes


def test_the_label_model_decides_where_three_judged_enough_clips(tmp_path):
    with open_workspace(tmp_path / "d", create=True) as workspace:
        crowd_dataset(tmp_path / "d", workspace, clips=30, extra=0)
        report = consensus(workspace)
        believed = workspace.read("gestures").to_pylist()
        voted = consensus(workspace, rule="majority")
        crowd_dataset(tmp_path / "d", workspace, clips=29, extra=0)
        few = consensus(workspace)
        written = json.loads((workspace.root / "reports" / "disputes.json").read_text())
    assert (report.rule, voted.rule, few.rule) == ("dawid-skene", "majority", "majority")
    assert len(believed) == report.gestures > 0
    assert all(row["made_by"].startswith("mgcollect") and "dawid-skene" in row["made_by"] for row in believed)
    assert all(0 <= row["start"] < row["end"] <= 500 and row["n_annotators"] == 3 for row in believed)
    certainties = [dispute["certainty"] for dispute in report.disputes]
    assert certainties == sorted(certainties)
    assert max(certainties) <= 0.8
    # What is disputed says who said what, and its chances are what the annotators gave.
    assert all(dispute["said"] and sum(dispute["chances"].values()) + dispute["nothing"] <= 1.05 for dispute in written)
