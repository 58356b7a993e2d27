"""benchmark: score a release."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from manifests.errors import BadInput
from manifests.workspace import open_workspace
from mgcollect.options import Dataset, Quiet
from mgcollect.show import show_scores

__all__ = ["add_to"]


def benchmark(
    release: Annotated[
        Path | None, typer.Option("--release", help="A release's folder [the dataset's newest].")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for scores and report.")] = Path("results"),
    task: Annotated[list[str] | None, typer.Option("--task", help="Only this task; may be repeated.")] = None,
    method: Annotated[list[str] | None, typer.Option("--method", help="Only this method: a name, or FILE.py.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds.")] = 3,
    dataset: Dataset = Path("dataset"),
    quiet: Quiet = False,
) -> None:
    """Score what a release of its size allows, and say what it can't.

    Example:  mgcollect benchmark --release dataset/releases/1.0.0 --out results
    """
    from benchmarks.suite import benchmark as run

    report = run(release or _newest(dataset), out, tasks=task, methods=method, seeds=seeds, quiet=quiet)
    if not quiet:
        show_scores(report)
    raise typer.Exit(report.exit_code)


def _newest(dataset: Path) -> Path:
    with open_workspace(dataset) as workspace:
        releases = [path.parent.parent for path in (workspace.root / "releases").glob("*.*.*/meta/info.json")]
    if not releases:
        raise BadInput(f"{dataset}: no release here. Build one with `mgcollect release build --version 1.0.0`.")
    return max(releases, key=lambda path: [int(number) for number in path.name.split(".")])


def add_to(app: typer.Typer) -> None:
    """Put this module's command on the command line."""
    app.command()(benchmark)
