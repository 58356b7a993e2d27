"""release: build one, verify one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from manifests.workspace import open_workspace
from mgcollect.options import Dataset, Out, Quiet, ReleaseDir
from mgcollect.show import show_build, show_verify

__all__ = ["add_to"]


def build(
    version: Annotated[str, typer.Option("--version", help="Three numbers, such as 1.0.0.")],
    dataset: Dataset = Path("dataset"),
    out: Out = None,
    license_file: Annotated[Path | None, typer.Option("--license-file", help="The terms to publish under.")] = None,
    note: Annotated[
        str | None, typer.Option("--note", help="What every reader must know; stands in the README.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the splits.")] = 0,
    quiet: Quiet = False,
) -> None:
    """Write the agreed labels, poses and splits as Parquet with checksums: no names, no pixels.

    Example:  mgcollect release build --version 1.0.0
    """
    from manifests.release_build import build as run

    with open_workspace(dataset) as workspace:
        report = run(workspace, version, out=out, license_file=license_file, note=note, seed=seed, quiet=quiet)
    if not quiet:
        show_build(report)


def verify(release: ReleaseDir, quiet: Quiet = False) -> None:
    """Check a release: checksums, schemas, references, ranges, frame counts, people apart.

    Example:  mgcollect release verify dataset/releases/1.0.0
    """
    from manifests.checks import verify as run

    report = run(release)
    if not quiet or report.findings:
        show_verify(report)
    raise typer.Exit(report.exit_code)


def add_to(app: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    group = typer.Typer(help="Build a release of the dataset, or verify one.", no_args_is_help=True)
    for command in (build, verify):
        group.command()(command)
    app.add_typer(group, name="release")
