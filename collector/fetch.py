"""Stage: download the videos that were found, prove that each is a video, and keep it under a name of ours."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

from collector.discover import asking, discover, items_to_fetch, note_opt_outs, remember_ways
from collector.disk import Room
from collector.engine import Retry, StageReport, run_stage
from collector.failures import clean_text
from collector.manners import Manners
from collector.players import Player, assign_ids, enrol
from collector.probe import Media, probe
from collector.session import Info, Session
from collector.sources import (
    Candidate,
    FindOptions,
    is_live,
    require_search,
    title_of,
    too_small,
    upload_day,
    why_leave,
)
from manifests.errors import FetchFailed, ItemFailed, ItemSkipped, UnreadableVideo, explain_write_errors
from manifests.ids import digest, file_sha256
from manifests.opt_out import OptOut
from manifests.provenance import made_by
from manifests.tables import Row
from manifests.workspace import Workspace

__all__ = ["Fetch", "fetch", "plan_fetch"]

_FOLDER = "videos"
_WORTH_CONTINUING = {"network", "throttled", "bot_check", "disk", "other"}
# Named by what the file is, not by what its address says.
_SUFFIXES = {
    "mov,mp4,m4a,3gp,3g2,mj2": ".mp4",
    "matroska,webm": ".mkv",
    "mpegts": ".ts",
    "mpeg": ".mpg",
    "avi": ".avi",
    "flv": ".flv",
    "ogg": ".ogv",
    "asf": ".wmv",
}


@dataclass(frozen=True)
class Fetch:
    """Stage: one candidate in, one row of `videos` out.

    Attributes:
        room: the dataset's folder, and how much it may hold.
        session: how the network is asked.
        options: what is outside them is skipped, once the video itself tells its date, length and title.
    """

    room: Room
    session: Session
    options: FindOptions
    name: str = "fetch"
    table: str = "videos"

    def key(self, item: Row) -> str:
        """The video's id."""
        return str(item["video_id"])

    def fingerprint(self, item: Row) -> str:
        """Of the address alone: a video that is there is not fetched again because an option changed."""
        return digest(item["url"], item["failure"])

    def setup(self) -> None:
        """Nothing to load."""

    def process(self, item: Row) -> Iterator[Row]:
        """Download and probe one video.

        Raises:
            FetchFailed: it can't be had.
            UnreadableVideo: what came is no video, or not all of it.
            ItemSkipped: it is outside the options.
            CannotWrite: the disk is full, or the quota used up.
        """
        if item["failure"]:
            kind, message = item["failure"]
            raise FetchFailed(message, kind)
        self.room.require()
        videos = self.room.root / _FOLDER
        part = videos / f".part-{item['video_id']}"
        with explain_write_errors(videos):
            try:
                check = partial(self._before, item)
                info, file = self.session.download(item["url"], part, check, self.room)
                media = self._after(file, item)
                final = videos / f"{item['video_id']}{_suffix(media)}"
                with file.open("rb") as written:
                    os.fsync(written.fileno())
                file.replace(final)
                shutil.rmtree(part)
            except ItemFailed as failure:
                if failure.kind not in _WORTH_CONTINUING:
                    shutil.rmtree(part, ignore_errors=True)
                raise
            finally:
                # What is half there stays, to be continued; an empty folder helps nobody.
                with suppress(OSError):
                    part.rmdir()
        yield self._row(item, info, media, final)

    def _before(self, item: Row, info: Info) -> None:
        """Before the download: is it wanted, and is there room?"""
        titles = [title for title in (item["title"], title_of(info, item["url"])) if title]
        if reason := why_leave(self.options, _day(item, info), info.get("duration"), live=is_live(info), titles=titles):
            raise ItemSkipped(f"{_shown(item)}: {reason}")
        self._require_size(info.get("width"), info.get("height"), item)
        self.room.require(info.get("filesize") or info.get("filesize_approx") or 0, _shown(item))

    def _after(self, file: Path, item: Row) -> Media:
        """After the download: is it a video, whole, and still what was asked for?"""
        try:
            media = probe(file)
            self._require_size(media.width, media.height, item)
            if reason := why_leave(self.options, duration_s=media.duration_s):
                raise ItemSkipped(f"{_shown(item)}: {reason}")
        except UnreadableVideo as error:
            # Not worth continuing: these bytes would keep wrong what may be mended on the server by the next try.
            raise UnreadableVideo(f"{_shown(item)}: {str(error).removeprefix(f'{file.name}: ')}", error.kind) from error
        except ItemSkipped:
            shutil.rmtree(file.parent)
            raise
        return media

    def _require_size(self, width: int | None, height: int | None, item: Row) -> None:
        if reason := too_small(self.options, width, height):
            raise FetchFailed(f"{_shown(item)}: {reason}", kind="too_small")

    def _row(self, item: Row, info: Info, media: Media, file: Path) -> Row:
        return {
            "video_id": item["video_id"],
            "player_id": item["player_id"],
            "source_url": item["url"],
            "platform": item["platform"] or str(info.get("extractor_key", "generic")).lower(),
            "platform_id": item["platform_id"] or _text(info.get("id"), 200),
            "title": item["title"] or _text(info.get("title"), 300),
            "upload_date": _day(item, info),
            "event": None,
            "round": None,
            "outcome": "unknown",
            "duration_s": media.duration_s,
            "fps": float(media.fps),
            "variable_fps": media.variable_fps,
            "width": media.width,
            "height": media.height,
            "licence": _text(info.get("license"), 200),
            "path": file.relative_to(self.room.root).as_posix(),
            "bytes": file.stat().st_size,
            "sha256": file_sha256(file),
            "found_by": sorted(item["found_by"]),
            "checked_at": datetime.now(UTC),
            "availability": "available",
            "made_by": made_by(),
        }


