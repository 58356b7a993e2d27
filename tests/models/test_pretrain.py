import csv
import dataclasses

import numpy as np
import pytest
import torch

from manifests.errors import BadInput
from models.augment import Augment
from models.checkpoints import MODEL, read_card, save_weights
from models.data import Windows
from models.features import features
from models.mgfm import NetworkSettings
from models.objectives import Objective
from models.pretrain import PretrainSettings, load_encoder, pretrain, two_views
from models.trainer import Training

SETTINGS = PretrainSettings(
    network=NetworkSettings(width=32, depth=2, heads=2),
    objective=Objective(motion=1.0, projector=32, decoder_width=32),
    windows=Windows(frames=32, shortest=24, longest=48, crop=0.6),
    training=Training(steps=6, batch_size=8, log_every=2, save_every=4, accelerator="cpu"),
)


def test_a_checkpoint_gives_the_encoder_back(store, tmp_path):
    encoder = pretrain([store], tmp_path, SETTINGS, quiet=True)
    loaded, card = load_encoder(tmp_path)
    assert (card.kind, card.skeletons, card.step) == ("mgfm", ("coco17",), 6)
    assert list(card.data.values()) == [store.digest]
    assert card.metrics["loss"] > 0
    items = np.arange(6)
    np.testing.assert_array_equal(features(encoder, store, items), features(loaded, store, items))


def test_a_finished_run_is_not_run_again(store, tmp_path):
    first = pretrain([store], tmp_path, SETTINGS, quiet=True)
    again = pretrain([store], tmp_path, SETTINGS, stop=lambda _: pytest.fail("it trains again"), quiet=True)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.csv", MODEL]
    other = dataclasses.replace(SETTINGS, view_crop=0.5)
    with pytest.raises(BadInput, match="checkpoint of other settings"):
        pretrain([store], tmp_path, other, quiet=True)


def test_killed_and_resumed_is_bitwise_never_killed(store, other_people, tmp_path):
    stores = [store, other_people]
    pretrain(stores, tmp_path / "whole", SETTINGS, quiet=True)
    pretrain(stores, tmp_path / "parts", SETTINGS, stop=lambda step: step == 3, quiet=True)
    pretrain(stores, tmp_path / "parts", SETTINGS, quiet=True)
    # What the file says of itself included: the same seed gives the same digest.
    assert (tmp_path / "whole" / MODEL).read_bytes() == (tmp_path / "parts" / MODEL).read_bytes()


def test_views_are_of_the_same_items_and_differ(store):
    first, second = two_views([store], SETTINGS, np.random.default_rng(0))
    assert torch.equal(first.items, second.items)
    assert first.positions.shape == (8, 32, 17, 3)
    assert not torch.equal(first.positions, second.positions)
    again, _ = two_views([store], SETTINGS, np.random.default_rng(0))
    assert torch.equal(first.positions, again.positions), "a batch is a function of its seed"


def test_the_probe_sees_held_out_people_only(store, other_people, tmp_path):
    settings = dataclasses.replace(SETTINGS, probe_every=2)
    pretrain([other_people], tmp_path, settings, held_out=store, quiet=True)
    assert 0 <= read_card(tmp_path / MODEL).metrics["knn1"] <= 1
    with pytest.raises(BadInput, match="both trained on and held out"):
        pretrain([store, other_people], tmp_path / "x", settings, held_out=store, quiet=True)


def test_no_poses():
    with pytest.raises(BadInput, match="no poses to pre-train on"):
        pretrain([], "unused", SETTINGS, quiet=True)


def test_a_checkpoint_of_something_else(store, tmp_path):
    pretrain([store], tmp_path, SETTINGS, quiet=True)
    card = read_card(tmp_path / MODEL)
    save_weights(tmp_path / "other.safetensors", {}, dataclasses.replace(card, kind="recogniser"))
    with pytest.raises(BadInput, match="holds a recogniser, not a pre-trained MG-FM"):
        load_encoder(tmp_path / "other.safetensors")
    wrong = {**card.settings, "network": {**card.settings["network"], "width": 64}}
    encoder, _ = load_encoder(tmp_path)
    save_weights(tmp_path / "wrong.safetensors", dict(encoder.state_dict()), dataclasses.replace(card, settings=wrong))
    with pytest.raises(BadInput, match="don't fit the checkpoint's own settings"):
        load_encoder(tmp_path / "wrong.safetensors")


@pytest.mark.slow
def test_it_learns(store, tmp_path):
    settings = dataclasses.replace(
        SETTINGS,
        objective=Objective(view="contrast", visible=0.6, motion_aware=0.0, projector=32, decoder_width=32),
        augment=Augment(),
        training=Training(steps=150, batch_size=32, lr=3e-3, log_every=3, accelerator="cpu"),
    )
    encoder = pretrain([store], tmp_path, settings, quiet=True)
    with (tmp_path / "log.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    for name in ("loss", "view"):
        losses = [float(line[name]) for line in lines]
        assert np.mean(losses[-10:]) < 0.97 * np.mean(losses[:10]), name
    assert np.isfinite(features(encoder, store, np.arange(4))).all()
