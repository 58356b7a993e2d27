"""SkeletonCLR: momentum contrast on whole skeleton sequences.

Li, Wang, Liang, Ni: 3D Human Action Representation Learning via Cross-View Consistency Pursuit, CVPR 2021 (arXiv 2104.14466),
section 3.1. Two views of a sequence, sheared and cropped in time; the query's encoder learns, the key's follows it; a queue of
earlier keys are the negatives (He et al., MoCo, CVPR 2020).
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.baselines.gcn import STGCN
from models.data import Batch
from models.skeletons import Skeleton

__all__ = ["SkeletonCLR", "SkeletonCLRSettings", "shear"]

# A quarter of ST-GCN's width, and 256 at its end, as published.
_WIDTHS = (16, 16, 16, 16, 32, 32, 32, 64, 64, 256)


@dataclass(frozen=True)
class SkeletonCLRSettings:
    """The configuration published for NTU RGB+D.

    Attributes:
        projection: channels that are compared.
        queue: negatives.
        momentum: of the key's encoder.
        temperature: of the contrast.
        shear: largest amplitude of the shear.
    """

    projection: int = 128
    queue: int = 32768
    momentum: float = 0.999
    temperature: float = 0.07
    shear: float = 0.5


class SkeletonCLR(nn.Module):
    """`forward` takes two views of a batch and returns {"loss"}; `embed` gives (batch, 256)."""

    queue: Tensor
    place: Tensor

    def __init__(self, skeleton: Skeleton, settings: SkeletonCLRSettings | None = None) -> None:
        super().__init__()
        self.settings = s = settings or SkeletonCLRSettings()
        self.query = STGCN(skeleton, s.projection, _WIDTHS)
        self.query.head = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, s.projection))  # type: ignore[assignment]
        self.key = copy.deepcopy(self.query)
        self.key.requires_grad_(False)
        self.register_buffer("queue", F.normalize(torch.randn(s.queue, s.projection), dim=1))
        self.register_buffer("place", torch.zeros(1, dtype=torch.long))

    def forward(self, views: tuple[Batch, Batch]) -> dict[str, Tensor]:
        """The contrast of the views (equation 1); the views are sheared here."""
        one, other = (shear(view, self.settings.shear) for view in views)
        query = F.normalize(self.query.logits(one), dim=1)
        with torch.no_grad():
            if self.training:
                self._follow()
            key = F.normalize(self.key.logits(other), dim=1)
        like, unlike = (query * key).sum(1, keepdim=True), query @ self.queue.T
        logits = torch.cat([like, unlike], dim=1) / self.settings.temperature
        loss = F.cross_entropy(logits, torch.zeros(len(query), dtype=torch.long, device=query.device))
        if self.training:
            self._enqueue(key)
        return {"loss": loss}

    def embed(self, batch: Batch) -> Tensor:
        """(batch, 256) what the query's encoder makes of a batch, before the projection."""
        return self.query.embed(batch)

    def _follow(self) -> None:
        for mine, its in zip(self.key.parameters(), self.query.parameters(), strict=True):
            mine.lerp_(its, 1 - self.settings.momentum)

    def _enqueue(self, key: Tensor) -> None:
        rows = (int(self.place) + torch.arange(len(key), device=key.device)) % len(self.queue)
        # A new tensor: the loss still needs the old one for its gradient.
        self.queue = self.queue.index_copy(0, rows, key)
        self.place = (self.place + len(key)) % len(self.queue)


def shear(batch: Batch, amplitude: float) -> Batch:
    """Each window's coordinates mixed by a matrix of 1 on the diagonal and up to `amplitude` elsewhere (section 3.1)."""
    n, dims = len(batch), batch.dims
    mixing = torch.eye(3, device=batch.positions.device).repeat(n, 1, 1)
    drawn = (torch.rand(n, dims, dims, device=mixing.device) * 2 - 1) * amplitude
    off = ~torch.eye(dims, dtype=torch.bool, device=mixing.device)
    mixing[:, :dims, :dims] += drawn * off
    moved = torch.einsum("nij,ntvj->ntvi", mixing, batch.positions)
    sheared = copy.copy(batch)
    sheared.positions = moved * batch.valid.unsqueeze(-1)
    return sheared
