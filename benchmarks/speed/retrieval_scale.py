"""What ranking whole galleries takes beside the bare matrix product of the same similarities, for growing galleries.

Embeddings are simulated: clouds around class means, of classes as unequal as gestures are. Both sides run in turn in one process on
one thread, and seconds of the processor count. What it takes to ask with every item is worked out from the queries that were asked.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks.memory import PeakMemory
from benchmarks.metrics.retrieval import Rankings, cosine_neighbours, rank_gallery

__all__ = ["Embeddings", "main", "simulated_embeddings"]

_WIDTH, _CLASSES, _NEIGHBOURS = 128, 32, 20
_AT_ONCE = 64 << 20  # bytes of similarities, as the ranking takes them


@dataclass(frozen=True)
class Embeddings:
    """(n, width) vectors, their (n,) classes, and (n,) recordings of some 50 gestures each."""

    vectors: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    recordings: npt.NDArray[np.int64]

    def rank(self, asked: npt.NDArray[np.int64]) -> Rankings:
        """Rank all for these rows, without those of the row's own recording."""
        own = (self.recordings[asked], self.recordings)
        return rank_gallery(self.vectors[asked], self.vectors, self.labels[asked], self.labels, exclude=[own])

    def product(self, asked: npt.NDArray[np.int64]) -> None:
        """The similarities alone, as many at a time."""
        rows = max(1, _AT_ONCE // (4 * len(self.vectors)))
        for start in range(0, len(asked), rows):
            self.vectors[asked[start : start + rows]] @ self.vectors.T


def simulated_embeddings(count: int, seed: int = 1) -> Embeddings:
    """Clouds around class means."""
    random = np.random.default_rng(seed)
    share = 1 / np.arange(1, _CLASSES + 1)
    labels = random.choice(_CLASSES, count, p=share / share.sum())
    vectors = random.normal(size=(_CLASSES, _WIDTH)).astype(np.float32)[labels]
    vectors += 2 * random.standard_normal((count, _WIDTH), dtype=np.float32)
    return Embeddings(vectors, labels.astype(np.int64), random.integers(0, max(2, count // 50), count))


def _seconds(function: Callable[[], Any]) -> float:
    started = time.process_time()
    function()
    return time.process_time() - started


def _row(items: int, queries: int, repeats: int) -> str:
    held = simulated_embeddings(items)
    asked = np.random.default_rng(2).choice(items, min(items, queries), replace=False)
    peak = PeakMemory()
    # What is done once for a gallery (by class, to unit length) is no query's: ranking for one query tells how much that is.
    rounds = [
        (
            _seconds(lambda: held.rank(asked)),
            _seconds(lambda: held.rank(asked[:1])),
            _seconds(lambda: held.product(asked)),
        )
        for _ in range(repeats)
    ]
    memory = peak.megabytes()
    n = len(asked)
    ranking, product = (
        1000 * statistics.median(side) / n for side in ([a - b for a, b, _ in rounds], [c for *_, c in rounds])
    )
    ratio = statistics.median((a - b) / c for a, b, c in rounds)
    few = held.vectors[asked[:1000]]
    nearest = 1000 * _seconds(lambda: cosine_neighbours(few, held.vectors, _NEIGHBOURS)) / len(few)
    own = held.vectors.nbytes >> 20
    return (
        f"| {items:,} | {ranking:.2f} ms | {product:.2f} ms | {ratio:.1f} | {nearest:.2f} ms | "
        f"{ranking * items / 3.6e6:.2f} h | {own} MiB | {memory} MiB |"
    )


def main() -> None:
    """Print one row of Markdown a gallery."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, nargs="*", default=[10_000, 30_000, 100_000, 300_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=128, help="asked in each gallery")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(
        "| gallery | ranking, a query | product alone | ratio | 20 nearest | all by all, one core | embeddings | memory beside them |"
    )
    print("|---|---|---|---|---|---|---|---|")
    with threadpool_limits(1):
        for items in options.items:
            print(_row(items, options.queries, options.rounds), flush=True)


if __name__ == "__main__":
    main()
