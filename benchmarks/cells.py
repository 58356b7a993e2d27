"""Cells: one task by one method with one seed, each a file, computed here, on processes or on Ray.

A finished cell's file is its result, so what a run that was killed had finished is not computed again.
"""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.choice import methods_for
from benchmarks.corpus import Corpus
from benchmarks.memory import PeakMemory, available_memory
from benchmarks.methods import Method
from benchmarks.scores import Result
from benchmarks.tasks import TASKS
from collector.local_engine import in_process, on_processes
from collector.ray_engine import on_ray
from manifests.errors import MgcollectError, explain_write_errors
from manifests.ids import digest
from manifests.parquet import write_text
from manifests.release import open_release
from manifests.tables import Row

__all__ = ["Cell", "ScoreCells", "compute", "kept", "workers_that_fit"]

_WORKER_BYTES = 400 << 20  # Python and its libraries
_COPIES = 4  # of the poses: theirs, their features, and what a classifier makes of those


@dataclass(frozen=True)
class Cell:
    """One cell, and the file that its result goes to."""

    task: str
    method: Method
    seed: int
    path: Path


@dataclass
class ScoreCells:
    """Stage: a cell in; its file out, and no rows.

    Attributes:
        release: folder of the release.
        methods: those of the cells.
        protocol: the release's own split that is scored; None lets the number of people decide.
        corpus: the release, opened; each worker opens its own.
    """

    release: str
    methods: Sequence[Method]
    protocol: str | None = None
    corpus: Corpus | None = None
    name: str = "benchmark"
    table: str = "gestures"

    def __getstate__(self) -> dict[str, Any]:
        # A method from a file can't be sent to another process; where it stands can.
        return self.__dict__ | {"corpus": None, "methods": [method.source or method for method in self.methods]}

    def key(self, item: Row) -> str:
        return str(item["path"])

    def fingerprint(self, item: Row) -> str:
        return digest(item)

    def setup(self) -> None:
        if self.corpus is None:
            release = open_release(self.release)
            self.methods = methods_for(release, self.methods)
            self.corpus = Corpus(release, self.protocol)

    def process(self, item: Row) -> Iterable[Row]:
        assert self.corpus is not None
        (method,) = (method for method in self.methods if method.name == item["method"])
        _score(Cell(item["task"], method, item["seed"], Path(item["path"])), self.corpus)
        return []


def kept(path: Path) -> dict[str, Any] | None:
    """A cell that was finished; None where there is none, or it failed, or its file is damaged."""
    found = _read(path)
    return found if found and found["state"] == "ok" else None


def compute(cells: Sequence[Cell], stage: ScoreCells, *, engine: str, workers: int) -> Iterator[dict[str, Any]]:
    """Compute cells; each comes as it is ready.

    Args:
        engine: "local" or "ray".
        workers: processes; 0 computes here.
    """
    by_path = {str(cell.path): cell for cell in cells}
    items: dict[str, Row] = {
        path: {"path": path, "task": cell.task, "method": cell.method.name, "seed": cell.seed}
        for path, cell in by_path.items()
    }
    if not items:
        return
    for path in items:
        with explain_write_errors(path):
            Path(path).unlink(missing_ok=True)
    if engine == "ray":
        outcomes = on_ray(stage, items, max(workers, 1))
    else:
        outcomes = on_processes(stage, items, workers) if workers else in_process(stage, items)
    for outcome in outcomes:
        cell = by_path[outcome.item]
        about = {"task": cell.task, "method": cell.method.name, "seed": cell.seed, "state": "failed"}
        yield _read(cell.path) or {**about, "message": outcome.message or "no result was written"}


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if found["state"] == "ok":
            Result.from_json(found["result"])
        else:
            str(found["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found


def _score(cell: Cell, corpus: Corpus) -> None:
    started, peak = time.monotonic(), PeakMemory()
    found: dict[str, Any] = {"task": cell.task, "method": cell.method.name, "seed": cell.seed, "state": "ok"}
    try:
        # One thread: sums come in the same order on every machine, and small matrices gain nothing from more;
        # and threads that wait by spinning (OpenMP) stand still where other cells want the cores.
        with threadpool_limits(1):
            found["result"] = TASKS[cell.task].score(corpus, cell.method, cell.seed).to_json()
    except MgcollectError as error:
        found |= {"state": "failed", "message": str(error)}
    except Exception as error:
        # A method is anyone's code: whatever it raises costs its own cell, not the others.
        last = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error} (at {Path(last.filename).name}:{last.lineno})"
        found |= {"state": "failed", "message": message}
    found["seconds"] = round(time.monotonic() - started, 3)
    found["megabytes"] = peak.megabytes()
    write_text(cell.path, json.dumps(found) + "\n")


def workers_that_fit(corpus: Corpus, cores: int) -> int:
    """As many processes as there are cores and, for each, memory for its own copy of the corpus; at least one."""
    poses = sum(sample.poses.keypoints.nbytes for sample in corpus.samples)
    return int(np.clip(available_memory() // (_WORKER_BYTES + _COPIES * poses), 1, cores))
