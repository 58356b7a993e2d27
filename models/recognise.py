"""Recognise gestures: fine-tune an encoder (or train one from scratch) on labelled items, and say how well it does.

Fine-tuning with layer-wise learning rates, of a pre-trained encoder from the classifier that fits it best as it stands. Then, if
asked for: pseudo-labels for unlabelled items, kept where the network is sure; and retraining of the classifier alone on balanced
draws, for long-tailed classes.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from manifests.errors import BadInput
from models.augment import Augment, augment
from models.checkpoints import MODEL, Card, load_weights, save_weights
from models.data import Batch, Windows, draw_windows, whole_items, windows
from models.mgfm import MGFM, SIZES, NetworkSettings, initialise, pool, tokenise
from models.settings import from_mapping, to_mapping
from models.store import PoseStore
from models.trainer import Training, fit

__all__ = [
    "RecogniseSettings",
    "Recogniser",
    "Recognition",
    "draw_fraction",
    "load_recogniser",
    "predict",
    "score",
    "train_recognise",
]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
_NEVER_SEEN = -10.0  # logit of a class that nobody shows, where the classifier starts from a probe


@dataclass(frozen=True)
class RecogniseSettings:
    """Everything a recogniser's training depends on, beside poses and encoder.

    Attributes:
        network: shape of the network when it is trained from scratch; a pre-trained encoder brings its own.
        drop_path: chance that the last block is skipped in training.
        dropout: before the classifier.
        visible: share of the tokens that a training step encodes; fewer are faster and keep it from learning by heart.
        smoothing: share of the target that is spread over all classes.
        layer_decay: learning rate of each block as a share of the one above it, where the encoder is pre-trained; from
            scratch all learn at one rate.
        tuned_rate: learning rate of all weights where the encoder is pre-trained, as a share of the `training.lr` that
            one from scratch needs.
        probe_first: windows of each labelled item on which a logistic regression is fitted before a pre-trained encoder is
            tuned; the classifier starts as that, so that its first gradients don't undo what was learned before (Kumar et
            al., Fine-tuning can distort pretrained features, ICLR 2022). 0 starts at random, as from scratch.
        epochs: passes over the labelled items; overrides `training.steps`.
        least_steps: steps that are taken even where the items are so few that the passes make less.
        windows: how windows are cut from items.
        augment: how they are varied.
        balance_epochs: passes with balanced classes in which only the classifier is trained anew (cRT, Kang et al.,
            ICLR 2020); 0 leaves the step out.
        pseudo_rounds: times that unlabelled items are labelled by the network and trained on with the others.
        pseudo_confidence: probability above which a label is believed.
        test_views: windows of an item whose predictions are averaged.
        training: how weights are fitted.
    """

    network: NetworkSettings = SIZES["tiny"]
    drop_path: float = 0.1
    dropout: float = 0.2
    visible: float = 0.6
    smoothing: float = 0.1
    layer_decay: float = 1.0
    tuned_rate: float = 0.5
    probe_first: int = 5
    epochs: int = 60
    least_steps: int = 300
    windows: Windows = field(default_factory=lambda: Windows(longest=100_000, crop=0.7))
    augment: Augment = field(default_factory=lambda: Augment(turn=25, hide_joint=0.05))
    balance_epochs: int = 0
    pseudo_rounds: int = 0
    pseudo_confidence: float = 0.8
    test_views: int = 5
    training: Training = field(default_factory=lambda: Training(batch_size=64, lr=2e-3))


@dataclass(frozen=True)
class Recognition:
    """What came of it.

    Attributes:
        items: (n,) the test items.
        labels: (n,) their classes.
        scores: (n, classes) probabilities.
        metrics: top1, top5, mean_class_accuracy, from 0 to 1.
    """

    items: Ints
    labels: Ints
    scores: Floats
    metrics: dict[str, float]


class Recogniser(nn.Module):
    """An encoder with a classifier on its tokens' mean and maximum."""

    def __init__(self, encoder: MGFM, n_classes: int, settings: RecogniseSettings) -> None:
        super().__init__()
        self.encoder = encoder
        self.n_classes = n_classes
        self.settings = settings
        encoder.drop_paths(settings.drop_path)
        width = encoder.settings.width
        self.head = nn.Sequential(
            nn.LayerNorm(2 * width), nn.Dropout(settings.dropout), nn.Linear(2 * width, n_classes)
        )
        self.head.apply(initialise)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss of a batch; items without a label (−1) don't count."""
        loss = F.cross_entropy(
            self.logits(batch), batch.labels, label_smoothing=self.settings.smoothing, ignore_index=-1
        )
        return {"loss": loss}

    def logits(self, batch: Batch) -> Tensor:
        """(batch, classes)"""
        logits: Tensor = self.head(self.pooled(batch))
        return logits

    def pooled(self, batch: Batch) -> Tensor:
        """(batch, 2 · width) mean and maximum of the tokens; in training, of a share of them."""
        tokens = tokenise(batch, self.encoder.settings.patch)
        visible = None
        if self.training and self.settings.visible < 1:
            chance = torch.rand(tokens.present.shape, device=tokens.present.device).masked_fill(~tokens.present, -1.0)
            visible = chance.topk(max(round(chance.shape[1] * self.settings.visible), 1), dim=1).indices
        encoded, present = self.encoder(tokens, visible)
        highest = encoded.masked_fill(~present.unsqueeze(-1), -torch.inf).amax(1)
        highest = highest.masked_fill(~present.any(1, keepdim=True), 0.0)
        return torch.cat([pool(encoded, present), highest], dim=1)


