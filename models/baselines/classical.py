"""The plainest baselines: a ridge classifier on positions resampled to a few frames, and on how much each joint moves."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from models.data import whole_items, windows
from models.store import PoseStore

__all__ = ["hand_made_features", "ridge"]

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
