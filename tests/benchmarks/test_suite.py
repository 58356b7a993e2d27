import json
import re
from html.parser import HTMLParser

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.methods import Method
from benchmarks.suite import benchmark
from benchmarks.tasks import supervised
from manifests.errors import BadInput, CannotWrite

KEYS = ["task", "method", "metric", "fraction", "seed", "value", "low", "high"]


def _run(release, out, **options):
    return benchmark(release.path, out, quiet=True, **({"methods": ["majority"], "tasks": ["supervised"]} | options))


def _scores(out):
    return json.loads((out / "scores.json").read_text())["scores"]


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results"


def test_the_files_of_a_run(make_release, out):
    report = benchmark(
        make_release(3, each=1).path, out, seeds=2, quiet=True, methods=["majority", "proposals:spotter-1"]
    )
    assert report.exit_code == 0
    scores = _scores(out)
    assert all(list(score) == KEYS for score in scores)
    assert all(0 <= score["value"] <= 1 for score in scores)
    assert all(score["low"] is None or score["low"] <= score["high"] for score in scores)
    # Fewer than ten gestures stand in train, so 20 % of the labels are less than one of each class.
    assert {(s["task"], s["method"]) for s in scores} == {
        ("supervised", "majority"),
        ("spotting", "proposals:spotter-1"),
    }
    assert {score["seed"] for score in scores} == {0, 1}
    assert pq.read_table(out / "scores.parquet").to_pylist() == scores
    content = json.loads((out / "scores.json").read_text())
    assert content["run"]["release_sha256"] == report.digest
    assert content["run"]["seeds"] == 2
    assert {entry["task"] for entry in content["not_scored"]} >= {
        "semi-supervised",
        "emotion",
        "unsupervised",
        "retrieval",
    }
    assert all(entry["reason"] for entry in content["not_scored"])


def test_all_draws_of_labels_are_scored_unless_one_seed_is_asked_for(make_release, out):
    release = make_release(6, each=3)
    _run(release, out, tasks=["supervised", "semi-supervised"], seeds=2)
    seeds = {task: {s["seed"] for s in _scores(out) if s["task"] == task} for task in ("supervised", "semi-supervised")}
    assert seeds == {"supervised": {0, 1}, "semi-supervised": {0, 1, 2, 3, 4}}
    _run(release, out, tasks=["semi-supervised"], seeds=1)
    assert {s["seed"] for s in _scores(out)} == {0}


def test_the_summary_says_what_was_scored_and_what_cannot_be(make_release, out):
    text = benchmark(make_release(3).path, out, seeds=1, quiet=True, methods=["majority"]).summary()
    assert "Note: Simulated poses." in text
    assert re.search(r"majority +top1 +0\.500 \[0\.500, 0\.500\]", text)
    assert "emotion: needs recordings with clips of at least 5 won and 5 lost matches" in text
    assert "unsupervised, majority: this method can't do the task" in text


def test_a_rerun_computes_nothing_and_says_the_same(make_release, out):
    release = make_release(3)
    first = _run(release, out)
    scores = _scores(out)
    second = _run(release, out)
    assert (first.computed, first.reused) == (3, 0)
    assert (second.computed, second.reused) == (0, 3)
    assert _scores(out) == scores


def test_the_same_seed_gives_the_same_numbers(make_release, tmp_path):
    release = make_release(3, each=2)
    for name in ("one", "two"):
        _run(release, tmp_path / name, methods=["kinematics-ridge"], tasks=["unsupervised", "retrieval"], seeds=1)
    assert _scores(tmp_path / "one") == _scores(tmp_path / "two") != []


def test_only_missing_and_damaged_cells_are_computed(make_release, out):
    release = make_release(3)
    _run(release, out)
    scores = _scores(out)
    one, two, _ = sorted((out / "cells").iterdir())
    one.unlink()
    two.write_text(two.read_text()[:40])
    again = _run(release, out)
    assert (again.computed, again.reused) == (2, 1)
    assert _scores(out) == scores


def test_another_release_is_computed_anew(make_release, out):
    _run(make_release(3), out)
    other = _run(make_release(4, name="other"), out)
    assert (other.computed, other.reused) == (3, 0)
    assert {score["value"] for score in _scores(out) if score["metric"] == "top1"} == {0.5}


