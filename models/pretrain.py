"""Pre-train MG-FM on prepared poses, without a label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from manifests.errors import BadInput
from models.augment import Augment, augment
from models.checkpoints import MODEL, RESUME, Card, load_weights, read_card, save_weights
from models.data import Batch, Windows, draw_items, draw_windows, windows
from models.features import features, knn_hits
from models.mgfm import MGFM, SIZES, NetworkSettings
from models.objectives import Objective, Pretraining
from models.settings import from_mapping, to_mapping
from models.store import PoseStore
from models.trainer import Training, fit, is_first_process

__all__ = ["PretrainSettings", "load_encoder", "pretrain", "two_views"]


@dataclass(frozen=True)
class PretrainSettings:
    """Everything a pre-training depends on, beside the poses.

    Attributes:
        network: shape of the network; `SIZES` has the named ones.
        objective: what is asked of it.
        windows: how windows are cut from clips.
        view_crop: least share of a window that each of its two views covers.
        augment: how the views are varied.
        training: how weights are fitted.
        probe_every: steps between nearest-neighbour probes on held-out people; 0 for none.
    """

    network: NetworkSettings = SIZES["tiny"]
    objective: Objective = field(default_factory=Objective)
    windows: Windows = field(default_factory=lambda: Windows(shortest=32, longest=128, crop=0.3))
    view_crop: float = 0.7
    augment: Augment = field(default_factory=lambda: Augment(limbs=0.2, hide_joint=0.05, hide_part=0.1))
    training: Training = field(default_factory=Training)
    probe_every: int = 0


def pretrain(
    stores: Sequence[PoseStore],
    out: Path | str,
    settings: PretrainSettings | None = None,
    *,
    held_out: PoseStore | None = None,
    stop: Callable[[int], bool] | None = None,
    quiet: bool = False,
) -> MGFM:
    """Train an encoder on every item of the stores and write `out/model.safetensors`.

    An unfinished run in `out` goes on where it was; a finished one is loaded.

    Args:
        stores: drawn from by their frames, one store a batch, so that skeletons need not agree.
        held_out: labelled items of people who are in none of the stores, for the probe: each finds its nearest among
            those of the others.
        stop: called with each step's number; true ends the run there, to be gone on with.

    Raises:
        BadInput: no store, `out` holds another run, a held-out person is trained on, or what `models.trainer.fit` refuses.
    """
    settings = settings or PretrainSettings()
    if not stores or not all(len(store) for store in stores):
        raise BadInput("There are no poses to pre-train on. Prepare some with `mgcollect pose` or give --release.")
    if held_out is not None:
        _check_held_out(stores, held_out)
    card = Card(
        kind="mgfm",
        settings=to_mapping(settings),
        skeletons=tuple(sorted({store.skeleton.name for store in stores})),
        data={store.path.name: store.digest for store in stores},
    )
    if (Path(out) / MODEL).exists():
        return _trained_before(Path(out), card)
    torch.manual_seed(settings.training.seed)
    module = Pretraining(settings.network, settings.objective)
    halted, steps = False, read_card(Path(out) / RESUME).step if (Path(out) / RESUME).exists() else 0

    def asked_to_stop(step: int) -> bool:
        nonlocal halted, steps
        halted, steps = stop is not None and stop(step), step
        return halted

    line = fit(
        module,
        lambda seed: two_views(stores, settings, np.random.default_rng(seed)),
        settings.training,
        card,
        out,
        probe=_knn_probe(held_out, settings.windows.frames) if held_out is not None else None,
        probe_every=settings.probe_every,
        stop=asked_to_stop,
        quiet=quiet,
    )
    if not halted:
        module.encoder.introduce({joint for store in stores for joint in store.skeleton.joints})
    if not halted and is_first_process():
        # Without its speed, so that the same seed gives the same file.
        measured = {name: value for name, value in line.items() if name != "rate"}
        final = Card(**{**vars(card), "metrics": measured, "step": steps})
        save_weights(Path(out) / MODEL, dict(module.encoder.state_dict()), final)
        (Path(out) / RESUME).unlink()
    return module.encoder


def _trained_before(folder: Path, card: Card) -> MGFM:
    encoder, found = load_encoder(folder)
    if found.settings != card.settings or found.data != card.data:
        raise BadInput(f"{folder} holds a checkpoint of other settings or poses. Give another --out, or remove it.")
    return encoder


def two_views(stores: Sequence[PoseStore], settings: PretrainSettings, rng: np.random.Generator) -> tuple[Batch, Batch]:
    """Two views of the same windows: each a crop in time of the window, seen from another point of view."""
    share = np.array([len(store.poses) for store in stores], dtype=np.float64)
    store = stores[int(rng.choice(len(stores), p=share / share.sum()))]
    items = draw_items(store, np.arange(len(store)), settings.training.batch_size, settings.windows.longest, rng)
    start, length = draw_windows(store, items, settings.windows, rng)
    views = []
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    for _ in range(2):
        part = length * rng.uniform(settings.view_crop, 1.0, len(items)).astype(np.float32)
        offset = rng.random(len(items)) * (length - part)
        view = windows(store, items, start + offset, part, settings.windows.frames)
        views.append(augment(view, settings.augment, generator))
    return views[0], views[1]


def load_encoder(path: Path | str) -> tuple[MGFM, Card]:
    """The encoder of a checkpoint that `pretrain` wrote.

    Raises:
        BadInput: there is none, it is of another kind of model, or its weights don't fit its settings.
        SchemaMismatch: it is of another format version.
    """
    card, tensors = load_weights(path)
    if card.kind != "mgfm":
        raise BadInput(f"{path} holds a {card.kind}, not a pre-trained MG-FM. Give the folder that `pretrain` wrote.")
    encoder = MGFM(from_mapping(PretrainSettings, card.settings, str(path)).network)
    try:
        encoder.load_state_dict(tensors)
    except RuntimeError as error:
        raise BadInput(f"{path}: the weights don't fit the checkpoint's own settings. Pre-train anew.") from error
    return encoder.eval(), card


def _check_held_out(stores: Sequence[PoseStore], held_out: PoseStore) -> None:
    trained = {str(person) for store in stores for person in store.people if person}
    if shared := trained & {str(person) for person in held_out.people}:
        raise BadInput(
            f"{len(shared)} people are both trained on and held out, such as {min(shared)!r}. Hold out others."
        )


def _knn_probe(held_out: PoseStore, frames: int) -> Callable[[nn.Module], dict[str, float]]:
    items = np.flatnonzero(held_out.labels >= 0)
    labels, people = held_out.labels[items], held_out.people[items]
    if len(set(people.tolist())) < 2:
        raise BadInput("The probe asks how alike people's gestures are; hold out at least two people.")

    def probe(module: nn.Module) -> dict[str, float]:
        assert isinstance(module, Pretraining)
        device = str(next(module.parameters()).device)
        values = features(module.encoder, held_out, items, frames=frames, device=device)
        hits = [
            knn_hits(values[people != person], labels[people != person], values[mine], labels[mine])
            for person in np.unique(people)
            for mine in [people == person]
        ]
        return {"knn1": float(np.concatenate(hits).mean())}

    return probe
