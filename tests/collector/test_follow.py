"""Who is followed, and when the whole picture is looked at: on green blocks, of which everything is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.follow import Follower
from collector.yolo import People, Region
from tests.collector.pictures import GreenBlocks, Image, room

WIDTH, HEIGHT = 320, 192
LEFT, RIGHT = (32, 40, 60, 120, True), (180, 40, 60, 120, True)
Block = tuple[int, int, int, int, bool]


class Blocks(GreenBlocks):
    """Sees whole pictures and parts of them; a part shows no more than it covers.

    Attributes:
        parts: the region of each picture that was seen in part.
        blind: every detection in a part is this unsure.
    """

    def __init__(self, blind: float | None = None) -> None:
        super().__init__()
        self.parts: list[Region] = []
        self.blind = blind

    def find_in(self, images: Sequence[Image], region: Region, confidence: float = 0.25) -> list[People]:
        x0, y0, x1, y1 = region
        self.parts += [region] * len(images)
        found = GreenBlocks().find([image[y0:y1, x0:x1] for image in images], confidence)
        size, corner = np.array([WIDTH, HEIGHT], np.float32), np.array([x0, y0], np.float32)
        scale = np.array([x1 - x0, y1 - y0], np.float32)
        return [
            People(
                (people.boxes * np.tile(scale, 2) + np.tile(corner, 2)) / np.tile(size, 2),
                people.confidence if self.blind is None else np.full(len(people), self.blind, np.float32),
                people.keypoints,
            )
            for people in found
        ]


def picture(*blocks: Block) -> Image:
    return room(blocks, WIDTH, HEIGHT)


def followed(
    pictures: list[Image], start: Block, finder: Blocks | None = None, every: int = 25, batch: int = 8
) -> tuple[list[int | None], Follower]:
    """The left edge of the person chosen in each picture, to the pixel."""
    x, y, width, height, _ = start
    box = np.array([x / WIDTH, y / HEIGHT, (x + width) / WIDTH, (y + height) / HEIGHT], np.float32)
    follower = Follower(finder or Blocks(), box, every)
    track = [person for n in range(0, len(pictures), batch) for person in follower.follow(pictures[n : n + batch])]
    assert len(track) == len(pictures)
    assert all(len(person.boxes) == len(person.keypoints) == len(person.confidence) <= 1 for person in track)
    return [round(float(person.boxes[0, 0]) * WIDTH) if len(person) else None for person in track], follower


def test_the_neighbour_is_never_taken_for_the_player() -> None:
    both, left, empty = picture(LEFT, RIGHT), picture(LEFT), picture()
    edges, _ = followed([both, both, left, empty, both, left, both], RIGHT)
    assert edges == [180, 180, None, None, 180, None, 180]


def test_who_sits_still_costs_one_whole_picture_a_second() -> None:
    """60 pictures at 25 a second: the first, the 26th, the 51st; and the cut-out never moves."""
    finder = Blocks()
    edges, follower = followed([picture(LEFT, RIGHT)] * 60, RIGHT, finder)
    assert edges == [180] * 60
    assert follower.looks == finder.looked_at == 3
    # 20 % of the longer side, 120 pixels, on each side, cut at the picture's edges.
    (region,) = set(finder.parts)
    assert region == pytest.approx((156, 16, 264, 184), abs=1)


@pytest.mark.parametrize("batch", [1, 8])
def test_follows_who_moves(batch: int) -> None:
    """Right to left, five pixels a picture, past where the track began, while somebody takes the empty seat."""
    edges = [180 - 5 * n for n in range(36)]
    blocks = [(edge, 40, 60, 120, True) for edge in edges]
    pictures = [picture(*([block] if n < 16 else [block, (250, 40, 60, 120, True)])) for n, block in enumerate(blocks)]
    found, follower = followed(pictures, RIGHT, batch=batch)
    assert found == edges
    assert follower.looks < 10


def test_faster_than_the_cut_out_allows() -> None:
    """40 pixels a picture leave the cut-out within a batch; the whole picture then tells where they are."""
    edges = [10, 10, 10, 10, 40, 80, 120, 160, 200, 200, 200]
    found, _ = followed([picture((edge, 40, 80, 120, True)) for edge in edges], (10, 40, 80, 120, True))
    assert found == edges


def test_who_was_lost_comes_back_where_they_began() -> None:
    away, far = (150, 40, 60, 120, True), (120, 40, 60, 120, True)
    assert followed([picture(away), picture(far), picture(), picture(RIGHT)], RIGHT)[0] == [150, 120, None, 180]
    # Elsewhere it would be somebody else.
    assert followed([picture(RIGHT), picture(), picture(LEFT)], RIGHT)[0] == [180, None, None]


def test_an_unsure_cut_out_is_not_believed() -> None:
    finder = Blocks(blind=0.45)
    edges, follower = followed([picture(RIGHT)] * 10, RIGHT, finder)
    assert edges == [180] * 10
    assert follower.looks == 10


def test_two_who_could_be_meant() -> None:
    """Somebody comes so near that either box continues the track: the whole picture decides, every time."""
    pictures = [picture(RIGHT, (136, 40, 40, 120, True))] * 10
    _, apart = followed(pictures, RIGHT)
    assert apart.looks == 1

    class Overlapping(Blocks):
        """Half hidden behind the player, and still found as large as they are."""

        def find_in(self, images: Sequence[Image], region: Region, confidence: float = 0.25) -> list[People]:
            return [_with_shadow(people) for people in super().find_in(images, region, confidence)]

    edges, near = followed([picture(RIGHT)] * 10, RIGHT, Overlapping())
    assert edges == [180] * 10
    assert near.looks == 10


def _with_shadow(people: People) -> People:
    if not len(people):
        return people
    shifted = people.boxes[:1] + np.array([0.05, 0, 0.05, 0], np.float32)
    return People(
        np.concatenate([people.boxes, shifted]),
        np.concatenate([people.confidence, people.confidence[:1]]),
        np.concatenate([people.keypoints, people.keypoints[:1]]),
    )


def test_a_look_at_the_whole_picture_moves_no_joint() -> None:
    """The whole picture says who it is; the joints stay those of the cut-out, so that nothing jumps once a second."""

    class Marked(Blocks):
        def find_in(self, images: Sequence[Image], region: Region, confidence: float = 0.25) -> list[People]:
            found = super().find_in(images, region, confidence)
            for people in found:
                people.keypoints[..., 0] = 0.5
            return found

    x, y, width, height, _ = RIGHT
    box = np.array([x / WIDTH, y / HEIGHT, (x + width) / WIDTH, (y + height) / HEIGHT], np.float32)
    follower = Follower(Marked(), box, every=3)
    track = [person for _ in range(4) for person in follower.follow([picture(RIGHT)] * 4)]
    assert follower.looks == 6
    assert [float(person.keypoints[0, 0, 0]) for person in track] == [0.0] + [0.5] * 15


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.integers(-12, 12), st.booleans()), min_size=1, max_size=40), st.integers(1, 9))
def test_batches_change_nothing(steps: list[tuple[int, bool]], batch: int) -> None:
    """However somebody moves and hides: in one batch or in many, the same boxes within a pixel, and no gap filled."""
    edge, pictures, truth = 130, [], []
    for step, hidden in steps:
        edge = int(np.clip(edge + step, 0, WIDTH - 60))
        pictures.append(picture() if hidden else picture((edge, 40, 60, 120, True)))
        truth.append(None if hidden else edge)
    first = (130, 40, 60, 120, True)
    one, _ = followed(pictures, first, batch=len(pictures))
    many, _ = followed(pictures, first, batch=batch)
    assert one == many
    for found, real in zip(one, truth, strict=True):
        assert found is None or found == real
        assert real is not None or found is None
