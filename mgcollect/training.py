"""pretrain, embed, train: from poses to MG-FM, its embeddings, and models that stand on it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from manifests.errors import BadInput
from mgcollect.options import Quiet
from mgcollect.show_training import (
    show_embedding,
    show_emotion,
    show_pretraining,
    show_recognition,
    show_sample,
    show_spotting,
)

if TYPE_CHECKING:
    from models.store import PoseStore

__all__ = ["Config", "Dataset", "Fresh", "Overrides", "Release", "add_to", "source_of"]

Release = Annotated[Path | None, typer.Option("--release", help="A release's folder.")]
Dataset = Annotated[
    Path | None, typer.Option("--dataset", envvar="MGCOLLECT_DATASET", help="A dataset's folder, instead of a release.")
]
Config = Annotated[Path | None, typer.Option("--config", help="Settings as YAML.")]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME=VALUE]…", help="Settings, such as training.lr=3e-4.")
]
Fresh = Annotated[
    Path | None,
    typer.Option("--checkpoint", help="What `mgcollect pretrain` wrote (unless given: train from scratch)."),
]


def pretrain(
    overrides: Overrides = None,
    release: Release = None,
    dataset: Dataset = None,
    sample: Annotated[
        Path | None, typer.Option("--sample", help="What `mgcollect sample` drew, instead of a release or a dataset.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for weights, log and prepared poses.")] = Path("mgfm"),
    size: Annotated[Literal["tiny", "small", "base"] | None, typer.Option("--size", help="Of the network.")] = None,
    minutes: Annotated[float | None, typer.Option("--minutes", min=0.01, help="Stop after this long.")] = None,
    protocol: Annotated[
        str | None,
        typer.Option("--protocol", help="Learn from this protocol's train people only, such as cross_subject."),
    ] = None,
    probe_people: Annotated[
        int, typer.Option("--probe-people", min=0, help="People with gestures to leave out and probe on (2 or more).")
    ] = 0,
    config: Config = None,
    quiet: Quiet = False,
) -> None:
    """Train MG-FM on poses without a label; the same command again goes on where a killed run was.

    Example:  mgcollect pretrain --release dataset/releases/1.0.0 --size tiny --minutes 10 --out mgfm training.lr=2e-3
    """
    from models.checkpoints import read_card
    from models.prepare import prepare_pretraining
    from models.pretrain import PretrainSettings
    from models.pretrain import pretrain as run
    from models.settings import load_settings

    shape = [] if size is None else size_overrides(size)
    limit = [] if minutes is None else [f"training.minutes={minutes}", "training.steps=1000000000"]
    probing = ["probe_every=100"] if probe_people else []
    settings = load_settings(PretrainSettings, config, [*shape, *limit, *probing, *(overrides or [])])
    store, held_out = (
        prepare_pretraining(
            source_of(release, dataset), out, protocol=protocol, probe_people=probe_people, seed=settings.training.seed
        )
        if sample is None
        else (_drawn(sample, release, protocol, probe_people), None)
    )
    run([store], out, settings, held_out=held_out, quiet=quiet)
    if not quiet:
        show_pretraining(out, read_card(out))


def _drawn(sample: Path, release: Path | None, protocol: str | None, probe_people: int) -> PoseStore:
    """What `mgcollect sample` drew; whose poses it holds was decided there."""
    from models.store import open_store

    if release or protocol or probe_people:
        raise BadInput(
            "--sample goes without --release, --protocol and --probe-people: give those to `mgcollect sample`."
        )
    return open_store(sample)


def sample(
    overrides: Overrides = None,
    release: Release = None,
    dataset: Dataset = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the drawn windows, their scores and a page.")] = Path(
        "sample"
    ),
    share: Annotated[float | None, typer.Option("--share", help="Of all windows, above 0 and up to 1.")] = None,
    protocol: Annotated[
        str | None, typer.Option("--protocol", help="Take this protocol's train people only, such as cross_subject.")
    ] = None,
    config: Config = None,
    quiet: Quiet = False,
) -> None:
    """Draw the windows that are worth pre-training on, balanced over people and kinds of movement.

    Scored are confidence, hands and face in view, being alone, a steady camera, and movement of the size of a micro-gesture.

    Example:  mgcollect sample --release dataset/releases/1.0.0 --share 0.2 --out sample drawing.people=0.5
    """
    from models.sampling.sample import SampleSettings
    from models.sampling.sample import sample as run
    from models.settings import load_settings

    wanted = [] if share is None else [f"drawing.share={share}"]
    settings = load_settings(SampleSettings, config, [*wanted, *(overrides or [])])
    report = run(source_of(release, dataset), out, settings, protocol=protocol, quiet=quiet)
    if not quiet:
        show_sample(out, report)


def size_overrides(size: str) -> list[str]:
    """A size's settings, as overrides that others may follow."""
    from models.mgfm import network

    return [f"network.{name}={value}" for name, value in vars(network(size)).items()]