def train_recognise(
    store: PoseStore,
    out: Path | str | None = None,
    settings: RecogniseSettings | None = None,
    *,
    encoder: MGFM | None = None,
    train: Ints | None = None,
    test: Ints | None = None,
    unlabelled: Ints | None = None,
    quiet: bool = False,
) -> tuple[Recogniser, Recognition]:
    """Train a recogniser on a store's training part and score it on its test part.

    Args:
        out: folder for `model.safetensors`; None writes nothing.
        encoder: a pre-trained one, which is copied; None trains from scratch.
        train, test: items to use instead of the parts "train" and "test".
        unlabelled: items for pseudo-labels, whose own labels are not looked at.

    Raises:
        BadInput: there are no classes, an item has no label, or what `models.trainer.fit` refuses.
    """
    settings = settings or RecogniseSettings()
    train = store.where("train") if train is None else train
    test = store.where("test") if test is None else test
    if len(store.classes) < 2 or (store.labels[train] < 0).any():
        raise BadInput(f"{store.path}: training items without a class. Prepare gestures, not whole clips.")
    torch.manual_seed(settings.training.seed)
    if encoder is None:
        settings = replace(settings, layer_decay=1.0, tuned_rate=1.0, probe_first=0)
    encoder = MGFM(settings.network) if encoder is None else copy.deepcopy(encoder)
    settings = replace(settings, network=encoder.settings)
    model = Recogniser(encoder, len(store.classes), settings)
    if settings.probe_first:
        _start_from_probe(model, store, train, settings)
    _fit(model, store, train, store.labels[train], settings, quiet)
    for _ in range(settings.pseudo_rounds if unlabelled is not None and len(unlabelled) else 0):
        assert unlabelled is not None
        scores = predict(model, store, unlabelled, settings.test_views)
        sure = scores.max(1) >= settings.pseudo_confidence
        both = np.concatenate([train, unlabelled[sure]])
        guessed = scores[sure].argmax(1).astype(np.int64)
        _fit(model, store, both, np.concatenate([store.labels[train], guessed]), settings, quiet)
    if settings.balance_epochs:
        _balance(model, store, train, settings, quiet)
    scores = predict(model, store, test, settings.test_views)
    result = Recognition(test, store.labels[test], scores, score(store.labels[test], scores))
    if out is not None:
        card = Card(
            kind="recogniser",
            settings=to_mapping(settings),
            skeletons=(store.skeleton.name,),
            data={store.path.name: store.digest},
            classes=store.classes,
            metrics=result.metrics,
        )
        save_weights(Path(out) / MODEL, dict(model.state_dict()), card)
    return model, result


def load_recogniser(path: Path | str) -> tuple[Recogniser, Card]:
    """The recogniser of a checkpoint that `train_recognise` wrote.

    Raises:
        BadInput: there is none, or it holds another kind of model.
        SchemaMismatch: it is of another format version.
    """
    card, tensors = load_weights(path)
    if card.kind != "recogniser":
        raise BadInput(f"{path} holds a {card.kind}, not a recogniser. Give the folder that `train recognise` wrote.")
    settings = from_mapping(RecogniseSettings, card.settings, str(path))
    model = Recogniser(MGFM(settings.network), len(card.classes), settings)
    model.load_state_dict(tensors)
    return model.eval(), card


@torch.no_grad()
def predict(model: Recogniser, store: PoseStore, items: Ints, views: int = 1, batch_size: int = 128) -> Floats:
    """(items, classes) probabilities, averaged over windows that cover from all of the item down to four fifths."""
    model.eval()
    device = next(model.parameters()).device
    frames = model.settings.windows.frames
    total: Floats = np.zeros((len(items), model.n_classes), dtype=np.float32)
    for share in np.linspace(1.0, 0.8, views):
        for at in range(0, len(items), batch_size):
            part = items[at : at + batch_size]
            batch = windows(store, part, *whole_items(store, part, float(share)), frames).to(device)
            total[at : at + batch_size] += model.logits(batch).float().softmax(1).cpu().numpy()
    return total / np.float32(views)


def score(labels: Ints, scores: Floats) -> dict[str, float]:
    """top1, top5 and mean class accuracy (over the classes that occur)."""
    order = np.argsort(-scores, axis=1, kind="stable")
    hit = order[:, 0] == labels
    return {
        "top1": float(hit.mean()),
        "top5": float((order[:, :5] == labels[:, None]).any(1).mean()),
        "mean_class_accuracy": float(np.mean([hit[labels == label].mean() for label in np.unique(labels)])),
    }


