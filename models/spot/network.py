"""The spotter's network: poses over time to a pyramid of points, each of which may be the middle of a gesture.

After TemporalMaxer (Tang, Kim, Sohn, arXiv 2303.09055) and ActionFormer (Zhang, Wu, Li, ECCV 2022): features are halved in time
level by level by taking maxima, and the same two heads look at every level: what gesture has its middle here, and how far do its
ends lie. What is different: the features are made here of canonical poses (any joint set), with dilated convolutions for context,
because a pose of one frame says less than the clip features that those works begin with. A pre-trained MG-FM, where one is given,
adds its tokens' means, part by part.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from manifests.errors import BadInput
from models.data import Batch
from models.mgfm import MGFM, pool_parts, tokenise
from models.skeletons import JOINTS, PARTS, nearest_ancestors

__all__ = ["PoseFront", "Pyramid", "SpotNetwork", "SpotterNetwork"]

_CHANNELS = 10  # of a joint: position, bone, velocity (3 each), seen
_VELOCITY_GAIN, _BONE_GAIN = 8.0, 4.0
_ENCODED = 64  # frames that MG-FM sees at once, as in its pre-training

_HANDS = (("left_wrist", "left_elbow"), ("right_wrist", "right_elbow"))
_REACHED = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "neck", "head", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "pelvis"),
)
_HAND_LENGTH = 0.35  # of the forearm, from the wrist to the middle of the fingers
_NEAR = 0.3  # shoulder widths: how close is touching


@dataclass(frozen=True)
class SpotNetwork:
    """The network's shape.

    Attributes:
        width: channels.
        rate: frames a second that poses are resampled to.
        stride: frames between the points of the finest level; a power of 2.
        levels: of the pyramid; each has half the points of the one before.
        context: dilated convolutions before the pyramid, of dilation 1, 2, 4, …
        head: convolutions of each head.
        dropout: of the features before the pyramid.
    """

    width: int = 128
    rate: float = 25.0
    stride: int = 2
    levels: int = 6
    context: int = 5
    head: int = 2
    dropout: float = 0.1


class PoseFront(nn.Module):
    """(batch, frames, joints) poses to (batch, frames, width) features; an absent joint adds nothing.

    Each joint's place, bone, speed and presence enter by weights of its own; so do the distances of the two hands to the
    places of the body that hands touch, which no sum over joints could tell.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.joint = nn.Parameter(torch.randn(len(JOINTS), _CHANNELS, width) * (17 * _CHANNELS) ** -0.5)
        self.reach = nn.Linear(len(_HANDS) * len(_REACHED) * 2, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, batch: Batch) -> Tensor:
        positions, valid = batch.positions, batch.valid
        present = valid.unsqueeze(-1)
        parent = torch.tensor(nearest_ancestors(tuple(batch.joints.tolist())), device=positions.device)
        bones = (positions - positions[:, :, parent]) * (present & valid[:, :, parent].unsqueeze(-1))
        both = present[:, 1:] & present[:, :-1]
        velocity = F.pad((positions[:, 1:] - positions[:, :-1]) * both, (0, 0, 0, 0, 1, 0))
        channels = torch.cat(
            [positions, bones * _BONE_GAIN, velocity * _VELOCITY_GAIN, present.to(positions.dtype)], dim=-1
        )
        summed = torch.einsum("ntjc,jcw->ntw", channels, self.joint[batch.joints])
        out: Tensor = F.gelu(self.norm(summed + self.reach(_reaches(batch))))
        return out


def _reaches(batch: Batch) -> Tensor:
    """(batch, frames, 2 · 16 · 2): nearness (1 where touching, falling to 0) and distance; 0 where either end is unseen."""
    place = {JOINTS[int(joint)]: column for column, joint in enumerate(batch.joints)}
    n, frames = batch.valid.shape[:2]
    nothing = batch.positions.new_zeros(n, frames)
    found = []
    for wrist, elbow in _HANDS:
        hand, there = _hand(batch, place.get(wrist), place.get(elbow))
        for name in _REACHED:
            column = place.get(name)
            if hand is None or there is None or column is None or name in (wrist, elbow):
                found += [nothing, nothing]
                continue
            apart = (hand - batch.positions[:, :, column]).norm(dim=-1)
            seen = there & batch.valid[:, :, column]
            found += [torch.exp(-apart / _NEAR) * seen, apart * seen]
    return torch.stack(found, dim=-1)


def _hand(batch: Batch, wrist: int | None, elbow: int | None) -> tuple[Tensor | None, Tensor | None]:
    """The middle of a hand: on from the wrist along the forearm, or the wrist where the elbow is not there."""
    if wrist is None:
        return None, None
    point, seen = batch.positions[:, :, wrist], batch.valid[:, :, wrist]
    if elbow is None:
        return point, seen
    beyond = (point - batch.positions[:, :, elbow]) * (batch.valid[:, :, elbow] & seen).unsqueeze(-1)
    return point + _HAND_LENGTH * beyond, seen


