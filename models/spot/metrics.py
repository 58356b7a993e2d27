"""What spotting is measured by: average precision, average recall, F1.

Segments are half-open frame ranges `[start, end)` of a clip. The overlap of two is their temporal intersection over union
(tIoU). Average precision follows ActivityNet: detections by falling score, each taking the free true segment of its class that
it overlaps most, and precision made non-increasing in recall before it is summed over all points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from manifests.segments import temporal_iou

__all__ = [
    "AVERAGE_NUMBERS",
    "TIOUS",
    "Segments",
    "average_precision",
    "average_recall",
    "greedy_hits",
    "lenient_found",
    "mean_average_precision",
    "strict_found",
    "top_by_clip",
]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

TIOUS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
AVERAGE_NUMBERS = (1, 5, 10, 50, 100)
_CELLS = 4_000_000  # numbers in memory at a time, in the resamples of average precision


@dataclass(frozen=True)
class Segments:
    """Segments of many clips, true ones or detections.

    Attributes:
        clip: (n,) number of the clip.
        span: (n, 2) half-open frame ranges, start < end.
        label: (n,) class.
        score: (n,) of a detection, higher is surer; of a true segment without meaning.
    """

    clip: Ints
    span: Ints
    label: Ints
    score: Floats

    def __len__(self) -> int:
        return len(self.clip)

    def __getitem__(self, rows: Any) -> Segments:
        return Segments(self.clip[rows], self.span[rows], self.label[rows], self.score[rows])

    def by_score(self) -> Segments:
        """By falling score; equal scores by clip, start, end and class, so that the order of the rows doesn't matter."""
        return self[np.lexsort((self.label, self.span[:, 1], self.span[:, 0], self.clip, -self.score))]


def greedy_hits(true: Segments, found: Segments, tiou: float) -> npt.NDArray[np.bool_]:
    """(detections,) which detections are right, for average precision: one to one, in the order given.

    Args:
        found: detections, by falling score (`Segments.by_score`).
        tiou: least overlap that counts.
    """
    hit = np.zeros(len(found), dtype=bool)
    for here, there in _same_clip(true, found):
        overlap = _overlap_of_class(true[here], found[there])
        free = np.ones(len(here), dtype=bool)
        for j, detection in enumerate(there):
            candidates = np.where(free, overlap[:, j], -1.0)
            best = int(np.argmax(candidates))
            if candidates[best] >= tiou:
                free[best], hit[detection] = False, True
    return hit


