"""P&C: an autoencoder of recurrent units whose decoder is kept weak, so that the encoder has to tell movements apart.

Su, Liu, Shlizerman: Predict & Cluster: Unsupervised Skeleton Based Action Recognition, CVPR 2020 (arXiv 1911.12409), with fixed
decoder weights (P&C FW). A sequence is read in both directions; its last state is the embedding, compared by nearest neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.data import Batch
from models.skeletons import Skeleton

__all__ = ["PredictAndCluster", "PredictSettings"]


@dataclass(frozen=True)
class PredictSettings:
    """The configuration published for NTU RGB+D.

    Attributes:
        width: hidden units of each direction.
        layers: of the encoder.
        frames: of a sequence.
    """

    width: int = 1024
    layers: int = 3
    frames: int = 50


class PredictAndCluster(nn.Module):
    """`forward` takes a batch and returns {"loss"}; `embed` gives (batch, 2 · width)."""

    def __init__(self, skeleton: Skeleton, settings: PredictSettings | None = None) -> None:
        super().__init__()
        self.settings = s = settings or PredictSettings()
        channels = 3 * len(skeleton.joints)
        self.encoder = nn.GRU(channels, s.width, s.layers, batch_first=True, bidirectional=True)
        self.decoder = nn.GRU(channels, 2 * s.width, batch_first=True)
        self.decoder.requires_grad_(False)
        self.out = nn.Linear(2 * s.width, channels)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Mean absolute error of the sequence drawn anew from its embedding alone; unseen joints don't count."""
        x, seen = batch.positions.flatten(2), batch.valid.unsqueeze(-1).expand(*batch.valid.shape, 3).flatten(2)
        # The decoder is fed nothing but its first state: its inputs are 0.
        states, _ = self.decoder(torch.zeros_like(x), self.embed(batch).unsqueeze(0))
        error = (self.out(states) - x).abs() * seen
        return {"loss": error.sum() / seen.sum().clamp(min=1)}

    def embed(self, batch: Batch) -> Tensor:
        """(batch, 2 · width) the last layer's last states, forwards and backwards."""
        _, last = self.encoder(batch.positions.flatten(2))
        return torch.cat([last[-2], last[-1]], dim=1)
