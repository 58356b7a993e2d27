"""Scripted annotators: programs that stand in for people, so that the demo and the tests can run without any.

They work through a project's tasks as people do, each with its own token: they accept proposals, move, relabel and reject
them, add a gesture that was missed, or say that there is nothing. What they do follows from a seed. They have not seen the
video, so nothing they mark is a finding about anybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from annotate.label_studio import Answer, Region, from_result, to_result
from annotate.project import DEFAULT_TITLE, open_project
from annotate.server import ONCE, Server, explained
from manifests.ids import digest
from manifests.taxonomy import CLASSES, LABELS, by_label

__all__ = ["SCRIPTED", "Habits", "ScriptedReport", "annotate_by_script", "decide"]


@dataclass(frozen=True)
class Habits:
    """How a scripted annotator treats proposals; what is left of the shares is accepted as it is.

    Attributes:
        reject, relabel, move: shares of the proposals.
        shift: how far a moved boundary goes at most, as a share of the gesture's length.
        add: share of the clips in which a gesture is added.
        unsure: share of the gestures called unsure.
    """

    reject: float
    relabel: float
    move: float
    shift: float
    add: float
    unsure: float


SCRIPTED = {
    "annotator-1": Habits(reject=0.10, relabel=0.05, move=0.35, shift=0.15, add=0.25, unsure=0.15),
    "annotator-2": Habits(reject=0.20, relabel=0.15, move=0.25, shift=0.25, add=0.10, unsure=0.30),
}


@dataclass
class ScriptedReport:
    """What a scripted annotator did. `tasks == done_now + done_before`."""

    name: str
    tasks: int = 0
    done_now: int = 0
    done_before: int = 0
    actions: Counter[str] = field(default_factory=Counter)


def annotate_by_script(
    server: Server, name: str, *, project: str = DEFAULT_TITLE, habits: Habits | None = None, seed: int = 0
) -> ScriptedReport:
    """Let one scripted annotator do every task of a project that it hasn't done yet.

    Args:
        server: entered with the annotator's own token.
        name: of the annotator; with the seed and the clip it decides what is done.
        habits: those of `SCRIPTED[name]` unless given.

    Raises:
        BadInput: there is no such project.
        Unavailable: the server can't be reached or refuses.
    """
    habits = habits or SCRIPTED[name]
    found = open_project(server, project)
    with explained(server.url):
        server.client.users.update(id=server.user_id, first_name="Scripted", last_name=name)
        tasks = [task.model_dump() for task in server.client.tasks.list(project=found.id, page_size=200, fields="all")]
    report = ScriptedReport(name, tasks=len(tasks))
    for task in sorted(tasks, key=lambda task: int(task["id"])):
        if any(annotation["completed_by"] == server.user_id for annotation in task["annotations"]):
            report.done_before += 1
            continue
        clip, n_frames = task["data"]["clip_id"], task["data"]["n_frames"]
        shown = max(task["predictions"], key=lambda prediction: int(prediction["id"]), default=None)
        proposals = from_result(shown["result"], n_frames).regions if shown else ()
        answer, actions = decide(name, clip, n_frames, proposals, habits, seed)
        with explained(server.url):
            server.client.annotations.create(
                id=int(task["id"]),
                result=to_result(answer),
                parent_prediction=shown["id"] if shown else None,
                request_options=ONCE,
            )
        report.done_now += 1
        report.actions += actions
    return report


def decide(
    name: str, clip: str, n_frames: int, proposals: Sequence[Region], habits: Habits, seed: int = 0
) -> tuple[Answer, Counter[str]]:
    """What a scripted annotator says of a clip, and how often it did what. The same arguments give the same answer."""
    rng = np.random.default_rng(int(digest("scripted", seed, name, clip), 16))
    kept: list[Region] = []
    actions: Counter[str] = Counter()
    for proposal in proposals:
        action = str(rng.choice(["reject", "relabel", "move", "accept"], p=_shares(habits)))
        actions[action] += 1
        if action == "reject":
            continue
        region = replace(proposal, score=None, certainty="unsure" if rng.random() < habits.unsure else "sure")
        if action == "relabel":
            region = replace(region, label=_neighbour(region.label, rng))
        elif action == "move":
            region = _moved(region, n_frames, habits.shift, rng)
        kept.append(region)
    if rng.random() < habits.add:
        actions["add"] += 1
        kept.append(_added(name, clip, n_frames, rng))
    if not kept:
        actions["nothing"] += 1
    return Answer("gesture" if kept else "nothing", tuple(kept)), actions


def _shares(habits: Habits) -> list[float]:
    return [habits.reject, habits.relabel, habits.move, 1 - habits.reject - habits.relabel - habits.move]


def _neighbour(label: str, rng: np.random.Generator) -> str:
    """Another class of the same body part, as a person would confuse it; any other where there is none."""
    part = by_label(label).body_part
    others = [c.label for c in CLASSES if c.body_part == part and c.label != label]
    return str(rng.choice(others or [other for other in LABELS if other != label]))


def _moved(region: Region, n_frames: int, shift: float, rng: np.random.Generator) -> Region:
    reach = max(1, round(shift * (region.end - region.start)))
    by = rng.integers(-reach, reach, size=2, endpoint=True)
    start = int(np.clip(region.start + by[0], 0, n_frames - 1))
    end = int(np.clip(region.end + by[1], start + 1, n_frames))
    return replace(region, start=start, end=end)


def _added(name: str, clip: str, n_frames: int, rng: np.random.Generator) -> Region:
    length = max(1, round(n_frames * rng.uniform(0.1, 0.3)))
    start = int(rng.integers(0, n_frames - length, endpoint=True))
    return Region(f"added-{digest(name, clip)}", start, start + length, str(rng.choice(LABELS)), certainty="unsure")
