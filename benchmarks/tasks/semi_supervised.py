"""Recognition, semi-supervised: a few labels of train, in the release's own published draws, which grow into each other.

The seed picks the draw, and all draws are scored unless one seed is asked for. A method sees all gestures of train, and the label
of those that keep theirs.
"""

from __future__ import annotations

import numpy as np

from benchmarks.corpus import Corpus, Protocol
from benchmarks.methods import Method
from benchmarks.recognise import missing_people_or_classes, predict_fold, recognition_estimates
from benchmarks.scores import Result
from manifests.splits import CROSS_SUBJECT, FRACTIONS

NAME = "semi-supervised"
SHOWN = ("top1", "mean_class_accuracy")
WHAT = "The same on the release's own split, with 1, 5, 10 or 20 % of the labels; the seed picks which."
NEEDS = "`predict`, or `embed`"


def requirements(corpus: Corpus) -> list[str]:
    """What is missing."""
    split = corpus.split()
    if split is None:
        return [f"needs the split {CROSS_SUBJECT} with draws of labels; this release has none"]
    if lacking := missing_people_or_classes(corpus, split):
        return lacking
    if not any(_enough(corpus, split, fraction) for fraction in FRACTIONS):
        return [_too_few(corpus, split, max(FRACTIONS))]
    return []


def can(method: Method) -> bool:
    """Whether the method can do it."""
    return method.recognises


def score(corpus: Corpus, method: Method, seed: int) -> Result:
    """The metrics of supervised recognition, for each fraction of labels that the release allows.

    Raises:
        ItemFailed: the method gave something unfit.
    """
    split = corpus.split()
    assert split is not None
    (fold,) = split.folds(corpus.people)
    draw = corpus.label_draws[seed % len(corpus.label_draws)]
    result = Result()
    for fraction in FRACTIONS:
        if not _enough(corpus, split, fraction):
            result.omitted.append(f"{fraction:.0%} of labels: {_too_few(corpus, split, fraction)}")
            continue
        known = corpus.labelled(draw, fraction)
        estimates, _ = recognition_estimates(corpus, [predict_fold(corpus, method, fold, known, seed)])
        for metric, value in estimates.items():
            result.add(NAME, method.name, seed, metric, value, fraction)
    return result


def _size(corpus: Corpus, split: Protocol) -> tuple[int, int]:
    (fold,) = split.folds(corpus.people)
    return len(fold.train), len(np.unique(corpus.labels[fold.train]))


def _enough(corpus: Corpus, split: Protocol, fraction: float) -> bool:
    # Each class keeps one label at least; below that the fraction would be a larger one than it says.
    gestures, classes = _size(corpus, split)
    return fraction * gestures >= classes


def _too_few(corpus: Corpus, split: Protocol, fraction: float) -> str:
    gestures, classes = _size(corpus, split)
    return (
        f"needs at least {int(np.ceil(classes / fraction))} gestures in train, one label for each of its {classes} classes; "
        f"this release has {gestures} there"
    )