def _suffix(media: Media) -> str:
    return _SUFFIXES.get(media.container, f".{media.container.partition(',')[0]}")


def _day(item: Row, info: Info) -> date | None:
    """The day of upload: as it was found, else as the video itself tells."""
    return date.fromisoformat(item["upload_date"]) if item["upload_date"] else upload_day(info, item["url"])


def _shown(item: Row) -> str:
    return clean_text(item["url"], 200)


def _text(value: object, longest: int) -> str | None:
    return clean_text(str(value or ""), longest) or None


# --- the whole run -----------------------------------------------------------------------------------------------------


def plan_fetch(
    players: Sequence[Player],
    workspace: Workspace,
    options: FindOptions | None = None,
    *,
    manners: Manners | None = None,
    opt_outs: Sequence[OptOut] = (),
    quiet: bool = False,
) -> list[Candidate]:
    """What `fetch` would take, and what it would leave and why; writes nothing (the command's `--dry-run`).

    Raises:
        BadPlayerList: as `enrol`.
        BadInput: yt-dlp knows no search of the name that the options give.
    """
    options = options or FindOptions()
    require_search(options)
    players = assign_ids(players, workspace)
    with tempfile.TemporaryDirectory(prefix="mgcollect-") as notes:
        session = Session(Path(notes), manners or Manners())
        return discover(players, workspace, options, session, opt_outs=opt_outs, quiet=quiet)


def fetch(
    players: Sequence[Player],
    workspace: Workspace,
    options: FindOptions | None = None,
    *,
    manners: Manners | None = None,
    opt_outs: Sequence[OptOut] = (),
    engine: str = "local",
    workers: int = 1,
    retry: Retry | None = None,
    quiet: bool = False,
) -> StageReport:
    """Enrol the players, find their videos and download them; what is there already is not asked for again.

    Args:
        players: from `read_players`.
        options: what to look for, and what to leave.
        manners: how patient, how polite, and how much of the disk may be used.
        opt_outs: people and videos to add to the dataset's opt-out list first.
        engine, workers: as `run_stage` has them; at any time one worker talks to a host.
        retry: do again what failed before, and nothing else.

    Returns:
        The report; every candidate that isn't left is in the ledger as ok, failed or skipped.

    Raises:
        BadPlayerList: a player_id belongs to somebody else; nothing was fetched.
        BadInput: the opt-out list has wrong rows, or yt-dlp knows no search of the name that the options give.
        Unavailable: another process fetches into this dataset, or ffmpeg is missing.
        CannotWrite: the folder is read-only, its disk full, or its quota used up.
    """
    options, manners = options or FindOptions(), manners or Manners()
    require_search(options)
    note_opt_outs(workspace, opt_outs)
    players = enrol(players, workspace)
    room = Room(workspace.root.resolve(), manners.keep_free_bytes, manners.quota_bytes)
    with asking(workspace, manners) as session:
        entries = workspace.ledger.entries("fetch")
        # With --retry, only what failed is asked for: no feed and no search that could be read.
        only = {key for key, entry in entries.items() if retry.matches(entry)} if retry else None
        candidates = discover(players, workspace, options, session, only=only, quiet=quiet)
        items = items_to_fetch(players, candidates, workspace, options, only=only)
        remember_ways(workspace, items)
        # A session of its own, because the one that searched remembers every list it read, and a stage is sent to workers.
        stage = Fetch(room, Session(session.notes, manners), options)
        return run_stage(
            stage,
            items,
            workspace,
            engine=engine,
            workers=workers,
            retry=retry,
            retire=False,
            keep_inputs=True,
            quiet=quiet,
        )
