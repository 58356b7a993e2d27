import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data import Windows, draw_items, draw_windows, whole_items, windows
from models.store import Item, Recording, write_store

RNG = np.random.default_rng


def store_of(folder, positions, confidence=None, items=None, skeleton="points2", **options):
    confidence = np.ones(positions.shape[:2], np.float32) if confidence is None else confidence
    items = items or (Item("all", 0, len(positions)),)
    return write_store([Recording(positions, confidence, "P1", items)], folder, skeleton, in_body_frame=True, **options)


@pytest.fixture(scope="module")
def smooth(tmp_path_factory):
    time = np.arange(40, dtype=np.float32)
    positions = np.stack([np.sin(time / 5), np.cos(time / 7), time / 40, -time / 40], -1).reshape(40, 2, 2)
    return store_of(tmp_path_factory.mktemp("s"), positions.astype(np.float32)), positions


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 30), st.floats(2, 40), st.integers(2, 80))
def test_resampling_is_numpy_s_interpolation(smooth, start, length, frames):
    store, positions = smooth
    batch = windows(store, np.array([0]), np.array([start]), np.array([length], np.float32), frames)
    at = np.clip(start + np.linspace(0, 1, frames) * (np.float32(length) - 1), 0, 39)
    for joint in range(2):
        for axis in range(2):
            expected = np.interp(at, np.arange(40), positions[:, joint, axis])
            np.testing.assert_allclose(batch.positions[0, :, joint, axis], expected, atol=1e-5)
    assert (batch.positions[..., 2] == 0).all()
    assert batch.valid.all()


def test_windows_never_leave_their_item(tmp_path):
    positions = np.repeat(np.array([1, 2, 3], np.float32), 10)[:, None, None] * np.ones((1, 2, 3), np.float32)
    store = store_of(tmp_path, positions, items=tuple(Item(f"i{k}", 10 * k, 10 * k + 10) for k in range(3)))
    items = np.arange(3).repeat(50)
    start, length = draw_windows(store, items, Windows(shortest=2, longest=8, crop=0.1), RNG(0))
    batch = windows(store, items, start, length, 16)
    np.testing.assert_array_equal(batch.positions[:, :, 0, 0], (items + 1)[:, None].repeat(16, 1))
    assert length.min() >= 2
    assert length.max() <= 8


def test_a_gap_is_bridged_by_the_neighbour_and_no_further(tmp_path):
    positions = np.arange(6, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    confidence = np.ones((6, 2), np.float32)
    confidence[2:5, 0] = 0
    store = store_of(tmp_path, positions, confidence)
    batch = windows(store, np.array([0]), np.array([0.0]), np.array([6], np.float32), 11)  # every half frame
    assert batch.valid[0, :, 0].tolist() == [True] * 4 + [False] * 5 + [True] * 2
    assert batch.positions[0, 3, 0, 0] == 1.0  # between frames 1 and the unseen 2: frame 1
    assert batch.positions[0, 9, 0, 0] == 5.0
    assert (batch.positions[0, 4:9, 0] == 0).all()
    assert batch.valid[0, :, 1].all()
    assert batch.positions[0, 3, 1, 0] == 1.5


def test_y_points_up_whatever_the_picture_says(tmp_path):
    positions = np.ones((4, 2, 2), np.float32)
    store = store_of(tmp_path, positions, y_down=True)
    batch = windows(store, np.array([0]), *whole_items(store, np.array([0])), 4)
    assert (batch.positions[..., 1] == -1).all()


def test_whole_items_cover_the_middle(smooth):
    store, _ = smooth
    start, length = whole_items(store, np.array([0]), share=0.5)
    assert (start.tolist(), length.tolist()) == ([10], [20])


def test_long_streams_are_drawn_as_often_as_they_have_windows(tmp_path):
    store = store_of(
        tmp_path, np.ones((1000, 2, 2), np.float32), items=(Item("long", 0, 900), Item("short", 900, 1000))
    )
    drawn = draw_items(store, np.arange(2), 20000, 100, RNG(0))
    assert (drawn == 0).mean() == pytest.approx(0.9, abs=0.01)


def test_the_same_seed_gives_the_same_batch(smooth):
    store, _ = smooth
    items = np.zeros(5, np.int64)
    first, second = (windows(store, items, *draw_windows(store, items, Windows(), RNG(3)), 32) for _ in range(2))
    assert torch.equal(first.positions, second.positions)
