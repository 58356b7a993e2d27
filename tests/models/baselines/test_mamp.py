import pytest
import torch

from models.baselines.mamp import MAMP, MAMPSettings
from models.speed import pretraining_rates, random_batch

SMALL = MAMPSettings(frames=24, width=32, depth=2, decoder_depth=1, heads=2)


def test_parameter_count_by_hand():
    """Thirteen blocks of 12·256² weights and 13·256 biases and norms, two norms, three linear layers, embeddings."""
    width, blocks, steps, joints = 256, 13, 30, 25
    block = 12 * width**2 + 13 * width
    linear = (12 * width + width) + (width * width + width) + (width * 12 + 12)
    embeddings = 2 * (steps + joints) * width + width
    expected = blocks * block + 2 * 2 * width + linear + embeddings
    assert sum(p.numel() for p in MAMP().parameters()) == expected


def test_shapes():
    model = MAMP(SMALL).eval()
    batch = random_batch(3, 24)
    assert model.encode(batch).shape == (3, 6 * 25, 32)
    assert model(batch)["loss"].shape == ()


def test_one_token_in_ten_is_encoded():
    seen = []
    model = MAMP(SMALL)
    model.blocks[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[1]))
    model(random_batch(2, 24))
    assert seen == [15]


def test_moving_joints_are_hidden():
    torch.manual_seed(0)
    batch = random_batch(1, 24)
    batch.positions *= 0
    batch.positions[:, :, 7] = torch.randn(24, 3).cumsum(0)
    model = MAMP(SMALL)
    noise = torch.stack(
        [
            model._noise(model._patches(torch.diff(batch.positions, dim=1, prepend=batch.positions[:, :1])))
            for _ in range(200)
        ]
    ).view(200, 6, 25)
    assert noise[:, :, 7].mean() > noise[:, :, 8].mean() + 0.3


def test_it_learns_a_batch_by_heart():
    torch.manual_seed(0)
    model, batch = MAMP(SMALL), random_batch(4, 24)
    batch.positions = torch.sin(torch.arange(24)[None, :, None, None] / 3 + torch.rand(4, 1, 25, 3) * 6)
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for step in range(150):
        torch.manual_seed(step % 3)
        optimiser.zero_grad()
        loss = model(batch)["loss"]
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_rates_are_of_both_sides():
    rates = pretraining_rates("tiny", batch_size=2, repeats=1)
    assert rates["ratio"] * rates["mamp"] == pytest.approx(rates["mgfm"])
