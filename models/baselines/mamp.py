"""MAMP: masked motion prediction with a vanilla transformer, as published.

Mao, Deng, Zhou, Fang, Ouyang, Li: Masked Motion Predictors are Strong 3D Action Representation Learners, ICCV 2023
(arXiv 2308.09975). Joints of 120 frames in patches of 4 frames are tokens; one in ten is encoded by eight blocks, and five more
blocks over all tokens predict the motion of the others. Attention is `scaled_dot_product_attention`, which changes speed only.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.data import Batch
from models.mgfm import Block

__all__ = ["MAMP", "MAMPSettings"]


@dataclass(frozen=True)
class MAMPSettings:
    """The configuration published for NTU RGB+D.

    Attributes:
        joints: of the skeleton.
        frames: of a window.
        patch: frames of a token.
        width: channels of a token, in encoder and decoder.
        depth: blocks of the encoder.
        decoder_depth: blocks of the decoder.
        heads: of attention.
        masked: share of the tokens that are hidden.
        tau: temperature of the motion-aware mask; lower hides moving joints more surely.
    """

    joints: int = 25
    frames: int = 120
    patch: int = 4
    width: int = 256
    depth: int = 8
    decoder_depth: int = 5
    heads: int = 8
    masked: float = 0.9
    tau: float = 0.8


class MAMP(nn.Module):
    """Encoder and decoder; `forward` takes a batch and returns {"loss"}, `encode` gives every token."""

    def __init__(self, settings: MAMPSettings | None = None) -> None:
        super().__init__()
        self.settings = s = settings or MAMPSettings()
        steps = s.frames // s.patch
        self.embed = nn.Linear(s.patch * 3, s.width)
        self.time = nn.Parameter(torch.zeros(1, steps, 1, s.width))
        self.joint = nn.Parameter(torch.zeros(1, 1, s.joints, s.width))
        self.blocks = nn.ModuleList(Block(s.width, s.heads, 4) for _ in range(s.depth))
        self.norm = nn.LayerNorm(s.width)
        self.decoder_embed = nn.Linear(s.width, s.width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, s.width))
        self.decoder_time = nn.Parameter(torch.zeros(1, steps, 1, s.width))
        self.decoder_joint = nn.Parameter(torch.zeros(1, 1, s.joints, s.width))
        self.decoder_blocks = nn.ModuleList(Block(s.width, s.heads, 4) for _ in range(s.decoder_depth))
        self.decoder_norm = nn.LayerNorm(s.width)
        self.out = nn.Linear(s.width, s.patch * 3)
        for parameter in (self.time, self.joint, self.mask_token, self.decoder_time, self.decoder_joint):
            nn.init.trunc_normal_(parameter, std=0.02)
        self.apply(_xavier)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The error of the hidden tokens' motion, normalised token by token (section 3.3)."""
        patches, motion = self._patches(batch.positions), self._patches(_motion(batch.positions))
        n, count, _ = patches.shape
        shown = round(count * (1 - self.settings.masked))
        order = self._noise(motion).argsort(dim=1)
        visible = order[:, :shown]
        x = self.embed(patches) + (self.time + self.joint).flatten(1, 2)
        width = x.shape[-1]
        x = x.gather(1, visible.unsqueeze(-1).expand(-1, -1, width))
        for block in self.blocks:
            x = block(x)
        x = self.decoder_embed(self.norm(x))
        filled = torch.cat([x, self.mask_token.to(x.dtype).expand(n, count - shown, -1)], dim=1)
        back = order.argsort(dim=1).unsqueeze(-1).expand(-1, -1, width)
        x = filled.gather(1, back) + (self.decoder_time + self.decoder_joint).flatten(1, 2)
        for block in self.decoder_blocks:
            x = block(x)
        predicted = self.out(self.decoder_norm(x)).float()
        mean, spread = motion.mean(-1, keepdim=True), motion.var(-1, keepdim=True)
        error = (predicted - (motion - mean) / (spread + 1e-6).sqrt()).square().mean(-1)
        hidden = torch.ones(n, count, device=x.device).scatter(1, visible, 0.0)
        return {"loss": (error * hidden).sum() / hidden.sum()}

    def encode(self, batch: Batch) -> Tensor:
        """(batch, tokens, width), nothing hidden."""
        x = self.embed(self._patches(batch.positions)) + (self.time + self.joint).flatten(1, 2)
        for block in self.blocks:
            x = block(x)
        encoded: Tensor = self.norm(x)
        return encoded

    def _patches(self, positions: Tensor) -> Tensor:
        n, frames, joints, _ = positions.shape
        cut = positions.view(n, frames // self.settings.patch, self.settings.patch, joints, 3)
        return cut.transpose(2, 3).reshape(n, -1, self.settings.patch * 3)

    def _noise(self, motion: Tensor) -> Tensor:
        """What tokens are hidden by, largest first: log-probability by motion, plus Gumbel noise (equations 3 to 5)."""
        intensity = motion.abs().sum(-1)
        chance = F.log_softmax(intensity / (intensity.amax(1, keepdim=True) * self.settings.tau + 1e-10), dim=1)
        return chance - torch.empty_like(chance).exponential_().log()


def _motion(positions: Tensor) -> Tensor:
    """Differences of neighbouring frames; the first frame's is 0."""
    return F.pad(positions[:, 1:] - positions[:, :-1], (0, 0, 0, 0, 1, 0))


def _xavier(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
