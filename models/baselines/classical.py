"""The plainest baselines: ridge on positions at a few times, on how much each joint moves, and on random convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from manifests.errors import Unavailable
from models.data import whole_items, windows
from models.store import PoseStore

__all__ = ["hand_made_features", "ridge", "rocket_features", "series"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def hand_made_features(
    store: PoseStore, items: Ints, kind: Literal["positions", "motion"] = "positions", frames: int = 16
) -> Floats:
    """(items, features): normalised positions at `frames` times; or each coordinate's mean, spread and mean speed."""
    batch = windows(store, items, *whole_items(store, items), frames)
    positions = batch.positions.numpy()[..., : store.dims]
    if kind == "positions":
        return positions.reshape(len(items), -1)
    speed = np.abs(np.diff(positions, axis=1)).mean(1)
    parts = [part.reshape(len(items), -1) for part in (positions.mean(1), positions.std(1), speed)]
    return np.concatenate(parts, axis=1)


def ridge(train: Floats, labels: Ints, test: Floats) -> Ints:
    """Classes that a ridge classifier on standardised features predicts; its penalty is chosen by leave-one-out on `train`."""
    from sklearn.linear_model import RidgeClassifierCV

    mean, spread = train.mean(0), np.maximum(train.std(0), 1e-6)
    model = RidgeClassifierCV(np.logspace(-2, 5, 15)).fit((train - mean) / spread, labels)
    predicted: Ints = model.predict((test - mean) / spread)
    return predicted


def rocket_features(train: Floats, others: Sequence[Floats], *, kernels: int = 10_000, seed: int = 0) -> list[Floats]:
    """MiniRocket's features, fitted on `train`: (items, about `kernels`) for it and for each of `others`.

    Args:
        train: (items, channels, frames) such as `series` gives; 9 frames or more.
        others: likewise.

    Raises:
        Unavailable: the package aeon is missing.

    Dempster, Schmidt, Webb: MiniRocket, KDD 2021 (arXiv 2012.08791), as the package aeon has it.
    """
    try:
        from aeon.transformations.collection.convolution_based import MiniRocket
    except ImportError as error:
        raise Unavailable("ROCKET features need the package aeon: pip install 'mgcollect[rocket]'") from error
    fitted = MiniRocket(n_kernels=kernels, random_state=seed, n_jobs=1).fit(train)
    return [np.asarray(fitted.transform(part), dtype=np.float32) for part in (train, *others)]


def series(store: PoseStore, items: Ints, frames: int = 64) -> Floats:
    """(items, joints · dims, frames) normalised positions over time, one channel a coordinate."""
    batch = windows(store, items, *whole_items(store, items), frames)
    positions = batch.positions.numpy()[..., : store.dims].reshape(len(items), frames, -1)
    return np.ascontiguousarray(positions.transpose(0, 2, 1))
