"""PoseConv3D: convolutions in space and time on heat maps of the joints.

Duan, Zhao, Chen, Lin, Dai: Revisiting Skeleton-based Action Recognition, CVPR 2022 (arXiv 2104.13586). The network is SlowOnly-R50
of a quarter of its usual width, with its last three stages only; in each joint's channel stands a Gaussian where the joint is.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.data import Batch
from models.skeletons import Skeleton

__all__ = ["PoseConv3D", "heat_maps"]

_BLOCKS = (4, 6, 3)
_MARGIN = 1.25  # of the square around the joints


def heat_maps(batch: Batch, size: int, sigma: float = 0.6) -> Tensor:
    """(batch, joints, frames, size, size): a Gaussian of deviation `sigma` pixels, at most 1, where each joint is; 0 for unseen ones.

    The picture is the smallest square around all that a window shows, a quarter wider, seen from the front; y points down in it.
    """
    flat, seen = batch.positions[..., :2], batch.valid.unsqueeze(-1)
    low = flat.masked_fill(~seen, torch.inf).flatten(1, 2).amin(1)
    high = flat.masked_fill(~seen, -torch.inf).flatten(1, 2).amax(1)
    nobody = ~seen.flatten(1).any(1, keepdim=True)
    low, high = low.masked_fill(nobody, -1.0), high.masked_fill(nobody, 1.0)
    extent = ((high - low).amax(1) * _MARGIN).clamp(min=1e-3)
    place = ((flat - ((low + high) / 2)[:, None, None]) / extent[:, None, None, None] + 0.5) * size - 0.5
    pixel = torch.arange(size, device=flat.device)
    across = torch.exp(-((place[..., :1] - pixel) ** 2) / (2 * sigma**2))
    down = torch.exp(-((size - 1 - place[..., 1:] - pixel) ** 2) / (2 * sigma**2))
    maps = down.unsqueeze(-1) * across.unsqueeze(-2) * seen.unsqueeze(-1)
    return maps.transpose(1, 2)


class PoseConv3D(nn.Module):
    """2.02 million parameters (published: 2.0) for 17 joints and 60 classes.

    Args:
        size: side of the heat maps; published with 56, and 48 frames.
    """

    def __init__(self, skeleton: Skeleton, n_classes: int, *, width: int = 32, size: int = 56) -> None:
        super().__init__()
        self.size = size
        self.stem = nn.Sequential(
            nn.Conv3d(len(skeleton.joints), width, (1, 7, 7), padding=(0, 3, 3), bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(),
        )
        blocks, before = [], width
        for stage, count in enumerate(_BLOCKS):
            for index in range(count):
                stride = (2 if stage == 2 and index == 0 else 1, *((2, 2) if index == 0 else (1, 1)))
                blocks.append(_Bottleneck(before, width << stage, stride, over_time=stage > 0))
                before = 4 * (width << stage)
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(before, n_classes)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """{"loss"}: cross entropy of the labels."""
        return {"loss": F.cross_entropy(self.logits(batch), batch.labels, ignore_index=-1)}

    def logits(self, batch: Batch) -> Tensor:
        """(batch, classes)"""
        logits: Tensor = self.head(self.dropout(self.embed(batch)))
        return logits

    def embed(self, batch: Batch) -> Tensor:
        """(batch, 512)"""
        pooled: Tensor = self.blocks(self.stem(heat_maps(batch, self.size))).mean((2, 3, 4))
        return pooled


class _Bottleneck(nn.Module):
    """1 (over three frames in the later stages), 3 × 3, 1; four times as wide at its end."""

    def __init__(self, width_in: int, width: int, stride: tuple[int, int, int], *, over_time: bool) -> None:
        super().__init__()
        depth = 3 if over_time else 1
        self.body = nn.Sequential(
            *_normed(width_in, width, (depth, 1, 1), (stride[0], 1, 1)),
            nn.ReLU(),
            *_normed(width, width, (1, 3, 3), (1, *stride[1:])),
            nn.ReLU(),
            *_normed(width, 4 * width, (1, 1, 1), (1, 1, 1)),
        )
        same = width_in == 4 * width and stride == (1, 1, 1)
        self.skip = nn.Identity() if same else nn.Sequential(*_normed(width_in, 4 * width, (1, 1, 1), stride))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.skip(x))


def _normed(
    width_in: int, width: int, kernel: tuple[int, int, int], stride: tuple[int, int, int]
) -> tuple[nn.Module, nn.Module]:
    padding = (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
    return nn.Conv3d(width_in, width, kernel, stride, padding, bias=False), nn.BatchNorm3d(width)
