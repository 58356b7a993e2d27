"""What the commands about annotators print when they end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from mgcollect.show import console, show_table

if TYPE_CHECKING:  # a report is only read here; its room need not be loaded to show a help text
    from annotate.adjudicate import AdjudicateReport
    from annotate.annotators import Figure, Profile
    from annotate.assign import AssignReport
    from annotate.crowd_report import CrowdReport
    from annotate.measured import Measured
    from annotate.practice import PracticeReport
    from annotate.queue import QueueReport
    from annotate.retrain import Retrained

__all__ = [
    "show_adjudication",
    "show_annotators",
    "show_assignment",
    "show_practice",
    "show_queue",
    "show_report",
    "show_retrained",
]


def show_annotators(profiles: Sequence[Profile]) -> None:
    """What each annotator is worth, with 95 % intervals."""
    rows: list[list[object]] = [
        [
            p.annotator_id,
            p.clips,
            "–" if p.seconds_per_clip is None else f"{p.seconds_per_clip:.0f}",
            _figure(p.agreement),
            _figure(p.gold),
            _figure(p.drift),
            f"{p.treatment.kept} of {p.treatment.shown}",
        ]
        for p in profiles
    ]
    columns = ["annotator", "clips", "s a clip", "F1 with others", "F1 on gold", "drift", "proposals kept as they were"]
    show_table("", columns, rows)


def show_report(report: CrowdReport) -> None:
    """Where the page lies, and its first figures."""
    left = "" if report.hours_left is None else f", about {report.hours_left:.1f} hours of work left"
    console.print(f"  {report.submissions} of {report.wanted} submissions{left}")
    console.print(Text(f"Open {report.path} in a browser."))


def show_adjudication(done: AdjudicateReport) -> None:
    """What was decided, and what waits for a decision."""
    if done.pulled is not None:
        for submission, kind, message in done.pulled.failures:
            console.print(Text(f"  not taken ({kind}), {submission}: {message}"))
    where = f" in {done.pushed.tasks} tasks: {done.pushed.url}" if done.pushed else ""
    console.print(Text(f"{done.decided} decided. {done.disputes} disputes wait{where}"))
    if done.decided or not done.disputes:
        console.print("Next: mgcollect annotate consensus")
    else:
        console.print("Next: let somebody decide there, then run this again")


def show_practice(done: PracticeReport) -> None:
    """How far each newcomer is."""
    for submission, kind, message in done.pulled.failures:
        console.print(Text(f"  not taken ({kind}), {submission}: {message}"))
    rows: list[list[object]] = [
        [one.annotator_id, f"{one.done} of {one.wanted}", _figure(one.score), "yes" if one.ready else "not yet"]
        for one in done.newcomers
    ]
    if rows:
        show_table("", ["annotator", "done", "F1 with what is known", "ready"], rows)
        console.print(Text(f"What each found, missed and called otherwise: {done.path}"))
    console.print(Text(f"{done.pushed.tasks} tasks to practise on: {done.pushed.url}"))
    console.print("Next: let newcomers do them, then run this again" if not rows else "Next: mgcollect annotate assign")


def show_assignment(done: AssignReport) -> None:
    """Who has what to do, and where."""
    rows: list[list[object]] = [[one.annotator_id, one.tasks, one.gold, one.done, one.url] for one in done.loads]
    show_table("", ["annotator", "tasks", "gold", "done", "tab"], rows)
    for who, why in done.waiting.items():
        console.print(Text(f"  {who} {why}, and gets no task yet"))
    if done.pairs is not None:
        fewest, most = done.pairs
        console.print(Text(f"Each two of them share {fewest} to {most} tasks, gold left out."))
    if done.wished:
        short = " No more clips are known." if done.gold_share < done.wished else ""
        console.print(Text(f"{done.gold} gold tasks, {100 * done.gold_share:.0f} % of what each does.{short}"))
    console.print(Text("Each opens their tab, and there the arrow beside Label All Tasks: Label Tasks As Displayed."))


def show_queue(done: QueueReport) -> None:
    """The first in the queue and why, and where the rest stands."""
    rows: list[list[object]] = [
        [
            place,
            one.key,
            one.player_id,
            *(f"{x:.2f}" for x in (one.worth.uncertain, one.worth.disputed, one.worth.rare, one.person)),
        ]
        for place, one in enumerate(done.queue[:5], 1)
    ]
    show_table("", ["place", "clip", "person", "uncertain", "disputed", "rare", "person is new"], rows)
    console.print(Text(f"{len(done.queue)} to look at, {done.done} need no further look: {done.path}"))
    if done.url:
        console.print(Text(f"{done.moved} tasks have a new place. Annotators label from the tab: {done.url}"))


def show_retrained(done: Retrained) -> None:
    """What a new version of the spotter learned from, and what it gained."""
    people, gestures = done.learned
    if not done.new:
        console.print(Text(f"Nothing was agreed on since {done.version} was trained. What it was worth then:"))
    console.print(Text(f"{done.version} learned from {gestures} gestures of {people} people: {done.folder}"))
    if done.before is None or done.after is None:
        console.print(
            Text("Too few people to measure on any: what it gained isn't known. Four with gestures are enough.")
        )
    else:
        columns = ["on " + ", ".join(done.people), "gestures found", "proposals right", "F1", "mAP", "at 0.5", "AR@10"]
        show_table("", columns, [_measured("before", done.before), _measured("after", done.after)])
        gain, ends = done.gain or (float("nan"), None)
        said = "" if ends is None else f", 95 % interval {ends[0]:+.3f} to {ends[1]:+.3f} over people"
        console.print(Text(f"F1 {gain:+.3f}{said}."))
    console.print("Next: mgcollect propose && mgcollect annotate push")


def _measured(when: str, one: Measured) -> list[object]:
    ends = "" if one.f1_interval is None else " ({:.3f}–{:.3f})".format(*one.f1_interval)
    known = [one.ranked.get(name) for name in ("map", "map_tiou_0.5", "ar_10")]
    return [
        f"{when}: {one.model}",
        f"{100 * one.found:.1f} %",
        f"{100 * one.right:.1f} %",
        f"{one.f1:.3f}{ends}",
        *("–" if each is None else f"{each.value:.3f}" for each in known),
    ]


def _figure(figure: Figure) -> str:
    if figure.value is None:
        return "–"
    ends = "" if figure.interval is None else " ({:.2f}–{:.2f})".format(*figure.interval)
    return f"{figure.value:.2f}{ends}"
