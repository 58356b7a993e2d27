"""Clips and proposals into Label Studio: one project, one task a clip, the proposals as predictions.

Run again it adds what is new. What stands on the server is looked up first, so a push that was killed, or whose server went
away, is finished by the next one and doubles nothing. A task that somebody has worked on is left as it is.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tqdm import tqdm

from annotate.crowd_design import CrowdDesign, read_design, write_design
from annotate.label_studio import prediction
from annotate.project import DEFAULT_TITLE, Task, ensure_project, serve_folder, tasks_of
from annotate.server import ONCE, Server, ServerAway, connected, explained
from manifests.errors import BadInput, Unavailable
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["PushReport", "push"]

_BATCH = 50
_ATTEMPTS = 5

Proposals = dict[str, list[Row]]  # of one clip, by model_version


@dataclass
class PushReport:
    """What a push found and did. `tasks == clips` once it ran to the end.

    Attributes:
        url: the project's page.
        clips: kept clips of the dataset.
        tasks: of them, those with a task on the server.
        tasks_added, predictions_added: by this push.
        predictions_replaced: proposals that had changed, on tasks that nobody had begun.
        touched: tasks that somebody has begun; they were left as they are.
        doubled_removed: second tasks for a clip, left by a push that was cut off; none of them was begun.
        proposals: in the predictions that now stand on the server.
        without_proposals: clips shown without them, by the design.
    """

    project: str
    project_id: int
    url: str
    project_made: bool
    clips: int = 0
    tasks: int = 0
    tasks_added: int = 0
    predictions_added: int = 0
    predictions_replaced: int = 0
    touched: int = 0
    doubled_removed: int = 0
    proposals: int = 0
    without_proposals: int = 0
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        return 0


def push(
    workspace: Workspace,
    *,
    project: str = DEFAULT_TITLE,
    design: CrowdDesign | None = None,
    server: Server | None = None,
    quiet: bool = False,
) -> PushReport:
    """Bring the Label Studio project up to date with the dataset's kept clips and their proposals.

    Args:
        project: its title; it is made if there is none.
        design: how many people see a clip, and which clips are shown without proposals; as in the last push unless
            given, and at first two and none.
        server: the environment's unless given.

    Raises:
        BadInput: there is no kept clip, a proposal doesn't fit its clip, two projects have the title, or the clips lie outside
            the folder that the server serves.
        Unavailable: the server can't be reached, refuses us, or stored something else than was sent.
    """
    started = time.monotonic()
    clips = {row["clip_id"]: row for row in rows_of(workspace.read("clips")) if row["kept"] and row["path"]}
    if not clips:
        raise BadInput(f"{workspace.root} has no kept clip yet. Run `mgcollect segment` first.")
    design = design or read_design(workspace)
    proposals, versions = _proposals(workspace, clips)
    predictions = {
        clip: {version: prediction(rows, clips[clip]["n_frames"]) for version, rows in of_clip.items()}
        for clip, of_clip in proposals.items()
    }  # all are checked before the first is sent
    without = {clip for clip in clips if not design.shows_proposals(clip)}
    with workspace.working("annotate-push"), connected(server) as there:
        made, is_new = ensure_project(there, project, design.per_task)
        report = PushReport(project, made.id, f"{there.url}/projects/{made.id}", is_new, clips=len(clips))
        root = serve_folder(there, made.id, workspace.root / "clips")
        data = {clip: _data(row, workspace, root) for clip, row in clips.items()}
        shown = {clip: of_clip for clip, of_clip in predictions.items() if clip not in without}
        # Before a task stands there: whoever reads annotations must know what was shown.
        write_design(workspace, replace(design, page=report.url))
        _Push(there, report, shown, versions, quiet).run(data)
        report.without_proposals = len(without)
    report.seconds = time.monotonic() - started
    return report


class _Push:
    """One push under way: what it wants to stand on the server, and how it gets there."""

    def __init__(
        self,
        server: Server,
        report: PushReport,
        predictions: dict[str, dict[str, Any]],
        versions: set[str],
        quiet: bool,
    ) -> None:
        self.server = server
        self.report = report
        self.predictions = predictions
        self.versions = versions
        self.quiet = quiet

    def run(self, data: dict[str, Row]) -> None:
        before = self._look()
        there = self._send_tasks(data, before)
        # Counted on the server: a batch may have arrived though its reply was lost.
        added = there.keys() - before.keys()
        self.report.tasks_added = len(added)
        self.report.predictions_added = sum(len(there[clip].predictions) for clip in added)
        for task in there.values():
            if not task.touched:
                self._mend_predictions(task)
        self._check(data)

    def _send_tasks(self, data: dict[str, Row], there: dict[str, Task]) -> dict[str, Task]:
        """Send a task for every clip that has none. After a broken batch, look what arrived before sending on."""
        with tqdm(total=len(data), desc="push", unit="task", disable=self.quiet or None) as progress:
            for attempt in range(1, _ATTEMPTS + 1):
                missing = [clip for clip in data if clip not in there]
                progress.n = len(data) - len(missing)
                try:
                    for batch in _batches(missing, _BATCH):
                        self._send(batch, data)
                        progress.update(len(batch))
                    break
                except ServerAway:
                    if attempt == _ATTEMPTS:
                        raise
                    time.sleep(2.0 ** (attempt - 1))
                    there = self._look()
        return self._look()

    def _send(self, clips: Sequence[str], data: dict[str, Row]) -> None:
        request = [{"data": data[clip], "predictions": list(self.predictions.get(clip, {}).values())} for clip in clips]
        sent = sum(len(task["predictions"]) for task in request)
        with explained(self.server.url):
            reply = self.server.client.projects.import_tasks(
                id=self.report.project_id, request=request, return_task_ids=True, request_options=ONCE
            )
        created = (reply.task_count, getattr(reply, "prediction_count", None))
        if created != (len(clips), sent):
            raise Unavailable(
                f"{len(clips)} tasks with {sent} predictions were sent, Label Studio says that it made {created[0]} with "
                f"{created[1]}. Look at its log."
            )

    def _look(self) -> dict[str, Task]:
        """The server's tasks by clip. Of two for one clip the second goes, unless somebody has begun it."""
        found: dict[str, list[Task]] = defaultdict(list)
        for task in tasks_of(self.server, self.report.project_id):
            if task.clip_id is not None:
                found[task.clip_id].append(task)
        kept = {}
        for clip, tasks in found.items():
            first, *others = sorted(tasks, key=lambda task: (not task.touched, task.task_id))
            for task in others:
                if task.touched:
                    raise BadInput(
                        f"Clip {clip} has two tasks that annotators worked on ({first.task_id} and {task.task_id} of "
                        f"{self.report.url}). Delete one of them in Label Studio."
                    )
                with explained(self.server.url):
                    self.server.client.tasks.delete(id=str(task.task_id))
                self.report.doubled_removed += 1
            kept[clip] = first
        return kept

    def _mend_predictions(self, task: Task) -> None:
        """Make an untouched task's predictions those of the dataset. Predictions of models that aren't ours stay."""
        assert task.clip_id is not None
        wanted = self.predictions.get(task.clip_id, {})
        for version in sorted(self.versions):
            new, old = wanted.get(version), task.predictions.get(version)
            if old is not None:
                if new is not None and old[1] == {item["id"] for item in new["result"]}:
                    continue
                with explained(self.server.url):
                    self.server.client.predictions.delete(id=old[0])
            if new is not None:
                with explained(self.server.url):
                    self.server.client.predictions.create(task=task.task_id, request_options=ONCE, **new)
                self.report.predictions_added += old is None
            self.report.predictions_replaced += old is not None

    def _check(self, data: dict[str, Row]) -> None:
        """Read back: each clip has its one task, and each untouched task its predictions."""
        there = self._look()
        if missing := data.keys() - there.keys():
            raise Unavailable(
                f"{len(missing)} of {len(data)} clips have no task after the push. Look at Label Studio's log."
            )
        for clip in data:
            task = there[clip]
            wanted = self.predictions.get(clip, {})
            found = {version: ids for version, (_, ids) in task.predictions.items() if version in self.versions}
            self.report.touched += task.touched
            self.report.proposals += sum(len(ids) for ids in found.values())
            if not task.touched and found != {
                version: {item["id"] for item in sent["result"]} for version, sent in wanted.items()
            }:
                raise Unavailable(
                    f"Task {task.task_id} of clip {clip} holds other predictions than were sent. Look at Label Studio's log."
                )
        self.report.tasks = len(data)


