"""duplicates, quality: which recordings and clips are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from manifests.workspace import open_workspace
from mgcollect.options import Dataset, EngineOption, Quiet, RetryOption, Workers
from mgcollect.show import console, show_stage, show_table

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


_Least = Annotated[float | None, typer.Option(min=0, help="Keep clips with at least this.", show_default=False)]
_Most = Annotated[float | None, typer.Option(min=0, help="Keep clips with at most this.", show_default=False)]


def quality(
    dataset: Dataset = _DATASET,
    min_pose_confidence: _Least = None,
    min_face_share: _Least = None,
    min_left_hand_share: _Least = None,
    min_right_hand_share: _Least = None,
    min_hand_share: _Least = None,
    min_face_size: _Least = None,
    max_people: _Most = None,
    max_camera_speed: _Most = None,
    max_face_blur: _Most = None,
    max_hand_blur: _Most = None,
    min_face_motion: _Least = None,
    max_face_motion: _Most = None,
    min_hand_motion: _Least = None,
    max_hand_motion: _Most = None,
    lift: Annotated[
        list[str] | None, typer.Option("--lift", metavar="MEASURE|all", help="Set no limit to it; may be repeated.")
    ] = None,
    engine: EngineOption = "local",
    retry: RetryOption = None,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Measure the clips that have poses, and show how good they are on a page; keep those within the limits.

    Limits are remembered in the dataset (quality_limits.yaml). Tighter or looser, they only change which clips are kept:
    nothing is deleted, and nothing measured again.

    Example:  mgcollect quality --min-pose-confidence 0.5 --min-hand-share 0.3 --max-people 2.5
    """
    from collector.engine import parse_retry
    from collector.quality import quality as run
    from collector.quality_limits import Limits

    given = {
        ("pose_confidence", "min"): min_pose_confidence,
        ("face_share", "min"): min_face_share,
        ("left_hand_share", "min"): min_left_hand_share,
        ("right_hand_share", "min"): min_right_hand_share,
        ("hand_share", "min"): min_hand_share,
        ("face_size", "min"): min_face_size,
        ("people", "max"): max_people,
        ("camera_speed", "max"): max_camera_speed,
        ("face_blur", "max"): max_face_blur,
        ("hand_blur", "max"): max_hand_blur,
        ("face_motion", "min"): min_face_motion,
        ("face_motion", "max"): max_face_motion,
        ("hand_motion", "min"): min_hand_motion,
        ("hand_motion", "max"): max_hand_motion,
    }
    limits: Limits = {}
    for (measure, bound), value in given.items():
        if value is not None:
            limits.setdefault(measure, {})[bound] = value
    with open_workspace(dataset) as workspace:
        report = run(
            workspace,
            limits=limits,
            lift=lift or (),
            engine=engine,
            workers=workers,
            retry=parse_retry(retry),
            quiet=quiet,
        )
    if not quiet:
        show_stage(report.stage)
        page = report.page
        if page.beyond:
            rows: list[list[object]] = [[one.what, one.clips, one.alone] for one in page.beyond]
            show_table("", ["limit", "clips beyond it", "and beyond no other"], rows)
        console.print(Text(f"  {page.kept:,} of {page.cut:,} clips are kept. Distributions and pictures: {page.path}"))
        console.print("Next: [bold]mgcollect propose[/bold]")
    raise typer.Exit(report.exit_code)


def add_to(app: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    for command in (duplicates, quality):
        app.command()(command)
