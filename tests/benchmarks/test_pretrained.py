"""MG-FM from a checkpoint, as a method among the others."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from benchmarks.choice import methods_for
from benchmarks.corpus import Corpus
from benchmarks.methods import embed, predict
from benchmarks.pretrained import pretrained
from benchmarks.suite import benchmark
from manifests.errors import BadInput
from models import recognise
from models.checkpoints import Card, save_weights
from models.features import features
from models.mgfm import MGFM, NetworkSettings
from models.pretrain import PretrainSettings, load_encoder
from models.recognise import RecogniseSettings
from models.settings import to_mapping
from models.spot.calibration import Calibration
from models.spot.network import SpotNetwork, SpotterNetwork
from models.spot.spotter import SpotSettings, Spotter, save_spotter


@pytest.fixture
def checkpoint(tmp_path):
    """Untrained weights, which embed as deterministically as trained ones."""
    torch.manual_seed(0)
    settings = PretrainSettings(network=NetworkSettings(width=16, depth=1, heads=2))
    encoder = MGFM(settings.network)
    save_weights(
        tmp_path / "model" / "model.safetensors",
        dict(encoder.state_dict()),
        Card("mgfm", to_mapping(settings), ("coco17",)),
    )
    return tmp_path / "model"


def test_embeddings_come_in_the_order_of_the_gestures(make_release, checkpoint):
    samples = Corpus(make_release(2, each=6)).samples  # more than ten, so that names sort otherwise than numbers
    method = pretrained(checkpoint)
    fitted = method.fit(samples[:12], np.full(12, -1), (), 0)
    together = embed(method, fitted, samples)
    alone = np.concatenate([embed(method, fitted, [sample]) for sample in samples])
    assert together.shape == (24, 4 * 2 * 16)  # torso, arms, face and legs
    np.testing.assert_allclose(together, alone, atol=1e-3)
    # Scaled by the gestures that may be seen, and by no others.
    np.testing.assert_allclose(together[:12].mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(together[:12].std(0), 1, atol=1e-3)
    assert np.abs(together.std(0) - 1).max() > 0.01
    assert len(np.unique(together.round(4), axis=0)) == 24


def test_it_is_scored_beside_the_others(make_release, checkpoint, tmp_path):
    report = benchmark(
        make_release(3, each=2).path,
        tmp_path / "out",
        tasks=["unsupervised"],
        methods=["kinematics-ridge"],
        checkpoints=[checkpoint],
        seeds=1,
        quiet=True,
    )
    assert report.exit_code == 0, report.failures
    assert {score.method for score in report.scores} == {"mg-fm", "kinematics-ridge"}
    assert report.run["methods"]["mg-fm"]


def test_it_is_fine_tuned_where_that_is_named(make_release, checkpoint, monkeypatch):
    monkeypatch.setattr(
        recognise, "RecogniseSettings", partial(RecogniseSettings, epochs=1, least_steps=2, test_views=1)
    )
    release = make_release(3, each=2)
    _, tuned = methods_for(release, ["mg-fm-tuned"], [checkpoint])
    samples = Corpus(release).samples
    labels = np.array([i % 2 if i < 8 else -1 for i in range(len(samples))])
    fitted = tuned.fit(samples, labels, ("this", "that", "neither"), 0)
    assert predict(tuned, fitted, samples, ("this", "that", "neither")).scores.shape == (12, 3)
    # It begins from the checkpoint: two steps leave it nearer to that than to another network.
    start, ours = load_encoder(checkpoint)[0].state_dict(), fitted.encoder.state_dict()
    other = MGFM(fitted.encoder.settings).state_dict()
    moved, apart = (sum(((ours[k] - there[k]) ** 2).sum() for k in ours) for there in (start, other))
    assert 0 < moved < 0.1 * apart
    with pytest.raises(BadInput, match="mg-fm-tuned: of which MG-FM"):
        methods_for(release, ["mg-fm-tuned"])


def test_beside_it_stands_the_same_network_with_random_weights(make_release, checkpoint):
    release = make_release(2, each=3)
    assert [method.name for method in methods_for(release, None, [checkpoint])][-2:] == ["mg-fm", "mg-fm-random"]
    assert "mg-fm-random" not in [method.name for method in methods_for(release)]
    _, random = methods_for(release, ["mg-fm-random"], [checkpoint])
    samples, labels = Corpus(release).samples, np.full(12, -1)
    drawn = [embed(random, random.fit(samples, labels, release.labels, seed), samples) for seed in (0, 0, 1)]
    assert drawn[0].shape == (12, 4 * 2 * 16)  # as wide as the checkpoint's
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert np.abs(drawn[0] - drawn[2]).max() > 0.01
    for name in ("mg-fm", "mg-fm-random"):
        with pytest.raises(BadInput, match=f"{name}: of which MG-FM"):
            methods_for(release, [name])
    assert [method.name for method in methods_for(release, ["mg-fm", "majority"], [checkpoint])] == [
        "mg-fm",
        "majority",
    ]


def test_the_same_gestures_are_embedded_once_and_other_poses_anew(make_release, checkpoint, monkeypatch):
    samples = Corpus(make_release(2, each=3)).samples
    method = pretrained(checkpoint)
    fitted = method.fit(samples, np.full(len(samples), -1), (), 0)
    asked = []

    def watched(encoder, store, *rest, **options):
        asked.append(len(store))
        return features(encoder, store, *rest, **options)

    monkeypatch.setattr("models.features.features", watched)
    first = method.embed(fitted, samples)
    np.testing.assert_array_equal(method.embed(fitted, list(samples)), first)
    assert asked == []
    assert len(method.embed(fitted, samples[1:])) == len(samples) - 1
    poses = samples[0].poses
    moved = replace(samples[0], poses=replace(poses, keypoints=poses.keypoints * np.float32([1, 2, 1])))
    assert np.abs(method.embed(fitted, [moved, *samples[1:]])[0] - first[0]).max() > 1e-4
    assert asked == [len(samples) - 1, len(samples)]


def test_the_number_of_weights(checkpoint):
    method = pretrained(checkpoint)
    assert method.parameters is not None
    # Worked out from the file itself: every number in it is a weight.
    from safetensors.numpy import load_file

    numbers = sum(tensor.size for tensor in load_file(checkpoint / "model.safetensors").values())
    assert 0 < method.parameters(None) <= numbers


def test_a_spotter_is_scored_on_whole_clips(make_release, tmp_path):
    torch.manual_seed(0)
    shape = SpotNetwork(width=8, levels=2, context=1)
    release = make_release(3, each=2)
    calibration = Calibration(1.0, 2.0, np.zeros((100, len(release.labels))))
    spotter = Spotter(SpotterNetwork(shape, len(release.labels)), release.labels, calibration)
    card = Card("spotter", to_mapping(SpotSettings(network=shape)), classes=release.labels)
    save_spotter(tmp_path / "spotter", spotter, card)
    report = benchmark(
        release.path,
        tmp_path / "out",
        tasks=["spotting"],
        methods=[],
        checkpoints=[tmp_path / "spotter"],
        seeds=1,
        quiet=True,
    )
    assert report.exit_code == 0, report.failures
    scores = {score.metric: score.value for score in report.scores if score.method == "spotter"}
    assert {"map", "ar_100", "f1_strict"} <= scores.keys()
    assert scores["f1_strict"] < 0.2  # it has learned nothing


def test_no_checkpoint_there(tmp_path):
    with pytest.raises(BadInput, match="there is no checkpoint"):
        pretrained(tmp_path / "nothing")
