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
