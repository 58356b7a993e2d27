"""Poses in the JSON of OpenPose, MMPose and COCO; files by hand, simulated."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.errors import BadInput
from manifests.importers.coco_wholebody import read_coco_wholebody, write_coco_wholebody
from manifests.importers.following import follow
from manifests.importers.mmpose import read_mmpose, write_mmpose
from manifests.importers.openpose import read_openpose, write_openpose
from manifests.importers.recording import Collection, Reading
from tests.manifests.importers.simulated import assert_same, outgoing, recording

RATE = Reading(fps=Fraction(25))


def _dump(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def _flat(joints: int, x: float, confidence: float = 0.5) -> list[float]:
    return [x, 10.0, confidence] * joints


# following


def _person(x: float, confidence: float = 0.5) -> np.ndarray:
    return np.float32([[x, 0, confidence], [x, 10, confidence]])


def test_a_person_is_followed_and_not_changed_for_a_better_seen_one():
    frames = {
        0: [_person(100, 0.4), _person(500, 0.9)],  # who is seen best at first
        1: [_person(510, 0.3), _person(101, 0.9)],  # is followed, seen badly or not
        2: [],
        3: [_person(0, 0.0)],  # nobody at all
        4: [_person(100), _person(530)],
    }
    track = follow(frames, 6, 2)
    assert track[:, 0, 0].tolist() == [500, 510, 0, 0, 530, 0]
    assert track[5].sum() == 0


def test_without_a_joint_in_common_it_is_whoever_is_seen_best():
    left, right = np.float32([[5, 5, 0.9], [0, 0, 0]]), np.float32([[0, 0, 0], [900, 5, 0.5]])
    other = np.float32([[0, 0, 0], [3, 3, 0.7]])
    assert follow({0: [left], 1: [right, other]}, 2, 2)[1, 1, 0] == 3


# OpenPose


def _openpose(x: float, face: bool = False) -> dict[str, Any]:
    return {
        "person_id": [-1],
        "pose_keypoints_2d": _flat(25, x),
        "face_keypoints_2d": _flat(70, x + 1) if face else [],
        "hand_left_keypoints_2d": [],
        "hand_right_keypoints_2d": [],
        "pose_keypoints_3d": [],
    }


def test_openpose_recordings_are_told_apart_and_a_missing_frame_is_unseen(tmp_path: Path):
    for name, frame, x in (("a", 0, 5), ("a", 2, 7), ("b", 0, 50)):
        _dump(tmp_path / f"{name}_{frame:012d}_keypoints.json", {"version": 1.3, "people": [_openpose(x)]})
    found = {r.name: r for r in read_openpose(tmp_path, RATE).recordings}
    assert {name: r.n_frames for name, r in found.items()} == {"a": 3, "b": 1}
    a = found["a"].poses
    assert a is not None
    assert (a.skeleton, a.seen.tolist()) == ("openpose25", [True, False, True])
    assert a.keypoints[2, 24].tolist() == [7, 10, 0.5]


def test_one_face_makes_all_of_them_whole_bodies(tmp_path: Path):
    _dump(tmp_path / "a" / "000000000000_keypoints.json", {"people": [_openpose(5)]})
    _dump(tmp_path / "b" / "000000000000_keypoints.json", {"people": [_openpose(5, face=True)]})
    a, b = read_openpose(tmp_path, RATE).recordings
    assert (a.name, b.name) == ("a", "b")
    assert a.poses is not None
    assert b.poses is not None
    assert a.poses.skeleton == b.poses.skeleton == "openpose137"
    assert (a.poses.confidence[0] > 0).sum() == 25
    assert b.poses.keypoints[0, 94].tolist() == [6, 10, 0.5]
    assert b.poses.confidence[0, 95:].sum() == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"people": [', r"a_0_keypoints\.json, line 1, column 13: Expecting value"),
        ("[]", "no dictionary with a list `people`"),
        ('{"people": [3]}', "person 0: int where a dictionary"),
        (
            '{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}',
            "person 0, pose_keypoints_2d: 3 numbers where 75 are expected",
        ),
        ('{"people": [{"pose_keypoints_2d": [1, "x"]}]}', "pose_keypoints_2d: not all of it are numbers"),
        ("\xff", "a_0_keypoints.json"),
    ],
)
def test_damaged_openpose_files_are_named(tmp_path: Path, content: str, message: str):
    (tmp_path / "a_0_keypoints.json").write_bytes(content.encode("latin1"))
    with pytest.raises(BadInput, match=message):
        list(read_openpose(tmp_path, RATE).recordings)


# MMPose


def _instance(x: float, joints: int = 17) -> dict[str, Any]:
    return {
        "keypoints": [[x, 10.0]] * joints,
        "keypoint_scores": [1.25] * joints,
        "bbox": [[0, 0, 9, 9]],
        "bbox_score": 0.9,
    }


@pytest.mark.parametrize("first", [0, 1])
def test_mmpose_counts_from_0_in_the_inferencer_and_from_1_in_the_demos(tmp_path: Path, first: int):
    frames = [{"frame_id": first + f, "instances": [_instance(5 + f)] if f != 1 else []} for f in range(3)]
    _dump(tmp_path / "v.json", {"meta_info": {}, "instance_info": frames} if first else frames)
    (found,) = read_mmpose(tmp_path, RATE).recordings
    assert (found.name, found.n_frames) == ("v", 3)
    assert found.poses is not None
    assert found.poses.skeleton == "coco17"
    assert found.poses.keypoints[:, 3].tolist() == [[5, 10, 1], [0, 0, 0], [7, 10, 1]], "a score above 1 is 1"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"meta_info": {}}, "no list of frames"),
        ([{"keypoints": []}], r"entry 0: no frame_id from 0 upwards; predictions of single pictures"),
        ([{"frame_id": 0, "instances": []}] * 2, r"entry 1, frame_id: 0 is there twice"),
        ([{"frame_id": 0}], "entry 0: no list `instances`"),
        ([{"frame_id": 0, "instances": [{"keypoints": [[1, 2]]}]}], "instance 0, keypoint_scores: NoneType"),
        (
            [{"frame_id": 0, "instances": [{"keypoints": [[1, 2]], "keypoint_scores": [1, 1]}]}],
            r"shape \(1, 2\) and .* \(2,\)",
        ),
        ([{"frame_id": 0, "instances": [_instance(1), _instance(1, 133)]}], "people of 17 and of 133 joints"),
    ],
)
def test_wrong_mmpose_files_are_named(tmp_path: Path, content: Any, message: str):
    with pytest.raises(BadInput, match=rf"v\.json.*{message}"):
        list(read_mmpose(_dump(tmp_path / "v.json", content), RATE).recordings)


# COCO-WholeBody


def _coco(flags: bool = False, whole: bool = True) -> dict[str, Any]:
    names = ["talk/000004.jpg", "talk/000002.jpg", "other/f_7.png"]
    images = [{"id": i, "file_name": name, "width": 640, "height": 360} for i, name in enumerate(names)]
    keypoints = [5, 5, 2, 6, 6, 1, 0, 0, 0] + [7, 7, 2] * 14 if flags else _flat(17, 5)
    one = {"image_id": 0, "keypoints": keypoints, "iscrowd": 0}
    if whole:
        one |= {
            "foot_kpts": _flat(6, 6),
            "face_kpts": _flat(68, 7),
            "lefthand_kpts": _flat(21, 8),
            "righthand_kpts": _flat(21, 9),
        }
    return {
        "images": images,
        "annotations": [one, {"image_id": 1, "keypoints": _flat(17, 999), "iscrowd": 1}],
        "categories": [],
    }


def test_coco_wholebody_pictures_are_frames_of_the_clip_in_their_path(tmp_path: Path):
    other, talk = read_coco_wholebody(_dump(tmp_path / "x.json", _coco()), RATE).recordings
    assert (other.name, other.n_frames, talk.name, talk.n_frames) == ("other", 1, "talk", 3)
    assert (talk.width, talk.height) == (640, 360)
    assert talk.poses is not None
    assert talk.poses.skeleton == "coco_wholebody133"
    assert talk.poses.seen.tolist() == [False, False, True], "frame 2 is the clip's first, and holds a crowd only"
    assert talk.poses.keypoints[2, [0, 17, 23, 91, 112], 0].tolist() == [5, 6, 7, 8, 9]


def test_coco_flags_are_halved(tmp_path: Path):
    _, talk = read_coco_wholebody(_dump(tmp_path / "x.json", _coco(flags=True, whole=False)), RATE).recordings
    assert talk.poses is not None
    assert talk.poses.skeleton == "coco17"
    assert talk.poses.confidence[2].tolist() == [1, 0.5, 0] + [1] * 14


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": 3}, "no dictionary with a list of dictionaries `images`"),
        ({"images": [{"id": 0}]}, "image 0: no id and file_name"),
        (
            {"images": [{"id": 0, "file_name": "a/1.jpg"}, {"id": 1, "file_name": "a/x1.jpg"}]},
            "image 1, file_name: .* frame 1 of a",
        ),
        ({"annotations": [{"image_id": 9}]}, "annotation 0, image_id: 9 is none of the images"),
        ({"annotations": [{"image_id": 0, "keypoints": [1, 2]}]}, "annotation 0, keypoints: 2 numbers where 51"),
    ],
)
def test_wrong_coco_files_are_named(tmp_path: Path, change: dict[str, Any], message: str):
    with pytest.raises(BadInput, match=rf"x\.json.*{message}"):
        list(read_coco_wholebody(_dump(tmp_path / "x.json", _coco() | change), RATE).recordings)


# all of them


@pytest.mark.parametrize(
    ("write", "read", "file", "skeletons"),
    [
        (write_openpose, read_openpose, "", {"openpose25": 25, "openpose137": 137}),
        (write_mmpose, read_mmpose, "", {"coco17": 17, "coco_wholebody133": 133, "points8": 8}),
        (write_coco_wholebody, read_coco_wholebody, "x.json", {"coco17": 17, "coco_wholebody133": 133}),
    ],
)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory,
    write: Callable[[Any, Path], None],
    read: Callable[[Path, Reading], Collection],
    file: str,
    skeletons: dict[str, int],
    data: st.DataObject,
):
    out = tmp_path_factory.mktemp("json") / file
    skeleton = data.draw(st.sampled_from(sorted(skeletons)))
    n_frames, seed = data.draw(st.integers(3, 9)), data.draw(st.integers(0, 99))
    one = recording("clip-1", skeleton, skeletons[skeleton], n_frames, seed, gestures=(), person="")
    two = recording("clip_2", skeleton, skeletons[skeleton], n_frames + 1, seed + 1, gestures=(), person="")
    without = replace(one, name="none", poses=None)
    sent = outgoing(one, without, two)
    write(sent, out)
    assert sent.notes == ["Clip none has no poses and is left out."]
    back = list(read(out, Reading(fps=Fraction(25), width=1280, height=720)).recordings)
    assert len(back) == 2
    assert_same(one, back[0])
    assert_same(two, back[1])


@pytest.mark.parametrize(
    ("write", "skeleton", "message"),
    [
        (write_openpose, "coco17", "OpenPose has no skeleton coco17"),
        (write_coco_wholebody, "openpose25", "COCO has no skeleton openpose25"),
        (write_mmpose, "kinect25", "of two dimensions"),
    ],
)
def test_skeletons_that_a_format_lacks(tmp_path: Path, write, skeleton: str, message: str):
    with pytest.raises(BadInput, match=message):
        write(outgoing(recording("x", skeleton, 25)), tmp_path)
