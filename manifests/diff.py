"""What changed from one release to another, row by row."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.errors import BadInput
from manifests.parquet import replacing, write_text
from manifests.release import RELEASED, Release, open_release
from manifests.tables import TABLES, Row, check_version

__all__ = ["Change", "ReleaseDiff", "TableDiff", "changes_text", "diff", "write_diff"]

_LISTED = 20  # rows of a table that CHANGES names
_BATCH = 256


@dataclass(frozen=True)
class Change:
    """One row that differs.

    Attributes:
        table: its table.
        row: its key, parts joined by "/".
        change: added, removed or changed.
        columns: which of them differ; empty for a row that only one release has.
    """

    table: str
    row: str
    change: Literal["added", "removed", "changed"]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableDiff:
    """What differs in one table; each change is of another row, in the order of their keys."""

    name: str
    changes: tuple[Change, ...] = field(default=())

    def count(self, change: str) -> int:
        """How many rows were added, removed or changed."""
        return sum(one.change == change for one in self.changes)

    @property
    def columns(self) -> Counter[str]:
        """How many rows changed in which column."""
        return Counter(column for one in self.changes for column in one.columns)


@dataclass(frozen=True)
class ReleaseDiff:
    """What differs between release `a` and release `b`, which comes after it."""

    a: str
    b: str
    tables: tuple[TableDiff, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every change of every table."""
        return tuple(change for table in self.tables for change in table.changes)

    @property
    def exit_code(self) -> int:
        return 0


def diff(a: Path | str, b: Path | str) -> ReleaseDiff:
    """Compare two releases by row.

    Raises:
        BadInput: one of them is none, or a file of it is damaged.
        SchemaMismatch: one has another format or schema version.
    """
    old, new = open_release(a), open_release(b)
    return ReleaseDiff(old.version, new.version, tuple(_table(name, old, new) for name in RELEASED))


def write_diff(found: ReleaseDiff, path: Path) -> None:
    """Write every change as one row, to a `.parquet` or a `.json` file.

    Raises:
        BadInput: the file's name ends in neither.
        CannotWrite: the folder is read-only or its disk full.
    """
    rows = [{**vars(change), "columns": list(change.columns)} for change in found.changes]
    if path.suffix == ".json":
        write_text(path, json.dumps({"a": found.a, "b": found.b, "changes": rows}, indent=1) + "\n")
    elif path.suffix == ".parquet":
        texts = [pa.field(name, pa.string()) for name in ("table", "row", "change")]
        schema = pa.schema([*texts, pa.field("columns", pa.list_(pa.string()))], metadata={"a": found.a, "b": found.b})
        with replacing(path) as temporary:
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), temporary, compression="zstd")
    else:
        raise BadInput(f"--out {path}: end the name in .parquet or .json.")


def changes_text(found: ReleaseDiff) -> str:
    """The CHANGES file of release `b`: every table in a line, and the first rows by name."""
    lines = [f"Changes from {found.a} to {found.b}", ""]
    for table in found.tables:
        counts = ", ".join(f"{table.count(what):,} {what}" for what in ("added", "removed", "changed"))
        columns = "".join(f"; {name} in {n:,}" for name, n in sorted(table.columns.items()))
        lines.append(f"{table.name}: {counts}{columns}" if table.changes else f"{table.name}: unchanged")
        for change in table.changes[:_LISTED]:
            lines.append(f"  {change.change} {change.row}" + "".join(f" {name}" for name in change.columns))
        if len(table.changes) > _LISTED:
            more = len(table.changes) - _LISTED
            lines.append(f"  and {more:,} more: mgcollect release diff {found.a} {found.b} --out changes.parquet")
    return "\n".join(lines) + "\n"


def _table(name: str, old: Release, new: Release) -> TableDiff:
    before, after = _digests(old, name), _digests(new, name)
    both = {key for key, digest in before.items() if key in after and after[key] != digest}
    columns = _columns_that_differ(name, old, new, both)
    changes = [Change(name, _text(key), "removed") for key in before.keys() - after.keys()]
    changes += [Change(name, _text(key), "added") for key in after.keys() - before.keys()]
    changes += [Change(name, _text(key), "changed", columns[key]) for key in both]
    return TableDiff(name, tuple(sorted(changes, key=lambda change: change.row)))


_Key = tuple[str | int, ...]


def _digests(release: Release, name: str) -> dict[_Key, bytes]:
    """Key -> digest of the row; a poses table has more in it than fits into memory."""
    return {_key(name, row): _digest(*row.values()) for row in _rows(release, name)}


def _columns_that_differ(name: str, old: Release, new: Release, keys: set[_Key]) -> dict[_Key, tuple[str, ...]]:
    def values(release: Release) -> dict[_Key, dict[str, bytes]]:
        return {
            key: {column: _digest(value) for column, value in row.items()}
            for row in _rows(release, name)
            if (key := _key(name, row)) in keys
        }

    if not keys:
        return {}
    before, after = values(old), values(new)
    return {key: tuple(column for column in before[key] if before[key][column] != after[key][column]) for key in keys}


def _rows(release: Release, name: str) -> Iterator[Row]:
    for shard in release.shards(name):
        try:
            file = pq.ParquetFile(shard)
            check_version(TABLES[name], file.schema_arrow, str(shard))
            for batch in file.iter_batches(_BATCH):
                yield from batch.to_pylist()
        except (pa.ArrowInvalid, OSError) as error:
            raise BadInput(f"{shard}: not a readable Parquet file ({error}). Get the release anew.") from error


def _key(name: str, row: Row) -> _Key:
    return tuple(row[column] for column in TABLES[name].key)


def _text(key: _Key) -> str:
    # Numbers with leading zeros, so that blocks and draws sort as they count.
    return "/".join(f"{part:05d}" if isinstance(part, int) else part for part in key)


def _digest(*values: object) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for value in values:
        raw = value if isinstance(value, bytes) else repr(value).encode()
        digest.update(len(raw).to_bytes(8, "little") + raw)
    return digest.digest()