def test_a_run_that_is_cut_off_goes_on_where_it_stopped(make_release, out, monkeypatch):
    release, score = make_release(3), supervised.score

    def stop(corpus, method, seed):
        if seed == 2:
            raise KeyboardInterrupt
        return score(corpus, method, seed)

    monkeypatch.setattr(supervised, "score", stop)
    with pytest.raises(KeyboardInterrupt):
        _run(release, out)
    assert not (out / "scores.json").exists()
    monkeypatch.undo()
    report = _run(release, out)
    assert (report.computed, report.reused) == (1, 2)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda n: np.full((n, 32), np.nan), "method bad: predict gave NaN or infinity for 6 of 6 gestures"),
        (lambda n: np.zeros((n, 3)), "method bad: predict gave float64 of shape (6, 3) for 6 gestures"),
        (lambda n: np.full(n, 32), "method bad: predict gave class 32; classes run from 0 to 31"),
        (lambda _: {}["key"], "KeyError: 'key' (at test_suite.py:"),
    ],
)
def test_a_bad_method_fails_its_own_cell_only(make_release, out, given, message):
    bad = Method("bad", predict=lambda _, samples: given(len(samples)))
    report = _run(make_release(3), out, methods=[bad, "majority"], seeds=1)
    assert report.exit_code == 1
    (failure,) = report.failures
    assert (failure.task, failure.method, failure.seed) == ("supervised", "bad", 0)
    assert message in failure.message
    assert {score["method"] for score in _scores(out)} == {"majority"}
    assert message in report.summary()


def test_a_failed_cell_is_tried_again(make_release, out):
    release = make_release(3)
    values = [np.full((6, 32), np.nan), *[np.zeros((6, 32))] * 3]
    method = Method("flaky", predict=lambda _, samples: values.pop(0)[: len(samples)])
    assert _run(release, out, methods=[method], seeds=1).exit_code == 1
    again = _run(release, out, methods=[method], seeds=1)
    assert (again.exit_code, again.computed) == (0, 1)


def test_a_method_from_a_file_runs_and_a_changed_one_runs_again(make_release, out, tmp_path):
    path = tmp_path / "first_class.py"
    path.write_text(
        "def fit(samples, labels, taxonomy, seed): return 7\ndef predict(fitted, samples): return [fitted] * len(samples)\n"
    )
    release = make_release(3)
    report = _run(release, out, methods=[str(path)], seeds=1)
    assert {score.metric: score.value for score in report.scores}["top1"] == 0.5  # touching_face is class 7
    path.write_text(path.read_text().replace("7", "0"))
    report = _run(release, out, methods=[str(path)], seeds=1)
    assert report.computed == 1
    assert {score.metric: score.value for score in report.scores}["top1"] == 0


def test_a_leaking_split_ends_the_run_before_it_starts(make_release, out):
    def leak(_):
        return [
            {"protocol": "cross_subject", "draw": 0, "unit": "gesture", "item_id": f"P0000-v0-clip-{i}"}
            | {"player_id": "P0000", "part": part, "labelled": []}
            for i, part in enumerate(("train", "test"))
        ]

    with pytest.raises(BadInput, match="P0000 stands both in train and in test"):
        _run(make_release(3, change={"splits": leak}), out)
    assert not out.exists()


def test_bad_options(make_release, out):
    release = make_release(2)
    with pytest.raises(BadInput, match=r"--task dancing: there is none. Choose of: supervised, semi-supervised"):
        _run(release, out, tasks=["dancing"])
    with pytest.raises(BadInput, match="--seeds 0: give 1 or more"):
        _run(release, out, seeds=0)
    with pytest.raises(BadInput, match="no release here"):
        benchmark(out / "nowhere", out, quiet=True)


def test_out_that_is_a_file(make_release, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((CannotWrite, BadInput)):
        _run(make_release(3), tmp_path / "file", seeds=1)


class _Checked(HTMLParser):
    """Every tag is closed in order, and nothing is fetched from anywhere."""

    VOID = frozenset({"meta", "rect", "line", "br", "img"})

    def __init__(self):
        super().__init__()
        self.open, self.text = [], []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            assert name != "src" or value.startswith("data:")
            assert name != "href" or value.startswith("figures/")  # beside the page
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_pages_hold_every_score_and_need_no_network(make_release, out):
    note = "Simulated <b>poses</b> & gestures."
    report = _run(make_release(3, note=note), out, methods=None, tasks=["supervised", "spotting", "emotion"], seeds=2)
    page = _Checked()
    page.feed((out / "report.html").read_text())
    assert page.open == []
    text, markdown = " ".join(page.text), (out / "report.md").read_text()
    for task in ("supervised", "spotting"):
        for line in report.lines(task):
            assert str(line) in text
            assert str(line) in markdown
    assert note in text  # escaped, not markup
    assert note in markdown
    assert "needs recordings with clips" in text
    assert "7 touching_face" in text
