"""Small stores of poses for the tests of the models: bodies whose arms swing at a rate that is their class."""

import numpy as np
import pytest
import torch

from models.store import Item, Recording, write_store


@pytest.fixture(autouse=True)
def one_thread():
    """Many small operations on few cores: more threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def swinging(rate, seed, frames=48):
    """A COCO-17 body in pixels whose wrists swing `rate` times in the window."""
    rng = np.random.default_rng(seed)
    body = np.tile(np.linspace(0, 1, 17)[:, None] * [80, 200] + [100, 100], (frames, 1, 1))
    body[:, 5], body[:, 6] = (200, 150), (100, 150)
    time = np.arange(frames) / frames
    for wrist in (9, 10):
        body[:, wrist, 0] += 60 * np.sin(2 * np.pi * (rate * time + rng.random()))
    return (body + rng.normal(scale=0.1, size=body.shape)).astype(np.float32)


def recordings(n, people, first=0):
    """`n` recordings of three classes; each person trains or tests, never both."""
    for index in range(n):
        person, label = index % people, index // people % 3
        positions = swinging(1 + 2 * label, first + index)
        part = "train" if person < people // 2 else "test"
        item = Item(f"clip{first + index:03}", 0, len(positions), label, part)
        yield Recording(positions, np.ones(positions.shape[:2], np.float32), f"P{first}-{person}", (item,))


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """Forty-eight labelled clips of four people, two of whom train."""
    return write_store(
        recordings(48, 4), tmp_path_factory.mktemp("labelled"), "coco17", classes=["one", "three", "five"], y_down=True
    )


@pytest.fixture(scope="session")
def other_people(tmp_path_factory):
    """Thirty clips of people who are not in `store`."""
    return write_store(
        recordings(30, 5, first=100),
        tmp_path_factory.mktemp("unlabelled"),
        "coco17",
        classes=["one", "three", "five"],
        y_down=True,
    )
