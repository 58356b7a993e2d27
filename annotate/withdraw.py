"""Take clips out of Label Studio: their tasks, with all proposals, annotations and drafts on them."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from annotate.server import Server, explained
from manifests.errors import Unavailable

__all__ = ["Withdrawn", "withdraw"]

_PAGE = 200


@dataclass(frozen=True)
class Withdrawn:
    """What was taken out.

    Attributes:
        tasks: how many tasks.
        projects: titles of the projects that had them.
    """

    tasks: int
    projects: tuple[str, ...]


def withdraw(server: Server, clips: Set[str], videos: Set[str]) -> Withdrawn:
    """Delete every task of these clips, and of clips of these videos, in every project that the token's owner sees.

    Ids are the same on every machine, so a task of another project that shows the same recording goes too, as it should. What
    else the server keeps (its log, its database's free pages, backups) is out of reach from here.

    Raises:
        Unavailable: the server fails us, or a task still stands there afterwards.
    """
    found = _tasks(server, clips, videos)
    for task, _ in found:
        with explained(server.url):
            server.client.tasks.delete(id=str(task))
    if left := _tasks(server, clips, videos):
        raise Unavailable(
            f"{len(left)} tasks still stand in Label Studio at {server.url}, such as {left[0][0]} of {left[0][1]!r}, "
            "though their deletion was accepted. Delete them there by hand."
        )
    return Withdrawn(len(found), tuple(sorted({title for _, title in found})))


def _tasks(server: Server, clips: Set[str], videos: Set[str]) -> list[tuple[int, str]]:
    found = []
    with explained(server.url):
        for project in server.client.projects.list():
            for task in server.client.tasks.list(project=project.id, page_size=_PAGE):
                if _shows(task.data or {}, clips, videos):
                    found.append((int(task.id), str(project.title)))
    return found


def _shows(data: dict[str, Any], clips: Set[str], videos: Set[str]) -> bool:
    """Whether a task's data is of one of the clips, or names a file in the folder of one of the videos."""
    folders = re.split(r"[/?=&]", str(data.get("video", "")))
    return data.get("clip_id") in clips or not videos.isdisjoint(folders)
