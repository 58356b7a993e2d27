"""ELAN's files in and out; what is in them is simulated."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.errors import BadInput
from manifests.importers.elan import frame_at, milliseconds_at, read_elan, write_elan
from manifests.importers.recording import Collection, Opinion, Reading, Span
from manifests.taxonomy import LABELS
from tests.manifests.importers.simulated import assert_same, outgoing, recording, spans

# As ELAN 6 saves it: an annotator's tier, a tier of nobody, a child tier, slots out of order.
HAND_WRITTEN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2024-05-01T10:00:00+02:00" FORMAT="3.0" VERSION="3.0"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
        <MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/talk.mp4" MIME_TYPE="video/mp4" RELATIVE_MEDIA_URL="./talk.mp4"/>
        <PROPERTY NAME="lastUsedAnnotationId">4</PROPERTY>
    </HEADER>
    <TIME_ORDER>
        <TIME_SLOT TIME_SLOT_ID="ts1" TIME_VALUE="0"/>
        <TIME_SLOT TIME_SLOT_ID="ts3" TIME_VALUE="1020"/>
        <TIME_SLOT TIME_SLOT_ID="ts2" TIME_VALUE="480"/>
        <TIME_SLOT TIME_SLOT_ID="ts4" TIME_VALUE="1025"/>
    </TIME_ORDER>
    <TIER ANNOTATOR="Bo Berg" LINGUISTIC_TYPE_REF="default-lt" PARTICIPANT="Ana Ruiz" TIER_ID="hands">
        <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="ts1" TIME_SLOT_REF2="ts2">
            <ANNOTATION_VALUE>Touching ears</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="agreed">
        <ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a2" TIME_SLOT_REF1="ts3" TIME_SLOT_REF2="ts4">
            <ANNOTATION_VALUE>biting_nails</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="description" PARENT_REF="agreed" TIER_ID="how">
        <ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a3" ANNOTATION_REF="a2">
            <ANNOTATION_VALUE>the left thumb</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION>
    </TIER>
    <TIER LINGUISTIC_TYPE_REF="translation" PARENT_REF="agreed" TIER_ID="other"/>
    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>
</ANNOTATION_DOCUMENT>
"""


def _read(path: Path, fps: Fraction | None = None) -> Collection:
    return read_elan(path, Reading(fps=fps))


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_of_elan(tmp_path: Path):
    collection = _read(_write(tmp_path / "talk.eaf", HAND_WRITTEN), Fraction(25))
    (found,) = collection.recordings
    # At 25 fps a frame lasts 40 ms: 480 ms is frame 12, 1020 ms lies midway between 25 and 26 and goes up, 1025 ms is 26 too,
    # so the agreed stretch gets the one frame that it needs.
    assert found.opinions == (Opinion("A01", 0, 12, "touching_ears"),)
    assert found.gestures == (Span(26, 27, "biting_nails", "the left thumb"),)
    assert (found.name, found.n_frames, collection.labels) == ("talk", 27, LABELS)
    assert found.person == "P0001"


def test_no_name_of_a_person_or_an_annotator_is_kept_and_codes_are(tmp_path: Path):
    text = HAND_WRITTEN.replace("Bo Berg", "A01").replace("Ana Ruiz", "P0007")
    _write(tmp_path / "a.eaf", text)
    _write(tmp_path / "b.eaf", HAND_WRITTEN)
    a, b = _read(tmp_path, Fraction(25)).recordings
    assert (a.person, a.opinions[0].annotator) == ("P0007", "A01")
    assert (b.person, b.opinions[0].annotator) == ("P0001", "A02"), "A01 is taken"


def test_other_values_are_the_taxonomy(tmp_path: Path):
    collection = _read(_write(tmp_path / "talk.eaf", HAND_WRITTEN.replace("biting_nails", "beat")), Fraction(25))
    assert collection.labels == ("beat", "touching_ears")
    with pytest.raises(BadInput, match="'beat' is none of the 1 classes"):
        list(read_elan(tmp_path, Reading(fps=Fraction(25), labels=("touching_ears",))).recordings)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<TIER LING", "<TIER <LING", r"talk\.eaf, line 18, column 11: not well-formed"),
        ("<ANNOTATION_DOCUMENT", "<!DOCTYPE x [<!ENTITY a 'b'>]><ANNOTATION_DOCUMENT", "declares a document type"),
        ("ANNOTATION_DOCUMENT", "OTHER", "its root is OTHER"),
        ('"milliseconds"', '"PAL-frames"', "its times are PAL-frames"),
        ('TIME_VALUE="480"', 'TIME_VALUE="later"', "time slot ts2: 'later' is not a number"),
        (' TIME_VALUE="480"', "", r"tier 'hands', annotation a1: its beginning or end has no time"),
        ("Touching ears", " ", r"tier 'hands', annotation a1: it has no value"),
        ('TIME_VALUE="480"', 'TIME_VALUE="0"', r"tier 'hands', annotation a1: .* empty or reversed"),
        ("lastUsedAnnotationId", "mgcollect:frames", r"annotation a1: .* outside the recording, which has 4 frames"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, old: str, new: str, message: str):
    text = HAND_WRITTEN.replace(old, new)
    with pytest.raises(BadInput, match=message):
        list(_read(_write(tmp_path / "talk.eaf", text), Fraction(25)).recordings)


