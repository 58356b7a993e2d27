"""What was made of a dataset beside its tables and may lie in its folder: prepared stores of poses, lists of who was trained on,
embeddings, checkpoints. Forgetting somebody finds them by what is in them, wherever they were put.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from annotate.spotters import RECORD, record_of, versions
from manifests.errors import BadInput, explain_write_errors
from manifests.parquet import replacing, write_text
from models.store import open_store

__all__ = ["Forgotten", "forget_derived", "texts_in"]


@dataclass(frozen=True)
class Forgotten:
    """What went.

    Attributes:
        stores: prepared stores that held somebody's poses; removed whole, since frames lie there end to end.
        rows: rows of other Parquet files.
        checkpoints: those that were trained on such a store, whose weights nobody can clean.
    """

    stores: tuple[str, ...]
    rows: int
    checkpoints: tuple[str, ...]


def forget_derived(root: Path, named: Callable[[str], bool]) -> Forgotten:
    """Take somebody out of what was derived from a dataset and lies in its folder, outside tables/ and releases/.

    Args:
        named: whether a text names them, or is an id of theirs.

    Raises:
        CannotWrite: the folder is read-only or its disk full.
    """
    stores, digests = [], set()
    for marker in sorted(root.rglob("store.json")):
        folder = marker.parent
        items = folder / "items.parquet"
        if items.is_file() and any(named(text) for text in texts_in(items)):
            with suppress(BadInput):  # where it is damaged no training will use it, and it goes all the same
                digests.add(open_store(folder).digest)
            with explain_write_errors(folder):
                shutil.rmtree(folder)
            stores.append(folder.relative_to(root).as_posix())
    rows = 0
    for path in sorted(root.rglob("*.parquet")):
        if path.relative_to(root).parts[0] not in ("tables", "releases"):
            rows += _without(path, named)
    _unlist(root, named)
    return Forgotten(tuple(stores), rows, tuple(_trained_on(root, digests)))


def _unlist(root: Path, named: Callable[[str], bool]) -> None:
    """Take them out of the lists of whom the dataset's own spotters learned from and were measured on."""
    for folder in versions(root):
        record = record_of(folder)
        kept = {
            name: [one for one in value if not (isinstance(one, str) and named(one))]
            if isinstance(value, list)
            else value
            for name, value in record.items()
        }
        if kept != record:
            write_text(folder / RECORD, json.dumps(kept, indent=2) + "\n")


def texts_in(path: Path) -> Iterator[str]:
    """Every distinct text in a Parquet file, in lists too, and its metadata; a damaged file has none that can be read."""
    try:
        file = pq.ParquetFile(path)
        yield from (value.decode(errors="replace") for value in (file.schema_arrow.metadata or {}).values())
        columns = [field.name for field in file.schema_arrow if _text_type(field.type)]
        for batch in file.iter_batches(10_000, columns=columns):
            for column in batch.columns:
                flat = column.flatten() if pa.types.is_nested(column.type) else column
                yield from (text for text in pc.unique(flat).to_pylist() if text)
    except (pa.ArrowInvalid, OSError):
        return


def _text_type(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or (pa.types.is_list(kind) and pa.types.is_string(kind.value_type)))


def _without(path: Path, named: Callable[[str], bool]) -> int:
    """Take out the rows of a file in which a text names them."""
    if not any(named(text) for text in texts_in(path)):
        return 0
    table = pq.read_table(path)
    texts = [table[field.name].to_pylist() for field in table.schema if _text_type(field.type)]
    keep = [not any(named(text) for cell in row for text in _flat(cell)) for row in zip(*texts, strict=True)]
    left = table.filter(pa.array(keep, pa.bool_()))
    with replacing(path) as temporary:
        pq.write_table(left, temporary, compression="zstd")
    return int(table.num_rows - left.num_rows)


def _flat(cell: str | list[str] | None) -> list[str]:
    return [cell] if isinstance(cell, str) else [text for text in cell or () if text]


def _trained_on(root: Path, digests: set[str]) -> Iterator[str]:
    if not digests:
        return
    from models.checkpoints import read_card

    for path in sorted(root.rglob("*.safetensors")):
        try:
            card = read_card(path)
        except BadInput:
            continue  # not mgcollect's
        if digests & set(card.data.values()):
            yield path.relative_to(root).as_posix()
