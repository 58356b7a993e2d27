"""propose, and annotate: push, serve, pull, agree, consensus, adjudicate, retrain."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from manifests.errors import BadInput
from manifests.workspace import open_workspace
from mgcollect.crowd import assign, practice, queue, report
from mgcollect.options import Dataset, EngineOption, Overlap, Project, Quiet, RetryOption, Workers
from mgcollect.show import console, show_agreement, show_consensus, show_pull, show_push, show_stage
from mgcollect.show_crowd import show_adjudication, show_annotators, show_retrained
from mgcollect.training import Config, Overrides

__all__ = ["add_to"]

_DATASET = Path("dataset")
_PROJECT = "mgcollect"
Rule = Literal["majority", "dawid-skene"]

Checkpoint = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        help="What `mgcollect train spot` wrote (unless given: the newest of `annotate retrain`, or the kinematic spotter).",
    ),
]
ByRule = Annotated[bool, typer.Option("--by-rule", help="Ask the kinematic spotter, a baseline, whatever was trained.")]
Recall = Annotated[
    float,
    typer.Option(
        "--recall", help="Share of each class's gestures that a trained spotter should find, as far as it can."
    ),
]


def propose(
    dataset: Dataset = _DATASET,
    checkpoint: Checkpoint = None,
    by_rule: ByRule = False,
    recall: Recall = 0.9,
    engine: EngineOption = "local",
    retry: RetryOption = None,
    workers: Workers = 1,
    quiet: Quiet = False,
) -> None:
    """Propose gestures from the poses: by a trained spotter, or by rule, which is a baseline and named so.

    Unless told otherwise it asks the newest that `annotate retrain` made, and the rules until there is one.

    Each clip's proposals are of the last model that was asked. The higher --recall is, the more candidates there are.

    Example:  mgcollect propose --checkpoint spotter --workers 4
    """
    from annotate.propose import propose as run
    from collector.engine import parse_retry

    with open_workspace(dataset) as workspace:
        report = run(
            workspace,
            checkpoint=_chosen(dataset, checkpoint, by_rule),
            recall=recall,
            retry=parse_retry(retry),
            engine=engine,
            workers=workers,
            quiet=quiet,
        )
    if not quiet:
        show_stage(report, "mgcollect annotate push")
    raise typer.Exit(report.exit_code)


def push(
    dataset: Dataset = _DATASET,
    project: Project = _PROJECT,
    annotators: Annotated[
        int | None, typer.Option("--annotators", min=1, help="How many annotate each clip; 2 at first.")
    ] = None,
    without_proposals: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=0.99, help="Share of clips shown without proposals, to see how far they lead; 0 at first."
        ),
    ] = None,
    window: Annotated[
        float | None,
        typer.Option(min=0.0, help="Show longer clips in windows of about so many seconds; 60 at first, 0: whole."),
    ] = None,
    overlap: Annotated[
        float | None, typer.Option(min=0.0, help="Seconds that neighbouring windows share; 5 at first.")
    ] = None,
    films: Annotated[
        str | None,
        typer.Option(
            help="Where annotators get the films: https://HOST/FOLDER, s3://BUCKET/FOLDER (copied there), or local, as at first."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Put clips and proposals into Label Studio; LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY say where.

    What isn't given stays as in the last push. For an S3 store AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL are
    read; Label Studio is given the same keys.

    Example:  mgcollect annotate push --annotators 3
    """
    from annotate.crowd_design import read_design
    from annotate.push import push as run

    with open_workspace(dataset) as workspace:
        last = read_design(workspace)
        given: dict[str, Any] = {
            "per_task": annotators,
            "without_proposals": without_proposals,
            "window_s": window,
            "overlap_s": overlap,
            "films": "" if films == "local" else films,
        }
        design = replace(last, **{name: value for name, value in given.items() if value is not None})
        report = run(workspace, project=project, design=design, quiet=quiet)
    if not quiet or report.exit_code:
        show_push(report)
    raise typer.Exit(report.exit_code)


