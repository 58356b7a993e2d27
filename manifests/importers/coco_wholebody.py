"""COCO's keypoint annotations, and COCO-WholeBody's (Jin et al., ECCV 2020), of pictures that are frames of clips.

    {"images": [{"id", "file_name", "width", "height"}],
     "annotations": [{"image_id", "keypoints": 17 x (x, y, v), "foot_kpts": 6 x …, "face_kpts": 68 x …,
                      "lefthand_kpts": 21 x …, "righthand_kpts": 21 x …}], "categories": […]}

A clip is the folder in `file_name`, a frame the last number in it; pictures without numbers are frames in the order of their
ids. The first frame of a clip is the lowest number. The third value of a joint is a confidence, or a flag where all are 0, 1 or
2 and a 2 is among them; flags are halved (1, labelled but hidden, is 0.5). Of several people one is followed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from manifests.errors import BadInput
from manifests.importers.following import Floats, follow
from manifests.importers.json_file import numbers_at, read_json
from manifests.importers.recording import Collection, Outgoing, Reading, Recording, file_name, poses_of

__all__ = ["read_coco_wholebody", "write_coco_wholebody"]

_FPS = Fraction(30)
_BODY, _WHOLE = "coco17", "coco_wholebody133"
_KEYS = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68, "lefthand_kpts": 21, "righthand_kpts": 21}


def read_coco_wholebody(path: Path, reading: Reading) -> Collection:
    """Read an annotation file.

    Raises:
        BadInput: it is damaged, or an annotation is of no picture in it.
    """
    if path.is_dir():
        raise BadInput(f"{path} is a folder. Give one annotation file.")
    content = read_json(path)
    images, annotations = (_list(content, key, path) for key in ("images", "annotations"))
    places = _places(images, path)
    whole = any(key in entry for _, entry in annotations for key in list(_KEYS)[1:])
    people: dict[str, dict[int, list[Floats]]] = {}
    for row, entry in annotations:
        where = f"{path}, annotation {row}"
        if entry.get("image_id") not in places:
            raise BadInput(f"{where}, image_id: {entry.get('image_id')!r} is none of the images.")
        clip, frame = places[entry["image_id"]]
        if not entry.get("iscrowd"):
            people.setdefault(clip, {}).setdefault(frame, []).append(_person(entry, whole, where))
    if _are_flags(people):
        for person in (person for frames in people.values() for some in frames.values() for person in some):
            person[:, 2] /= 2
    sizes = {places[entry["id"]][0]: (entry.get("width", 0), entry.get("height", 0)) for _, entry in images}
    lengths: dict[str, int] = {}
    for clip, frame in places.values():
        lengths[clip] = max(lengths.get(clip, 0), frame + 1)
    notes = [] if reading.fps else [f"The files don't say their frame rate; {_FPS} is assumed."]
    skeleton = reading.skeleton or (_WHOLE if whole else _BODY)

    def recordings() -> Iterator[Recording]:
        for clip, n_frames in sorted(lengths.items()):
            points = follow(people.get(clip, {}), n_frames, 133 if whole else 17)
            width, height = sizes[clip]
            yield Recording(
                name=clip,
                person="",
                fps=reading.fps or _FPS,
                n_frames=n_frames,
                poses=poses_of(clip, skeleton, points[..., :2], points[..., 2], reading.unit or "pixel"),
                width=int(width) or reading.width,
                height=int(height) or reading.height,
            )

    return Collection(recordings(), notes=notes)


def _list(content: Any, key: str, path: Path) -> list[tuple[int, dict[str, Any]]]:
    entries = content.get(key) if isinstance(content, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadInput(f"{path}: no dictionary with a list of dictionaries `{key}`, as COCO has it.")
    return list(enumerate(entries))


def _places(images: list[tuple[int, dict[str, Any]]], path: Path) -> dict[Any, tuple[str, int]]:
    """image id -> clip and frame."""
    numbers: dict[str, dict[int, Any]] = {}
    for row, image in images:
        name = image.get("file_name")
        if not isinstance(name, str) or not isinstance(image.get("id"), int):
            raise BadInput(f"{path}, image {row}: no id and file_name.")
        at = PurePosixPath(name)
        clip = at.parent.as_posix() if at.parent.name else path.stem
        digits = re.findall(r"\d+", at.stem)
        frames = numbers.setdefault(clip, {})
        number = int(digits[-1]) if digits else len(frames)
        if number in frames:
            raise BadInput(f"{path}, image {row}, file_name: {name!r} is frame {number} of {clip}, and so is another.")
        frames[number] = image["id"]
    return {image: (clip, number - min(frames)) for clip, frames in numbers.items() for number, image in frames.items()}


def _person(entry: dict[str, Any], whole: bool, where: str) -> Floats:
    parts = []
    for key, joints in _KEYS.items() if whole else [("keypoints", 17)]:
        numbers = numbers_at(entry.get(key) or [0.0] * (3 * joints), f"{where}, {key}")
        if numbers.shape != (3 * joints,):
            raise BadInput(f"{where}, {key}: {numbers.size} numbers where {3 * joints} are expected.")
        parts.append(numbers.reshape(joints, 3))
    return np.concatenate(parts)


def _are_flags(people: dict[str, dict[int, list[Floats]]]) -> bool:
    values: set[float] = set()
    for frames in people.values():
        for some in frames.values():
            for person in some:
                values |= set(np.unique(person[:, 2]).tolist())
    return 2.0 in values and values <= {0.0, 1.0, 2.0}


def write_coco_wholebody(outgoing: Outgoing, out: Path) -> None:
    """Write one file of all clips; the third value of a joint is its confidence. The whole release is in memory.

    Raises:
        BadInput: a clip's skeleton is neither COCO's nor COCO-WholeBody's.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for recording in outgoing.recordings:
        poses = recording.poses
        if poses is None:
            outgoing.notes.append(f"Clip {recording.name} has no poses and is left out.")
            continue
        if poses.skeleton not in (_BODY, _WHOLE):
            raise BadInput(f"Clip {recording.name}: COCO has no skeleton {poses.skeleton}. Export to mmpose or pyskl.")
        keys = _KEYS if poses.skeleton == _WHOLE else {"keypoints": 17}
        for frame, joints in enumerate(poses.keypoints):
            image = {
                "id": len(images) + 1,
                "file_name": f"{file_name(recording.name)}/{frame:06d}.jpg",
                "width": recording.width,
                "height": recording.height,
            }
            images.append(image)
            if not poses.seen[frame]:
                continue
            x0, y0, x1, y1 = poses.boxes[frame].tolist()
            annotation: dict[str, Any] = {
                "id": len(annotations) + 1,
                "image_id": image["id"],
                "category_id": 1,
                "iscrowd": 0,
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "area": (x1 - x0) * (y1 - y0),
                "num_keypoints": int((joints[:17, 2] > 0).sum()),
            }
            start = 0
            for key, count in keys.items():
                part = joints[start : start + count]
                annotation[key] = part.reshape(-1).tolist()
                if key != "keypoints":
                    annotation[key.replace("_kpts", "_valid")] = bool((part[:, 2] > 0).any())
                start += count
            annotations.append(annotation)
    categories = [{"id": 1, "name": "person", "supercategory": "person"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    out.write_text(json.dumps(content), encoding="utf-8")
