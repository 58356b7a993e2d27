"""Reading and writing Parquet so that a reader never sees half a file, here or at any fsspec URL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from manifests.errors import BadInput, explain_write_errors
from manifests.tables import PRIVATE, Table, check_version, sorted_table

__all__ = ["read_parquet", "remove_leftovers", "replacing", "write_parquet", "write_text"]


@contextmanager
def replacing(path: Path | str, *, private: bool = False) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success flush it to disk and rename it over `path`, on any error remove it.

    The temporary name keeps the suffix, because ffmpeg and others choose the format by it; and it names the process, so
    that one that outlived its driver and one that does the work again never write the same bytes.

    Raises:
        CannotWrite: the folder is read-only or its disk full.
    """
    path = Path(path)
    with explain_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
        try:
            if private:
                temporary.unlink(missing_ok=True)
                temporary.touch(mode=0o600)
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what `replacing` left half-written in a folder when its process was killed."""
    for path in folder.glob(".*.tmp.*"):
        process = path.name.split(".")[-3]
        if process.isdecimal() and not Path(f"/proc/{process}").exists():
            path.unlink(missing_ok=True)


def write_text(path: Path | str, text: str, *, private: bool = False) -> None:
    """Write a small text file whole or not at all; `private` as in `replacing`."""
    with replacing(path, private=private) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_parquet(table: Table, data: pa.Table, url: Path | str, **options: Any) -> None:
    """Write `data`, sorted by the table's key, to a local path or any fsspec URL; a private table for its owner alone.

    Args:
        options: passed to pyarrow's writer (row_group_size, column_encoding, …).

    Raises:
        ValueError: the rows don't fit the schema or repeat a key.
        CannotWrite: the folder is read-only or its disk full.
    """
    data = sorted_table(table, data.cast(table.schema))
    options = {"compression": "zstd", **options}
    filesystem, path = fsspec.core.url_to_fs(str(url))
    if isinstance(filesystem, LocalFileSystem):
        with replacing(path, private=table.name in PRIVATE) as temporary:
            pq.write_table(data, temporary, **options)
    else:
        # An object store shows an object only when its upload is complete.
        with filesystem.open(path, "wb") as file:
            pq.write_table(data, file, **options)


def read_parquet(
    table: Table, url: Path | str, columns: list[str] | None = None, filters: list[tuple[str, str, Any]] | None = None
) -> pa.Table:
    """Read a table that `write_parquet` wrote.

    Args:
        filters: (column, operator, value) conditions as pyarrow takes them; row groups they rule out are not read.

    Raises:
        FileNotFoundError: there is none.
        SchemaMismatch: it is another table, or of another version.
        BadInput: the file is damaged.
    """
    filesystem, path = fsspec.core.url_to_fs(str(url))
    with filesystem.open(path, "rb") as file:
        try:
            check_version(table, pq.read_schema(file), str(url))
            file.seek(0)
            return pq.read_table(file, columns=columns, filters=filters)
        except (pa.ArrowInvalid, OSError) as error:
            raise _unreadable(url, error) from error


def row_count(table: Table, path: Path | str) -> int:
    """Rows of a table that `write_parquet` wrote, by its footer; no row is read. Raises as `read_parquet`."""
    try:
        described = pq.read_metadata(path)
        check_version(table, described.schema.to_arrow_schema(), str(path))
        return int(described.num_rows)
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from error


def _unreadable(url: Path | str, error: Exception) -> BadInput:
    return BadInput(f"{url}: not a readable Parquet file ({error}). Restore it, or make it anew.")