def test_entities_are_never_followed(tmp_path: Path):
    secret = _write(tmp_path / "secret.txt", "hunter2")
    head = f'<?xml version="1.0"?>\n<!DOCTYPE x [<!ENTITY e SYSTEM "{secret.as_uri()}">]>\n'
    with pytest.raises(BadInput, match="declares a document type"):
        _read(_write(tmp_path / "talk.eaf", head + HAND_WRITTEN.split("\n", 1)[1].replace("beat", "&e;")), Fraction(25))


def test_a_rate_is_needed(tmp_path: Path):
    path = _write(tmp_path / "talk.eaf", HAND_WRITTEN)
    with pytest.raises(BadInput, match="Say the video's frame rate"):
        _read(path)
    path.write_text(HAND_WRITTEN.replace("lastUsedAnnotationId", "mgcollect:fps").replace(">4<", ">fast<"))
    with pytest.raises(BadInput, match="'fast' is not a frame rate"):
        _read(path)


rates = st.sampled_from(
    [Fraction(25), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60), Fraction(12), Fraction(999)]
)


@given(frame=st.integers(0, 10_000_000), fps=rates | st.fractions(Fraction(1, 10), Fraction(999)))
def test_frames_survive_milliseconds(frame: int, fps: Fraction):
    assert frame_at(milliseconds_at(frame, fps), fps) == frame


def test_times_by_hand():
    # 29.97 fps: frame 100 begins at 100 * 1001 / 30 = 3336.67 ms; frame 1 at 33.37.
    assert [milliseconds_at(frame, Fraction(30000, 1001)) for frame in (0, 1, 100)] == [0, 33, 3337]
    # 16 fps: frame 1 begins at 62.5 ms, and half a millisecond goes up.
    assert milliseconds_at(1, Fraction(16)) == 63
    # 25 fps: 19 ms is nearer to frame 0, 20 ms lies between both and goes up.
    assert [frame_at(time, Fraction(25)) for time in (19, 20, 21)] == [0, 1, 1]


texts = st.none() | st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=9
).filter(lambda text: text.strip() == text)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), fps=rates, person=st.sampled_from(["", "P0007"]))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, fps: Fraction, person: str):
    """Overlapping stretches of several annotators and the agreed ones, with descriptions in any script."""
    n_frames = data.draw(st.integers(2, 2000))
    some = ("touching_ears", "biting_nails", "illustrative")
    agreed = tuple(replace(span, description=data.draw(texts)) for span in data.draw(spans(n_frames, some)))
    opinions = [
        Opinion(who, span.start, span.end, span.label, data.draw(texts))
        for who in ("A01", "A02")
        for span in data.draw(spans(n_frames, some))
    ]
    opinions.sort(key=lambda o: (o.start, o.end, o.label))
    sent = recording("clip 1/2", poses=None, n_frames=n_frames, fps=fps, gestures=agreed, opinions=tuple(opinions))
    marked = bool(agreed or opinions)
    sent = replace(sent, width=0, height=0, person=person if marked else "")
    out = tmp_path_factory.mktemp("elan")
    write_elan(outgoing(sent), out)
    (back,) = _read(out).recordings
    assert_same(
        replace(sent, opinions=tuple(sorted(opinions, key=lambda o: (o.start, o.end, o.label, o.annotator)))),
        replace(back, opinions=tuple(sorted(back.opinions, key=lambda o: (o.start, o.end, o.label, o.annotator)))),
    )


def test_what_xml_cannot_hold_is_a_blank(tmp_path: Path):
    write_elan(outgoing(recording(poses=None, gestures=(Span(0, 10, "head_up", "a\x00b\x0bc"),))), tmp_path)
    (back,) = _read(tmp_path).recordings
    assert back.gestures[0].description == "a b c"


def test_no_tier_overlaps_itself_and_every_reference_is_there(tmp_path: Path):
    spans = (
        Span(0, 10, "head_up", "slowly"),
        Span(5, 12, "head_up"),
        Span(10, 20, "head_up"),
        Span(0, 3, "turtle_neck"),
    )
    write_elan(outgoing(recording(poses=None, gestures=spans)), tmp_path)
    root = ET.parse(tmp_path / "0001.eaf").getroot()  # noqa: S314  (written above)
    times = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE", "")) for slot in root.iter("TIME_SLOT")}
    tiers = {tier.get("TIER_ID"): tier for tier in root.iter("TIER")}
    assert list(tiers) == [
        "gestures head_up",
        "gestures head_up description",
        "gestures head_up (2)",
        "gestures turtle_neck",
    ]
    assert tiers["gestures head_up description"].get("PARENT_REF") == "gestures head_up"
    for tier in tiers.values():
        marks = [
            (times[a.get("TIME_SLOT_REF1")], times[a.get("TIME_SLOT_REF2")]) for a in tier.iter("ALIGNABLE_ANNOTATION")
        ]
        assert all(before[1] <= after[0] for before, after in pairwise(marks))
    types = {kind.get("LINGUISTIC_TYPE_ID") for kind in root.iter("LINGUISTIC_TYPE")}
    assert {tier.get("LINGUISTIC_TYPE_REF") for tier in tiers.values()} == types
    ids = [a.get("ANNOTATION_ID") for a in root.iter() if a.get("ANNOTATION_ID")]
    assert len(ids) == len(set(ids)) == 5
