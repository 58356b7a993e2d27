"""Augmentations that leave small movements as they are.

All act on a whole batch at once, on normalised positions. What moves is the point of view (turn, tilt, size, place), by one linear
map per window, so a finger that taps by a hundredth of a shoulder width still does so afterwards, by nearly as much. Joints and
stretches of time are hidden, never displaced; noise is off unless asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from models.data import Batch
from models.skeletons import JOINTS, PARTS, nearest_ancestors, part_of

__all__ = ["Augment", "augment", "mirror_map"]

_Uniform = Callable[..., torch.Tensor]


@dataclass(frozen=True)
class Augment:
    """How strongly windows are varied.

    Attributes:
        turn: largest turn about the vertical, in degrees (3D; in 2D it narrows the picture by the turn's cosine).
        tilt: largest turn about the two other axes, in degrees (in 2D, about the line of sight).
        scale: largest change of size, as a share; drawn on a logarithmic scale, for each axis a little apart.
        shift: largest move of the whole window, in shoulder widths.
        limbs: largest change of a limb's length, as a share; left and right alike, so that it is another body, not a crooked one.
        mirror: chance that left and right are swapped; 0 where classes tell the sides apart.
        hide_joint: chance that a joint is unseen through the window.
        hide_part: chance that a hand, the face or the legs are unseen through the window.
        hide_time: chance that a stretch of up to an eighth of the window is unseen.
        noise: standard deviation of white noise, in shoulder widths.
    """

    turn: float = 30.0
    tilt: float = 8.0
    scale: float = 0.1
    shift: float = 0.05
    limbs: float = 0.0
    mirror: float = 0.0
    hide_joint: float = 0.0
    hide_part: float = 0.0
    hide_time: float = 0.0
    noise: float = 0.0


def augment(batch: Batch, settings: Augment, generator: torch.Generator | None = None) -> Batch:
    """Vary every window on its own; shapes stay. Randomness comes from `generator` alone."""
    positions, valid = batch.positions, batch.valid
    n, frames, joints, _ = positions.shape
    device = positions.device

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=generator, device=device)

    if settings.mirror:
        positions, valid = _mirrored(positions, valid, batch.joints, uniform(n) < settings.mirror)
    if settings.limbs:
        positions = positions + _another_body(positions, valid, batch.joints, uniform(n, joints), settings.limbs)
    linear = _views(uniform, n, batch.dims, settings)
    shift = (uniform(n, 1, 1, 3) * 2 - 1) * settings.shift
    if batch.dims == 2:
        shift[..., 2] = 0
    positions = (positions.reshape(n, -1, 3) @ linear.transpose(1, 2)).reshape(n, frames, joints, 3) + shift
    if settings.noise:
        white = torch.randn(positions.shape, generator=generator, device=device) * settings.noise
        positions = positions + white if batch.dims == 3 else positions + white * white.new_tensor([1.0, 1.0, 0.0])
    if settings.hide_joint:
        valid = valid & (uniform(n, 1, joints) >= settings.hide_joint)
    if settings.hide_part:
        part = _part_of_joint(batch.joints)
        hideable = torch.tensor([name in ("left_hand", "right_hand", "face", "legs") for name in PARTS], device=device)
        hidden = (uniform(n, len(PARTS)) < settings.hide_part) & hideable
        valid = valid & ~hidden[:, part].unsqueeze(1)
    if settings.hide_time:
        start = uniform(n) * frames
        end = start + uniform(n) * frames / 8
        at = torch.arange(frames, device=device)
        gap = (at >= start[:, None]) & (at < end[:, None]) & (uniform(n, 1) < settings.hide_time)
        valid = valid & ~gap[..., None]
    return replace(batch, positions=positions * valid.unsqueeze(-1), valid=valid)


def mirror_map(joints: torch.Tensor) -> torch.Tensor:
    """(joints,) position of each joint's mirror image among `joints` (indices in `JOINTS`); its own where it has none."""
    position = {JOINTS[int(joint)]: index for index, joint in enumerate(joints)}
    swap = {"left": "right", "right": "left"}
    order = []
    for name, index in position.items():
        side, _, rest = name.partition("_")
        order.append(position.get(f"{swap[side]}_{rest}", index) if side in swap else index)
    return torch.tensor(order, device=joints.device)


def _mirrored(
    positions: torch.Tensor, valid: torch.Tensor, joints: torch.Tensor, chosen: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    order = mirror_map(joints)
    flipped = positions[:, :, order] * positions.new_tensor([-1.0, 1.0, 1.0])
    return (
        torch.where(chosen[:, None, None, None], flipped, positions),
        torch.where(chosen[:, None, None], valid[:, :, order], valid),
    )


def _another_body(
    positions: torch.Tensor, valid: torch.Tensor, joints: torch.Tensor, chance: torch.Tensor, most: float
) -> torch.Tensor:
    """(n, frames, joints, 3) how far each joint moves when every limb changes its length by a factor of its own."""
    parent = torch.tensor(nearest_ancestors(tuple(joints.tolist())), device=joints.device)
    chance = (chance + chance[:, mirror_map(joints)]) / 2
    change = torch.expm1((chance * 2 - 1) * math.log1p(most))
    seen = (valid & valid[:, :, parent]).unsqueeze(-1)
    limb = (positions - positions[:, :, parent]) * seen
    usual = limb.sum(1, keepdim=True) / seen.sum(1, keepdim=True).clamp(min=1)
    limb = torch.where(seen, limb, usual)  # a hand must not jump in the frames in which its elbow is unseen
    # A joint moves with every limb between it and the root of its tree.
    carried = torch.eye(len(joints), device=joints.device)
    for _ in range(len(joints)):
        carried = torch.maximum(carried, carried[parent])
    return torch.einsum("ab,nfbc->nfac", carried, limb * change[:, None, :, None])


def _part_of_joint(joints: torch.Tensor) -> torch.Tensor:
    return torch.tensor([PARTS.index(part_of(JOINTS[int(joint)])) for joint in joints], device=joints.device)


def _views(uniform: _Uniform, n: int, dims: int, settings: Augment) -> torch.Tensor:
    """(n, 3, 3) linear maps: size, then turn, then tilt."""
    angle = (uniform(n, 3) * 2 - 1) * math.radians(1.0)
    yaw, pitch, roll = angle[:, 0] * settings.turn, angle[:, 1] * settings.tilt, angle[:, 2] * settings.tilt
    size = torch.exp((uniform(n, 1) * 2 - 1) * math.log1p(settings.scale))
    stretch = torch.exp((uniform(n, 3) * 2 - 1) * math.log1p(settings.scale) / 3)
    if dims == 2:
        # A turn about the vertical can't be seen without depth, but it narrows what is seen.
        stretch = torch.stack([stretch[:, 0] * yaw.cos(), stretch[:, 1], torch.ones_like(yaw)], dim=1)
        yaw, pitch = torch.zeros_like(yaw), torch.zeros_like(pitch)
    return _about_z(roll) @ _about_x(pitch) @ _about_y(yaw) @ torch.diag_embed(size * stretch)


def _about_x(angle: torch.Tensor) -> torch.Tensor:
    c, s, one, zero = angle.cos(), angle.sin(), torch.ones_like(angle), torch.zeros_like(angle)
    return torch.stack([one, zero, zero, zero, c, -s, zero, s, c], dim=1).reshape(-1, 3, 3)


def _about_y(angle: torch.Tensor) -> torch.Tensor:
    c, s, one, zero = angle.cos(), angle.sin(), torch.ones_like(angle), torch.zeros_like(angle)
    return torch.stack([c, zero, s, zero, one, zero, -s, zero, c], dim=1).reshape(-1, 3, 3)


def _about_z(angle: torch.Tensor) -> torch.Tensor:
    c, s, one, zero = angle.cos(), angle.sin(), torch.ones_like(angle), torch.zeros_like(angle)
    return torch.stack([c, -s, zero, s, c, zero, zero, zero, one], dim=1).reshape(-1, 3, 3)