def _proposals(workspace: Workspace, clips: dict[str, Row]) -> tuple[dict[str, Proposals], set[str]]:
    """Proposals of the kept clips, by clip and model_version, and every version that ever proposed something."""
    found: dict[str, Proposals] = defaultdict(lambda: defaultdict(list))
    versions = set()
    for row in rows_of(workspace.read("proposals")):
        versions.add(row["model_version"])
        if row["clip_id"] in clips:
            found[row["clip_id"]][row["model_version"]].append(row)
    return found, versions


def _data(clip: Row, workspace: Workspace, root: Path) -> Row:
    """What a task holds of a clip; `fps` is the number that the labelling page counts frames by."""
    path = workspace.path_of(clip["path"])
    if not path.is_file():
        raise BadInput(f"{path}: the clip's file is gone. Run `mgcollect segment` again.")
    url = f"/data/local-files/?d={quote(path.relative_to(root).as_posix())}"
    fps = float(Fraction(clip["fps_num"], clip["fps_den"]))
    return {"video": url, "fps": fps, "clip_id": clip["clip_id"], "n_frames": clip["n_frames"]}


def _batches(clips: Sequence[str], size: int) -> Iterator[list[str]]:
    rest = iter(clips)
    while batch := list(islice(rest, size)):
        yield batch
