"""The benchmark through the real command line: killed in the middle, on processes, compared."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.benchmarks.conftest import make_release as make_release
from tests.end_to_end.commands import ROOT, mgcollect

METHOD = """
import os, pathlib, time

def fit(samples, labels, taxonomy, seed):
    return seed

def predict(fitted, samples):
    (pathlib.Path(os.environ["MARKS"]) / str(fitted)).touch()
    while fitted == 2 and "HOLD" in os.environ:
        time.sleep(0.05)
    return [fitted] * len(samples)
"""


def _scores(out: Path) -> list[dict[str, object]]:
    return json.loads((out / "scores.json").read_text())["scores"]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_kill_9_in_the_middle_and_go_on(make_release, tmp_path: Path, workers: str):
    (tmp_path / "slow.py").write_text(METHOD)
    marks, out = tmp_path / "marks", tmp_path / "out"
    marks.mkdir()
    command = [
        "benchmark",
        "--release",
        make_release(4).path,
        "--out",
        out,
        "--task",
        "supervised",
        "--workers",
        workers,
    ]
    command += ["--method", tmp_path / "slow.py", "--seeds", "3"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MARKS": str(marks), "HOLD": "1"}
    running = subprocess.Popen(
        [sys.executable, "-m", "mgcollect.main", *map(str, command)], env=environment, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 120
    while not ((marks / "2").exists() and len(list((out / "cells").glob("*.json"))) == 2):
        assert time.monotonic() < until, "two cells should be done and the third begun"
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    assert not (out / "scores.json").exists()
    finished = {path: path.stat().st_mtime_ns for path in (out / "cells").glob("*.json")}

    again = mgcollect(*command, MARKS=str(marks))
    assert again.returncode == 0, again.stderr
    assert "1 cell computed, 2 kept from before" in again.stdout
    assert all(path.stat().st_mtime_ns == written for path, written in finished.items())
    assert {score["seed"] for score in _scores(out)} == {0, 1, 2}


def test_processes_give_the_same_numbers_as_one(make_release, tmp_path: Path):
    release = make_release(4).path
    for workers in ("0", "2"):
        done = mgcollect(
            *("benchmark", "--release", release, "--out", tmp_path / workers, "--workers", workers, "--seeds", "2"),
            *("--task", "unsupervised", "--task", "supervised"),
        )
        assert done.returncode == 0, done.stderr
    assert _scores(tmp_path / "0") == _scores(tmp_path / "2") != []
    same = mgcollect("benchmark", "compare", tmp_path / "0", tmp_path / "2")
    assert same.returncode == 0
    assert "+0.000 [+0.000, +0.000], p = 1.000" in same.stdout


def test_compare_says_what_it_needs(tmp_path: Path):
    assert "Give two runs" in mgcollect("benchmark", "compare", tmp_path).stderr
    done = mgcollect("benchmark", "compare", tmp_path, "--against", "published")
    assert done.returncode == 2
    assert "no finished run" in done.stderr


def test_a_dataset_without_a_release(tmp_path: Path):
    done = mgcollect("benchmark", "--dataset", tmp_path / "nothing", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert not (tmp_path / "out").exists()


def test_a_leaking_split_is_refused(make_release, tmp_path: Path):
    def leak(rows):
        return [row | {"part": "train" if row["item_id"].endswith("-0") else "test"} for row in rows]

    release = make_release(4, change={"gestures": lambda rows: rows, "splits": lambda _: []})
    splits = leak([row for row in release.table("splits").to_pylist() if row["protocol"] == "cross_subject"])
    leaking = make_release(4, change={"splits": lambda _: splits}, name="leaking").path
    done = mgcollect("benchmark", "--release", leaking, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "protocol cross_subject: P0000, P0001, P0002 and 1 more stand both in train and in test" in done.stderr
    assert not (tmp_path / "out").exists()


UNFIT = {
    "nothing": ("float('nan') + np.zeros((n, 32))", "predict gave NaN or infinity for 6 of 6 gestures"),
    "narrow": (
        "np.zeros((n, 3))",
        "predict gave float64 of shape (6, 3) for 6 gestures; give (6, 32) scores or (6,) classes",
    ),
    "stranger": ("['juggling'] * n", "predict gave 'juggling', which is none of the 32 labels"),
}


def test_unfit_methods_cost_their_own_cells_only(make_release, tmp_path: Path):
    code = "import numpy as np\ndef fit(*_): return 0\ndef predict(_, samples):\n    n = len(samples)\n    return {}\n"
    named = ["--method", "majority"]
    for name, (value, _) in UNFIT.items():
        (tmp_path / f"{name}.py").write_text(code.format(value))
        named += ["--method", str(tmp_path / f"{name}.py")]
    command = (
        "benchmark",
        "--release",
        make_release(4).path,
        "--out",
        tmp_path / "out",
        "--task",
        "supervised",
        "--seeds",
        "1",
    )
    done = mgcollect(*command, *named)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for name, (_, message) in UNFIT.items():
        assert f"supervised, {name}, seed 0: method {name}: {message}" in done.stdout
    assert {score["method"] for score in _scores(tmp_path / "out")} == {"majority"}


def test_ray_gives_the_same_numbers(make_release, tmp_path: Path):
    pytest.importorskip("ray")
    release = make_release(4).path
    for engine in ("local", "ray"):
        done = mgcollect(
            *("benchmark", "--release", release, "--out", tmp_path / engine, "--engine", engine, "--workers", "2"),
            *("--task", "supervised", "--seeds", "2", "--method", "majority", "--method", "kinematics-ridge"),
        )
        assert done.returncode == 0, done.stderr
    assert _scores(tmp_path / "ray") == _scores(tmp_path / "local") != []


REAL = ROOT.parent / "shared" / "data" / "natops.pkl"


@pytest.mark.skipif(not REAL.exists(), reason="../shared/data isn't there")
def test_a_real_set_on_the_split_that_it_came_with(tmp_path: Path):
    imported = mgcollect(
        *("release", "import", "pyskl", REAL, "--out", tmp_path / "natops", "--skeleton", "natops8", "--unit", "body")
    )
    assert imported.returncode == 0, imported.stderr
    command = (
        "benchmark",
        "--release",
        tmp_path / "natops",
        "--out",
        tmp_path / "out",
        "--task",
        "supervised",
        "--seeds",
        "1",
    )
    done = mgcollect(*command, "--protocol", "given", "--method", "kinematics-ridge", "--method", "majority")
    assert done.returncode == 0, done.stderr
    assert "180 gestures to learn from and 180 to test on" in done.stdout
    top1 = {score["method"]: score["value"] for score in _scores(tmp_path / "out") if score["metric"] == "top1"}
    assert top1["majority"] == pytest.approx(1 / 6)  # 30 of 180 of each of the six classes
    assert top1["kinematics-ridge"] > 0.75  # ridge on the positions themselves has 0.861
    refused = mgcollect("benchmark", "compare", tmp_path / "out", "--against", "published")
    assert refused.returncode == 2
    assert "no published figure can stand beside it" in refused.stderr


def test_the_method_that_the_readme_shows(make_release, tmp_path: Path):
    blocks = (ROOT / "README.md").read_text().split("```python\n")
    (shown,) = (block.split("```")[0] for block in blocks if block.startswith("# mean_pose.py"))
    (tmp_path / "mean_pose.py").write_text(shown)
    done = mgcollect(
        *(
            "benchmark",
            "--release",
            make_release(4).path,
            "--out",
            tmp_path / "out",
            "--method",
            tmp_path / "mean_pose.py",
        ),
        *("--task", "supervised", "--task", "unsupervised", "--seeds", "1"),
    )
    assert done.returncode == 0, done.stderr
    # The two classes hold the wrist at places of their own, so even this tells them apart.
    assert {s["metric"]: s["value"] for s in _scores(tmp_path / "out")}["knn1"] == 1
