"""annotate: practice, assign, queue, report, for whoever runs a crowd."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from manifests.workspace import open_workspace
from mgcollect.options import Dataset, Overlap, Project, Quiet
from mgcollect.show_crowd import show_assignment, show_practice, show_queue, show_report

__all__ = ["assign", "practice", "queue", "report"]

_DATASET = Path("dataset")
_PROJECT = "mgcollect"


def practice(
    dataset: Dataset = _DATASET,
    project: Project = _PROJECT,
    clips: Annotated[
        int | None, typer.Option("--clips", min=1, help="How many known clips to practise on; 10 at first.")
    ] = None,
    tiou: Overlap = 0.5,
    quiet: Quiet = False,
) -> None:
    """Let newcomers practise on clips whose gestures are known, in a project of their own, and say who is ready.

    The clips are drawn from the dataset's `gold.csv`, and leave the crowd's project at the next push. Run it again to take what
    was submitted. Afterwards `annotate assign` gives tasks only to those who are ready.

    Example:  mgcollect annotate practice --clips 10
    """
    from annotate.practice import practice as run

    with open_workspace(dataset) as workspace:
        done = run(workspace, project=project, clips=clips, tiou=tiou, quiet=quiet)
    if not quiet or done.exit_code:
        show_practice(done)
    raise typer.Exit(done.exit_code)


def assign(
    dataset: Dataset = _DATASET,
    project: Project = _PROJECT,
    annotator: Annotated[
        list[str] | None,
        typer.Option(
            "--annotator", help="Whom to give tasks to, such as A02; may be repeated. At first everybody there."
        ),
    ] = None,
    gold: Annotated[
        float | None,
        typer.Option(
            "--gold", min=0.0, max=0.5, help="Share of an annotator's tasks that are known, unmarked; 0 at first."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Give each annotator a tab with their tasks: as many as the others, shared with each of them about equally often.

    Run it again when somebody comes or goes, or after a push: who has begun a task keeps it.

    Example:  mgcollect annotate assign --gold 0.05
    """
    from annotate.assign import assign as run

    with open_workspace(dataset) as workspace:
        done = run(workspace, project=project, people=annotator or None, gold=gold, quiet=quiet)
    if not quiet:
        show_assignment(done)


def queue(
    dataset: Dataset = _DATASET,
    project: Project = _PROJECT,
    table_only: Annotated[
        bool, typer.Option("--table-only", help="Write the table, and leave Label Studio alone.")
    ] = False,
    tiou: Overlap = 0.5,
    quiet: Quiet = False,
) -> None:
    """Put clips in the order in which a look at them tells most, here and as a tab in Label Studio.

    First come uncertain proposals, disagreement, rare classes and people of whom little was seen; reports/queue.csv says why.

    Example:  mgcollect annotate queue
    """
    from annotate.queue import queue as run

    with open_workspace(dataset) as workspace:
        done = run(workspace, project=None if table_only else project, tiou=tiou, quiet=quiet)
    if not quiet:
        show_queue(done)


def report(dataset: Dataset = _DATASET, tiou: Overlap = 0.5, quiet: Quiet = False) -> None:
    """Write a page for whoever runs the crowd: progress, annotators, weak classes, disputes.

    Example:  mgcollect annotate report
    """
    from annotate.report_page import report as run

    with open_workspace(dataset) as workspace:
        written = run(workspace, tiou=tiou)
    if not quiet:
        show_report(written)
