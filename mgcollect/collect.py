"""fetch, segment, pose: from a list of players to clips and poses."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from manifests.workspace import open_workspace
from mgcollect.options import Dataset, Quiet, RetryOption, Weights, WeightsSha256, Workers
from mgcollect.show import show_candidates, show_stage

__all__ = ["add_to"]

_DATASET = Path("dataset")
_WEIGHTS = "yolo11n-pose.pt"


def fetch(
    player_list: Annotated[Path, typer.Option("--player-list", help="CSV file of players; see the README.")],
    dataset: Dataset = _DATASET,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Not older than this day [7 years].")
    ] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Not newer than this day.")] = None,
    search_prefix: Annotated[str, typer.Option(help="yt-dlp's name of the site to search.")] = "ytsearch",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be taken and left, with reasons.")
    ] = False,
    retry: RetryOption = None,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Download the press conferences of the players in a list.

    Example:  mgcollect fetch --player-list players.csv --since 2019-01-01
    """
    from collector.engine import parse_retry
    from collector.fetch import fetch as run
    from collector.fetch import plan_fetch
    from collector.players import read_players
    from collector.sources import FindOptions

    players = read_players(player_list)
    options = FindOptions(
        since=since.date() if since else None, until=until.date() if until else None, search_prefix=search_prefix
    )
    again = parse_retry(retry)
    with open_workspace(dataset, create=True) as workspace:
        if dry_run:
            show_candidates(plan_fetch(players, workspace, options, quiet=quiet))
            return
        report = run(players, workspace, options, retry=again, workers=workers, quiet=quiet)
    if not quiet:
        show_stage(report, "mgcollect segment")
    raise typer.Exit(report.exit_code)


def segment(
    dataset: Dataset = _DATASET,
    min_clip_s: Annotated[
        float, typer.Option(min=0.1, help="Leave out stretches shorter than this many seconds.")
    ] = 2.0,
    crf: Annotated[int, typer.Option(min=0, max=51, help="x264 quality of the clips; lower is better.")] = 18,
    weights: Weights = _WEIGHTS,
    weights_sha256: WeightsSha256 = None,
    retry: RetryOption = None,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Cut the videos into clips: one shot each, with the player in view, at a constant frame rate.

    Example:  mgcollect segment --min-clip-s 3
    """
    from collector.engine import parse_retry
    from collector.segment import segment as run

    with open_workspace(dataset) as workspace:
        report = run(
            workspace,
            weights=weights,
            weights_sha256=weights_sha256,
            min_clip_s=min_clip_s,
            crf=crf,
            retry=parse_retry(retry),
            workers=workers,
            quiet=quiet,
        )
    if not quiet:
        show_stage(report, "mgcollect pose")
    raise typer.Exit(report.exit_code)


def pose(
    dataset: Dataset = _DATASET,
    weights: Weights = _WEIGHTS,
    weights_sha256: WeightsSha256 = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1, …; by default the GPU where there is one.")
    ] = None,
    retry: RetryOption = None,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Estimate the player's pose in every frame of every clip.

    Example:  mgcollect pose --device cuda
    """
    from collector.engine import parse_retry
    from collector.poses import pose as run

    with open_workspace(dataset) as workspace:
        report = run(
            workspace,
            weights=weights,
            weights_sha256=weights_sha256,
            device=device,
            retry=parse_retry(retry),
            workers=workers,
            quiet=quiet,
        )
    if not quiet:
        show_stage(report, "mgcollect propose")
    raise typer.Exit(report.exit_code)


def add_to(app: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    for command in (fetch, segment, pose):
        app.command()(command)
