"""What each point of the pyramid should say, and how wrong it is.

A point answers for a gesture if it lies near the gesture's middle and the gesture is of its level's length; of several the
shortest. Ends are compared by distance IoU in one dimension (Zheng et al., AAAI 2020), as ActionFormer does.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Targets", "distance_iou_loss", "targets_of"]

_RADIUS = 1.5  # steps of the level around a gesture's middle
_REACH = 4.0  # steps: a level answers for gestures whose farther end lies up to so far from the point
_SMALLEST = 1e-6


@dataclass  # not frozen: Fabric converts its tensors in a copy of it
class Targets:
    """Of a batch of windows, point by point.

    Attributes:
        label: (batch, points) class; -1 for no gesture.
        apart: (batch, points, 2) distances to both ends, in points of the finest level; meaningless without a gesture.
        counts: (batch, points) whether the point is judged at all; not beyond the clip, nor in a gesture cut by the window.
    """

    label: Tensor
    apart: Tensor
    counts: Tensor

    def to(self, device: torch.device | str) -> Targets:
        """The same on a device."""
        return Targets(self.label.to(device), self.apart.to(device), self.counts.to(device))


def targets_of(
    spans: list[Tensor], labels: list[Tensor], lengths: Tensor, middles: Tensor, steps: Tensor, extent: float
) -> Targets:
    """Targets of windows.

    Args:
        spans: of each window (gestures, 2), in points of the finest level, may reach out of it.
        labels: of each window (gestures,) classes.
        lengths: (batch,) how many points of the finest level the clip fills.
        middles, steps: (points,) as `SpotterNetwork.points` gives them.
        extent: points of the finest level in a window.
    """
    coarsest = steps.max()
    low = torch.where(steps == 1, torch.zeros_like(steps), _REACH * steps / 2)
    high = torch.where(steps == coarsest, torch.full_like(steps, torch.inf), _REACH * steps)
    label = torch.full((len(spans), len(middles)), -1, dtype=torch.long)
    apart = torch.ones(len(spans), len(middles), 2)
    counts = middles[None] < lengths[:, None]
    for row, (span, classes) in enumerate(zip(spans, labels, strict=True)):
        if not len(span):
            continue
        ends = torch.stack([middles[:, None] - span[None, :, 0], span[None, :, 1] - middles[:, None]], dim=-1)
        inside = (ends > 0).all(-1)
        whole = (span[:, 0] >= 0) & (span[:, 1] <= extent)
        counts[row] &= ~(inside & ~whole).any(1)
        near = (middles[:, None] - span.mean(1)[None]).abs() <= _RADIUS * steps[:, None]
        farther = ends.amax(-1)
        fits = inside & near & whole & (farther > low[:, None]) & (farther <= high[:, None])
        length = torch.where(fits, (span[:, 1] - span[:, 0])[None].expand_as(fits), torch.inf)
        shortest = length.argmin(1)
        chosen = fits.any(1)
        label[row] = torch.where(chosen, classes[shortest], label[row])
        apart[row] = torch.where(chosen[:, None], ends[torch.arange(len(middles)), shortest], apart[row])
    return Targets(label, apart, counts)


def distance_iou_loss(given: Tensor, wanted: Tensor) -> Tensor:
    """(n,) of (n, 2) distances from a point inside to both ends: 1 − IoU + (distance of the middles / common extent)²."""
    shared = torch.minimum(given, wanted).sum(-1)
    both = given.sum(-1) + wanted.sum(-1) - shared
    extent = torch.maximum(given, wanted).sum(-1).clamp(min=_SMALLEST)
    middles = (given[:, 1] - given[:, 0] - wanted[:, 1] + wanted[:, 0]) / 2
    return 1 - shared / both.clamp(min=_SMALLEST) + (middles / extent) ** 2
