"""Recognition, supervised: learn from all labels of some people, name the gestures of people never seen."""

from __future__ import annotations

import numpy as np

from benchmarks.corpus import Corpus
from benchmarks.methods import Method
from benchmarks.recognise import missing_people_or_classes, predict_fold, recognition_estimates
from benchmarks.scores import Result

NAME = "supervised"
SHOWN = ("top1", "top5", "mean_class_accuracy", "macro_f1")
WHAT = "Name the gestures of people never seen, having learned from all labels of others."
NEEDS = "`predict`, or `embed`"


def requirements(corpus: Corpus) -> list[str]:
    """What is missing."""
    return missing_people_or_classes(corpus, corpus.protocol())


def can(method: Method) -> bool:
    """Whether the method can do it."""
    return method.recognises


def score(corpus: Corpus, method: Method, seed: int) -> Result:
    """top1, top5, mean_class_accuracy, macro_f1, over the tested gestures of all folds together.

    Raises:
        ItemFailed: the method gave something unfit.
    """
    protocol = corpus.protocol()
    assert protocol is not None
    everything = np.ones(len(corpus.gestures), dtype=bool)
    folds = [fold for fold in protocol.folds(corpus.people) if len(fold.train) and len(fold.test)]
    tested = [predict_fold(corpus, method, fold, everything, seed) for fold in folds]
    estimates, confusion = recognition_estimates(corpus, tested)
    result = Result(confusion=confusion.tolist(), classes=list(corpus.taxonomy), parameters=tested[0].parameters)
    for metric, value in estimates.items():
        result.add(NAME, method.name, seed, metric, value)
    return result
