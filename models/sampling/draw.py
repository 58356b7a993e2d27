"""Draw windows by their scores, with balance over people and over kinds of movement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.cluster import MiniBatchKMeans
from threadpoolctl import threadpool_limits

from manifests.errors import BadInput
from manifests.parquet import replacing
from models.sampling.scores import FACTORS, ScoredWindows
from models.store import Item, PoseStore, Recording, write_store

__all__ = ["WINDOWS", "Drawing", "Drawn", "clusters_of", "draw", "write_drawn"]

WINDOWS = "windows.parquet"

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Drawing:
    """How windows are drawn.

    Attributes:
        share: of all windows that is drawn.
        sharpness: exponent of the score; 0 draws as if all were as good.
        people: 0 draws people as they are, 1 all as often.
        clusters: kinds of movement that are told apart.
        balance: 0 draws kinds of movement as they are, 1 all as often.
        seed: of clusters and draw.
    """

    share: float = 0.2
    sharpness: float = 1.0
    people: float = 1.0
    clusters: int = 128
    balance: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Drawn:
    """Windows that were drawn.

    Attributes:
        rows: (drawn,) of the scored windows, in their order.
        cluster: (windows,) kind of movement of every scored window.
        chance: (windows,) each window's share in the draw, summing to 1.
    """

    rows: Ints
    cluster: Ints
    chance: Floats


def clusters_of(windows: ScoredWindows, count: int, seed: int) -> Ints:
    """(windows,) k-means clusters of what moves where and how fast; as many as there are distinct windows, at most."""
    spread = windows.movement.std(0)
    features = (windows.movement - windows.movement.mean(0)) / np.where(spread > 1e-6, spread, 1)
    count = min(count, len(np.unique(features, axis=0)))
    with threadpool_limits(1):  # sums in one order, so that a seed gives the same clusters everywhere
        model = MiniBatchKMeans(count, random_state=seed, n_init=3, batch_size=4096)
        return np.asarray(model.fit_predict(features), dtype=np.int64)


def draw(store: PoseStore, windows: ScoredWindows, drawing: Drawing | None = None) -> Drawn:
    """Draw windows without putting them back.

    A window's chance is its score to the power of `sharpness`, over what its person and its kind of movement hold of that in all
    (to the powers of `people` and `balance`).

    Raises:
        BadInput: the share is not above 0 and up to 1, or no window has a score above 0.
    """
    drawing = drawing or Drawing()
    if not 0 < drawing.share <= 1:
        raise BadInput(f"A share of {drawing.share} of the windows can't be drawn; give one above 0 and up to 1.")
    cluster = clusters_of(windows, drawing.clusters, drawing.seed)
    worth = np.where(windows.score > 0, windows.score.astype(np.float64) ** drawing.sharpness, 0.0)
    if not worth.any():
        raise BadInput("No window is worth drawing: in none are hands and face seen, with a movement.")
    _, person = np.unique(store.people[windows.item], return_inverse=True)
    chance = worth * _held(worth, person) ** -drawing.people * _held(worth, cluster) ** -drawing.balance
    chance /= chance.sum()
    count = min(max(round(drawing.share * len(windows)), 1), int((chance > 0).sum()))
    rng = np.random.default_rng([drawing.seed, 1])
    # The largest of log-chances with Gumbel noise are a draw without replacement (Efraimidis and Spirakis, IPL 2006).
    with np.errstate(divide="ignore"):
        keys = np.log(chance) + rng.gumbel(size=len(chance))
    return Drawn(np.sort(np.argpartition(-keys, count - 1)[:count]), cluster, chance)


def _held(worth: Floats, group: Ints) -> Floats:
    """(windows,) what each window's group holds in all; 1 where that is nothing."""
    held = np.bincount(group, worth)[group]
    return np.asarray(np.where(held > 0, held, 1.0))


def write_drawn(store: PoseStore, windows: ScoredWindows, drawn: Drawn, out: Path | str) -> PoseStore:
    """Write the drawn windows as a store of their own (one item a window), with `windows.parquet` of their scores beside it.

    Raises:
        CannotWrite: the folder is read-only or its disk full.
    """
    out = Path(out)
    rows = drawn.rows
    names = [_name(store, windows, row) for row in rows]

    def recordings() -> Iterator[Recording]:
        for name, row in zip(names, rows, strict=True):
            item, start, length = int(windows.item[row]), int(windows.start[row]), int(windows.length[row])
            first = int(store.starts[item]) + start
            # The store holds the canonical joints alone; a recording has its source's columns.
            poses = np.zeros((length, store.skeleton.n_columns, store.dims + 1), dtype=np.float32)
            poses[:, store.skeleton.source_columns] = store.poses[first : first + length]
            yield Recording(poses[..., :-1], poses[..., -1], str(store.people[item]), (Item(name, 0, length),))

    written = write_store(
        recordings(),
        out,
        store.skeleton.name,
        y_down=store.y_down,
        in_body_frame=store.in_body_frame,
    )
    columns = {
        "window": names,
        "clip": store.names[windows.item[rows]].tolist(),
        "start": windows.start[rows],
        "end": windows.start[rows] + windows.length[rows],
        "person": store.people[windows.item[rows]].tolist(),
        "cluster": drawn.cluster[rows],
        "score": windows.score[rows],
        **{name: windows.factors[rows, place] for place, name in enumerate(FACTORS)},
    }
    with replacing(out / WINDOWS) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")
    return written


def _name(store: PoseStore, windows: ScoredWindows, row: int) -> str:
    return f"{store.names[windows.item[row]]}-{windows.start[row]}"
