"""Pickles of pyskl and MMAction2: one annotation a gesture, its poses, and who is in which part.

    {"split": {"xsub_train": [names], …},
     "annotations": [{"frame_dir": name, "label": 3, "total_frames": T, "subject": 7, "img_shape": (height, width),
                      "keypoint": (people, T, joints, 2 or 3), "keypoint_score": (people, T, joints)}, …]}

Read: each annotation is a recording of its own whose frames are all of one gesture; of several people the one seen best is
kept. Skeletons are not named in the file: coco17, coco_wholebody133 and (in three dimensions) kinect25 are known by their
number of joints; any other is named by the user, or is anonymous points. Two dimensions are pixels (rounded to 1/16), three
are metres (kept exactly), unless the user says otherwise. Without `keypoint_score` a joint at the exact origin is one that
wasn't seen. Names of classes come from the user, or stand line by line in a file beside, `NAME.classes.txt`; else they are
class_0, class_1, ….

Written: an annotation a gesture, and a clip without gestures as one without a label. `keypoint_score` is left out where three
dimensions say the same without it. `NAME.classes.txt` is written beside. Parts of the protocol `given` are called train, val
and test; those of any other begin with its name.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from manifests.errors import BadInput
from manifests.importers.recording import (
    GIVEN,
    Collection,
    Outgoing,
    Protocol,
    Reading,
    Recording,
    Span,
    person_number,
    poses_of,
    pseudonym,
)
from manifests.importers.safe_pickle import load_pickle
from manifests.parquet import replacing, write_text
from manifests.poses import Poses, Unit

__all__ = ["PysklClip", "PysklFile", "load_pyskl", "read_pyskl", "write_pyskl"]

_FPS = Fraction(30)
_PARTS = ("train", "val", "test")
# What pyskl's own pickles hold, by joints and dimensions; any other count becomes anonymous points.
_USUAL = {(17, 2): "coco17", (133, 2): "coco_wholebody133", (25, 3): "kinect25"}


@dataclass(frozen=True)
class PysklClip:
    """One annotation.

    Attributes:
        name: its `frame_dir`.
        positions: (people, frames, joints, 2 or 3) float32.
        confidence: (people, frames, joints) float32; 0 for a joint at the exact origin.
        label: class index; -1 where the file gives none.
        person: `subject` as text, "7" or a name; empty where the file gives none or a negative number.
        height: of the picture in pixels; 0 where the file doesn't say.
        width: likewise.
    """

    name: str
    positions: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    label: int
    person: str
    height: int = 0
    width: int = 0

    @property
    def best_person(self) -> int:
        """Which of the people was seen best."""
        return int(self.confidence.sum(axis=(1, 2)).argmax())


@dataclass(frozen=True)
class PysklFile:
    """A whole file: its clips, the names that belong to each part, and the names of its classes."""

    clips: tuple[PysklClip, ...]
    split: dict[str, tuple[str, ...]]
    classes: tuple[str, ...]


def load_pyskl(path: Path | str, classes: tuple[str, ...] | None = None) -> PysklFile:
    """Read and check a pickle in pyskl's format.

    Args:
        classes: names of the classes; None takes them from `NAME.classes.txt` beside, or counts them.

    Raises:
        FileNotFoundError: there is no such file.
        BadInput: it is no pickle, holds other things than arrays and containers, or an annotation isn't as pyskl writes it.
    """
    path = Path(path)
    content = load_pickle(path)
    if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
        raise BadInput(f"{path}: no dictionary with a list `annotations`, as pyskl writes it.")
    clips = tuple(_clip(item, f"{path}, annotation {row}") for row, item in enumerate(content["annotations"]))
    if not clips:
        raise BadInput(f"{path} holds no annotation.")
    rows: dict[str, int] = {}
    for row, clip in enumerate(clips):
        if (first := rows.setdefault(clip.name, row)) != row:
            raise BadInput(
                f"{path}, annotation {row}: its frame_dir, {clip.name!r}, is that of annotation {first} too."
            )
    split = _split(content.get("split") or {}, rows.keys() | set(), str(path))
    return PysklFile(clips, split, _classes(path, classes, max(clip.label for clip in clips) + 1))


def _clip(item: Any, where: str) -> PysklClip:
    if not isinstance(item, dict) or "keypoint" not in item:
        raise BadInput(f"{where}: no dictionary with `keypoint`.")
    positions = _floats(item["keypoint"], f"{where}, keypoint")
    if positions.ndim != 4 or positions.shape[-1] not in (2, 3) or 0 in positions.shape:
        raise BadInput(f"{where}, keypoint: shape {positions.shape} is not people × frames × joints × 2 or 3.")
    frames = item.get("total_frames", positions.shape[1])
    if frames != positions.shape[1]:
        raise BadInput(f"{where}, total_frames: {frames!r}, but keypoint has {positions.shape[1]} frames.")
    seen = (positions != 0).any(axis=-1) & np.isfinite(positions).all(axis=-1)
    score = np.ones(positions.shape[:3], np.float32)
    if item.get("keypoint_score") is not None:
        score = _floats(item["keypoint_score"], f"{where}, keypoint_score")
        if score.shape != positions.shape[:3]:
            raise BadInput(f"{where}, keypoint_score: shape {score.shape}, but keypoint is {positions.shape}.")
    height, width = _shape(item.get("original_shape", item.get("img_shape")), where)
    return PysklClip(
        name=str(item.get("frame_dir", where)),
        positions=np.where(np.isfinite(positions).all(axis=-1, keepdims=True), positions, np.float32(0)),
        confidence=np.where(seen & np.isfinite(score), score, np.float32(0)),
        label=_label(item.get("label"), where),
        person=_person(item.get("subject")),
        height=height,
        width=width,
    )


def _floats(value: Any, where: str) -> npt.NDArray[np.float32]:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        found = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
        raise BadInput(f"{where}: {found} where an array of numbers is expected.")
    return value.astype(np.float32)


def _shape(value: Any, where: str) -> tuple[int, int]:
    if value is None:
        return 0, 0
    try:
        height, width = (int(side) for side in value)
    except (TypeError, ValueError):
        raise BadInput(f"{where}, img_shape: {value!r} is not a height and a width.") from None
    return height, width


def _label(value: Any, where: str) -> int:
    if value is None:
        return -1
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 0:
        return int(value)
    raise BadInput(f"{where}, label: {value!r} is not a class index.")


def _person(value: Any) -> str:
    unknown = value is None or (isinstance(value, int | np.integer) and value < 0)
    return "" if unknown else str(value)


def _split(split: Any, names: set[str], where: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(split, dict):
        raise BadInput(f"{where}, split: no dictionary of lists.")
    parts: dict[str, tuple[str, ...]] = {}
    for part, members in split.items():
        if not isinstance(members, list | tuple):
            raise BadInput(f"{where}, split {part!r}: no list of names.")
        parts[str(part)] = tuple(str(member) for member in members)
        if unknown := set(parts[str(part)]) - names:
            raise BadInput(
                f"{where}, split {part!r}: {len(unknown)} names have no annotation, such as {min(unknown)!r}."
            )
    return parts


def _classes(path: Path, given: tuple[str, ...] | None, n_classes: int) -> tuple[str, ...]:
    beside = path.with_suffix(".classes.txt")
    if given is None and not beside.exists():
        return tuple(f"class_{index}" for index in range(n_classes))
    where, names = (
        (str(beside), tuple(beside.read_text(encoding="utf-8").removesuffix("\n").split("\n")))
        if given is None
        else ("labels", given)
    )
    if len(names) < n_classes:
        raise BadInput(f"{where}: {len(names)} names of classes, but {path} has labels up to {n_classes - 1}.")
    if len(set(names)) < len(names):
        raise BadInput(f"{where}: two classes have one name.")
    return names


def read_pyskl(path: Path, reading: Reading) -> Collection:
    """Read a pickle; every annotation becomes a recording.

    Raises:
        BadInput: as `load_pyskl`, or an annotation is in two parts of one protocol.
    """
    file = load_pyskl(path, reading.labels)
    notes = []
    if crowded := sum(len(clip.positions) > 1 for clip in file.clips):
        notes.append(f"Of {crowded} annotations with several people the one seen best is kept.")
    if reading.fps is None:
        notes.append(f"The files don't say their frame rate; {_FPS} is assumed.")
    if lost := sorted(name for name in file.split if _protocol_and_part(name) is None):
        notes.append(f"Splits that are no train, val or test are left out: {', '.join(lost)}.")
    recordings = (_recording(clip, file.classes, reading) for clip in file.clips)
    return Collection(recordings, file.classes, _protocols(file.split, path), notes=notes)


def _recording(clip: PysklClip, classes: tuple[str, ...], reading: Reading) -> Recording:
    positions, confidence = clip.positions[clip.best_person], clip.confidence[clip.best_person]
    unit: Unit = reading.unit or ("pixel" if positions.shape[-1] == 2 else "metre")
    joints, dims = positions.shape[1:]
    skeleton = reading.skeleton or _USUAL.get((joints, dims), f"points{joints}")
    return Recording(
        name=clip.name,
        person=pseudonym(int(clip.person)) if clip.person.isdecimal() else clip.person,
        fps=reading.fps or _FPS,
        n_frames=len(positions),
        poses=poses_of(clip.name, skeleton, positions, confidence, unit),
        gestures=(Span(0, len(positions), classes[clip.label]),) if clip.label >= 0 else (),
        width=clip.width or reading.width,
        height=clip.height or reading.height,
    )


def _protocol_and_part(name: str) -> tuple[str, str] | None:
    """ "xsub_train" is part train of protocol xsub; "train" alone is of `given`; None for what is no part."""
    match = re.fullmatch(rf"(?:(.+)_)?({'|'.join(_PARTS)})", name)
    return (match[1] or GIVEN, match[2]) if match else None


def _protocols(split: Mapping[str, tuple[str, ...]], path: Path) -> tuple[Protocol, ...]:
    parts: dict[str, dict[str, str]] = {}
    for name, members in split.items():
        if (found := _protocol_and_part(name)) is None:
            continue
        protocol, part = found
        for member in members:
            other = parts.setdefault(protocol, {}).setdefault(member, part)
            if other != part:
                raise BadInput(f"{path}, split {name!r}: {member!r} is in {other} too. Take it out of one of them.")
    return tuple(Protocol(name, members) for name, members in parts.items())


def write_pyskl(outgoing: Outgoing, out: Path) -> None:
    """Write a pickle and, beside it, the names of its classes. The whole release is in memory.

    Raises:
        BadInput: there are no poses in it.
    """
    annotations: list[dict[str, Any]] = []
    split: dict[str, list[str]] = {}
    lacking = 0
    for recording in outgoing.recordings:
        if recording.poses is None:
            lacking += 1
            continue
        for name, item, start, end, label in _pieces(recording, outgoing.labels):
            annotations.append(_annotation(recording, recording.poses, name, start, end, label))
            for protocol, parts in outgoing.splits.items():
                if part := parts.get(item, parts.get(recording.video_id)):
                    split.setdefault(part if protocol == GIVEN else f"{protocol}_{part}", []).append(name)
    if not annotations:
        raise BadInput("The release holds no poses, and pyskl's format is one of poses. Export to imigue or elan.")
    if lacking:
        outgoing.notes.append(f"{lacking} clips have no poses and are left out.")
    with replacing(out) as temporary, temporary.open("wb") as file:
        pickle.dump({"split": split, "annotations": annotations}, file, protocol=4)
    write_text(out.with_suffix(".classes.txt"), "".join(f"{label}\n" for label in outgoing.labels))


def _pieces(recording: Recording, labels: tuple[str, ...]) -> Iterator[tuple[str, str, int, int, int | None]]:
    """Name, id, first frame, end and class of what becomes an annotation."""
    imported = recording.name != recording.clip_id and len(recording.gestures) <= 1
    if not recording.gestures:
        yield recording.name, recording.video_id, 0, recording.n_frames, None
    for span in recording.gestures:
        name = recording.name if imported else span.gesture_id
        yield name, span.gesture_id, span.start, span.end, labels.index(span.label)


def _annotation(
    recording: Recording, poses: Poses, name: str, start: int, end: int, label: int | None
) -> dict[str, Any]:
    number = person_number(recording.person)
    positions = np.ascontiguousarray(poses.positions[start:end])
    confidence = np.ascontiguousarray(poses.confidence[start:end])
    annotation: dict[str, Any] = {
        "frame_dir": name,
        "total_frames": end - start,
        "subject": (number if number is not None else recording.person) if recording.person else -1,
        "keypoint": positions[None],
    }
    if label is not None:
        annotation["label"] = label
    if poses.dims == 2 or not np.array_equal(confidence, (positions != 0).any(axis=-1)):
        annotation["keypoint_score"] = confidence[None]
    if recording.width and recording.height:
        annotation["img_shape"] = annotation["original_shape"] = (recording.height, recording.width)
    return annotation
