"""duplicates, quality: which recordings and clips are kept."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.text import Text

from manifests.workspace import open_workspace
from mgcollect.options import Dataset, EngineOption, Quiet, RetryOption, Workers
from mgcollect.show import console, show_stage

__all__ = ["add_to"]

_DATASET = Path("dataset")


def duplicates(
    dataset: Dataset = _DATASET,
    engine: EngineOption = "local",
    retry: RetryOption = None,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Find recordings that show the same (re-uploads, other sizes, crops, excerpts), link them, and keep the best one.

    Example:  mgcollect duplicates --workers 2
    """
    from collector.duplicates import duplicates as run
    from collector.engine import parse_retry

    with open_workspace(dataset) as workspace:
        report = run(workspace, engine=engine, workers=workers, retry=parse_retry(retry), quiet=quiet)
    if not quiet:
        show_stage(report.stage)
        pairs = ", ".join(f"{kind} {count:,}" for kind, count in sorted(report.links.items())) or "none"
        console.print(Text(f"  Pairs that show the same: {pairs}"))
        console.print(
            Text(f"  {report.give_way:,} recordings give way to another one; the table duplicates has the pairs.")
        )
        console.print("Next: [bold]mgcollect segment[/bold]")
    raise typer.Exit(report.exit_code)


def add_to(app: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    for command in (duplicates,):
        app.command()(command)
