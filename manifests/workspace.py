"""A dataset's folder: where each table and file lives, and the ledger beside them.

dataset/
├── dataset.json     layout version
├── ledger.sqlite    what happened to which item (manifests/ledger.py)
├── opt_out.csv      people and videos that nobody may see any more (manifests/opt_out.py)
├── tables/          one Parquet file a table; poses/ holds one a clip
├── videos/          source recordings
├── movement/        how each recording's picture moves (collector/movement.py)
├── clips/           cut clips, a folder a video
└── blurred/         the same with hidden faces, where a release asked for them
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pyarrow as pa

from manifests.errors import BadInput, SchemaMismatch, Unavailable, explain_write_errors
from manifests.ledger import Ledger
from manifests.opt_out import OPT_OUT_FILE, OptedOut, read_opt_outs, resolve, without
from manifests.parquet import read_parquet, remove_leftovers, row_count, write_parquet, write_text
from manifests.provenance import tool_version
from manifests.tables import TABLES, empty

__all__ = ["LAYOUT_VERSION", "Workspace", "open_workspace"]

LAYOUT_VERSION = 1
_MARKER = "dataset.json"


class Workspace:
    """An open dataset. Get one from `open_workspace`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ledger = Ledger(root / "ledger.sqlite")

    def table_path(self, name: str, item: str | None = None) -> Path:
        """Where a table's file lies; `item` is the clip for `poses`, which has one file a clip."""
        folder = self.root / "tables"
        return folder / f"{name}.parquet" if item is None else folder / name / f"{item}.parquet"

    def has(self, name: str) -> bool:
        """Whether the table was ever written.

        Raises:
            SchemaMismatch, BadInput: as `read`.
        """
        self._refresh(name)
        if not (path := self.table_path(name)).exists():
            return False
        row_count(TABLES[name], path)  # for what it raises
        return True

    def read(self, name: str, *, everything: bool = False) -> pa.Table:
        """A table with all that has been committed; without a row if it was never written.

        Who and what opted out isn't in it, so that no later stage and no release sees it; among the players it is marked.

        Args:
            everything: as it stands in the file, with what opted out.

        Raises:
            SchemaMismatch: it is of another version.
            BadInput: its file is damaged, or the opt-out list is.
        """
        data = read_parquet(TABLES[name], self.table_path(name)) if self.has(name) else empty(TABLES[name])
        return data if everything else without(name, data, self.opted_out())

    def opted_out(self) -> OptedOut:
        """The people, videos and clips that opted out as of now: those on the list, and players who are marked.

        Raises:
            BadInput: the list has wrong rows.
        """
        return resolve(read_opt_outs(self.root / OPT_OUT_FILE), partial(self.read, everything=True))

    def write(self, name: str, data: pa.Table) -> None:
        """Replace a table whole."""
        write_parquet(TABLES[name], data, self.table_path(name))

    def path_of(self, relative: str) -> Path:
        """The file that a table's `path` column names.

        Raises:
            BadInput: it lies outside the dataset's folder.
        """
        path = (self.root / relative).resolve()
        if not path.is_relative_to(self.root.resolve()):
            raise BadInput(
                f"{relative!r} lies outside the dataset's folder; the table that names it was tampered with."
            )
        return path

    @contextmanager
    def working(self, stage: str) -> Iterator[None]:
        """Hold a stage for this process, so that two commands never do the same work at once.

        Raises:
            Unavailable: another process holds it.
        """
        with ExitStack() as held:
            try:
                held.enter_context(self._locked(stage, fcntl.LOCK_EX | fcntl.LOCK_NB))
            except BlockingIOError:
                raise Unavailable(
                    f"Another mgcollect is busy with {stage} in {self.root}. Wait for it, or stop it first."
                ) from None
            yield

    def draw_stale(self) -> None:
        """Draw every table anew that lacks something which was committed."""
        for name in sorted(self.ledger.stale_tables()):
            self._refresh(name)

    def close(self) -> None:
        """Close the ledger."""
        self.ledger.close()

    def _refresh(self, name: str) -> None:
        # A command that was killed may have committed rows that never reached the table's file.
        if name not in self.ledger.stale_tables():
            return
        with self._locked("tables", fcntl.LOCK_EX):
            data, generation = self.ledger.rows(TABLES[name])
            self.write(name, data)
            self.ledger.fresh(TABLES[name], generation)

    @contextmanager
    def _locked(self, what: str, how: int) -> Iterator[None]:
        # The kernel lets go of the lock when its holder dies, however it dies.
        path = self.root / f".{what}.lock"
        with explain_write_errors(path):
            file = path.open("a")
        with file:
            fcntl.flock(file, how)
            yield


@contextmanager
def open_workspace(folder: Path | str, *, create: bool = False) -> Iterator[Workspace]:
    """Open a dataset's folder, making it first if `create`.

    Raises:
        BadInput: there is no dataset, or the folder holds something else.
        SchemaMismatch: it has another layout version.
        CannotWrite: the folder can't be written.
    """
    root = Path(folder)
    marker = root / _MARKER
    if not marker.exists():
        if not create:
            raise BadInput(
                f"{root}: no dataset here (it has no {_MARKER}). Start one with "
                "`mgcollect fetch --player-list players.csv`, or name another folder with --dataset."
            )
        if root.exists() and not root.is_dir():
            raise BadInput(f"{root} is a file, not a folder. Name another with --dataset.")
        with explain_write_errors(root):
            if root.exists() and any(root.iterdir()):
                raise BadInput(f"{root} holds other files. Name an empty or a new folder with --dataset.")
            write_text(marker, json.dumps({"layout": LAYOUT_VERSION, "made_by": f"mgcollect {tool_version()}"}) + "\n")
    _check_layout(marker)
    workspace = Workspace(root)
    with explain_write_errors(root):
        for folder in (root, root / "tables", root / "reports"):  # the stages sweep those that they fill
            remove_leftovers(folder)
    try:
        yield workspace
    finally:
        workspace.close()


def _check_layout(marker: Path) -> None:
    try:
        found = json.loads(marker.read_text(encoding="utf-8"))
        layout = int(found["layout"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{marker} is damaged ({error}). Restore it from a copy, or start a new dataset.") from error
    if layout != LAYOUT_VERSION:
        raise SchemaMismatch(
            f"{marker}: the dataset has layout version {layout}, made by {found.get('made_by', 'an unknown program')}; "
            f"this mgcollect works with version {LAYOUT_VERSION}. Use the mgcollect that made it, or another folder."
        )
