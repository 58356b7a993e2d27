"""What is true where annotators differ: a label model in which each annotator errs in a way of their own.

Dawid and Skene (Applied Statistics 28, 1979): each annotator has a confusion matrix, each item a true class, and both are
estimated from the answers by expectation and maximisation. Two things are added. An annotator who was shown a proposal may
have copied it without looking; how often is estimated too, and a copy says nothing about the truth. And the matrices share a
mean, towards which those of annotators with few answers are drawn, because 33 x 33 cells are many for a few hundred answers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

__all__ = ["Fit", "Votes", "fit"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# Answers' worth of belief before the first answer is seen: in the shared mean, in an annotator's likeness to it, in how
# often an annotator copies.
_IN_MEAN = 2.0
_FINDS, _NAMES, _INVENTS = 0.7, 0.8, 0.2
_IN_ANNOTATOR = 5.0
_COPIES = (2.0, 2.0)
_STEPS = 200
_CLOSE = 1e-4


@dataclass(frozen=True)
class Votes:
    """Answers. Answer n says that item `item[n]` is of class `value[n]`, according to `annotator[n]`.

    Attributes:
        item, annotator, value: (n,) numbers from 0.
        proposed: (items,) the class that was proposed for each item to all who answered; -1 where none was.
        known: (items,) the class where it is known, else -1.
        n_annotators, n_classes: how many there are.
    """

    item: Ints
    annotator: Ints
    value: Ints
    proposed: Ints
    known: Ints
    n_annotators: int
    n_classes: int


@dataclass(frozen=True)
class Fit:
    """What the model found.

    Attributes:
        posterior: (items, classes) probability of each class.
        apart: (items, classes) the same, where what is known of annotators comes from their answers to all other items. The first
            finds more of the truth, and is too sure of it: of a class that somebody names once, that answer alone says how well
            they know it.
        confusion: (annotators, classes, classes) probability of each answer (last axis) for each truth, where not copied.
        copies: (annotators,) share of shown proposals that were copied.
        weight: (annotators,) probability that an answer is right and not a copy, over the classes as frequent as they are.
    """

    posterior: Floats
    apart: Floats
    confusion: Floats
    copies: Floats
    weight: Floats


def fit(votes: Votes) -> Fit:
    """Estimate every item's class, and every annotator's errors.

    Starts from the shares of votes, and ends when no probability moves by more than 0.0001.
    """
    people = votes.n_annotators
    votes, asked = _with_proposer(votes)
    same = asked & (votes.value == votes.proposed[votes.item])
    # What may be a copy counts half at first, and the proposal itself not at all: else those who copy seem to confirm it.
    posterior = _fixed(_shares(votes, np.where(votes.annotator < people, np.where(same, 0.5, 1.0), 0.0)), votes.known)
    copies: Floats = np.full(votes.n_annotators, _COPIES[0] / sum(_COPIES))
    copied = np.zeros((len(votes.item), votes.n_classes))
    for _ in range(_STEPS):
        confusion = _confusion(votes, posterior[votes.item] * (1 - copied))
        # (n, classes): how probable each answer is for each truth, by looking and by copying.
        looked = (1 - copies[votes.annotator] * asked)[:, None] * confusion[votes.annotator, :, votes.value]
        by_copying = (copies[votes.annotator] * same)[:, None]
        copied = by_copying / (looked + by_copying)
        new = _chances(votes, posterior.sum(axis=0), looked + by_copying)
        copies = _rate(votes, (new[votes.item] * copied).sum(axis=1), asked)
        moved = float(np.abs(new - posterior).max(initial=0))
        posterior = new
        if moved < _CLOSE:
            break
    mass = posterior[votes.item] * (1 - copied)
    confusion = _confusion(votes, mass)
    apart = (1 - copies[votes.annotator] * asked)[:, None] * _by_other_answers(votes, mass)
    apart = _chances(votes, posterior.sum(axis=0) - posterior, apart + (copies[votes.annotator] * same)[:, None])
    of_class = posterior.sum(axis=0) / max(1, len(posterior))
    right = np.einsum("acc,c->a", confusion, of_class)
    crowd = slice(people)
    return Fit(posterior, apart, confusion[crowd], copies[crowd], (right * (1 - copies))[crowd])


def _with_proposer(votes: Votes) -> tuple[Votes, npt.NDArray[np.bool_]]:
    """The answers with those of the model that proposed, as one more annotator, who is the last; and which may be copies."""
    asked = votes.proposed[votes.item] >= 0
    n = len(votes.proposed)
    if not asked.any():
        return votes, asked
    proposed = np.where(votes.proposed < 0, votes.n_classes - 1, votes.proposed)
    both = replace(
        votes,
        item=np.concatenate([votes.item, np.arange(n)]),
        annotator=np.concatenate([votes.annotator, np.full(n, votes.n_annotators)]),
        value=np.concatenate([votes.value, proposed]),
        n_annotators=votes.n_annotators + 1,
    )
    return both, np.concatenate([asked, np.zeros(n, dtype=np.bool_)])


def _shares(votes: Votes, counting: Floats) -> Floats:
    """Each item's votes as shares."""
    counts = np.full((len(votes.proposed), votes.n_classes), 1e-6)
    np.add.at(counts, (votes.item, votes.value), counting)
    return np.asarray(counts / counts.sum(axis=1, keepdims=True), dtype=np.float64)


