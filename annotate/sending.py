"""Tasks and their predictions onto the server, so that a run which was cut off is finished by the next one and doubles nothing.

What stands there is looked up first. A task that somebody has worked on is left as it is.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from tqdm import tqdm

from annotate.project import Task, tasks_of
from annotate.server import ONCE, Server, ServerAway, explained
from manifests.errors import BadInput, Unavailable
from manifests.tables import Row

__all__ = ["PushReport", "Sending"]

_BATCH = 50
_ATTEMPTS = 5


@dataclass
class PushReport:
    """What a push found and did. `tasks == wanted` once it ran to the end.

    Attributes:
        url: the project's page.
        clips: kept clips of the dataset.
        wanted: windows of these clips, one where a clip is shown whole.
        failures: (clip, kind, message) of those that could not be cut into windows; they have no task.
        tasks: windows with a task on the server.
        tasks_added, predictions_added: by this push.
        predictions_replaced: proposals that had changed, on tasks that nobody had begun.
        touched: tasks that somebody has begun; they were left as they are.
        doubled_removed: second tasks for a window, left by a push that was cut off; none of them was begun.
        outdated_removed: tasks of windows as they were before their length was changed; none of them was begun.
        proposals: in the predictions that now stand on the server.
        without_proposals: tasks shown without them, by the design.
    """

    project: str
    project_id: int
    url: str
    project_made: bool
    clips: int = 0
    wanted: int = 0
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    tasks: int = 0
    tasks_added: int = 0
    predictions_added: int = 0
    predictions_replaced: int = 0
    touched: int = 0
    doubled_removed: int = 0
    outdated_removed: int = 0
    proposals: int = 0
    without_proposals: int = 0
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        return 1 if self.failures else 0


class Sending:
    """One push under way: what it wants to stand on the server, and how it gets there.

    Args:
        report: of the project; what is done is counted in it.
        predictions: by the stretch that a task shows, and by model_version.
        versions: all model_versions of ours; predictions of others are left alone.
        clips: whose tasks are ours; those that show other stretches than are wanted are removed, unless begun.
    """

    def __init__(
        self,
        server: Server,
        report: PushReport,
        predictions: dict[str, dict[str, Any]],
        versions: set[str],
        clips: set[str],
        quiet: bool,
    ) -> None:
        self.server = server
        self.report = report
        self.predictions = predictions
        self.versions = versions
        self.clips = clips
        self.quiet = quiet

    def run(self, data: dict[str, Row]) -> None:
        """Make the tasks stand there that show these stretches, given by the stretch's key.

        Raises:
            ServerAway: it went away, and didn't come back.
            Unavailable: it stored something else than was sent.
            BadInput: two tasks for one stretch, both of which were worked on.
        """
        self._remove_outdated(data)
        before = self._look()
        there = self._send_tasks(data, before)
        # Counted on the server: a batch may have arrived though its reply was lost.
        added = there.keys() - before.keys()
        self.report.tasks_added = len(added)
        self.report.predictions_added = sum(len(there[key].predictions) for key in added)
        for task in there.values():
            if not task.touched:
                self._mend_predictions(task)
        self._check(data)

    def _send_tasks(self, data: dict[str, Row], there: dict[str, Task]) -> dict[str, Task]:
        """Send a task for every window that has none. After a broken batch, look what arrived before sending on."""
        with tqdm(total=len(data), desc="push", unit="task", disable=self.quiet or None) as progress:
            for attempt in range(1, _ATTEMPTS + 1):
                missing = [key for key in data if key not in there]
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

    def _send(self, keys: Sequence[str], data: dict[str, Row]) -> None:
        request = [{"data": data[key], "predictions": list(self.predictions.get(key, {}).values())} for key in keys]
        sent = sum(len(task["predictions"]) for task in request)
        with explained(self.server.url):
            reply = self.server.client.projects.import_tasks(
                id=self.report.project_id, request=request, return_task_ids=True, request_options=ONCE
            )
        created = (reply.task_count, getattr(reply, "prediction_count", None))
        if created != (len(keys), sent):
            raise Unavailable(
                f"{len(keys)} tasks with {sent} predictions were sent, Label Studio says that it made {created[0]} with "
                f"{created[1]}. Look at its log."
            )

    def _look(self) -> dict[str, Task]:
        """The server's tasks by what they show. Of two for one window the second goes, unless somebody has begun it."""
        found: dict[str, list[Task]] = defaultdict(list)
        for task in tasks_of(self.server, self.report.project_id):
            if task.shows is not None:
                found[task.shows].append(task)
        kept = {}
        for key, tasks in found.items():
            first, *others = sorted(tasks, key=lambda task: (not task.touched, task.task_id))
            for task in others:
                if task.touched:
                    raise BadInput(
                        f"Clip {key} has two tasks that annotators worked on ({first.task_id} and {task.task_id} of "
                        f"{self.report.url}). Delete one of them in Label Studio."
                    )
                self._delete(task)
                self.report.doubled_removed += 1
            kept[key] = first
        return kept

    def _remove_outdated(self, data: dict[str, Row]) -> None:
        """Remove tasks of our clips that show other windows than are wanted now, unless somebody has begun them."""
        for task in tasks_of(self.server, self.report.project_id):
            if task.clip_id in self.clips and task.shows not in data and not task.touched:
                self._delete(task)
                self.report.outdated_removed += 1

    def _delete(self, task: Task) -> None:
        with explained(self.server.url):
            self.server.client.tasks.delete(id=str(task.task_id))

    def _mend_predictions(self, task: Task) -> None:
        """Make an untouched task's predictions those of the dataset. Predictions of models that aren't ours stay."""
        assert task.shows is not None
        wanted = self.predictions.get(task.shows, {})
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
        """Read back: each window has its one task, and each untouched task its predictions."""
        there = self._look()
        if missing := data.keys() - there.keys():
            raise Unavailable(
                f"{len(missing)} of {len(data)} windows have no task after the push. Look at Label Studio's log."
            )
        for key in data:
            task = there[key]
            wanted = self.predictions.get(key, {})
            found = {version: ids for version, (_, ids) in task.predictions.items() if version in self.versions}
            self.report.touched += task.touched
            self.report.proposals += sum(len(ids) for ids in found.values())
            if not task.touched and found != {
                version: {item["id"] for item in sent["result"]} for version, sent in wanted.items()
            }:
                raise Unavailable(
                    f"Task {task.task_id} of clip {key} holds other predictions than were sent. Look at Label Studio's log."
                )
        self.report.tasks = len(data)


def _batches(keys: Sequence[str], size: int) -> Iterator[list[str]]:
    rest = iter(keys)
    while batch := list(islice(rest, size)):
        yield batch
