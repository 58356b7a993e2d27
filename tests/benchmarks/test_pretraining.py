"""The MG-FM of the default run: pre-trained on train's people alone, kept, and gone on with after a kill."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from benchmarks import pretraining, simulated
from benchmarks.pretraining import pretrained_on
from manifests.release import open_release
from mgcollect.main import app
from models.checkpoints import MODEL, read_card
from models.pretrain import pretrain

FEW = ("training.steps=4", "training.batch_size=2", "training.save_every=1", "training.accelerator=cpu")
SMALL = (*FEW, "network.width=16", "network.depth=1", "network.heads=2")


@pytest.fixture
def release(make_release):
    """Twelve people, divided by the release into train and test."""
    return make_release(12)


def test_it_sees_the_clips_of_train_people_alone(release, monkeypatch):
    seen = []

    def watched(stores, *args, **options):
        seen.extend(str(person) for store in stores for person in store.people)
        assert all((store.labels < 0).all() for store in stores)
        return pretrain(stores, *args, **options)

    monkeypatch.setattr(pretraining, "pretrain", watched)
    out, note = pretrained_on(release.path, SMALL, quiet=True)
    splits = [
        row for row in open_release(release.path).table("splits").to_pylist() if row["protocol"] == "cross_subject"
    ]
    assert set(seen) == {row["player_id"] for row in splits if row["part"] == "train"}
    assert set(seen).isdisjoint(row["player_id"] for row in splits if row["part"] == "test")
    assert "train's people alone: 4 steps of 2 windows" in note
    assert read_card(out).step == 4


def test_it_is_made_once_and_the_same_again_after_a_run_that_was_cut_off(release, make_release, monkeypatch):
    first, _ = pretrained_on(release.path, SMALL, quiet=True)
    made = load_file(first / MODEL)

    def not_again(*_, **__):
        raise AssertionError("it was there")

    with monkeypatch.context() as patch:
        patch.setattr(pretraining, "prepare_pretraining", not_again)
        assert pretrained_on(release.path, SMALL, quiet=True)[0] == first

    other = make_release(12, name="other")

    def cut_off(*given, **_):
        pretrain(*given, stop=lambda step: step == 2, quiet=True)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pretraining, "pretrain", cut_off)
        with pytest.raises(KeyboardInterrupt):
            pretrained_on(other.path, SMALL, quiet=True)
    again, _ = pretrained_on(other.path, SMALL, quiet=True)
    found = load_file(again / MODEL)
    assert found.keys() == made.keys()
    assert all(np.array_equal(found[name], made[name]) for name in made)  # its card also says how fast it was


def test_it_is_scored_where_nothing_is_named(tmp_path, monkeypatch):
    size = simulated.Size(people=12, videos=12, minutes=0.5)
    monkeypatch.setattr(simulated, "simulated_release", partial(simulated.simulated_release, size=size))
    monkeypatch.setattr(pretraining, "pretrained_on", partial(pretrained_on, overrides=SMALL))
    command = ["benchmark", "--out", str(tmp_path), "--task", "retrieval", "--seeds", "1", "--workers", "0", "--quiet"]
    assert CliRunner().invoke(app, command).exit_code == 0
    content = json.loads((tmp_path / "scores.json").read_text())
    assert {score["method"] for score in content["scores"]} == {"kinematics-ridge", "mg-fm", "mg-fm-random"}
    assert any("train's people alone" in note for note in content["notes"])
    page = (tmp_path / "report.html").read_text()
    assert "pre-trained for this run, without labels" in page
    assert "are scored where they are named" in page

    assert CliRunner().invoke(app, [*command, "--method", "kinematics-ridge"]).exit_code == 0
    content = json.loads((tmp_path / "scores.json").read_text())
    assert {score["method"] for score in content["scores"]} == {"kinematics-ridge"}
    assert content["run"]["cells_kept"] == 1
