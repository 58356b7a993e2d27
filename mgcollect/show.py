"""What a command prints when it ends: short tables on standard output."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # a report is only read here; its room need not be loaded to show a help text
    from annotate.agree import Agreement
    from annotate.consensus import ConsensusReport
    from annotate.pull import PullReport
    from annotate.push import PushReport
    from benchmarks.report import BenchmarkReport
    from collector.availability import AvailabilityReport
    from collector.engine import StageReport
    from collector.outcomes import OutcomesReport
    from collector.sources import Candidate
    from manifests.checks import VerifyReport
    from manifests.migrate import Migration
    from manifests.release_build import BuildReport
    from manifests.status import ClipCounts, Status
    from mgcollect.doctor import Diagnosis


__all__ = [
    "console",
    "show_agreement",
    "show_availability",
    "show_build",
    "show_candidates",
    "show_clips",
    "show_consensus",
    "show_diagnosis",
    "show_migration",
    "show_outcomes",
    "show_pull",
    "show_push",
    "show_scores",
    "show_stage",
    "show_status",
    "show_table",
    "show_verify",
]

console = Console(highlight=False, soft_wrap=True)

_SHOWN = 8


def show_table(title: str, columns: list[str], rows: list[list[object]], note: str = "") -> None:
    """A small table; numbers stand to the right."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, caption=note or None)
    table.caption_justify = "left"
    for i, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[i], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        # Text, not markup: a title from the network may hold square brackets.
        table.add_row(*(Text(f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in row))
    console.print(table)


# What runs a stage, where that isn't called as the stage is.
_COMMANDS = {
    "blur": "release build --with-clips --blur-faces",
    "windows": "annotate push",
    "pull": "annotate pull",
    "adjudicate": "annotate adjudicate",
    "practice": "annotate practice",
    "select": "quality",
}


def show_stage(report: StageReport, next_command: str = "", options: str = "") -> None:
    """in = ok + failed + skipped, and the first failures; `options` are those that the command can't do without."""
    summary = [report.stage, report.total, report.ok, report.failed, report.skipped, report.done_now]
    show_table("", ["stage", "in", "ok", "failed", "skipped", "done now"], [summary])
    _failures(report.failures, f"{_COMMANDS.get(report.stage, report.stage)} {options}".rstrip())
    if next_command and report.ok:
        console.print(f"Next: [bold]{next_command}[/bold]")


def _failures(failures: list[tuple[str, str, str]], command: str) -> None:
    if not failures:
        return
    for item, kind, message in failures[:_SHOWN]:
        console.print(Text(f"  failed ({kind}) {item}: {message}"))
    if len(failures) > _SHOWN:
        console.print(f"  … and {len(failures) - _SHOWN} more; `mgcollect status` lists them all.")
    kinds = Counter(kind for _, kind, _ in failures)
    kind = kinds.most_common(1)[0][0]
    console.print(f"  Try them again with `mgcollect {command} --retry failed` (or `--retry failed:{kind}`).")


def show_status(status: Status) -> None:
    """Every stage, every failure, every table."""
    rows: list[list[object]] = [
        [
            s.stage,
            s.total,
            s.ok,
            s.failed,
            s.skipped,
            s.pending,
            ", ".join(f"{k} {n}" for k, n in sorted(s.kinds.items())),
        ]
        for s in status.stages
    ]
    show_table("Stages", ["stage", "in", "ok", "failed", "skipped", "pending", "kinds of failure"], rows)
    for stage in status.stages:
        for item, kind, message in stage.failures:
            console.print(Text(f"  {stage.stage} failed ({kind}) {item}: {message}"))
        if stage.pending:
            command = _COMMANDS.get(stage.stage, stage.stage)
            console.print(f"  {stage.stage}: a run was stopped; run `mgcollect {command}` again and it goes on.")
        if stage.next_retry:
            when = time.strftime("%Y-%m-%d %H:%M", time.localtime(stage.next_retry))
            console.print(f"  {stage.stage}: a server asked us to wait; retry after {when}.")
    console.print()
    show_clips(status.clips)
    console.print()
    show_table("Tables", ["table", "rows"], [[name, count] for name, count in status.rows.items()])


def show_clips(counts: ClipCounts) -> None:
    """What became of the stretches of the videos: kept, kept though unsure, and left, with the reasons."""
    rows: list[list[object]] = [["kept", "", counts.kept[0], _time(counts.kept[1])]]
    for name, group in (("of these unsure", counts.unsure), ("left", counts.left)):
        for why, (number, seconds) in sorted(group.items(), key=lambda item: -item[1][1]):
            rows.append([name, why, number, _time(seconds)])
    show_table("Clips", ["", "why", "stretches", "time"], rows)


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def show_candidates(candidates: list[Candidate]) -> None:
    """What a fetch would take, and what it would leave and why."""
    rows: list[list[object]] = [
        [
            c.player_id or "",
            "leave" if c.leave else "fail" if c.failure else "take",
            str(c.upload_date or ""),
            c.title or c.url,
            c.leave or (c.failure[1] if c.failure else ""),
        ]
        for c in candidates
    ]
    show_table("", ["player", "", "uploaded", "video", "why"], rows)
    taken = sum(row[1] == "take" for row in rows)
    console.print(f"{taken} of {len(rows)} would be fetched; nothing was.")


def show_availability(report: AvailabilityReport) -> None:
    """What the round asked, and how the links of the whole dataset stand."""
    show_stage(report.stage)
    states = ", ".join(f"{state} {count:,}" for state, count in sorted(report.states.items()))
    console.print(Text(f"  All links, as last seen: {states or 'there is none'}"))


def show_outcomes(report: OutcomesReport) -> None:
    """How many videos are won or lost, how many stay unknown, and where each reason stands."""
    row: list[object] = [
        report.stage.total,
        report.won,
        report.lost,
        report.ambiguous,
        report.unmatched,
        report.matches,
    ]
    show_table("", ["videos", "won", "lost", "ambiguous", "unmatched", "matches known"], [row])
    console.print(Text(f"  Every video with its reason: {report.path}"))


def show_diagnosis(diagnosis: Diagnosis) -> None:
    """What doctor found, and how to mend it."""
    colours = {"ok": "green", "warn": "yellow", "missing": "red"}
    for finding in diagnosis.findings:
        state = f"[{colours[finding.state]}]{finding.state:<8}[/]"
        console.print(f"{state}{finding.what:<20}", Text(finding.found), sep="")
        if finding.mend and finding.state != "ok":
            console.print(f"{'':<28}→ ", Text(finding.mend), sep="")


def show_migration(done: Migration) -> None:
    """Which tables were brought to the present version, and what is left to do."""
    console.print(f"migrated: {', '.join(done.rewritten) or 'nothing, all tables are of the present version'}")
    for stage, count in done.again.items():
        console.print(f"  {count} items of {stage} can't be told from what is there: run it again (mgcollect {stage})")
    for path in done.left:
        console.print("  left as it is, because columns are missing: ", Text(path), sep="")


def show_push(report: PushReport) -> None:
    """What stands in Label Studio now."""
    row: list[object] = [report.project, report.clips, report.tasks, report.tasks_added, report.proposals]
    show_table("", ["project", "clips", "tasks", "added now", "proposals"], [row])
    for count, what in (
        (report.predictions_replaced, "predictions had changed and were replaced; nobody had begun those clips"),
        (report.doubled_removed, "doubled tasks, left by a push that was cut off, were removed"),
        (report.outdated_removed, "tasks of other windows, which nobody had begun, were removed"),
        (report.touched, "tasks that annotators have begun were left as they are"),
    ):
        if count:
            console.print(f"  {count} {what}")
    for clip, kind, message in report.failures[:_SHOWN]:
        console.print(Text(f"  failed ({kind}) {clip}: {message}"))
    console.print(f"Next: annotate at {report.url}, then [bold]mgcollect annotate pull[/bold]")


def show_pull(report: PullReport) -> None:
    """What the annotations table holds now, and what could not be taken."""
    row: list[object] = [report.submissions, report.taken, report.failed, report.skipped, report.new]
    show_table("", ["submissions", "taken", "failed", "drafts and cancelled", "new"], [row])
    console.print(
        f"  {report.gestures} gestures; “nothing here” {report.nothing} times, “unusable clip” {report.unusable} times"
    )
    for annotator, count in sorted(report.annotators.items()):
        console.print(f"  {annotator}: {count} submissions")
    for submission, kind, message in report.failures[:_SHOWN]:
        console.print(Text(f"  failed ({kind}) {submission}: {message}"))
    if report.taken:
        console.print("Next: [bold]mgcollect annotate agree[/bold], [bold]mgcollect annotate consensus[/bold]")


def show_agreement(found: Agreement) -> None:
    """How far the annotators agree."""

    def figure(value: float | None) -> str:
        return "–" if value is None else f"{value:.2f}"

    def ends(name: str) -> str:
        known = found.intervals.get(name)
        return "" if known is None else " ({:.2f}–{:.2f})".format(*known)

    rows: list[list[object]] = [
        [f"F1 of segments (tIoU ≥ {found.tiou:g})", figure(found.f1)],
        ["F1 of segments with the same label", figure(found.f1_labelled)],
        ["same label, of matched segments", figure(found.label_agreement)],
        ["Cohen's kappa of matched labels", figure(found.kappa)],
        ["Krippendorff's alpha of matched labels", figure(found.alpha_labels)],
        ["Krippendorff's alpha, class of each frame", figure(found.alpha_frames)],
        ["Krippendorff's alpha, gesture or none", figure(found.alpha_presence)],
        ["gamma, places and labels in one", figure(found.gamma) + ends("gamma")],
    ]
    for name, deviation in (("start", found.start_deviation), ("end", found.end_deviation)):
        if deviation:
            rows.append([f"deviation of the {name}, median frames", f"{deviation.median:g}"])
    show_table("", ["agreement", "value"], rows)
    console.print(
        f"  {len(found.annotators)} annotators, {found.clips} clips judged by at least two, "
        f"{found.matched} pairs of segments matched"
    )


def show_consensus(report: ConsensusReport) -> None:
    """What came of the consensus."""
    row: list[object] = [
        report.clips,
        report.candidates,
        report.gestures,
        report.label_disputed,
        report.empty,
        report.unusable,
    ]
    show_table("", ["clips", "candidates", "gestures", "label disputed", "clips without", "unusable"], [row])
    per_class = sorted(report.per_class.items(), key=lambda item: -item[1])
    console.print("  " + ", ".join(f"{label} {count}" for label, count in per_class))
    how = "by majority" if report.rule == "majority" else "by the label model"
    decided = f", {report.adjudicated} of them adjudicated" if report.adjudicated else ""
    console.print(f"  agreed on {how}{decided}; {len(report.disputes)} disputes stand in reports/disputes.json")
    console.print("Next: [bold]mgcollect release build --version 1.0.0[/bold]")


def show_scores(report: BenchmarkReport) -> None:
    """What was scored, with intervals, and what can't be and why."""
    console.print(Text(report.summary()))


def show_build(report: BuildReport) -> None:
    """The release's tables, and where it lies."""
    show_table("", ["table", "rows"], [[name, count] for name, count in report.rows.items()])
    done = "written" if report.built else "stands already, unchanged"
    console.print(f"Release {report.version} {done}: {report.path}")
    if report.telling_links:
        count, first = len(report.telling_links), report.telling_links[0]
        console.print(
            Text(
                f"  {count} links hold the name of their person, such as that of video {first}. Others need a link to find the "
                "recording, but it says who is in it: ask your data-protection officer before you publish."
            )
        )


def show_verify(report: VerifyReport) -> None:
    """Each check with its findings."""
    wrong = Counter(finding.check for finding in report.findings)
    for check in report.checks:
        console.print(f"  {'[red]wrong[/red]' if wrong[check] else '[green]ok[/green]   '} {check}")
    for finding in report.findings:
        console.print(Text(f"  {finding}"))
    verdict = f"{len(report.findings)} findings" if report.findings else "nothing wrong found"
    console.print(f"{report.path}: {verdict}.")