def embed(
    checkpoint: Annotated[Path, typer.Option("--checkpoint", help="What `mgcollect pretrain` wrote.")],
    release: Release = None,
    dataset: Dataset = None,
    out: Annotated[Path, typer.Option("--out", help="The Parquet file to write.")] = Path("embeddings.parquet"),
    clips: Annotated[bool, typer.Option("--clips", help="Embed whole clips instead of gestures.")] = False,
    pooling: Annotated[
        Literal["mean", "moments", "parts", "grid"],
        typer.Option(
            "--pooling",
            help="What is kept of the tokens; parts tells rare gestures better, and is some ten times wider.",
        ),
    ] = "mean",
    quiet: Quiet = False,
) -> None:
    """Write an embedding of every gesture, or of every clip.

    An embedding is the mean of all tokens; or also their maximum and deviation (moments); mean and deviation of each part of
    the body (parts); or the mean of each joint in each quarter of the time (grid).

    Example:  mgcollect embed --release dataset/releases/1.0.0 --checkpoint mgfm --out embeddings.parquet
    """
    from models.embed import embed as run
    from models.prepare import prepare
    from models.pretrain import load_encoder

    load_encoder(checkpoint)  # a wrong one is refused before hours of poses are prepared
    with tempfile.TemporaryDirectory(prefix="mgcollect-") as folder:
        store = prepare(source_of(release, dataset), Path(folder) / "poses", gestures=not clips)
        report = run(store, checkpoint, out, pooling=pooling, quiet=quiet)
    if not quiet:
        show_embedding(out, report)


def recognise(
    overrides: Overrides = None,
    release: Release = None,
    dataset: Dataset = None,
    checkpoint: Fresh = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the weights.")] = Path("recogniser"),
    protocol: Annotated[str, typer.Option("--protocol", help="Whose people train, and whose test.")] = "cross_subject",
    fraction: Annotated[
        float, typer.Option("--fraction", min=0.0, max=1.0, help="Share of the training labels that is used.")
    ] = 1.0,
    config: Config = None,
    quiet: Quiet = False,
) -> None:
    """Fine-tune MG-FM (or train its network from scratch) to tell gestures apart, and score it on people it never saw.

    Gestures that --fraction leaves without a label are used for pseudo-labels if pseudo_rounds is set.

    Example:  mgcollect train recognise --release dataset/releases/1.0.0 --checkpoint mgfm --out recogniser epochs=80
    """
    import numpy as np

    from models.prepare import prepare
    from models.pretrain import load_encoder
    from models.recognise import RecogniseSettings, draw_fraction, train_recognise
    from models.settings import load_settings

    settings = load_settings(RecogniseSettings, config, overrides or [])
    encoder = None if checkpoint is None else load_encoder(checkpoint)[0]
    store = prepare(source_of(release, dataset), out / "poses", gestures=True, protocol=protocol)
    labelled = train = store.where("train")
    if fraction < 1:
        labelled = draw_fraction(store.labels, train, fraction, settings.training.seed)
    _, result = train_recognise(
        store,
        out,
        settings,
        encoder=encoder,
        train=labelled,
        unlabelled=np.setdiff1d(train, labelled),
        quiet=quiet,
    )
    if not quiet:
        show_recognition(out, len(labelled), result)


def spot(
    overrides: Overrides = None,
    release: Release = None,
    dataset: Dataset = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", help="What `mgcollect pretrain` wrote: its features beside the poses."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for weights, log and prepared poses.")] = Path("spotter"),
    config: Config = None,
    quiet: Quiet = False,
) -> None:
    """Train a spotter to find gestures in whole clips, for `mgcollect propose`; the same command again goes on where it was.

    It learns from the clips of the cross-subject split's train people; some of them are held out to calibrate its scores.

    Example:  mgcollect train spot --release dataset/releases/1.0.0 --out spotter training.steps=3000
    """
    from models.pretrain import load_encoder
    from models.settings import load_settings
    from models.spot.detect import default_device
    from models.spot.spotter import SpotSettings
    from models.spot.streams import read_streams
    from models.spot.train import train_spot

    settings = load_settings(SpotSettings, config, overrides or [])
    encoder = None if checkpoint is None else load_encoder(checkpoint)[0]
    streams = read_streams(source_of(release, dataset), out / "poses")
    _, report = train_spot(streams, out, settings, encoder=encoder, device=default_device(), quiet=quiet)
    if not quiet:
        show_spotting(out, report)


def emotion(
    checkpoint: Annotated[Path, typer.Option("--checkpoint", help="What `mgcollect pretrain` wrote.")],
    overrides: Overrides = None,
    release: Release = None,
    dataset: Dataset = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the weights and prepared poses.")] = Path("emotion"),
    config: Config = None,
    quiet: Quiet = False,
) -> None:
    """Learn to tell won from lost matches by the gestures of a recording, and which of them say so.

    Example:  mgcollect train emotion --release dataset/releases/1.0.0 --checkpoint mgfm --out emotion width=64
    """
    from models.emotion import EmotionSettings, read_recordings, train_emotion
    from models.pretrain import load_encoder
    from models.settings import load_settings

    settings = load_settings(EmotionSettings, config, overrides or [])
    encoder, _ = load_encoder(checkpoint)
    recordings = read_recordings(source_of(release, dataset), out / "poses")
    _, report = train_emotion(recordings, out, encoder, settings, quiet=quiet)
    if not quiet:
        show_emotion(out, report)


def source_of(release: Path | None, dataset: Path | None) -> Path:
    """The folder to take poses from: the release if one is named, else the dataset."""
    source = release or dataset or Path("dataset")
    if not source.is_dir():
        raise BadInput(
            f"{source}: there is no such folder. Give a release with --release, or a dataset with --dataset."
        )
    return source


def add_to(app: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    app.command()(sample)
    app.command()(pretrain)
    app.command()(embed)
    group = typer.Typer(no_args_is_help=True, help="Train models that stand on MG-FM.")
    for command in (recognise, spot, emotion):
        group.command()(command)
    app.add_typer(group, name="train")
