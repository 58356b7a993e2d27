"""What every format is read into and written from: recordings of one person each, with poses and labelled stretches.

Frames are ours, 0-based and half-open; each format's own way of counting is converted in its own file, both ways.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

from manifests.errors import BadInput
from manifests.poses import Poses, Unit, boxes_around
from manifests.taxonomy import LABELS

__all__ = [
    "GIVEN",
    "Collection",
    "Opinion",
    "Outgoing",
    "Protocol",
    "Reading",
    "Recording",
    "Span",
    "file_name",
    "frames_in",
    "person_number",
    "poses_of",
    "pseudonym",
]

GIVEN = "given"  # the protocol of a file that has parts but no name for them


@dataclass(frozen=True)
class Span:
    """An agreed gesture: frames `[start, end)` of its recording.

    Attributes:
        gesture_id: in a release; empty where another format is read.
    """

    start: int
    end: int
    label: str
    description: str | None = None
    gesture_id: str = field(default="", compare=False)


@dataclass(frozen=True)
class Opinion:
    """What one annotator said of frames `[start, end)`."""

    annotator: str
    start: int
    end: int
    label: str
    description: str | None = None


@dataclass(frozen=True)
class Recording:
    """One clip, as a format knows it.

    Attributes:
        name: what the format calls it; no two recordings share it.
        person: pseudonym such as "P0007"; empty if the format doesn't say.
        fps: frames a second.
        n_frames: how many frames it has.
        poses: one row a frame; None where there are none.
        gestures: agreed labels.
        opinions: labels of single annotators.
        width: of the picture in pixels; 0 if unknown.
        height: likewise.
        outcome: win, lose or unknown.
        clip_id: in a release; empty where another format is read.
        video_id: likewise.
    """

    name: str
    person: str
    fps: Fraction
    n_frames: int
    poses: Poses | None = None
    gestures: tuple[Span, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    width: int = 0
    height: int = 0
    outcome: Literal["win", "lose", "unknown"] = "unknown"
    clip_id: str = ""
    video_id: str = ""


@dataclass(frozen=True)
class Protocol:
    """A split that comes with the data.

    Attributes:
        name: what the splits table calls it.
        parts: name of a recording -> train, val or test.
        unit: whether a recording's gestures are divided, or the recordings.
    """

    name: str
    parts: Mapping[str, str]
    unit: Literal["gesture", "video"] = "gesture"


@dataclass
class Collection:
    """What a reader found.

    Attributes:
        recordings: read as they are asked for, so that one is in memory at a time.
        labels: the taxonomy, in the order of class indices.
        protocols: splits that come with the data.
        people: person -> train, val or test, where the data set has official lists of people.
        notes: sentences for the release's README; may grow while `recordings` are read.
    """

    recordings: Iterable[Recording]
    labels: tuple[str, ...] = LABELS
    protocols: tuple[Protocol, ...] = ()
    people: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outgoing:
    """What a writer is given.

    Attributes:
        recordings: the release's kept clips; read as they are asked for.
        labels: its taxonomy.
        splits: protocol -> gesture_id or video_id -> train, val or test (of the first draw).
        notes: sentences for the user about what could not be written; the writer adds them.
    """

    recordings: Iterable[Recording]
    labels: tuple[str, ...] = LABELS
    splits: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reading:
    """What the user says of files that don't say it themselves; None or 0 takes the format's own value or default.

    Attributes:
        fps: frames a second.
        width: of the picture in pixels.
        height: likewise.
        skeleton: the joint set of the poses.
        unit: of the coordinates.
        labels: names of the classes, in the order of their indices.
    """

    fps: Fraction | None = None
    width: int = 0
    height: int = 0
    skeleton: str | None = None
    unit: Unit | None = None
    labels: tuple[str, ...] | None = None


def pseudonym(number: int) -> str:
    """The person of a data set that numbers its subjects: 7 is "P0007"."""
    return f"P{number:04d}"


def person_number(person: str) -> int | None:
    """The way back: "P0007" is 7; None for a person with another pseudonym."""
    match = re.fullmatch(r"P(\d{4,})", person)
    return int(match[1]) if match and pseudonym(int(match[1])) == person else None


def file_name(name: str) -> str:
    """A recording's name as one part of a path: letters, digits, `.`, `_` and `-`, and never a way out of the folder."""
    return re.sub(r"[^\w.-]", "_", name, flags=re.ASCII).lstrip(".") or "_"


def frames_in(where: str, start: int, end: int, n_frames: int) -> None:
    """Refuse a stretch that is empty, reversed or outside its recording.

    Args:
        where: file and row, for the message.
        start: first frame.
        end: one past the last.
        n_frames: frames of the recording.

    Raises:
        BadInput: it is.
    """
    if not 0 <= start < end <= n_frames:
        problem = "empty or reversed" if end <= start else f"outside the recording, which has {n_frames} frames"
        raise BadInput(
            f"{where}: the stretch from frame {start} up to {end} is {problem}. Correct the row or take it out."
        )


def poses_of(
    name: str,
    skeleton: str,
    positions: npt.NDArray[np.floating],
    confidence: npt.NDArray[np.floating],
    unit: Unit,
    boxes: npt.NDArray[np.floating] | None = None,
) -> Poses:
    """Poses in our form, with what is no measurement marked as unseen.

    A joint at exactly the origin is one that the estimator didn't find (OpenPose and Kinect write zeros then), and so is one
    that isn't finite; both get confidence 0, so that nobody normalises by them. Confidence above 1 (heat maps have it) is 1.

    Args:
        positions: (frames, joints, 2 or 3).
        confidence: (frames, joints).
        boxes: (frames, 4); None draws them around the joints that were seen.
    """
    seen = np.isfinite(positions).all(axis=-1) & np.isfinite(confidence) & (positions != 0).any(axis=-1)
    keypoints = np.zeros((*positions.shape[:2], positions.shape[2] + 1), np.float32)
    keypoints[..., :-1] = np.where(np.isfinite(positions).all(axis=-1, keepdims=True), positions, 0)
    keypoints[..., -1] = np.where(seen, np.clip(np.nan_to_num(confidence), 0, 1), 0)
    around = boxes_around(keypoints) if boxes is None else np.asarray(boxes, np.float32)
    return Poses(name, skeleton, keypoints, around, unit=unit)
