"""What a stage is, and one attempt at one item. A stage knows of no engine, and an engine of no stage."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Iterable
from typing import Protocol

from manifests.errors import ItemFailed, ItemSkipped, MgcollectError
from manifests.ledger import Outcome
from manifests.tables import TABLES, Row, from_rows

__all__ = ["MAX_CRASHES", "Stage", "attempt"]

MAX_CRASHES = 2  # an item that kills its worker this often is failed


class Stage(Protocol):
    """What is done to each item. Picklable; any engine runs it.

    Attributes:
        name: its name in the ledger.
        table: the table its rows go to.
    """

    @property
    def name(self) -> str: ...

    @property
    def table(self) -> str: ...

    def key(self, item: Row) -> str:
        """The item's key in the ledger."""
        ...

    def fingerprint(self, item: Row) -> str:
        """Changes when the item's input or a setting changes, so that the item is done again."""
        ...

    def setup(self) -> None:
        """Load models and check tools, once a worker.

        Raises:
            Unavailable, BadInput: the whole run ends with this.
        """
        ...

    def process(self, item: Row) -> Iterable[Row]:
        """None, one or many rows of `table`.

        Raises:
            ItemFailed, ItemSkipped: noted for this item; the run goes on.
            BadInput, Unavailable: the whole run ends with this.
        """
        ...


def attempt(stage: Stage, item: Row) -> Outcome:
    """Process one item; what it raises becomes its outcome. BadInput and Unavailable pass: they end the run."""
    started = time.monotonic()
    key = stage.key(item)
    try:
        rows = list(stage.process(item))
        from_rows(TABLES[stage.table], rows)  # a row that doesn't fit is this item's failure, not the driver's
    except ItemSkipped as reason:
        return Outcome(key, "skipped", message=str(reason), seconds=time.monotonic() - started)
    except ItemFailed as error:
        seconds = time.monotonic() - started
        return Outcome(key, "failed", error.kind, str(error), seconds=seconds, next_retry=error.next_retry)
    except MgcollectError:
        raise
    except Exception as error:
        # A defect of ours or of a library must not cost the other 2,999 items; where it arose goes into the ledger.
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(last.filename)}:{last.lineno}"  # noqa: PTH119 - a label, not a path
        message = f"{type(error).__name__}: {error} (at {where})"
        return Outcome(key, "failed", "internal", message, seconds=time.monotonic() - started)
    # A stage that keeps its results in files of their own (poses) leaves no empty table behind.
    return Outcome(key, "ok", rows={stage.table: rows} if rows else {}, seconds=time.monotonic() - started)
