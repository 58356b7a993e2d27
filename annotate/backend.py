"""What an ML backend of Label Studio says of tasks: the stored proposals at once, and those that are missing after a look.

A task's proposals are of one model, the stage's. A clip that has none of it yet is proposed for as `mgcollect propose` would, and
the table and the ledger then say so. Clips that the crowd's design shows without proposals get none here either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from annotate.crowd_design import read_design
from annotate.project import stretch_of
from annotate.propose import Propose, posed_clips
from annotate.push import predictions_in
from collector.engine import run_stage
from manifests.errors import BadInput, Unavailable
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["Backend"]


@dataclass(frozen=True)
class Backend:
    """The proposals of one dataset by one model. Not for several threads: the ledger belongs to the one that opened it.

    Attributes:
        workspace: of the dataset.
        stage: the model that is asked, and how.
    """

    workspace: Workspace
    stage: Propose

    @property
    def model_version(self) -> str:
        """What Label Studio calls the predictions by."""
        return self.stage.version

    def predict(self, tasks: Sequence[Mapping[str, Any]]) -> list[list[dict[str, Any]]]:
        """For each task the predictions that it should show: one, or none where nothing is proposed.

        Args:
            tasks: as Label Studio sends them, each with its `data`; a task that we did not make gets none.

        Raises:
            BadInput: a task's data is not what a push wrote, or a table is damaged.
        """
        design = read_design(self.workspace)
        shown = [_stretch(task) for task in tasks]
        wanted = {one.clip_id for one in shown if one is not None and design.shows_proposals(one.clip_id)}
        known = self._known(wanted)
        if lacking := wanted - known.keys():
            self._complete(lacking)
            known = self._known(wanted)
        n_frames = self._lengths(known.keys())
        return [
            []
            if one is None or one.clip_id not in n_frames
            else list(predictions_in(one, {self.model_version: known[one.clip_id]}, n_frames[one.clip_id]).values())
            for one in shown
        ]

    def _known(self, clips: Set[str]) -> dict[str, list[Row]]:
        table = self.workspace.read("proposals")
        ours = pc.and_(pc.equal(table["model_version"], self.model_version), _among(table["clip_id"], clips))
        found: dict[str, list[Row]] = defaultdict(list)
        for row in rows_of(table.filter(ours)):
            found[row["clip_id"]].append(row)
        return found

    def _complete(self, clips: Set[str]) -> None:
        items = [item for item in posed_clips(self.workspace) if item["clip_id"] in clips]
        try:
            run_stage(self.stage, items, self.workspace, workers=0, retire=False, quiet=True)
        except Unavailable:
            return  # a `propose` is at work, and brings them; the next time that the task is opened they are there

    def _lengths(self, clips: Set[str]) -> dict[str, int]:
        table = self.workspace.read("clips")
        some = table.filter(_among(table["clip_id"], clips))
        return dict(zip(some["clip_id"].to_pylist(), some["n_frames"].to_pylist(), strict=True))


def _stretch(task: Mapping[str, Any]) -> Any:
    data = task.get("data")
    try:
        return stretch_of(data if isinstance(data, Mapping) else {})
    except (TypeError, ValueError) as error:
        raise BadInput(f"task {task.get('id')}: its data isn't what `annotate push` wrote ({error}).") from error


def _among(column: pa.ChunkedArray, clips: Set[str]) -> pa.ChunkedArray:
    return pc.is_in(column, value_set=pa.array(sorted(clips), pa.string()))
