"""The benchmark of a release: every task by every method and seed, each cell kept, so that a rerun computes what is missing.

out/
├── cells/<task>-<digest>.json     one cell each
├── scores.json, scores.parquet    the scores, what could not be scored and why, and what is needed to repeat them
└── report.md, report.html         the same to read; no network needed
"""

from __future__ import annotations

import json
import os
import platform
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from benchmarks.corpus import Corpus, describe, many
from benchmarks.methods import Method, methods_for
from benchmarks.pages import html_page, markdown_page
from benchmarks.pretrained import pretrained
from benchmarks.report import BenchmarkReport, Failure, NotScored
from benchmarks.scores import Result, scores_table
from benchmarks.tasks import TASKS
from manifests.errors import BadInput, MgcollectError
from manifests.ids import digest, file_sha256
from manifests.parquet import replacing, write_text
from manifests.provenance import tool_version
from manifests.release import SUMS, Release, open_release

__all__ = ["benchmark"]


@dataclass(frozen=True)
class _Cell:
    task: str
    method: Method
    seed: int
    path: Path


def benchmark(
    release_path: Path | str,
    out: Path | str,
    *,
    tasks: Sequence[str] | None = None,
    methods: Sequence[str | Method] | None = None,
    checkpoint: Path | str | None = None,
    seeds: int = 3,
    quiet: bool = False,
) -> BenchmarkReport:
    """Score methods on a release.

    Args:
        release_path: the release's folder.
        out: where scores and report go; a cell found there is not computed again, unless it failed.
        tasks: names of `benchmarks.tasks.TASKS`; all by default.
        methods: names, `proposals:<model version>`, paths of Python files (see `benchmarks.methods`) or methods; by default all
            built in, and the proposals of every model in the release.
        checkpoint: a pre-trained MG-FM, scored beside the other methods.
        seeds: how many, from 0.
        quiet: no progress bar.

    Raises:
        BadInput: no release there; an unknown task or method; a split with a person in train and in test.
        CannotWrite: `out` can't be written.
    """
    started, begun = time.monotonic(), datetime.now(UTC)
    chosen = _chosen_tasks(tasks)
    if seeds < 1:
        raise BadInput(f"--seeds {seeds}: give 1 or more.")
    release, out = open_release(release_path), Path(out)
    found = methods_for(release, methods, [] if checkpoint is None else [pretrained(checkpoint)])
    corpus = Corpus(release)
    release_digest = _digest(release)
    protocol = corpus.protocol()
    report = BenchmarkReport(
        out,
        release.version,
        release_digest,
        protocol.name if protocol else "too few people to divide",
        f"{describe(corpus.all_gestures)} in {many(len(corpus.clips), 'clip')}",
        corpus.notes,
        chosen,
        corpus.simulated,
    )
    code = _code_digest()
    key = [release_digest, tool_version(), code]
    cells = _plan(corpus, found, seeds, key, report, named=methods is not None)
    for cell in tqdm(cells, desc="benchmark", unit="cell", disable=quiet or None):
        _add(report, cell, _kept(cell.path) or _compute(cell, corpus))
    report.run = {
        "release": release.version,
        "release_sha256": release_digest,
        "mgcollect": tool_version(),
        "code": code,
        "seeds": seeds,
        "methods": {method.name: method.digest for method in found},
        "machine": _machine(),
        "started_at": begun.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started, 1),
        "cells_computed": report.computed,
        "cells_kept": report.reused,
    }
    _write(report)
    return report


def _chosen_tasks(names: Sequence[str] | None) -> list[str]:
    for name in names or ():
        if name not in TASKS:
            raise BadInput(f"--task {name}: there is none. Choose of: {', '.join(TASKS)}.")
    return [name for name in TASKS if names is None or name in names]


def _digest(release: Release) -> str:
    try:
        return release.digest
    except FileNotFoundError as error:
        raise BadInput(
            f"{release.path}: {SUMS} is missing, so the release can't be told from another. Get it anew."
        ) from error