def average_precision(hits: npt.NDArray[np.bool_], weights: Floats, n_true: Floats) -> Floats:
    """(m,) average precision of one ranking of detections under m weightings.

    Args:
        hits: (detections,) which are right, by falling score.
        weights: (m, detections) how often each detection counts; ones for the plain value.
        n_true: (m,) true segments, weighted likewise; NaN comes of 0.
    """
    right = np.cumsum(weights * hits, axis=1)
    given = np.cumsum(weights, axis=1)
    precision = np.divide(right, given, out=np.zeros_like(right), where=given > 0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    gained = (weights * hits * envelope).sum(axis=1)
    return np.asarray(np.divide(gained, n_true, out=np.full(len(n_true), np.nan), where=n_true > 0))


def mean_average_precision(true: Segments, found: Segments, person: Ints, times: Ints) -> Floats:
    """(overlaps + 1, m) mean average precision at each of `TIOUS`, and last the mean of those, with people counted m ways.

    The mean is over the classes that have a true segment; NaN where there is none.

    Args:
        found: detections, by falling score (`Segments.by_score`).
        person: whom each clip is of.
        times: (m, people) how often each person counts; a row of ones for the plain value.
    """
    by_tiou = []
    for tiou in TIOUS:
        by_class = []
        for label in np.unique(true.label):
            asked, given = true[true.label == label], found[found.label == label]
            hits = greedy_hits(asked, given, tiou)
            by_class.append(_weighted(hits, person[given.clip], person[asked.clip], times))
        by_tiou.append(_mean_of_known(np.stack(by_class)) if by_class else np.full(len(times), np.nan))
    return np.stack([*by_tiou, _mean_of_known(np.stack(by_tiou))])


def _weighted(hits: npt.NDArray[np.bool_], whose: Ints, asked_of: Ints, times: Ints) -> Floats:
    """(m,) average precision with people counted `times` (m, people); a block of resamples in memory at a time."""
    n_true = times[:, asked_of].sum(axis=1).astype(np.float64)
    block = max(1, _CELLS // max(1, len(hits)))
    parts = [slice(start, start + block) for start in range(0, len(times), block)]
    return np.concatenate(
        [average_precision(hits, times[part][:, whose].astype(float), n_true[part]) for part in parts]
    )


def _mean_of_known(values: Floats) -> Floats:
    """Mean over the first axis without NaN; NaN where there is nothing else."""
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    n = known.sum(axis=0)
    return np.asarray(np.divide(total, n, out=np.full(total.shape, np.nan), where=n > 0))


def top_by_clip(found: Segments, n: int) -> Segments:
    """The n surest detections of each clip."""
    ordered = found.by_score()
    kept = [rows[:n] for rows in _rows_by_clip(ordered.clip).values()]
    return ordered[np.sort(np.concatenate(kept))] if kept else ordered


def average_recall(true: Segments, found: Segments) -> Floats:
    """(true segments,) share of the overlaps 0.5, 0.55, … 0.95 at which any detection, of any class, finds it.

    The mean over true segments is average recall; AR@AN is that of `top_by_clip(found, AN)`.
    """
    best = np.zeros(len(true))
    for here, there in _same_clip(true, found):
        best[here] = temporal_iou(true.span[here], found.span[there]).max(axis=1)
    thresholds = np.arange(10, 20) / 20
    return np.asarray((best[:, None] >= thresholds).mean(axis=1))


def strict_found(true: Segments, found: Segments, tiou: float = 0.3) -> npt.NDArray[np.bool_]:
    """(true segments,) which are found when a detection may find one only.

    The matching is the largest there is (of same class and tIoU above `tiou`), so no order of the detections matters.
    F1 = 2 * found / (true segments + detections).
    """
    got = np.zeros(len(true), dtype=bool)
    for here, there in _same_clip(true, found):
        fits = csr_array(_overlap_of_class(true[here], found[there]) > tiou)
        got[here] = maximum_bipartite_matching(fits, perm_type="column") >= 0
    return got


def lenient_found(true: Segments, found: Segments, tiou: float = 0.3) -> npt.NDArray[np.bool_]:
    """(true segments,) which are found when one detection may find several.

    So counts the code that was published with SMG (Chen et al., IJCV 2023; online recognition, THDutils.py): a true segment
    is found if any detection of its class overlaps it by more than `tiou`. F1 = 2 * found / (true segments + detections), which
    may pass 1.
    """
    got = np.zeros(len(true), dtype=bool)
    for here, there in _same_clip(true, found):
        got[here] = (_overlap_of_class(true[here], found[there]) > tiou).any(axis=1)
    return got


def _same_clip(true: Segments, found: Segments) -> list[tuple[Ints, Ints]]:
    """Rows of true segments and of detections, clip by clip, where a clip has both; each in the order given."""
    here, there = _rows_by_clip(true.clip), _rows_by_clip(found.clip)
    return [(rows, there[clip]) for clip, rows in here.items() if clip in there]


def _rows_by_clip(clips: Ints) -> dict[int, Ints]:
    order = np.argsort(clips, kind="stable")
    names, starts = np.unique(clips[order], return_index=True)
    return dict(zip(names.tolist(), np.split(order, starts[1:]), strict=True)) if len(clips) else {}


def _overlap_of_class(true: Segments, found: Segments) -> Floats:
    """(true, detections) tIoU; 0 where the classes differ."""
    return np.where(true.label[:, None] == found.label[None, :], temporal_iou(true.span, found.span), 0.0)
