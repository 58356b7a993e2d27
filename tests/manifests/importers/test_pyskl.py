"""pyskl's pickles in and out; what is in them is simulated."""

from __future__ import annotations

import pickle
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.errors import BadInput
from manifests.importers.pyskl import load_pyskl, read_pyskl, write_pyskl
from manifests.importers.recording import Outgoing, Protocol, Reading, Span
from tests.manifests.importers.simulated import assert_same, poses, recording


def _annotation(name: str = "a", **changes: Any) -> dict[str, Any]:
    keypoint = np.arange(1 * 4 * 17 * 2, dtype=np.float16).reshape(1, 4, 17, 2)
    return {
        "frame_dir": name,
        "label": 1,
        "total_frames": 4,
        "img_shape": (720, 1280),
        "original_shape": (1080, 1920),
        "keypoint": keypoint,
        "keypoint_score": np.full((1, 4, 17), 0.5, np.float16),
    } | changes


def _file(folder: Path, annotations: list[Any], split: Any = None, classes: str | None = None) -> Path:
    path = folder / "x.pkl"
    path.write_bytes(pickle.dumps({"split": split or {}, "annotations": annotations}))
    if classes is not None:
        (folder / "x.classes.txt").write_text(classes)
    return path


def test_an_annotation_in_pixels(tmp_path: Path):
    annotation = _annotation()
    annotation["keypoint"][0, 3, 2] = 0
    path = _file(tmp_path, [annotation], {"train": ["a"]}, "nodding\nwinking\n")
    collection = read_pyskl(path, Reading())
    (found,) = collection.recordings
    assert collection.labels == ("nodding", "winking")
    assert collection.protocols == (Protocol("given", {"a": "train"}),)
    assert (found.width, found.height, found.fps, found.person) == (1920, 1080, Fraction(30), "")
    assert found.gestures == (Span(0, 4, "winking"),)
    assert found.poses is not None
    assert (found.poses.skeleton, found.poses.unit) == ("coco17", "pixel")
    np.testing.assert_array_equal(found.poses.keypoints[0, 1], np.float32([2, 3, 0.5]))
    assert found.poses.confidence[3, 2] == 0, "the exact origin is a joint that wasn't found"


def test_the_person_seen_best_is_kept_and_the_rest_is_said(tmp_path: Path):
    keypoint = np.stack([np.full((4, 17, 2), 1.0), np.full((4, 17, 2), 7.0)])
    score = np.stack([np.full((4, 17), 0.3), np.full((4, 17), 0.6)])
    collection = read_pyskl(_file(tmp_path, [_annotation(keypoint=keypoint, keypoint_score=score)]), Reading())
    (found,) = collection.recordings
    assert found.poses is not None
    assert (found.poses.positions == 7).all()
    assert "Of 1 annotations with several people" in collection.notes[0]


def test_splits_are_protocols(tmp_path: Path):
    split = {"xsub_train": ["a"], "xsub_val": ["b"], "train": ["b"], "test": ["a"], "odd": ["a"]}
    collection = read_pyskl(_file(tmp_path, [_annotation("a"), _annotation("b")], split), Reading())
    assert {p.name: p.parts for p in collection.protocols} == {
        "xsub": {"a": "train", "b": "val"},
        "given": {"b": "train", "a": "test"},
    }
    assert any("left out: odd" in note for note in collection.notes)


def test_gaps_are_unseen(tmp_path: Path):
    keypoint = np.ones((1, 4, 20, 3), np.float32)
    keypoint[0, 1, 2] = np.nan
    keypoint[0, 2, 3] = 0
    (clip,) = load_pyskl(_file(tmp_path, [_annotation(keypoint=keypoint, keypoint_score=None, subject=7)])).clips
    assert clip.person == "7"
    assert np.isfinite(clip.positions).all()
    assert np.argwhere(clip.confidence == 0).tolist() == [[0, 1, 2], [0, 2, 3]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoint": [[1.0, 2.0]]}, r"annotation 1, keypoint: list where an array of numbers"),
        ({"keypoint": np.zeros((4, 17, 2))}, r"annotation 1, keypoint: shape \(4, 17, 2\) is not people"),
        ({"keypoint": np.array(["x"])}, r"annotation 1, keypoint: an array of <U1"),
        ({"keypoint_score": np.zeros((1, 4, 16))}, r"annotation 1, keypoint_score: shape \(1, 4, 16\)"),
        ({"total_frames": 5}, r"annotation 1, total_frames: 5, but keypoint has 4 frames"),
        ({"label": "nodding"}, r"annotation 1, label: 'nodding' is not a class index"),
        ({"label": -2}, r"annotation 1, label: -2 is not"),
        ({"label": True}, r"annotation 1, label: True is not"),
        ({"img_shape": 5, "original_shape": 5}, r"annotation 1, img_shape: 5 is not a height and a width"),
        ({"frame_dir": "a"}, r"annotation 1: its frame_dir, 'a', is that of annotation 0 too"),
    ],
)
def test_a_wrong_annotation_is_named(tmp_path: Path, change: dict[str, Any], message: str):
    path = _file(tmp_path, [_annotation("a"), _annotation("b", **change)])
    with pytest.raises(BadInput, match=rf"x\.pkl, {message}"):
        load_pyskl(path)


