"""What a spotter gives: candidate gestures; and how many detections of one gesture become one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from manifests.segments import temporal_iou

__all__ = ["TOP", "Candidate", "Detections", "suppress"]

TOP = 5  # labels of a candidate

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Candidate:
    """A candidate gesture on frames `[start, end)`.

    Attributes:
        labels: at most 5, the most likely first.
        scores: of the labels, above 0 to 1, falling.
    """

    start: int
    end: int
    labels: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class Detections:
    """Detections in one clip, by falling score.

    Attributes:
        span: (n, 2) real frames, start < end.
        scores: (n, classes) from 0 to 1.
    """

    span: Floats
    scores: Floats

    def __len__(self) -> int:
        return len(self.span)

    @property
    def label(self) -> Ints:
        """(n,) the likeliest class."""
        return np.asarray(self.scores.argmax(axis=1), dtype=np.int64)

    @property
    def score(self) -> Floats:
        """(n,) of the likeliest class."""
        return np.asarray(self.scores.max(axis=1))


def suppress(found: Detections, *, sigma: float = 0.4, least: float = 0.005, most: int = 400) -> Detections:
    """Lower the scores of detections by how far they overlap surer ones, whatever their class, and drop what falls below `least`.

    One place in time is one gesture here: its other labels are its `scores`, not more candidates. Gaussian soft suppression
    (Bodla et al., Soft-NMS, ICCV 2017, equation 4).

    Args:
        sigma: smaller ones lower more.
        most: detections that are kept at most.
    """
    span, scores, best = found.span, found.scores, found.score.copy()
    decay, alive = np.ones(len(span)), best >= least
    order: list[int] = []
    while alive.any() and len(order) < most:
        first = int(np.argmax(np.where(alive, best, -1.0)))
        order.append(first)
        alive[first] = False
        rest = np.flatnonzero(alive)
        if len(rest):
            lowered = np.exp(-(temporal_iou(span[first][None], span[rest])[0] ** 2) / sigma)
            decay[rest] *= lowered
            best[rest] *= lowered
            alive[rest] = best[rest] >= least
    kept = np.array(order, dtype=np.int64)
    return Detections(span[kept], scores[kept] * decay[kept, None])
