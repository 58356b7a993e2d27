"""SMG (Chen et al., IJCV 2023): sitting and standing people, 17 classes, Kinect poses in metres.

    SampleNNNN/SampleNNNN_skeleton.csv    a row a frame, 25 joints of 11 numbers: x, y, z in metres (y upwards), then the
                                          joint's rotation and its places in the pictures, which a release doesn't keep
    SampleNNNN/SampleNNNN_data.csv        numFrames, fps, maxDepth
    SampleNNNN/SampleNNNN_finelabels.csv  class (from 1), start, end

The authors' programs cut rows `start` up to but without `end`, counted from 0, so their numbers are taken as ours are. Sample
and subject have one number. Official split: subjects 1 to 35 learn (and validate), 36 to 40 test.

Of the 17 classes ten are classes of ours and get their labels. Seven join or divide what ours do otherwise (rubbing eyes or
forehead is one class there and two here) and keep labels of their own, which begin with `smg_`. A release of SMG has the 17 as
its taxonomy, in SMG's order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from manifests.errors import BadInput
from manifests.importers.cells import read_numbers, read_whole_numbers, write_csv
from manifests.importers.recording import (
    Collection,
    Outgoing,
    Reading,
    Recording,
    Span,
    frames_in,
    person_number,
    poses_of,
    pseudonym,
)

__all__ = ["SMG_LABELS", "SMG_PEOPLE", "read_smg", "write_smg"]

SMG_LABELS = (
    "turtle_neck",
    "smg_rubbing_eyes_or_forehead",
    "folding_arms",
    "touching_suprasternal_notch",
    "smg_moving_legs",
    "touching_neck",
    "arms_behind_body",
    "smg_rubbing_hands_or_crossing_fingers",
    "arms_akimbo",
    "smg_crossing_legs",
    "smg_scratching_body",
    "smg_touching_face_but_eyes",
    "playing_hair",
    "smg_holding_arms",
    "adjusting_collar",
    "manipulating_objects",
    "illustrative",
)
_TEST = range(36, 41)
SMG_PEOPLE = {pseudonym(number): "test" if number in _TEST else "train" for number in range(1, 41)}

_JOINTS, _PER_JOINT = 25, 11
_SKELETON = "kinect25"
_FPS = Fraction(28)  # where a sample lacks its _data.csv: 821,056 frames in a little over 8 hours


def read_smg(path: Path, reading: Reading) -> Collection:
    """Read a folder of samples, at any depth.

    Raises:
        BadInput: a file is damaged; the message names file, row and column.
    """
    names = sorted(
        {
            (file.parent, match[1])
            for file in path.rglob("Sample*.csv")
            if (match := re.fullmatch(r"(Sample\d+)_(skeleton|finelabels)\.csv", file.name))
        }
    )
    return Collection((_read(folder, name, reading) for folder, name in names), SMG_LABELS, people=SMG_PEOPLE)


def _read(folder: Path, name: str, reading: Reading) -> Recording:
    skeleton, data, labels = (folder / f"{name}_{kind}.csv" for kind in ("skeleton", "data", "finelabels"))
    poses, n_frames, fps = None, 0, reading.fps or _FPS
    if data.exists():
        for row, (frames, rate, _) in read_whole_numbers(data, ("numFrames", "fps", "maxDepth")):
            if frames < 0 or rate <= 0:
                raise BadInput(f"{data}, row {row}: {frames} frames at {rate} fps can't be.")
            n_frames, fps = frames, Fraction(rate)
    if skeleton.exists():
        joints = read_numbers(skeleton, (_JOINTS * _PER_JOINT,)).reshape(-1, _JOINTS, _PER_JOINT)
        if n_frames and len(joints) not in (0, n_frames):
            raise BadInput(
                f"{skeleton}: {len(joints)} rows, but {data.name} says {n_frames} frames. Get the sample anew."
            )
        n_frames = n_frames or len(joints)
        if len(joints):
            positions = joints[..., :3]
            poses = poses_of(name, _SKELETON, positions, np.ones(positions.shape[:2]), "metre")
    spans = list(_spans(labels, n_frames)) if labels.exists() else []
    return Recording(
        name=name,
        person=pseudonym(int(name.removeprefix("Sample"))),
        fps=fps,
        n_frames=n_frames or max((span.end for span in spans), default=0),
        poses=poses,
        gestures=tuple(sorted(spans, key=lambda span: (span.start, span.end, span.label))),
        width=reading.width,
        height=reading.height,
    )


def _spans(path: Path, n_frames: int) -> Iterator[Span]:
    for row, (number, start, end) in read_whole_numbers(path, ("class", "start", "end")):
        if not 1 <= number <= len(SMG_LABELS):
            raise BadInput(
                f"{path}, row {row}, column class: {number} is none of SMG's classes 1 to {len(SMG_LABELS)}."
            )
        frames_in(f"{path}, row {row}", start, end, n_frames or end)
        yield Span(start, end, SMG_LABELS[number - 1])


def write_smg(outgoing: Outgoing, out: Path) -> None:
    """Write a folder a sample; the rotations and picture coordinates that a release doesn't keep are zeros.

    Raises:
        BadInput: a class that SMG doesn't have, poses that are no Kinect skeleton in metres, a rate that is no whole number,
            or two recordings of one person (SMG has one number for both).
    """
    taken: set[str] = set()
    for recording in outgoing.recordings:
        number = person_number(recording.person)
        if number is None:
            raise BadInput(
                f"Clip {recording.name}: SMG numbers its people, and {recording.person!r} is no P and a number."
            )
        name = f"Sample{number:04d}"
        if name in taken:
            raise BadInput(
                f"SMG has one recording a person, and {recording.person} has more. Export to another format."
            )
        taken.add(name)
        if recording.fps.denominator != 1:
            raise BadInput(f"Clip {recording.name}: SMG's files hold whole frame rates, not {recording.fps}.")
        folder = out / name
        folder.mkdir()
        write_csv(folder / f"{name}_data.csv", [(recording.n_frames, recording.fps.numerator, 0)])
        write_csv(folder / f"{name}_finelabels.csv", [_row(recording, span) for span in recording.gestures])
        if recording.poses is None:
            continue
        poses = recording.poses
        if poses.skeleton != _SKELETON or poses.dims != 3:
            raise BadInput(
                f"Clip {recording.name}: SMG has Kinect skeletons (kinect25) in metres, not {poses.skeleton} in "
                f"{poses.dims} dimensions. Export to another format."
            )
        joints = np.zeros((len(poses.keypoints), _JOINTS, _PER_JOINT), np.float32)
        # Kinect's zeros are how the format says that a joint was not seen.
        joints[..., :3] = np.where(poses.confidence[..., None] > 0, poses.positions, 0)
        write_csv(folder / f"{name}_skeleton.csv", joints.reshape(len(joints), -1).tolist())


def _row(recording: Recording, span: Span) -> tuple[int, int, int]:
    if span.label not in SMG_LABELS:
        raise BadInput(f"Clip {recording.name}: SMG has no class {span.label}. Export to another format.")
    return SMG_LABELS.index(span.label) + 1, span.start, span.end
