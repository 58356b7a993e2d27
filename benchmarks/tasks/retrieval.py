"""Retrieval: given one gesture, find others of its class, by an embedding that saw no label.

Who asks and who answers stands in the release's split for retrieval, where people are divided as the release says. Three
galleries: the training people's gestures (the main one); the tested people's own, without the query's recording; and the
same without the query's person. A query whose class the gallery lacks has no answer and doesn't count. Beside examples, words
are asked with (`benchmarks.words`), where the extra `text` is installed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.animation import stick_figure
from benchmarks.corpus import Corpus, Fold, Protocol, many
from benchmarks.methods import Method, embed
from benchmarks.metrics.intervals import Estimate, estimate, from_resamples, resample_people, sums_by_person
from benchmarks.metrics.retrieval import Rankings, cosine_neighbours, rank_gallery
from benchmarks.recognise import HIDDEN, missing_people_or_classes, number, take
from benchmarks.scores import Result
from benchmarks.words import Answers, ask
from manifests.errors import BadInput, Unavailable
from manifests.splits import RETRIEVAL

NAME = "retrieval"
SHOWN = ("map", "r1", "r5", "words_map")
WHAT = "Find gestures of the same class by an example, with an embedding that saw no label."
NEEDS = "`embed`, of gestures whose labels are hidden"

Ints = npt.NDArray[np.int64]
_TOP = (1, 5, 10)
_QUERIES, _HITS = 5, 5
# Metric prefix of each gallery, and what it is in words.
_GALLERIES = {
    "": "other people's gestures",
    "within_": "the tested people's gestures of other recordings",
    "within_others_": "the gestures of other tested people",
}


def requirements(corpus: Corpus) -> list[str]:
    """What is missing."""
    return missing_people_or_classes(corpus, corpus.protocol())


def can(method: Method) -> bool:
    """Whether the method can do it."""
    return method.embed is not None


def score(corpus: Corpus, method: Method, seed: int) -> Result:
    """map, map_macro (mean over classes), r1, r5, r10, median_rank_share (median rank of the first hit, as a share of the
    gallery: lower is better), for each gallery; words_map, words_r1, words_r5 and words_r10 of definitions that are asked with.

    Raises:
        ItemFailed: the method gave something unfit.
    """
    protocol = corpus.protocol()
    assert protocol is not None
    videos, _ = number(corpus.videos)
    people, _ = number(corpus.people)
    found: dict[str, list[tuple[Ints, Rankings]]] = {prefix: [] for prefix in _GALLERIES}
    examples: list[dict[str, Any]] = []
    answers: list[Answers] = []
    silent = ""
    for fold in _folds(corpus, protocol):
        train, test = fold.train, fold.test
        if not len(train) or not len(test):
            continue
        known, hidden = take(corpus.samples, train), np.full(len(train), HIDDEN)
        fitted = method.fit(known, hidden, corpus.taxonomy, seed) if method.fit else None
        gallery = embed(method, fitted, known)
        queries = embed(method, fitted, take(corpus.samples, test))
        labels = corpus.labels[test]
        if seed == 0 and not examples:
            examples = _examples(corpus, train, test, queries, gallery)
        found[""].append((test, rank_gallery(queries, gallery, labels, corpus.labels[train])))
        for prefix, groups in (("within_", videos[test]), ("within_others_", people[test])):
            rankings = rank_gallery(queries, queries, labels, labels, exclude=[(groups, groups)])
            found[prefix].append((test, rankings))
        try:
            answers.append(ask(corpus, train, test, gallery, queries))
        except (Unavailable, BadInput) as error:
            silent = f"query by words: {error}"
    result = Result()
    if seed == 0:
        result.pictures["retrieved"] = examples
    for prefix, parts in found.items():
        _score_gallery(corpus, method, seed, prefix, parts, result)
    if silent:
        result.omitted.append(silent)
    elif answers:
        _score_words(method, seed, answers, result)
    return result


def _folds(corpus: Corpus, protocol: Protocol) -> list[Fold]:
    """The release's gallery and queries where its people are divided as it says; else all gestures of the folds' people."""
    sides = corpus.sides(RETRIEVAL, "gesture")
    if protocol != corpus.split() or not sides:
        return protocol.folds(corpus.people)
    side = np.array([sides.get(row["gesture_id"], "") for row in corpus.gestures])
    return [Fold(np.flatnonzero(side == "train"), np.flatnonzero(side == "test"))]


def _examples(
    corpus: Corpus, train: Ints, test: Ints, queries: npt.NDArray[np.float64], gallery: npt.NDArray[np.float64]
) -> list[dict[str, Any]]:
    """One query of each of the most frequent classes, drawn at random, with its nearest, as stick figures."""
    random = np.random.default_rng(0)
    classes, counts = np.unique(corpus.labels[test], return_counts=True)
    asked = [
        int(random.choice(np.flatnonzero(corpus.labels[test] == label)))
        for label in classes[np.argsort(-counts, kind="stable")][:_QUERIES]
    ]
    nearest = cosine_neighbours(queries[asked], gallery, _HITS)
    return [
        {
            "items": [
                stick_figure(corpus.samples[row], corpus.taxonomy[corpus.labels[row]])
                for row in (test[query], *train[hits])
            ]
        }
        for query, hits in zip(asked, nearest, strict=True)
    ]


def _score_gallery(
    corpus: Corpus, method: Method, seed: int, prefix: str, parts: list[tuple[Ints, Rankings]], result: Result
) -> None:
    answerable = np.concatenate([rankings.answerable for _, rankings in parts])
    if not answerable.any():
        result.omitted.append(f"gallery of {_GALLERIES[prefix]}: it holds no gesture of any query's class")
        return
    rows = np.concatenate([rows for rows, _ in parts])[answerable]
    precision = np.concatenate([rankings.average_precision for _, rankings in parts])[answerable]
    first = np.concatenate([rankings.first_hit for _, rankings in parts])[answerable]
    gallery = np.concatenate([rankings.gallery for _, rankings in parts])[answerable]
    if silent := int((~answerable).sum()):
        result.omitted.append(
            f"{many(silent, 'query', 'queries')} of {len(answerable)}: the gallery of {_GALLERIES[prefix]} has none of the class"
        )
    people, n_people = number(take(corpus.people, rows))
    _add_means(method, seed, prefix, precision, first, (people, n_people), result)
    by_class = np.zeros((len(rows), corpus.n_classes, 2))
    by_class[np.arange(len(rows)), corpus.labels[rows]] = np.column_stack([precision, np.ones(len(rows))])
    macro = estimate(sums_by_person(people, by_class, n_people), _mean_over_classes)
    result.add(NAME, method.name, seed, prefix + "map_macro", macro)
    result.add(NAME, method.name, seed, prefix + "median_rank_share", _median(first / gallery, people, n_people))


def _score_words(method: Method, seed: int, answers: list[Answers], result: Result) -> None:
    people, n_people = number([person for part in answers for person in part.people])
    _add_means(
        method,
        seed,
        "words_",
        np.concatenate([part.precision for part in answers]),
        np.concatenate([part.first for part in answers]),
        (people, n_people),
        result,
    )


def _add_means(
    method: Method,
    seed: int,
    prefix: str,
    precision: npt.NDArray[np.float64],
    first: Ints,
    asked_of: tuple[Ints, int],
    result: Result,
) -> None:
    """map and r1, r5, r10, as means over the queries; `asked_of` is each query's person, and how many there are."""
    people, n_people = asked_of
    values = {"map": precision} | {f"r{k}": (first <= k).astype(np.float64) for k in _TOP}
    for metric, value in values.items():
        sums = sums_by_person(people, np.stack([value, np.ones(len(people))], axis=1), n_people)
        result.add(NAME, method.name, seed, prefix + metric, estimate(sums, lambda s: s[:, 0] / s[:, 1]))


def _mean_over_classes(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(m, classes, [sum of precisions, queries]) to the mean of the classes' means."""
    asked = sums[..., 1] > 0
    means = np.divide(sums[..., 0], sums[..., 1], out=np.zeros(asked.shape), where=asked)
    return np.asarray(means.sum(axis=1) / asked.sum(axis=1))


def _median(values: npt.NDArray[np.float64], people: Ints, n_people: int) -> Estimate:
    point = float(np.median(values))
    if n_people < 2:
        return from_resamples(point, None)
    drawn = [np.median(np.repeat(values, times[people])) for times in resample_people(n_people)]
    return from_resamples(point, np.array(drawn))
