"""Train a spotter on streams whose gestures are known, and calibrate it on people whom it never saw."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torchvision.ops import sigmoid_focal_loss
from tqdm import tqdm

from manifests.errors import BadInput
from models.augment import augment
from models.checkpoints import MODEL, RESUME, Card
from models.data import Batch
from models.mgfm import MGFM
from models.settings import to_mapping
from models.spot.calibration import Calibration, Judged, calibrate, expected_error, judge
from models.spot.chunks import chunks
from models.spot.detect import detect
from models.spot.network import SpotterNetwork
from models.spot.reliability import PLOT, Reliability, draw_reliability, reliability_of
from models.spot.spotter import KIND, SpotSettings, Spotter, load_spotter, save_spotter
from models.spot.streams import Streams
from models.spot.targets import Targets, distance_iou_loss, targets_of
from models.trainer import fit, is_first_process

__all__ = ["SpotReport", "train_spot"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SpotReport:
    """What came of a training.

    Attributes:
        metrics: loss; and on the held-out people recall (of all candidates, right label and overlap 0.5), calibration_error and
            calibration_error_before.
        held_out: the people of the calibration.
        reliability: None where nobody could be held out.
    """

    metrics: dict[str, float]
    held_out: tuple[str, ...]
    reliability: Reliability | None


class _Spotting(nn.Module):
    """The network with its losses."""

    def __init__(self, network: SpotterNetwork, settings: SpotSettings) -> None:
        super().__init__()
        self.network = network
        self.span_weight = settings.span_weight

    def forward(self, pair: tuple[Batch, Targets]) -> dict[str, Tensor]:
        batch, targets = pair
        logits, apart = self.network(batch)
        positive = targets.counts & (targets.label >= 0)
        n = positive.sum().clamp(min=1)
        wanted = torch.zeros_like(logits)
        wanted.scatter_(2, targets.label.clamp(min=0).unsqueeze(-1), positive.unsqueeze(-1).to(logits.dtype))
        # Nearly all points are easy and empty (Lin et al., Focal loss, ICCV 2017).
        each = sigmoid_focal_loss(logits.float(), wanted, alpha=0.3, gamma=2.0)
        classes = (each * targets.counts.unsqueeze(-1)).sum() / n
        ends = distance_iou_loss(apart.float()[positive], targets.apart[positive]).sum() / n
        return {"loss": classes + self.span_weight * ends, "classes": classes, "ends": ends}


def train_spot(
    streams: Streams,
    out: Path | str,
    settings: SpotSettings | None = None,
    *,
    encoder: MGFM | None = None,
    train: Ints | None = None,
    stop: Callable[[int], bool] | None = None,
    device: str = "cpu",
    quiet: bool = False,
) -> tuple[Spotter, SpotReport]:
    """Train a spotter and write `out/model.safetensors`; an unfinished run in `out` goes on where it was.

    Where people were held out, `out/reliability.png` shows what the scores mean to them.

    Args:
        encoder: a pre-trained MG-FM whose features it sees beside the poses; it stands still.
        train: clips to learn from instead of the parts "train" and "val". Some people of them are held out.
        stop: called with each step's number; true ends the run there, to be gone on with.
        device: for the calibration.

    Raises:
        BadInput: there is no clip or no gesture to learn from, `out` holds another run, or what `models.trainer.fit` refuses.
    """
    settings = replace(settings or SpotSettings(), encoder=encoder.settings if encoder else None)
    train = streams.where("train", "val") if train is None else train
    if not len(train) or not np.isin(streams.owner, train).any():
        raise BadInput("There is no agreed gesture of a person to learn from. Annotate more clips first.")
    people, learned, held = _hold_out(streams, train, settings)
    torch.manual_seed(settings.training.seed)
    network = SpotterNetwork(settings.network, len(streams.classes), copy.deepcopy(encoder))
    if settings.frames % network.multiple:
        raise BadInput(f"frames is {settings.frames}; with this network it must be a multiple of {network.multiple}.")
    card = Card(
        kind=KIND,
        settings=to_mapping(settings),
        skeletons=(streams.store.skeleton.name,),
        data={streams.store.path.name: streams.store.digest},
        classes=streams.classes,
    )
    if (Path(out) / MODEL).exists():
        return _trained_before(Path(out), card, people)
    halted = False

    def asked_to_stop(step: int) -> bool:
        nonlocal halted
        halted = stop is not None and stop(step)
        return halted

    line = fit(
        _Spotting(network, settings),
        _batches(streams, learned, network, settings),
        settings.training,
        card,
        out,
        stop=asked_to_stop,
        quiet=quiet,
    )
    spotter = Spotter(network.eval(), streams.classes, Calibration.none(len(streams.classes)))
    metrics: dict[str, float] = {name: line[name] for name in ("loss", "classes", "ends") if name in line}
    if halted or not is_first_process():
        return spotter, SpotReport(metrics, people, None)
    reliability = None
    if len(held):
        reliability, measured = _calibrated(spotter, streams, held, device, quiet)
        metrics |= measured
        draw_reliability(reliability, Path(out) / PLOT)
    save_spotter(out, spotter, replace(card, metrics=metrics, step=settings.training.steps))
    (Path(out) / RESUME).unlink()
    return spotter, SpotReport(metrics, people, reliability)


def _trained_before(folder: Path, card: Card, people: tuple[str, ...]) -> tuple[Spotter, SpotReport]:
    spotter, found = load_spotter(folder)
    if found.settings != card.settings or found.data != card.data:
        raise BadInput(f"{folder} holds a checkpoint of other settings or poses. Give another --out, or remove it.")
    return spotter, SpotReport(found.metrics, people, None)


def _hold_out(streams: Streams, train: Ints, settings: SpotSettings) -> tuple[tuple[str, ...], Ints, Ints]:
    """People for the calibration, the clips to learn from, and theirs; nobody is held out of fewer than three."""
    owners = streams.store.people[train]
    everyone = sorted(set(owners.tolist()))
    count = max(round(len(everyone) * settings.held_out), 1) if len(everyone) > 2 and settings.held_out > 0 else 0
    order = np.random.default_rng([settings.training.seed, 7]).permutation(everyone).tolist()
    people = tuple(sorted(order[:count]))
    kept = np.isin(owners, people)
    return people, train[~kept], train[kept]


def _batches(
    streams: Streams, items: Ints, network: SpotterNetwork, settings: SpotSettings
) -> Callable[[int], tuple[Batch, Targets]]:
    stride = settings.network.stride
    middles, steps = network.points(settings.frames)
    draw = _Draw(streams, items, settings)

    def batch_of(seed: int) -> tuple[Batch, Targets]:
        rng = np.random.default_rng(seed)
        chosen, first, step = draw(rng)
        batch, inside = chunks(streams.store, chosen, first, step, settings.frames)
        batch = augment(batch, settings.augment, torch.Generator().manual_seed(int(rng.integers(2**62))))
        spans, labels = [], []
        for row, item in enumerate(chosen):
            span, label = streams.of(int(item))
            at = (span - first[row]) / (step[row] * stride)
            near = (at[:, 1] > 0) & (at[:, 0] < settings.frames / stride)
            spans.append(torch.from_numpy(at[near]).float())
            labels.append(torch.from_numpy(label[near]))
        lengths = torch.from_numpy(inside / stride).float()
        return batch, targets_of(spans, labels, lengths, middles, steps, settings.frames / stride)

    return batch_of


class _Draw:
    """Draws windows: some anywhere, some around gestures, rare classes more often than they are."""

    def __init__(self, streams: Streams, items: Ints, settings: SpotSettings) -> None:
        self.streams, self.items, self.settings = streams, items, settings
        self.share = streams.store.lengths[items] / streams.store.lengths[items].sum()
        self.gestures = np.flatnonzero(np.isin(streams.owner, items))
        count = np.bincount(streams.label[self.gestures], minlength=len(streams.classes))
        weight = count[streams.label[self.gestures]].astype(np.float64) ** -settings.balance
        self.weight = weight / weight.sum()

    def __call__(self, rng: np.random.Generator) -> tuple[Ints, Floats, Floats]:
        """(n,) items, first frames and source frames a step."""
        settings, streams = self.settings, self.streams
        n = settings.training.batch_size
        items = self.items[rng.choice(len(self.items), n, p=self.share)]
        gestures = self.gestures[rng.choice(len(self.gestures), n, p=self.weight)]
        around = rng.random(n) < settings.around
        items = np.where(around, streams.owner[gestures], items)
        pace = np.exp(rng.uniform(-1, 1, n) * np.log1p(settings.stretch))
        step = streams.fps[items] / settings.network.rate * pace
        reach = settings.frames * step
        free = np.maximum(streams.store.lengths[items] - reach, 0)
        anywhere = rng.random(n) * free
        centred = streams.span[gestures].mean(1) - rng.uniform(0.2, 0.8, n) * reach
        return items, np.where(around, np.clip(centred, 0, free), anywhere), step


def _calibrated(
    spotter: Spotter, streams: Streams, held: Ints, device: str, quiet: bool
) -> tuple[Reliability, dict[str, float]]:
    """Set the spotter's calibration by held-out clips, and say what it is worth there."""
    spotter.network.to(device)
    judged = []
    for item in tqdm(held, desc="calibrating", unit="clip", disable=quiet or None):
        found = detect(spotter, streams.store, int(item), float(streams.fps[item]), device=device)
        judged.append(judge(found, *streams.of(int(item))))
    spotter.calibration = calibrate(judged, len(streams.classes))
    score, right = _pooled(judged)
    chance = spotter.calibration.chance(score)
    reliability = reliability_of(chance, right)
    reached = np.concatenate([part.found for part in judged])
    return reliability, {
        "held_out_recall": float((reached > 0).mean()) if len(reached) else 0.0,
        "calibration_error": expected_error(chance, right),
        "calibration_error_before": expected_error(score, right),
    }


def _pooled(judged: list[Judged]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    return np.concatenate([part.score for part in judged]), np.concatenate([part.right for part in judged])