class _Mix(nn.Module):
    """A residual block: a dilated convolution over time of each channel alone, then two layers across channels."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.over_time = nn.Conv1d(width, width, 5, padding=2 * dilation, dilation=dilation, groups=width)
        self.norm = nn.LayerNorm(width)
        self.wide, self.narrow = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:  # (batch, width, points)
        mixed = self.norm(self.over_time(x).transpose(1, 2))
        out: Tensor = x + self.narrow(F.gelu(self.wide(mixed))).transpose(1, 2)
        return out


class Pyramid(nn.Module):
    """(batch, width, points) to a list of levels, each half as long as the one before."""

    def __init__(self, width: int, levels: int) -> None:
        super().__init__()
        # Four wide and two apart, so that a point lies in the middle of the points that it is made of.
        self.halve = nn.MaxPool1d(4, 2, 1)
        self.mix = nn.ModuleList(_Mix(width, 1) for _ in range(levels))

    def forward(self, x: Tensor) -> list[Tensor]:
        found = []
        for level, mix in enumerate(self.mix):
            x = mix(x if level == 0 else self.halve(x))
            found.append(x)
        return found


class _Head(nn.Module):
    """Convolutions over the points of a level, the same for every level."""

    def __init__(self, width: int, depth: int, outputs: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv1d(width, width, 3, padding=1) for _ in range(depth))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.out = nn.Conv1d(width, outputs, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, points, outputs)"""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.relu(norm(convolution(x).transpose(1, 2))).transpose(1, 2)
        out: Tensor = self.out(x)
        return out.transpose(1, 2)


class SpotterNetwork(nn.Module):
    """Poses to every point's class logits and distances to both ends.

    Shapes: frames must be a multiple of `stride` · 2^(levels − 1), and of 64 where there is an encoder. `forward` returns
    (batch, points, classes) logits and (batch, points, 2) distances in points of the finest level; `points()` says where
    they lie.
    """

    def __init__(self, settings: SpotNetwork, n_classes: int, encoder: MGFM | None = None) -> None:
        super().__init__()
        if settings.stride < 1 or settings.stride & (settings.stride - 1):
            raise BadInput(f"network.stride is {settings.stride}; it must be a power of 2.")
        self.settings = settings
        width = settings.width
        self.front = PoseFront(width)
        self.encoder = encoder
        if encoder is not None:
            encoder.requires_grad_(False)
            self.from_encoder = nn.Linear(len(PARTS) * encoder.settings.width, width)
        self.stem = nn.Conv1d(width, width, settings.stride * 2, settings.stride, settings.stride // 2)
        self.context = nn.Sequential(*(_Mix(width, 2**index) for index in range(settings.context)))
        self.dropout = nn.Dropout(settings.dropout)
        self.pyramid = Pyramid(width, settings.levels)
        self.classify = _Head(width, settings.head, n_classes)
        self.measure = _Head(width, settings.head, 2)
        self.scale = nn.Parameter(torch.ones(settings.levels))
        # Nearly every point is no gesture: begin by saying so (Lin et al., ICCV 2017, section 3.3).
        nn.init.constant_(self.classify.out.bias, -4.6)  # type: ignore[arg-type]

    @property
    def multiple(self) -> int:
        """What the number of frames must be a multiple of."""
        least = self.settings.stride << (self.settings.levels - 1)
        return max(least, _ENCODED) if self.encoder is not None else least

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        frames = batch.positions.shape[1]
        if frames % self.multiple:
            raise ValueError(f"{frames} frames are no multiple of {self.multiple}")
        x = self.stem(self.front(batch).transpose(1, 2))
        if self.encoder is not None:
            x = x + self._encoded(batch, x.shape[-1])
        levels = self.pyramid(self.dropout(self.context(x)))
        logits = torch.cat([self.classify(level) for level in levels], dim=1)
        # In units of each level's own step, so that one head serves all.
        apart = [
            F.softplus(self.measure(level)) * self.scale[index].clamp(min=0.1) * 2.0**index
            for index, level in enumerate(levels)
        ]
        return logits, torch.cat(apart, dim=1)

    def points(self, frames: int) -> tuple[Tensor, Tensor]:
        """(points,) middle of each point, and its step, both in points of the finest level."""
        finest = frames // self.settings.stride
        steps = [2**level for level in range(self.settings.levels)]
        middles = [torch.arange(finest // step) * step + step / 2 for step in steps]
        return torch.cat(middles), torch.cat([torch.full((finest // step,), float(step)) for step in steps])

    def _encoded(self, batch: Batch, points: int) -> Tensor:
        """(batch, width, points) what MG-FM makes of the poses, part by part, its stretches repeated over their points."""
        assert self.encoder is not None
        n, frames, joints, _ = batch.positions.shape
        cut = replace(
            batch,
            positions=batch.positions.reshape(-1, _ENCODED, joints, 3),
            valid=batch.valid.reshape(-1, _ENCODED, joints),
        )
        with torch.no_grad():
            tokens = tokenise(cut, self.encoder.settings.patch)
            encoded, present = self.encoder(tokens)
        steps = frames // self.encoder.settings.patch
        # Of each stretch apart: what `pool_parts` takes for a batch are stretches.
        mean = pool_parts(
            encoded.view(n * steps, joints, -1),
            present.view(n * steps, joints),
            self.encoder.part_of_joint[batch.joints],
        ).view(n, steps, -1)
        x = self.from_encoder(mean).transpose(1, 2)
        return F.interpolate(x, size=points, mode="linear", align_corners=False)
