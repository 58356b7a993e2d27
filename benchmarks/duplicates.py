"""Is the split fair? The same movement on both sides, and classes that only one side has.

People apart is checked where the split is read (`benchmarks.corpus`), and refused. What is found here is told with the scores.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.corpus import Corpus, Protocol, Sample, many
from benchmarks.kinematics import placed

__all__ = ["near_duplicates", "split_notes"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FRAMES = 8
# Root mean square distance of joints in shoulder widths. Re-encoding and re-estimating one recording stays below; two people
# doing the same differ by their proportions alone by several times that.
_SAME = 0.01
_BLOCK = 2048


def split_notes(corpus: Corpus, protocol: Protocol | None) -> list[str]:
    """What a reader must know of a split: near-duplicates across it, and classes that are tested but never learned."""
    notes: list[str] = []
    if protocol is None:
        return notes
    pairs = near_duplicates(corpus, protocol)
    if len(pairs):
        one, other = (corpus.gestures[i]["gesture_id"] for i in pairs[0])
        count = len(np.unique(pairs[:, 0]))
        notes.append(
            f"{many(count, 'tested gesture')} move just as one of a person learned from does (such as {one} and {other}): "
            "probably one recording under two names. Scores are too good; remove one of the two."
        )
    unlearned: set[int] = set()
    for fold in protocol.folds(corpus.people):
        unlearned |= set(corpus.labels[fold.test].tolist()) - set(corpus.labels[fold.train].tolist())
    if unlearned and len(protocol.test_people) == 1:
        names = ", ".join(corpus.taxonomy[i] for i in sorted(unlearned))
        notes.append(f"Tested, but in nothing that is learned from, and so never found: {names}.")
    return notes


def near_duplicates(corpus: Corpus, protocol: Protocol) -> Ints:
    """(pairs, 2) rows of a tested gesture and of one learned from whose normalised movements are the same."""
    shapes, usable = _movements(corpus.samples)
    found = []
    for fold in protocol.folds(corpus.people):
        test, train = fold.test[usable[fold.test]], fold.train[usable[fold.train]]
        for start in range(0, len(test), _BLOCK):
            part = test[start : start + _BLOCK]
            near = np.argwhere(_squared_distances(shapes[part], shapes[train]) < _SAME**2)
            found.append(np.stack([part[near[:, 0]], train[near[:, 1]]], axis=1))
    return np.concatenate(found) if found else np.empty((0, 2), dtype=np.int64)


def _squared_distances(a: Floats, b: Floats) -> Floats:
    return np.asarray((a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None] - 2 * a @ b.T)


def _movements(samples: Sequence[Sample]) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """(n, d) movements in shoulder widths, so scaled that a squared distance is the mean over joints and frames; and which of
    them show enough to be compared."""
    kinds = {(sample.poses.skeleton, sample.poses.dims) for sample in samples}
    if len(kinds) != 1:
        return np.zeros((len(samples), 1)), np.zeros(len(samples), dtype=bool)
    rows, usable = [], []
    for sample in samples:
        frames = np.linspace(0, len(sample.poses.keypoints) - 1, _FRAMES).round().astype(np.int64)
        points, seen = placed(sample, frames)
        rows.append((points * seen[..., None]).ravel() / np.sqrt(seen.size))
        usable.append(bool(seen.mean() > 0.4))
    return np.stack(rows), np.array(usable)
