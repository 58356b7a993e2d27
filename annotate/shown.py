"""What the annotators of each stretch were shown, whatever is proposed later.

`propose` replaces a clip's proposals, and Label Studio keeps those of a task that somebody has begun. So a pull notes what stands
there, in the table `shown`; of what was annotated without such a note, the present proposals are taken.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from annotate.crowd_design import read_design
from manifests.tables import TABLES, Row, from_rows, rows_of, sorted_table
from manifests.workspace import Workspace

__all__ = ["note_shown", "shown_proposals"]


def note_shown(workspace: Workspace, rows: Iterable[Row]) -> None:
    """Note what stretches show, in place of what was noted of them before.

    Args:
        rows: of the table `shown`; a stretch that shows nothing has one without a proposal.
    """
    new = list(rows)
    anew = {row["stretch"] for row in new}
    before = workspace.read("shown", everything=True)
    kept = [row for row in rows_of(before) if row["stretch"] not in anew]
    now = sorted_table(TABLES["shown"], from_rows(TABLES["shown"], [*kept, *new]))
    if not now.equals(before):
        workspace.write("shown", now)


def shown_proposals(workspace: Workspace) -> dict[str, list[Row]]:
    """The proposals that annotators were shown: by stretch where that was noted, else by clip.

    Label Studio shows an annotator one prediction, so that of several models only one is seen: the one whose proposals annotators
    took up most.
    """
    design = read_design(workspace)
    noted, present = list(rows_of(workspace.read("shown"))), list(rows_of(workspace.read("proposals")))
    version = {row["proposal_id"]: row["model_version"] for row in (*present, *noted)}
    taken = Counter(
        version[id_] for id_ in workspace.read("annotations")["from_proposal"].to_pylist() if id_ in version
    )
    by_place: dict[str, list[Row]] = defaultdict(list)
    for row in noted:
        by_place[row["stretch"]] += [row] if row["proposal_id"] else []
    of_noted = {row["clip_id"] for row in noted}
    for row in present:
        if row["clip_id"] not in of_noted and design.shows_proposals(row["clip_id"]):
            by_place[row["clip_id"]].append(row)
    found = {}
    for place, rows in by_place.items():
        seen = max((row["model_version"] for row in rows), key=lambda name: (taken[name], name), default="")
        found[place] = [row for row in rows if row["model_version"] == seen]
    return found
