"""fetch, availability, outcomes, segment, pose: from a list of players to clips and poses."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from manifests.errors import BadInput
from manifests.workspace import Workspace, open_workspace
from mgcollect.options import (
    Connections,
    Dataset,
    EngineOption,
    LongestWait,
    Pause,
    Quiet,
    RetryOption,
    Weights,
    WeightsSha256,
    Workers,
)
from mgcollect.show import show_availability, show_candidates, show_clips, show_outcomes, show_stage

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
    search_results: Annotated[int, typer.Option(min=1, help="How many results of a search are looked at.")] = 20,
    query: Annotated[
        list[str] | None,
        typer.Option(
            help="What is searched for a player without a query of his own [{name} press conference]; may be repeated."
        ),
    ] = None,
    title_must: Annotated[
        list[str] | None, typer.Option(help="Words that the title must have; may be repeated.")
    ] = None,
    title_must_not: Annotated[
        list[str] | None, typer.Option(help="Words that the title must not have; may be repeated.")
    ] = None,
    min_duration: Annotated[float | None, typer.Option(min=0, help="Seconds that a video must last.")] = None,
    max_duration: Annotated[float | None, typer.Option(min=0, help="Seconds that a video may last.")] = None,
    min_height: Annotated[int, typer.Option(min=0, help="Lines that a picture must have.")] = 240,
    keep_free_gb: Annotated[float, typer.Option(min=0, help="GiB of the disk to leave free.")] = 1.0,
    quota_gb: Annotated[float | None, typer.Option(min=0, help="GiB that the dataset may hold.")] = None,
    largest_gb: Annotated[float, typer.Option(min=0, help="GiB that one video may have.")] = 16.0,
    connections: Connections = 1,
    pause_s: Pause = 2.0,
    longest_wait_s: LongestWait = 120.0,
    opt_out: Annotated[
        Path | None, typer.Option("--opt-out", help="CSV file of people and videos to add to the opt-out list.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be taken and left, with reasons.")
    ] = False,
    engine: EngineOption = "local",
    retry: RetryOption = None,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Download the press conferences of the players in a list.

    Example:  mgcollect fetch --player-list players.csv --since 2019-01-01 --title-must-not highlights
    """
    from collector.engine import parse_retry
    from collector.fetch import fetch as run
    from collector.fetch import plan_fetch
    from collector.manners import Manners
    from collector.players import read_players
    from collector.sources import FindOptions, require_search
    from manifests.opt_out import read_opt_outs

    players = read_players(player_list)
    if opt_out is not None and not opt_out.exists():
        raise BadInput(f"--opt-out {opt_out}: no such file.")
    opt_outs = read_opt_outs(opt_out) if opt_out else []
    options = FindOptions(
        since=since.date() if since else None,
        until=until.date() if until else None,
        min_duration_s=min_duration,
        max_duration_s=max_duration,
        search_prefix=search_prefix,
        search_results=search_results,
        **({"queries": tuple(query)} if query else {}),
        title_must=tuple(title_must or ()),
        title_must_not=tuple(title_must_not or ()),
        min_height=min_height,
    )
    manners = Manners(
        longest_wait_s=longest_wait_s,
        pause_s=pause_s,
        connections=connections,
        largest_bytes=round(largest_gb * 2**30),
        keep_free_bytes=round(keep_free_gb * 2**30),
        quota_bytes=None if quota_gb is None else round(quota_gb * 2**30),
    )
    again = parse_retry(retry)
    require_search(options)  # before a folder is made
    if dry_run:
        with _looking_only(dataset) as workspace:
            show_candidates(plan_fetch(players, workspace, options, manners=manners, opt_outs=opt_outs, quiet=quiet))
        return
    with open_workspace(dataset, create=True) as workspace:
        report = run(
            players,
            workspace,
            options,
            manners=manners,
            opt_outs=opt_outs,
            engine=engine,
            workers=workers,
            retry=again,
            quiet=quiet,
        )
    if not quiet:
        show_stage(report, "mgcollect segment", options=f"--player-list {player_list}")
    raise typer.Exit(report.exit_code)


@contextmanager
def _looking_only(dataset: Path) -> Iterator[Workspace]:
    """The dataset; where there is none, an empty one that leaves no trace."""
    if dataset.exists():
        with open_workspace(dataset, create=True) as workspace:
            yield workspace
    else:
        with (
            tempfile.TemporaryDirectory(prefix="mgcollect-") as nowhere,
            open_workspace(nowhere, create=True) as workspace,
        ):
            yield workspace


