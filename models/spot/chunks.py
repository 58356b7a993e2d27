"""Windows of streams at the network's own rate, and where their points lie in the clip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from models.data import Batch, windows
from models.store import PoseStore

__all__ = ["chunks"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]


def chunks(store: PoseStore, items: Ints, first: Floats, step: Floats, frames: int) -> tuple[Batch, Ints]:
    """Windows of `frames` frames that lie `step` source frames apart; what lies beyond the clip is unseen.

    Args:
        items: (n,) clips.
        first: (n,) frame of the clip that each window begins with.
        step: (n,) source frames from one frame of the window to the next.

    Returns:
        The batch, and (n,) how many of its frames lie in the clip.
    """
    reach = (frames - 1) * step + 1
    batch = windows(store, items, store.starts[items] + first, reach, frames)
    inside = np.clip(np.ceil((store.lengths[items] - first) / step), 0, frames).astype(np.int64)
    if (inside < frames).any():
        there = torch.from_numpy(np.arange(frames)[None] < inside[:, None])
        valid = batch.valid & there.unsqueeze(-1)
        batch = replace(batch, valid=valid, positions=batch.positions * valid.unsqueeze(-1))
    return batch, inside
