"""doctor, status and migrate: is everything here, where does the dataset stand, and can it be read."""

from __future__ import annotations

from pathlib import Path

import typer

from manifests.workspace import open_workspace
from mgcollect.options import Dataset, Quiet
from mgcollect.show import show_diagnosis, show_migration, show_status

__all__ = ["add_to"]


def doctor(dataset: Dataset = Path("dataset"), quiet: Quiet = False) -> None:
    """Check packages, ffmpeg, yt-dlp, weights, disk, GPU and Label Studio, and say how to mend each.

    Example:  mgcollect doctor
    """
    from mgcollect.doctor import doctor as run

    diagnosis = run(dataset)
    if not quiet or diagnosis.exit_code:
        show_diagnosis(diagnosis)
    raise typer.Exit(diagnosis.exit_code)


def status(dataset: Dataset = Path("dataset"), quiet: Quiet = False) -> None:
    """Show per stage what came in and what became of it, every failure, and the tables' rows.

    Example:  mgcollect status
    """
    from manifests.status import status as run

    with open_workspace(dataset) as workspace:
        found = run(workspace)
    if not quiet:
        show_status(found)


def migrate(dataset: Dataset = Path("dataset"), quiet: Quiet = False) -> None:
    """Bring a dataset of an older mgcollect to the present version of its tables; no row is lost.

    Example:  mgcollect migrate
    """
    from manifests.migrate import migrate as run

    with open_workspace(dataset) as workspace:
        done = run(workspace)
    if not quiet or done.exit_code:
        show_migration(done)
    raise typer.Exit(done.exit_code)


def add_to(app: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    for command in (doctor, status, migrate):
        app.command()(command)
