"""Win or lose, from all the gestures of a recording: attention decides which of them speak (multiple instances, one label).

Ilse, Tomczak, Welling: Attention-based Deep Multiple Instance Learning, ICML 2018 (arXiv 1802.04712), gated attention (equation 9).
The instances are embeddings of gestures by an MG-FM that stands still. The match's result stands for the emotion, as in iMiGUE.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
import torch.nn.functional as F
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from torch import Tensor, nn

from manifests.errors import BadInput
from manifests.release import INFO, open_release
from manifests.splits import EMOTION, parts_of
from manifests.workspace import open_workspace
from models.checkpoints import MODEL, Card, load_weights, save_weights
from models.features import features
from models.mgfm import MGFM, SIZES, NetworkSettings
from models.prepare import prepare
from models.settings import from_mapping, to_mapping
from models.store import PoseStore
from models.trainer import Training, fit

__all__ = [
    "AttentionPooling",
    "Bags",
    "EmotionReport",
    "EmotionSettings",
    "Recordings",
    "load_emotion",
    "read_recordings",
    "train_emotion",
]

OUTCOMES = ("lose", "win")

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class EmotionSettings:
    """Everything the pooling's training depends on, beside recordings and encoder.

    Attributes:
        network: shape of the encoder; a pre-trained one brings its own.
        frames: that each gesture is resampled to.
        width: channels of attention and classifier.
        dropout: of the embeddings.
        hide: share of a recording's gestures that a training step doesn't see.
        training: how weights are fitted.
    """

    network: NetworkSettings = SIZES["tiny"]
    frames: int = 64
    width: int = 32
    dropout: float = 0.3
    hide: float = 0.3
    training: Training = field(
        default_factory=lambda: Training(steps=300, batch_size=32, lr=2e-3, weight_decay=0.1, beta2=0.999)
    )


@dataclass(frozen=True)
class Recordings:
    """Recordings whose match was won or lost, and their gestures.

    Attributes:
        store: one item a gesture.
        names: (recordings,) video ids.
        items: of each recording, its gestures.
        won: (recordings,) whether the match was won.
        people: (recordings,) pseudonyms.
        parts: (recordings,) train, val or test in the split of recordings; "train" for all where there is no split.
    """

    store: PoseStore
    names: tuple[str, ...]
    items: tuple[Ints, ...]
    won: npt.NDArray[np.bool_]
    people: tuple[str, ...]
    parts: tuple[str, ...]

    def where(self, *parts: str) -> Ints:
        """Which recordings are of these parts."""
        return np.array([i for i, part in enumerate(self.parts) if part in parts], dtype=np.int64)


@dataclass  # not frozen: Fabric converts its tensors in a copy of it
class Bags:
    """Recordings as tensors.

    Attributes:
        embeddings: (recordings, most gestures, channels), 0 where there are fewer.
        present: (recordings, most gestures)
        won: (recordings,) 0 or 1.
    """

    embeddings: Tensor
    present: Tensor
    won: Tensor

    def to(self, device: torch.device | str) -> Bags:
        """The same on a device."""
        return Bags(self.embeddings.to(device), self.present.to(device), self.won.to(device))


@dataclass(frozen=True)
class EmotionReport:
    """What came of it.

    Attributes:
        recordings: that were tested.
        chance: (tested,) of having won.
        attention: of each tested recording, what share of the attention each gesture had, by gesture id.
        metrics: accuracy, balanced_accuracy, auc and majority (the accuracy of always saying what most of the training was);
            empty if nobody is left to test.
    """

    recordings: tuple[str, ...]
    chance: Floats
    attention: tuple[dict[str, float], ...]
    metrics: dict[str, float]


class AttentionPooling(nn.Module):
    """Gestures' embeddings to the logit of having won; a recording without a gesture is told from the bias alone."""

    mean: Tensor
    spread: Tensor

    def __init__(self, channels: int, settings: EmotionSettings) -> None:
        super().__init__()
        width = settings.width
        self.hide = settings.hide
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("spread", torch.ones(channels))
        self.embed = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(channels, width), nn.ReLU())
        self.content, self.gate = nn.Linear(width, width), nn.Linear(width, width)
        self.weigh = nn.Linear(width, 1)
        self.head = nn.Linear(width, 1)

    def standardise_by(self, embeddings: Tensor) -> None:
        """Take mean and deviation of (gestures, channels) as the origin and unit of every channel."""
        self.mean, self.spread = embeddings.mean(0), embeddings.std(0).clamp(min=1e-6)

    def forward(self, bags: Bags) -> dict[str, Tensor]:
        """{"loss"}: binary cross entropy."""
        logits, _ = self.pooled(bags)
        return {"loss": F.binary_cross_entropy_with_logits(logits, bags.won)}

    def pooled(self, bags: Bags) -> tuple[Tensor, Tensor]:
        """(recordings,) logits and (recordings, gestures) shares of the attention, which sum to 1 where there is a gesture."""
        present = bags.present
        if self.training and self.hide:
            shown = present & (torch.rand(present.shape, device=present.device) >= self.hide)
            present = torch.where(shown.any(1, keepdim=True), shown, present)
        h = self.embed((bags.embeddings - self.mean) / self.spread)
        score = self.weigh(torch.tanh(self.content(h)) * torch.sigmoid(self.gate(h))).squeeze(-1)
        share = score.masked_fill(~present, -1e9).softmax(1) * present
        pooled = (share.unsqueeze(-1) * h).sum(1)
        logits: Tensor = self.head(pooled).squeeze(-1)
        return logits, share


