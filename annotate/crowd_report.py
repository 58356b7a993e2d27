"""What the person who runs a crowd wants to know: how far it is, how long it takes, whom to believe, and where it disagrees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from statistics import median

from annotate.agree import Agreement, agreement
from annotate.annotators import Profile, annotators
from annotate.crowd_design import CrowdDesign, clips_of_crowd, read_design
from annotate.gold import read_gold
from annotate.intervals import Interval
from annotate.opinions import Opinion
from annotate.shown import shown_proposals
from annotate.stretches import Stretch, read_judged
from annotate.weigh import WeighedCandidate, weigh
from manifests.tables import rows_of
from manifests.workspace import Workspace

__all__ = ["CrowdReport", "Dispute", "Period", "survey"]

_PERIODS = 8
_DISPUTES = 10
_RATE_OVER = timedelta(days=7)


@dataclass(frozen=True)
class Period:
    """A stretch of the work: agreement (F1 in place and label) on the clips that were finished in it."""

    until: datetime
    clips: int
    f1: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Dispute:
    """A candidate that remains uncertain; `page` leads to its task, and is empty where the project's address isn't known."""

    clip_id: str
    start_s: float
    end_s: float
    candidate: WeighedCandidate
    page: str


@dataclass(frozen=True)
class CrowdReport:
    """A crowd's work so far.

    Attributes:
        submissions: that count, an annotator's last one of each clip.
        wanted: what the design asks for.
        hours_left: of work, at the median time of a submission; None where no time was noted.
        days_left: by the calendar, at the rate of the last seven days of work.
        finished: (time, submissions so far) of every submission that has a time.
        periods: agreement over time.
        disputes: the worst ten.
    """

    path: Path
    submissions: int
    wanted: int
    hours_left: float | None
    days_left: float | None
    finished: list[tuple[datetime, int]]
    periods: list[Period]
    agreement: Agreement
    annotators: list[Profile]
    disputes: list[Dispute]
    n_disputes: int

    @property
    def exit_code(self) -> int:
        return 0


def survey(workspace: Workspace, tiou: float = 0.5) -> CrowdReport:
    """What the dataset's annotations tell of the crowd.

    Raises:
        BadInput: nothing was annotated yet, or `gold.csv` has wrong rows.
    """
    judged = read_judged(workspace)
    opinions, n_frames = judged.opinions, judged.n_frames
    fps = {row["clip_id"]: Fraction(row["fps_num"], row["fps_den"]) for row in rows_of(workspace.read("clips"))}
    design = read_design(workspace)
    tasks = _tasks(workspace, design) | opinions.keys()
    wanted = sum(max(design.per_task, len(opinions.get(task, ()))) for task in tasks)
    done = [opinion for of_clip in opinions.values() for opinion in of_clip]
    hours, days = _left(done, wanted - len(done))
    weighed, _ = weigh(
        opinions,
        proposals=judged.proposals(shown_proposals(workspace)),
        gold=judged.gold(read_gold(workspace)),
        tiou=tiou,
    )
    worst = sorted(
        ((one.certainty, task, one.start, one) for task, found in weighed.items() for one in found),
        key=lambda item: item[:3],
    )
    times = sorted(o.created_at for o in done if o.created_at)
    return CrowdReport(
        path=workspace.root / "reports" / "crowd.html",
        submissions=len(done),
        wanted=wanted,
        hours_left=hours,
        days_left=days,
        finished=[(time, i) for i, time in enumerate(times, start=1)],
        periods=_periods(opinions, n_frames, tiou),
        agreement=agreement(opinions, n_frames, tiou),
        annotators=annotators(workspace, tiou),
        disputes=[
            _dispute(one, judged.stretches[task], fps, opinions[task][-1].task_id, design.page)
            for certainty, task, _, one in worst[:_DISPUTES]
            if certainty < 1 - 1e-3
        ],
        n_disputes=sum(certainty < 0.8 for certainty, *_ in worst),
    )


def _tasks(workspace: Workspace, design: CrowdDesign) -> set[str]:
    """What the crowd is to see: every window of its clips, or the clip where nothing was pushed yet."""
    clips = {clip: row["n_frames"] for clip, row in clips_of_crowd(workspace, design).items()}
    windows = [row for row in rows_of(workspace.read("windows")) if row["clip_id"] in clips]
    seen = {row["clip_id"] for row in windows}
    shown = (Stretch.of(row["clip_id"], row["start"], row["end"], clips[row["clip_id"]]) for row in windows)
    return {one.key for one in shown} | (clips.keys() - seen)


def _dispute(one: WeighedCandidate, at: Stretch, fps: Mapping[str, Fraction], task: str, page: str) -> Dispute:
    start, end = (float((at.start + frame) / fps[at.clip_id]) for frame in (one.start, one.end))
    return Dispute(at.clip_id, start, end, one, f"{page}/data?task={task}" if page else "")


def _left(done: Sequence[Opinion], remaining: int) -> tuple[float | None, float | None]:
    """Hours of work and days by the calendar for the remaining submissions."""
    took = [opinion.lead_time_s for opinion in done if opinion.lead_time_s]
    hours = remaining * median(took) / 3600 if took else None
    times = [opinion.created_at for opinion in done if opinion.created_at]
    if not times:
        return hours, None
    recent = [time for time in times if max(times) - time < _RATE_OVER]
    span = max((max(recent) - min(recent)) / timedelta(days=1), 1.0)  # less than a day's work tells nothing of a rate
    return hours, remaining * span / len(recent)


def _periods(opinions: Mapping[str, Sequence[Opinion]], n_frames: Mapping[str, int], tiou: float) -> list[Period]:
    """Clips that at least two judged, in order of their last submission, in up to eight equal parts."""
    last = {
        clip: max((o.created_at for o in of_clip if o.created_at), default=None) for clip, of_clip in opinions.items()
    }
    ordered = sorted((time, clip) for clip, time in last.items() if time is not None and len(opinions[clip]) > 1)
    parts: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    for i, item in enumerate(ordered):
        parts[i * min(_PERIODS, len(ordered)) // len(ordered)].append(item)
    found = []
    for part in parts.values():
        of_part = agreement({clip: opinions[clip] for _, clip in part}, n_frames, tiou)
        found.append(Period(part[-1][0], len(part), of_part.f1_labelled, of_part.intervals["f1_labelled"]))
    return found
