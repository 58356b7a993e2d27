import dataclasses

import numpy as np
import pytest
import torch

from models.data import Windows
from models.mgfm import MGFM, NetworkSettings
from models.recognise import RecogniseSettings
from models.trainer import Training
from models.transfer import interval, transfer

NETWORK = NetworkSettings(width=32, depth=2, heads=2)
SETTINGS = RecogniseSettings(
    network=NETWORK,
    epochs=2,
    least_steps=1,
    windows=Windows(frames=32, longest=1000),
    training=Training(batch_size=8, accelerator="cpu"),
)


def test_an_interval_by_hand():
    # 80 right of 100: the standard error is 4 points, so 95 % is about 72 to 88.
    mean, low, high = interval(np.repeat([1.0, 0.0], [80, 20]))
    assert mean == 0.8
    assert low == pytest.approx(0.72, abs=0.015)
    assert high == pytest.approx(0.88, abs=0.015)


def test_the_same_network_gains_nothing(store):
    """With the random encoder of seed 0 for a pre-trained one, frozen measures and a zero-epoch start agree."""
    torch.manual_seed(0)
    same = MGFM(NETWORK).eval()
    for gain in transfer(store, same, settings=SETTINGS, fractions=(), seeds=(0,)):
        assert gain.difference == (0.0, 0.0, 0.0), gain.measure
        assert gain.value == gain.without


def test_every_measure_is_there(store):
    torch.manual_seed(7)
    gains = transfer(store, MGFM(NETWORK).eval(), settings=SETTINGS, fractions=(0.5, 1.0), seeds=(0, 1))
    assert [(gain.measure, gain.fraction) for gain in gains] == [
        ("linear_probe", 1.0),
        ("knn1", 1.0),
        ("fine_tune", 0.5),
        ("fine_tune", 1.0),
    ]
    for gain in gains:
        assert gain.difference[0] == pytest.approx(gain.value[0] - gain.without[0])
        for mean, low, high in dataclasses.astuple(gain)[2:]:
            assert low <= mean <= high
