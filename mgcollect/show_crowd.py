"""What the commands about annotators print when they end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from mgcollect.show import console, show_table

if TYPE_CHECKING:  # a report is only read here; its room need not be loaded to show a help text
    from annotate.annotators import Figure, Profile
    from annotate.crowd_report import CrowdReport

__all__ = ["show_annotators", "show_report"]


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


def _figure(figure: Figure) -> str:
    if figure.value is None:
        return "–"
    ends = "" if figure.interval is None else " ({:.2f}–{:.2f})".format(*figure.interval)
    return f"{figure.value:.2f}{ends}"
