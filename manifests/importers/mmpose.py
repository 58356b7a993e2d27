"""MMPose's predictions: a JSON file a video.

    [{"frame_id": 0, "instances": [{"keypoints": [[x, y], …], "keypoint_scores": [c, …], "bbox": [[x0, y0, x1, y1]]}]}, …]

as its inferencer writes them, frames counted from 0; or {"meta_info": …, "instance_info": the same list} from its demo programs,
which count from 1. Skeletons are known by their number of joints. Of several people one is followed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from manifests.errors import BadInput
from manifests.importers.following import Floats, follow
from manifests.importers.json_file import numbers_at, read_json
from manifests.importers.recording import Collection, Outgoing, Reading, Recording, file_name, poses_of
from manifests.poses import Poses

__all__ = ["read_mmpose", "write_mmpose"]

_FPS = Fraction(30)
_SKELETONS = {17: "coco17", 133: "coco_wholebody133"}


def read_mmpose(path: Path, reading: Reading) -> Collection:
    """Read one file, or every .json file of a folder.

    Raises:
        BadInput: a file is damaged or not of MMPose.
    """
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    notes = [] if reading.fps else [f"The files don't say their frame rate; {_FPS} is assumed."]
    return Collection((_read(file, reading) for file in files), notes=notes)


def _read(file: Path, reading: Reading) -> Recording:
    content, first = read_json(file), 0
    if isinstance(content, dict):
        content, first = content.get("instance_info"), 1
    if not isinstance(content, list):
        raise BadInput(f"{file}: no list of frames, as MMPose writes it.")
    people: dict[int, list[Floats]] = {}
    for row, entry in enumerate(content):
        where = f"{file}, entry {row}"
        frame = entry.get("frame_id") if isinstance(entry, dict) else None
        if not isinstance(frame, int) or frame < first:
            raise BadInput(
                f"{where}: no frame_id from {first} upwards; predictions of single pictures are no recording."
            )
        if frame - first in people:
            raise BadInput(f"{where}, frame_id: {frame} is there twice.")
        people[frame - first] = list(_people(entry.get("instances"), where))
    joints = {len(person) for frame in people.values() for person in frame}
    if len(joints) > 1:
        raise BadInput(f"{file}: people of {min(joints)} and of {max(joints)} joints. Make them with one model.")
    n_frames = max(people, default=-1) + 1
    poses = _poses(file.stem, follow(people, n_frames, joints.pop()), reading) if joints else None
    return Recording(
        name=file.stem,
        person="",
        fps=reading.fps or _FPS,
        n_frames=n_frames,
        poses=poses,
        width=reading.width,
        height=reading.height,
    )


def _poses(name: str, points: Floats, reading: Reading) -> Poses:
    n_joints = points.shape[1]
    skeleton = reading.skeleton or _SKELETONS.get(n_joints, f"points{n_joints}")
    return poses_of(name, skeleton, points[..., :2], points[..., 2], reading.unit or "pixel")


def _people(instances: Any, where: str) -> Iterator[Floats]:
    if not isinstance(instances, list):
        raise BadInput(f"{where}: no list `instances`.")
    for row, instance in enumerate(instances):
        if not isinstance(instance, dict):
            raise BadInput(f"{where}, instance {row}: {type(instance).__name__} where a dictionary is expected.")
        positions = numbers_at(instance.get("keypoints"), f"{where}, instance {row}, keypoints")
        scores = numbers_at(instance.get("keypoint_scores"), f"{where}, instance {row}, keypoint_scores")
        if positions.ndim != 2 or positions.shape[1] != 2 or scores.shape != positions.shape[:1]:
            raise BadInput(
                f"{where}, instance {row}: keypoints of shape {positions.shape} and keypoint_scores of {scores.shape} "
                "are not one x, y and one score a joint."
            )
        yield np.concatenate([positions, scores[:, None]], axis=1)


def write_mmpose(outgoing: Outgoing, out: Path) -> None:
    """Write a file a clip, as the inferencer does.

    Raises:
        BadInput: a clip has poses of three dimensions.
    """
    for recording in outgoing.recordings:
        poses = recording.poses
        if poses is None:
            outgoing.notes.append(f"Clip {recording.name} has no poses and is left out.")
            continue
        if poses.dims != 2:
            raise BadInput(f"Clip {recording.name}: this form of MMPose's files is of two dimensions. Export to pyskl.")
        frames = [{"frame_id": frame, "instances": _instances(poses, frame)} for frame in range(len(poses.keypoints))]
        (out / f"{file_name(recording.name)}.json").write_text(json.dumps(frames), encoding="utf-8")


def _instances(poses: Poses, frame: int) -> list[dict[str, Any]]:
    if not poses.seen[frame]:
        return []
    confidence = poses.confidence[frame]
    return [
        {
            "keypoints": poses.positions[frame].tolist(),
            "keypoint_scores": confidence.tolist(),
            "bbox": [poses.boxes[frame].tolist()],
            "bbox_score": float(confidence.mean()),
        }
    ]
