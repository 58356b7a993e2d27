"""Retrieval: given one gesture, find others of its class in a gallery. Exact search by cosine similarity.

Average precision is taken over the whole ranking. Where similarities are equal, what is wrong goes first: an embedding that
maps everything to one point gains nothing from the order in which the gallery happens to lie.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Rankings", "cosine_neighbours", "knn_scores", "neighbours_by_faiss", "rank_gallery", "unit_rows"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating[Any]]

_BLOCK_BYTES = 64 * 2**20
_LARGE = 50_000  # items
_TOP = 10**5  # levels of similarity above 0, where it is taken in 32-bit floats
_SPARE = 16  # neighbours more than asked for, among which rounding may change the order
_AT_ONCE = 4096  # queries
_NOBODY = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Rankings:
    """What each query found.

    Attributes:
        average_precision: (queries,) NaN where the gallery holds nothing of the query's class.
        first_hit: (queries,) rank of the first item of its class, from 1; 0 where there is none.
        gallery: (queries,) how many items were ranked, after exclusions.
    """

    average_precision: npt.NDArray[np.float64]
    first_hit: Ints
    gallery: Ints

    @property
    def answerable(self) -> npt.NDArray[np.bool_]:
        """(queries,) whether the gallery holds anything of the query's class."""
        return np.asarray(self.first_hit > 0)


def unit_rows(vectors: Floats) -> Floats:
    """Rows scaled to length 1; a row of zeros stays zero, and so is equally far from everything."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0))


def rank_gallery(
    queries: Floats,
    gallery: Floats,
    query_labels: Ints,
    gallery_labels: Ints,
    exclude: Sequence[tuple[npt.NDArray[Any], npt.NDArray[Any]]] = (),
) -> Rankings:
    """Rank the whole gallery for every query.

    Memory stays at three times that of the two arrays and some blocks of similarities (64 MiB, or one row where that is longer).

    Args:
        queries: (q, d).
        gallery: (g, d); from 50,000 items on, similarities are taken in 32-bit floats.
        query_labels, gallery_labels: (q,) and (g,) classes; an item is relevant if its class is the query's.
        exclude: pairs of (q,) and (g,) arrays, such as recordings; an item that equals the query in any pair is left out.
    """
    precision = np.full(len(queries), np.nan)
    first = np.zeros(len(queries), dtype=np.int64)
    ranked = np.zeros(len(queries), dtype=np.int64)
    # By class, so that what is relevant lies together.
    order = np.argsort(gallery_labels, kind="stable")
    low, high = (np.searchsorted(gallery_labels[order], query_labels, side) for side in ("left", "right"))
    left_out = [_Members(of_query, of_gallery[order]) for of_query, of_gallery in exclude]
    for rows, levels in _level_blocks(queries, gallery[order]):
        for i, row in zip(rows, levels, strict=True):
            out = np.unique(np.concatenate([members.of(i) for members in left_out])) if left_out else _NOBODY
            kept = np.delete(row[low[i] : high[i]], out[(out >= low[i]) & (out < high[i])] - low[i])
            ranked[i] = len(row) - len(out)
            if len(kept):
                rank = _ranks(np.sort(kept)[::-1], row, row[out])
                precision[i] = np.mean(np.arange(1, len(kept) + 1) / rank)
                first[i] = rank[0]
    return Rankings(precision, first, ranked)


class _Members:
    """Which items of a gallery share a query's group."""

    def __init__(self, of_query: npt.NDArray[Any], of_gallery: npt.NDArray[Any]) -> None:
        self._order = np.argsort(of_gallery, kind="stable")
        self._low, self._high = (np.searchsorted(of_gallery[self._order], of_query, side) for side in ("left", "right"))

    def of(self, query: int) -> Ints:
        """(m,) items of the gallery."""
        return np.asarray(self._order[self._low[query] : self._high[query]])


def _ranks(hits: Ints, everything: Ints, out: Ints) -> Ints:
    """(hits,) ranks, from 1, of the right items, given their levels from the highest on; of equal levels the wrong go first."""
    if len(everything) < _LARGE:
        at_least = _not_below(hits, everything) - _not_below(hits, out)
    else:
        # Levels are few beside items, so items are counted by level instead of sorted.
        counts = np.bincount(everything + _TOP, minlength=2 * _TOP + 1)
        counts -= np.bincount(out + _TOP, minlength=2 * _TOP + 1)
        at_least = np.cumsum(counts[::-1])[::-1][hits + _TOP]
    wrong = at_least - np.searchsorted(-hits, -hits, side="right")
    return np.asarray(np.arange(1, len(hits) + 1) + wrong)


