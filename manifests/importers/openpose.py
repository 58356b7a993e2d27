"""OpenPose's output: a JSON file a frame, as `--write_json FOLDER` makes it.

    NAME_000000000012_keypoints.json    {"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": [x, y, c, …],
                                        "face_keypoints_2d": […], "hand_left_keypoints_2d": […], "hand_right_keypoints_2d": […]}]}

The files of one recording share NAME (and lie in one folder); the number is the frame, from 0. The body model must be BODY_25.
With face or hands anywhere in the recordings it is the skeleton openpose137, else openpose25. Of several people one is followed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from manifests.errors import BadInput
from manifests.importers.following import Floats, follow
from manifests.importers.json_file import numbers_at, read_json
from manifests.importers.recording import Collection, Outgoing, Reading, Recording, file_name, poses_of

__all__ = ["read_openpose", "write_openpose"]

_FPS = Fraction(30)
_BODY, _WHOLE = "openpose25", "openpose137"
_KEYS = {
    "pose_keypoints_2d": 25,
    "face_keypoints_2d": 70,
    "hand_left_keypoints_2d": 21,
    "hand_right_keypoints_2d": 21,
}  # in the order of the 137 points
_FILE = re.compile(r"(.*?)_?(\d+)_keypoints\.json")


def read_openpose(path: Path, reading: Reading) -> Collection:
    """Read a folder of JSON files, at any depth.

    Raises:
        BadInput: a file is damaged, or of another body model than BODY_25.
    """
    files: dict[tuple[str, str], dict[int, Path]] = {}
    for file in sorted(path.rglob("*_keypoints.json")):
        if match := _FILE.fullmatch(file.name):
            folder = file.parent.relative_to(path).as_posix()
            frames = files.setdefault((folder, match[1]), {})
            if (frame := int(match[2])) in frames:
                raise BadInput(f"{file}: {frames[frame].name} is of frame {frame} too. Take one away.")
            frames[frame] = file
    every = [file for frames in files.values() for file in frames.values()]
    skeleton = reading.skeleton or (_WHOLE if any(map(_has_more_than_a_body, every)) else _BODY)
    if skeleton not in (_BODY, _WHOLE):
        raise BadInput(f"OpenPose's files are of skeletons {_BODY} or {_WHOLE}, not {skeleton}.")
    names = _names(list(files))
    notes = [] if reading.fps else [f"The files don't say their frame rate; {_FPS} is assumed."]
    recordings = (_read(names[key], frames, skeleton, reading) for key, frames in files.items())
    return Collection(recordings, notes=notes)


def _names(keys: list[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """The NAME of each recording, with its folder before it where two share one, or the folder's where it has none."""
    bare = [name for _, name in keys]
    return {
        (folder, name): name
        if name and bare.count(name) == 1
        else "/".join(filter(None, (folder.strip("."), name))) or "clip"
        for folder, name in keys
    }


def _read(name: str, files: dict[int, Path], skeleton: str, reading: Reading) -> Recording:
    n_joints = 25 if skeleton == _BODY else 137
    people = {frame: list(_people(file, n_joints)) for frame, file in files.items()}
    n_frames = max(files) + 1
    points = follow(people, n_frames, n_joints)
    return Recording(
        name=name,
        person="",
        fps=reading.fps or _FPS,
        n_frames=n_frames,
        poses=poses_of(name, skeleton, points[..., :2], points[..., 2], reading.unit or "pixel"),
        width=reading.width,
        height=reading.height,
    )


def _entries(file: Path) -> list[Any]:
    content = read_json(file)
    people = content.get("people") if isinstance(content, dict) else None
    if not isinstance(people, list):
        raise BadInput(f"{file}: no dictionary with a list `people`, as OpenPose writes it.")
    return people


def _has_more_than_a_body(file: Path) -> bool:
    return any(isinstance(p, dict) and p.get(key) for p in _entries(file) for key in list(_KEYS)[1:])


def _people(file: Path, n_joints: int) -> Iterator[Floats]:
    for row, person in enumerate(_entries(file)):
        if not isinstance(person, dict):
            raise BadInput(f"{file}, person {row}: {type(person).__name__} where a dictionary is expected.")
        parts = [
            _points(person.get(key) or [], joints, f"{file}, person {row}, {key}") for key, joints in _KEYS.items()
        ]
        yield np.concatenate(parts)[:n_joints]


def _points(values: Any, joints: int, where: str) -> Floats:
    numbers = numbers_at(values, where)
    if len(numbers) == 0:
        return np.zeros((joints, 3), np.float32)
    if len(numbers) != 3 * joints:
        raise BadInput(f"{where}: {len(numbers)} numbers where {3 * joints} are expected. Run OpenPose with BODY_25.")
    return numbers.reshape(joints, 3)


def write_openpose(outgoing: Outgoing, out: Path) -> None:
    """Write a folder a clip, with a file a frame.

    Raises:
        BadInput: a clip's skeleton is none of OpenPose's.
    """
    for recording in outgoing.recordings:
        poses = recording.poses
        if poses is None:
            outgoing.notes.append(f"Clip {recording.name} has no poses and is left out.")
            continue
        if poses.skeleton not in (_BODY, _WHOLE):
            raise BadInput(
                f"Clip {recording.name}: OpenPose has no skeleton {poses.skeleton}. Export to mmpose or pyskl."
            )
        name = file_name(recording.name)
        folder = out / name
        folder.mkdir()
        # OpenPose's zeros are how the format says that a joint was not seen.
        points = np.where(poses.confidence[..., None] > 0, poses.keypoints, 0)
        for frame, joints in enumerate(points):
            people = [_entry(joints)] if joints[:, 2].any() else []
            text = json.dumps({"version": 1.3, "people": people}, separators=(",", ":"))
            (folder / f"{name}_{frame:012d}_keypoints.json").write_text(text, encoding="utf-8")


def _entry(joints: Floats) -> dict[str, Any]:
    entry: dict[str, Any] = {"person_id": [-1]}
    start = 0
    for key, count in _KEYS.items():
        entry[key] = joints[start : start + count].reshape(-1).tolist()
        start += count
    return entry
