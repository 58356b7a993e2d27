"""Embeddings of clips or gestures, for search, clustering and everything that is no network."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from manifests.errors import BadInput
from manifests.ids import file_sha256
from manifests.parquet import replacing
from manifests.provenance import made_by
from models.checkpoints import MODEL, Card
from models.features import Pooling, features
from models.mgfm import MGFM
from models.pretrain import load_encoder
from models.store import PoseStore

__all__ = ["EmbedReport", "embed", "read_embeddings"]

_CHUNK = 1024


@dataclass(frozen=True)
class EmbedReport:
    """What was embedded.

    Attributes:
        items: how many.
        frames: of their poses.
        width: channels of an embedding.
        seconds: that it took.
    """

    items: int
    frames: int
    width: int
    seconds: float


def embed(
    store: PoseStore,
    checkpoint: Path | str,
    out: Path | str,
    *,
    frames: int = 64,
    pooling: Pooling = "mean",
    device: str = "cpu",
    quiet: bool = False,
) -> EmbedReport:
    """Embed every item of a store and write one Parquet row an item: name, person, label, embedding.

    Memory does not grow with the store: rows are written as they come.

    Args:
        checkpoint: folder or file that `pretrain` wrote.
        out: the Parquet file to write.
        frames: length that each item is resampled to.
        pooling: how tokens become one embedding, see `models.features.features`.

    Raises:
        BadInput: the store is empty, there is no checkpoint, or it is of something else.
        CannotWrite: `out` can't be written.
    """
    encoder, card = load_encoder(checkpoint)
    begun = time.monotonic()
    if not len(store):
        raise BadInput(f"{store.path}: there is nothing to embed.")
    width = features(encoder, store, np.arange(1), frames=frames, pooling=pooling).shape[1]
    schema = _schema(width, Path(checkpoint), card, pooling)
    with (
        replacing(out) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
        tqdm(total=len(store), desc="embedding", unit="item", disable=quiet or None) as progress,
    ):
        for at in range(0, len(store), _CHUNK):
            items = np.arange(at, min(at + _CHUNK, len(store)))
            writer.write_table(_rows(encoder.to(device), store, items, schema, frames, pooling, device))
            progress.update(len(items))
    return EmbedReport(len(store), int(store.lengths.sum()), width, time.monotonic() - begun)


def _schema(width: int, checkpoint: Path, card: Card, pooling: Pooling) -> pa.Schema:
    source = checkpoint / MODEL if checkpoint.is_dir() else checkpoint
    return pa.schema(
        [
            pa.field("name", pa.string(), nullable=False),
            pa.field("person", pa.string(), nullable=False),
            pa.field("label", pa.string()),
            pa.field("embedding", pa.list_(pa.float32(), width), nullable=False),
        ],
        metadata={"made_by": made_by(f"mgfm step {card.step}", file_sha256(source)), "pooling": pooling},
    )


def _rows(
    encoder: MGFM,
    store: PoseStore,
    items: npt.NDArray[np.int64],
    schema: pa.Schema,
    frames: int,
    pooling: Pooling,
    device: str,
) -> pa.Table:
    values = features(encoder, store, items, frames=frames, pooling=pooling, device=device)
    labels = [store.classes[label] if 0 <= label < len(store.classes) else None for label in store.labels[items]]
    return pa.table(
        {
            "name": store.names[items].tolist(),
            "person": store.people[items].tolist(),
            "label": labels,
            "embedding": pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1]),
        },
        schema=schema,
    )


def read_embeddings(path: Path | str) -> tuple[list[str], npt.NDArray[np.float32]]:
    """Names and (items, width) embeddings of a file that `embed` wrote.

    Raises:
        FileNotFoundError: there is none.
        BadInput: it is another file.
    """
    try:
        table = pq.read_table(path, columns=["name", "embedding"])
        values = table["embedding"].combine_chunks()
        width = values.type.list_size
    except (pa.ArrowInvalid, AttributeError, KeyError) as error:
        raise BadInput(f"{path}: no file of embeddings ({error}). Make one with `mgcollect embed`.") from error
    return table["name"].to_pylist(), values.flatten().to_numpy().reshape(-1, width)