@pytest.mark.parametrize(
    ("split", "classes", "message"),
    [
        ({"train": ["a", "zz"]}, None, r"split 'train': 1 names have no annotation, such as 'zz'"),
        ({"train": "a"}, None, r"split 'train': no list of names"),
        (["a"], None, r"split: no dictionary"),
        ({"train": ["a"], "test": ["a"]}, None, r"split 'test': 'a' is in train too"),
        ({}, "only one\n", r"x\.classes\.txt: 1 names of classes, but .* labels up to 1"),
        ({}, "same\nsame\n", r"two classes have one name"),
    ],
)
def test_wrong_splits_and_classes_are_named(tmp_path: Path, split: Any, classes: str | None, message: str):
    with pytest.raises(BadInput, match=message):
        read_pyskl(_file(tmp_path, [_annotation()], split, classes), Reading())


@pytest.mark.parametrize("content", [[], {}, {"annotations": {}}, {"annotations": []}, {"annotations": [3]}])
def test_other_pickles_are_refused(tmp_path: Path, content: Any):
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(BadInput, match=r"x\.pkl"):
        load_pyskl(path)


people = st.integers(0, 99999).map(lambda number: f"P{number:04d}") | st.sampled_from(["", "anna", "P12", "s-01"])


@settings(max_examples=25, deadline=None)
@given(data=st.data(), person=people, metres=st.booleans(), size=st.sampled_from([(0, 0), (1280, 720)]))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, person: str, metres: bool, size):
    """A clip of several gestures comes back as a recording a gesture, its poses cut out of the clip's."""
    n_frames = data.draw(st.integers(3, 15))
    labels = ("nodding", "winking", "waving")
    ends = data.draw(st.lists(st.integers(0, n_frames), min_size=2, max_size=5, unique=True).map(sorted))
    spans = tuple(Span(a, b, data.draw(st.sampled_from(labels)), gesture_id=f"g{a}") for a, b in pairwise(ends))
    skeleton, joints = ("kinect25", 25) if metres else ("coco17", 17)
    clip = recording("c1", skeleton, joints, n_frames, clip_id="c1", video_id="v1", person=person, gestures=spans)
    clip = replace(clip, width=size[0], height=size[1])
    unlabelled = replace(clip, name="c2", clip_id="c2", video_id="v2", gestures=())
    parts = {span.gesture_id: data.draw(st.sampled_from(["train", "val", "test"])) for span in spans} | {"v2": "val"}
    out = tmp_path_factory.mktemp("pyskl") / "x.pkl"
    write_pyskl(Outgoing([clip, unlabelled], labels, {"given": parts, "cross_subject": parts}), out)
    collection = read_pyskl(out, Reading(fps=Fraction(25)))
    *pieces, whole = collection.recordings
    assert_same(replace(unlabelled, name="c2"), whole)
    assert collection.labels == labels
    named = {("c2" if item == "v2" else item): part for item, part in parts.items()}
    assert {p.name: p.parts for p in collection.protocols} == {"given": named, "cross_subject": named}
    assert clip.poses is not None
    for span, piece in zip(spans, pieces, strict=True):
        keypoints, boxes = clip.poses.keypoints[span.start : span.end], clip.poses.boxes[span.start : span.end]
        cut = replace(clip.poses, keypoints=keypoints, boxes=boxes)
        length = span.end - span.start
        assert_same(
            replace(clip, name=f"g{span.start}", n_frames=length, poses=cut, gestures=(Span(0, length, span.label),)),
            piece,
        )


def test_scores_are_left_out_only_where_nothing_is_lost(tmp_path: Path):
    sure = recording("c1", "kinect25", 25, 5, clip_id="c1")
    assert sure.poses is not None
    keypoints = sure.poses.keypoints.copy()
    keypoints[4, 3, 3] = 0.5
    unsure = replace(sure, name="c2", clip_id="c2", poses=replace(sure.poses, keypoints=keypoints), gestures=())
    write_pyskl(Outgoing([replace(sure, gestures=()), unsure], ("a",)), tmp_path / "x.pkl")
    one, two = pickle.loads((tmp_path / "x.pkl").read_bytes())["annotations"]  # noqa: S301  (written above)
    assert "keypoint_score" not in one
    assert two["keypoint_score"][0, 4, 3] == 0.5
    assert "label" not in one


def test_a_release_without_poses_is_refused(tmp_path: Path):
    with pytest.raises(BadInput, match="holds no poses"):
        write_pyskl(Outgoing([recording(poses=None)]), tmp_path / "x.pkl")


def test_other_numbers_of_joints(tmp_path: Path):
    keypoint = poses("x", "coco17", 20, 4, 0).positions[None].copy()
    path = _file(tmp_path, [_annotation(keypoint=keypoint, keypoint_score=None)])
    assert [r.poses.skeleton for r in read_pyskl(path, Reading()).recordings if r.poses] == ["points20"]
    assert [r.poses.skeleton for r in read_pyskl(path, Reading(skeleton="msr20")).recordings if r.poses] == ["msr20"]