def read_recordings(source: Path | str, out: Path | str) -> Recordings:
    """The recordings of a release or a dataset that were won or lost; their gestures' poses are prepared in the folder `out`.

    Raises:
        BadInput: as `models.prepare.prepare`, or fewer than two recordings are known to be won or lost.
    """
    source = Path(source)
    store = prepare(source, out, gestures=True)
    if (source / INFO).exists():
        return _recordings(open_release(source).table, store)
    with open_workspace(source) as workspace:
        return _recordings(workspace.read, store)


def _recordings(table: Callable[[str], pa.Table], store: PoseStore) -> Recordings:
    place = {str(name): item for item, name in enumerate(store.names)}
    items: dict[str, list[int]] = {}
    for row in table("gestures").select(["gesture_id", "video_id"]).to_pylist():
        if row["gesture_id"] in place:
            items.setdefault(row["video_id"], []).append(place[row["gesture_id"]])
    rows = [row for row in table("videos").to_pylist() if row["outcome"] in OUTCOMES and row["video_id"] in items]
    if len({row["outcome"] for row in rows}) < 2:
        raise BadInput(
            "Recordings with gestures of both won and lost matches are needed. Run `mgcollect outcomes`, and annotate more."
        )
    rows.sort(key=lambda row: row["video_id"])
    parts = parts_of(table("splits"), EMOTION)
    return Recordings(
        store,
        tuple(row["video_id"] for row in rows),
        tuple(np.array(items[row["video_id"]], dtype=np.int64) for row in rows),
        np.array([row["outcome"] == "win" for row in rows]),
        tuple(row["player_id"] for row in rows),
        tuple(parts.get(row["video_id"], "" if parts else "train") for row in rows),
    )


