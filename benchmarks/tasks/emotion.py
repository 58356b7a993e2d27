"""Emotion: did the player win or lose, told from the recording's gestures?

The match's result stands for the emotion, as in iMiGUE (Liu et al., CVPR 2021). Each method describes a recording: by the mean
embedding of its gestures, by how often each class was annotated (`gesture-counts`), or by nothing at all (`majority`). A logistic
classifier learns from some people and is tested on others.

What do the gestures add? An embedding is scored a second time, "outside gestures", on stretches of the same recordings in which
nobody marked one: the same poses, people and classifier, without gestures. Both, and nothing at all, are compared in pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from benchmarks.corpus import Corpus, Fold, Video, folds_of_people, many
from benchmarks.linear import fit_linear
from benchmarks.methods import Method, embed
from benchmarks.metrics.intervals import Estimate, estimate
from benchmarks.metrics.recognition import confusion_counts, mean_class_accuracy, top1
from benchmarks.metrics.separation import area_under_roc, roc_points
from benchmarks.recognise import HIDDEN, number, take
from benchmarks.scores import Result
from manifests.splits import EMOTION

NAME = "emotion"
SHOWN = ("balanced_accuracy", "auc", "permutation_p")
WHAT = "Win or lose, told from the gestures of a recording."
NEEDS = "`embed`, of gestures whose labels are hidden"

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_EACH = 5  # won, and lost, recordings at least
_PEOPLE = 3
_OUTSIDE = 0.9  # of the recordings must have stretches without a gesture; the others are described by the average
_PERMUTATIONS = 1000


def requirements(corpus: Corpus) -> list[str]:
    """What is missing."""
    videos, won = corpus.videos_won_or_lost()
    people = len({video.player_id for video in videos})
    if won.sum() >= _EACH and (~won).sum() >= _EACH and people >= _PEOPLE and _folds(corpus, videos, won):
        return []
    total = corpus.release.table("videos", ["video_id"]).num_rows
    return [
        f"needs recordings with clips of at least {_EACH} won and {_EACH} lost matches by at least {_PEOPLE} people; this release "
        f"has {many(total, 'recording')}: {won.sum()} won, {(~won).sum()} lost, {total - len(won)} unknown or without clips"
    ]


def can(method: Method) -> bool:
    """Whether the method can do it."""
    return method.describe_videos is not None or method.embed is not None


def score(corpus: Corpus, method: Method, seed: int) -> Result:
    """accuracy, balanced_accuracy, auc, and permutation_p: the share of random orders of the truth that do at least as well in
    balanced accuracy.

    Raises:
        ItemFailed: the method gave something unfit.
    """
    videos, won = corpus.videos_won_or_lost()
    result = Result()
    result.pictures["roc"] = {}
    _score_one(corpus, videos, won, method, seed, result)
    if method.describe_videos is None:
        outside = corpus.outside_gestures(videos)
        without = replace(method, name=f"{method.name}, outside gestures")
        if np.mean([bool(video.samples) for video in outside]) >= _OUTSIDE:
            _score_one(corpus, outside, won, without, seed, result)
        else:
            result.omitted.append(
                f"outside gestures: needs stretches without a gesture, with poses, in {_OUTSIDE:.0%} of the recordings"
            )
    return result


def _score_one(
    corpus: Corpus,
    videos: Sequence[Video],
    won: npt.NDArray[np.bool_],
    method: Method,
    seed: int,
    result: Result,
) -> None:
    rows, margins = [], []
    for fold in _folds(corpus, videos, won):
        train, test = take(videos, fold.train), take(videos, fold.test)
        known, asked = _described(method, train, test, corpus.taxonomy, seed)
        learned_from = [video.player_id for video in train]
        model = fit_linear("logistic", known, won[fold.train].astype(np.int64), learned_from)
        scores = model.scores(asked, 2)
        rows.append(fold.test)
        margins.append(scores[:, 1] - scores[:, 0])
    tested, margin = np.concatenate(rows), np.concatenate(margins)
    truth, said = won[tested].astype(np.int64), (margin > 0).astype(np.int64)
    people, n_people = number([videos[i].player_id for i in tested])
    counts = confusion_counts(truth, said, 2, people, n_people)
    if result.confusion is None:
        result.confusion, result.classes = counts.sum(axis=0).tolist(), ["lost", "won"]
    result.pictures["roc"][method.name] = roc_points(truth == 1, margin)
    by_person = counts.astype(np.float64)
    balanced = estimate(by_person, mean_class_accuracy)
    result.add(NAME, method.name, seed, "accuracy", estimate(by_person, top1))
    result.add(NAME, method.name, seed, "balanced_accuracy", balanced)
    result.add(NAME, method.name, seed, "auc", area_under_roc(truth == 1, margin, people, n_people))
    chance = Estimate(_permutation_p(truth, said, balanced.value, seed), None, None)
    result.add(NAME, method.name, seed, "permutation_p", chance)


def _folds(corpus: Corpus, videos: Sequence[Video], won: npt.NDArray[np.bool_]) -> list[Fold]:
    """The release's balanced sets of videos, or else its people, where both sides hold both outcomes; else folds over the
    people who have recordings."""
    people = [video.player_id for video in videos]
    protocol = corpus.protocol_for(people)
    if protocol == corpus.split():
        (fold,) = protocol.folds(people)
        if sides := corpus.sides(EMOTION, "video"):
            side = np.array([sides.get(video.video_id, "") for video in videos])
            fold = Fold(np.flatnonzero(side == "train"), np.flatnonzero(side == "test"))
        if all(len(np.unique(won[side])) == 2 for side in (fold.train, fold.test)):
            return [fold]
    folds = folds_of_people(sorted(set(people))).folds(people)
    return [fold for fold in folds if len(np.unique(won[fold.train])) == 2]


def _described(
    method: Method, train: Sequence[Video], test: Sequence[Video], taxonomy: tuple[str, ...], seed: int
) -> tuple[Floats, Floats]:
    """What a method says of recordings to learn from, and of others, a row each."""
    if (given := method.describe_videos) is not None:
        return given(train, taxonomy), given(test, taxonomy)
    samples = [sample for video in train for sample in video.samples]
    fitted = method.fit(samples, np.full(len(samples), HIDDEN), taxonomy, seed) if method.fit else None
    known = embed(method, fitted, samples)
    # A recording without a gesture is described by the average one, and by how many it has: none.
    average = known.mean(axis=0)
    others = [sample for video in test for sample in video.samples]
    asked = embed(method, fitted, others) if others else known[:0]
    return _of_videos(train, known, average), _of_videos(test, asked, average)


def _of_videos(videos: Sequence[Video], embedded: Floats, average: Floats) -> Floats:
    """(videos, width + 1) each recording's mean embedding, and its gestures a minute; `embedded` has all of theirs in order."""
    ends = np.cumsum([len(video.samples) for video in videos])
    parts = np.split(embedded, ends[:-1])
    means = [part.mean(axis=0) if len(part) else average for part in parts]
    rates = [len(video.samples) / video.minutes for video in videos]
    return np.column_stack([np.stack(means), rates])


def _permutation_p(truth: Ints, said: Ints, reached: float, seed: int) -> float:
    random = np.random.default_rng([seed, 0])
    shuffled = np.stack([random.permutation(truth) for _ in range(_PERMUTATIONS)])
    counts = np.stack([confusion_counts(row, said, 2)[0] for row in shuffled])
    # Its own order counts as one, so that p is never 0 (Phipson and Smyth, SAGMB 2010).
    return float((1 + (mean_class_accuracy(counts) >= reached - 1e-12).sum()) / (1 + _PERMUTATIONS))
