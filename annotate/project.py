"""The one Label Studio project of a dataset: found by its title, made if it isn't there, and the tasks that stand in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from annotate.guide import guide
from annotate.labelling_config import labelling_config
from annotate.server import ONCE, Server, explained
from annotate.stretches import Stretch
from manifests.errors import BadInput

__all__ = [
    "DEFAULT_TITLE",
    "Task",
    "ensure_project",
    "find_project",
    "open_project",
    "pseudonym",
    "stretch_of",
    "task_data",
    "tasks_of",
]

DEFAULT_TITLE = "mgcollect"

_INSTRUCTION = (
    "Watch the clip at half speed. Where you see a gesture of the list, choose its class and draw it on the timeline, from its "
    "first to its last frame. Proposals of a model may stand there already: move, relabel or delete them as you see fit. "
    "Say for each gesture whether you are sure. If there is none, choose “Nothing here”."
)
_PAGE = 200


@dataclass(frozen=True)
class Task:
    """A task on the server.

    Attributes:
        shows: the key of the stretch that it shows (`annotate.stretches.Stretch`); None for a task that we did not make.
        clip_id: of that stretch.
        touched: somebody has submitted, skipped or begun it.
        seen_by: pseudonyms of those who have submitted or begun it, each with whether they skipped it.
        overlap: how many the server waits for.
        predictions: by model_version: the prediction's id and its regions' ids.
        data: all that it holds, ours and what others put there.
    """

    task_id: int
    shows: str | None
    clip_id: str | None
    touched: bool
    predictions: dict[str, tuple[int, frozenset[str]]] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    seen_by: Mapping[str, bool] = field(default_factory=dict)
    overlap: int = 1


def find_project(server: Server, title: str) -> Any | None:
    """The project of this title, or None.

    Raises:
        BadInput: two projects have it.
        Unavailable: the server fails us.
    """
    with explained(server.url):
        found = [project for project in server.client.projects.list(title=title) if project.title == title]
    if len(found) > 1:
        ids = " and ".join(str(project.id) for project in found)
        raise BadInput(
            f"Label Studio at {server.url} has {len(found)} projects called {title!r} (numbers {ids}). "
            "Rename or delete all but one, or choose another with --project."
        )
    return found[0] if found else None


def open_project(server: Server, title: str) -> Any:
    """The project of this title.

    Raises:
        BadInput: there is none, or there are two.
    """
    project = find_project(server, title)
    if project is None:
        raise BadInput(
            f"Label Studio at {server.url} has no project called {title!r}. Make it with `mgcollect annotate push`, "
            "or name another with --project."
        )
    return project


def ensure_project(server: Server, title: str, annotators_per_task: int) -> tuple[Any, bool]:
    """The project of this title, made or brought up to date, and whether it was made just now.

    Raises:
        BadInput: two projects have the title, or it is too short or long for Label Studio.
    """
    if not 3 <= len(title) <= 50:
        raise BadInput(f"Label Studio takes project titles of 3 to 50 letters; {title!r} has {len(title)}.")
    wanted: dict[str, Any] = {
        "label_config": labelling_config(),
        "maximum_annotations": annotators_per_task,
        "expert_instruction": guide(_INSTRUCTION),
        "show_instruction": True,
        "show_collab_predictions": True,  # an annotator starts from the proposals
    }
    project = find_project(server, title)
    with explained(server.url):
        if project is None:
            return server.client.projects.create(title=title, request_options=ONCE, **wanted), True
        if any(getattr(project, name) != value for name, value in wanted.items()):
            project = server.client.projects.update(id=project.id, **wanted)
    return project, False


def tasks_of(server: Server, project_id: int) -> list[Task]:
    """Every task of a project, in the order in which they were made."""
    with explained(server.url):
        pager = server.client.tasks.list(project=project_id, page_size=_PAGE, fields="all")
        tasks = [_task(task.model_dump()) for task in pager]
    return sorted(tasks, key=lambda task: task.task_id)


def _task(task: dict[str, Any]) -> Task:
    predictions = {
        str(prediction["model_version"]): (
            int(prediction["id"]),
            frozenset(str(item.get("id")) for item in prediction["result"] or ()),
        )
        for prediction in task["predictions"] or ()
    }
    touched = bool(task["annotations"] or task["drafts"] or task["cancelled_annotations"])
    seen_by = {pseudonym(one["user"]): False for one in task["drafts"] or ()}
    seen_by |= {pseudonym(one["completed_by"]): bool(one["was_cancelled"]) for one in task["annotations"] or ()}
    data = dict(task["data"] or {})
    shown = stretch_of(data)
    return Task(
        int(task["id"]),
        shown.key if shown else None,
        shown.clip_id if shown else None,
        touched,
        predictions,
        data,
        seen_by,
        int(task["overlap"] or 1),
    )


def pseudonym(user: int) -> str:
    """What an annotator is called outside of the server: by their number there, such as A02."""
    return f"A{user:02d}"


def stretch_of(data: Mapping[str, Any]) -> Stretch | None:
    """What a task shows, by its data; None for a task that we did not make. The other way round is `task_data`."""
    if data.get("clip_id") is None:
        return None
    start, length = int(data.get("start", 0)), int(data.get("n_frames", 0))
    return Stretch(str(data["clip_id"]), start, start + length, whole="start" not in data)


def task_data(shown: Stretch, url: str, fps: float) -> dict[str, Any]:
    """What a task holds: its film's address, the rate that the page counts frames by, and what it shows."""
    data = {"video": url, "fps": fps, "clip_id": shown.clip_id, "n_frames": shown.end - shown.start}
    return data if shown.whole else {**data, "start": shown.start}
