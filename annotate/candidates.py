"""Places in a clip where somebody marked a gesture: segments of different annotators that are the same gesture, by overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from annotate.opinions import Opinion, Segment
from manifests.segments import temporal_iou

__all__ = ["Mark", "candidates"]


@dataclass(frozen=True)
class Mark:
    """A segment and who marked it."""

    annotator: str
    segment: Segment


def candidates(opinions: Sequence[Opinion], tiou: float) -> list[list[Mark]]:
    """The candidate gestures of one clip. Every mark is in exactly one, and an annotator at most once in each.

    Marks are joined from the closest pair on, so long as any two of a candidate overlap by `tiou`.
    """
    marks = [Mark(opinion.annotator_id, segment) for opinion in opinions for segment in opinion.segments]
    if not marks:
        return []
    ranges = [(mark.segment.start, mark.segment.end) for mark in marks]
    overlap = temporal_iou(ranges, ranges)
    cluster_of = {i: [i] for i in range(len(marks))}
    for i, j in _closest_first(marks, overlap, tiou):
        a, b = cluster_of[i], cluster_of[j]
        apart = {marks[k].annotator for k in a}.isdisjoint(marks[k].annotator for k in b)
        if a is not b and apart and all(overlap[k, m] >= tiou for k in a for m in b):
            a += b
            cluster_of.update(dict.fromkeys(b, a))
    distinct = {id(cluster): cluster for cluster in cluster_of.values()}
    return [[marks[i] for i in sorted(cluster)] for cluster in distinct.values()]


def _closest_first(marks: Sequence[Mark], overlap: Iterable[Iterable[float]], tiou: float) -> list[tuple[int, int]]:
    table = [list(row) for row in overlap]
    near = [(i, j) for i, j in combinations(range(len(marks)), 2) if table[i][j] >= tiou]

    def rank(pair: tuple[int, int]) -> tuple[float, bool, int, int]:
        i, j = pair
        return (-table[i][j], marks[i].segment.label != marks[j].segment.label, i, j)

    return sorted(near, key=rank)
