from dataclasses import replace

import pytest
import torch

from models.mgfm import MGFM, NetworkSettings
from models.speed import random_batch
from models.spot.network import PoseFront, SpotNetwork, SpotterNetwork

TINY = SpotNetwork(width=16, levels=4, context=2)


@pytest.mark.parametrize("joints", ["kinect25", "natops8", "coco_wholebody133", "points5"])
def test_any_skeleton_passes(joints):
    network = SpotterNetwork(TINY, 7).eval()
    logits, apart = network(random_batch(2, 64, joints))
    points, _ = network.points(64)
    assert logits.shape == (2, len(points), 7)
    assert apart.shape == (2, len(points), 2)
    assert (apart > 0).all()


def test_with_an_encoder_that_stands_still():
    network = SpotterNetwork(TINY, 3, MGFM(NetworkSettings(width=16, depth=1, heads=2)))
    batch = random_batch(2, 128)
    network.train()
    network(batch)[0].sum().backward()
    assert all(weights.grad is None for weights in network.encoder.parameters())
    assert network.from_encoder.weight.grad.abs().sum() > 0
    with pytest.raises(ValueError, match="no multiple of 64"):
        network(random_batch(1, 32))


def test_an_absent_joint_adds_nothing():
    front = PoseFront(16).eval()
    batch = random_batch(1, 8, "coco17")
    batch.valid[:, :, 3] = False
    hidden = replace(batch, positions=batch.positions * batch.valid.unsqueeze(-1))
    without = replace(
        hidden,
        positions=hidden.positions[:, :, torch.arange(17) != 3],
        valid=hidden.valid[:, :, torch.arange(17) != 3],
        joints=hidden.joints[torch.arange(17) != 3],
    )
    torch.testing.assert_close(front(hidden), front(without))


def test_it_begins_by_saying_nothing_is_there():
    logits, _ = SpotterNetwork(TINY, 5).eval()(random_batch(2, 64))
    assert logits.sigmoid().mean() < 0.05


def test_a_shift_by_a_whole_step_of_the_coarsest_level_shifts_the_output():
    network = SpotterNetwork(TINY, 2).eval()
    batch = random_batch(1, 512)
    later = replace(batch, positions=batch.positions[:, 16:496], valid=batch.valid[:, 16:496])
    first, second = network(batch)[0][0, :256], network(later)[0][0, :240]
    torch.testing.assert_close(first[8 + 60 : 8 + 180], second[60:180], rtol=1e-4, atol=1e-4)
