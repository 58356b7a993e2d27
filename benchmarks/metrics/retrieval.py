"""Retrieval: given one gesture, find others of its class in a gallery. Exact search by cosine similarity.

Average precision is taken over the whole ranking. Where similarities are equal, what is wrong goes first: an embedding that
maps everything to one point gains nothing from the order in which the gallery happens to lie.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Rankings", "cosine_neighbours", "knn_scores", "rank_gallery", "unit_rows"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating[Any]]

_BLOCK_BYTES = 64 * 2**20
_DECIMALS = {np.dtype(np.float32): 5, np.dtype(np.float64): 12}


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

    Memory stays at that of the two arrays and one block of similarities (64 MiB, or one row where that is longer).

    Args:
        queries: (q, d).
        gallery: (g, d).
        query_labels, gallery_labels: (q,) and (g,) classes; an item is relevant if its class is the query's.
        exclude: pairs of (q,) and (g,) arrays, such as recordings; an item that equals the query in any pair is left out.
    """
    precision = np.full(len(queries), np.nan)
    first = np.zeros(len(queries), dtype=np.int64)
    ranked = np.zeros(len(queries), dtype=np.int64)
    for rows, similarity in _similarity_blocks(queries, gallery):
        for i, row in zip(rows, similarity, strict=True):
            allowed = np.ones(len(gallery), dtype=bool)
            for of_query, of_gallery in exclude:
                allowed &= of_gallery != of_query[i]
            relevant = gallery_labels == query_labels[i]
            ranked[i] = allowed.sum()
            hits = -np.sort(-row[relevant & allowed])
            if len(hits):
                # How many wrong items are at least as similar as the j-th right one: they all stand before it.
                wrong = np.bincount(np.searchsorted(-hits, -row[~relevant & allowed]), minlength=len(hits) + 1)
                rank = np.arange(1, len(hits) + 1) + np.cumsum(wrong[: len(hits)])
                precision[i] = np.mean(np.arange(1, len(hits) + 1) / rank)
                first[i] = rank[0]
    return Rankings(precision, first, ranked)


def cosine_neighbours(queries: Floats, gallery: Floats, k: int) -> Ints:
    """(q, min(k, g)) the nearest gallery items of each query by cosine, nearest first; of equal ones the first in the gallery."""
    nearest = [
        np.argsort(-similarity, axis=1, kind="stable")[:, :k] for _, similarity in _similarity_blocks(queries, gallery)
    ]
    return np.concatenate(nearest) if nearest else np.empty((0, min(k, len(gallery))), dtype=np.int64)


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


def _similarity_blocks(queries: Floats, gallery: Floats) -> Iterator[tuple[range, Floats]]:
    kind = np.result_type(queries, gallery, np.float32)
    queries, gallery = unit_rows(queries.astype(kind)), unit_rows(gallery.astype(kind))
    block = max(1, _BLOCK_BYTES // max(1, len(gallery) * kind.itemsize))
    for start in range(0, len(queries), block):
        rows = range(start, min(start + block, len(queries)))
        # Rounded, because a matrix product's last bits depend on the block's shape, and would break ties at random.
        yield rows, np.round(queries[rows.start : rows.stop] @ gallery.T, _DECIMALS[kind])
