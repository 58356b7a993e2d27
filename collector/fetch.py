"""Stage: download the videos that were found, prove that each is a video, and keep it under a name of ours."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from collector.engine import Retry, StageReport, run_stage
from collector.players import Player, assign_ids, enrol
from collector.probe import Media, probe
from collector.session import Info, Manners, Session, clean_text
from collector.sources import (
    Candidate,
    FindOptions,
    canonical_url,
    find_videos,
    look_up_keys,
    upload_day,
    why_leave,
)
from manifests.errors import FetchFailed, ItemSkipped, UnreadableVideo, explain_write_errors
from manifests.ids import digest, file_sha256
from manifests.provenance import made_by
from manifests.tables import Row, rows_of
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
        root: the dataset's folder.
        session: how the network is asked.
        options: what is outside them is skipped, once the video itself tells its date and length.
        min_height: lines below which a picture shows no gesture.
    """

    root: Path
    session: Session
    options: FindOptions
    min_height: int = 240
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
            ItemSkipped: its player opted out, or it is outside the options.
            CannotWrite: the disk is full.
        """
        if item["opt_out"]:
            raise ItemSkipped(f"{item['player_id']} has opted out")
        if item["failure"]:
            kind, message = item["failure"]
            raise FetchFailed(message, kind)
        videos = self.root / _FOLDER
        part = videos / f".part-{item['video_id']}"
        with explain_write_errors(videos):
            try:
                info, file = self.session.download(item["url"], part, lambda info: self._before(info, item, part))
                media = self._after(file, item)
                final = videos / f"{item['video_id']}{_suffix(media)}"
                with file.open("rb") as written:
                    os.fsync(written.fileno())
                file.replace(final)
                shutil.rmtree(part)
            except FetchFailed as failure:
                if failure.kind not in _WORTH_CONTINUING:
                    shutil.rmtree(part)
                raise
            finally:
                # What is half there stays, to be continued; an empty folder helps nobody.
                with suppress(OSError):
                    part.rmdir()
        yield self._row(item, info, media, final)

    def _before(self, info: Info, item: Row, part: Path) -> None:
        """Before the download: is it wanted, and is there room?"""
        live = bool(info.get("is_live")) or info.get("live_status") in ("is_live", "is_upcoming")
        day = item["upload_date"] or upload_day(info, item["url"])
        if reason := why_leave(self.options, day, info.get("duration"), live):
            raise ItemSkipped(f"{_shown(item)}: {reason}")
        self._require_size(info.get("width"), info.get("height"), item)
        size = info.get("filesize") or info.get("filesize_approx") or 0
        room = max(0, shutil.disk_usage(part).free - self.session.manners.keep_free_bytes)
        if size > room:
            raise FetchFailed(
                f"{_shown(item)}: {size / 2**20:.0f} MiB, but only {room / 2**20:.0f} MiB of the disk may still be used. "
                "Free some space and run again with `--retry failed:disk`.",
                kind="disk",
            )

    def _after(self, file: Path, item: Row) -> Media:
        """After the download: is it a video, whole, and still what was asked for?"""
        try:
            media = probe(file)
            self._require_size(media.width, media.height, item)
            if reason := why_leave(self.options, None, media.duration_s):
                raise ItemSkipped(f"{_shown(item)}: {reason}")
        except UnreadableVideo as error:
            # Continuing from these bytes would keep wrong what may be mended on the server by the next try.
            shutil.rmtree(file.parent)
            raise UnreadableVideo(f"{_shown(item)}: {str(error).removeprefix(f'{file.name}: ')}", error.kind) from error
        except ItemSkipped:
            shutil.rmtree(file.parent)
            raise
        return media

    def _require_size(self, width: int | None, height: int | None, item: Row) -> None:
        if width and height and min(width, height) < self.min_height:
            raise FetchFailed(f"{_shown(item)}: {width}x{height}, smaller than {self.min_height} lines", "too_small")

    def _row(self, item: Row, info: Info, media: Media, file: Path) -> Row:
        return {
            "video_id": item["video_id"],
            "player_id": item["player_id"],
            "source_url": item["url"],
            "platform": item["platform"] or str(info.get("extractor_key", "generic")).lower(),
            "platform_id": item["platform_id"] or _text(info.get("id"), 200),
            "title": item["title"] or _text(info.get("title"), 300),
            "upload_date": item["upload_date"] or upload_day(info, item["url"]),
            "event": None,
            "round": None,
            "outcome": "unknown",
            "duration_s": media.duration_s,
            "fps": float(media.fps),
            "variable_fps": media.variable_fps,
            "width": media.width,
            "height": media.height,
            "licence": _text(info.get("license"), 200),
            "path": file.relative_to(self.root).as_posix(),
            "bytes": file.stat().st_size,
            "sha256": file_sha256(file),
            "found_by": sorted(item["found_by"]),
            "checked_at": datetime.now(UTC),
            "availability": "available",
            "made_by": made_by(),
        }


def _suffix(media: Media) -> str:
    return _SUFFIXES.get(media.container, f".{media.container.partition(',')[0]}")


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
    quiet: bool = False,
) -> list[Candidate]:
    """What `fetch` would take, and what it would leave and why; writes nothing (the command's `--dry-run`).

    Raises:
        BadPlayerList: as `enrol`.
    """
    players = assign_ids(players, workspace)
    with _session(manners) as session:
        return list(_discover(players, workspace, options or FindOptions(), session, quiet=quiet))


def fetch(
    players: Sequence[Player],
    workspace: Workspace,
    options: FindOptions | None = None,
    *,
    manners: Manners | None = None,
    min_height: int = 240,
    retry: Retry | None = None,
    workers: int = 1,
    quiet: bool = False,
) -> StageReport:
    """Enrol the players, find their videos and download them; what is there already is not asked for again.

    Args:
        players: from `read_players`.
        options: the window of dates, the length, and how to search.
        manners: how patient, how polite, and how much of the disk stays free.
        min_height: lines below which a picture is refused as too small.
        retry: do again what failed before, and nothing else.
        workers: processes; at any time one of them talks to a host. 0 runs in this process.

    Returns:
        The report; every candidate that isn't left is in the ledger as ok, failed or skipped.

    Raises:
        BadPlayerList: a player_id belongs to somebody else; nothing was fetched.
        Unavailable: another process fetches into this dataset, or ffmpeg is missing.
        CannotWrite: the folder is read-only or its disk full.
    """
    options = options or FindOptions()
    players = enrol(players, workspace)
    with _session(manners) as session:
        candidates = list(_discover(players, workspace, options, session, quiet=quiet))
        items = [_item(candidate) for candidate in candidates if candidate.leave in (None, _OPTED_OUT)]
        stale = {key for player in players for key in look_up_keys(player)} - {item["video_id"] for item in items}
        _forget(workspace, items, stale, retry)
        # A session of its own, because the one that searched remembers every list it read, and a stage is sent to workers.
        stage = Fetch(workspace.root.resolve(), Session(session.notes, session.manners), options, min_height)
        return run_stage(stage, items, workspace, workers=workers, retry=retry, retire=False, quiet=quiet)


_OPTED_OUT = "its player has opted out"


@contextmanager
def _session(manners: Manners | None) -> Iterator[Session]:
    with tempfile.TemporaryDirectory(prefix="mgcollect-") as notes:
        yield Session(Path(notes), manners or Manners())


def _discover(
    players: Sequence[Player], workspace: Workspace, options: FindOptions, session: Session, *, quiet: bool
) -> Iterator[Candidate]:
    settled = {key for key, entry in workspace.ledger.entries("fetch").items() if entry.state == "ok"}
    opted_out = {row["player_id"] for row in rows_of(workspace.read("players")) if row["opt_out"]}
    taken: dict[str, str | None] = {}
    for player in tqdm(players, desc="looking for videos", unit="player", disable=quiet or None):
        if player.player_id in opted_out:
            # Nobody is asked about this player; the addresses that the list gives are in the count, as skipped.
            found: Iterable[Candidate] = [_opted_out(player, url) for url in player.urls]
        else:
            found = find_videos(player, options, session, settled)
        for candidate in found:
            # A video has one row, so it goes to the first player of the list who finds it.
            first = candidate.leave is None and taken.setdefault(candidate.url, player.player_id)
            other = first and first != player.player_id
            yield replace(candidate, leave=f"it was found for {first} already") if other else candidate


def _opted_out(player: Player, url: str) -> Candidate:
    return Candidate(canonical_url(url), found_by=(f"url {url}",), player_id=player.player_id, leave=_OPTED_OUT)


def _item(candidate: Candidate) -> Row:
    return {
        "video_id": candidate.video_id,
        "url": candidate.url,
        "player_id": candidate.player_id,
        "title": candidate.title,
        "upload_date": candidate.upload_date,
        "platform": candidate.platform,
        "platform_id": candidate.platform_id,
        "found_by": candidate.found_by,
        "failure": candidate.failure,
        "opt_out": candidate.leave == _OPTED_OUT,
    }


def _forget(workspace: Workspace, items: Sequence[Row], stale: set[str], retry: Retry | None) -> None:
    """Take out of the ledger what this run knows better: look-ups that failed then and not now, and what was skipped.

    What was skipped is looked at again, because its date or its player's wish may have changed meanwhile.
    """
    entries = workspace.ledger.entries("fetch")
    again = [key for key in stale if key in entries and entries[key].state != "ok"]
    if retry is None:
        keys = (item["video_id"] for item in items)
        again += [key for key in keys if key in entries and entries[key].state == "skipped"]
    workspace.ledger.retire("fetch", again)
