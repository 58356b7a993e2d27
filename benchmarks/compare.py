"""Two runs beside each other: paired differences, where both scored the same release."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.differences import Difference, Drawn, corrected, paired_difference
from benchmarks.suite import RESAMPLES
from benchmarks.tasks import TASKS
from manifests.errors import BadInput

__all__ = ["Comparison", "compare", "read_run"]


@dataclass(frozen=True)
class Comparison:
    """What two runs say of the methods that both scored.

    Attributes:
        first, second: the runs' folders.
        simulated: whether the release that they scored was.
        differences: first minus second, for each task, method and metric that both have.
        only_first, only_second: methods that the other run lacks.
    """

    first: Path
    second: Path
    simulated: bool
    differences: dict[str, list[Difference]]
    only_first: list[str]
    only_second: list[str]

    def text(self) -> str:
        """For the terminal."""
        title = f"{'Simulated corpus: ' if self.simulated else ''}{self.first} minus {self.second}"
        lines = [title, "  difference [95 % interval over people and seeds], p corrected for their number (Holm)"]
        for method, differences in self.differences.items():
            for found in differences:
                lines.append(f"  {found.task:<16} {method:<30} {found.what:<36} {found}")
        for run, names in ((self.first, self.only_first), (self.second, self.only_second)):
            if names:
                lines.append(f"  Only in {run}: {', '.join(names)}")
        return "\n".join(lines)


def read_run(folder: Path | str) -> tuple[dict[str, Any], list[Drawn]]:
    """What scores.json of a run says, and its scores with their resamples.

    Raises:
        BadInput: there is no finished run.
    """
    folder = Path(folder)
    try:
        content: dict[str, Any] = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        content["run"]["release_sha256"]
        rows = pq.read_table(folder / RESAMPLES).to_pylist()
        return content, [Drawn(**{**row, "drawn": row["drawn"]}) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowInvalid) as error:
        raise BadInput(
            f"{folder}: no finished run of the benchmark. Make one with `mgcollect benchmark --out {folder}`."
        ) from error


def compare(first: Path | str, second: Path | str) -> Comparison:
    """Compare two runs over one release.

    Raises:
        BadInput: a folder holds no run, or they scored different releases, whose people can't be paired.
    """
    first, second = Path(first), Path(second)
    (told, ours), (told_other, theirs) = read_run(first), read_run(second)
    one, other = told["run"], told_other["run"]
    if one["release_sha256"] != other["release_sha256"]:
        raise BadInput(
            f"{first} scored release {one['release']} ({one['release_sha256'][:12]}…), {second} scored {other['release']} "
            f"({other['release_sha256'][:12]}…). Differences are paired by person, so both must score one release."
        )
    sides = _by_place(ours), _by_place(theirs)
    found: list[tuple[str, Difference]] = []
    for (task, method, metric, fraction), seeds in sides[0].items():
        against = sides[1].get((task, method, metric, fraction), {})
        if seeds.keys() & against.keys() and metric in TASKS[task].SHOWN:
            measured = paired_difference(seeds, against)
            found.append((method, Difference(task, metric, fraction, str(first), str(second), *measured)))
    # Every method asks once more about its task and metric, so all count together.
    differences: dict[str, list[Difference]] = {}
    for (method, _), difference in zip(found, corrected([difference for _, difference in found]), strict=True):
        differences.setdefault(method, []).append(difference)
    names = {place[1] for place in sides[0]}, {place[1] for place in sides[1]}
    return Comparison(
        first,
        second,
        "simulated" in one.get("platforms", []),
        differences,
        sorted(names[0] - names[1]),
        sorted(names[1] - names[0]),
    )


def _by_place(scores: list[Drawn]) -> dict[tuple[str, str, str, float | None], dict[int, Drawn]]:
    places: dict[tuple[str, str, str, float | None], dict[int, Drawn]] = {}
    for score in scores:
        places.setdefault((score.task, score.method, score.metric, score.fraction), {})[score.seed] = score
    return places
