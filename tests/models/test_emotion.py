"""Attention pooling: by hand, on bags in which one gesture decides, and as a checkpoint."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from manifests.errors import BadInput
from models.emotion import AttentionPooling, Bags, EmotionSettings, Recordings, load_emotion, train_emotion
from models.mgfm import MGFM, NetworkSettings
from models.settings import load_settings
from models.store import Item, Recording, hold_store
from tests.models.conftest import swinging

SETTINGS = load_settings(
    EmotionSettings,
    None,
    ["training.steps=150", "training.accelerator=cpu", "training.lr=5e-3", "dropout=0.1", "hide=0"],
)


def test_attention_by_hand():
    pooling = AttentionPooling(2, replace(SETTINGS, width=2, dropout=0.0)).eval()
    with torch.no_grad():
        for layer in (pooling.embed[1], pooling.content):
            layer.weight.copy_(torch.eye(2))
            layer.bias.zero_()
        pooling.gate.weight.zero_()
        pooling.gate.bias.zero_()  # a gate half open everywhere
        pooling.weigh.weight.copy_(torch.tensor([[2.0, 0.0]]))
        pooling.weigh.bias.zero_()
        pooling.head.weight.copy_(torch.tensor([[1.0, 10.0]]))
        pooling.head.bias.fill_(0.5)
    bags = Bags(
        torch.tensor([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]], [[0.0] * 2] * 3]),
        torch.tensor([[True, True, False], [False] * 3]),
        torch.tensor([1.0, 0.0]),
    )
    logits, share = pooling.pooled(bags)
    # Scores 2 · tanh(1) / 2 and 0.
    first = np.exp(np.tanh(1)) / (np.exp(np.tanh(1)) + 1)
    assert share[0].tolist() == pytest.approx([first, 1 - first, 0])
    assert logits[0].item() == pytest.approx(first + 10 * (1 - first) + 0.5, rel=1e-5)
    assert share[1].tolist() == [0, 0, 0]
    assert logits[1].item() == pytest.approx(0.5)


def recordings_of(n=40, seed=0):
    """Recordings of some slow swings; in those of won matches one swing is quick. Ten people, two of whom test."""
    rng = np.random.default_rng(seed)
    won = np.arange(n) % 2 == 0
    rows, items = [], []
    for index in range(n):
        count = int(rng.integers(2, 6))
        quick = int(rng.integers(count)) if won[index] else -1
        items.append(np.arange(len(rows), len(rows) + count))
        for gesture in range(count):
            positions = swinging(5 if gesture == quick else 1, int(rng.integers(1 << 30)), 32)
            ones = np.ones(positions.shape[:2], np.float32)
            rows.append(Recording(positions, ones, f"P{index % 10}", (Item(f"g{index}-{gesture}", 0, 32),)))
    parts = tuple("test" if index % 10 > 7 else "train" for index in range(n))
    people = tuple(f"P{index % 10}" for index in range(n))
    return Recordings(
        hold_store(rows, "coco17", y_down=True), tuple(f"v{i}" for i in range(n)), tuple(items), won, people, parts
    )


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return MGFM(NetworkSettings(width=32, depth=1, heads=2)).eval()


def test_one_gesture_that_decides_is_found(encoder, tmp_path):
    recordings = recordings_of()
    pooling, report = train_emotion(recordings, tmp_path, encoder, SETTINGS, quiet=True)
    assert report.metrics["auc"] > 0.9
    assert report.metrics["majority"] == 0.5
    assert [name in report.recordings for name in ("v8", "v9", "v0")] == [True, True, False]
    assert all(sum(weights.values()) == pytest.approx(1, abs=1e-5) for weights in report.attention)
    again, its_encoder, card = load_emotion(tmp_path)
    assert (card.kind, card.classes) == ("emotion", ("lose", "win"))
    assert card.metrics == pytest.approx(report.metrics)
    bags = Bags(torch.randn(3, 4, 32), torch.ones(3, 4, dtype=torch.bool), torch.zeros(3))
    torch.testing.assert_close(again.pooled(bags)[0], pooling.eval().pooled(bags)[0])
    assert all(torch.equal(a, b) for a, b in zip(its_encoder.parameters(), encoder.parameters(), strict=True))


def test_what_cannot_be_learned_is_said(encoder, tmp_path):
    recordings = recordings_of(12)
    with pytest.raises(BadInput, match="all won or all lost"):
        train_emotion(recordings, None, encoder, SETTINGS, train=np.array([0, 2, 4]), quiet=True)
    with pytest.raises(BadInput, match="both learned from and tested, such as 'P0'"):
        train_emotion(recordings, None, encoder, SETTINGS, train=np.array([0, 1]), test=np.array([10]), quiet=True)
    with pytest.raises(BadInput, match="there is no checkpoint"):
        load_emotion(tmp_path)


def test_nobody_to_test(encoder):
    _, report = train_emotion(
        recordings_of(6), None, encoder, replace(SETTINGS, training=replace(SETTINGS.training, steps=1)), quiet=True
    )
    assert report.metrics == {}
