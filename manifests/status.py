"""Where a dataset stands: per stage what came in and what became of it, and how many rows each table holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from manifests.tables import PRIVATE, TABLES, rows_of
from manifests.workspace import Workspace

__all__ = ["ClipCounts", "StageStatus", "Status", "clip_counts", "stage_status", "status"]


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
class ClipCounts:
    """What became of the stretches that the videos were cut into: number and seconds of each.

    Attributes:
        kept: clips.
        unsure: of these, the ones that may show somebody else than the player, by what is in doubt.
        left: the others, by the reason, without its figures.
    """

    kept: tuple[int, float]
    unsure: dict[str, tuple[int, float]]
    left: dict[str, tuple[int, float]]


@dataclass(frozen=True)
class Status:
    """The whole dataset: its stages in their order, its clips, and the rows of its tables."""

    stages: list[StageStatus]
    clips: ClipCounts
    rows: dict[str, int]

    @property
    def exit_code(self) -> int:
        return 0


def status(workspace: Workspace) -> Status:
    """Read the ledger and count the tables' rows (poses are counted in clips, for they have a file each)."""
    rows = {name: workspace.read(name).num_rows for name in TABLES if name not in PRIVATE | {"poses"}}
    rows["poses"] = sum(1 for _ in workspace.table_path("poses", "x").parent.glob("*.parquet"))
    stages = [stage_status(workspace, name) for name in workspace.ledger.stages()]
    return Status(stages, clip_counts(workspace), rows)


def clip_counts(workspace: Workspace) -> ClipCounts:
    """Count the stretches of the clips table."""
    columns = ["kept", "reason", "player_doubt", "start_s", "end_s"]
    kept: tuple[int, float] = (0, 0.0)
    unsure: dict[str, tuple[int, float]] = {}
    left: dict[str, tuple[int, float]] = {}
    for row in rows_of(workspace.read("clips").select(columns)):
        seconds = row["end_s"] - row["start_s"]
        if row["kept"]:
            kept = (kept[0] + 1, kept[1] + seconds)
        group, what = (unsure, row["player_doubt"]) if row["kept"] else (left, (row["reason"] or "").split(" (")[0])
        if what:
            number, length = group.get(what, (0, 0.0))
            group[what] = (number + 1, length + seconds)
    return ClipCounts(kept, unsure, left)


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