def train_emotion(
    recordings: Recordings,
    out: Path | str | None,
    encoder: MGFM,
    settings: EmotionSettings | None = None,
    *,
    train: Ints | None = None,
    test: Ints | None = None,
    quiet: bool = False,
) -> tuple[AttentionPooling, EmotionReport]:
    """Train the pooling on the recordings of some people, and test it on others'.

    Args:
        out: folder for `model.safetensors`; None writes nothing.
        encoder: a pre-trained MG-FM; it is written into the checkpoint, which needs nothing else then.
        train, test: recordings to use instead of the parts "train" and "val", and "test".

    Raises:
        BadInput: the training recordings were all won or all lost, a person is in both parts, or what `models.trainer.fit` refuses.
    """
    settings = replace(settings or EmotionSettings(), network=encoder.settings)
    train = recordings.where("train", "val") if train is None else train
    test = recordings.where("test") if test is None else test
    _check(recordings, train, test)
    embeddings = torch.from_numpy(
        features(encoder, recordings.store, np.arange(len(recordings.store)), frames=settings.frames)
    )
    torch.manual_seed(settings.training.seed)
    model = AttentionPooling(encoder.settings.width, settings)
    model.standardise_by(embeddings[np.concatenate([recordings.items[i] for i in train])])
    size = min(settings.training.batch_size, len(train))

    def batch_of(seed: int) -> Bags:
        drawn = np.random.default_rng(seed).choice(train, size, replace=False)
        return _bags(recordings, embeddings, drawn)

    fit(model, batch_of, replace(settings.training, batch_size=size), Card("emotion", {}), quiet=quiet)
    report = _test(model, recordings, embeddings, train, test)
    if out is not None:
        card = Card(
            kind="emotion",
            settings=to_mapping(settings),
            skeletons=(recordings.store.skeleton.name,),
            data={recordings.store.path.name: recordings.store.digest},
            classes=OUTCOMES,
            metrics=report.metrics,
            step=settings.training.steps,
        )
        tensors = {f"pooling.{name}": tensor for name, tensor in model.state_dict().items()}
        tensors |= {f"encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}
        save_weights(Path(out) / MODEL, tensors, card)
    return model, report


def load_emotion(path: Path | str) -> tuple[AttentionPooling, MGFM, Card]:
    """The pooling, and the encoder that it stands on, of a checkpoint that `train_emotion` wrote.

    Raises:
        BadInput: there is none, it holds another kind of model, or its weights don't fit its settings.
        SchemaMismatch: it is of another format version.
    """
    card, tensors = load_weights(path)
    if card.kind != "emotion":
        raise BadInput(
            f"{path} holds a {card.kind}, not a model of outcomes. Give the folder that `mgcollect train emotion` wrote."
        )
    settings = from_mapping(EmotionSettings, card.settings, str(path))
    pooling, encoder = AttentionPooling(settings.network.width, settings), MGFM(settings.network)
    try:
        for module, prefix in ((pooling, "pooling."), (encoder, "encoder.")):
            module.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
    except RuntimeError as error:
        raise BadInput(f"{path}: the weights don't fit the checkpoint's own settings. Train anew.") from error
    return pooling.eval(), encoder.eval(), card


def _check(recordings: Recordings, train: Ints, test: Ints) -> None:
    if len(np.unique(recordings.won[train])) < 2:
        raise BadInput(
            f"The {len(train)} recordings to learn from were all won or all lost; at least one of each is needed."
        )
    if shared := {recordings.people[i] for i in train} & {recordings.people[i] for i in test}:
        raise BadInput(f"{len(shared)} people are both learned from and tested, such as {min(shared)!r}.")


def _bags(recordings: Recordings, embeddings: Tensor, rows: Ints) -> Bags:
    items = [recordings.items[row] for row in rows]
    most = max(len(some) for some in items)
    filled = torch.zeros(len(rows), most, embeddings.shape[1])
    present = torch.zeros(len(rows), most, dtype=torch.bool)
    for row, some in enumerate(items):
        filled[row, : len(some)] = embeddings[some]
        present[row, : len(some)] = True
    return Bags(filled, present, torch.from_numpy(recordings.won[rows].astype(np.float32)))


@torch.no_grad()
def _test(
    model: AttentionPooling, recordings: Recordings, embeddings: Tensor, train: Ints, test: Ints
) -> EmotionReport:
    if not len(test):
        return EmotionReport((), np.zeros(0, dtype=np.float32), (), {})
    model.eval()
    logits, share = model.cpu().pooled(_bags(recordings, embeddings, test))
    chance, won = logits.sigmoid().numpy(), recordings.won[test]
    usual = recordings.won[train].mean() >= 0.5
    metrics = {
        "accuracy": float(((chance > 0.5) == won).mean()),
        "majority": float((won == usual).mean()),
    }
    if len(np.unique(won)) == 2:
        metrics |= {
            "balanced_accuracy": float(balanced_accuracy_score(won, chance > 0.5)),
            "auc": float(roc_auc_score(won, chance)),
        }
    names = recordings.store.names
    attention = tuple(
        {str(names[item]): float(weight) for item, weight in zip(recordings.items[row], share[place], strict=False)}
        for place, row in enumerate(test)
    )
    return EmotionReport(tuple(recordings.names[row] for row in test), chance, attention, metrics)
