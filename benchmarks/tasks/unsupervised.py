"""Recognition, unsupervised: what is in an embedding that saw no label?

Linear probe (L-BFGS logistic regression on standardised features, its strength chosen by held-out people of train), k nearest
neighbours by cosine with train as gallery, and clusters of the tested gestures against their classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from benchmarks.corpus import Corpus
from benchmarks.linear import fit_linear
from benchmarks.methods import Method, embed
from benchmarks.metrics.clustering import adjusted_rand, cluster, cluster_accuracy, normalised_mutual_information
from benchmarks.metrics.intervals import Estimate, estimate, from_resamples, resample_people, sums_by_person
from benchmarks.metrics.retrieval import cosine_neighbours, knn_scores, unit_rows
from benchmarks.recognise import HIDDEN, missing_people_or_classes, number, take
from benchmarks.scores import Result

NAME = "unsupervised"
SHOWN = ("linear_probe", "knn1", "cluster_accuracy")
WHAT = "What an embedding that saw no label knows: linear probe, nearest neighbours, clusters."
NEEDS = "`embed`, of gestures whose labels are hidden"

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_NEIGHBOURS = (1, 5, 20)
_BINS = 10
_MAPPED = 600
# Of counts and of squared weights, (m, classes, clusters) each; the first table is that of all people.
_CLUSTERING: dict[str, Callable[[Floats, Floats], Floats]] = {
    "cluster_accuracy": lambda counts, _: cluster_accuracy(counts, counts[0]),
    "nmi": lambda counts, _: normalised_mutual_information(counts),
    "ari": adjusted_rand,
}


def requirements(corpus: Corpus) -> list[str]:
    """What is missing."""
    return missing_people_or_classes(corpus, corpus.protocol())


def can(method: Method) -> bool:
    """Whether the method can do it."""
    return method.embed is not None


def score(corpus: Corpus, method: Method, seed: int) -> Result:
    """linear_probe, knn1, knn5, knn20 (top-1 accuracy each), cluster_accuracy, nmi, ari.

    With several folds, accuracies are over all tested gestures, and clusters are found and scored within each fold, then averaged
    by its gestures.

    Raises:
        ItemFailed: the method gave something unfit.
    """
    protocol = corpus.protocol()
    assert protocol is not None
    result = Result()
    rows: list[Ints] = []
    correct: dict[str, list[npt.NDArray[np.bool_]]] = {}
    clustered: list[tuple[Ints, Ints]] = []
    sure: list[Floats] = []
    for fold in protocol.folds(corpus.people):
        if not len(fold.train) or not len(fold.test):
            continue
        train, labels = take(corpus.samples, fold.train), corpus.labels[fold.train]
        fitted = method.fit(train, np.full(len(train), HIDDEN), corpus.taxonomy, seed) if method.fit else None
        gallery, queries = embed(method, fitted, train), embed(method, fitted, take(corpus.samples, fold.test))
        asked = corpus.labels[fold.test]
        rows.append(fold.test)
        probe = fit_linear("logistic", gallery, labels, take(corpus.people, fold.train))
        likely = probe.probabilities(queries, corpus.n_classes)
        _note(correct, "linear_probe", likely, asked)
        sure.append(np.stack([likely.max(axis=1), np.argmax(likely, axis=1) == asked], axis=1))
        if seed == 0 and "map" not in result.pictures:
            result.pictures["map"] = _map(queries, [corpus.taxonomy[label] for label in asked])
        nearest = labels[cosine_neighbours(queries, gallery, max(_NEIGHBOURS))]
        for k in _NEIGHBOURS:
            if k <= len(gallery):
                votes = knn_scores(nearest[:, :k], corpus.n_classes)
                _note(correct, f"knn{k}", votes, asked)
        if len(asked) > len(np.unique(asked)) > 1:
            clustered.append((fold.test, cluster(queries, len(np.unique(asked)), seed)))

    result.pictures["reliability"] = _reliability(np.concatenate(sure))
    people, n_people = number(take(corpus.people, np.concatenate(rows)))
    for metric, hits in correct.items():
        if len(hits) < len(rows):
            continue
        both = np.stack([np.concatenate(hits), np.ones(len(people))], axis=1)
        accuracy = estimate(sums_by_person(people, both, n_people), lambda sums: sums[:, 0] / sums[:, 1])
        result.add(NAME, method.name, seed, metric, accuracy)
    for k in _NEIGHBOURS:
        if len(correct.get(f"knn{k}", [])) < len(rows):
            result.omitted.append(f"knn{k}: needs at least {k} gestures to learn from, in every fold")
    if clustered:
        for metric, measure in _CLUSTERING.items():
            result.add(NAME, method.name, seed, metric, _over_people(corpus, clustered, measure))
    else:
        result.omitted.append(
            "clusters: need at least 2 classes and more gestures than classes among the tested people"
        )
    return result


def _reliability(sure: Floats) -> list[list[float]]:
    """Mean probability, share right and count, of the answers in each tenth of probability."""
    tenth = np.minimum((sure[:, 0] * _BINS).astype(int), _BINS - 1)
    parts = [sure[tenth == k] for k in range(_BINS) if (tenth == k).any()]
    return [[*part.mean(axis=0).round(6).tolist(), len(part)] for part in parts]


def _map(embeddings: Floats, labels: list[str]) -> dict[str, Any]:
    """At most 600 of the embeddings in two dimensions (van der Maaten and Hinton, t-SNE, JMLR 2008)."""
    picked = np.sort(np.random.default_rng(0).permutation(len(labels))[:_MAPPED])
    perplexity = min(30.0, (len(picked) - 1) / 3)
    rows = unit_rows(embeddings[picked])
    if perplexity < 1 or len(np.unique(rows.round(9), axis=0)) < 3:  # nothing to lay out
        return {"points": np.zeros((len(picked), 2)).tolist(), "labels": [labels[i] for i in picked]}
    axes = min(30, *rows.shape)
    reduced = PCA(axes, random_state=0).fit_transform(rows)
    # "random" where there is too little to start from principal components.
    start = "pca" if axes > 1 else "random"
    found = TSNE(2, perplexity=perplexity, init=start, random_state=0).fit_transform(reduced)
    return {"points": found.astype(float).round(3).tolist(), "labels": [labels[i] for i in picked]}


def _note(
    correct: dict[str, list[npt.NDArray[np.bool_]]], metric: str, scores: npt.NDArray[np.float64], asked: Ints
) -> None:
    correct.setdefault(metric, []).append(np.argmax(scores, axis=1) == asked)


def _over_people(
    corpus: Corpus, clustered: list[tuple[Ints, Ints]], measure: Callable[[Floats, Floats], Floats]
) -> Estimate:
    """A clustering metric with its interval: the clusters stay, the people among whom it is measured are drawn anew.

    A resample repeats people, so its clusters look purer than they are (mutual information most of all): what the resamples lie
    too high on average, the bootstrap's own estimate of bias (Efron and Tibshirani 1993, chapter 10), is taken off them.
    """
    people, n_people = number(take(corpus.people, np.concatenate([rows for rows, _ in clustered])))
    times = np.concatenate([np.ones((1, n_people), dtype=np.int64), resample_people(n_people)])
    values, weights = [], []
    ends = np.cumsum([len(rows) for rows, _ in clustered])[:-1]
    for (rows, clusters), mine in zip(clustered, np.split(people, ends), strict=True):
        counts = np.zeros((n_people, corpus.n_classes, clusters.max() + 1))
        np.add.at(counts, (mine, corpus.labels[rows], clusters), 1)
        drawn = np.tensordot(times, counts, axes=1)
        values.append(measure(drawn, np.tensordot(times * times, counts, axes=1)))
        weights.append(drawn.sum(axis=(1, 2)))
    weight = np.stack(weights)
    mean = (np.where(weight > 0, np.stack(values), 0) * weight).sum(axis=0) / weight.sum(axis=0)
    mean[1:] -= mean[1:].mean() - mean[0]
    return from_resamples(float(mean[0]), mean[1:] if n_people > 1 else None)
