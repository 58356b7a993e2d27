"""Bring a dataset of an older mgcollect to the present version of its tables, without losing a row.

Columns that came since are empty in old rows. Where one may not be empty, nobody but the stage that makes the rows knows what
belongs there: its items are noted as never done, so that the stage's next run does them again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from manifests.tables import TABLES, Table, is_older
from manifests.workspace import Workspace

__all__ = ["Migration", "migrate", "upgrade"]


@dataclass
class Migration:
    """What migrating did.

    Attributes:
        rewritten: tables that are of the present version now.
        again: items that must be done again, by stage.
        left: files that nothing here can bring to the present version.
    """

    rewritten: list[str] = field(default_factory=list)
    again: dict[str, int] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        return 1 if self.left else 0


def upgrade(table: Table, data: pa.Table) -> pa.Table | None:
    """Rows of an older version with the columns of the present one; None where a column is missing that may not be empty."""
    if any(column.name not in data.column_names and not column.nullable for column in table.columns):
        return None
    columns = [
        data[column.name].cast(column.type)
        if column.name in data.column_names
        else pa.nulls(data.num_rows, type=column.type)
        for column in table.columns
    ]
    return pa.Table.from_arrays(columns, schema=table.schema)


def migrate(workspace: Workspace) -> Migration:
    """Bring the ledger's rows and the tables of a dataset to their present versions; releases stay as they are.

    Raises:
        Unavailable: another process migrates this dataset.
        CannotWrite: the disk is full or read-only.
    """
    done = Migration()
    with workspace.working("migrate"):
        older = {
            name: path
            for name, table in TABLES.items()
            if (path := workspace.table_path(name)).exists() and is_older(table, pq.read_schema(path))
        }
        done.again = workspace.ledger.upgrade(upgrade)
        workspace.draw_stale()  # the tables that are made of the ledger's rows
        for name, path in older.items():
            if is_older(TABLES[name], pq.read_schema(path)):
                if (new := upgrade(TABLES[name], pq.read_table(path))) is None:
                    done.left.append(str(path))
                    continue
                workspace.write(name, new)
            done.rewritten.append(name)
        done.rewritten.sort()
    return done