def serve(
    dataset: Dataset = _DATASET,
    project: Project = _PROJECT,
    checkpoint: Checkpoint = None,
    by_rule: ByRule = False,
    recall: Recall = 0.9,
    host: Annotated[str, typer.Option("--host", help="Where to listen; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 9090,
    url: Annotated[
        str | None, typer.Option("--url", help="By which Label Studio reaches this (unless given: http://HOST:PORT).")
    ] = None,
    attach: Annotated[bool, typer.Option(help="Make the project ask here and tell of submissions.")] = True,
    pull_after: Annotated[
        float, typer.Option("--pull-after", min=0.1, help="Seconds without a submission after which all are pulled.")
    ] = 20.0,
    quiet: Quiet = False,
) -> None:
    """Answer Label Studio live, as its ML backend: stored proposals at once, missing ones computed; pull what is submitted.

    A spotter that `annotate retrain` finishes meanwhile answers from then on.

    MGCOLLECT_ML_SECRET is the password that Label Studio is given. A Label Studio that runs on this machine or in this network
    has to be started with ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false, or it calls nobody here.

    Example:  mgcollect annotate serve --checkpoint spotter --port 9090
    """
    from annotate.propose import Propose, stage_of
    from annotate.serve import Desk, secret_from_env
    from annotate.serve import serve as run
    from annotate.server import address_from_env

    secret, address = secret_from_env(), address_from_env() if attach else None
    with open_workspace(dataset):
        pass  # or a wrong folder would be told at the first task only
    say = (lambda _: None) if quiet else console.print

    def stage() -> Propose:
        return stage_of(_chosen(dataset, checkpoint, by_rule), recall)

    stage()  # or wrong options would be told at the first task only
    desk = Desk(dataset, stage, project, address, pull_after, say)
    run(desk, secret, host=host, port=port, url=url, attached=attach)


def pull(dataset: Dataset = _DATASET, project: Project = _PROJECT, quiet: Quiet = False) -> None:
    """Bring what the annotators submitted into the annotations table.

    Example:  mgcollect annotate pull
    """
    from annotate.pull import pull as run

    with open_workspace(dataset) as workspace:
        report = run(workspace, project=project)
    if not quiet or report.exit_code:
        show_pull(report)
    raise typer.Exit(report.exit_code)


def agree(dataset: Dataset = _DATASET, tiou: Overlap = 0.5, quiet: Quiet = False) -> None:
    """Measure how far the annotators agree, in time and in label, and what each of them is worth.

    Gestures known beforehand, in the dataset's `gold.csv`, tell it best.

    Example:  mgcollect annotate agree --tiou 0.3
    """
    from annotate.agree import agree as run
    from annotate.annotators import annotators

    with open_workspace(dataset) as workspace:
        agreement = run(workspace, tiou=tiou)
        profiles = annotators(workspace, tiou=tiou)
    if not quiet:
        show_agreement(agreement)
        show_annotators(profiles)


def consensus(
    dataset: Dataset = _DATASET,
    rule: Annotated[
        Rule | None, typer.Option(help="Unless given, the label model where 3 annotators judged each of 30 clips.")
    ] = None,
    min_support: Annotated[float, typer.Option(min=0.01, max=1.0, help="Least share of a clip's annotators.")] = 0.5,
    tiou: Overlap = 0.5,
    quiet: Quiet = False,
) -> None:
    """Merge the annotations into the gestures table, by majority or by a label model that weighs annotators.

    Example:  mgcollect annotate consensus --rule majority --min-support 0.6
    """
    from annotate.consensus import consensus as run

    with open_workspace(dataset) as workspace:
        report = run(workspace, rule=rule, min_support=min_support, tiou=tiou)
    if not quiet:
        show_consensus(report)


def adjudicate(
    dataset: Dataset = _DATASET, project: Project = _PROJECT, tiou: Overlap = 0.5, quiet: Quiet = False
) -> None:
    """Put disputes before an adjudicator, in a Label Studio project of their own, and take what was decided.

    Run it after `consensus`, let somebody decide in Label Studio, run it again and then `consensus`.

    Example:  mgcollect annotate adjudicate
    """
    from annotate.adjudicate import adjudicate as run

    with open_workspace(dataset) as workspace:
        done = run(workspace, project=project, tiou=tiou, quiet=quiet)
    if not quiet or done.exit_code:
        show_adjudication(done)
    raise typer.Exit(done.exit_code)


def retrain(
    overrides: Overrides = None,
    dataset: Dataset = _DATASET,
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", help="What `mgcollect pretrain` wrote: its features beside the poses."),
    ] = None,
    measure: Annotated[
        float, typer.Option("--measure", min=0.0, max=0.99, help="Share of the people who are kept for measuring.")
    ] = 0.2,
    config: Config = None,
    quiet: Quiet = False,
) -> None:
    """Train the next version of the spotter on the agreed gestures, and say what it gained on people it never saw.

    From then on propose and serve ask it. Each version is a folder in the dataset's spotters/.

    Example:  mgcollect annotate retrain training.steps=3000
    """
    from annotate.retrain import retrain as run
    from models.pretrain import load_encoder
    from models.settings import load_settings
    from models.spot.detect import default_device
    from models.spot.spotter import SpotSettings

    settings = load_settings(SpotSettings, config, overrides or [])
    encoder = None if checkpoint is None else load_encoder(checkpoint)[0]
    with open_workspace(dataset) as workspace:
        done = run(workspace, settings, encoder=encoder, share=measure, device=default_device(), quiet=quiet)
    if not quiet:
        show_retrained(done)


def _chosen(dataset: Path, checkpoint: Path | None, by_rule: bool) -> Path | None:
    """The spotter to ask: the one that is named, else the newest of the dataset's own; None for the kinematic one."""
    from annotate.spotters import newest_spotter

    if by_rule and checkpoint is not None:
        raise BadInput("Give either --checkpoint or --by-rule.")
    return None if by_rule else checkpoint or newest_spotter(dataset)


def add_to(app: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    app.command()(propose)
    group = typer.Typer(help="Let annotators decide, in Label Studio.", no_args_is_help=True)
    for command in (push, practice, assign, serve, pull, agree, consensus, adjudicate, queue, retrain, report):
        group.command()(command)
    app.add_typer(group, name="annotate")
