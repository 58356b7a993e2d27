"""The ledger: what happened to which item in which stage, and the rows that came of it.

One SQLite file (WAL). Only the driver of a command writes it. An item's state and its rows are committed together, so killing
the program at any instant loses at most the item in hand. The Parquet tables are drawn from the ledger's rows: whatever was
committed after a table was last written is noted as stale, and the next reader draws the table anew.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pyarrow as pa

from manifests.completion import complete
from manifests.errors import BadInput, CannotWrite
from manifests.tables import TABLES, Row, Table, check_version, empty, from_rows, is_older, rows_of

__all__ = ["Entry", "Ledger", "Outcome", "State"]

State = Literal["pending", "ok", "failed", "skipped"]

_JOINED_AT_ONCE = 256

_SCHEMA = """
CREATE TABLE IF NOT EXISTS items (
    stage TEXT NOT NULL, item TEXT NOT NULL, fingerprint TEXT NOT NULL, state TEXT NOT NULL,
    kind TEXT, message TEXT, attempts INTEGER NOT NULL, next_retry REAL, updated_at REAL NOT NULL, seconds REAL,
    PRIMARY KEY (stage, item));
CREATE TABLE IF NOT EXISTS outputs (
    stage TEXT NOT NULL, item TEXT NOT NULL, table_name TEXT NOT NULL, rows BLOB NOT NULL,
    PRIMARY KEY (stage, item, table_name));
CREATE TABLE IF NOT EXISTS inputs (
    stage TEXT NOT NULL, item TEXT NOT NULL, row TEXT NOT NULL, PRIMARY KEY (stage, item));