def _plan(
    corpus: Corpus, methods: list[Method], seeds: int, key: list[str], report: BenchmarkReport, *, named: bool
) -> list[_Cell]:
    """The cells to have; what can't be had goes to `report.not_scored`."""
    cells = []
    for name in report.tasks:
        task = TASKS[name]
        if missing := task.requirements(corpus):
            report.not_scored += [NotScored(name, None, reason) for reason in missing]
            continue
        able = [method for method in methods if task.can(method)]
        # A built-in method that has nothing to do with a task is no news; one that was asked for is.
        if named:
            report.not_scored += [
                NotScored(name, method.name, "this method can't do the task")
                for method in methods
                if method not in able
            ]
        elif not able:
            report.not_scored.append(NotScored(name, None, "no method here can do the task"))
        for method in able:
            for seed in range(seeds):
                digest_ = digest(key, name, method.name, method.digest, seed)
                cells.append(_Cell(name, method, seed, report.out / "cells" / f"{name}-{digest_}.json"))
    return cells


def _kept(path: Path) -> dict[str, Any] | None:
    """A cell that an earlier run finished; None where there is none, or it failed, or its file is damaged."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        Result.from_json(found["result"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found | {"kept": True}


def _compute(cell: _Cell, corpus: Corpus) -> dict[str, Any]:
    started = time.monotonic()
    found: dict[str, Any] = {"task": cell.task, "method": cell.method.name, "seed": cell.seed, "state": "ok"}
    try:
        # One thread: sums come in the same order on every machine, and small matrices gain nothing from more.
        with threadpool_limits(1, user_api="blas"):
            found["result"] = TASKS[cell.task].score(corpus, cell.method, cell.seed).to_json()
    except MgcollectError as error:
        found |= {"state": "failed", "message": str(error)}
    except Exception as error:
        # A method is anyone's code: whatever it raises costs its own cell, not the others.
        last = traceback.extract_tb(error.__traceback__)[-1]
        message = f"{type(error).__name__}: {error} (at {Path(last.filename).name}:{last.lineno})"
        found |= {"state": "failed", "message": message}
    found["seconds"] = round(time.monotonic() - started, 3)
    write_text(cell.path, json.dumps(found, indent=1) + "\n")
    return found


def _add(report: BenchmarkReport, cell: _Cell, found: dict[str, Any]) -> None:
    if found.get("kept"):
        report.reused += 1
    else:
        report.computed += 1
    if found["state"] == "failed":
        report.failures.append(Failure(cell.task, cell.method.name, cell.seed, found["message"]))
        return
    result = Result.from_json(found["result"])
    report.scores += result.scores
    for reason in result.omitted:
        entry = NotScored(cell.task, None, reason)
        if entry not in report.not_scored:
            report.not_scored.append(entry)
    if result.confusion is not None:
        report.confusions.setdefault((cell.task, cell.method.name), result)


def _write(report: BenchmarkReport) -> None:
    contents = {
        "scores": [asdict(score) for score in report.scores],
        "not_scored": [asdict(entry) for entry in report.not_scored],
        "failed": [asdict(failure) for failure in report.failures],
        "protocol": report.protocol,
        "notes": report.notes,
        "run": report.run,
    }
    write_text(report.out / "scores.json", json.dumps(contents, indent=1, ensure_ascii=False) + "\n")
    with replacing(report.out / "scores.parquet") as path:
        pq.write_table(scores_table(report.scores), path, compression="zstd")
    write_text(report.out / "report.md", markdown_page(report))
    write_text(report.out / "report.html", html_page(report))


def _code_digest() -> str:
    """Digest of the suite's own source, so that a change of a metric is never mixed with scores from before."""
    folder = Path(__file__).parent
    sources = sorted(path for part in ("", "metrics", "tasks") for path in (folder / part).glob("*.py"))
    return digest({path.relative_to(folder).as_posix(): file_sha256(path) for path in sources})


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "scikit-learn", "pyarrow"))
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}"
