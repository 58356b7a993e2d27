"""The baselines of `models/`, as methods: each is trained in its cell on what it may see, for a number of steps or of minutes.

They are scored where they are asked for by name, because each takes minutes. Equal seeds give equal weights on a CPU. Those that
learn without labels embed, and do every task but spotting; those that learn from labels have nothing to learn from where
labels are hidden, so they recognise only.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from benchmarks.corpus import Sample
from benchmarks.held import hold
from benchmarks.linear import Linear, fit_linear
from benchmarks.methods import Method
from benchmarks.tuned import FROM_SCRATCH
from manifests.ids import digest

if TYPE_CHECKING:
    import torch
    from torch import nn

    from models.data import Batch
    from models.skeletons import Skeleton
    from models.store import PoseStore

__all__ = ["BASELINES"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating[Any]]
Samples = Sequence[Sample]

_BATCH = 32
_FRAMES = 64
_AT_ONCE = 64  # samples that are predicted or embedded at a time
_ENDLESS = 1_000_000_000  # steps that no budget of minutes reaches


def _embedded(model: Any, batch: Batch) -> torch.Tensor:
    found: torch.Tensor = model.embed(batch)
    return found


def _mean_of_tokens(model: Any, batch: Batch) -> torch.Tensor:
    found: torch.Tensor = model.encode(batch).mean(1)
    return found


@dataclass(frozen=True)
class _Recipe:
    """How a network is made and trained.

    Attributes:
        build: (skeleton, classes) to a module with `forward` → {"loss"}, and `logits` where it is supervised.
        embed: (module, batch) to (batch, channels).
        supervised: whether it learns from labels; else it takes none.
        views: 2 where its `forward` takes a pair of batches.
        steps: of the optimiser.
        minutes: of training, where it is time that ends it; the learning rate then falls with the time left.
        lr: highest learning rate.
    """

    build: Callable[[Skeleton, int], nn.Module]
    supervised: bool
    embed: Callable[[Any, Batch], torch.Tensor] = _embedded
    views: int = 1
    steps: int = 300
    minutes: float | None = None
    lr: float = 1e-3


@dataclass(frozen=True)
class _Fitted:
    model: Any
    embed: Callable[[Any, Batch], torch.Tensor]


# What was last trained without labels in this process, by recipe, gestures, number of classes and seed: other tasks, and other shares
# of labels, ask for the same.
_RECENT: OrderedDict[str, _Fitted] = OrderedDict()
_KEPT = 4


@dataclass(frozen=True)
class _Fit:
    """Picklable, so that other processes train for themselves."""

    recipe: _Recipe

    def __call__(self, samples: Samples, labels: Ints, taxonomy: tuple[str, ...], seed: int) -> _Fitted:
        if self.recipe.supervised:
            return self._train(samples, labels, taxonomy, seed)
        key = digest(repr(self.recipe), [_same(sample) for sample in samples], len(taxonomy), seed)
        if key not in _RECENT:
            _RECENT[key] = self._train(samples, np.full(len(samples), -1), taxonomy, seed)
        _RECENT.move_to_end(key)
        while len(_RECENT) > _KEPT:
            _RECENT.popitem(last=False)
        return _RECENT[key]

    def _train(self, samples: Samples, labels: Ints, taxonomy: tuple[str, ...], seed: int) -> _Fitted:
        import torch

        from models.checkpoints import Card
        from models.trainer import Training, fit

        recipe = self.recipe
        rows = np.flatnonzero(labels >= 0) if recipe.supervised else np.arange(len(samples))
        store = hold([samples[int(row)] for row in rows])
        torch.manual_seed(seed)
        model = recipe.build(store.skeleton, len(taxonomy))
        training = Training(
            steps=recipe.steps,
            minutes=recipe.minutes,
            batch_size=_BATCH,
            lr=recipe.lr,
            weight_decay=0.01,
            accelerator="cpu",
            seed=seed,
        )
        fit(model, _Batches(store, labels[rows], recipe.views), training, Card("baseline", {}), quiet=True)
        return _Fitted(model.eval(), recipe.embed)


def _same(sample: Sample) -> str:
    """What tells a gesture from another: its poses, since two releases may give one name to different ones."""
    return hashlib.sha256(sample.poses.keypoints.tobytes()).hexdigest()


@dataclass(frozen=True)
class _Batches:
    """Draws a batch, or a pair of views of one, from a seed."""

    store: PoseStore
    labels: Ints
    views: int

    def __call__(self, seed: int) -> Batch | tuple[Batch, Batch]:
        import torch

        from models.augment import Augment, augment
        from models.data import Windows, draw_windows, windows

        rng = np.random.default_rng(seed)
        items = rng.integers(len(self.store), size=_BATCH)
        made = []
        for _ in range(self.views):
            start, length = draw_windows(self.store, items, Windows(longest=100_000, crop=0.6), rng)
            view = windows(self.store, items, start, length, _FRAMES)
            view = replace(view, labels=torch.from_numpy(self.labels[items]))
            made.append(augment(view, Augment(turn=20.0), torch.Generator().manual_seed(int(rng.integers(2**62)))))
        return made[0] if self.views == 1 else (made[0], made[1])


def _over(samples: Samples, function: Callable[[Batch], torch.Tensor]) -> Floats:
    import torch

    from models.data import whole_items, windows

    store, found = hold(samples), []
    with torch.no_grad():
        for at in range(0, len(samples), _AT_ONCE):
            items = np.arange(at, min(at + _AT_ONCE, len(samples)))
            found.append(function(windows(store, items, *whole_items(store, items), _FRAMES)).numpy())
    return np.concatenate(found)


def _predict(fitted: _Fitted, samples: Samples) -> Floats:
    return _over(samples, lambda batch: fitted.model.logits(batch).softmax(1))


def _embed(fitted: _Fitted, samples: Samples) -> Floats:
    return _over(samples, lambda batch: fitted.embed(fitted.model, batch))


def _count(fitted: _Fitted) -> int:
    return sum(weights.numel() for weights in fitted.model.parameters())


def _st_gcn(skeleton: Skeleton, n_classes: int) -> nn.Module:
    from models.baselines.gcn import STGCN

    return STGCN(skeleton, n_classes)


def _st_gcn_plus(skeleton: Skeleton, n_classes: int) -> nn.Module:
    from models.baselines.gcn import STGCNPlusPlus

    return STGCNPlusPlus(skeleton, n_classes)


def _ctr_gcn(skeleton: Skeleton, n_classes: int) -> nn.Module:
    from models.baselines.gcn import CTRGCN

    return CTRGCN(skeleton, n_classes)


def _poseconv(skeleton: Skeleton, n_classes: int) -> nn.Module:
    from models.baselines.poseconv import PoseConv3D

    return PoseConv3D(skeleton, n_classes, size=24)  # published with 56: five times the work


def _skeleton_clr(skeleton: Skeleton, n_classes: int) -> nn.Module:  # noqa: ARG001 - a recipe's signature
    from models.baselines.skeleton_clr import SkeletonCLR, SkeletonCLRSettings

    return SkeletonCLR(skeleton, SkeletonCLRSettings(queue=2048))  # published with 32,768 for 40,000 sequences


def _predict_cluster(skeleton: Skeleton, n_classes: int) -> nn.Module:  # noqa: ARG001
    from models.baselines.predict_cluster import PredictAndCluster, PredictSettings

    return PredictAndCluster(skeleton, PredictSettings(width=128))  # published with 1024


def _mamp(skeleton: Skeleton, n_classes: int) -> nn.Module:  # noqa: ARG001
    from models.baselines.mamp import MAMP, MAMPSettings

    return MAMP(MAMPSettings(joints=len(skeleton.joints), frames=_FRAMES))


# --- classical -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rocket:
    """Training series are kept: the package's transform is made from them and the seed anew, and gives the same features."""

    train: npt.NDArray[np.float32]
    classifier: Linear | None
    n_classes: int
    seed: int

    def features(self, samples: Samples) -> Floats:
        from models.baselines.classical import rocket_features

        return rocket_features(self.train, [_series(samples)], seed=self.seed)[1]


