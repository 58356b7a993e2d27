"""Whom to believe: what the annotations tell of each annotator.

Each figure is of the clips that the annotator judged, with an interval by bootstrap over them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from statistics import median

import numpy as np

from annotate.agree import matched_segments
from annotate.gold import read_gold
from annotate.intervals import Interval, Sums, f1, interval
from annotate.opinions import Opinion, Segment
from annotate.shown import shown_proposals
from annotate.stretches import read_judged
from manifests.parquet import write_text
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["Figure", "Profile", "Treatment", "annotators", "profiles"]


@dataclass(frozen=True)
class Figure:
    """A figure of one annotator and its 95 % interval over clips; both None where it is undefined."""

    value: float | None
    interval: Interval | None
    clips: int


@dataclass(frozen=True)
class Treatment:
    """What an annotator did with the proposals shown: `shown == kept + moved + relabelled + removed`.

    Attributes:
        kept: submitted as they were, boundaries and label.
        moved: with other boundaries, and the same label.
        relabelled: with another label.
        removed: not in the submission.
        wrong_shown: proposals on gold clips that match no known gesture of their label.
        wrong_kept: of these, those submitted with the label that was proposed.
    """

    shown: int = 0
    kept: int = 0
    moved: int = 0
    relabelled: int = 0
    removed: int = 0
    wrong_shown: int = 0
    wrong_kept: int = 0


@dataclass(frozen=True)
class Profile:
    """One annotator.

    Attributes:
        clips: judged, those called unusable among them.
        gestures: marked.
        seconds_per_clip: median time for a clip; None where the server noted none.
        seconds_per_second: working time for a second of video.
        agreement: F1, in place and label, with the other annotators of the same clips.
        gold: F1, in place and label, with what is known.
        drift: agreement in the later half of the clips less that in the earlier half; below 0, it gets worse.
        treatment: of proposals.
    """

    annotator_id: str
    clips: int
    gestures: int
    seconds_per_clip: float | None
    seconds_per_second: float | None
    agreement: Figure
    gold: Figure
    drift: Figure
    treatment: Treatment = field(default_factory=Treatment)


def annotators(workspace: Workspace, tiou: float = 0.5) -> list[Profile]:
    """A profile of each of the dataset's annotators, also written to `reports/annotators.json`.

    Raises:
        BadInput: nothing was annotated yet, or `gold.csv` has wrong rows.
    """
    judged = read_judged(workspace)
    fps = {row["clip_id"]: Fraction(row["fps_num"], row["fps_den"]) for row in rows_of(workspace.read("clips"))}
    found = profiles(
        judged.opinions,
        {key: float((one.end - one.start) / fps[one.clip_id]) for key, one in judged.stretches.items()},
        proposals=judged.proposals(shown_proposals(workspace)),
        gold=judged.gold(read_gold(workspace)),
        tiou=tiou,
    )
    text = json.dumps([asdict(profile) for profile in found], indent=1)
    write_text(workspace.root / "reports" / "annotators.json", text + "\n")
    return found


def profiles(
    opinions: Mapping[str, Sequence[Opinion]],
    seconds: Mapping[str, float],
    *,
    proposals: Mapping[str, Sequence[Row]] | None = None,
    gold: Mapping[str, Sequence[Segment]] | None = None,
    tiou: float = 0.5,
) -> list[Profile]:
    """A profile of each annotator, in order of their pseudonyms.

    Args:
        seconds: length of each clip.
        proposals: rows of the table that the annotators of each clip were shown.
        gold: the known gestures of clips.
        tiou: temporal IoU from which two segments are the same gesture.
    """
    proposals, gold = proposals or {}, gold or {}
    mine: dict[str, dict[str, Opinion]] = {}
    for clip, of_clip in sorted(opinions.items()):
        for opinion in of_clip:
            mine.setdefault(opinion.annotator_id, {})[clip] = opinion
    found = []
    for who, of_annotator in sorted(mine.items()):
        judged = {clip: o for clip, o in sorted(of_annotator.items(), key=_in_time) if o.verdict != "unusable"}
        meetings = {clip: _meetings(o, opinions[clip], tiou) for clip, o in judged.items()}
        with_others = np.array([sums for sums in meetings.values() if sums is not None]).reshape(-1, 2)
        known = np.array([_same(o.segments, gold[clip], tiou) for clip, o in judged.items() if clip in gold])
        times = {c: o.lead_time_s for c, o in of_annotator.items() if o.lead_time_s}
        found.append(
            Profile(
                annotator_id=who,
                clips=len(of_annotator),
                gestures=sum(len(o.segments) for o in of_annotator.values()),
                seconds_per_clip=median(times.values()) if times else None,
                seconds_per_second=sum(times.values()) / sum(seconds[c] for c in times) if times else None,
                agreement=_figure(with_others),
                gold=_figure(known.reshape(-1, 2)),
                drift=_drift(with_others),
                treatment=_treatment(judged, proposals, gold, tiou),
            )
        )
    return found


def _in_time(item: tuple[str, Opinion]) -> tuple[float, str]:
    clip, opinion = item
    return (opinion.created_at.timestamp() if opinion.created_at else 0.0, clip)


def _same(a: Sequence[Segment], b: Sequence[Segment], tiou: float) -> tuple[int, int]:
    """Pairs of the same place and label, and all that either marked."""
    return sum(x.label == y.label for x, y in matched_segments(a, b, tiou)), len(a) + len(b)


def _meetings(opinion: Opinion, of_clip: Sequence[Opinion], tiou: float) -> tuple[int, int] | None:
    others = [o for o in of_clip if o.annotator_id != opinion.annotator_id and o.verdict != "unusable"]
    if not others:
        return None
    met = [_same(opinion.segments, other.segments, tiou) for other in others]
    return sum(same for same, _ in met), sum(marked for _, marked in met)


def _figure(sums: Sums) -> Figure:
    value = f1(sums.sum(axis=0, keepdims=True))[0]
    return Figure(float(value) if np.isfinite(value) else None, interval(sums, f1), len(sums))


def _drift(sums: Sums) -> Figure:
    """Of sums in order of time."""
    later = np.arange(len(sums)) >= len(sums) / 2
    halves = np.hstack([sums * ~later[:, None], sums * later[:, None]])

    def change(totals: Sums) -> Sums:
        return f1(totals[:, 2:]) - f1(totals[:, :2])

    value = change(halves.sum(axis=0, keepdims=True))[0]
    return Figure(float(value) if np.isfinite(value) else None, interval(halves, change), len(sums))


def _treatment(
    judged: Mapping[str, Opinion],
    proposals: Mapping[str, Sequence[Row]],
    gold: Mapping[str, Sequence[Segment]],
    tiou: float,
) -> Treatment:
    counts: Counter[str] = Counter()
    for clip, opinion in judged.items():
        made_of = {s.from_proposal: s for s in opinion.segments if s.from_proposal}
        wrong = _wrong(proposals.get(clip, ()), gold[clip], tiou) if clip in gold else set()
        for row in proposals.get(clip, ()):
            became = made_of.get(row["proposal_id"])
            counts["shown"] += 1
            counts[_what_became(row, became)] += 1
            if row["proposal_id"] in wrong:
                counts["wrong_shown"] += 1
                counts["wrong_kept"] += became is not None and became.label == row["label"]
    return Treatment(**counts)


def _what_became(row: Row, segment: Segment | None) -> str:
    if segment is None:
        return "removed"
    if segment.label != row["label"]:
        return "relabelled"
    return "kept" if (segment.start, segment.end) == (row["start"], row["end"]) else "moved"


def _wrong(rows: Iterable[Row], known: Sequence[Segment], tiou: float) -> set[str]:
    found = set()
    for row in rows:
        same_label = [s for s in known if s.label == row["label"]]
        if not matched_segments([Segment(row["start"], row["end"], row["label"])], same_label, tiou):
            found.add(str(row["proposal_id"]))
    return found
