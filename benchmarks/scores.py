"""A score, what a cell of the benchmark gives, and the files they are kept in."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.metrics.intervals import Estimate

__all__ = ["Result", "Score", "scores_table"]


@dataclass(frozen=True)
class Score:
    """One number of the benchmark.

    Attributes:
        task, method, metric: what was measured of what.
        fraction: the share of train that kept its labels; None where all did, or none was needed.
        seed: of the method and of the draw of labels.
        value: 0 to 1.
        low, high: 95 % interval over people; None where there is only one person.
    """

    task: str
    method: str
    metric: str
    fraction: float | None
    seed: int
    value: float
    low: float | None
    high: float | None


@dataclass
class Result:
    """What one cell (task, method, seed) gives.

    Attributes:
        scores: its scores.
        omitted: parts of the task that this release can't score, and why.
        confusion: (classes, classes) counts, true class by predicted, where the task has one.
        classes: their names.
    """

    scores: list[Score] = field(default_factory=list)
    omitted: list[str] = field(default_factory=list)
    confusion: list[list[int]] | None = None
    classes: list[str] = field(default_factory=list)

    def add(
        self, task: str, method: str, seed: int, metric: str, estimate: Estimate, fraction: float | None = None
    ) -> None:
        """Keep an estimate; one that is NaN (nothing to measure) is left out.

        Scores run from 0 to 1, so an adjusted Rand index below chance shows as 0 and a lenient F1 above 1 as 1.
        """
        if np.isfinite(estimate.value):
            value, low, high = (_clip(x) for x in (estimate.value, estimate.low, estimate.high))
            assert value is not None
            self.scores.append(Score(task, method, metric, fraction, seed, value, low, high))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Result:
        names = {f.name for f in fields(Result)}
        kept = {name: value for name, value in data.items() if name in names}
        return Result(**{**kept, "scores": [Score(**score) for score in data["scores"]]})


def _clip(value: float | None) -> float | None:
    return None if value is None else min(1.0, max(0.0, float(value)))


def scores_table(scores: list[Score]) -> pa.Table:
    """Scores as an Arrow table, one row each."""
    schema = pa.schema(
        [
            ("task", pa.string()),
            ("method", pa.string()),
            ("metric", pa.string()),
            ("fraction", pa.float64()),
            ("seed", pa.int32()),
            ("value", pa.float64()),
            ("low", pa.float64()),
            ("high", pa.float64()),
        ]
    )
    return pa.Table.from_pylist([asdict(score) for score in scores], schema=schema)
