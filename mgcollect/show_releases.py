"""What the commands of `release` print when they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from mgcollect.show import console, show_table

if TYPE_CHECKING:
    from manifests.anonymity import Anonymity
    from manifests.checks import VerifyReport
    from manifests.diff import ReleaseDiff
    from manifests.importers.convert import ExportReport

_COLUMNS = 4
_SHOWN = 5

__all__ = ["show_anonymity", "show_diff", "show_export", "show_warnings"]


def show_diff(found: ReleaseDiff) -> None:
    """Each table in a line, and the columns that changed most."""
    kinds = ("added", "removed", "changed")
    rows: list[list[object]] = [
        [
            table.name,
            *(table.count(kind) for kind in kinds),
            ", ".join(f"{name} {count:,}" for name, count in table.columns.most_common(_COLUMNS)),
        ]
        for table in found.tables
    ]
    show_table(f"From {found.a} to {found.b}", ["table", *kinds, "in columns"], rows)


def show_export(report: ExportReport) -> None:
    """Where it lies, and what the format had no place for."""
    for note in report.notes:
        console.print(Text(f"  {note}"))
    console.print(Text(f"{report.recordings} clips written as {report.format}: {report.path}"))


def show_anonymity(anonymity: Anonymity | None) -> None:
    """How far the people table keeps people apart, whom it singles out, and what to coarsen."""
    if anonymity is None:
        return
    console.print(Text(f"  table of people: {anonymity}"))
    if anonymity.alone:
        some = ", ".join(anonymity.alone[:_SHOWN])
        more = f" and {len(anonymity.alone) - _SHOWN} more" if len(anonymity.alone) > _SHOWN else ""
        console.print(Text(f"    alone: {some}{more}"))
    for way in anonymity.coarsenings:
        console.print(Text(f"    enough would be {way}"))


def show_warnings(report: VerifyReport) -> None:
    """What is no error, but good to know before a score is believed."""
    for finding in report.warnings:
        console.print(Text(f"  warning: {finding}"))
