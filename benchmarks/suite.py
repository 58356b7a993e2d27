"""The benchmark of a release: every task by every method and seed, each cell kept, so that a rerun computes what is missing.

out/
├── cells/<task>-<digest>.json     one cell each
├── scores.json, scores.parquet    the scores, what could not be scored and why, and what is needed to repeat them
├── resamples.parquet              each score in every resample of people, from which differences are tested
├── figures/                       each figure as SVG, with its numbers as CSV
└── report.md, report.html         the same to read; no network needed
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from tqdm import tqdm

from benchmarks.baselines import BASELINES
from benchmarks.cells import Cell, ScoreCells, compute, kept, workers_that_fit
from benchmarks.choice import methods_for, timed
from benchmarks.corpus import Corpus, describe, many
from benchmarks.differences import Drawn
from benchmarks.duplicates import split_notes
from benchmarks.figures import draw_figures
from benchmarks.methods import Method
from benchmarks.pages import html_page, markdown_page
from benchmarks.rebuilt import rebuilt
from benchmarks.report import BenchmarkReport, Cost, Failure, NotScored
from benchmarks.scores import Result, resamples_table, scores_table
from benchmarks.tasks import TASKS, semi_supervised
from benchmarks.tuned import TUNED
from manifests.errors import BadInput
from manifests.ids import digest, file_sha256
from manifests.parquet import replacing, write_text
from manifests.provenance import tool_version
from manifests.release import SUMS, Release, open_release

__all__ = ["RESAMPLES", "benchmark"]


RESAMPLES = "resamples.parquet"
# These say what was found, and find nothing.
_TOLD = frozenset(
    {"animation.py", "compare.py", "differences.py", "figures.py", "pages.py", "plots.py", "published.py", "report.py"}
)


def benchmark(
    release_path: Path | str,
    out: Path | str,
    *,
    tasks: Sequence[str] | None = None,
    methods: Sequence[str | Method] | None = None,
    checkpoints: Sequence[Path | str] = (),
    minutes: float | None = None,
    protocol: str | None = None,
    notes: Sequence[str] = (),
    seeds: int = 3,
    engine: str = "local",
    workers: int | None = 0,
    quiet: bool = False,
) -> BenchmarkReport:
    """Score methods on a release.

    Args:
        release_path: the release's folder.
        out: where scores and report go; a cell found there is not computed again, unless it failed.
        tasks: names of `benchmarks.tasks.TASKS`; all by default.
        methods: names, `proposals:<model version>`, paths of Python files (see `benchmarks.methods`) or methods; by default all
            built in, and the proposals of every model in the release.
        checkpoints: a pre-trained MG-FM, a spotter, scored beside the other methods.
        minutes: how long each network that is trained here is trained, instead of its number of steps; how far it comes, and so
            its score, then depends on the machine.
        protocol: score this split of the release as it is, however few its people (`given` is the one that an imported set
            came with); by default its cross-subject split, or folds where people are few.
        notes: more that a reader of the scores must know.
        seeds: how many, from 0; semi-supervised takes all draws of labels that the release holds (five) unless it is one.
        engine: "local" or "ray" (see `collector.engine`).
        workers: how many processes compute cells; 0 computes here; None takes as many as cores and memory allow.
        quiet: no progress bar.

    Raises:
        BadInput: no release there; an unknown task or method; a split with a person in train and in test, or
            no such protocol; minutes, but no network to be trained.
        CannotWrite: `out` can't be written.
    """
    started, begun = time.monotonic(), datetime.now(UTC)
    chosen = _chosen_tasks(tasks)
    if seeds < 1:
        raise BadInput(f"--seeds {seeds}: give 1 or more.")
    release, out = open_release(release_path), Path(out)
    found = methods_for(release, methods, checkpoints)
    if minutes is not None:
        found = timed(found, minutes)
        trained = ", ".join(method.name for method in found if method.within)
        notes = [*notes, f"Trained for {minutes:g} minutes each time, on this machine: {trained}."]
    corpus = Corpus(release, protocol)
    release_digest = _digest(release)
    divided = corpus.protocol()
    splits, changed = rebuilt(release)
    report = BenchmarkReport(
        out,
        release.version,
        release_digest,
        divided.name if divided else "too few people to divide",
        f"{describe(corpus.all_gestures)} in {many(len(corpus.clips), 'clip')}",
        [*corpus.notes, *split_notes(corpus, divided), *([changed] if changed else []), *notes],
        chosen,
        corpus.simulated,
    )
    code = _code_digest()
    key = [release_digest, tool_version(), code, *([protocol] if protocol else [])]
    cells = _plan(corpus, found, seeds, key, report, named=methods is not None)
    if methods is None:
        unnamed = f"take minutes each and are scored where they are named (--method): {', '.join(BASELINES)}, {TUNED}"
        report.not_scored.append(NotScored("other methods", None, unnamed))
    stage = ScoreCells(str(release.path), found, protocol, corpus)
    done = {str(cell.path): result for cell in cells if (result := kept(cell.path))}
    report.reused = len(done)
    todo = [cell for cell in cells if str(cell.path) not in done]
    if workers is None:
        workers = min(workers_that_fit(corpus, os.cpu_count() or 1), len(todo))
    by_name = {(cell.task, cell.method.name, cell.seed): str(cell.path) for cell in todo}
    results = compute(todo, stage, engine=engine, workers=workers if workers > 1 or engine == "ray" else 0)
    for result in tqdm(results, total=len(todo), desc="benchmark", unit="cell", disable=quiet or None):
        done[by_name[result["task"], result["method"], result["seed"]]] = result
        report.computed += 1
    for cell in cells:
        _add(report, cell, done[str(cell.path)])
    report.run = {
        "release": release.version,
        "release_sha256": release_digest,
        "mgcollect": tool_version(),
        "code": code,
        "protocol": protocol,
        "splits": splits,
        "seeds": seeds,
        "methods": {method.name: method.digest for method in found},
        "machine": _machine(),
        "started_at": begun.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - started, 1),
        "cells_computed": report.computed,
        "cells_kept": report.reused,
        "workers": workers,
        "engine": engine,
        "platforms": sorted(set(release.table("videos", ["platform"])["platform"].to_pylist()) - {None}),
        "gestures": len(corpus.all_gestures),
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
) -> list[Cell]:
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
                NotScored(name, method.name, f"this method can't do the task, which needs {task.NEEDS}")
                for method in methods
                if method not in able
            ]
        elif not able:
            report.not_scored.append(NotScored(name, None, "no method here can do the task"))
        for method in able:
            # Where seeds pick the release's draws of labels, all draws are taken; one seed asks for one.
            draws = len(corpus.label_draws) if task is semi_supervised and seeds > 1 else 0
            for seed in range(max(seeds, draws)):
                digest_ = digest(key, name, method.name, method.digest, seed)
                cells.append(Cell(name, method, seed, report.out / "cells" / f"{name}-{digest_}.json"))
    return cells


def _add(report: BenchmarkReport, cell: Cell, found: dict[str, Any]) -> None:
    if found["state"] == "failed":
        report.failures.append(Failure(cell.task, cell.method.name, cell.seed, found["message"]))
        return
    result = Result.from_json(found["result"])
    report.scores += result.scores
    report.drawn += [
        Drawn(score.task, score.method, score.metric, score.fraction, score.seed, score.value, drawn)
        for score, drawn in zip(result.scores, result.drawn, strict=True)
        if drawn is not None
    ]
    report.costs.append(
        Cost(cell.task, cell.method.name, cell.seed, found["seconds"], found["megabytes"], result.parameters)
    )
    if cell.seed == 0:
        report.pictures[cell.task, cell.method.name] = result.pictures
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
        "differences": [vars(difference) for difference in report.differences],
        "costs": [asdict(cost) for cost in report.costs],
        "protocol": report.protocol,
        "notes": report.notes,
        "run": report.run,
    }
    write_text(report.out / "scores.json", json.dumps(contents, indent=1, ensure_ascii=False) + "\n")
    with replacing(report.out / "scores.parquet") as path:
        pq.write_table(scores_table(report.scores), path, compression="zstd")
    with replacing(report.out / RESAMPLES) as path:
        pq.write_table(resamples_table(report.drawn), path, compression="zstd")
    figures = draw_figures(report)
    for figure in figures:
        write_text(report.out / "figures" / f"{figure.name}.svg", figure.svg)
        write_text(report.out / "figures" / f"{figure.name}.csv", figure.csv)
    write_text(report.out / "report.md", markdown_page(report, figures))
    write_text(report.out / "report.html", html_page(report, figures))


def _code_digest() -> str:
    """Digest of the suite's own source, so that a change of a metric is never mixed with scores from before."""
    folder = Path(__file__).parent
    sources = sorted(
        path for part in ("", "metrics", "tasks") for path in (folder / part).glob("*.py") if path.name not in _TOLD
    )
    return digest({path.relative_to(folder).as_posix(): file_sha256(path) for path in sources})


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "scikit-learn", "pyarrow"))
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}"
