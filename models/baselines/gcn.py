"""Graph convolutions over the skeleton: ST-GCN, ST-GCN++ and CTR-GCN.

ST-GCN: Yan, Xiong, Lin: Spatial Temporal Graph Convolutional Networks, AAAI 2018 (arXiv 1801.07455).
ST-GCN++: Duan, Wang, Chen, Lin: PYSKL, ACM MM 2022 (arXiv 2205.09443), section 3.
CTR-GCN: Chen, Zhang, Yuan, Li, Deng, Hu: Channel-wise Topology Refinement Graph Convolution, ICCV 2021 (arXiv 2107.12213).

All stack ten blocks of a convolution over joints and one over time; they differ in how joints are joined and in the branches of
the convolution over time. Input is a batch of normalised positions; absent joints are 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.data import Batch
from models.skeletons import Skeleton

__all__ = ["CTRGCN", "STGCN", "STGCNPlusPlus", "graph"]

_WIDTHS = (64, 64, 64, 64, 128, 128, 128, 256, 256, 256)
_HALVED = (4, 7)  # blocks that halve the frames


def graph(skeleton: Skeleton) -> Tensor:
    """(3, joints, joints): each joint with itself, with the joint it hangs on, and with those that hang on it.

    Columns are normalised to sum 1 (Yan et al., AAAI 2018, spatial configuration).
    """
    joints = len(skeleton.joints)
    inward = torch.zeros(joints, joints)
    for joint, parent in skeleton.limbs:
        inward[joint, parent] = 1
    outward = inward.T.clone()
    return torch.stack([torch.eye(joints), *(a / a.sum(0, keepdim=True).clamp(min=1) for a in (inward, outward))])


class _Network(nn.Module):
    """Ten blocks, the mean over joints and time, and a linear classifier."""

    def __init__(
        self,
        skeleton: Skeleton,
        n_classes: int,
        space: Callable[[int, int, Tensor], nn.Module],
        over_time: Callable[[int, int], nn.Module],
        widths: Sequence[int] = _WIDTHS,
    ) -> None:
        super().__init__()
        joints = graph(skeleton)
        self.norm = nn.BatchNorm1d(3 * joints.shape[1])
        before = (3, *widths[:-1])
        self.blocks = nn.ModuleList(
            _Block(
                space(before[index], width, joints), over_time(width, stride), before[index], width, stride, index > 0
            )
            for index, width in enumerate(widths)
            for stride in (2 if index in _HALVED else 1,)
        )
        self.head = nn.Linear(widths[-1], n_classes)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """{"loss"}: cross entropy of the labels."""
        return {"loss": F.cross_entropy(self.logits(batch), batch.labels, ignore_index=-1)}

    def logits(self, batch: Batch) -> Tensor:
        """(batch, classes)"""
        logits: Tensor = self.head(self.embed(batch))
        return logits

    def embed(self, batch: Batch) -> Tensor:
        """(batch, last width), 256 as published"""
        n, frames, joints, _ = batch.positions.shape
        flat = self.norm(batch.positions.permute(0, 2, 3, 1).reshape(n, joints * 3, frames))
        x = flat.view(n, joints, 3, frames).permute(0, 2, 3, 1)  # (n, channels, frames, joints)
        for block in self.blocks:
            x = block(x)
        pooled: Tensor = x.mean((2, 3))
        return pooled


class STGCN(_Network):
    """ST-GCN; 3.10 million parameters (published: 3.1) for 25 joints and 60 classes."""

    def __init__(self, skeleton: Skeleton, n_classes: int, widths: Sequence[int] = _WIDTHS) -> None:
        super().__init__(skeleton, n_classes, _WeighedGraph, _NineFrames, widths)


class STGCNPlusPlus(_Network):
    """ST-GCN++; 1.40 million parameters (published: 1.4) for 25 joints and 60 classes."""

    def __init__(self, skeleton: Skeleton, n_classes: int) -> None:
        super().__init__(skeleton, n_classes, _LearnedGraph, _SixBranches)


class CTRGCN(_Network):
    """CTR-GCN; 1.45 million parameters (published: 1.46) for 25 joints and 60 classes."""

    def __init__(self, skeleton: Skeleton, n_classes: int) -> None:
        super().__init__(skeleton, n_classes, _RefinedGraph, _FourBranches)


class _Block(nn.Module):
    def __init__(
        self, space: nn.Module, over_time: nn.Module, width_in: int, width: int, stride: int, residual: bool
    ) -> None:
        super().__init__()
        self.space, self.over_time = space, over_time
        self.skip: nn.Module | None = None
        if residual:
            same = width_in == width and stride == 1
            self.skip = nn.Identity() if same else _normed(nn.Conv2d(width_in, width, 1, (stride, 1)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.over_time(self.space(x))
        return F.relu(out + self.skip(x) if self.skip is not None else out)


class _WeighedGraph(nn.Module):
    """The skeleton's three graphs, each edge with a learned weight."""

    graph: Tensor

    def __init__(self, width_in: int, width: int, joints: Tensor) -> None:
        super().__init__()
        self.register_buffer("graph", joints.clone(), persistent=False)
        self.importance = nn.Parameter(torch.ones_like(joints))
        self.conv = nn.Conv2d(width_in, width * len(joints), 1)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        n, _, frames, joints = x.shape
        apart = self.conv(x).view(n, len(self.graph), -1, frames, joints)
        return F.relu(self.norm(torch.einsum("nkctv,kvw->nctw", apart, self.graph * self.importance)))


