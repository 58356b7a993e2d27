"""Streams of people who sit still and now and then swing an arm, quickly or slowly; and a spotter that learned from them."""

import numpy as np
import pytest

from models.settings import load_settings
from models.spot.spotter import SpotSettings
from models.spot.streams import Streams
from models.spot.train import train_spot
from models.store import Item, Recording, hold_store

FPS = 25.0
SMALL = [
    *("network.width=32", "network.levels=5", "network.context=3", "network.dropout=0", "frames=256", "held_out=0.25"),
    *("training.batch_size=8", "training.steps=80", "training.lr=3e-3", "training.accelerator=cpu"),
    *("augment.hide_part=0", "augment.hide_time=0"),
]


def stream(seed, frames=600):
    """A COCO-17 body in pixels, and its gestures: (start, end, label); label 0 swings the left wrist, 1 the right."""
    rng = np.random.default_rng(seed)
    body = np.tile(np.linspace(0, 1, 17)[:, None] * [80, 200] + [100, 100], (frames, 1, 1))
    body[:, 5], body[:, 6] = (200, 150), (100, 150)
    gestures, at = [], int(rng.integers(20, 60))
    while at + 60 < frames:
        length, label = int(rng.integers(20, 55)), int(rng.integers(2))
        time = np.arange(length) / FPS
        body[at : at + length, 9 + label, 1] -= 50 * np.abs(np.sin(2 * np.pi * 1.5 * time))
        gestures.append((at, at + length, label))
        at += length + int(rng.integers(25, 80))
    noisy = body + rng.normal(scale=1.0, size=body.shape)
    return noisy.astype(np.float32), gestures


def streams_of(seeds, people):
    """One stream a seed; each belongs to one of `people` people, of whom the last tests."""
    made = [stream(seed) for seed in seeds]
    owners = [index % people for index in range(len(made))]
    recordings = [
        Recording(
            positions,
            np.ones(positions.shape[:2], np.float32),
            f"P{owner}",
            (Item(f"clip{index}", 0, len(positions), part="test" if owner == people - 1 else "train"),),
        )
        for index, ((positions, _), owner) in enumerate(zip(made, owners, strict=True))
    ]
    rows = [(index, *gesture) for index, (_, gestures) in enumerate(made) for gesture in gestures]
    owner, start, end, label = (np.array(column) for column in zip(*rows, strict=True))
    store = hold_store(recordings, "coco17", y_down=True)
    return Streams(
        store, np.arange(len(made)), np.full(len(made), FPS), owner, np.stack([start, end], 1), label, ("left", "right")
    )


def settings(*overrides):
    """Of a network that learns in seconds. Sides are told apart here, so nothing is mirrored."""
    return load_settings(SpotSettings, None, [*SMALL, "augment.mirror=0", *overrides])


@pytest.fixture(scope="session")
def streams():
    return streams_of(range(15), 5)


@pytest.fixture(scope="session")
def trained(streams, tmp_path_factory):
    """A folder with a checkpoint, the spotter, and the report of its training."""
    folder = tmp_path_factory.mktemp("spotter")
    spotter, report = train_spot(streams, folder, settings(), quiet=True)
    return folder, spotter, report
