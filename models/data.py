"""Windows of a prepared store as normalised tensors, many at a time.

Every frame of a batch is gathered by one indexing of the memory-mapped file and interpolated by one expression, so preparing a
batch costs little beside training on it. All randomness comes from a generator that the caller gives, so a batch is a function
of its seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.normalise import normalise
from models.store import SEEN, PoseStore

__all__ = ["Batch", "Windows", "draw_items", "draw_windows", "whole_items", "windows"]

Floats = npt.NDArray[np.float32]
Reals = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.int64]


@dataclass  # not frozen: Fabric converts its tensors in a copy of it
class Batch:
    """Windows of one skeleton.

    Attributes:
        positions: (batch, frames, joints, 3) float32 in shoulder widths, y up; 0 where unseen, and in z if dims is 2.
        valid: (batch, frames, joints) bool, whether the joint was seen.
        joints: (joints,) int64, index of each joint in `models.skeletons.JOINTS`.
        labels: (batch,) int64, -1 where unknown.
        items: (batch,) int64, index of each window's item in its store.
        dims: 2 or 3.
    """

    positions: torch.Tensor
    valid: torch.Tensor
    joints: torch.Tensor
    labels: torch.Tensor
    items: torch.Tensor
    dims: int

    def __len__(self) -> int:
        return len(self.positions)

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on a device."""
        return replace(
            self,
            positions=self.positions.to(device, non_blocking=True),
            valid=self.valid.to(device, non_blocking=True),
            joints=self.joints.to(device, non_blocking=True),
            labels=self.labels.to(device, non_blocking=True),
            items=self.items.to(device, non_blocking=True),
        )


@dataclass(frozen=True)
class Windows:
    """How windows are cut from items for training.

    Attributes:
        frames: length every window is resampled to.
        shortest: source frames of the shortest window.
        longest: source frames of the longest window; an item that is shorter is taken whole or cropped.
        crop: the least share of an item (or of `longest`) that a window covers.
    """

    frames: int = 64
    shortest: int = 16
    longest: int = 128
    crop: float = 0.6


def draw_items(store: PoseStore, items: Ints, count: int, longest: int, rng: np.random.Generator) -> Ints:
    """Draw items, each as often as it has windows of `longest` frames, so that long streams are not under-used."""
    weight = np.maximum(store.lengths[items] / longest, 1.0).cumsum()
    drawn: Ints = items[np.searchsorted(weight, rng.random(count) * weight[-1], side="right")]
    return drawn


def draw_windows(store: PoseStore, items: Ints, settings: Windows, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw a window in each item: (n,) first row and (n,) length in source frames, as real numbers.

    Of an item longer than `longest`, a window of `crop` to 1 times `longest` anywhere; of a shorter one, `crop` to 1 of it.
    """
    available = store.lengths[items].astype(np.float32)
    most = np.minimum(available, settings.longest)
    length = most * rng.uniform(settings.crop, 1.0, len(items)).astype(np.float32)
    length = np.minimum(np.maximum(length, settings.shortest), available)
    start = store.starts[items] + rng.random(len(items)) * (available - length)
    return start.astype(np.float64), length


def whole_items(store: PoseStore, items: Ints, share: float = 1.0) -> tuple[Floats, Floats]:
    """Windows that cover the middle `share` of each item, for evaluation. As `draw_windows`."""
    available = store.lengths[items].astype(np.float32)
    length = np.maximum(available * np.float32(share), 1.0)
    return (store.starts[items] + (available - length) / 2).astype(np.float64), length


def windows(store: PoseStore, items: Ints, start: Reals, length: Reals, frames: int) -> Batch:
    """Gather windows, resample each to `frames` by linear interpolation, and normalise it to its body frame.

    Where one of two neighbouring frames has a joint unseen, the other's position is taken; where both have, it stays unseen.

    Args:
        items: (n,) indices of items.
        start: (n,) first row in the store, real.
        length: (n,) length in source frames, real; the last sample falls on the window's last frame.
    """
    first, last = store.starts[items], store.ends[items] - 1
    at = start[:, None] + np.linspace(0.0, 1.0, frames)[None] * np.maximum(length - 1, 0)[:, None]
    at = np.clip(at, first[:, None], last[:, None])
    low = np.floor(at).astype(np.int64)
    share = (at - low).astype(np.float32)[..., None]
    poses = np.asarray(store.poses)
    found = poses.take(low, axis=0)
    valid = np.ones(found.shape[:-1], dtype=np.bool_) if store.gapless else found[..., -1] > SEEN
    # Below, an axis at a time where it can't be all at once: numpy handles rows of two or three numbers several times slower.
    if share.any():
        after = poses.take(np.minimum(low + 1, last[:, None]), axis=0)
        if store.gapless:
            after -= found
            after *= share[..., None]
        else:
            # A frame that falls on a sample needs no neighbour's help.
            seen_after = (after[..., -1] > SEEN) & (share > 0)
            weight = np.where(valid & seen_after, share, seen_after)
            valid |= seen_after
            after -= found
            for axis in range(store.dims):
                after[..., axis] *= weight
        found += after
    positions: Floats = np.zeros((*found.shape[:-1], 3), dtype=np.float32)
    for axis in range(store.dims):
        positions[..., axis] = found[..., axis]
    if not store.in_body_frame:
        positions = normalise(positions, valid, store.skeleton)
    elif not store.gapless:
        positions *= valid[..., None]
    if store.y_down:
        np.negative(positions[..., 1], out=positions[..., 1])
    return Batch(
        positions=torch.from_numpy(positions),
        valid=torch.from_numpy(valid),
        joints=torch.from_numpy(store.skeleton.joint_ids),
        labels=torch.from_numpy(store.labels[items]),
        items=torch.from_numpy(np.asarray(items)),
        dims=store.dims,
    )
