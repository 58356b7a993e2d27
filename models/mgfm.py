"""MG-FM's network: a transformer over (joint, stretch of time) tokens that encodes only the tokens it is given.

A token is one joint over `patch` frames: where it is, how it moves about there, how fast, and the same seen from the joint it
hangs on, so that a thumb that points up or down is more than a thumb a little higher or lower. What joint it is, and when, is added as
an embedding, so any joint set, any length, two or three dimensions pass through the same weights; a joint that is absent is no
token. The published MG-FM's design is not known; this one is ours.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from manifests.errors import BadInput
from models.data import Batch
from models.skeletons import JOINTS, PARTS, nearest, nearest_ancestors, part_of

__all__ = [
    "MGFM",
    "SIZES",
    "Block",
    "NetworkSettings",
    "Tokens",
    "channels",
    "initialise",
    "network",
    "pool",
    "pool_parts",
    "time_embedding",
    "tokenise",
]

# Fingers move by hundredths of a shoulder width where arms move by one; these gains bring both into a linear layer's range.
_DEVIATION_GAIN = 4.0
_VELOCITY_GAIN = 8.0
_BONE_GAIN = 4.0


@dataclass(frozen=True)
class NetworkSettings:
    """The network's shape.

    Attributes:
        width: channels of a token.
        depth: transformer blocks.
        heads: attention heads.
        mlp: hidden channels of a block's perceptron, as a multiple of the width.
        patch: frames of a token.
        drop_path: chance that a block is skipped in training, growing linearly with depth up to this.
    """

    width: int = 128
    depth: int = 4
    heads: int = 4
    mlp: int = 4
    patch: int = 8
    drop_path: float = 0.0


SIZES: dict[str, NetworkSettings] = {
    "tiny": NetworkSettings(width=128, depth=4, heads=4),
    "small": NetworkSettings(width=192, depth=6, heads=6),
    "base": NetworkSettings(width=256, depth=8, heads=8),
}


def network(size: str) -> NetworkSettings:
    """Settings of a named size.

    Raises:
        BadInput: there is no such size.
    """
    if size not in SIZES:
        raise BadInput(f"There is no size {size!r}. Sizes are {', '.join(SIZES)}.")
    return SIZES[size]


@dataclass(frozen=True)
class Tokens:
    """Windows cut into tokens, time first: token t·joints + j is joint j in stretch t.

    Attributes:
        features: (batch, tokens, channels)
        present: (batch, tokens) whether the joint was seen at all in the stretch.
        velocity: (batch, tokens, patch · 3) shoulder widths a frame; 0 where either frame is unseen.
        joints: (tokens,) index of the joint in `JOINTS`.
        times: (tokens,) index of the stretch.
        dims: 2 or 3.
    """

    features: Tensor
    present: Tensor
    velocity: Tensor
    joints: Tensor
    times: Tensor
    dims: int


def channels(patch: int) -> int:
    """Channels of a token's features: mean position, mean bone, then deviation, velocity, bone and validity of each frame."""
    return 3 + 3 + patch * (3 + 3 + 3 + 1)


