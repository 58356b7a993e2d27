"""Stage: ask again for the links of the videos, without downloading them, and note by date what they lead to.

A round asks for every link once and is named by when it began. A round that was stopped is gone on with; one that ended stays
in the table, and the next run begins another. The latest state of each link stands in the videos table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from collector.discover import asking
from collector.engine import Retry, StageReport, run_stage
from collector.manners import Manners
from collector.session import Session
from manifests.errors import FetchFailed
from manifests.ids import digest
from manifests.ledger import Entry
from manifests.provenance import made_by
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["AvailabilityReport", "CheckLink", "availability"]

# What these say is an answer; any other kind leaves the question open, and the item failed.
_ANSWERS = {"gone", "private", "age", "geo", "unsupported"}
_STILL_THE_SAME = timedelta(days=1)  # a round that was stopped longer ago is not worth going on with


@dataclass(frozen=True)
class CheckLink:
    """Stage: one video of a round in, one row of `availability` out.

    Attributes:
        session: how the network is asked.
    """

    session: Session
    name: str = "availability"
    table: str = "availability"

    def key(self, item: Row) -> str:
        """The round and the video."""
        return f"{item['round']} {item['video_id']}"

    def fingerprint(self, item: Row) -> str:
        """Of the address."""
        return digest(item["source_url"])

    def setup(self) -> None:
        """Nothing to load."""

    def process(self, item: Row) -> Iterator[Row]:
        """Ask for one link.

        Raises:
            FetchFailed: the site is busy, unreachable or suspicious, so nobody knows.
        """
        found, message = "available", None
        try:
            self.session.visit(item["source_url"])
        except FetchFailed as failure:
            if failure.kind not in _ANSWERS:
                raise
            found, message = failure.kind, str(failure)
        yield {
            "video_id": item["video_id"],
            "checked_at": datetime.now(UTC),
            "availability": found,
            "message": message,
            "made_by": made_by(),
        }


@dataclass(frozen=True)
class AvailabilityReport:
    """What a round found.

    Attributes:
        stage: in = ok + failed + skipped, of this round; failed are those of which nobody knows.
        states: how many links of the dataset are available, gone, …, as last seen.
    """

    stage: StageReport
    states: dict[str, int]

    @property
    def exit_code(self) -> int:
        return self.stage.exit_code


def availability(
    workspace: Workspace,
    *,
    older_than_days: float = 0.0,
    manners: Manners | None = None,
    engine: str = "local",
    workers: int = 1,
    retry: Retry | None = None,
    quiet: bool = False,
) -> AvailabilityReport:
    """Check the links of all videos again, as politely as they were fetched.

    Args:
        older_than_days: leave out links that were fetched or checked within so many days.
        manners: how patient and how polite.
        engine, workers: as `run_stage` has them; at any time one worker talks to a host.
        retry: ask again, in the latest round, for those that failed.

    Raises:
        Unavailable: another process asks the network for this dataset.
        CannotWrite: the folder is read-only or its disk full.
    """
    with asking(workspace, manners or Manners()) as session:
        stage = CheckLink(session)
        items = _round(workspace, timedelta(days=older_than_days), retry)
        report = run_stage(
            stage, items, workspace, engine=engine, workers=workers, retry=retry, retire=False, quiet=quiet
        )
    return AvailabilityReport(report, dict(Counter(workspace.read("videos")["availability"].to_pylist())))


def _round(workspace: Workspace, age: timedelta, retry: Retry | None) -> list[Row]:
    """The links of the round that is to be gone on with, or else of a new one."""
    entries = workspace.ledger.entries(CheckLink.name)
    videos = {video["video_id"]: video for video in rows_of(workspace.read("videos"))}
    now = datetime.now(UTC)
    latest = max((key.split()[0] for key in entries), default=None)
    if latest and (retry is not None or _was_stopped(entries, latest, now)):
        wanted = [key.split()[1] for key in entries if key.startswith(f"{latest} ")]
        name = latest
    else:
        # What an earlier round left open, this one asks again.
        workspace.ledger.retire(CheckLink.name, [key for key, entry in entries.items() if entry.state != "ok"])
        wanted = [key for key, video in videos.items() if video["checked_at"] <= now - age]
        name = now.isoformat(timespec="microseconds")
    return [
        {"round": name, "video_id": key, "player_id": videos[key]["player_id"], "source_url": videos[key]["source_url"]}
        for key in wanted
        if key in videos
    ]


def _was_stopped(entries: dict[str, Entry], latest: str, now: datetime) -> bool:
    recent = now - datetime.fromisoformat(latest) < _STILL_THE_SAME
    return recent and any(entry.state == "pending" for key, entry in entries.items() if key.startswith(f"{latest} "))
