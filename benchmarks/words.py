"""Query by words: among the gestures of a person never seen, which are those that a definition describes?

The way from an embedding to sentences (`models.text`) is learned from the labels of the people learned from, so these scores,
unlike all others of retrieval, are of an embedding beside labels. Sentences are read by a small encoder whose weights come with a
package (extra `text`); without it nothing is scored, and said so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.corpus import Corpus
from benchmarks.metrics.retrieval import rank_gallery
from benchmarks.recognise import take
from models.text import align, definitions, read_sentences

__all__ = ["Answers", "ask"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """What was found.

    Attributes:
        people: (n,) whose gestures were asked.
        precision: (n,) average precision.
        first: (n,) rank of the first gesture of the class, from 1.
    """

    people: list[str]
    precision: Floats
    first: Ints


def ask(corpus: Corpus, train: Ints, test: Ints, known: Floats, asked: Floats) -> Answers:
    """Ask each tested person's gestures for every class among them, by the definition of the class.

    Args:
        train, test: rows of the corpus.
        known, asked: their embeddings.

    Raises:
        Unavailable: the extra `text` isn't installed.
        BadInput: fewer than two classes to learn from.
    """
    labels, whose = corpus.labels[test], np.array(take(corpus.people, test))
    aligned = align(
        known.astype(np.float32), [corpus.taxonomy[label] for label in corpus.labels[train]], read=read_sentences
    )
    described = np.asarray(aligned.map.predict(asked.astype(np.float32)))
    classes = np.unique(labels)
    sentences = aligned.read(definitions([corpus.taxonomy[label] for label in classes]))
    people: list[str] = []
    found = []
    for person in np.unique(whose):
        mine = whose == person
        wanted = np.isin(classes, labels[mine])
        found.append(rank_gallery(sentences[wanted], described[mine], classes[wanted], labels[mine]))
        people += [str(person)] * int(wanted.sum())
    return Answers(
        people,
        np.concatenate([part.average_precision for part in found]),
        np.concatenate([part.first_hit for part in found]),
    )
