"""Annotations out of Label Studio: every submission of every annotator, or the reason why it can't be taken.

A submission is an item of the ledger's stage "pull": ok with its rows, skipped where it was cancelled or is a draft, failed
where it says something that can't be (a gesture outside the clip, an unknown class). What is wrong is mended in Label Studio,
and the next pull takes it; what was withdrawn there goes here too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from annotate.label_studio import from_result
from annotate.project import DEFAULT_TITLE, open_project, pseudonym, stretch_of
from annotate.server import Server, connected, explained
from annotate.shown import note_shown
from annotate.stretches import Stretch
from collector.engine import Retry, StageReport, run_stage
from manifests.errors import ItemFailed, ItemSkipped
from manifests.ids import annotation_id, digest
from manifests.provenance import made_by
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["PullReport", "TakeSubmission", "pull"]

_SERVER = "label-studio"  # a submission's own id is a UUID, so it needs no server's name


@dataclass
class PullReport:
    """What the annotations table holds after a pull. `submissions == taken + failed + skipped`.

    Attributes:
        submissions: on the server, drafts included.
        taken: submissions with rows in the table.
        gestures, nothing, unusable: rows by verdict.
        skipped: cancelled submissions and drafts.
        annotators: by pseudonym, how many submissions were taken.
        failures: (submission, kind, message) of what could not be taken.
    """

    project: str
    submissions: int = 0
    taken: int = 0
    failed: int = 0
    skipped: int = 0
    new: int = 0
    gestures: int = 0
    nothing: int = 0
    unusable: int = 0
    annotators: dict[str, int] = field(default_factory=dict)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        return 1 if self.failed else 0


@dataclass(frozen=True)
class TakeSubmission:
    """Stage: one submission in, its rows out: one a gesture, or one that says that there is none."""

    name: str = "pull"
    table: str = "annotations"

    def key(self, item: Row) -> str:
        return f"{item['project']}/{item['submission_id']}"

    def fingerprint(self, item: Row) -> str:
        return digest({name: value for name, value in item.items() if name != "page"})  # the server may move

    def setup(self) -> None:
        pass

    def process(self, item: Row) -> Iterable[Row]:
        if item["state"] != "submitted":
            raise ItemSkipped(item["state"])
        where = f"{item['page']}, submission of {item['annotator_id']}"
        if item["n_frames"] is None:
            raise ItemFailed(f"{where}: the dataset has no clip {item['clip_id']!r}", kind="unknown_clip")
        start, end = item["window"] or (0, item["n_frames"])
        if not 0 <= start < end <= item["n_frames"]:
            raise ItemFailed(
                f"{where}: its task shows frames [{start}, {end}) of a clip of {item['n_frames']}", kind="outside_clip"
            )
        try:
            answer = from_result(item["result"], end - start)
        except ItemFailed as error:
            raise ItemFailed(f"{where}: {error}. Correct it there and pull again.", kind=error.kind) from error
        if answer.verdict != "gesture":
            return [_row(item, answer.verdict, region_id=answer.verdict)]
        return [
            _row(
                item,
                "gesture",
                region_id=region.region_id,
                start=start + region.start,
                end=start + region.end,
                label=region.label,
                certainty=region.certainty,
                description=region.description,
                from_proposal=region.region_id if region.region_id in item["proposed"] else None,
            )
            for region in answer.regions
        ]


def pull(
    workspace: Workspace,
    *,
    project: str = DEFAULT_TITLE,
    server: Server | None = None,
    stage: TakeSubmission | None = None,
    retry: Retry | None = None,
    quiet: bool = False,
) -> PullReport:
    """Bring the annotations table up to date with a Label Studio project.

    Args:
        project: its title.
        server: the environment's unless given.
        stage: whose table it is that is brought up to date, where that is another than annotations.

    Annotators stand in it as A01, A02, …: their number on the server. Neither name nor e-mail leaves it.

    Raises:
        BadInput: there is no project of this title, or there are two.
        Unavailable: the server can't be reached or refuses us.
    """
    stage = stage or TakeSubmission()
    with connected(server) as there:
        submissions, shown = _submissions(there, open_project(there, project), workspace)
    if stage.table == "annotations":
        note_shown(workspace, shown)
    # Other projects' submissions stay; of this one's, those that are gone from the server go.
    mine = {key for key in workspace.ledger.entries(stage.name) if key.startswith(f"{project}/")}
    workspace.ledger.retire(stage.name, mine - {stage.key(item) for item in submissions})
    done = run_stage(stage, submissions, workspace, workers=0, retry=retry, retire=False, quiet=quiet)
    return _report(project, done, submissions, workspace.read(stage.table))


def _report(project: str, done: StageReport, submissions: list[Row], said: pa.Table) -> PullReport:
    report = PullReport(
        project=project,
        submissions=done.total,
        taken=done.ok,
        failed=done.failed,
        skipped=done.skipped,
        new=done.done_now,
        failures=done.failures,
        seconds=done.seconds,
    )
    ours = {item["submission_id"] for item in submissions}
    taken: dict[str, set[str]] = defaultdict(set)
    for row in rows_of(said):
        if row["submission_id"] in ours:
            report.gestures += row["verdict"] == "gesture"
            report.nothing += row["verdict"] == "nothing"
            report.unusable += row["verdict"] == "unusable"
            taken[row["annotator_id"]].add(row["submission_id"])
    report.annotators = {who: len(taken[who]) for who in sorted(taken)}
    return report


def _submissions(server: Server, project: Any, workspace: Workspace) -> tuple[list[Row], list[Row]]:
    """Every submission, and what the tasks that have one show."""
    with explained(server.url):
        tasks = server.client.projects.exports.as_json(project.id)
        predictions = server.client.predictions.list(project=project.id)
    of_tasks: dict[int, list[Any]] = defaultdict(list)
    for prediction in predictions:
        of_tasks[int(prediction.task)].append(prediction)
    clips = workspace.read("clips")
    n_frames = dict(zip(clips["clip_id"].to_pylist(), clips["n_frames"].to_pylist(), strict=True))
    found, seen = [], []
    for task in tasks:
        shown = stretch_of(task["data"])
        proposed = set().union(*(_ids(prediction.result) for prediction in of_tasks[task["id"]]))
        if shown is not None and task["annotations"]:
            seen += _shown(shown, of_tasks[task["id"]])
        of_task = {
            "project": project.title,
            "page": f"{server.url}/projects/{project.id}/data?task={task['id']}",
            "task_id": str(task["id"]),
            "clip_id": shown.clip_id if shown else "None",
            "n_frames": n_frames.get(shown.clip_id) if shown else None,
            "window": None if shown is None or shown.whole else (shown.start, shown.end),
        }
        for annotation in task["annotations"]:
            ids = proposed | _ids((annotation.get("prediction") or {}).get("result"))
            found.append({**of_task, **_submission(annotation, ids)})
        found += [{**of_task, "submission_id": f"draft-{draft['id']}", "state": "draft"} for draft in task["drafts"]]
    return found, seen


def _shown(at: Stretch, predictions: Iterable[Any]) -> list[Row]:
    """Rows of the table `shown` for one task. What isn't in our words was not proposed by us, and is left out."""
    nothing = dict.fromkeys(("proposal_id", "start", "end", "label", "model_version"))
    rows: dict[str, Row] = {}
    for prediction in predictions:
        try:
            regions = from_result(prediction.result or [], at.end - at.start).regions
        except ItemFailed:
            continue
        for region in regions:
            where = {"start": at.start + region.start, "end": at.start + region.end, "label": region.label}
            rows[region.region_id] = {
                "proposal_id": region.region_id,
                **where,
                "model_version": prediction.model_version,
            }
    place = {"stretch": at.key, "clip_id": at.clip_id}
    return [{**place, **row} for row in rows.values()] or [{**place, **nothing}]


