"""What pre-training is worth: an encoder beside the same network without it, on labelled items, with seeds and intervals.

Four measures: linear probe and nearest neighbour on frozen features (against random weights), and fine-tuning with a share and
with all of the labels (against training from scratch). Differences are paired by test item; intervals are 95 % bootstrap
percentiles over test items of the accuracy averaged over seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from models.features import features, knn_hits, linear_probe
from models.mgfm import MGFM
from models.recognise import RecogniseSettings, draw_fraction, train_recognise
from models.store import PoseStore

__all__ = ["Gain", "interval", "transfer"]

Hits = npt.NDArray[np.float64]  # (items,) share of the seeds in which the item was right


@dataclass(frozen=True)
class Gain:
    """One measure, with and without pre-training, as accuracies from 0 to 1.

    Attributes:
        measure: linear_probe, knn1 or fine_tune.
        fraction: share of the labels that was used.
        value: accuracy with pre-training, and its interval.
        without: accuracy without, and its interval.
        difference: the gain, and its interval.
    """

    measure: str
    fraction: float
    value: tuple[float, float, float]
    without: tuple[float, float, float]
    difference: tuple[float, float, float]


def transfer(
    store: PoseStore,
    encoder: MGFM,
    *,
    settings: RecogniseSettings | None = None,
    fractions: Sequence[float] = (0.1, 1.0),
    seeds: Sequence[int] = (0, 1, 2),
    quiet: bool = True,
) -> list[Gain]:
    """Measure a pre-trained encoder on a store's parts "train" and "test".

    Args:
        settings: of fine-tuning; the network from scratch is trained by the same.
        fractions: shares of the training labels; empty measures frozen features only.
        seeds: of random weights, draws of labels and training.

    Raises:
        BadInput: the store has no such parts or no classes.
    """
    settings = replace(settings or RecogniseSettings(), network=encoder.settings)
    fresh = [_random_encoder(encoder, seed) for seed in seeds]
    gains = []
    for measure, pooling in (("linear_probe", "grid"), ("knn1", "mean")):
        ours = _frozen(store, [encoder], measure, pooling)
        theirs = _frozen(store, fresh, measure, pooling)
        gains.append(_gain(measure, 1.0, ours, theirs))
    for fraction in fractions:
        ours, theirs = (
            np.mean([_tuned(store, start, settings, fraction, seed, quiet) for seed in seeds], axis=0)
            for start in (encoder, None)
        )
        gains.append(_gain("fine_tune", fraction, ours, theirs))
    return gains


def interval(hits: Hits, draws: int = 2000, seed: int = 0) -> tuple[float, float, float]:
    """Mean, and its 95 % interval by resampling items."""
    rng = np.random.default_rng(seed)
    means = hits[rng.integers(len(hits), size=(draws, len(hits)))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(hits.mean()), float(low), float(high)


def _gain(measure: str, fraction: float, ours: Hits, theirs: Hits) -> Gain:
    return Gain(measure, fraction, interval(ours), interval(theirs), interval(ours - theirs))


def _random_encoder(like: MGFM, seed: int) -> MGFM:
    torch.manual_seed(seed)
    return MGFM(like.settings).eval()


def _frozen(store: PoseStore, encoders: Sequence[MGFM], measure: str, pooling: str) -> Hits:
    train, test = store.where("train"), store.where("test")
    known, asked = store.labels[train], store.labels[test]
    hits = []
    for encoder in encoders:
        gallery, queries = (
            features(encoder, store, part, pooling="grid" if pooling == "grid" else "mean") for part in (train, test)
        )
        if measure == "knn1":
            hits.append(knn_hits(gallery, known, queries, asked))
        else:
            hits.append(linear_probe(gallery, known, queries, groups=store.people[train]) == asked)
    share: Hits = np.mean(hits, axis=0, dtype=np.float64)
    return share


def _tuned(
    store: PoseStore, encoder: MGFM | None, settings: RecogniseSettings, fraction: float, seed: int, quiet: bool
) -> npt.NDArray[np.bool_]:
    train = store.where("train")
    if fraction < 1:
        train = draw_fraction(store.labels, train, fraction, seed)
    settings = replace(settings, training=replace(settings.training, seed=seed))
    _, result = train_recognise(store, None, settings, encoder=encoder, train=train, quiet=quiet)
    hit: npt.NDArray[np.bool_] = result.scores.argmax(1) == result.labels
    return hit
