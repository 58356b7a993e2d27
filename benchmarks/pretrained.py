"""Checkpoints as methods: embeddings by a pre-trained MG-FM, detections by a trained spotter; their weights stay as they are.

Beside a pre-trained MG-FM stands `mg-fm-random`, the same network with random weights: what lies between the two is what
pre-training is worth. Each number of an embedding is scaled to the deviation that it has over the gestures that may be seen, without
their labels, as the kinematic baseline's are.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.preprocessing import StandardScaler

from benchmarks.corpus import Sample
from benchmarks.held import hold
from benchmarks.methods import Method
from manifests.errors import BadInput, ItemFailed
from manifests.ids import file_sha256
from manifests.poses import Poses
from models.checkpoints import MODEL, read_card
from models.spot.candidates import Candidate

__all__ = ["NAME", "RANDOM", "load_pretrained", "pretrained", "untrained", "weights_of"]

RANDOM = "mg-fm-random"
NAME, _SPOTTER = "mg-fm", "spotter"


def pretrained(checkpoint: Path | str) -> Method:
    """The method of a checkpoint: `mg-fm` of what `mgcollect pretrain` wrote, `spotter` of what `mgcollect train spot` did.

    A spotter that was trained on the same release has learned from its train people only, whom no task tests.

    Args:
        checkpoint: the folder, or the file of weights in it.

    Raises:
        BadInput: there is no checkpoint of either kind.
    """
    path = weights_of(checkpoint)
    if read_card(path).kind == "spotter":
        count = _count(_load_spotter(str(path)).network)
        return Method(_SPOTTER, spot=_Spot(str(path)), parameters=_Parameters(count), digest=file_sha256(path))
    count = _count(load_pretrained(str(path))[0])
    return Method(NAME, fit=_Fit(str(path)), embed=_embed, parameters=_Parameters(count), digest=file_sha256(path))


def untrained(weights: Path) -> Method:
    """The network of a pre-trained MG-FM's file of weights, with weights drawn by the seed instead."""
    draw = _Fit(str(weights), random=True)
    return Method(RANDOM, fit=draw, embed=_embed, parameters=_Parameters(0), digest=file_sha256(weights))


def weights_of(checkpoint: Path | str) -> Path:
    """The file of weights of a checkpoint that is named by its folder, or by that file."""
    path = Path(checkpoint)
    return (path / MODEL if path.is_dir() else path).resolve()


def _count(network: Any) -> int:
    return sum(weights.numel() for weights in network.parameters())


@dataclass(frozen=True)
class _Parameters:
    count: int

    def __call__(self, _: Any) -> int:
        return self.count


@lru_cache(maxsize=1)
def load_pretrained(path: str) -> tuple[Any, int]:
    """The encoder of a file of weights, and the number of frames that gestures were resampled to in its training."""
    from models.pretrain import PretrainSettings, load_encoder
    from models.settings import from_mapping

    encoder, card = load_encoder(path)
    return encoder, from_mapping(PretrainSettings, card.settings, path).windows.frames


@dataclass(frozen=True)
class _Fitted:
    """An encoder, and how its embeddings of the gestures that may be seen are spread, by which all are scaled."""

    encoder: Any
    frames: int
    name: str
    scale: StandardScaler


@dataclass(frozen=True)
class _Fit:
    """Picklable, so that other processes load or draw the weights themselves. No label is looked at."""

    path: str
    random: bool = False

    def __call__(self, samples: Sequence[Sample], labels: Any, taxonomy: tuple[str, ...], seed: int) -> _Fitted:  # noqa: ARG002
        import torch

        from models.mgfm import MGFM

        (encoder, frames), name = load_pretrained(self.path), self.path
        if self.random:
            torch.manual_seed(seed)
            encoder, name = MGFM(encoder.settings).eval(), f"{self.path} {seed}"
        return _Fitted(encoder, frames, name, StandardScaler().fit(_tokens_by_part(encoder, frames, name, samples)))


def _embed(fitted: _Fitted, samples: Sequence[Sample]) -> npt.NDArray[np.float32]:
    """(n, parts · 2 · width) mean and deviation of each gesture's tokens, each part of the body apart, each number scaled."""
    tokens = _tokens_by_part(fitted.encoder, fitted.frames, fitted.name, samples)
    return np.asarray(fitted.scale.transform(tokens), dtype=np.float32)


# What was last embedded in this process: tasks, seeds and shares of labels ask for the same lists of gestures. Lists are kept as they
# were asked for, since a sum's last bit may depend on what else is in its batch.
_RECENT: OrderedDict[str, npt.NDArray[np.float32]] = OrderedDict()
_KEPT = 16


def _tokens_by_part(encoder: Any, frames: int, name: str, samples: Sequence[Sample]) -> npt.NDArray[np.float32]:
    poses = hashlib.sha256()
    for sample in samples:
        poses.update(f"{sample.gesture_id} {sample.poses.keypoints.shape}".encode() + sample.poses.keypoints.tobytes())
    key = f"{name} {poses.hexdigest()}"
    if key not in _RECENT:
        _RECENT[key] = _embedded(encoder, frames, samples)
    _RECENT.move_to_end(key)
    while len(_RECENT) > _KEPT:
        _RECENT.popitem(last=False)
    return _RECENT[key]


def _embedded(encoder: Any, frames: int, samples: Sequence[Sample]) -> npt.NDArray[np.float32]:
    import torch

    from models.features import features

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums then come in the same order on every machine
    try:
        return features(encoder, hold(samples), np.arange(len(samples)), frames=frames, pooling="parts")
    finally:
        torch.set_num_threads(threads)


@lru_cache(maxsize=1)
def _load_spotter(path: str) -> Any:
    from models.spot.spotter import load_spotter

    return load_spotter(path)[0]


@dataclass(frozen=True)
class _Spot:
    """Picklable, so that other processes load the weights themselves."""

    path: str

    def __call__(self, poses: Poses, fps: float) -> list[Candidate]:
        """All candidates of a clip, however doubtful: the metrics look at their order."""
        from models.spot.detect import spot

        try:
            return spot(_load_spotter(self.path), poses, fps)
        except BadInput as error:
            raise ItemFailed(str(error), kind="skeleton") from error
