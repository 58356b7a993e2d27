import dataclasses

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from manifests.errors import BadInput
from models.augment import Augment
from models.data import Windows, whole_items, windows
from models.mgfm import MGFM, NetworkSettings
from models.pretrain import load_encoder
from models.recognise import (
    Recogniser,
    RecogniseSettings,
    draw_fraction,
    load_recogniser,
    predict,
    score,
    train_recognise,
)
from models.trainer import Training

SETTINGS = RecogniseSettings(
    network=NetworkSettings(width=32, depth=2, heads=2),
    epochs=30,
    least_steps=1,
    windows=Windows(frames=32, crop=0.9, longest=1000),
    augment=Augment(turn=10),
    training=Training(batch_size=8, lr=3e-3, log_every=50, accelerator="cpu"),
)
QUICK = dataclasses.replace(SETTINGS, epochs=1)


@pytest.fixture(scope="module")
def trained(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("recogniser")
    return *train_recognise(store, folder, SETTINGS, quiet=True), folder


def test_rates_of_swinging_are_told_apart_on_unknown_people(trained):
    _, result, _ = trained
    assert result.metrics["top1"] > 0.9  # by chance: a third
    assert result.metrics["top5"] == 1.0
    assert set(result.items) == set(range(48)) - {index for index in range(48) if index % 4 < 2}


def test_the_checkpoint_predicts_the_same(trained, store):
    _, result, folder = trained
    loaded, card = load_recogniser(folder)
    assert card.classes == ("one", "three", "five")
    assert card.metrics == result.metrics
    np.testing.assert_array_equal(predict(loaded, store, result.items, 5), result.scores)
    with pytest.raises(BadInput, match="holds a recogniser"):
        load_encoder(folder)


def test_scores_are_probabilities(trained):
    np.testing.assert_allclose(trained[1].scores.sum(1), 1, rtol=1e-5)


def test_score_by_hand():
    scores = np.array([[0.6, 0.3, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7]], np.float32)
    found = score(np.array([0, 1, 1, 0]), scores)
    assert found == {"top1": 0.5, "top5": 1.0, "mean_class_accuracy": 0.5}
    uneven = score(np.array([0, 0, 0, 1]), scores)
    assert uneven["top1"] == 0.5
    assert uneven["mean_class_accuracy"] == pytest.approx((2 / 3 + 0) / 2)


def test_a_classifier_starts_as_the_logistic_regression_on_the_still_encoder(store):
    """At a rate of nothing the start is the end: the encoder's own weights, and what scikit-learn says of its features."""
    torch.manual_seed(0)
    encoder = MGFM(SETTINGS.network)
    still = dataclasses.replace(
        QUICK,
        tuned_rate=0.0,
        probe_first=1,
        windows=Windows(frames=32, crop=1.0, longest=1000),
        test_views=1,
        augment=Augment(turn=0, tilt=0, scale=0, shift=0),
    )
    train, test = store.where("train"), store.where("test")
    model, result = train_recognise(store, None, still, encoder=encoder, quiet=True)
    for name, weight in encoder.state_dict().items():
        assert torch.equal(model.encoder.state_dict()[name], weight), name

    def seen(items):
        with torch.no_grad():
            pooled = model.pooled(windows(store, items, *whole_items(store, items), 32))
        return torch.nn.functional.layer_norm(pooled, pooled.shape[1:]).numpy()

    scaler = StandardScaler().fit(seen(train))
    theirs = LogisticRegression(C=10.0 / 64, max_iter=500).fit(scaler.transform(seen(train)), store.labels[train])
    np.testing.assert_allclose(result.scores, theirs.predict_proba(scaler.transform(seen(test))), atol=0.02)
    assert result.metrics["top1"] > 0.5  # by chance: a third


def test_it_fits_one_batch_by_heart(store):
    torch.manual_seed(0)
    model = Recogniser(
        MGFM(SETTINGS.network), 3, dataclasses.replace(SETTINGS, dropout=0.0, drop_path=0.0, visible=1.0)
    )
    items = np.arange(8)
    batch = windows(store, items, *whole_items(store, items), 32)
    batch.labels = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])  # arbitrary
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(60):
        optimiser.zero_grad()
        model(batch)["loss"].backward()
        optimiser.step()
    assert (model.eval().logits(batch).argmax(1) == batch.labels).all()


def test_the_given_encoder_is_left_alone(store):
    torch.manual_seed(3)
    encoder = MGFM(SETTINGS.network)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    model, _ = train_recognise(store, None, QUICK, encoder=encoder, quiet=True)
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())
    assert not torch.equal(model.encoder.embed.weight, before["embed.weight"])


def test_lower_layers_move_less(store):
    torch.manual_seed(3)
    encoder = MGFM(SETTINGS.network)
    model, _ = train_recognise(store, None, dataclasses.replace(QUICK, layer_decay=0.01), encoder=encoder, quiet=True)
    moved = [
        (new.mlp[0].weight - old.mlp[0].weight).abs().mean().item()
        for new, old in zip(model.encoder.blocks, encoder.blocks, strict=True)
    ]
    assert moved[0] < 0.05 * moved[1]


def test_only_the_classifier_is_retrained_in_balance(store):
    settings = dataclasses.replace(QUICK, balance_epochs=1)
    plain, _ = train_recognise(store, None, QUICK, quiet=True)
    balanced, _ = train_recognise(store, None, settings, quiet=True)
    for name, weight in plain.encoder.state_dict().items():
        assert torch.equal(weight, balanced.encoder.state_dict()[name]), name
    assert not torch.equal(plain.head[-1].weight, balanced.head[-1].weight)


def test_fractions_are_drawn_by_class():
    labels = np.repeat([0, 1, 2], [100, 20, 3])
    items = np.arange(123)
    drawn = draw_fraction(labels, items, 0.1, seed=0)
    assert np.bincount(labels[drawn]).tolist() == [10, 2, 1]
    assert not np.array_equal(drawn, draw_fraction(labels, items, 0.1, seed=1))
    np.testing.assert_array_equal(drawn, draw_fraction(labels, items, 0.1, seed=0))


@pytest.mark.slow
def test_pseudo_labels_use_what_has_none(store):
    train = store.where("train")
    few = draw_fraction(store.labels, train, 0.25, seed=0)
    rest = np.setdiff1d(train, few)
    settings = dataclasses.replace(SETTINGS, epochs=60, pseudo_rounds=1, pseudo_confidence=0.5)
    _, result = train_recognise(store, None, settings, train=few, unlabelled=rest, quiet=True)
    assert result.metrics["top1"] > 0.6


def test_whole_clips_have_no_classes(store):
    unlabelled = dataclasses.replace(store, labels=np.full(len(store), -1))
    with pytest.raises(BadInput, match="without a class"):
        train_recognise(unlabelled, None, QUICK, quiet=True)
