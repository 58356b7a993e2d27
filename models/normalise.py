"""Body frame and scale: origin between the shoulders, unit one shoulder width, both robust over the window.

Validity is taken before anything moves: an unseen joint's position is noise, so it enters no median and comes out as zero.
Origin and unit are constant over the window, because a torso that sways and a neck that sinks are gestures themselves.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.skeletons import Skeleton

__all__ = ["body_frame", "normalise"]

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_SPREAD_OF_SHOULDERS = 2.0  # a body's joints lie about this many shoulder widths around their middle


def body_frame(positions: Floats, valid: Bools, skeleton: Skeleton) -> tuple[Floats, Floats]:
    """Origin and unit of each window.

    Args:
        positions: (windows, frames, joints, dims), any unit.
        valid: (windows, frames, joints) whether the joint was seen.

    Returns:
        (windows, dims) origin and (windows,) unit. Where the skeleton has shoulders and they are seen: the median point
        between them and their median distance. Else the median of all that is seen, and half its median spread.
        A window without a seen joint has origin 0 and unit 1.
    """
    origin: Floats = np.full((len(positions), positions.shape[-1]), np.nan, dtype=np.float32)
    unit: Floats = np.full(len(positions), np.nan, dtype=np.float32)
    if skeleton.shoulders is not None:
        left, right = (_seen(positions[:, :, joint], valid[:, :, joint]) for joint in skeleton.shoulders)
        unit = _nanmedian(np.sqrt(np.square(left - right).sum(-1)))
        origin = _nanmedian((left + right) * np.float32(0.5))
    without = ~(unit > 0)
    if without.any():
        flat = _seen(positions[without], valid[without]).reshape(int(without.sum()), -1, positions.shape[-1])
        origin[without] = _nanmedian(flat)
        spread = np.sqrt(np.square(flat - origin[without][:, None]).sum(-1))
        unit[without] = _nanmedian(spread) / _SPREAD_OF_SHOULDERS
    return np.nan_to_num(origin, nan=0.0), np.where(unit > 0, unit, np.float32(1))


def normalise(positions: Floats, valid: Bools, skeleton: Skeleton) -> Floats:
    """Positions in the body frame, in shoulder widths; 0 where a joint wasn't seen. Shapes as `body_frame`."""
    origin, unit = body_frame(positions, valid, skeleton)
    windows, frames, joints, _ = positions.shape
    # Frames as rows of joints · dims numbers: by two or three at a time, numpy takes five times as long.
    moved: Floats = positions.reshape(windows, frames, -1) - np.tile(origin, joints)[:, None]
    moved *= 1 / unit[:, None, None]
    moved = moved.reshape(positions.shape)
    if not valid.all():
        for axis in range(moved.shape[-1]):
            np.copyto(moved[..., axis], 0, where=~valid)
    return moved


def _seen(positions: Floats, valid: Bools) -> Floats:
    """The positions, NaN where a joint wasn't seen."""
    return positions if valid.all() else np.where(valid[..., None], positions, np.float32(np.nan))


def _nanmedian(values: Floats) -> Floats:
    """Median over axis 1 without NaN; NaN where nothing is left. Sorts once: numpy's own loops over the rows in Python."""
    ordered = np.sort(values, axis=1)  # NaN sorts last
    count = np.isfinite(ordered).sum(axis=1, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum((count - 1) // 2, 0), axis=1)
    high = np.take_along_axis(ordered, np.minimum(count // 2, values.shape[1] - 1), axis=1)
    return np.asarray(((low + high) / 2).squeeze(1), dtype=np.float32)
