"""What the commands of `release` print when they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from mgcollect.show import console

if TYPE_CHECKING:
    from manifests.importers.convert import ExportReport

__all__ = ["show_export"]


def show_export(report: ExportReport) -> None:
    """Where it lies, and what the format had no place for."""
    for note in report.notes:
        console.print(Text(f"  {note}"))
    console.print(Text(f"{report.recordings} clips written as {report.format}: {report.path}"))
