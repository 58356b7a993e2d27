"""Disputes go before an adjudicator: a Label Studio project of their own, whose decisions overrule the annotators.

A task shows what the annotators of a clip (or a window) were shown, with all that is in dispute there: each competing segment is
a region that names who marked it, beside the gestures that are agreed on. What the adjudicator leaves, moves or adds, and submits,
is what happens there. Run again, the command first takes what was decided, then sends what is newly in dispute.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from annotate.consensus import is_disputed, read_weighed
from annotate.crowd_design import kept_clips, read_design
from annotate.films import Showing, film_store
from annotate.label_studio import Answer, Region, to_result
from annotate.project import DEFAULT_TITLE, ensure_project, find_project
from annotate.pull import PullReport, TakeSubmission, pull
from annotate.push import shown_data, windows_of
from annotate.sending import PushReport, Sending
from annotate.server import Server, connected
from annotate.stretches import read_judged, read_rulings
from annotate.weigh import WeighedCandidate
from manifests.workspace import Workspace

__all__ = ["AdjudicateReport", "adjudicate", "competing", "title_of"]

_VERSION = "in dispute"
_TAKE = TakeSubmission(name="adjudicate", table="adjudications")


@dataclass(frozen=True)
class AdjudicateReport:
    """What was taken and what was sent.

    Attributes:
        pulled: decisions; None where nobody was asked before.
        pushed: tasks that wait for a decision, one a clip or window with disputes; None where there was never a dispute.
        disputes: places in dispute that they show.
        decided: stretches that are decided.
    """

    pulled: PullReport | None
    pushed: PushReport | None
    disputes: int
    decided: int

    @property
    def exit_code(self) -> int:
        return self.pulled.exit_code if self.pulled else 0


def title_of(project: str) -> str:
    """The title of the project in which the disputes of a project are decided."""
    return f"{project} disputes"


def adjudicate(
    workspace: Workspace,
    *,
    project: str = DEFAULT_TITLE,
    tiou: float = 0.5,
    server: Server | None = None,
    quiet: bool = False,
) -> AdjudicateReport:
    """Take what was decided, and put before the adjudicator what is in dispute and isn't decided.

    `mgcollect annotate consensus` then makes gestures of the decisions. A task that nobody has begun goes when its dispute goes.

    Args:
        project: title of the project whose annotations are judged; that of the disputes follows from it (`title_of`).
        tiou: temporal IoU from which two annotators' segments are the same gesture.

    Raises:
        BadInput: nothing was annotated yet, the title is too long, or two projects have it.
        Unavailable: the server can't be reached or refuses us.
    """
    title = title_of(project)
    with connected(server) as there:
        asked_before = find_project(there, title) is not None
        pulled = pull(workspace, project=title, server=there, stage=_TAKE, quiet=quiet) if asked_before else None
        judged = read_judged(workspace)
        rulings = read_rulings(workspace, judged)
        clips = kept_clips(workspace)
        films = windows_of(workspace, clips)
        open_ones = {
            key: found
            for key, found in read_weighed(workspace, judged, tiou).items()
            if key in films and key not in rulings and any(map(is_disputed, found))
        }
        report = None
        if open_ones or asked_before:
            with workspace.working("annotate-adjudicate"):
                made, is_new = ensure_project(there, title, 1)
                report = PushReport(
                    title, made.id, f"{there.url}/projects/{made.id}", is_new, len(clips), len(open_ones)
                )
                store, showing = (
                    film_store(read_design(workspace).films),
                    Showing(there, made.id, workspace.root, quiet),
                )
                data = shown_data(showing, store, {key: films[key] for key in open_ones}, clips)
                predictions = {key: {_VERSION: competing(found)} for key, found in open_ones.items()}
                Sending(there, report, predictions, {_VERSION}, set(clips), quiet).run(data)
    disputes = sum(is_disputed(one) for found in open_ones.values() for one in found)
    return AdjudicateReport(pulled, report, disputes, len(rulings))


def competing(found: Sequence[WeighedCandidate]) -> dict[str, Any]:
    """The prediction that an adjudicator starts from: what competes, named by who marked it, and what is agreed on.

    Args:
        found: the candidates of one stretch, some of them in dispute.
    """
    marked_by: dict[tuple[int, int, str], list[str]] = defaultdict(list)
    for one in found:
        if is_disputed(one):
            for mark in one.marks:
                marked_by[mark.segment.start, mark.segment.end, mark.segment.label].append(mark.annotator)
        elif one.is_gesture:
            marked_by[one.start, one.end, one.label].append("agreed")
    regions, who_of = [], {}
    for (start, end, label), who in sorted(marked_by.items()):
        # By its place and authors, so that the same dispute is the same region at the next run.
        region_id = f"{'+'.join(sorted(set(who)))}-{start}-{end}-{label}"
        who_of[region_id] = ", ".join(sorted(set(who)))
        regions.append(Region(region_id, start, end, label))
    result = to_result(Answer("gesture", tuple(regions)))
    for item in result:
        item["meta"] = {"text": [who_of[item["id"]]]}
    return {
        "model_version": _VERSION,
        "score": round(min(one.certainty for one in found if is_disputed(one)), 4),
        "result": result,
    }
