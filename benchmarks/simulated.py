"""The corpus that is scored where no release is given: simulated people, released by the ordinary commands' own code.

Nobody was filmed. Scores on it say how methods compare on movements that we made up, and that the suite works; they say
nothing about people.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from annotate.propose import propose
from benchmarks.simulator.corpus import MODEL, Corpus, simulate, write_dataset
from manifests.errors import ItemFailed, explain_write_errors
from manifests.ids import digest
from manifests.release import INFO
from manifests.release_build import build
from manifests.workspace import open_workspace

__all__ = ["DEFAULT_SIZE", "SIMULATED_NOTE", "Size", "simulated_release"]

SIMULATED_NOTE = (
    "Simulated corpus: nobody was filmed. People, movements, camera and the errors of the pose estimator are made up; "
    "scores on it say nothing about people."
)
_VERSION = "0.0.1"


@dataclass(frozen=True)
class Size:
    """How much is simulated.

    Attributes:
        people: how many people.
        videos: how many recordings in all, spread evenly.
        minutes: mean length of a recording.
        seed: of everything.
    """

    people: int = 40
    videos: int = 80
    minutes: float = 8.0
    seed: int = 0


DEFAULT_SIZE = Size()


def simulated_release(folder: Path | str, size: Size = DEFAULT_SIZE, *, quiet: bool = False) -> Path:
    """The folder of a simulated release, built below `folder` unless it stands there from before.

    It is made as any other: a dataset's tables, proposals by the spotter, then `release build`, which draws the splits.

    Raises:
        CannotWrite: the folder is read-only or its disk full.
        BadInput: a size out of range.
    """
    name = f"seed{size.seed}-{digest(MODEL, asdict(size), asdict(Corpus()), SIMULATED_NOTE)}"
    out, dataset = Path(folder) / name, Path(folder) / f".{name}.dataset"
    if (out / INFO).exists():
        return out
    with explain_write_errors(folder):
        shutil.rmtree(dataset, ignore_errors=True)  # what a run that was killed left
        videos = simulate(people=size.people, videos=size.videos, minutes=size.minutes, seed=size.seed)
        write_dataset(dataset, videos)
        with open_workspace(dataset) as workspace:
            proposed = propose(workspace, workers=0, quiet=quiet)
            if proposed.failed:
                raise ItemFailed(f"proposals for the simulated corpus failed: {proposed.failures[0][2]}")
            build(workspace, _VERSION, out=out, note=SIMULATED_NOTE, seed=size.seed, quiet=quiet)
        shutil.rmtree(dataset)
    return out
