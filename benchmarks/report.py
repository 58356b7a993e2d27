"""What a run of the benchmark found, and how it is told in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.corpus import many
from benchmarks.differences import Difference, Drawn, paired_differences
from benchmarks.scores import Result, Score
from benchmarks.tasks import TASKS

__all__ = ["BenchmarkReport", "Cost", "Failure", "Line", "NotScored", "summarise"]

_SHOWN = 0.0005  # a smaller deviation is rounding


@dataclass(frozen=True)
class NotScored:
    """What could not be scored and why; `method` is None where the reason concerns all methods."""

    task: str
    method: str | None
    reason: str


@dataclass(frozen=True)
class Failure:
    """A cell that failed."""

    task: str
    method: str
    seed: int
    message: str


@dataclass(frozen=True)
class Cost:
    """What a cell took.

    Attributes:
        seconds: of the clock, on one core, beside whatever else ran.
        megabytes: the most memory beyond what its process held before; None where the system doesn't tell.
        parameters: how many numbers were learned; None where the method doesn't say.
    """

    task: str
    method: str
    seed: int
    seconds: float
    megabytes: float | None
    parameters: int | None


@dataclass(frozen=True)
class Line:
    """One metric of one method, over all seeds.

    Attributes:
        value, low, high: means over the seeds of the value and of the ends of its interval over people.
        deviation: standard deviation over seeds; None for one seed.
    """

    task: str
    method: str
    metric: str
    fraction: float | None
    value: float
    low: float | None
    high: float | None
    deviation: float | None
    n_seeds: int

    def __str__(self) -> str:
        text = f"{self.value:.3f}"
        if self.low is not None and self.high is not None:
            text += f" [{self.low:.3f}, {self.high:.3f}]"
        return text + (f" ±{self.deviation:.3f}" if self.deviation and self.deviation >= _SHOWN else "")

    @property
    def what(self) -> str:
        """Such as "top1" or "top1, 10% of labels"."""
        return self.metric if self.fraction is None else f"{self.metric}, {self.fraction:.0%} of labels"


def summarise(scores: Sequence[Score]) -> list[Line]:
    """One line for each task, fraction, metric and method, in the order in which they come."""
    groups: dict[tuple[str, str, str, float | None], list[Score]] = {}
    for score in scores:
        groups.setdefault((score.task, score.method, score.metric, score.fraction), []).append(score)
    return [_line(group) for group in groups.values()]


def _line(group: list[Score]) -> Line:
    first, values = group[0], [score.value for score in group]
    lows = [score.low for score in group if score.low is not None]
    highs = [score.high for score in group if score.high is not None]
    return Line(
        first.task,
        first.method,
        first.metric,
        first.fraction,
        float(np.mean(values)),
        float(np.mean(lows)) if lows else None,
        float(np.mean(highs)) if highs else None,
        float(np.std(values, ddof=1)) if len(values) > 1 else None,
        len(values),
    )


@dataclass
class BenchmarkReport:
    """What a run of the benchmark gave.

    Attributes:
        out: the folder with scores.json, scores.parquet, report.md and report.html.
        version, digest: of the release.
        protocol: how people were divided, in words.
        contents: what the release holds, in words.
        notes: what a reader of the scores must know (that annotators are scripted, say).
        tasks: the tasks asked for.
        simulated: whether nobody was filmed; every heading then says so.
        scores: all scores, of this run and of cells kept from earlier ones.
        not_scored: what could not be scored and why.
        failures: cells that failed.
        confusions: (task, method) to the result of the first seed that has a confusion matrix.
        drawn: the scores with their values in every resample of people.
        costs: of every cell, in time and memory.
        pictures: (task, method) to what the report draws of it, of seed 0.
        run: what is needed to repeat it: tool version, code, seeds, methods, machine, time.
        computed, reused: cells computed now, and kept from earlier.
    """

    out: Path
    version: str
    digest: str
    protocol: str
    contents: str
    notes: list[str]
    tasks: list[str]
    simulated: bool = False
    scores: list[Score] = field(default_factory=list)
    not_scored: list[NotScored] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    confusions: dict[tuple[str, str], Result] = field(default_factory=dict)
    drawn: list[Drawn] = field(default_factory=list)
    costs: list[Cost] = field(default_factory=list)
    pictures: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    computed: int = 0
    reused: int = 0

    @property
    def exit_code(self) -> int:
        return 1 if self.failures else 0

    @property
    def title(self) -> str:
        return self.heading(f"benchmark of release {self.version}")

    def heading(self, text: str) -> str:
        """A heading, which says so if the corpus is simulated."""
        return f"Simulated corpus: {text}" if self.simulated else text[:1].upper() + text[1:]

    @cached_property
    def differences(self) -> list[Difference]:
        """Every pair of methods, in the metrics that a reader looks at first."""
        return paired_differences(self.drawn, {task: TASKS[task].SHOWN for task in self.tasks})

    def lines(self, task: str) -> list[Line]:
        """The task's lines."""
        return summarise([score for score in self.scores if score.task == task])

    def summary(self) -> str:
        """For the terminal: what was scored, with intervals, and what can't be and why."""
        scored = [task for task in self.tasks if self.lines(task)]
        text = [
            f"{self.title} (sha256 {self.digest[:12]}…): {len(scored)} of {many(len(self.tasks), 'task')} scored",
            f"  {self.contents}; {self.protocol}",
            *(f"  Note: {note}" for note in self.notes),
        ]
        for task in scored:
            text += ["", f"{self.heading(task)}: {TASKS[task].WHAT}", *_columns(self.lines(task), TASKS[task].SHOWN)]
        if self.not_scored:
            text += ["", "Not scored:", *(f"  {_subject(entry)}: {entry.reason}" for entry in self.not_scored)]
        if self.failures:
            text += ["", "Failed:"]
            text += [f"  {cell.task}, {cell.method}, seed {cell.seed}: {cell.message}" for cell in self.failures]
        text += [
            "",
            f"{many(self.computed, 'cell')} computed, {self.reused} kept from before. Report: {self.out / 'report.html'}",
        ]
        return "\n".join(text)


def _subject(entry: NotScored) -> str:
    return entry.task if entry.method is None else f"{entry.task}, {entry.method}"


def _columns(lines: list[Line], shown: tuple[str, ...]) -> list[str]:
    """One row for each method and metric, aligned; other metrics stand in the report."""
    rows = [(line.method, line.what, str(line)) for line in lines if line.metric in shown]
    width = [max(len(row[i]) for row in rows) for i in (0, 1)] if rows else [0, 0]
    return [f"  {method:<{width[0]}}  {what:<{width[1]}}  {value}" for method, what, value in rows]