def availability(
    dataset: Dataset = _DATASET,
    older_than_days: Annotated[
        float, typer.Option(min=0, help="Leave out links that were fetched or checked within so many days.")
    ] = 0.0,
    connections: Connections = 1,
    pause_s: Pause = 2.0,
    longest_wait_s: LongestWait = 120.0,
    engine: EngineOption = "local",
    retry: RetryOption = None,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Ask for the links of all videos again, without downloading, and note by date what they lead to.

    Example:  mgcollect availability --older-than-days 30
    """
    from collector.availability import availability as run
    from collector.engine import parse_retry
    from collector.manners import Manners

    with open_workspace(dataset) as workspace:
        report = run(
            workspace,
            older_than_days=older_than_days,
            manners=Manners(longest_wait_s=longest_wait_s, pause_s=pause_s, connections=connections),
            engine=engine,
            workers=workers,
            retry=parse_retry(retry),
            quiet=quiet,
        )
    if not quiet:
        show_availability(report)
    raise typer.Exit(report.exit_code)


def outcomes(
    files: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="Further tables of matches.")] = None,
    matches: Annotated[
        list[Path] | None,
        typer.Option("--matches", metavar="FILE...", help="Tables of matches, such as atp_matches_2024.csv."),
    ] = None,
    slack_days: Annotated[
        int, typer.Option(min=0, help="Days after an event within which its last press conference is uploaded.")
    ] = 3,
    dataset: Dataset = _DATASET,
    quiet: Quiet = False,
) -> None:
    """Join the videos with public tables of matches: who had won, who had lost. What is in doubt is reported, not guessed.

    Example:  mgcollect outcomes --matches atp_matches_2023.csv atp_matches_2024.csv
    """
    from collector.outcomes import outcomes as run

    with open_workspace(dataset) as workspace:
        report = run(workspace, [*(matches or ()), *(files or ())], slack_days=slack_days, quiet=quiet)
    if not quiet:
        show_outcomes(report)
    raise typer.Exit(report.exit_code)


def segment(
    dataset: Dataset = _DATASET,
    min_clip_s: Annotated[
        float, typer.Option(min=0.1, help="Leave out stretches shorter than this many seconds.")
    ] = 2.0,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Leave out who is less surely the player; from 0 to 1.")
    ] = 0.25,
    max_camera_speed: Annotated[
        float, typer.Option(min=0.01, help="Leave out where the camera moves faster, in picture widths a second.")
    ] = 0.2,
    crf: Annotated[
        int, typer.Option(min=0, max=51, help="x264 quality of clips that aren't copied; lower is better.")
    ] = 18,
    weights: Weights = _WEIGHTS,
    weights_sha256: WeightsSha256 = None,
    engine: EngineOption = "local",
    retry: RetryOption = None,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Cut the videos into clips: one shot each, with the player in view, at a constant frame rate.

    Example:  mgcollect segment --min-clip-s 3
    """
    from collector.engine import parse_retry
    from collector.segment import segment as run
    from manifests.status import clip_counts

    with open_workspace(dataset) as workspace:
        report = run(
            workspace,
            weights=weights,
            weights_sha256=weights_sha256,
            min_clip_s=min_clip_s,
            min_confidence=min_confidence,
            max_camera_speed=max_camera_speed,
            crf=crf,
            retry=parse_retry(retry),
            engine=engine,
            workers=workers,
            quiet=quiet,
        )
        counts = clip_counts(workspace)
    if not quiet:
        show_clips(counts)
        show_stage(report, "mgcollect pose")
    raise typer.Exit(report.exit_code)


def pose(
    dataset: Dataset = _DATASET,
    weights: Weights = _WEIGHTS,
    weights_sha256: WeightsSha256 = None,
    skeleton: Annotated[
        str | None,
        typer.Option(
            help="coco17 or holistic (body, hands and face); by default the one the dataset has, else coco17."
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1, …; by default the GPU where there is one.")
    ] = None,
    engine: EngineOption = "local",
    retry: RetryOption = None,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Estimate the player's pose in every frame of every clip. A dataset has poses of one skeleton; another replaces them.

    Example:  mgcollect pose --skeleton holistic
    """
    from collector.engine import parse_retry
    from collector.poses import pose as run

    with open_workspace(dataset) as workspace:
        report = run(
            workspace,
            weights=weights,
            weights_sha256=weights_sha256,
            skeleton=skeleton,
            device=device,
            retry=parse_retry(retry),
            engine=engine,
            workers=workers,
            quiet=quiet,
        )
    if not quiet:
        show_stage(report, "mgcollect propose")
    raise typer.Exit(report.exit_code)


def add_to(app: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    for command in (fetch, availability, outcomes, segment, pose):
        app.command()(command)
