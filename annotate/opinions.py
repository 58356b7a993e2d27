"""What each annotator last said of what they were shown, read from the annotations table."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pyarrow as pa

from manifests.tables import Row, rows_of

__all__ = ["Opinion", "Segment", "Shown", "opinions_by_window"]

Shown = tuple[str, int | None, int | None]
"""A clip and the window of it, `[start, end)`, that a task shows; None where that is the whole clip."""


@dataclass(frozen=True)
class Segment:
    """A gesture as one annotator marked it: frames `[start, end)` with a label, and which proposal it was made of, if any."""

    start: int
    end: int
    label: str
    certainty: str | None = None
    description: str | None = None
    from_proposal: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Opinion:
    """One annotator's last submission for one task; no segments where the verdict is nothing or unusable.

    Attributes:
        lead_time_s: seconds that it took, where the server says so.
        task_id: on the server.
    """

    annotator_id: str
    verdict: Literal["gesture", "nothing", "unusable"]
    segments: tuple[Segment, ...] = ()
    created_at: datetime | None = field(default=None, compare=False)
    lead_time_s: float | None = field(default=None, compare=False)
    task_id: str = field(default="", compare=False)


def opinions_by_window(annotations: pa.Table) -> dict[Shown, list[Opinion]]:
    """The opinions on each clip or window, annotators in order; frames are the clip's.

    Of an annotator's several submissions for the same window the last one counts.
    """
    submissions: dict[tuple[Shown, str], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows_of(annotations):
        shown = (row["clip_id"], row["window_start"], row["window_end"])
        submissions[shown, row["annotator_id"]][row["submission_id"]].append(row)
    found: dict[Shown, list[Opinion]] = defaultdict(list)
    for (shown, annotator), by_id in sorted(submissions.items(), key=_in_order):
        rows = max(by_id.values(), key=lambda rows: (rows[0]["created_at"], rows[0]["submission_id"]))
        found[shown].append(_opinion(annotator, rows))
    return dict(found)


def _in_order(item: tuple[tuple[Shown, str], object]) -> tuple[str, int, int, str]:
    ((clip, start, end), annotator), _ = item
    return clip, start or 0, end or 0, annotator


def _opinion(annotator: str, rows: list[Row]) -> Opinion:
    verdict = rows[0]["verdict"]
    segments = [_segment(row) for row in rows if verdict == "gesture"]
    return Opinion(
        annotator,
        verdict,
        tuple(sorted(segments, key=lambda s: (s.start, s.end, s.label))),
        created_at=rows[0]["created_at"],
        lead_time_s=rows[0]["lead_time_s"],
        task_id=rows[0]["task_id"],
    )


def _segment(row: Row) -> Segment:
    return Segment(
        row["start"], row["end"], row["label"], row["certainty"], row["description"], from_proposal=row["from_proposal"]
    )
