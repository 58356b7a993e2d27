"""A person is described alike however the picture shows them, and unlike somebody else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.appearance import SIZE, Mean, describe, differences, shows_face
from collector.frames import Image
from collector.yolo import JOINTS, People

Colour = tuple[int, int, int]
WIDTH, HEIGHT = 640, 360
SKIN, WALL = (140, 170, 210), (120, 120, 120)


def person(hair: Colour, shirt: Colour, lines: int, x: int = 320) -> tuple[Image, People]:
    """A drawn head with hair, a face of its own lines (a seed), and a shirt; the eyes are 40 pixels apart."""
    image = np.full((HEIGHT, WIDTH, 3), WALL, np.uint8)
    cv2.rectangle(image, (x - 150, 250), (x + 150, HEIGHT), shirt, -1)
    cv2.ellipse(image, (x, 120), (75, 95), 0, 0, 360, hair, -1)
    cv2.ellipse(image, (x, 145), (52, 72), 0, 0, 360, SKIN, -1)
    random = np.random.default_rng(lines)
    for _ in range(14):
        start, end = np.add(random.integers([-45, -30], [45, 70], (2, 2)), (x, 140))
        cv2.line(image, start.tolist(), end.tolist(), random.integers(0, 120, 3).tolist(), 3)
    joints = np.zeros((1, JOINTS, 3), np.float32)
    places = {0: (x, 165), 1: (x + 20, 130), 2: (x - 20, 130), 5: (x + 110, 280), 6: (x - 110, 280)}
    for joint, (px, py) in places.items():
        joints[0, joint] = px / WIDTH, py / HEIGHT, 0.9
    box = np.array([[(x - 150) / WIDTH, 0.05, (x + 150) / WIDTH, 1.0]], np.float32)
    return image, People(box, np.array([0.9], np.float32), joints)


def mirrored(image: Image, people: People) -> tuple[Image, People]:
    joints = people.keypoints.copy()
    joints[..., 0] = np.where(joints[..., 2] > 0, 1 - joints[..., 0], 0)
    joints[:, [1, 2, 5, 6]] = joints[:, [2, 1, 6, 5]]
    boxes = people.boxes.copy()
    boxes[:, [0, 2]] = 1 - boxes[:, [2, 0]]
    return np.ascontiguousarray(image[:, ::-1]), People(boxes, people.confidence, joints)


def smaller(image: Image, people: People, scale: float) -> tuple[Image, People]:
    """The same, as a part of a wider picture."""
    wide = np.full_like(image, WALL)
    width, height = round(WIDTH * scale), round(HEIGHT * scale)
    wide[:height, :width] = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    keypoints = people.keypoints * np.array([width / WIDTH, height / HEIGHT, 1], np.float32)
    return wide, People(people.boxes * np.float32(scale), people.confidence, keypoints)


ANA = person((20, 30, 40), (30, 30, 180), 1)
BO = person((60, 140, 190), (160, 60, 20), 2)


def apart(one: tuple[Image, People], other: tuple[Image, People]) -> float:
    return float(differences(describe(*one), describe(*other))[0, 0])


def test_somebody_else_is_far_and_the_same_person_near() -> None:
    assert apart(ANA, ANA) < 0.001
    assert apart(ANA, BO) > 0.3
    assert apart(ANA, mirrored(*ANA)) < 0.02
    assert apart(ANA, smaller(*ANA, 0.5)) < 0.12
    assert apart(ANA, person((20, 30, 40), (30, 30, 180), 1, x=200)) < 0.02


def test_clothes_alone_and_faces_alone_tell_people_apart() -> None:
    in_blue, other_face = person((20, 30, 40), (180, 60, 30), 1), person((20, 30, 40), (30, 30, 180), 5)
    assert apart(ANA, in_blue) > 5 * apart(ANA, mirrored(*ANA))
    assert apart(ANA, other_face) > 5 * apart(ANA, mirrored(*ANA))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 50), st.integers(150, 490), st.floats(0.35, 1.0))
def test_left_and_right_are_never_told_apart(lines: int, x: int, scale: float) -> None:
    one = smaller(*person((20, 30, 40), (30, 30, 180), lines, x), scale)
    assert apart(one, mirrored(*one)) < 0.04


def test_what_a_description_holds() -> None:
    (found,) = describe(*ANA)
    assert found.shape == (SIZE,)
    # Four parts, each with lightness (8 bins) and colour (12 x 12) that sum to 1, then lines of length 1.
    for part in range(4):
        first = part * 152
        assert found[first : first + 8].sum() == pytest.approx(1, abs=1e-5)
        assert found[first + 8 : first + 152].sum() == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(found[608:]) == pytest.approx(1, abs=1e-5)


def test_what_is_outside_the_picture_is_not_described() -> None:
    image, people = ANA
    cut = image[:240]  # above the shirt
    shares = people.keypoints * np.array([1, HEIGHT / 240, 1], np.float32)
    found = describe(cut, People(people.boxes, people.confidence, shares))
    assert np.isnan(found[0, 3 * 152 : 608]).all()
    assert not np.isnan(found[0, : 3 * 152]).any()
    assert float(differences(found, describe(*ANA))[0, 0]) < 0.03  # the rest is compared all the same


def test_without_a_face_nothing_is_said() -> None:
    image, people = ANA
    turned = people.keypoints.copy()
    turned[:, :3, 2] = 0.1
    away = People(people.boxes, people.confidence, turned)
    assert shows_face(people).tolist() == [True]
    assert shows_face(away).tolist() == [False]
    assert np.isnan(describe(image, away)).all()
    assert np.isnan(differences(describe(image, away), describe(*ANA))).all()
    nobody = People(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, JOINTS, 3), np.float32))
    assert describe(image, nobody).shape == (0, SIZE)
    assert describe(*smaller(*ANA, 0.06)).shape == (1, SIZE)
    assert np.isnan(describe(*smaller(*ANA, 0.06))).all()  # eyes 2.4 pixels apart


def test_mean_by_hand() -> None:
    mean = Mean()
    assert np.isnan(mean.value).all()
    first, second = np.full(SIZE, 1, np.float32), np.full(SIZE, 3, np.float32)
    second[:152] = np.nan
    mean.add(first)
    mean.add(second)
    assert set(mean.value[:152]) == {1.0}
    assert set(mean.value[152:]) == {2.0}
