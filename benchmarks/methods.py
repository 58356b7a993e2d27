"""Methods: what the benchmark scores. A method is a few functions; anyone's own is one Python file that defines them.

    import numpy as np

    def fit(samples, labels, taxonomy, seed):  # labels: class numbers; -1 is a label that may not be seen
        ...                                    # whatever it returns comes back as `fitted`

    def predict(fitted, samples):              # (n, classes) scores, or (n,) class numbers or labels
        ...

    def embed(fitted, samples):                # (n, d) numbers; distances and directions in it should mean something
        ...

`fit` and one of the other two must be there. `predict` is scored by recognition, `embed` by all other tasks (and by recognition
under a linear classifier, where there is no `predict`). Samples are `benchmarks.corpus.Sample`; `taxonomy` holds the labels in
the order of their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.preprocessing import StandardScaler

from benchmarks.corpus import Sample, Video
from benchmarks.kinematics import kinematic_features
from benchmarks.linear import Linear, fit_linear
from manifests.errors import ItemFailed
from manifests.poses import Poses
from models.spot.candidates import Candidate

__all__ = ["BUILT_IN", "Method", "Predictions", "embed", "predict"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Samples = Sequence[Sample]

Taxonomy = tuple[str, ...]


@dataclass(frozen=True)
class Method:
    """A method, by what it can do; a task takes those that can do what it needs.

    Attributes:
        name: as the scores show it.
        fit: (samples, labels, taxonomy, seed) to anything; labels of -1 may not be seen.
        predict: (fitted, samples) to (n, classes) scores, or (n,) class numbers or labels.
        embed: (fitted, samples) to (n, d) vectors.
        describe_videos: (recordings, taxonomy) to (n, d) features, for emotion.
        spot: (a clip's poses, frames a second) to candidate gestures, for spotting.
        proposals_of: the model whose rows of the proposals table are its detections, for spotting.
        within: minutes to the same method, trained for so long instead of for its number of steps; networks have it.
        parameters: of what was fitted, how many numbers were learned.
        source: the Python file that it was loaded from.
        digest: changes when its code does.
    """

    name: str
    fit: Callable[[Samples, Ints, Taxonomy, int], Any] | None = None
    predict: Callable[[Any, Samples], Any] | None = None
    embed: Callable[[Any, Samples], Any] | None = None
    describe_videos: Callable[[Sequence[Video], Taxonomy], Floats] | None = None
    spot: Callable[[Poses, float], list[Candidate]] | None = None
    proposals_of: str | None = None
    within: Callable[[float], Method] | None = None
    parameters: Callable[[Any], int] | None = None
    source: str | None = None
    digest: str = ""

    @property
    def recognises(self) -> bool:
        return self.predict is not None or self.embed is not None


@dataclass(frozen=True)
class Predictions:
    """What a method says of samples: the class, and the scores of all classes where it gives them."""

    classes: Ints
    scores: Floats | None


# --- the checked way to call a method --------------------------------------------------------------------------------


def predict(method: Method, fitted: Any, samples: Samples, taxonomy: Taxonomy) -> Predictions:
    """A method's predictions, checked.

    Raises:
        ItemFailed: NaN or infinity, another shape, or a class outside the taxonomy.
    """
    assert method.predict is not None
    given = np.asarray(method.predict(fitted, samples))
    n, n_classes = len(samples), len(taxonomy)
    if given.shape == (n, n_classes) and given.dtype.kind in "fiu":
        _refuse_non_finite(method, "predict", given)
        scores = given.astype(np.float64)
        return Predictions(np.argmax(scores, axis=1), scores)
    if given.shape == (n,) and given.dtype.kind in "iuUO":
        return Predictions(_class_numbers(method, given, taxonomy), None)
    raise _bad(
        method,
        f"predict gave {given.dtype} of shape {given.shape} for {n} gestures; give ({n}, {n_classes}) scores or ({n},) classes",
    )


def embed(method: Method, fitted: Any, samples: Samples) -> Floats:
    """A method's embeddings, checked.

    Raises:
        ItemFailed: NaN or infinity, or another shape.
    """
    assert method.embed is not None
    given = np.asarray(method.embed(fitted, samples))
    n = len(samples)
    if given.ndim != 2 or given.shape[0] != n or given.shape[1] == 0 or given.dtype.kind not in "fiu":
        raise _bad(method, f"embed gave {given.dtype} of shape {given.shape} for {n} gestures; give ({n}, d) numbers")
    _refuse_non_finite(method, "embed", given)
    return given.astype(np.float64)


def _class_numbers(method: Method, given: npt.NDArray[Any], taxonomy: Taxonomy) -> Ints:
    if given.dtype.kind in "UO":
        if unknown := sorted({str(label) for label in given} - set(taxonomy)):
            raise _bad(method, f"predict gave {unknown[0]!r}, which is none of the {len(taxonomy)} labels")
        return np.array([taxonomy.index(label) for label in given], dtype=np.int64)
    if len(outside := given[(given < 0) | (given >= len(taxonomy))]):
        raise _bad(method, f"predict gave class {outside[0]}; classes run from 0 to {len(taxonomy) - 1}")
    return given.astype(np.int64)


def _refuse_non_finite(method: Method, function: str, given: npt.NDArray[Any]) -> None:
    finite = np.isfinite(given).all(axis=1)
    if not finite.all():
        first = int(np.flatnonzero(~finite)[0])
        raise _bad(
            method, f"{function} gave NaN or infinity for {(~finite).sum()} of {len(given)} gestures (first: {first})"
        )


def _bad(method: Method, message: str) -> ItemFailed:
    return ItemFailed(f"method {method.name}: {message}.", kind="bad_output")


# --- what comes with the suite ---------------------------------------------------------------------------------------


def _fit_majority(samples: Samples, labels: Ints, taxonomy: Taxonomy, seed: int) -> Ints:  # noqa: ARG001 - a method's signature
    return np.bincount(labels[labels >= 0], minlength=len(taxonomy))


def _predict_majority(counts: Ints, samples: Samples) -> Floats:
    return np.tile(counts / counts.sum(), (len(samples), 1))


@dataclass(frozen=True)
class _Kinematics:
    scale: StandardScaler
    ridge: Linear | None
    n_classes: int


def _fit_kinematics(samples: Samples, labels: Ints, taxonomy: Taxonomy, seed: int) -> _Kinematics:  # noqa: ARG001
    features, known = kinematic_features(samples), np.flatnonzero(labels >= 0)
    people = [samples[i].player_id for i in known]
    ridge = fit_linear("ridge", features[known], labels[known], people) if len(known) else None
    return _Kinematics(StandardScaler().fit(features), ridge, len(taxonomy))


def _predict_kinematics(fitted: _Kinematics, samples: Samples) -> Floats:
    assert fitted.ridge is not None
    return fitted.ridge.scores(kinematic_features(samples), fitted.n_classes)


def _embed_kinematics(fitted: _Kinematics, samples: Samples) -> Floats:
    return np.asarray(fitted.scale.transform(kinematic_features(samples)))


def _count_kinematics(fitted: _Kinematics) -> int:
    return 0 if fitted.ridge is None else fitted.ridge.parameters


def _count_gestures(videos: Sequence[Video], taxonomy: Taxonomy) -> Floats:
    """(n, classes) how often a minute each class was annotated."""
    return np.stack([np.bincount(video.labels, minlength=len(taxonomy)) / video.minutes for video in videos])


def _nothing(videos: Sequence[Video], taxonomy: Taxonomy) -> Floats:  # noqa: ARG001
    return np.zeros((len(videos), 1))


BUILT_IN: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "majority",
            fit=_fit_majority,
            predict=_predict_majority,
            describe_videos=_nothing,
            parameters=len,
        ),
        Method(
            "kinematics-ridge",
            fit=_fit_kinematics,
            predict=_predict_kinematics,
            embed=_embed_kinematics,
            parameters=_count_kinematics,
        ),
        Method("gesture-counts", describe_videos=_count_gestures),
    )
}
