"""Where a dataset stands: per stage what came in and what became of it, and how many rows each table holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from manifests.tables import PRIVATE, TABLES
from manifests.workspace import Workspace

__all__ = ["StageStatus", "Status", "stage_status", "status"]


@dataclass(frozen=True)
class StageStatus:
    """One stage: `total == ok + failed + skipped + pending`.

    Attributes:
        pending: planned but not done, because a run was stopped; the next run does them.
        kinds: how many failed of each kind, as `--retry failed:kind` takes it.
        failures: (item, kind, message) of each item that failed.
        next_retry: POSIX time before which retrying makes no sense; None where any time will do.
    """

    stage: str
    total: int
    ok: int
    failed: int
    skipped: int
    pending: int
    kinds: dict[str, int]
    failures: list[tuple[str, str, str]]
    next_retry: float | None


@dataclass(frozen=True)
class Status:
    """The whole dataset: its stages in their order, and the rows of its tables."""

    stages: list[StageStatus]
    rows: dict[str, int]

    @property
    def exit_code(self) -> int:
        return 0


def status(workspace: Workspace) -> Status:
    """Read the ledger and count the tables' rows (poses are counted in clips, for they have a file each)."""
    rows = {name: workspace.read(name).num_rows for name in TABLES if name not in PRIVATE | {"poses"}}
    rows["poses"] = sum(1 for _ in workspace.table_path("poses", "x").parent.glob("*.parquet"))
    return Status([stage_status(workspace, name) for name in workspace.ledger.stages()], rows)


def stage_status(workspace: Workspace, name: str) -> StageStatus:
    """What the ledger says of one stage."""
    entries = workspace.ledger.entries(name).values()
    states = Counter(entry.state for entry in entries)
    failed = [entry for entry in entries if entry.state == "failed"]
    return StageStatus(
        stage=name,
        total=len(entries),
        ok=states["ok"],
        failed=states["failed"],
        skipped=states["skipped"],
        pending=states["pending"],
        kinds=dict(Counter(entry.kind or "other" for entry in failed)),
        failures=[(entry.item, entry.kind or "other", entry.message or "") for entry in failed],
        next_retry=min((entry.next_retry for entry in failed if entry.next_retry), default=None),
    )
