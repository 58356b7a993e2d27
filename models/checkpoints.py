"""Checkpoints: weights in safetensors, with everything needed to know what they are in the same file's header.

A checkpoint's folder holds `model.safetensors` (what others load) and, while a training may go on, `resume.safetensors`
(weights, optimiser and step in one file, so that a kill can't leave halves of two steps).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from manifests.errors import BadInput, SchemaMismatch
from manifests.parquet import replacing
from manifests.provenance import made_by

__all__ = ["CHECKPOINT_FORMAT", "MODEL", "RESUME", "Card", "load_weights", "read_card", "save_weights"]

CHECKPOINT_FORMAT = 1
MODEL = "model.safetensors"
RESUME = "resume.safetensors"
_CARD = "mgcollect"


@dataclass(frozen=True)
class Card:
    """What a file of weights says of itself.

    Attributes:
        kind: what the weights are of, such as "mgfm" or "recogniser".
        settings: every setting of the training.
        skeletons: joint sets that it was trained on.
        data: sha256 digests of the prepared stores, by name.
        classes: what the outputs mean, where there are classes.
        metrics: what was measured at the end.
        step: optimiser steps taken.
    """

    kind: str
    settings: dict[str, Any]
    skeletons: tuple[str, ...] = ()
    data: dict[str, str] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)
    step: int = 0


def save_weights(path: Path | str, tensors: dict[str, torch.Tensor], card: Card) -> None:
    """Write tensors and card, whole or not at all.

    Raises:
        CannotWrite: the folder is read-only or its disk full.
    """
    header = {"format": CHECKPOINT_FORMAT, "made_by": made_by(), **vars(card)}
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        save_file(plain, temporary, metadata={_CARD: json.dumps(header)})


def read_card(path: Path | str) -> Card:
    """The card of a file of weights; nothing else is read.

    Raises:
        BadInput: there is no such file, or mgcollect didn't write it.
        SchemaMismatch: it is of another format version.
    """
    return _open(Path(path), None)[0]


def load_weights(path: Path | str, device: str = "cpu") -> tuple[Card, dict[str, torch.Tensor]]:
    """Card and tensors. A folder stands for its `model.safetensors`. Raises as `read_card`."""
    return _open(Path(path), device)


def _open(path: Path, device: str | None) -> tuple[Card, dict[str, torch.Tensor]]:
    path = path / MODEL if path.is_dir() else path
    if not path.exists():
        raise BadInput(f"{path}: there is no checkpoint. Make one with `mgcollect pretrain`.")
    try:
        with safe_open(path, framework="pt", device=device or "cpu") as file:
            card = _card((file.metadata() or {}).get(_CARD), path)
            names = file.keys() if device else []
            return card, {name: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise BadInput(f"{path}: not a readable safetensors file ({error}). Restore it, or train anew.") from error


def _card(text: str | None, path: Path) -> Card:
    if text is None:
        raise BadInput(f"{path}: these weights are not mgcollect's (their header lacks its card).")
    try:
        header = json.loads(text)
        version = header.pop("format")
        header.pop("made_by")
        if version != CHECKPOINT_FORMAT:
            raise SchemaMismatch(
                f"{path}: a checkpoint of format {version}; this mgcollect reads format {CHECKPOINT_FORMAT}. Train anew."
            )
        header["skeletons"] = tuple(header["skeletons"])
        header["classes"] = tuple(header["classes"])
        return Card(**header)
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: the checkpoint's card is damaged ({error}).") from error