CREATE TABLE IF NOT EXISTS stale (table_name TEXT PRIMARY KEY, generation INTEGER NOT NULL);
"""


@dataclass(frozen=True)
class Outcome:
    """What came of one item in one stage.

    Attributes:
        item: the item's key in the ledger.
        state: ok, failed or skipped.
        kind: a short word for the failure, by which `--retry failed:kind` finds it.
        message: what went wrong, for the user.
        rows: the rows it gave, by table.
        seconds: time it took.
        next_retry: POSIX time before which trying again makes no sense.
    """

    item: str
    state: State
    kind: str | None = None
    message: str | None = None
    rows: dict[str, list[Row]] = field(default_factory=dict)
    seconds: float = 0.0
    next_retry: float | None = None


@dataclass(frozen=True)
class Entry:
    """One row of the ledger. `fingerprint` tells whether the item's input or the stage's settings changed since."""

    item: str
    fingerprint: str
    state: State
    kind: str | None
    message: str | None
    attempts: int
    next_retry: float | None
    updated_at: float
    seconds: float | None


class Ledger:
    """The ledger of one dataset.

    Raises:
        CannotWrite: the file can't be opened for writing, or the disk fills up.
        BadInput: the file is no ledger.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained():
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def entries(self, stage: str) -> dict[str, Entry]:
        """All items of a stage, by key."""
        query = (
            "SELECT item, fingerprint, state, kind, message, attempts, next_retry, updated_at, seconds "
            "FROM items WHERE stage = ? ORDER BY item"
        )
        return {row[0]: Entry(*row) for row in self._db.execute(query, (stage,))}

    def stages(self) -> list[str]:
        """Stages that have an item, in the order in which they first had one."""
        query = "SELECT stage FROM items GROUP BY stage ORDER BY MIN(rowid)"
        return [row[0] for row in self._db.execute(query)]

    def inputs(self, stage: str) -> dict[str, Row]:
        """Input rows of the items that were planned with them, by key."""
        query = "SELECT item, row FROM inputs WHERE stage = ? ORDER BY item"
        return {item: json.loads(row) for item, row in self._db.execute(query, (stage,))}

    def plan(self, stage: str, fingerprints: dict[str, str], inputs: Mapping[str, Row] | None = None) -> None:
        """Note items as pending: they are to be done now. What they gave before stays until they are done again.

        Args:
            inputs: rows to keep, made of what JSON knows, so that an item can be done when nothing else remembers it.
        """
        now = time.time()
        with self._transaction():
            self._db.executemany(
                "INSERT INTO items VALUES (?, ?, ?, 'pending', NULL, NULL, 0, NULL, ?, NULL) "
                "ON CONFLICT (stage, item) DO UPDATE SET state = 'pending', fingerprint = excluded.fingerprint",
                [(stage, item, fingerprint, now) for item, fingerprint in fingerprints.items()],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO inputs VALUES (?, ?, ?)",
                [(stage, item, json.dumps(row)) for item, row in (inputs or {}).items()],
            )

    def record(self, stage: str, outcome: Outcome) -> None:
        """Commit an item's state and rows together; rows that it gave before are replaced.

        Raises:
            ValueError: a row does not fit its table.
        """
        blobs = {name: _pack(TABLES[name], rows) for name, rows in outcome.rows.items()}
        with self._transaction():
            self._db.execute(
                "UPDATE items SET state = ?, kind = ?, message = ?, attempts = attempts + 1, next_retry = ?, "
                "updated_at = ?, seconds = ? WHERE stage = ? AND item = ?",
                (
                    outcome.state,
                    outcome.kind,
                    outcome.message,
                    outcome.next_retry,
                    time.time(),
                    outcome.seconds,
                    stage,
                    outcome.item,
                ),
            )
            self._forget_outputs(stage, outcome.item)
            for name, blob in blobs.items():
                self._db.execute("INSERT INTO outputs VALUES (?, ?, ?, ?)", (stage, outcome.item, name, blob))
                self._make_stale(name)

    def amend(self, stage: str, item: str, table: str, values: Row) -> None:
        """Set columns in all rows that an item gave to a table, without doing the item again."""
        where = (stage, item, table)
        query = "SELECT rows FROM outputs WHERE stage = ? AND item = ? AND table_name = ?"
        with self._transaction():
            for (blob,) in self._db.execute(query, where).fetchall():
                rows = [row | values for row in rows_of(pa.ipc.open_stream(blob).read_all())]
                self._db.execute(
                    "UPDATE outputs SET rows = ? WHERE stage = ? AND item = ? AND table_name = ?",
                    (_pack(TABLES[table], rows), *where),
                )
                self._make_stale(table)

    def retire(self, stage: str, items: Iterable[str]) -> None:
        """Take items and their rows out: their input is gone."""
        with self._transaction():
            for item in items:
                self._forget_outputs(stage, item)
                self._db.execute("DELETE FROM inputs WHERE stage = ? AND item = ?", (stage, item))
                self._db.execute("DELETE FROM items WHERE stage = ? AND item = ?", (stage, item))

    def upgrade(self, upgraded: Callable[[Table, pa.Table], pa.Table | None]) -> dict[str, int]:
        """Bring rows of older schema versions to the present ones.

        Args:
            upgraded: a table and its old rows to the new ones, or None where they can't be told from the old ones. Then the
                item that gave them counts as never done, and its stage's next run does it.

        Returns:
            How many items are to be done again, by stage.
        """
        again: dict[str, int] = {}
        with self._transaction():
            every = self._db.execute("SELECT stage, item, table_name FROM outputs").fetchall()
            for stage, item, name in every:  # one blob in memory at a time
                where = (stage, item, name)
                query = "SELECT rows FROM outputs WHERE stage = ? AND item = ? AND table_name = ?"
                found = self._db.execute(query, where).fetchone()
                old = pa.ipc.open_stream(found[0]) if found else None
                if old is None or not is_older(TABLES[name], old.schema):
                    continue
                if (new := upgraded(TABLES[name], old.read_all())) is None:
                    self._forget_outputs(stage, item)
                    self._db.execute(
                        "UPDATE items SET state = 'pending', fingerprint = '' WHERE stage = ? AND item = ?",
                        (stage, item),
                    )
                    again[stage] = again.get(stage, 0) + 1
                else:
                    self._db.execute(
                        "UPDATE outputs SET rows = ? WHERE stage = ? AND item = ? AND table_name = ?",
                        (_blob(new), *where),
                    )
                    self._make_stale(name)
        return again

    def forget(self, named: Callable[[str], bool], clean: Callable[[str, pa.Table], pa.Table]) -> int:
        """Take every trace of somebody out, also from the file's free pages.

        Args:
            named: whether a text (an item's key, its message, its input) tells of them.
            clean: a table's name and rows to the rows without theirs.

        Returns:
            How many entries were removed or rewritten.
        """
        count = 0
        self._db.execute("PRAGMA secure_delete=ON")
        with self._transaction():
            for stage, item, name, blob in self._db.execute(
                "SELECT stage, item, table_name, rows FROM outputs"
            ).fetchall():
                before = pa.ipc.open_stream(blob).read_all()
                after = clean(name, before)
                if after.equals(before):
                    continue
                where = "WHERE stage = ? AND item = ? AND table_name = ?"
                if after.num_rows:
                    self._db.execute(f"UPDATE outputs SET rows = ? {where}", (_blob(after), stage, item, name))  # noqa: S608
                else:
                    self._db.execute(f"DELETE FROM outputs {where}", (stage, item, name))  # noqa: S608
                self._make_stale(name)
                count += 1
            for stage, item, row in self._db.execute("SELECT stage, item, row FROM inputs").fetchall():
                if named(row):
                    self._db.execute("DELETE FROM inputs WHERE stage = ? AND item = ?", (stage, item))
                    count += 1
            for stage, item, message in self._db.execute("SELECT stage, item, message FROM items").fetchall():
                if named(f"{item} {message or ''}"):
                    self._db.execute("DELETE FROM items WHERE stage = ? AND item = ?", (stage, item))
                    count += 1
        with self._explained():
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return count

    def stale_tables(self) -> set[str]:
        """Tables whose Parquet file lacks something that was committed here."""
        return {row[0] for row in self._db.execute("SELECT table_name FROM stale")}

    def rows(self, table: Table) -> tuple[pa.Table, int]:
        """All committed rows of a table, of all stages, completed, and their generation, which `fresh` takes back.

        Raises:
            SchemaMismatch: some are of another version.
        """
        with self._transaction():
            generations = self._db.execute("SELECT generation FROM stale WHERE table_name = ?", (table.name,))
            generation = next((row[0] for row in generations), 0)
            data = self._outputs(table)
            for completion in table.completed_by:
                data = complete(data, completion, self._outputs(TABLES[completion.table]))
        return data, generation

    def fresh(self, table: Table, generation: int) -> None:
        """The table's file now holds this generation of rows; it stays stale if more were committed meanwhile."""
        with self._transaction():
            self._db.execute("DELETE FROM stale WHERE table_name = ? AND generation = ?", (table.name, generation))

    def _outputs(self, table: Table) -> pa.Table:
        parts = [empty(table)]
        for (blob,) in self._db.execute("SELECT rows FROM outputs WHERE table_name = ?", (table.name,)):
            rows = pa.ipc.open_stream(blob)
            check_version(table, rows.schema, str(self.path))
            parts.append(rows.read_all())
            if len(parts) == _JOINED_AT_ONCE:  # a small table costs far more than its rows
                parts = [pa.concat_tables(parts).combine_chunks()]
        return pa.concat_tables(parts)

    def _make_stale(self, name: str) -> None:
        completes = [table.name for table in TABLES.values() if name in (by.table for by in table.completed_by)]
        for stale in (name, *completes):
            self._db.execute(
                "INSERT INTO stale VALUES (?, 1) ON CONFLICT (table_name) DO UPDATE SET generation = generation + 1",
                (stale,),
            )

    def _forget_outputs(self, stage: str, item: str) -> None:
        gone = self._db.execute(
            "DELETE FROM outputs WHERE stage = ? AND item = ? RETURNING table_name", (stage, item)
        ).fetchall()
        for (name,) in gone:
            self._make_stale(name)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            text = str(error)
            if "full" in text or "disk I/O" in text:
                raise CannotWrite(
                    f"{self.path} can't be written: the disk is full. Free some space and run again."
                ) from error
            if "readonly" in text or "unable to open" in text:
                raise CannotWrite(
                    f"{self.path} can't be written: the folder is read-only. Choose another with --dataset."
                ) from error
            if "not a database" in text or "malformed" in text:
                raise BadInput(
                    f"{self.path} is damaged ({text}). Restore it from a copy, or start a new dataset."
                ) from error
            raise


def _pack(table: Table, rows: list[Row]) -> bytes:
    return _blob(from_rows(table, rows))


def _blob(data: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, data.schema) as writer:
        writer.write_table(data)
    return bytes(sink.getvalue())
