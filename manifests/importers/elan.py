"""ELAN's annotation files (.eaf, EAF 3.0; Max Planck Institute for Psycholinguistics), one a clip.

Written: a tier for each annotator and label, called "A01 touching_neck", with the annotator in its ANNOTATOR attribute and the
player in PARTICIPANT; agreed gestures on tiers without an annotator, called "gestures touching_neck". ELAN allows no overlap
on a tier, so what overlaps goes to a further tier, "A01 touching_neck (2)". Descriptions are on child tiers. Frame rate and
number of frames are kept as properties of the header, because EAF has no place for them. Verdicts other than gestures, certainty
and times of work have no place either and are not written.

Read: tiers with an ANNOTATOR become annotations, those without become agreed gestures; the value is the label, or the name that
annotators read ("Touching ears"). Where a value is none of the 32 classes, all values together are the taxonomy. Child tiers of
type "description" describe the annotation above them; other child tiers are left out.

PARTICIPANT and ANNOTATOR often hold names, which no release may: whatever is no code (letters and a number) becomes one.

Time: frame f begins at f / fps seconds, written as the nearest millisecond, halves upwards. Read back, a time is the nearest
frame, halves upwards, so every frame survives below 1000 frames a second: a millisecond is off by at most half, which is then
less than half a frame. A stretch shorter than that gets one frame.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import count
from pathlib import Path
from xml.parsers import expat

from manifests.errors import BadInput
from manifests.importers.recording import Collection, Opinion, Outgoing, Reading, Recording, Span, file_name, frames_in
from manifests.taxonomy import CLASSES, LABELS

__all__ = ["frame_at", "milliseconds_at", "read_elan", "write_elan"]

_FPS, _FRAMES, _NAME = "mgcollect:fps", "mgcollect:frames", "mgcollect:name"
_AGREED = "gestures"
_DESCRIPTION = "description"
_SCHEMA = "{http://www.w3.org/2001/XMLSchema-instance}noNamespaceSchemaLocation"
_NO_XML = re.compile(r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # characters that XML has no way to hold
_BY_NAME = {c.name.casefold(): c.label for c in CLASSES} | {c.label: c.label for c in CLASSES}


def milliseconds_at(frame: int, fps: Fraction) -> int:
    """When a frame begins, to the nearest millisecond, halves upwards."""
    return _nearest(1000 * frame / fps)


def frame_at(milliseconds: int, fps: Fraction) -> int:
    """The frame whose beginning is nearest to a time, halves upwards."""
    return _nearest(milliseconds * fps / 1000)


def _nearest(value: Fraction) -> int:
    return (value + Fraction(1, 2)).__floor__()


@dataclass(frozen=True)
class _Mark:
    """An annotation on a tier of its own: whose, when (in milliseconds), what."""

    annotator: str
    start: int
    end: int
    value: str
    description: str | None
    where: str


def read_elan(path: Path, reading: Reading) -> Collection:
    """Read one .eaf file, or every one of a folder.

    Raises:
        BadInput: a file is damaged, declares a document type (which could name other files), keeps time in other units than
            milliseconds, or says no frame rate and `reading` neither.
    """
    files = sorted(path.glob("*.eaf")) if path.is_dir() else [path]
    documents = [(file, _parse(file)) for file in files]
    marks = [list(_marks(file, root)) for file, root in documents]
    labels = reading.labels or _taxonomy(mark.value for some in marks for mark in some)
    annotators = _codes({mark.annotator for some in marks for mark in some}, "A{:02d}")
    people = _codes({person for _, root in documents for person in _participants(root)}, "P{:04d}")
    recordings = [
        _recording(file, root, [replace(mark, annotator=annotators[mark.annotator]) for mark in some], labels, reading)
        for (file, root), some in zip(documents, marks, strict=True)
    ]
    recordings = [replace(recording, person=people[recording.person]) for recording in recordings]
    notes = [] if labels == LABELS else ["The classes are the values found on the tiers."]
    return Collection(recordings, labels, notes=notes)


def _parse(file: Path) -> ET.Element:
    data = file.read_bytes()
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise BadInput(f"{file}: it declares a document type, which no file of ELAN does. It is refused.")

    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise BadInput(
            f"{file}, line {error.lineno}, column {error.offset + 1}: {expat.errors.messages[error.code]}. Get the file anew."
        ) from error
    root = ET.fromstring(data)  # noqa: S314  (without a document type there are no entities)
    if root.tag != "ANNOTATION_DOCUMENT":
        raise BadInput(f"{file}: its root is {root.tag}, so it is no file of ELAN.")
    header = root.find("HEADER")
    units = "milliseconds" if header is None else header.get("TIME_UNITS", "milliseconds")
    if units != "milliseconds":
        raise BadInput(f"{file}: its times are {units}. Save it with ELAN 4 or newer, which writes milliseconds.")
    return root


def _marks(file: Path, root: ET.Element) -> Iterator[_Mark]:
    times = dict(_times(file, root))
    described = _descriptions(root)
    for tier in root.iter("TIER"):
        if tier.get("PARENT_REF"):
            continue
        name = tier.get("TIER_ID", "?")
        for annotation in tier.iter("ALIGNABLE_ANNOTATION"):
            identity = annotation.get("ANNOTATION_ID", "?")
            where = f"{file}, tier {name!r}, annotation {identity}"
            value = (annotation.findtext("ANNOTATION_VALUE") or "").strip()
            if not value:
                raise BadInput(f"{where}: it has no value. Write its class there, or delete it.")
            ends = [times.get(annotation.get(f"TIME_SLOT_REF{n}", "")) for n in (1, 2)]
            if ends[0] is None or ends[1] is None:
                raise BadInput(f"{where}: its beginning or end has no time. Align it in ELAN.")
            yield _Mark(tier.get("ANNOTATOR", "").strip(), ends[0], ends[1], value, described.get(identity), where)


def _participants(root: ET.Element) -> set[str]:
    return {tier.get("PARTICIPANT", "").strip() for tier in root.iter("TIER")} - {""}


def _codes(names: set[str], form: str) -> dict[str, str]:
    """Each name with what it may be called in a release: itself if it is a code, else the next free one."""
    codes = {"": ""} | {name: name for name in names if re.fullmatch(r"[A-Za-z]{1,3}[-_]?\d+", name)}
    free = (code for number in count(1) if (code := form.format(number)) not in codes)
    return codes | {name: next(free) for name in sorted(names - codes.keys())}


def _times(file: Path, root: ET.Element) -> Iterator[tuple[str, int]]:
    for slot in root.iter("TIME_SLOT"):
        if (text := slot.get("TIME_VALUE")) is None:
            continue
        if not text.isdecimal():
            raise BadInput(f"{file}, time slot {slot.get('TIME_SLOT_ID')}: {text!r} is not a number of milliseconds.")
        yield slot.get("TIME_SLOT_ID", ""), int(text)


def _descriptions(root: ET.Element) -> dict[str, str]:
    """Id of an annotation -> the text on the child tier of type "description"."""
    return {
        annotation.get("ANNOTATION_REF", ""): text
        for tier in root.iter("TIER")
        if tier.get("PARENT_REF") and tier.get("LINGUISTIC_TYPE_REF") == _DESCRIPTION
        for annotation in tier.iter("REF_ANNOTATION")
        if (text := annotation.findtext("ANNOTATION_VALUE"))
    }


def _taxonomy(values: Iterable[str]) -> tuple[str, ...]:
    found = set(values)
    return LABELS if all(_label(value) in LABELS for value in found) else tuple(sorted(map(_label, found)))


def _label(value: str) -> str:
    return _BY_NAME.get(value.casefold(), value)


def _recording(
    file: Path, root: ET.Element, marks: list[_Mark], labels: tuple[str, ...], reading: Reading
) -> Recording:
    properties = {p.get("NAME", ""): p.text or "" for p in root.iter("PROPERTY")}
    fps = _fps(file, properties, reading)
    spans = [_frames(mark, fps) for mark in marks]
    n_frames = max((end for _, end in spans), default=0)
    if _FRAMES in properties:
        if not properties[_FRAMES].isdecimal():
            raise BadInput(f"{file}, property {_FRAMES}: {properties[_FRAMES]!r} is not a number of frames.")
        n_frames = int(properties[_FRAMES])
    gestures, opinions = [], []
    for mark, (start, end) in zip(marks, spans, strict=True):
        frames_in(mark.where, start, end, n_frames)
        label = _label(mark.value)
        if label not in labels:
            raise BadInput(f"{mark.where}: {mark.value!r} is none of the {len(labels)} classes that were given.")
        if mark.annotator:
            opinions.append(Opinion(mark.annotator, start, end, label, mark.description))
        else:
            gestures.append(Span(start, end, label, mark.description))
    participants = _participants(root)
    return Recording(
        name=properties.get(_NAME) or file.stem,
        person=participants.pop() if len(participants) == 1 else "",
        fps=fps,
        n_frames=n_frames,
        gestures=tuple(sorted(gestures, key=lambda span: (span.start, span.end, span.label))),
        opinions=tuple(sorted(opinions, key=lambda mark: (mark.start, mark.end, mark.label, mark.annotator))),
        width=reading.width,
        height=reading.height,
    )


def _fps(file: Path, properties: dict[str, str], reading: Reading) -> Fraction:
    try:
        fps = reading.fps or Fraction(properties[_FPS])
    except KeyError:
        raise BadInput(f"{file}: ELAN keeps milliseconds, not frames. Say the video's frame rate.") from None
    except (ValueError, ZeroDivisionError):
        raise BadInput(f"{file}, property {_FPS}: {properties[_FPS]!r} is not a frame rate.") from None
    if not 0 < fps < 1000:
        raise BadInput(f"{file}: {fps} frames a second can't be kept in milliseconds.")
    return fps


def _frames(mark: _Mark, fps: Fraction) -> tuple[int, int]:
    start, end = frame_at(mark.start, fps), frame_at(mark.end, fps)
    return start, max(end, start + 1) if mark.end > mark.start else end


def write_elan(outgoing: Outgoing, out: Path) -> None:
    """Write a file a clip.

    Raises:
        BadInput: two clips would get one file's name, or a clip's rate is 1000 frames a second or more.
    """
    for recording in outgoing.recordings:
        if recording.fps >= 1000:
            raise BadInput(f"Clip {recording.name}: {recording.fps} frames a second can't be kept in milliseconds.")
        path = out / f"{file_name(recording.name)}.eaf"
        if path.exists():
            raise BadInput(f"Two clips would be called {path.name}. Give one of them another name.")
        document = _document(recording)
        ET.indent(document)
        ET.ElementTree(document).write(path, encoding="UTF-8", xml_declaration=True)


def _document(recording: Recording) -> ET.Element:
    attributes = {"AUTHOR": "mgcollect", "DATE": "1970-01-01T00:00:00+00:00", "FORMAT": "3.0", "VERSION": "3.0"}
    root = ET.Element("ANNOTATION_DOCUMENT", attributes | {_SCHEMA: "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"})
    header = ET.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    media = f"{file_name(recording.name)}.mp4"
    ET.SubElement(header, "MEDIA_DESCRIPTOR", MEDIA_URL=media, MIME_TYPE="video/mp4", RELATIVE_MEDIA_URL=f"./{media}")
    said = {_FPS: str(recording.fps), _FRAMES: str(recording.n_frames), _NAME: recording.name}
    for name, text in said.items():
        ET.SubElement(header, "PROPERTY", NAME=name).text = text
    order = ET.SubElement(root, "TIME_ORDER")
    agreed = [Opinion("", s.start, s.end, s.label, s.description) for s in recording.gestures]
    slots = annotations = 0
    for tier, marks in _tiers([*agreed, *recording.opinions]):
        attributes = {"TIER_ID": tier, "LINGUISTIC_TYPE_REF": "gesture"}
        attributes |= {"PARTICIPANT": recording.person} if recording.person else {}
        attributes |= {"ANNOTATOR": marks[0].annotator} if marks[0].annotator else {}
        element = ET.SubElement(root, "TIER", attributes)
        described: list[tuple[str, str]] = []
        for mark in marks:
            annotations += 1
            references = {}
            for n, frame in enumerate((mark.start, mark.end), 1):
                slots += 1
                references[f"TIME_SLOT_REF{n}"] = f"ts{slots}"
                time = str(milliseconds_at(frame, recording.fps))
                ET.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=f"ts{slots}", TIME_VALUE=time)
            _annotation(element, "ALIGNABLE_ANNOTATION", f"a{annotations}", mark.label, references)
            if mark.description:
                described.append((f"a{annotations}", mark.description))
        if described:
            attributes |= {"TIER_ID": f"{tier} {_DESCRIPTION}", "LINGUISTIC_TYPE_REF": _DESCRIPTION, "PARENT_REF": tier}
            element = ET.SubElement(root, "TIER", attributes)
            for reference, text in described:
                annotations += 1
                _annotation(element, "REF_ANNOTATION", f"a{annotations}", text, {"ANNOTATION_REF": reference})
    _types(root)
    return root


def _annotation(tier: ET.Element, kind: str, identity: str, value: str, references: dict[str, str]) -> None:
    annotation = ET.SubElement(ET.SubElement(tier, "ANNOTATION"), kind, {"ANNOTATION_ID": identity, **references})
    ET.SubElement(annotation, "ANNOTATION_VALUE").text = _NO_XML.sub(" ", value)


def _types(root: ET.Element) -> None:
    ET.SubElement(
        root, "LINGUISTIC_TYPE", GRAPHIC_REFERENCES="false", LINGUISTIC_TYPE_ID="gesture", TIME_ALIGNABLE="true"
    )
    constraint = "Symbolic_Association"
    ET.SubElement(
        root,
        "LINGUISTIC_TYPE",
        CONSTRAINTS=constraint,
        GRAPHIC_REFERENCES="false",
        LINGUISTIC_TYPE_ID=_DESCRIPTION,
        TIME_ALIGNABLE="false",
    )
    about = "1-1 association with a parent annotation"
    ET.SubElement(root, "CONSTRAINT", DESCRIPTION=about, STEREOTYPE=constraint)


def _tiers(marks: list[Opinion]) -> Iterator[tuple[str, list[Opinion]]]:
    """Marks by annotator and label, further divided where they overlap; names of tiers are their own."""
    grouped: dict[tuple[str, str], list[list[Opinion]]] = {}
    for mark in sorted(marks, key=lambda mark: (mark.annotator, mark.label, mark.start, mark.end)):
        lanes = grouped.setdefault((mark.annotator, mark.label), [])
        lane = next((lane for lane in lanes if lane[-1].end <= mark.start), None)
        if lane is None:
            lanes.append([mark])
        else:
            lane.append(mark)
    for (annotator, label), lanes in grouped.items():
        for number, lane in enumerate(lanes, 1):
            yield f"{annotator or _AGREED} {label}" + (f" ({number})" if number > 1 else ""), lane
