"""Features of whole items from an encoder, and how good they are without fine-tuning: nearest neighbour and linear probe."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

from models.data import whole_items, windows
from models.mgfm import MGFM, pool, pool_parts
from models.store import PoseStore

__all__ = ["Pooling", "features", "knn_accuracy", "knn_hits", "linear_probe"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Pooling = Literal["mean", "moments", "parts", "grid"]

_SEGMENTS = 4  # stretches of time that are averaged apart in "grid" features


@torch.no_grad()
def features(
    encoder: MGFM,
    store: PoseStore,
    items: Ints,
    *,
    frames: int = 64,
    pooling: Pooling = "mean",
    batch_size: int = 256,
    device: str = "cpu",
) -> Floats:
    """Encode whole items, each resampled to `frames`.

    Args:
        pooling: "mean" averages all tokens: (items, width). "moments" joins their mean, maximum and standard deviation:
            (items, 3 · width), for probes on any skeleton. "parts" joins mean and standard deviation of each part's tokens
            (torso, arms, each hand, face, legs), so that a nod isn't averaged away by arms at rest: (items, parts · 2 · width),
            of the parts that the skeleton has. "grid" averages each joint's tokens over each quarter of the
            time apart: (items, 4 · joints · width), for probes on one skeleton.

    Returns:
        float32, in the order of `items`.
    """
    encoder.eval()
    found = []
    for at in range(0, len(items), batch_size):
        asked = items[at : at + batch_size]
        batch = windows(store, asked, *whole_items(store, asked), frames).to(device)
        encoded, present = encoder.encode(batch)
        if pooling == "grid":
            joints = len(batch.joints)
            cells = encoded.view(len(asked), -1, joints, encoded.shape[-1]).tensor_split(_SEGMENTS, dim=1)
            there = present.view(len(asked), -1, joints).tensor_split(_SEGMENTS, dim=1)
            pooled = torch.cat([_each_joint(cell, mask) for cell, mask in zip(cells, there, strict=True)], dim=1)
        elif pooling == "moments":
            pooled = _moments(encoded.float(), present)
        elif pooling == "parts":
            part_of_token = encoder.part_of_joint[batch.joints].repeat(encoded.shape[1] // len(batch.joints))
            pooled = _parts(encoded.float(), present, part_of_token)
        else:
            pooled = pool(encoded, present)
        found.append(pooled.float().cpu().numpy())
    return np.concatenate(found)


def _moments(encoded: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """(batch, tokens, width) to (batch, 3 · width): mean, maximum and standard deviation of the tokens that are there."""
    mean, there = pool(encoded, present), present.unsqueeze(-1)
    spread = pool((encoded - mean.unsqueeze(1)).square(), present).sqrt()
    highest = encoded.masked_fill(~there, -torch.inf).amax(1)
    return torch.cat([mean, highest.masked_fill(~there.any(1), 0.0), spread], dim=1)


def _parts(encoded: torch.Tensor, present: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
    """(batch, tokens, width) to (batch, parts · 2 · width): mean and standard deviation of each part's tokens."""
    mean = pool_parts(encoded, present, part)
    spread = pool_parts((encoded - mean[:, part]).square(), present, part).sqrt()
    return torch.cat([mean, spread], dim=2)[:, torch.unique(part)].flatten(1)


def _each_joint(cell: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """(batch, times, joints, width) averaged over the times at which each joint is there: (batch, joints · width)."""
    weight = present.to(cell.dtype).unsqueeze(-1)
    return ((cell * weight).sum(1) / weight.sum(1).clamp(min=1)).flatten(1)


def knn_accuracy(gallery: Floats, gallery_labels: Ints, queries: Floats, labels: Ints, k: int = 1) -> float:
    """Share of queries whose class is that of most of their `k` nearest by cosine; ties go to the nearer."""
    return float(knn_hits(gallery, gallery_labels, queries, labels, k).mean())


def knn_hits(gallery: Floats, gallery_labels: Ints, queries: Floats, labels: Ints, k: int = 1) -> npt.NDArray[np.bool_]:
    """(queries,) whether each is given its class, as `knn_accuracy` counts."""
    likeness = _unit(queries) @ _unit(gallery).T
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :k]
    votes = gallery_labels[nearest]
    winners = [max(dict.fromkeys(row), key=list(row).count) for row in votes.tolist()]
    return np.asarray(np.array(winners) == labels)


def _unit(x: Floats) -> Floats:
    centred = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    return np.asarray(centred, dtype=np.float32)


def linear_probe(
    train: Floats, train_labels: Ints, test: Floats, *, groups: npt.NDArray[np.str_] | None = None, seed: int = 0
) -> Ints:
    """Classes that a logistic regression on standardised features predicts for `test`.

    Its one setting, the penalty, is chosen by cross-validation on `train` alone, people kept apart where `groups` names
    more than one; a class with a single item leaves nothing to choose by, and the penalty is 0.1.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedKFold

    mean, spread = train.mean(0), np.maximum(train.std(0), 1e-6)
    # A penalised regression doesn't see a rotation, so turn many features into as many as there are samples.
    _, _, axes = np.linalg.svd((train - mean) / spread, full_matrices=False)
    scale = np.sqrt(train.shape[1])  # so that the penalty means the same for few and many features
    turned, queries = ((part - mean) / spread @ axes.T / scale for part in (train, test))
    people = len(set(groups)) if groups is not None else 0
    fewest = min(int(np.bincount(train_labels)[train_labels].min()), 5)
    if people < 2 and fewest < 2:  # nothing to choose the penalty by
        alone: Ints = LogisticRegression(C=10.0, max_iter=1000).fit(turned, train_labels).predict(queries)
        return alone
    folds = GroupKFold(min(people, 5)) if people > 1 else StratifiedKFold(fewest, shuffle=True, random_state=seed)
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": np.logspace(-1, 3, 5)}, cv=folds)
    search.fit(turned, train_labels, groups=groups if people > 1 else None)
    predicted: Ints = search.predict(queries)
    return predicted