def _chances(votes: Votes, of_class: Floats, likely: Floats) -> Floats:
    """(items, classes) probabilities from how many items are of each class, and how likely each answer is for each truth."""
    log: Floats = np.log(of_class + 1) + np.zeros((len(votes.proposed), votes.n_classes))
    np.add.at(log, votes.item, np.log(likely))
    return _fixed(np.asarray(softmax(log, axis=1), dtype=np.float64), votes.known)


def _confusion(votes: Votes, mass: Floats) -> Floats:
    """Confusion matrices from (n, classes) how much each answer counts for each truth."""
    drawn = _drawn_counts(votes, mass)
    return np.asarray(drawn / drawn.sum(axis=2, keepdims=True), dtype=np.float64)


def _by_other_answers(votes: Votes, mass: Floats) -> Floats:
    """(n, classes) how likely each answer is for each truth, by the confusion that the annotator's other answers tell of."""
    drawn = _drawn_counts(votes, mass)
    this = drawn[votes.annotator, :, votes.value] - mass
    return np.asarray(this / (drawn.sum(axis=2)[votes.annotator] - mass), dtype=np.float64)


def _drawn_counts(votes: Votes, mass: Floats) -> Floats:
    """(annotators, classes, classes) how often each truth was answered by what, with what is believed beforehand."""
    k = votes.n_classes
    by_answer = np.zeros((votes.n_annotators, k, k))
    np.add.at(by_answer, (votes.annotator, votes.value), mass)
    counts = by_answer.transpose(0, 2, 1)
    return np.asarray(counts + _IN_ANNOTATOR * _likely_confusion(counts), dtype=np.float64)


def _likely_confusion(counts: Floats) -> Floats:
    """What each annotator's matrix is drawn to: how often this annotator finds, names and invents gestures, and what the whole
    crowd takes each class for when it is wrong."""
    k = counts.shape[1] - 1
    real, unreal = counts[:, :k], counts[:, k]
    marked, right = real[:, :, :k].sum(axis=(1, 2)), np.einsum("acc->a", real[:, :, :k])
    finds = _drawn(marked, real.sum(axis=(1, 2)), _FINDS)
    names = _drawn(right, marked, _NAMES)
    invents = _drawn(unreal[:, :k].sum(axis=1), unreal.sum(axis=1), _INVENTS)
    # Both ways alike: what looks alike is confused, and a confusion seen once can't say which of the two is true.
    one_way = real[:, :, :k].sum(axis=0)
    wrong = (one_way + one_way.T) / 2 + _IN_MEAN / k
    np.fill_diagonal(wrong, 0)
    wrong /= np.maximum(wrong.sum(axis=1, keepdims=True), 1e-12)
    of_invented = unreal[:, :k].sum(axis=0) + 1
    of_invented /= of_invented.sum()
    likely = np.empty_like(counts)
    likely[:, :k, :k] = (finds * (1 - names))[:, None, None] * wrong + (finds * names)[:, None, None] * np.eye(k)
    likely[:, :k, k] = (1 - finds)[:, None]
    likely[:, k, :k] = invents[:, None] * of_invented
    likely[:, k, k] = 1 - invents
    return likely


def _drawn(part: Floats, whole: Floats, at_first: float) -> Floats:
    """Each annotator's share, drawn to that of all, which is drawn to a first guess."""
    of_all = (part.sum() + _IN_ANNOTATOR * at_first) / (whole.sum() + _IN_ANNOTATOR)
    return np.asarray((part + _IN_ANNOTATOR * of_all) / (whole + _IN_ANNOTATOR), dtype=np.float64)


def _rate(votes: Votes, copied: Floats, asked: npt.NDArray[np.bool_]) -> Floats:
    n = np.bincount(votes.annotator, weights=asked, minlength=votes.n_annotators)
    sums = np.bincount(votes.annotator, weights=copied, minlength=votes.n_annotators)
    return np.asarray(np.where(n, (sums + _COPIES[0]) / (n + sum(_COPIES)), 0.0), dtype=np.float64)


def _fixed(posterior: Floats, known: Ints) -> Floats:
    """What is known is certain."""
    items = np.flatnonzero(known >= 0)
    posterior[items] = 0
    posterior[items, known[items]] = 1
    return posterior
