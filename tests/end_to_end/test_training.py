"""Pre-training, embedding and recognising through the real command line, on a small simulated release."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from manifests.errors import BadInput
from manifests.release import open_release
from mgcollect.main import app
from models.checkpoints import read_card
from tests.end_to_end.commands import mgcollect

SMALL = ("training.batch_size=8", "training.steps=4", "training.log_every=2", "network.width=32", "network.heads=2")


@pytest.fixture(scope="module")
def checkpoint(release, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("mgfm")
    done = mgcollect("pretrain", "--release", release, "--out", out, "--probe-people", "2", "probe_every=4", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "knn1" in done.stdout
    return out


def test_a_checkpoint_says_what_it_is(checkpoint):
    card = read_card(checkpoint)
    assert (card.kind, card.step, card.settings["network"]["width"]) == ("mgfm", 4, 32)
    assert 0 <= card.metrics["knn1"] <= 1
    assert (checkpoint / "log.csv").read_text().count("\n") == 3


def test_every_gesture_is_embedded(release, checkpoint, tmp_path):
    done = mgcollect("embed", "--release", release, "--checkpoint", checkpoint, "--out", tmp_path / "e.parquet")
    assert done.returncode == 0, done.stderr
    found = pq.read_table(tmp_path / "e.parquet")
    gestures = open_release(release).table("gestures")
    assert sorted(found["name"].to_pylist()) == sorted(gestures["gesture_id"].to_pylist())
    assert found["embedding"].type.list_size == 32


def test_a_recogniser_from_a_checkpoint_and_from_nothing(release, checkpoint, tmp_path):
    short = ("epochs=1", "least_steps=1", "network.width=32", "network.heads=2")
    for out, more in (("tuned", ["--checkpoint", checkpoint, "--fraction", "0.5"]), ("scratch", [])):
        done = mgcollect("train", "recognise", "--release", release, "--out", tmp_path / out, *more, *short)
        assert done.returncode == 0, done.stderr
        assert "top1" in done.stdout
        card = read_card(tmp_path / out)
        assert card.kind == "recogniser"
        assert set(card.metrics) == {"top1", "top5", "mean_class_accuracy"}
    done = mgcollect("embed", "--release", release, "--checkpoint", tmp_path / "tuned")
    assert (done.returncode, "holds a recogniser, not a pre-trained MG-FM" in done.stderr) == (2, True)


def test_outcomes_are_learned_from_gestures(release, checkpoint, tmp_path):
    done = mgcollect(
        *("train", "emotion", "--release", release, "--checkpoint", checkpoint, "--out", tmp_path / "e"),
        "training.steps=2",
    )
    assert done.returncode == 0, done.stderr
    assert read_card(tmp_path / "e").kind == "emotion"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["pretrain", "training.lr"], "'training.lr' is no setting"),
        (["pretrain", "training.rate=3"], "unknown setting rate"),
        (["pretrain", "--probe-people", "9"], "A probe on 9 people can't be made"),
        (["pretrain", "training.lr=1e9", "training.steps=40", "training.batch_size=4"], "Lower training.lr"),
        (["train", "recognise", "--protocol", "fold7"], "no protocol 'fold7'"),
        (["train", "recognise", "--checkpoint", "nowhere"], "there is no checkpoint"),
        (["embed", "--checkpoint", "nowhere"], "there is no checkpoint"),
    ],
)
def test_what_is_wrong_is_said(release, tmp_path, command, message):
    # In this process: `main` turns these errors into words and a status, which the test above saw.
    done = CliRunner().invoke(app, [*command, "--release", str(release), "--out", str(tmp_path / "out"), "--quiet"])
    assert isinstance(done.exception, BadInput)
    assert message in str(done.exception)
