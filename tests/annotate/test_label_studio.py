"""Frames and gestures through Label Studio's words and back, and what is wrong with results that can't be taken."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_studio_sdk.label_interface import LabelInterface

from annotate.label_studio import Answer, Region, from_result, prediction, to_result
from annotate.labelling_config import labelling_config
from manifests.errors import BadInput, ItemFailed
from manifests.taxonomy import LABELS
from tests.annotate.datasets import N_FRAMES, proposal

# What a browser sent for a proposal that was taken over, called sure and described; frames as its timeline showed them.
FROM_THE_BROWSER = [
    {
        "value": {"ranges": [{"start": 11, "end": 30}], "timelinelabels": ["head_up"]},
        "id": "p1",
        "from_name": "gesture",
        "to_name": "video",
        "type": "timelinelabels",
        "origin": "prediction-changed",
        "score": 0.5,
    },
    {
        "value": {"ranges": [{"start": 11, "end": 30}], "choices": ["sure"]},
        "id": "p1",
        "from_name": "certainty",
        "to_name": "video",
        "type": "choices",
        "origin": "prediction-changed",
    },
    {
        "value": {"ranges": [{"start": 11, "end": 30}], "text": ["chin goes up"]},
        "id": "p1",
        "from_name": "description",
        "to_name": "video",
        "type": "textarea",
        "origin": "prediction-changed",
    },
]


@st.composite
def answers(draw):
    spans = draw(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=6))
    regions = [
        Region(
            f"r{place}",
            min(a, b),
            max(a, b) + 1,
            draw(st.sampled_from(LABELS)),
            draw(st.sampled_from([None, "sure", "unsure"])),
            draw(st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1)),
        )
        for place, (a, b) in enumerate(spans)
    ]
    ordered = tuple(sorted(regions, key=lambda r: (r.start, r.end, r.region_id)))
    return Answer("gesture" if ordered else draw(st.sampled_from(["nothing", "unusable"])), ordered)


@given(answers())
def test_answers_survive_the_round_trip(answer):
    assert from_result(to_result(answer), n_frames=100) == answer


@given(answers())
def test_label_studio_takes_every_answer(answer):
    interface = LabelInterface(labelling_config())
    assert interface.validate_annotation({"result": to_result(answer)}) is True


def test_frames_by_hand():
    # One second at 25 frames a second, from 1.00 s on: our frames 25 to 49, Label Studio's 26 to 50.
    (item,) = to_result(Answer("gesture", (Region("r", 25, 50, "head_up"),)))
    assert item["value"]["ranges"] == [{"start": 26, "end": 50}]


def test_what_a_browser_sends():
    assert from_result(FROM_THE_BROWSER, 50) == Answer(
        "gesture", (Region("p1", 10, 30, "head_up", "sure", "chin goes up"),)
    )


def region(start=1, end=5, label="head_up", name="r", **changes):
    value = {"ranges": [{"start": start, "end": end}], "timelinelabels": [label]}
    return {"id": name, "from_name": "gesture", "to_name": "video", "type": "timelinelabels", "value": value} | changes


def verdict(word):
    return {"id": word, "from_name": "verdict", "to_name": "video", "type": "choices", "value": {"choices": [word]}}


@pytest.mark.parametrize(
    ("result", "kind", "text"),
    [
        ([region(0, 5)], "outside_clip", "frames 0 to 5 of a clip with frames 1 to 50"),
        ([region(48, 51)], "outside_clip", "frames 48 to 51"),
        ([region(9, 8)], "outside_clip", "frames 9 to 8"),
        ([region(1.5, 8)], "unreadable", "not one range of frames"),
        ([region("x", 8)], "unreadable", "not one range of frames"),
        ([region(label="nose_picking")], "unknown_label", "'nose_picking' is none of the 32 classes"),
        ([region(value={"timelinelabels": ["head_up"]})], "unreadable", "not one range"),
        ([region(value={"ranges": [], "timelinelabels": ["head_up"]})], "unreadable", "not one range"),
        ([region(value={"ranges": [{"start": 1, "end": 2}]})], "unreadable", "one timelinelabels is needed"),
        ([region(), region()], "unreadable", "two regions share the id r"),
        ([region(from_name="box")], "unreadable", "a control named 'box'"),
        ([{"value": {}}], "unreadable", "no readable id"),
        ([FROM_THE_BROWSER[1]], "unreadable", "certainty of p1, but no such region"),
        ([region(), verdict("nothing")], "contradiction", "'Nothing here', and marks 1 gestures"),
        ([verdict("nothing"), verdict("unusable")], "contradiction", "marks 0 gestures"),
        ([verdict("bored")], "unknown_label", "'bored' is unknown"),
        ([], "empty", "marks no gesture and doesn't say 'Nothing here'"),
    ],
)
def test_what_is_wrong_is_said(result, kind, text):
    with pytest.raises(ItemFailed, match=re.escape(text)) as caught:
        from_result(result, n_frames=50)
    assert caught.value.kind == kind


def test_a_prediction():
    rows = [proposal("c1", 20, 50, "touching_face", 0.75), proposal("c1", 0, 10, "head_up", 0.25)]
    found = prediction(rows, N_FRAMES)
    assert found["model_version"] == "by-hand-1"
    assert found["score"] == 0.5
    assert [(i["id"], i["value"]["ranges"][0], i["score"]) for i in found["result"]] == [
        ("c1-0-10-head_up", {"start": 1, "end": 10}, 0.25),
        ("c1-20-50-touching_face", {"start": 21, "end": 50}, 0.75),
    ]
    assert LabelInterface(labelling_config()).validate_prediction(found, return_errors=True) == []


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (proposal("c1", -1, 10, "head_up"), r"frames \[-1, 10\) don't lie in a clip of 50"),
        (proposal("c1", 40, 51, "head_up"), r"\[40, 51\)"),
        (proposal("c1", 10, 10, "head_up"), r"\[10, 10\)"),
        (proposal("c1", 0, 10, "nose_picking"), "none of the 32 classes"),
        (proposal("c1", 0, 10, "head_up", 0.0), "score 0.0"),
        (proposal("c1", 0, 10, "head_up", float("nan")), "score nan"),
    ],
)
def test_bad_proposals_are_not_sent(row, text):
    with pytest.raises(BadInput, match=text):
        prediction([row], N_FRAMES)