class _LearnedGraph(nn.Module):
    """Three graphs that begin as the skeleton's and are learned, with a residual connection of its own."""

    def __init__(self, width_in: int, width: int, joints: Tensor) -> None:
        super().__init__()
        self.graph = nn.Parameter(joints.clone())
        self.conv = nn.Conv2d(width_in, width * len(joints), 1)
        self.norm = nn.BatchNorm2d(width)
        self.skip = nn.Identity() if width_in == width else _normed(nn.Conv2d(width_in, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        n, _, frames, joints = x.shape
        apart = self.conv(x).view(n, len(self.graph), -1, frames, joints)
        return F.relu(self.norm(torch.einsum("nkctv,kvw->nctw", apart, self.graph)) + self.skip(x))


class _RefinedGraph(nn.Module):
    """Three graphs, each refined channel by channel from the differences of joints (equations 5 to 8)."""

    def __init__(self, width_in: int, width: int, joints: Tensor) -> None:
        super().__init__()
        self.graph = nn.Parameter(joints.clone())
        self.strength = nn.Parameter(torch.zeros(1))
        narrow = 8 if width_in == 3 else width_in // 8
        self.one, self.other, self.value, self.refine = (
            nn.ModuleList(nn.Conv2d(a, b, 1) for _ in joints)
            for a, b in ((width_in, narrow), (width_in, narrow), (width_in, width), (narrow, width))
        )
        self.norm = nn.BatchNorm2d(width)
        nn.init.constant_(self.norm.weight, 1e-6)  # as published: a block begins as its residual
        self.skip = nn.Identity() if width_in == width else _normed(nn.Conv2d(width_in, width, 1))

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor | float = 0.0
        for graph_of, one, other, value, refine in zip(
            self.graph, self.one, self.other, self.value, self.refine, strict=True
        ):
            difference = torch.tanh(one(x).mean(2).unsqueeze(-1) - other(x).mean(2).unsqueeze(-2))
            refined = refine(difference) * self.strength + graph_of
            total = total + torch.einsum("ncuv,nctv->nctu", refined, value(x))
        assert isinstance(total, Tensor)
        return F.relu(self.norm(total) + self.skip(x))


class _NineFrames(nn.Sequential):
    """A convolution over nine frames."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__(_normed(nn.Conv2d(width, width, (9, 1), (stride, 1), (4, 0))), nn.Dropout(0.1))


class _SixBranches(nn.Module):
    """Four dilated convolutions, a maximum and a plain one over time, joined and mixed."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        narrow = width // 6
        widths = (width - 5 * narrow, narrow, narrow, narrow, narrow, narrow)
        dilated = (
            nn.Sequential(
                _normed(nn.Conv2d(width, narrow, 1)),
                nn.ReLU(),
                nn.Conv2d(narrow, narrow, (3, 1), (stride, 1), (dilation, 0), (dilation, 1)),
            )
            for dilation, narrow in zip((1, 2, 3, 4), widths, strict=False)
        )
        highest = nn.Sequential(
            _normed(nn.Conv2d(width, narrow, 1)), nn.ReLU(), nn.MaxPool2d((3, 1), (stride, 1), (1, 0))
        )
        self.branches = nn.ModuleList([*dilated, highest, nn.Conv2d(width, narrow, 1, (stride, 1))])
        self.mix = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 1), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mix(torch.cat([branch(x) for branch in self.branches], dim=1))
        return out


class _FourBranches(nn.Module):
    """Two dilated convolutions, a maximum and a plain one over time, side by side."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        narrow = width // 4
        dilated = (
            nn.Sequential(
                _normed(nn.Conv2d(width, narrow, 1)),
                nn.ReLU(),
                _normed(nn.Conv2d(narrow, narrow, (5, 1), (stride, 1), (2 * dilation, 0), (dilation, 1))),
            )
            for dilation in (1, 2)
        )
        highest = nn.Sequential(
            _normed(nn.Conv2d(width, narrow, 1)),
            nn.ReLU(),
            nn.MaxPool2d((3, 1), (stride, 1), (1, 0)),
            nn.BatchNorm2d(narrow),
        )
        self.branches = nn.ModuleList([*dilated, highest, _normed(nn.Conv2d(width, narrow, 1, (stride, 1)))])

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def _normed(convolution: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels))