def _not_below(levels: Ints, among: Ints) -> Ints:
    return np.asarray(len(among) - np.searchsorted(np.sort(among), levels, side="left"))


def cosine_neighbours(queries: Floats, gallery: Floats, k: int) -> Ints:
    """(q, min(k, g)) the nearest gallery items of each query by cosine, nearest first; of equal ones the first in the gallery.

    From 50,000 items on by faiss' exact index where it is installed (extra `faiss`), with 32-bit floats in any case.
    """
    k = min(k, len(gallery))
    if len(gallery) >= _LARGE and (nearest := neighbours_by_faiss(queries, gallery, k)) is not None:
        return nearest
    found = np.empty((len(queries), k), dtype=np.int64)
    for rows, levels in _level_blocks(queries, gallery):
        for i, row in zip(rows, levels, strict=True):
            found[i] = _highest(row, np.arange(len(row)), k)
    return found


def _highest(levels: Ints, items: Ints, k: int) -> Ints:
    """(k,) items of the highest levels, highest first; of equal ones the first."""
    if not k:
        return _NOBODY
    least = np.partition(levels, len(levels) - k)[len(levels) - k]
    near = np.flatnonzero(levels >= least)
    return np.asarray(items[near[np.lexsort((items[near], -levels[near]))[:k]]])


def neighbours_by_faiss(queries: Floats, gallery: Floats, k: int) -> Ints | None:
    """As `cosine_neighbours`, by an exact flat index of faiss (Johnson, Douze, Jégou, IEEE Big Data 2019); None without faiss.

    It finds somewhat more than k, which are then put in order by the rounded similarities that decide everywhere here.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of its generated types
            import faiss
    except ImportError:
        return None
    asked, held = (np.ascontiguousarray(unit_rows(rows.astype(np.float32))) for rows in (queries, gallery))
    index = faiss.IndexFlatIP(held.shape[1])
    index.add(held)
    found = np.empty((len(asked), k), dtype=np.int64)
    for start in range(0, len(asked), _AT_ONCE):
        part = asked[start : start + _AT_ONCE]
        _, near = index.search(part, min(k + _SPARE, len(held)))
        for i, items in enumerate(near):
            levels = _levels(held[items] @ part[i])
            found[start + i] = _highest(levels, items, k)
    return found


def knn_scores(neighbour_labels: Ints, n_classes: int) -> npt.NDArray[np.float64]:
    """(q, n_classes) votes of each query's neighbours; of classes with equal votes the one of the nearer neighbour leads.

    Args:
        neighbour_labels: (q, k) classes of the neighbours, nearest first.
    """
    n, k = neighbour_labels.shape
    votes = np.zeros((n, n_classes))
    np.add.at(votes, (np.arange(n)[:, None], neighbour_labels), 1)
    for place in reversed(range(k)):
        # A nearest place overwrites a farther one; the fraction stays below one vote.
        rows, classes = np.arange(n), neighbour_labels[:, place]
        votes[rows, classes] = np.floor(votes[rows, classes]) + 1 / (place + 2)
    return votes


def _level_blocks(queries: Floats, gallery: Floats) -> Iterator[tuple[range, Ints]]:
    """Similarities in whole steps of the precision that counts, some queries at a time."""
    kind = np.dtype(np.float32) if len(gallery) >= _LARGE else np.result_type(queries, gallery, np.float32)
    queries, gallery = unit_rows(queries.astype(kind)), unit_rows(gallery.astype(kind))
    block = max(1, _BLOCK_BYTES // max(1, len(gallery) * kind.itemsize))
    for start in range(0, len(queries), block):
        rows = range(start, min(start + block, len(queries)))
        yield rows, _levels(queries[rows.start : rows.stop] @ gallery.T)


def _levels(similarity: Floats) -> Ints:
    # Rounded, because a matrix product's last bits depend on the block's shape, and would break ties at random.
    kind, steps = (np.int32, _TOP) if similarity.dtype == np.float32 else (np.int64, 10**12)
    scaled = np.multiply(similarity, steps)
    return np.asarray(np.clip(np.rint(scaled, out=scaled), -steps, steps, out=scaled).astype(kind))
