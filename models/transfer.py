"""What pre-training is worth: an encoder beside the same network without it, on labelled items, with seeds and intervals.

Four measures: linear probe and nearest neighbour on frozen features (against random weights), and fine-tuning with a share and
with all of the labels (against training from scratch). Differences are paired by test item; intervals are 95 % bootstrap
percentiles over test items of the accuracy averaged over seeds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from manifests.parquet import write_text
from models.features import Pooling, features, knn_hits, linear_probe
from models.mgfm import MGFM
from models.recognise import RecogniseSettings, draw_fraction, train_recognise
from models.store import PoseStore

__all__ = ["Gain", "Measure", "interval", "kept_hits", "measure_hits", "transfer"]

Hits = npt.NDArray[np.float64]  # (items,) share of the seeds in which the item was right
Ints = npt.NDArray[np.int64]
Measure = Literal["linear_probe", "knn1", "fine_tune"]


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

    measure: Measure
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
    pooling: Pooling = "moments",
    cells: Path | None = None,
) -> list[Gain]:
    """Measure a pre-trained encoder on a store's parts "train" and "test".

    Args:
        settings: of fine-tuning; the network from scratch is trained by the same.
        fractions: shares of the training labels; empty measures frozen features only.
        seeds: of random weights, draws of labels and training.
        pooling: of the features that are probed.
        cells: a folder for what was measured, a file each, so that a run that was killed goes on; for one store, encoder
            and setting.

    Raises:
        BadInput: the store has no such parts or no classes.
    """
    wanted: list[tuple[Measure, float]] = [("linear_probe", 1.0), ("knn1", 1.0)]
    wanted += [("fine_tune", fraction) for fraction in fractions]
    gains = []
    for measure, fraction in wanted:

        def cell(seed: int, pretrained: bool, measure: Measure = measure, fraction: float = fraction) -> Hits:
            name = f"{measure}-{fraction:g}-{'with' if pretrained else 'without'}-{seed}.json"
            find = partial(measure_hits, store, encoder, measure, fraction=fraction, settings=settings, pooling=pooling)
            return kept_hits(cells / name if cells else None, partial(find, seed=seed, pretrained=pretrained))

        ours, theirs = ([cell(seed, pretrained) for seed in seeds] for pretrained in (True, False))
        with_it, without = np.mean(ours, axis=0), np.mean(theirs, axis=0)
        gains.append(Gain(measure, fraction, interval(with_it), interval(without), interval(with_it - without)))
    return gains


def measure_hits(
    store: PoseStore,
    encoder: MGFM,
    measure: Measure,
    *,
    pretrained: bool = True,
    settings: RecogniseSettings | None = None,
    train: Ints | None = None,
    test: Ints | None = None,
    fraction: float = 1.0,
    seed: int = 0,
    pooling: Pooling = "moments",
) -> npt.NDArray[np.bool_]:
    """(test items,) which of them are given their class.

    Args:
        encoder: the encoder, or, where `pretrained` is false, the network whose shape it has with weights of its own.
        train, test: items to use instead of the parts "train" and "test".
        fraction: share of the labels of `train` that fine-tuning sees.
    """
    train = store.where("train") if train is None else train
    test = store.where("test") if test is None else test
    if measure == "fine_tune":
        settings = replace(settings or RecogniseSettings(), network=encoder.settings)
        settings = replace(settings, training=replace(settings.training, seed=seed))
        if fraction < 1:
            train = draw_fraction(store.labels, train, fraction, seed)
        start = encoder if pretrained else None
        _, result = train_recognise(store, None, settings, encoder=start, train=train, test=test, quiet=True)
        tuned: npt.NDArray[np.bool_] = result.scores.argmax(1) == result.labels
        return tuned
    if not pretrained:
        torch.manual_seed(seed)
        encoder = MGFM(encoder.settings).eval()
    how: Pooling = pooling if measure == "linear_probe" else "mean"
    gallery, queries = (features(encoder, store, part, pooling=how) for part in (train, test))
    known, asked = store.labels[train], store.labels[test]
    if measure == "knn1":
        return knn_hits(gallery, known, queries, asked)
    probed: npt.NDArray[np.bool_] = linear_probe(gallery, known, queries, groups=store.people[train]) == asked
    return probed


def interval(hits: Hits, draws: int = 2000, seed: int = 0) -> tuple[float, float, float]:
    """Mean, and its 95 % interval by resampling items."""
    rng = np.random.default_rng(seed)
    means = hits[rng.integers(len(hits), size=(draws, len(hits)))].mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(hits.mean()), float(low), float(high)


def kept_hits(path: Path | None, find: Callable[[], npt.NDArray[np.bool_]]) -> Hits:
    """What `find` finds, as numbers; read from a file if it was found before."""
    if path is not None and path.exists():
        return np.array(json.loads(path.read_text(encoding="utf-8")), dtype=np.float64)
    hits = find()
    if path is not None:
        write_text(path, json.dumps(hits.astype(int).tolist()))
    return hits.astype(np.float64)
