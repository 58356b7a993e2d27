"""What the recognition tasks share: learn from some people, name the gestures of others, count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from benchmarks.corpus import Corpus, Fold, Protocol, describe
from benchmarks.linear import fit_linear
from benchmarks.methods import Method, Predictions, embed, predict
from benchmarks.metrics.intervals import Estimate, estimate, sums_by_person
from benchmarks.metrics.recognition import confusion_counts, macro_f1, mean_class_accuracy, top1, top_k_hits

__all__ = ["HIDDEN", "Tested", "missing_people_or_classes", "number", "predict_fold", "recognition_estimates", "take"]

T = TypeVar("T")
Ints = npt.NDArray[np.int64]
HIDDEN = -1


@dataclass(frozen=True)
class Tested:
    """Predictions for the tested gestures of all folds.

    Attributes:
        rows: (m,) which gestures.
        classes: (m,) predicted.
        top5: (m,) whether the true class is among the five likeliest; None where the method gives no scores.
        parameters: how many numbers the method learned; None where it doesn't say.
    """

    rows: Ints
    classes: Ints
    top5: npt.NDArray[np.bool_] | None
    parameters: int | None = None


def missing_people_or_classes(corpus: Corpus, protocol: Protocol | None) -> list[str]:
    """What a release lacks for learning classes from some people and finding them in others; empty if nothing."""
    needs = (
        "gestures with poses of at least 2 classes, by at least 2 people to learn from and 1 to test on, "
        "and at least 2 classes that both sides show"
    )
    if protocol is not None:
        for fold in protocol.folds(corpus.people):
            learned, asked = set(corpus.labels[fold.train]), set(corpus.labels[fold.test])
            enough_people = len({corpus.people[i] for i in fold.train}) >= 2
            if enough_people and len(learned & asked) >= 2:
                return []
    return [f"needs {needs}; this release has {describe(corpus.gestures)}"]


def take(items: Sequence[T], rows: Ints) -> list[T]:
    """The items of these rows."""
    return [items[i] for i in rows]


def number(names: Sequence[str]) -> tuple[Ints, int]:
    """Names as numbers from 0, and how many there are."""
    distinct, numbers = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
    return numbers.astype(np.int64), len(distinct)


def predict_fold(corpus: Corpus, method: Method, fold: Fold, known: npt.NDArray[np.bool_], seed: int) -> Tested:
    """Fit on a fold's training people and predict its tested ones.

    A method without `predict` is scored by a logistic classifier on its embedding.

    Args:
        known: (gestures,) whose labels may be seen; it must be one at least of the fold's training rows.
    """
    train, test = take(corpus.samples, fold.train), take(corpus.samples, fold.test)
    labels = np.where(known[fold.train], corpus.labels[fold.train], HIDDEN)
    fitted = method.fit(train, labels, corpus.taxonomy, seed) if method.fit else None
    if method.predict is not None:
        found = predict(method, fitted, test, corpus.taxonomy)
    else:
        rows = fold.train[known[fold.train]]
        probe = fit_linear(
            "logistic",
            embed(method, fitted, take(corpus.samples, rows)),
            corpus.labels[rows],
            take(corpus.people, rows),
        )
        scores = probe.probabilities(embed(method, fitted, test), corpus.n_classes)
        found = Predictions(np.argmax(scores, axis=1), scores)
    top5 = None if found.scores is None else top_k_hits(corpus.labels[fold.test], found.scores, 5)
    learned = None if method.parameters is None else method.parameters(fitted)
    return Tested(fold.test, found.classes, top5, learned)


def recognition_estimates(corpus: Corpus, tested: list[Tested]) -> tuple[dict[str, Estimate], Ints]:
    """top1, top5, mean_class_accuracy and macro_f1 over the tested gestures of all folds, and the confusion counts."""
    rows = np.concatenate([part.rows for part in tested])
    predicted = np.concatenate([part.classes for part in tested])
    labels = corpus.labels[rows]
    people, n_people = number(take(corpus.people, rows))
    counts = confusion_counts(labels, predicted, corpus.n_classes, people, n_people)
    by_person = counts.astype(np.float64)
    estimates = {
        "top1": estimate(by_person, top1),
        "mean_class_accuracy": estimate(by_person, mean_class_accuracy),
        "macro_f1": estimate(by_person, macro_f1),
    }
    hits = [part.top5 for part in tested if part.top5 is not None]
    # Among five classes or fewer the five likeliest are all of them.
    if len(hits) == len(tested) and len(np.unique(corpus.labels)) > 5:
        both = np.stack([np.concatenate(hits), np.ones(len(rows))], axis=1)
        estimates["top5"] = estimate(sums_by_person(people, both, n_people), lambda sums: sums[:, 0] / sums[:, 1])
    return estimates, counts.sum(axis=0)