def tokenise(batch: Batch, patch: int) -> Tokens:
    """Cut windows into tokens of `patch` frames; a window whose length is no multiple is completed by unseen frames."""
    positions, valid = batch.positions, batch.valid
    if missing := -positions.shape[1] % patch:
        positions = F.pad(positions, (0, 0, 0, 0, 0, missing))
        valid = F.pad(valid, (0, 0, 0, missing))
    n, frames, joints, _ = positions.shape
    steps = frames // patch
    both = (valid[:, 1:] & valid[:, :-1]).unsqueeze(-1)
    parent = torch.tensor(nearest_ancestors(tuple(batch.joints.tolist())), device=positions.device)
    bones = (positions - positions[:, :, parent]) * (valid & valid[:, :, parent]).unsqueeze(-1)
    velocity = F.pad((positions[:, 1:] - positions[:, :-1]) * both, (0, 0, 0, 0, 1, 0))

    def cut(values: Tensor) -> Tensor:
        # (n, frames, joints, c) to (n, tokens, patch, c)
        return values.view(n, steps, patch, joints, -1).transpose(2, 3).reshape(n, steps * joints, patch, -1)

    place, seen, speed, bone = cut(positions), cut(valid.unsqueeze(-1)).to(positions.dtype), cut(velocity), cut(bones)
    count = seen.sum(2)
    mean = place.sum(2) / count.clamp(min=1)  # unseen positions are 0
    deviation = (place - mean.unsqueeze(2)) * seen
    mean_bone = bone.sum(2) / count.clamp(min=1)
    features = torch.cat(
        [
            mean,
            mean_bone * _BONE_GAIN,
            (deviation * _DEVIATION_GAIN).flatten(2),
            (speed * _VELOCITY_GAIN).flatten(2),
            ((bone - mean_bone.unsqueeze(2)) * seen * _BONE_GAIN * 2).flatten(2),
            seen.flatten(2),
        ],
        dim=-1,
    )
    return Tokens(
        features=features,
        present=count.squeeze(-1) > 0,
        velocity=speed.flatten(2),
        joints=batch.joints.repeat(steps),
        times=torch.arange(steps, device=positions.device).repeat_interleave(joints),
        dims=batch.dims,
    )


