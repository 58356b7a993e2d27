"""The camera's speed, on a wall whose every point is known, moved by hand."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from collector.frames import Image
from collector.steadiness import FASTEST, Camera

NOBODY = np.zeros((0, 4), np.float32)
WIDTH, HEIGHT, STEP_S = 640, 360, 0.2


@pytest.fixture(scope="module")
def wall() -> Image:
    """A wall of posters, three pictures wide and high."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 255, (3 * HEIGHT // 12, 3 * WIDTH // 12, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (3 * WIDTH, 3 * HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


def shown(wall: Image, right: float = 0, zoom: float = 1) -> Image:
    """What a camera sees that was turned so many pixels to the right, and zoomed in."""
    place = np.array([[zoom, 0, WIDTH / 2 - zoom * (1.5 * WIDTH + right)], [0, zoom, HEIGHT / 2 - zoom * 1.5 * HEIGHT]])
    return np.asarray(cv2.warpAffine(wall, place, (WIDTH, HEIGHT)), np.uint8)


def speeds(pictures: list[Image], boxes: np.ndarray = NOBODY) -> list[float]:
    camera = Camera()
    for n, picture in enumerate(pictures):
        camera.see(picture, boxes, n * STEP_S)
    assert len(camera.speeds) == len(pictures)
    return camera.speeds


def test_a_tripod(wall: Image) -> None:
    assert speeds([shown(wall)] * 4) == pytest.approx([0] * 4, abs=0.002)


def test_a_pan(wall: Image) -> None:
    # 32 of 640 pixels each fifth of a second: a quarter of the picture a second.
    assert speeds([shown(wall, 32 * n) for n in range(4)]) == pytest.approx([0, 0.25, 0.25, 0.25], abs=0.01)


def test_a_zoom(wall: Image) -> None:
    # By 5 % the corners move by 5 % of half the diagonal: 0.05 * hypot(320, 180) / 640 of the width in a fifth of a second.
    expected = 0.05 * np.hypot(320, 180) / 640 / STEP_S
    assert speeds([shown(wall), shown(wall, zoom=1.05)])[1] == pytest.approx(expected, rel=0.05)


def test_people_who_move_are_not_the_camera(wall: Image) -> None:
    """Somebody fills half of the picture and sways; the wall behind does not."""
    boxes = np.array([[0.2, 0.1, 0.75, 1.0]], np.float32)
    pictures = []
    for n in range(4):
        picture = shown(wall)
        picture[36:, 128 + 12 * n : 432 + 12 * n] = shown(wall, 700)[36:, :304]
        pictures.append(picture)
    assert speeds(pictures, boxes) == pytest.approx([0] * 4, abs=0.003)


def test_a_flash_is_not_a_move(wall: Image) -> None:
    white = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
    pictures = [shown(wall), shown(wall), white, shown(wall), shown(wall)]
    assert speeds(pictures) == pytest.approx([0] * 5, abs=0.002)


def test_a_whip_is(wall: Image) -> None:
    """Too fast to be followed for three looks, then still: those three count as the fastest."""
    pictures = [shown(wall, at) for at in (-600, -600, -250, 200, 600, 600)]
    assert speeds(pictures) == pytest.approx([0, 0, FASTEST, FASTEST, FASTEST, 0], abs=0.01)


def test_a_bare_wall_tells_nothing() -> None:
    pictures = [np.full((HEIGHT, WIDTH, 3), 90 + n, np.uint8) for n in range(4)]
    assert speeds(pictures) == [0, 0, 0, 0]


def test_rests_count_as_still(wall: Image) -> None:
    """After a rest of 0.8 s a move of 32 pixels in a fifth of a second is as fast as without the rest."""
    camera = Camera()
    camera.see(shown(wall), NOBODY, 0.0)
    for n in range(1, 5):
        camera.still(n * STEP_S)
    camera.see(shown(wall, 32), NOBODY, 1.0)
    assert camera.speeds == pytest.approx([0] * 5 + [0.25], abs=0.01)
