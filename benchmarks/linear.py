"""Linear classifiers on fixed features, their strength chosen by held-out people of the training part, never on test."""

from __future__ import annotations

import hashlib
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from manifests.ids import digest

__all__ = ["Linear", "fit_linear"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Kind = Literal["logistic", "ridge"]

_HELD_OUT_FOLDS = 5
# What was last fitted in this process: an embedding that needs no seed is asked the same by every seed, and by two tasks.
_RECENT: OrderedDict[str, Linear] = OrderedDict()
_KEPT = 8
# From the most cautious on: of equally good settings the first wins. A setting, and the gradient at which fitting ends.
_Make = Callable[[float, float], Any]
_KINDS: dict[Kind, tuple[_Make, tuple[float, ...]]] = {
    "ridge": (lambda alpha, _: RidgeClassifier(alpha), (10_000.0, 1_000.0, 100.0, 10.0, 1.0)),
    "logistic": (lambda c, end: LogisticRegression(C=c, tol=end, max_iter=5_000), (0.001, 0.01, 0.1, 1.0)),
}
_FINE, _ROUGH = (
    1e-4,
    1e-3,
)  # of what is scored, and of those of which only the best setting is wanted: five times as fast


@dataclass(frozen=True)
class Linear:
    """A fitted classifier on standardised features."""

    pipeline: Pipeline

    @property
    def parameters(self) -> int:
        """Weights and intercepts."""
        last = self.pipeline[-1]
        return int(last.coef_.size + last.intercept_.size) if hasattr(last, "coef_") else 0

    def probabilities(self, features: Floats, n_classes: int) -> Floats:
        """(n, n_classes) probabilities, of a classifier that gives any ("logistic" does); 0 for a class never seen."""
        found = np.zeros((len(features), n_classes))
        found[:, self.pipeline.classes_] = self.pipeline.predict_proba(features)
        return found

    def scores(self, features: Floats, n_classes: int) -> Floats:
        """(n, n_classes) higher is likelier; a class that was never seen stands below all that were."""
        classes = self.pipeline.classes_
        if hasattr(self.pipeline, "decision_function"):
            values = np.asarray(self.pipeline.decision_function(features), dtype=np.float64)
            if values.ndim == 1:  # scikit-learn gives two classes one margin
                values = np.stack([-values, values], axis=1)
        else:
            values = np.asarray(self.pipeline.predict_proba(features), dtype=np.float64)
        scores = np.repeat(values.min(axis=1, keepdims=True) - 1, n_classes, axis=1)
        scores[:, classes] = values
        return scores


def fit_linear(kind: Kind, features: Floats, labels: Ints, people: Sequence[str]) -> Linear:
    """Fit a classifier; its regularisation is the one most accurate on people left out of the training part in turn.

    Args:
        kind: "logistic" (L-BFGS) or "ridge".
        features: (n, d).
        labels: (n,) classes.
        people: (n,) whose each row is; with one person only, the middle of the grid is taken.
    """
    key = digest(kind, *(_sha256(part) for part in (features, labels)), list(people))
    if key not in _RECENT:
        with warnings.catch_warnings():
            # Of 1 % of the labels a class has one or two, which isn't a mistake.
            warnings.filterwarnings("ignore", message="The number of unique classes is greater", category=UserWarning)
            _RECENT[key] = _fit(kind, features, labels, people)
    _RECENT.move_to_end(key)
    while len(_RECENT) > _KEPT:
        _RECENT.popitem(last=False)
    return _RECENT[key]


def _sha256(values: npt.NDArray[Any]) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest() + str(values.shape)


def _fit(kind: Kind, features: Floats, labels: Ints, people: Sequence[str]) -> Linear:
    if len(np.unique(labels)) == 1:
        return Linear(make_pipeline(DummyClassifier(strategy="prior")).fit(features, labels))
    make, grid = _KINDS[kind]
    setting = _choose(make, grid, features, labels, people)
    return Linear(make_pipeline(StandardScaler(), make(setting, _FINE)).fit(features, labels))


def _choose(make: _Make, grid: tuple[float, ...], features: Floats, labels: Ints, people: Sequence[str]) -> float:
    n_people = len(set(people))
    half = features.astype(np.float32)  # of the digits
    right = np.zeros(len(grid))
    if n_people > 1:
        held_out = GroupKFold(min(_HELD_OUT_FOLDS, n_people))
        for train, test in held_out.split(features, labels, people):
            if len(np.unique(labels[train])) > 1:
                for i, setting in enumerate(grid):
                    model = make_pipeline(StandardScaler(), make(setting, _ROUGH)).fit(half[train], labels[train])
                    right[i] += (model.predict(half[test]) == labels[test]).sum()
    return grid[int(np.argmax(right))] if right.any() else grid[len(grid) // 2]
