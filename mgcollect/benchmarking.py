"""benchmark: score a release, and compare two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from manifests.errors import BadInput
from mgcollect.options import Quiet
from mgcollect.releases import newest_release
from mgcollect.show import show_scores

__all__ = ["add_to"]


def benchmark(
    context: typer.Context,
    release: Annotated[Path | None, typer.Option("--release", help="A release's folder.")] = None,
    dataset: Annotated[
        Path | None,
        typer.Option("--dataset", envvar="MGCOLLECT_DATASET", help="A dataset, of which the newest release is scored."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for scores and report.")] = Path("results"),
    task: Annotated[list[str] | None, typer.Option("--task", help="Only this task; may be repeated.")] = None,
    method: Annotated[list[str] | None, typer.Option("--method", help="Only this method: a name, or FILE.py.")] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", help="Score this pre-trained MG-FM, or this spotter, too; may be repeated."),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes", min=0.001, help="Train each network that is named for so long, not for its number of steps."
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol", help="Score this split of the release as it is, few people or not: given, cross_subject."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=0,
            help="Processes to run on; 0 runs in this one (unless given: as cores and memory allow).",
        ),
    ] = None,
    engine: Annotated[str, typer.Option("--engine", help="local, or ray (RAY_ADDRESS joins a cluster).")] = "local",
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds (more than one: all five draws of labels).")] = 3,
    quiet: Quiet = False,
) -> None:
    """Score methods on a release, as far as its size allows; without --release or --dataset, on a simulated corpus.

    The simulated corpus is built in the folder of --out and used again; every heading then says that it is simulated. Unless
    methods or checkpoints are named, an MG-FM is pre-trained on its train people first, for two minutes.

    Example:  mgcollect benchmark --release dataset/releases/1.0.0 --out results
    """
    if context.invoked_subcommand is not None:
        return
    from benchmarks.suite import benchmark as run

    notes: list[str] = []
    if dataset is not None and release is None:
        release = newest_release(dataset)
    elif release is None:
        from benchmarks.pretraining import pretrained_on
        from benchmarks.simulated import simulated_release

        release = simulated_release(out / "simulated", quiet=quiet)
        if not method and not checkpoint:
            made, note = pretrained_on(release, quiet=quiet)
            checkpoint, notes = [made], [note]
    report = run(
        release,
        out,
        tasks=task,
        methods=method,
        checkpoints=checkpoint or (),
        minutes=minutes,
        protocol=protocol,
        notes=notes,
        seeds=seeds,
        engine=engine,
        workers=workers,
        quiet=quiet,
    )
    if not quiet:
        show_scores(report)
    raise typer.Exit(report.exit_code)


def compare(
    first: Annotated[Path, typer.Argument(help="A run's folder.")],
    second: Annotated[Path | None, typer.Argument(help="Another's, over the same release.")] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="published: figures of iMiGUE or SMG beside a run on that set.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Say how far two runs differ, paired by person and seed; or show published figures beside one.

    Example:  mgcollect benchmark compare results results-before
    """
    from benchmarks.compare import compare as run
    from benchmarks.published import beside_published

    if against not in (None, "published"):
        raise BadInput(f"--against {against}: the only word it takes is published.")
    if (second is None) == (against is None):
        raise BadInput("Give two runs to compare, or one and --against published.")
    text = run(first, second).text() if second is not None else beside_published(first)
    if not quiet:
        typer.echo(text)


def add_to(app: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(benchmark)
    group.command()(compare)
    app.add_typer(group, name="benchmark")