def _series(samples: Samples) -> npt.NDArray[np.float32]:
    from models.baselines.classical import series

    store = hold(samples)
    return series(store, np.arange(len(store)), _FRAMES)


def _fit_rocket(samples: Samples, labels: Ints, taxonomy: tuple[str, ...], seed: int) -> _Rocket:
    from models.baselines.classical import rocket_features

    train, known = _series(samples), np.flatnonzero(labels >= 0)
    classifier = None
    if len(known):
        (features,) = rocket_features(train, [], seed=seed)
        people = [samples[i].player_id for i in known]
        classifier = fit_linear("ridge", features[known].astype(np.float64), labels[known], people)
    return _Rocket(train, classifier, len(taxonomy), seed)


def _predict_rocket(fitted: _Rocket, samples: Samples) -> Floats:
    assert fitted.classifier is not None
    return fitted.classifier.scores(fitted.features(samples).astype(np.float64), fitted.n_classes)


def _embed_rocket(fitted: _Rocket, samples: Samples) -> Floats:
    return fitted.features(samples)


def _count_rocket(fitted: _Rocket) -> int:
    return 0 if fitted.classifier is None else fitted.classifier.parameters


def _network(name: str, recipe: _Recipe) -> Method:
    does: dict[str, Any] = {"predict": _predict} if recipe.supervised else {"embed": _embed}
    budget = repr(recipe.steps) if recipe.minutes is None else f"{recipe.minutes} minutes"
    return Method(
        name, fit=_Fit(recipe), within=partial(_timed, name, recipe), parameters=_count, digest=budget, **does
    )


def _timed(name: str, recipe: _Recipe, minutes: float) -> Method:
    return _network(name, replace(recipe, steps=_ENDLESS, minutes=minutes))


BASELINES: dict[str, Method] = {
    method.name: method
    for method in (
        _network("st-gcn", _Recipe(_st_gcn, supervised=True)),
        _network("st-gcn++", _Recipe(_st_gcn_plus, supervised=True)),
        _network("ctr-gcn", _Recipe(_ctr_gcn, supervised=True)),
        _network("poseconv3d", _Recipe(_poseconv, supervised=True, steps=200)),
        _network("skeleton-clr", _Recipe(_skeleton_clr, supervised=False, views=2)),
        _network("predict-cluster", _Recipe(_predict_cluster, supervised=False)),
        _network("mamp", _Recipe(_mamp, supervised=False, embed=_mean_of_tokens)),
        Method("minirocket", fit=_fit_rocket, predict=_predict_rocket, embed=_embed_rocket, parameters=_count_rocket),
        FROM_SCRATCH,
    )
}
