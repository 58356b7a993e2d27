"""A spotter: network, classes and calibration, as one checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from manifests.errors import BadInput
from models.augment import Augment
from models.checkpoints import MODEL, Card, load_weights, save_weights
from models.mgfm import MGFM, NetworkSettings
from models.settings import from_mapping
from models.spot.calibration import Calibration
from models.spot.network import SpotNetwork, SpotterNetwork
from models.trainer import Training

__all__ = ["KIND", "SpotSettings", "Spotter", "load_spotter", "save_spotter"]

KIND = "spotter"


@dataclass(frozen=True)
class SpotSettings:
    """Everything a spotter's training depends on, beside streams and encoder.

    Attributes:
        network: shape of the network.
        encoder: shape of the pre-trained MG-FM whose features it also sees; None where there is none.
        frames: of a training window, at the network's rate.
        around: share of the windows that are drawn around a gesture, of a class drawn by `balance`.
        balance: 0 draws classes as often as they are, 1 all as often.
        stretch: largest change of pace, as a share.
        span_weight: of the loss of the ends, against that of the classes.
        held_out: share of the training people who are kept for the calibration.
        augment: how windows are varied. Mirrored, because no class of the taxonomy tells the sides apart.
        training: how weights are fitted.
    """

    network: SpotNetwork = field(default_factory=SpotNetwork)
    encoder: NetworkSettings | None = None
    frames: int = 512
    around: float = 0.5
    balance: float = 0.5
    stretch: float = 0.1
    span_weight: float = 1.0
    held_out: float = 0.15
    augment: Augment = field(
        default_factory=lambda: Augment(turn=25, mirror=0.5, hide_joint=0.03, hide_part=0.05, hide_time=0.1)
    )
    training: Training = field(
        default_factory=lambda: Training(steps=2000, batch_size=8, lr=1e-3, weight_decay=0.05, beta2=0.99, log_every=20)
    )


@dataclass
class Spotter:
    """A trained spotter.

    Attributes:
        network: poses to logits and distances.
        classes: in the order of the logits.
        calibration: logits to chances.
    """

    network: SpotterNetwork
    classes: tuple[str, ...]
    calibration: Calibration


def save_spotter(path: Path | str, spotter: Spotter, card: Card) -> None:
    """Write `path/model.safetensors`."""
    known = spotter.calibration
    tensors = {f"network.{name}": tensor for name, tensor in spotter.network.state_dict().items()}
    tensors["calibration.map"] = torch.tensor([known.temperature, known.offset], dtype=torch.float64)
    tensors["calibration.found"] = torch.from_numpy(np.ascontiguousarray(known.found))
    save_weights(Path(path) / MODEL, tensors, card)


def load_spotter(path: Path | str) -> tuple[Spotter, Card]:
    """The spotter of a checkpoint that `train_spot` wrote.

    Raises:
        BadInput: there is none, it holds another kind of model, or its weights don't fit its settings.
        SchemaMismatch: it is of another format version.
    """
    card, tensors = load_weights(path)
    if card.kind != KIND:
        raise BadInput(f"{path} holds a {card.kind}, not a spotter. Give the folder that `mgcollect train spot` wrote.")
    settings = from_mapping(SpotSettings, card.settings, str(path))
    encoder = MGFM(settings.encoder) if settings.encoder else None
    network = SpotterNetwork(settings.network, len(card.classes), encoder)
    try:
        temperature, offset = tensors.pop("calibration.map").tolist()
        found = tensors.pop("calibration.found").numpy()
        network.load_state_dict({name.removeprefix("network."): tensor for name, tensor in tensors.items()})
    except (KeyError, RuntimeError, ValueError) as error:
        raise BadInput(f"{path}: the weights don't fit the checkpoint's own settings. Train anew.") from error
    return Spotter(network.eval(), card.classes, Calibration(temperature, offset, found)), card
