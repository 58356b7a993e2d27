"""What each annotator last said of each clip, read from the annotations table."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import pyarrow as pa

from manifests.tables import Row, rows_of

__all__ = ["Opinion", "Segment", "opinions_by_clip"]


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
    """One annotator's last submission for one clip; no segments where the verdict is nothing or unusable.

    Attributes:
        lead_time_s: seconds that it took, where the server says so.
    """

    annotator_id: str
    verdict: Literal["gesture", "nothing", "unusable"]
    segments: tuple[Segment, ...] = ()
    created_at: datetime | None = field(default=None, compare=False)
    lead_time_s: float | None = field(default=None, compare=False)


def opinions_by_clip(annotations: pa.Table) -> dict[str, list[Opinion]]:
    """The opinions on each clip, annotators in order. Of an annotator's several submissions for a clip the last one counts."""
    submissions: dict[tuple[str, str], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows_of(annotations):
        submissions[row["clip_id"], row["annotator_id"]][row["submission_id"]].append(row)
    found: dict[str, list[Opinion]] = defaultdict(list)
    for (clip, annotator), by_id in sorted(submissions.items()):
        rows = max(by_id.values(), key=lambda rows: (rows[0]["created_at"], rows[0]["submission_id"]))
        found[clip].append(_opinion(annotator, rows))
    return dict(found)


def _opinion(annotator: str, rows: list[Row]) -> Opinion:
    verdict = rows[0]["verdict"]
    segments = [_segment(row) for row in rows if verdict == "gesture"]
    return Opinion(
        annotator,
        verdict,
        tuple(sorted(segments, key=lambda s: (s.start, s.end, s.label))),
        created_at=rows[0]["created_at"],
        lead_time_s=rows[0]["lead_time_s"],
    )


def _segment(row: Row) -> Segment:
    return Segment(
        row["start"], row["end"], row["label"], row["certainty"], row["description"], from_proposal=row["from_proposal"]
    )
