"""The baselines as methods: each fits, predicts or embeds, whatever it is told."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from benchmarks import baselines
from benchmarks.baselines import BASELINES
from benchmarks.choice import methods_for
from benchmarks.corpus import Corpus
from benchmarks.methods import embed, predict
from benchmarks.suite import benchmark
from benchmarks.tuned import FROM_SCRATCH
from manifests.errors import BadInput
from models import recognise
from models.recognise import RecogniseSettings
from models.skeletons import skeleton

WITHOUT_LABELS = ("skeleton-clr", "predict-cluster", "mamp")
NETWORKS = [name for name in BASELINES if name not in ("minirocket", FROM_SCRATCH.name)]


@pytest.fixture
def corpus(make_release):
    return Corpus(make_release(2, each=3))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_trained_and_asked(corpus, monkeypatch, name):
    monkeypatch.setattr(baselines, "_BATCH", 4)
    monkeypatch.setattr(baselines, "_FRAMES", 16)
    method = BASELINES[name]
    short = replace(method.fit, recipe=replace(method.fit.recipe, steps=1))
    labels = corpus.labels.copy()
    labels[::2] = -1
    if name in WITHOUT_LABELS:
        labels[:] = -1
    fitted = short(corpus.samples, labels, corpus.taxonomy, 0)
    assert (method.embed is not None, method.predict is not None) == (
        name in WITHOUT_LABELS,
        name not in WITHOUT_LABELS,
    )
    if method.embed:
        vectors = embed(method, fitted, corpus.samples)
        assert len(vectors) == len(corpus.samples)
        alone = embed(method, fitted, corpus.samples[:1])
        np.testing.assert_allclose(vectors[:1], alone, rtol=1e-3, atol=1e-4)
    if method.predict:
        found = predict(method, fitted, corpus.samples, corpus.taxonomy)
        np.testing.assert_allclose(found.scores.sum(1), 1, rtol=1e-4)
    assert method.parameters(fitted) > 1000


def test_what_learns_without_labels_is_trained_once_for_the_same_gestures(corpus, monkeypatch):
    monkeypatch.setattr(baselines, "_BATCH", 4)
    monkeypatch.setattr(baselines, "_FRAMES", 16)
    fit = BASELINES["predict-cluster"].fit
    short = replace(fit, recipe=replace(fit.recipe, steps=1))
    hidden, seen = np.full(len(corpus.samples), -1), corpus.labels
    first = short(corpus.samples, hidden, corpus.taxonomy, 0)
    assert short(corpus.samples, seen, corpus.taxonomy, 0) is first
    assert short(corpus.samples, hidden, corpus.taxonomy, 1) is not first
    assert short(corpus.samples[1:], hidden[1:], corpus.taxonomy, 0) is not first
    assert (
        replace(short, recipe=replace(short.recipe, steps=2))(corpus.samples, hidden, corpus.taxonomy, 0) is not first
    )


def test_what_learns_from_labels_is_left_out_where_labels_are_hidden(make_release, tmp_path):
    report = benchmark(
        make_release(3).path,
        tmp_path / "out",
        tasks=["unsupervised", "retrieval"],
        methods=["st-gcn", "ctr-gcn", FROM_SCRATCH.name, "kinematics-ridge"],
        seeds=1,
        quiet=True,
    )
    assert report.exit_code == 0, report.failures
    assert {score.method for score in report.scores} == {"kinematics-ridge"}
    left_out = {(entry.task, entry.method) for entry in report.not_scored if entry.method}
    wanted = {
        (task, method) for task in ("unsupervised", "retrieval") for method in ("st-gcn", "ctr-gcn", FROM_SCRATCH.name)
    }
    assert left_out == wanted
    assert (
        "unsupervised, ctr-gcn: this method can't do the task, which needs `embed`, of gestures whose labels are hidden"
        in (report.summary())
    )


def test_our_network_from_random_weights(corpus, monkeypatch):
    monkeypatch.setattr(
        recognise, "RecogniseSettings", partial(RecogniseSettings, epochs=1, least_steps=2, test_views=1)
    )
    assert BASELINES[FROM_SCRATCH.name] is FROM_SCRATCH
    labels = corpus.labels.copy()
    labels[::2] = -1
    fitted = FROM_SCRATCH.fit(corpus.samples, labels, corpus.taxonomy, 0)
    found = predict(FROM_SCRATCH, fitted, corpus.samples, corpus.taxonomy)
    assert found.scores.shape == (len(corpus.samples), len(corpus.taxonomy))
    np.testing.assert_allclose(found.scores.sum(1), 1, rtol=1e-4)
    assert FROM_SCRATCH.parameters(fitted) == sum(weights.numel() for weights in fitted.parameters())


@pytest.mark.parametrize("name", ["st-gcn", "predict-cluster", FROM_SCRATCH.name])
def test_time_instead_of_steps_ends_a_training(corpus, monkeypatch, name):
    monkeypatch.setattr(baselines, "_BATCH", 4)
    monkeypatch.setattr(baselines, "_FRAMES", 16)
    # Its own passes would take as good as for ever, so only the clock can end it.
    monkeypatch.setattr(recognise, "RecogniseSettings", partial(RecogniseSettings, epochs=10**9, test_views=1))
    method = BASELINES[name].within(0.001)
    assert method.name == name
    assert len({BASELINES[name].digest, method.digest, BASELINES[name].within(0.002).digest}) == 3, "cells of their own"
    fitted = method.fit(corpus.samples, corpus.labels, corpus.taxonomy, 0)
    assert method.parameters(fitted) > 1000


def test_minutes_are_said_in_the_report_and_refused_where_nothing_is_trained(make_release, tmp_path, monkeypatch):
    monkeypatch.setattr(baselines, "_BATCH", 4)
    monkeypatch.setattr(baselines, "_FRAMES", 16)
    ask = partial(benchmark, make_release(3).path, tasks=["unsupervised"], minutes=0.001, seeds=1, quiet=True)
    report = ask(tmp_path / "out", methods=["predict-cluster", "kinematics-ridge"])
    assert report.exit_code == 0, report.failures
    assert {score.method for score in report.scores} == {"predict-cluster", "kinematics-ridge"}
    assert "Trained for 0.001 minutes each time, on this machine: predict-cluster." in report.notes
    with pytest.raises(BadInput, match=r"--minutes 0\.001: no network is to be trained.*st-gcn, .*mg-fm-tuned"):
        ask(tmp_path / "none", methods=["kinematics-ridge"])


def test_they_are_scored_where_they_are_named(make_release):
    release = make_release(2)
    assert not BASELINES.keys() & {method.name for method in methods_for(release)}
    assert [method.name for method in methods_for(release, ["ctr-gcn", "mamp"])] == ["ctr-gcn", "mamp"]


def test_every_recipe_builds_what_is_published_for_any_joints():
    for name in NETWORKS:
        module = BASELINES[name].fit.recipe.build(skeleton("kinect25"), 60)
        assert sum(weights.numel() for weights in module.parameters()) > 1e5, name
