from dataclasses import replace

import numpy as np
import pytest
import torch

from manifests.errors import BadInput
from models.checkpoints import MODEL, read_card, save_weights
from models.spot.calibration import judge
from models.spot.detect import detect
from models.spot.reliability import PLOT
from models.spot.spotter import load_spotter
from models.spot.train import train_spot
from tests.models.spot.conftest import FPS, settings, streams_of


def test_it_finds_gestures_of_people_it_never_saw(streams, trained):
    _, spotter, report = trained
    judged = [judge(detect(spotter, streams.store, int(i), FPS), *streams.of(int(i))) for i in streams.where("test")]
    found = np.concatenate([part.found for part in judged])
    assert len(found) >= 15
    assert (found > 0.3).mean() > 0.8
    # What it says with confidence is right.
    sure = np.concatenate([part.right[part.score > 0.5] for part in judged])
    assert sure.mean() > 0.7
    assert report.metrics["held_out_recall"] > 0.8
    assert set(report.held_out) < {"P0", "P1", "P2", "P3"}


def test_the_checkpoint_gives_the_same_detections(streams, trained):
    folder, spotter, report = trained
    again, card = load_spotter(folder)
    assert card.kind == "spotter"
    assert card.metrics == pytest.approx(report.metrics)
    assert report.reliability.count.sum() > 0
    assert (folder / PLOT).stat().st_size > 5000
    one, two = (detect(model, streams.store, 4, FPS) for model in (spotter, again))
    np.testing.assert_array_equal(one.span, two.span)
    np.testing.assert_array_equal(one.scores, two.scores)


def test_killed_and_resumed_it_ends_with_the_same_weights(streams, tmp_path):
    short = settings("training.steps=6", "training.save_every=2", "held_out=0")
    train_spot(streams, tmp_path / "whole", short, quiet=True)
    train_spot(streams, tmp_path / "cut", short, stop=lambda step: step == 3, quiet=True)
    assert not (tmp_path / "cut" / MODEL).exists()
    train_spot(streams, tmp_path / "cut", short, quiet=True)
    whole, cut = (load_spotter(tmp_path / name)[0].network.state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


def test_what_cannot_be_trained_is_said(streams, trained, tmp_path):
    folder, *_ = trained
    with pytest.raises(BadInput, match="no agreed gesture"):
        train_spot(
            replace(streams, owner=np.zeros(0, int), span=np.zeros((0, 2), int), label=np.zeros(0, int)), tmp_path
        )
    with pytest.raises(BadInput, match="multiple of 32"):
        train_spot(streams, tmp_path, settings("frames=100"), quiet=True)
    with pytest.raises(BadInput, match="other settings"):
        train_spot(streams, folder, settings("around=0"), quiet=True)
    save_weights(tmp_path / MODEL, {"x": torch.zeros(1)}, replace(read_card(folder), kind="mgfm"))
    with pytest.raises(BadInput, match="not a spotter"):
        load_spotter(tmp_path)


def test_of_two_people_nobody_is_held_out(tmp_path):
    _, report = train_spot(streams_of(range(2), 2), tmp_path, settings("training.steps=1"), quiet=True)
    assert report.held_out == ()
    assert report.reliability is None