def time_embedding(times: Tensor, width: int) -> Tensor:
    """(…, width) sines and cosines of times, of periods from about 6 to 600 stretches."""
    rate = torch.exp(torch.arange(width // 2, device=times.device) * (-math.log(100.0) / (width // 2)))
    angle = times.unsqueeze(-1) * rate
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


class Attention(nn.Module):
    """Attention of queries to a context, or to themselves, with the mask of what is there."""

    def __init__(self, width: int, heads: int, context_width: int | None = None) -> None:
        super().__init__()
        if width % heads:
            raise BadInput(f"width {width} is not a multiple of heads {heads}.")
        self.heads = heads
        self.to_query = nn.Linear(width, width)
        self.to_key_value = nn.Linear(context_width or width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, context: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        n, queries, width = x.shape
        context = x if context is None else context
        q = self.to_query(x).view(n, queries, self.heads, -1).transpose(1, 2)
        k, v = self.to_key_value(context).view(n, context.shape[1], 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        mask = None if present is None else present[:, None, None, :]
        attended = _attend(q, k, v, mask)
        out: Tensor = self.out(attended.transpose(1, 2).reshape(n, queries, width))
        return out


def _attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    if q.device.type == "cpu" and q.dtype == torch.bfloat16 and q.requires_grad:
        # Torch's fused attention takes five times as long backwards in bfloat16 as in float32 on a CPU (torch 2.14,
        # AVX512-BF16); written out, it is the fastest of all for the few tokens that a training step shows.
        likeness = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        if mask is not None:
            likeness = likeness.masked_fill(~mask, -torch.inf)
        attended: Tensor = likeness.softmax(-1).to(v.dtype) @ v
        return attended
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


class Block(nn.Module):
    """A pre-norm transformer block; with a context width, its attention looks at the context alone."""

    def __init__(
        self, width: int, heads: int, mlp: int, drop_path: float = 0.0, context_width: int | None = None
    ) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.norm_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads, context_width)
        self.norm_mlp = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, mlp * width), nn.GELU(), nn.Linear(mlp * width, width))

    def forward(self, x: Tensor, context: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        x = x + self._dropped(self.attention(self.norm_attention(x), context, present))
        return x + self._dropped(self.mlp(self.norm_mlp(x)))

    def _dropped(self, x: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return x
        keep = 1 - self.drop_path
        return x * (torch.rand(len(x), 1, 1, device=x.device) < keep) / keep


class MGFM(nn.Module):
    """The encoder.

    Shapes: `forward` takes `Tokens` and, if only some are to be encoded, their indices (batch, visible); it returns the
    encoded tokens (batch, visible, width) and which of them are present (batch, visible).
    """

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        width = settings.width
        self.embed = nn.Linear(channels(settings.patch), width)
        self.joint = nn.Embedding(len(JOINTS), width)
        self.part = nn.Embedding(len(PARTS), width)
        self.flat = nn.Parameter(torch.zeros(width))  # added where there is no depth
        self.blocks = nn.ModuleList(Block(width, settings.heads, settings.mlp) for _ in range(settings.depth))
        self.drop_paths(settings.drop_path)
        self.norm = nn.LayerNorm(width)
        self.register_buffer(
            "part_of_joint", torch.tensor([PARTS.index(part_of(name)) for name in JOINTS]), persistent=False
        )
        self.apply(initialise)

    part_of_joint: Tensor

    def drop_paths(self, chance: float) -> None:
        """Set the chance that a block is skipped in training: 0 for the first, growing to `chance` for the last."""
        for index, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            block.drop_path = chance * index / max(len(self.blocks) - 1, 1)

    @torch.no_grad()
    def introduce(self, known: Collection[str]) -> None:
        """Let joints that were in no training data start as the nearest of those that were (`known`, names in `JOINTS`).

        A fingertip then passes for the hand that it is on, rather than for something never heard of.
        """
        for index, name in enumerate(JOINTS):
            if name not in known:
                self.joint.weight[index] = self.joint.weight[JOINTS.index(nearest(name, known))]

    def whereabouts(self, tokens: Tokens) -> Tensor:
        """(tokens, width) what joint each token is, and when."""
        place: Tensor = self.joint(tokens.joints) + self.part(self.part_of_joint[tokens.joints])
        return place + time_embedding(tokens.times, self.settings.width)

    def forward(self, tokens: Tokens, visible: Tensor | None = None) -> tuple[Tensor, Tensor]:
        features, present, place = tokens.features, tokens.present, self.whereabouts(tokens)
        if visible is not None:
            features = features.gather(1, visible.unsqueeze(-1).expand(-1, -1, features.shape[-1]))
            present = present.gather(1, visible)
            place = place[visible]
        # Multiplied rather than left out, so that every process of a parallel run has a gradient for every weight.
        x = self.embed(features) + place + self.flat * float(tokens.dims == 2)
        mask = None if bool(present.all()) else _never_empty(present)
        for block in self.blocks:
            x = block(x, present=mask)
        return self.norm(x), present

    def encode(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """All tokens of a batch: (batch, tokens, width) and (batch, tokens) present."""
        encoded: tuple[Tensor, Tensor] = self(tokenise(batch, self.settings.patch))
        return encoded


def pool(encoded: Tensor, present: Tensor) -> Tensor:
    """(batch, width) mean of the tokens that are present; 0 where none is."""
    weight = present.to(encoded.dtype).unsqueeze(-1)
    return (encoded * weight).sum(1) / weight.sum(1).clamp(min=1)


def pool_parts(encoded: Tensor, present: Tensor, part: Tensor) -> Tensor:
    """(batch, parts, width) mean of each part's tokens that are present; 0 where none is.

    Args:
        encoded: (batch, tokens, width).
        present: (batch, tokens) bool.
        part: (tokens,) the part of the body that each token belongs to, an index of `models.skeletons.PARTS`.
    """
    weight = present.to(encoded.dtype).unsqueeze(-1) * F.one_hot(part, len(PARTS)).to(encoded.dtype)
    return torch.einsum("btw,btp->bpw", encoded, weight) / weight.sum(1).clamp(min=1).unsqueeze(-1)


def _never_empty(present: Tensor) -> Tensor:
    # A window with nobody in it would make softmax divide nothing by nothing.
    return present | ~present.any(1, keepdim=True)


def initialise(module: nn.Module) -> None:
    """First weights of a layer; for `nn.Module.apply`."""
    if isinstance(module, nn.Linear):
        # Unit gain. The usual 0.02 is made for widths near a thousand; here it would make the first minutes idle.
        nn.init.trunc_normal_(module.weight, std=module.in_features**-0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        # As loud as the sines of time: at a hundredth of that, the network can't tell wrists from shoulders for long.
        nn.init.normal_(module.weight, std=0.5)
