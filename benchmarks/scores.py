"""A score, what a cell of the benchmark gives, and the files they are kept in."""

from __future__ import annotations

import base64
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.differences import Drawn
from benchmarks.metrics.intervals import Estimate

__all__ = ["Result", "Score", "resamples_table", "scores_table"]


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
        drawn: of each score, its value in every resample of people; None where there was one person.
        omitted: parts of the task that this release can't score, and why.
        confusion: (classes, classes) counts, true class by predicted, where the task has one.
        classes: their names.
        parameters: how many numbers the method learned.
        pictures: data of what the report draws, by name (see `benchmarks.figures`).
    """

    scores: list[Score] = field(default_factory=list)
    drawn: list[npt.NDArray[np.float32] | None] = field(default_factory=list)
    omitted: list[str] = field(default_factory=list)
    confusion: list[list[int]] | None = None
    classes: list[str] = field(default_factory=list)
    parameters: int | None = None
    pictures: dict[str, Any] = field(default_factory=dict)

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
            self.drawn.append(None if estimate.drawn is None else estimate.drawn.astype(np.float32))

    def to_json(self) -> dict[str, Any]:
        """JSON-able; resamples as base64 of little-endian float32."""
        return vars(self) | {
            "scores": [asdict(score) for score in self.scores],
            "drawn": [None if values is None else _packed(values) for values in self.drawn],
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Result:
        scores = [Score(**score) for score in data["scores"]]
        drawn = [None if text is None else np.frombuffer(base64.b64decode(text), "<f4") for text in data["drawn"]]
        return Result(**{**data, "scores": scores, "drawn": drawn})


def _packed(values: npt.NDArray[np.float32]) -> str:
    return base64.b64encode(values.astype("<f4").tobytes()).decode("ascii")


def _clip(value: float | None) -> float | None:
    return None if value is None else min(1.0, max(0.0, float(value)))


_COLUMNS = [
    ("task", pa.string()),
    ("method", pa.string()),
    ("metric", pa.string()),
    ("fraction", pa.float64()),
    ("seed", pa.int32()),
    ("value", pa.float64()),
]


def scores_table(scores: list[Score]) -> pa.Table:
    """Scores as an Arrow table, one row each."""
    schema = pa.schema([*_COLUMNS, ("low", pa.float64()), ("high", pa.float64())])
    return pa.Table.from_pylist([asdict(score) for score in scores], schema=schema)


def resamples_table(drawn: list[Drawn]) -> pa.Table:
    """Scores with their values in every resample of people, one row a score."""
    schema = pa.schema([*_COLUMNS, ("drawn", pa.list_(pa.float32()))])
    return pa.Table.from_pylist([vars(score) for score in drawn], schema=schema)
