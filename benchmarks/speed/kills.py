"""Fetch, segment and pose a small real set, killed with SIGKILL at random moments, beside the same undisturbed.

    python -m benchmarks.speed.kills --kills 20

It checks that what was finished before a kill is there after it and is not done again, and that in the end all rows, clips
and poses are those of the undisturbed run. The moments are drawn by a seed, over the length of each command.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.speed.processes import kill_after, watch
from benchmarks.speed.talkers import pieces
from benchmarks.speed.unsteady_site import UnsteadySite, numbers
from manifests.ids import file_sha256
from manifests.ledger import Entry
from manifests.workspace import Workspace, open_workspace

__all__ = ["KillReport", "disturb"]

_STAGES = ("fetch", "segment", "pose")
_KINDS = ("fine", "slow", "broken", "busy")  # links that come in the end


@dataclass
class KillReport:
    """What became of a set whose commands were killed.

    Attributes:
        moments: (stage, seconds) of each kill.
        items: finished in the end, by stage.
        lost: items that were finished before a kill and not after it.
        repeated: items that were finished before a kill and done again.
        different: tables and files that are not those of the undisturbed run.
        left: what a killed run left half-written.
    """

    moments: list[tuple[str, float]] = field(default_factory=list)
    items: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    repeated: int = 0
    different: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was lost, repeated, different or left."""
        return not (self.lost or self.repeated or self.different or self.left)


def disturb(
    folder: Path, films: Sequence[Path], weights: str, *, kills: int, workers: int = 2, seed: int = 0
) -> KillReport:
    """Run the three commands over some films twice: undisturbed, and killed so many times.

    Args:
        folder: an empty one, for the two datasets.
        weights: as `--weights` takes them.
    """
    report, moments = KillReport(), random.Random(seed)
    with UnsteadySite(films) as site:
        urls = "|".join(site.address(number) for number in numbers(len(films), _KINDS))
        (folder / "players.csv").write_text(f"name,urls\nSimulated Player,{urls}\n", encoding="utf-8")
        lasts = {
            stage: watch(_command(folder, "calm", stage, weights, workers), log=folder / f"calm-{stage}.log").seconds
            for stage in _STAGES
        }
        finished: dict[tuple[str, str], Entry] = {}
        for number, stage in enumerate(_STAGES):
            command = _command(folder, "killed", stage, weights, workers)
            planned = sum(kill * len(_STAGES) // kills == number for kill in range(kills))
            while planned:
                after_s = moments.uniform(0, lasts[stage])
                if kill_after(command, after_s):
                    planned -= 1
                    report.moments.append((stage, after_s))
                finished = _compare(report, finished, _finished(folder / "killed"))
            watch(command, log=folder / f"killed-{stage}.log")
        _compare(report, finished, _finished(folder / "killed"))
    calm, killed = (_everything(folder / name) for name in ("calm", "killed"))
    report.different = sorted(name for name in calm.keys() | killed.keys() if calm.get(name) != killed.get(name))
    report.left = [str(path) for path in (folder / "killed").rglob("*") if ".tmp" in path.name or ".part" in path.name]
    report.items = {stage: sum(name == stage for name, _ in _finished(folder / "killed")) for stage in _STAGES}
    return report


def _command(folder: Path, dataset: str, stage: str, weights: str, workers: int) -> list[str]:
    command = [sys.executable, "-m", "mgcollect.main", stage, "--dataset", str(folder / dataset), "--quiet"]
    command += ["--workers", str(workers)]
    return command + (["--player-list", str(folder / "players.csv")] if stage == "fetch" else ["--weights", weights])


def _compare(
    report: KillReport, before: dict[tuple[str, str], Entry], now: dict[tuple[str, str], Entry]
) -> dict[tuple[str, str], Entry]:
    report.lost += len(before.keys() - now.keys())
    report.repeated += sum(now[item] != entry for item, entry in before.items() if item in now)
    return now


def _finished(dataset: Path) -> dict[tuple[str, str], Entry]:
    if not (dataset / "dataset.json").exists():  # killed before it was made
        return {}
    with open_workspace(dataset) as workspace:
        return {
            (stage, key): entry
            for stage in _STAGES
            for key, entry in workspace.ledger.entries(stage).items()
            if entry.state == "ok"
        }


def _everything(dataset: Path) -> dict[str, Any]:
    """Each table and file, as what two runs can have alike."""
    with open_workspace(dataset) as workspace:
        found: dict[str, Any] = {name: _rows(workspace, name) for name in ("players", "videos", "clips")}
    for folder in ("videos", "clips", "tables/poses"):
        for path in (dataset / folder).rglob("*"):
            if path.is_file():
                found[path.relative_to(dataset).as_posix()] = file_sha256(path)
    return found


def _rows(workspace: Workspace, table: str) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in row.items() if name != "checked_at"}
        for row in workspace.read(table).to_pylist()
    ]


def main() -> None:
    """Run it and print what became of it; status 1 where something was lost, repeated or different."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--films", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each film")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", default="yolo11n-pose.pt")
    parser.add_argument("--folder", type=Path, help="an empty one, to keep films, datasets and logs there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mgcollect-kills-") as name:
        folder: Path = options.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        films = pieces(folder, options.films, options.seconds, large=False)
        report = disturb(
            folder, films, options.weights, kills=options.kills, workers=options.workers, seed=options.seed
        )
    for stage, after_s in report.moments:
        print(f"  {stage} killed after {after_s:.2f} s")
    print(f"{len(report.moments)} kills; finished {report.items}")
    print(f"lost {report.lost}, repeated {report.repeated}, different {report.different}, left {report.left}")
    sys.exit(not report.sound)


if __name__ == "__main__":
    main()
