"""How a crowd's tasks are laid out: which clips it sees, how many annotators each, and which are shown without proposals.

It follows from the seed and the clips' ids, so that a clip keeps its lot when others are added. It is written to
`crowd.json` in the dataset's folder by the push that applies it, and read where annotations are judged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from annotate.films import film_store
from annotate.gold import read_gold
from manifests.errors import BadInput
from manifests.ids import digest
from manifests.parquet import write_text
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = [
    "CROWD_FILE",
    "CrowdDesign",
    "clips_of_crowd",
    "kept_clips",
    "read_design",
    "write_design",
]

CROWD_FILE = "crowd.json"
_MOST_GOLD = 0.5


@dataclass(frozen=True)
class CrowdDesign:
    """The design of a crowd's tasks.

    Attributes:
        per_task: annotators that see a clip.
        without_proposals: share of the clips shown without proposals, which tells how far proposals lead annotators.
        window_s: longer clips are shown in windows of about so many seconds; 0 shows every clip whole.
        overlap_s: least seconds that neighbouring windows share.
        gold: share of an annotator's tasks whose gestures are known (`gold.csv`) without anybody seeing it.
        practice: how many of the known clips newcomers practise on; the crowd's own tasks leave them out.
        films: where Label Studio gets the films from: a folder of the web ("https://…") or of an S3 store ("s3://bucket/…"), which
            holds them by their paths in the dataset; empty where it serves the dataset's own files.
        seed: of what is drawn.
        page: of the project that it was pushed to; empty before.
    """

    per_task: int = 2
    without_proposals: float = 0.0
    window_s: float = 60.0
    overlap_s: float = 5.0
    gold: float = 0.0
    practice: int = 0
    films: str = ""
    seed: int = 0
    page: str = ""

    def __post_init__(self) -> None:
        if self.per_task < 1:
            raise BadInput("At least one annotator must see a clip.")
        if not 0 <= self.without_proposals < 1:
            raise BadInput(
                f"--without-proposals {self.without_proposals}: write a share from 0 to below 1, such as 0.1."
            )

        if not 0 <= self.gold <= _MOST_GOLD:
            raise BadInput(f"--gold {self.gold}: write a share from 0 to {_MOST_GOLD}, such as 0.1.")
        film_store(self.films)
        if self.practice < 0:
            raise BadInput(f"--practice {self.practice}: write how many clips, or 0.")

    def shows_proposals(self, clip: str) -> bool:
        """Whether the clip's task is shown with what was proposed for it."""
        lot = int(digest("without proposals", self.seed, clip)[:8], 16) / 16**8
        return lot >= self.without_proposals

    def practised(self, known: Iterable[str]) -> frozenset[str]:
        """Of the clips whose gestures are known, those that newcomers practise on."""
        drawn = sorted(known, key=lambda clip: digest("practice", self.seed, clip))
        return frozenset(drawn[: self.practice])


def kept_clips(workspace: Workspace) -> dict[str, Row]:
    """The rows of the clips that are kept and have a file, by clip_id."""
    return {row["clip_id"]: row for row in rows_of(workspace.read("clips")) if row["kept"] and row["path"]}


def clips_of_crowd(workspace: Workspace, design: CrowdDesign) -> dict[str, Row]:
    """The kept clips that the crowd's project shows: all but those that newcomers practise on.

    Raises:
        BadInput: `gold.csv` has wrong rows.
    """
    clips = kept_clips(workspace)
    practised = design.practised(read_gold(workspace)) if design.practice else frozenset()
    return {clip: row for clip, row in clips.items() if clip not in practised}


def read_design(workspace: Workspace) -> CrowdDesign:
    """The design of the last push; that of a push without options where there was none.

    Raises:
        BadInput: `crowd.json` is damaged.
    """
    path = workspace.root / CROWD_FILE
    if not path.exists():
        return CrowdDesign()
    try:
        return CrowdDesign(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise BadInput(
            f"{path} is damaged ({error}). Run `mgcollect annotate push` with the same options again."
        ) from error


def write_design(workspace: Workspace, design: CrowdDesign) -> None:
    """Keep the design beside the tables."""
    write_text(workspace.root / CROWD_FILE, json.dumps(asdict(design), indent=1) + "\n")
