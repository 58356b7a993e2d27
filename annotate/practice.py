"""Newcomers practise on clips whose gestures are known, in a Label Studio project of their own, before they get tasks.

The clips are drawn from `gold.csv` and leave the crowd's own project. No proposal is shown, so that everybody has to look. Run
again, the command takes what was submitted and says who is ready; `reports/practice.csv` says what each newcomer found, missed and
called otherwise, to be talked over with them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from annotate.annotators import Figure, profiles
from annotate.crowd_design import CrowdDesign, kept_clips, read_design, write_design
from annotate.films import Showing, film_store
from annotate.gold import read_gold
from annotate.matching import match
from annotate.opinions import Opinion, Segment
from annotate.project import DEFAULT_TITLE, ensure_project
from annotate.pull import PullReport, TakeSubmission, pull
from annotate.push import shown_data, windows_of
from annotate.sending import PushReport, Sending
from annotate.server import Server, connected
from annotate.stretches import Judged, read_judged
from collector.windows import cut_windows
from manifests.errors import BadInput
from manifests.parquet import write_text
from manifests.tables import Row
from manifests.workspace import Workspace

__all__ = ["PASS_MARK", "Newcomer", "PracticeReport", "admitted", "practice", "title_of"]

PASS_MARK = 0.6
"""F1 in place and label with the known gestures from which a newcomer is ready; two careful annotators reach about as much."""

_EVERYBODY = 1000  # annotators of a practice task, as far as Label Studio is concerned
_TABLE = "practice"
_TAKE = TakeSubmission(name="practice", table=_TABLE)
_COLUMNS = ("annotator_id", "clip_id", "verdict", "known_label", "known_start", "known_end", "label", "start", "end")


@dataclass(frozen=True)
class Newcomer:
    """How far one annotator is.

    Attributes:
        done: practice tasks submitted, of `wanted`.
        score: F1, in place and label, with what is known.
        ready: all are done, and the score is high enough.
    """

    annotator_id: str
    done: int
    wanted: int
    score: Figure
    ready: bool


@dataclass(frozen=True)
class PracticeReport:
    """What was taken and sent, and how far everybody is.

    Attributes:
        path: the table of what was found, missed and called otherwise.
    """

    pulled: PullReport
    pushed: PushReport
    newcomers: tuple[Newcomer, ...]
    path: Path

    @property
    def exit_code(self) -> int:
        return self.pulled.exit_code or self.pushed.exit_code


def title_of(project: str) -> str:
    """The title of the project in which newcomers practise."""
    return f"{project} practice"


def practice(
    workspace: Workspace,
    *,
    project: str = DEFAULT_TITLE,
    clips: int | None = None,
    tiou: float = 0.5,
    server: Server | None = None,
    quiet: bool = False,
) -> PracticeReport:
    """Bring the practice project up to date, take what was submitted there, and score it.

    Args:
        project: title of the crowd's project; that of the practice follows from it (`title_of`).
        clips: how many known clips to practise on; as at the last run unless given, and ten at first.
        tiou: temporal IoU from which a marked segment is a known one.

    Raises:
        BadInput: `gold.csv` knows too few clips or has wrong rows, or the title is too long.
        Unavailable: the server can't be reached or refuses us.
    """
    design = read_design(workspace)
    design = replace(design, practice=clips if clips is not None else design.practice or 10)
    known, kept = read_gold(workspace), kept_clips(workspace)
    chosen = {clip: kept[clip] for clip in sorted(design.practised(known.keys() & kept.keys()))}
    if not 0 < design.practice <= len(chosen):
        raise BadInput(
            f"{workspace.root / 'gold.csv'} knows {len(known.keys() & kept.keys())} of the kept clips; {design.practice} are to be "
            "practised on. Write more of them there, or give another --clips, at least 1."
        )
    title = title_of(project)
    with workspace.working("annotate-practice"), connected(server) as there:
        cut_windows(workspace, length_s=design.window_s, overlap_s=design.overlap_s, quiet=quiet)
        windows = windows_of(workspace, chosen)
        made, is_new = ensure_project(there, title, _EVERYBODY)
        pushed = PushReport(title, made.id, f"{there.url}/projects/{made.id}", is_new, len(chosen), len(windows))
        showing = Showing(there, made.id, workspace.root, quiet)
        data = shown_data(showing, film_store(design.films), windows, chosen)
        write_design(workspace, design)
        Sending(there, pushed, {}, set(), set(kept), quiet).run(data)
        pulled = pull(workspace, project=title, server=there, stage=_TAKE, quiet=quiet)
    judged = _judged(workspace, set(windows))
    path = workspace.root / "reports" / "practice.csv"
    write_text(path, _table(judged, known, tiou))
    return PracticeReport(pulled, pushed, _newcomers(judged, known, len(windows), tiou), path)


def admitted(
    workspace: Workspace, design: CrowdDesign, known: Mapping[str, Sequence[Segment]], people: Iterable[str]
) -> dict[str, str]:
    """Of each annotator, why they may not annotate yet; empty where they may, as everybody where nobody practises."""
    if not design.practice:
        return dict.fromkeys(people, "")
    wanted = set(windows_of(workspace, {clip: kept_clips(workspace)[clip] for clip in design.practised(known)}))
    found = {one.annotator_id: one for one in _newcomers(_judged(workspace, wanted), known, len(wanted))}
    return {who: _why(found.get(who), len(wanted)) for who in people}


def _why(one: Newcomer | None, wanted: int) -> str:
    if one is None or one.done < one.wanted:
        return f"has practised {one.done if one else 0} of {wanted}"
    return "" if one.ready else f"has practised with an F1 of {one.score.value or 0:.2f}, and {PASS_MARK} is asked"


def _judged(workspace: Workspace, wanted: set[str]) -> Judged:
    """What was said in practice of the present practice tasks."""
    if not workspace.read(_TABLE).num_rows:
        return Judged({}, {})
    judged = read_judged(workspace, _TABLE)
    return Judged(
        {key: one for key, one in judged.stretches.items() if key in wanted},
        {key: said for key, said in judged.opinions.items() if key in wanted},
    )


def _newcomers(
    judged: Judged, known: Mapping[str, Sequence[Segment]], wanted: int, tiou: float = 0.5
) -> tuple[Newcomer, ...]:
    seconds = dict.fromkeys(judged.opinions, 1.0)  # how fast a newcomer is doesn't matter
    found = profiles(judged.opinions, seconds, gold=judged.gold(known), tiou=tiou)
    return tuple(
        Newcomer(
            one.annotator_id,
            one.clips,
            wanted,
            one.gold,
            one.clips >= wanted and one.gold.value is not None and one.gold.value >= PASS_MARK,
        )
        for one in found
    )


def _table(judged: Judged, known: Mapping[str, Sequence[Segment]], tiou: float) -> str:
    text = io.StringIO()
    rows = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    rows.writeheader()
    gold = judged.gold(known)
    for key, said in sorted(judged.opinions.items()):
        for opinion in said:
            rows.writerows(_compared(judged, key, opinion, gold.get(key, ()), tiou))
    return text.getvalue()


def _compared(judged: Judged, key: str, opinion: Opinion, known: Sequence[Segment], tiou: float) -> Iterator[Row]:
    """Known gestures and marked ones, matched; frames count from the clip's first."""
    at = judged.stretches[key]
    who = {"annotator_id": opinion.annotator_id, "clip_id": at.clip_id}
    pairs = match([(s.start, s.end) for s in known], [(s.start, s.end) for s in opinion.segments], tiou)
    missed = set(range(len(known))) - {i for i, _ in pairs}
    extra = set(range(len(opinion.segments))) - {j for _, j in pairs}

    def row(verdict: str, truth: Segment | None, marked: Segment | None) -> Row:
        cells: Row = {**who, "verdict": verdict}
        if truth is not None:
            cells |= {
                "known_label": truth.label,
                "known_start": at.start + truth.start,
                "known_end": at.start + truth.end,
            }
        if marked is not None:
            cells |= {"label": marked.label, "start": at.start + marked.start, "end": at.start + marked.end}
        return cells

    for i, j in pairs:
        truth, marked = known[i], opinion.segments[j]
        yield row("found" if truth.label == marked.label else "other label", truth, marked)
    for i in sorted(missed):
        yield row("missed", known[i], None)
    for j in sorted(extra):
        yield row("not known", None, opinion.segments[j])
