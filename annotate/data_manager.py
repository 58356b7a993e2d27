"""Label Studio's Data Manager: what a task is marked with, and the tabs that show and order tasks by such marks.

An annotator who presses "Label Tasks As Displayed" in a tab is given the tasks that it shows, in its order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tqdm import tqdm

from annotate.project import Task
from annotate.server import ONCE, Server, explained

__all__ = ["containing", "ensure_tab", "mark_tasks"]

_COLUMNS = "tasks:data."


def mark_tasks(
    server: Server,
    tasks: Iterable[Task],
    name: str,
    marks: Mapping[str, str],
    *,
    overlap: Mapping[str, int] | None = None,
    quiet: bool = False,
) -> int:
    """Give tasks a mark among their data; those that get none lose what they had. How many tasks changed.

    Args:
        tasks: of one project; those that we did not make are left alone.
        name: of the mark.
        marks: by the stretch that a task shows.
        overlap: after how many annotators the server takes such a task for done; unless given that stays.
    """
    changed = 0
    for task in tqdm(list(tasks), desc=name, unit="task", disable=quiet or None):
        if task.shows is None:
            continue
        wanted = marks.get(task.shows)
        seats = task.overlap if overlap is None else overlap.get(task.shows, task.overlap)
        if task.data.get(name) == wanted and task.overlap == seats:
            continue
        data = {key: value for key, value in task.data.items() if key != name}
        change: dict[str, Any] = {"data": data if wanted is None else {**data, name: wanted}}
        if task.overlap != seats:
            # The server doesn't ask itself again whether a task is done.
            done = sum(not skipped for skipped in task.seen_by.values()) >= seats
            change |= {"overlap": seats, "is_labeled": done}
        with explained(server.url):
            server.client.tasks.update(id=str(task.task_id), **change)
        changed += 1
    return changed


def containing(name: str, text: str) -> dict[str, Any]:
    """The filter that shows tasks whose mark contains a text."""
    item = {"filter": f"filter:{_COLUMNS}{name}", "operator": "contains", "type": "String", "value": text}
    return {"conjunction": "and", "items": [item]}


def ensure_tab(
    server: Server,
    project_id: int,
    title: str,
    *,
    order_by: str,
    filters: Mapping[str, Any] | None = None,
    hidden: Iterable[str] = (),
) -> int:
    """The number of the tab of this title, made if it isn't there, and put right if somebody changed it.

    Args:
        order_by: the mark whose order it shows.
        filters: what it shows; all unless given.
        hidden: parts of a task's data that it doesn't show.
    """
    wanted: dict[str, Any] = {"title": title, "ordering": [f"{_COLUMNS}{order_by}"], "type": "list", "target": "tasks"}
    if filters is not None:
        wanted["filters"] = dict(filters)
    if columns := [f"{_COLUMNS}{name}" for name in hidden]:
        wanted["hiddenColumns"] = {"explore": columns, "labeling": columns}
    with explained(server.url):
        for number, known in _tabs(server, project_id):
            if known.get("title") == title:
                if any(known.get(key) != value for key, value in wanted.items()):
                    server.client.views.update(id=str(number), data={**known, **wanted}, project=project_id)
                return number
        return int(server.client.views.create(project=project_id, data=wanted, request_options=ONCE).id)


def _tabs(server: Server, project_id: int) -> list[tuple[int, dict[str, Any]]]:
    return [(int(view.id), dict(view.data or {})) for view in server.client.views.list(project=project_id)]
