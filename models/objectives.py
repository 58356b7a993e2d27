"""What the network is trained on without labels: hidden motion, and the likeness of two views of one window.

Either can be switched off. Both see the same encoding of the visible tokens, so the second costs next to nothing.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from models.data import Batch
from models.mgfm import MGFM, Block, NetworkSettings, Tokens, initialise, pool, tokenise
from models.skeletons import JOINTS, part_of

__all__ = ["Objective", "Pretraining", "contrast", "draw_visible", "motion_targets", "vicreg"]


@dataclass(frozen=True)
class Objective:
    """What is asked of the network in pre-training.

    Attributes:
        motion: weight of masked motion prediction; 0 leaves it out (in ten minutes on two cores its steps are better
            spent on the views; models/README.md).
        view: which objective likens the two views: contrast, vicreg, distill, or none.
        view_weight: its weight.
        visible: share of the tokens that are encoded; the rest is hidden.
        motion_aware: how much more likely what moves is shown or predicted, rather than neither; 0 draws evenly.
        still: shoulder widths a frame below which motion is taken for the estimator's noise.
        predicted: share of the hidden tokens that are predicted in a step.
        decoder_width: channels of the predictor.
        decoder_depth: its blocks; each looks at the visible tokens only.
        projector: channels of the space in which views are likened.
        temperature: of the contrast.
        momentum: of the teacher in distillation, a step.
        part_weights: how much a hidden token counts by its part of the body.
    """

    motion: float = 0.0
    view: Literal["vicreg", "contrast", "distill", "none"] = "contrast"
    view_weight: float = 1.0
    visible: float = 0.25
    motion_aware: float = 1.0
    still: float = 0.01
    predicted: float = 0.5
    decoder_width: int = 128
    decoder_depth: int = 1
    projector: int = 512
    temperature: float = 0.1
    momentum: float = 0.99
    part_weights: dict[str, float] = field(
        default_factory=lambda: {"left_hand": 2.0, "right_hand": 2.0, "face": 1.5, "arms": 1.5}
    )


class Pretraining(nn.Module):
    """The encoder with what it needs in pre-training; `forward` takes two views and returns the losses.

    Masked motion prediction follows MAMP (Mao et al., ICCV 2023, arXiv 2308.09975) in predicting motion, and more of it where
    more moves; the predictor is a cross-attention to the visible tokens alone, for a part of the hidden ones.
    """

    def __init__(self, network: NetworkSettings, objective: Objective) -> None:
        super().__init__()
        self.objective = objective
        self.encoder = MGFM(network)
        width = network.width
        if objective.motion:
            self.predictor = MotionPredictor(network, objective)
        if objective.view != "none":
            self.projector = _perceptron(width, objective.projector, objective.projector)
        if objective.view == "distill":
            self.guess = _perceptron(objective.projector, objective.projector, objective.projector)
            self.teacher = copy.deepcopy(nn.ModuleList([self.encoder, self.projector])).requires_grad_(False)
        weights = [objective.part_weights.get(part_of(name), 1.0) for name in JOINTS]
        self.register_buffer("joint_weights", torch.tensor(weights), persistent=False)

    joint_weights: Tensor

    def forward(self, views: tuple[Batch, Batch]) -> dict[str, Tensor]:
        """Losses of a pair of views of the same windows: "loss" is their weighted sum, the others its parts."""
        tokens = tokenise(_joined(views), self.encoder.settings.patch)
        visible, hidden = draw_visible(tokens, self.objective)
        encoded, present = self.encoder(tokens, visible)
        losses: dict[str, Tensor] = {}
        total = encoded.new_zeros(())
        if self.objective.motion:
            losses["motion"] = self._motion_loss(tokens, encoded, present, visible, hidden)
            total = total + self.objective.motion * losses["motion"]
        if self.objective.view != "none":
            losses["view"] = self._view_loss(pool(encoded, present), tokens)
            total = total + self.objective.view_weight * losses["view"]
        return {"loss": total, **losses}

    def after_step(self) -> None:
        """Let the teacher follow the student, where there is one."""
        if self.objective.view != "distill":
            return
        student = nn.ModuleList([self.encoder, self.projector])
        with torch.no_grad():
            for taught, learnt in zip(self.teacher.parameters(), student.parameters(), strict=True):
                taught.lerp_(learnt, 1 - self.objective.momentum)
            for kept, new in zip(self.teacher.buffers(), student.buffers(), strict=True):
                kept.copy_(new)

    def _motion_loss(self, tokens: Tokens, encoded: Tensor, present: Tensor, visible: Tensor, hidden: Tensor) -> Tensor:
        place = self.encoder.whereabouts(tokens)
        predicted = self.predictor(place[hidden], encoded + place[visible], present)
        velocity = tokens.velocity.gather(1, hidden.unsqueeze(-1).expand(-1, -1, predicted.shape[-1]))
        target = motion_targets(velocity, self.objective.still)
        error: Tensor = (predicted.float() - target).square()
        if tokens.dims == 2:
            error = error.view(*error.shape[:-1], -1, 3)[..., :2].flatten(-2)
        there = tokens.present.gather(1, hidden)
        weight = self.joint_weights[tokens.joints[hidden]] * there
        return (error.mean(-1) * weight).sum() / weight.sum().clamp(min=1)

    def _view_loss(self, pooled: Tensor, tokens: Tokens) -> Tensor:
        projected = self.projector(pooled).float()
        first, second = projected.chunk(2)
        if self.objective.view == "vicreg":
            return vicreg(_gathered(first), _gathered(second))
        if self.objective.view == "contrast":
            return contrast(_gathered(first), _gathered(second), self.objective.temperature)
        with torch.no_grad():
            encoder, projector = self.teacher
            taught = projector(pool(*encoder(tokens))).float()
        guessed = F.normalize(self.guess(projected).float(), dim=-1)
        swapped = F.normalize(torch.cat(list(reversed(taught.chunk(2)))), dim=-1)
        likeness: Tensor = (guessed * swapped).sum(-1).mean()
        return 2 - 2 * likeness


class MotionPredictor(nn.Module):
    """Predicts the motion of hidden tokens from the visible ones, by where and when they are."""

    def __init__(self, network: NetworkSettings, objective: Objective) -> None:
        super().__init__()
        width = objective.decoder_width
        self.query = nn.Linear(network.width, width)
        self.context = nn.LayerNorm(network.width)
        heads = max(width // 32, 1)
        self.blocks = nn.ModuleList(
            Block(width, heads, network.mlp, context_width=network.width) for _ in range(objective.decoder_depth)
        )
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, network.patch * 3)
        self.apply(initialise)

    def forward(self, place: Tensor, context: Tensor, present: Tensor) -> Tensor:
        """(batch, hidden, patch · 3) from where and when the hidden tokens are, and the visible tokens."""
        x, context = self.query(place), self.context(context)
        mask = None if bool(present.all()) else present | ~present.any(1, keepdim=True)
        for block in self.blocks:
            x = block(x, context, mask)
        out: Tensor = self.out(self.norm(x))
        return out


def draw_visible(tokens: Tokens, objective: Objective) -> tuple[Tensor, Tensor]:
    """Which tokens are encoded and which of the hidden ones are predicted: (batch, visible) and (batch, predicted) indices.

    Both are drawn from what is present, the more likely the more it moves. MAMP hides what moves; here that would leave the
    view objective to liken bodies that stand still.
    """
    n, count = tokens.present.shape
    n_visible = max(round(count * objective.visible), 1)
    n_predicted = max(round((count - n_visible) * objective.predicted), 1)
    gumbel = -torch.empty(n, count, device=tokens.present.device).exponential_().log()
    drawn = (gumbel + objective.motion_aware * _liveliness(tokens)).masked_fill(~tokens.present, -torch.inf)
    order = drawn.argsort(dim=1, descending=True)
    visible, hidden = order[:, :n_visible], order[:, n_visible:]
    return visible, hidden[:, :n_predicted]


def _liveliness(tokens: Tokens) -> Tensor:
    """(batch, tokens) logarithm of the speed, standardised within the window, so that micro-movements count as large ones do."""
    speed = tokens.velocity.square().sum(-1).add(1e-12).log().mul(0.5)
    there = tokens.present.to(speed.dtype)
    total = there.sum(1, keepdim=True).clamp(min=1)
    mean = (speed * there).sum(1, keepdim=True) / total
    spread = (((speed - mean) * there).square().sum(1, keepdim=True) / total).sqrt().clamp(min=1e-3)
    return (speed - mean) / spread


def motion_targets(velocity: Tensor, still: float) -> Tensor:
    """Velocities (…, patch · 3) scaled by their own size over the token, so that fingers count as much as arms.

    Below `still`, the noise of pose estimators, the scale stops following: what is still stays near zero.
    """
    size = velocity.square().mean(-1, keepdim=True)
    return velocity / (size + still**2).sqrt()


def vicreg(a: Tensor, b: Tensor) -> Tensor:
    """Variance, invariance and covariance of two views' projections (n, channels); Bardes et al., ICLR 2022, eq. 6.

    Weights 25, 25 and 1 as published, divided by 25 so that it stands beside other losses.
    """
    invariance = F.mse_loss(a, b)
    variance = (F.relu(1 - (a.var(0) + 1e-4).sqrt()).mean() + F.relu(1 - (b.var(0) + 1e-4).sqrt()).mean()) / 2
    return invariance + variance + (_covariance(a) + _covariance(b)) / 25


def _covariance(x: Tensor) -> Tensor:
    centred = x - x.mean(0)
    matrix = centred.T @ centred / max(len(x) - 1, 1)
    return (matrix.square().sum() - matrix.diagonal().square().sum()) / x.shape[1]


def contrast(a: Tensor, b: Tensor, temperature: float) -> Tensor:
    """Normalised, temperature-scaled cross entropy over both views (Chen et al., ICML 2020, eq. 1)."""
    both = F.normalize(torch.cat([a, b]), dim=-1)
    likeness = both @ both.T / temperature
    likeness = likeness.masked_fill(torch.eye(len(both), dtype=torch.bool, device=a.device), -torch.inf)
    partner = torch.arange(len(both), device=a.device).roll(len(a))
    return F.cross_entropy(likeness, partner)


def _perceptron(width: int, hidden: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, out))


def _joined(views: tuple[Batch, Batch]) -> Batch:
    first, second = views
    return Batch(
        positions=torch.cat([first.positions, second.positions]),
        valid=torch.cat([first.valid, second.valid]),
        joints=first.joints,
        labels=torch.cat([first.labels, second.labels]),
        items=torch.cat([first.items, second.items]),
        dims=first.dims,
    )


def _gathered(x: Tensor) -> Tensor:
    """The projections of all processes: statistics need the whole batch.

    Gradients flow to this process's part, times the number of processes, because their mean over processes is what is applied.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return x
    processes = dist.get_world_size()
    parts = [torch.empty_like(x) for _ in range(processes)]
    dist.all_gather(parts, x.detach().contiguous())
    parts[dist.get_rank()] = x * processes - x.detach() * (processes - 1)
    return torch.cat(parts)
