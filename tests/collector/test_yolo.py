"""What YOLO finds here is what Ultralytics finds with the same weights, whatever runs the network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from collector.network import on_torch
from collector.weights import cache_dir, find_weights, import_ultralytics
from collector.yolo import JOINTS, People, PoseModel, load_pose_model, share_cores
from manifests.errors import Unavailable
from mgcollect.demo.footage import PressConference
from tests.collector.pictures import Image


@pytest.fixture(scope="module")
def frames(conferences: list[PressConference]) -> list[Image]:
    """A frame of each press conference that shows somebody."""
    found = []
    for conference in conferences:
        shot = next(shot for shot in conference.shots if shot.persons)
        capture = cv2.VideoCapture(str(conference.path))
        capture.set(cv2.CAP_PROP_POS_MSEC, float(shot.start_s + shot.end_s) * 500)
        found.append(np.asarray(capture.read()[1], np.uint8))
    return found


@pytest.fixture(scope="module")
def model(weights: Path) -> PoseModel:
    return load_pose_model(find_weights(weights).path, "cpu", 1)


@pytest.fixture(scope="module")
def reference(weights: Path) -> Any:
    return import_ultralytics().YOLO(str(weights))


def ultralytics(reference: Any, image: Image) -> People:
    (result,) = reference.predict([image], imgsz=640, conf=0.25, device="cpu", verbose=False)
    keypoints = np.concatenate([result.keypoints.xyn.numpy(), result.keypoints.conf.numpy()[..., None]], axis=-1)
    return People(result.boxes.xyxyn.numpy(), result.boxes.conf.numpy(), keypoints)


def same(found: People, wanted: People, share: float) -> None:
    assert len(found) == len(wanted) > 0
    assert np.abs(found.boxes - wanted.boxes).max() < share
    assert np.abs(found.confidence - wanted.confidence).max() < 0.01
    sure = wanted.keypoints[..., 2] > 0.5
    assert np.abs(found.keypoints - wanted.keypoints)[sure].max() < max(share, 0.001)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (320, 240), (360, 480)])
def test_as_ultralytics_finds_them(
    model: PoseModel, reference: Any, frames: list[Image], size: tuple[int, int]
) -> None:
    """Wide, large, small and upright pictures: the same people, boxes and joints to a thousandth of the picture."""
    images = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames]
    for image, people in zip(images, model.find(images), strict=True):
        same(people, ultralytics(reference, image), 0.001)


@pytest.mark.slow
def test_a_region_is_seen_as_a_picture_of_its_own(model: PoseModel, frames: list[Image]) -> None:
    """Half of a picture cut out by hand and shown whole, at the size at which a region is looked at."""
    image = cv2.resize(frames[0], (640, 360), interpolation=cv2.INTER_AREA)
    region = (320, 40, 640, 360)
    (found,) = model.find_in([image], region)
    cut = image[40:360, 320:640]
    (alone,) = model.find_in([np.pad(cut, ((0, 0), (0, 320), (0, 0)))], (0, 0, 320, 320))  # so that nothing is scaled
    assert len(found) == len(alone) == 1
    pixels = np.array([640, 360], np.float32)
    shown = alone.keypoints[..., :2] * [640, 320] + [320, 40]
    sure = found.keypoints[0, :, 2] > 0.5
    assert sure.sum() >= 4
    assert np.abs(found.keypoints[0, :, :2] * pixels - shown[0])[sure].max() < 0.01


@pytest.mark.slow
def test_joints_of_a_cut_out_person(model: PoseModel, frames: list[Image]) -> None:
    """On the region around them people have the joints of the whole picture: half within 1.5 % of their height, 3 % on average.

    Three frames say no more; `benchmarks.speed.poses` says it of minutes.
    """
    apart = [np.zeros(0)]
    for frame in frames:
        image = cv2.resize(frame, (640, 360), interpolation=cv2.INTER_AREA)
        (whole,) = model.find([image])
        box = whole.boxes[0] * np.array([640, 360, 640, 360])
        margin = 0.2 * max(box[2:] - box[:2])
        x0, y0 = np.maximum(box[:2] - margin, 0).astype(int)
        x1, y1 = np.minimum(box[2:] + margin, [640, 360]).astype(int)
        (part,) = model.find_in([image], (int(x0), int(y0), int(x1), int(y1)))
        sure = whole.keypoints[0, :, 2] > 0.5
        moved = (part.keypoints[0] - whole.keypoints[0])[sure, :2] * [640, 360]
        apart.append(np.linalg.norm(moved, axis=1) / (box[3] - box[1]))
    assert np.concatenate(apart).mean() < 0.03
    assert np.median(np.concatenate(apart)) < 0.015


@pytest.mark.slow
def test_torch_gives_the_same(model: PoseModel, reference: Any, frames: list[Image]) -> None:
    """The way a GPU takes, here on the CPU and in full precision."""
    network = on_torch(reference.model.eval(), "cpu")
    for found, wanted in zip(PoseModel(network).find(frames), model.find(frames), strict=True):
        same(found, wanted, 0.0001)


@pytest.mark.slow
def test_translated_once(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The translation is kept under the weights' sha256; nothing half-made stays; nobody is told of it."""
    monkeypatch.setenv("MGCOLLECT_CACHE", str(tmp_path))
    sha256 = find_weights(weights).sha256
    load_pose_model.cache_clear()
    try:
        load_pose_model(str(weights), "cpu", 1)
        (folder,) = (cache_dir() / "networks").iterdir()
        assert folder.name.startswith(f"{sha256}-openvino-")
        made = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
        assert set(made) == {"network.xml", "network.bin"}
        load_pose_model.cache_clear()
        people = load_pose_model(str(weights), "cpu", 1).find([np.full((360, 640, 3), 90, np.uint8)])
        assert [len(one) for one in people] == [0]
        assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == made
    finally:
        load_pose_model.cache_clear()


def test_a_cache_that_cannot_be_written(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "networks").write_text("a file where the folder should be")
    monkeypatch.setenv("MGCOLLECT_CACHE", str(tmp_path))
    load_pose_model.cache_clear()
    with pytest.raises(Unavailable, match="MGCOLLECT_CACHE"):
        load_pose_model(str(weights), "cpu", 1)


def test_cores_are_shared() -> None:
    cores = len(os.sched_getaffinity(0))
    assert share_cores(1) == share_cores(0) == cores
    assert share_cores(10 * cores) == 1


def test_nobody_in_a_plain_picture(model: PoseModel) -> None:
    (people,) = model.find_in([np.full((360, 640, 3), 90, np.uint8)], (5, 5, 6, 6))
    assert (people.boxes.shape, people.keypoints.shape) == ((0, 4), (0, JOINTS, 3))