def _submission(annotation: dict[str, Any], proposed: set[str]) -> Row:
    result = annotation["result"] or []
    return {
        "submission_id": annotation["unique_id"],
        "state": "cancelled" if annotation["was_cancelled"] else "submitted",
        "annotator_id": pseudonym(annotation["completed_by"]),
        "result": result,
        "lead_time_s": annotation["lead_time"],
        "created_at": annotation["created_at"],
        "proposed": sorted(proposed & _ids(result)),
    }


def _row(item: Row, verdict: str, region_id: str, **columns: Any) -> Row:
    nothing_said = dict.fromkeys(("start", "end", "label", "certainty", "description", "from_proposal"))
    return {
        **nothing_said,
        **columns,
        "annotation_id": annotation_id(_SERVER, item["submission_id"], region_id),
        "submission_id": item["submission_id"],
        "clip_id": item["clip_id"],
        "window_start": item["window"] and item["window"][0],
        "window_end": item["window"] and item["window"][1],
        "annotator_id": item["annotator_id"],
        "verdict": verdict,
        "task_id": item["task_id"],
        "lead_time_s": item["lead_time_s"],
        "created_at": datetime.fromisoformat(item["created_at"]),
        "made_by": made_by("label-studio"),
    }


def _ids(result: Any) -> set[str]:
    return {str(item["id"]) for item in result or () if isinstance(item, dict) and "id" in item}
