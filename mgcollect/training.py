"""pretrain, embed, train: from poses to MG-FM, its embeddings, and models that stand on it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Literal

import typer

from manifests.errors import BadInput
from mgcollect.options import Quiet
from mgcollect.show_training import show_embedding, show_pretraining, show_recognition

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
    Path | None, typer.Option("--checkpoint", help="What `mgcollect pretrain` wrote [train from scratch].")
]


def pretrain(
    overrides: Overrides = None,
    release: Release = None,
    dataset: Dataset = None,
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
    store, held_out = prepare_pretraining(
        source_of(release, dataset), out, protocol=protocol, probe_people=probe_people, seed=settings.training.seed
    )
    run([store], out, settings, held_out=held_out, quiet=quiet)
    if not quiet:
        show_pretraining(out, read_card(out))


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
    quiet: Quiet = False,
) -> None:
    """Write an embedding of every gesture, or of every clip.

    Example:  mgcollect embed --release dataset/releases/1.0.0 --checkpoint mgfm --out embeddings.parquet
    """
    from models.embed import embed as run
    from models.prepare import prepare
    from models.pretrain import load_encoder

    load_encoder(checkpoint)  # a wrong one is refused before hours of poses are prepared
    with tempfile.TemporaryDirectory(prefix="mgcollect-") as folder:
        store = prepare(source_of(release, dataset), Path(folder) / "poses", gestures=not clips)
        report = run(store, checkpoint, out, quiet=quiet)
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
    app.command()(pretrain)
    app.command()(embed)
    group = typer.Typer(no_args_is_help=True, help="Train models that stand on MG-FM.")
    group.command()(recognise)
    app.add_typer(group, name="train")