def draw_fraction(labels: Ints, items: Ints, fraction: float, seed: int) -> Ints:
    """Draw a share of the items of each class, at least one, as semi-supervised protocols do. Sorted."""
    rng = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(labels[items]):
        members = rng.permutation(items[labels[items] == label])
        chosen.append(members[: max(round(len(members) * fraction), 1)])
    drawn: Ints = np.sort(np.concatenate(chosen))
    return drawn


def _fit(
    model: Recogniser, store: PoseStore, items: Ints, labels: Ints, settings: RecogniseSettings, quiet: bool
) -> None:
    batch_size = min(settings.training.batch_size, len(items))
    steps = max(settings.epochs * len(items) // batch_size, settings.least_steps)
    training = replace(settings.training, steps=steps, batch_size=batch_size)

    def batch_of(seed: int) -> Batch:
        rng = np.random.default_rng(seed)
        return _drawn(store, items, labels, rng.choice(len(items), batch_size, replace=False), settings, rng)

    groups = list(_layer_groups(model, settings))
    fit(model, batch_of, training, Card("recogniser", {}), groups=groups, quiet=quiet)


@torch.no_grad()
def _start_from_probe(model: Recogniser, store: PoseStore, items: Ints, settings: RecogniseSettings) -> None:
    """Make the classifier what a logistic regression on the encoder's features would be."""
    from sklearn.linear_model import LogisticRegression

    model.eval()
    norm, linear = model.head[0], model.head[-1]
    assert isinstance(linear, nn.Linear)
    rng = np.random.default_rng(settings.training.seed)
    rows = np.tile(np.arange(len(items)), settings.probe_first)
    parts = np.array_split(rows, max(len(rows) // 128, 1))
    drawn = (_drawn(store, items, store.labels[items], part, settings, rng) for part in parts)
    seen = np.concatenate([norm(model.pooled(batch)).numpy() for batch in drawn]).astype(np.float64)
    labels = store.labels[items[rows]]
    if len(np.unique(labels)) < 2:
        return
    mean, spread = seen.mean(0), np.maximum(seen.std(0), 1e-6) * np.sqrt(seen.shape[1])
    fitted = LogisticRegression(C=10.0, max_iter=1000).fit((seen - mean) / spread, labels)
    weight, bias = fitted.coef_ / spread, fitted.intercept_
    if len(fitted.classes_) == 2:  # scikit-learn tells two classes apart by one row
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    linear.weight.zero_()
    linear.bias.fill_(_NEVER_SEEN)
    known = torch.from_numpy(fitted.classes_)
    linear.weight[known] = torch.from_numpy(weight).float()
    linear.bias[known] = torch.from_numpy(bias - weight @ mean).float()


def _balance(model: Recogniser, store: PoseStore, items: Ints, settings: RecogniseSettings, quiet: bool) -> None:
    """Train the classifier anew on as many draws of each class, the encoder standing still."""
    labels = store.labels[items]
    count = np.bincount(labels, minlength=len(store.classes)).astype(np.float64)
    chance = 1 / count[labels]
    batch_size = min(settings.training.batch_size, len(items))
    steps = max(settings.balance_epochs * len(items) // batch_size, 1)
    model.head.apply(initialise)

    def batch_of(seed: int) -> Batch:
        rng = np.random.default_rng(seed)
        return _drawn(store, items, labels, rng.choice(len(items), batch_size, p=chance / chance.sum()), settings, rng)

    model.encoder.requires_grad_(False)
    training = replace(settings.training, steps=steps, batch_size=batch_size)
    fit(model, batch_of, training, Card("recogniser", {}), quiet=quiet)
    model.encoder.requires_grad_(True)


def _drawn(
    store: PoseStore, items: Ints, labels: Ints, rows: Ints, settings: RecogniseSettings, rng: np.random.Generator
) -> Batch:
    chosen = items[rows]
    batch = windows(store, chosen, *draw_windows(store, chosen, settings.windows, rng), settings.windows.frames)
    batch = replace(batch, labels=torch.from_numpy(labels[rows]))
    return augment(batch, settings.augment, torch.Generator().manual_seed(int(rng.integers(2**62))))


def _layer_groups(model: Recogniser, settings: RecogniseSettings) -> Iterator[dict[str, Any]]:
    """Parameter groups by depth: the classifier at the highest rate, each block below at `layer_decay` of the one above."""
    depth = len(model.encoder.blocks)
    levels: dict[tuple[int, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if name.startswith("encoder.blocks."):
            level = int(name.split(".")[2]) + 1
        else:
            level = depth + 1 if name.startswith(("head.", "encoder.norm.")) else 0
        levels.setdefault((level, parameter.ndim > 1 and "joint" not in name), []).append(parameter)
    for (level, decays), parameters in sorted(levels.items(), key=lambda entry: entry[0]):
        yield {
            "params": parameters,
            "scale": settings.tuned_rate * settings.layer_decay ** (depth + 1 - level),
            "weight_decay": settings.training.weight_decay if decays else 0.0,
        }
