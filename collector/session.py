"""What a run asks the network for: what is at an address, and its video; one after the other at each host, and patiently.

Nothing is evaded: where a site asks whether we are a robot, it is left alone for the rest of the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from yt_dlp.utils import YoutubeDLError

from collector.disk import Room
from collector.downloader import open_yt_dlp
from collector.failures import clean_text, failure_of, retry_after_s, short
from collector.manners import Manners, Turns
from manifests.errors import FetchFailed, MgcollectError, UnreadableVideo

__all__ = ["Info", "Session"]

Info = dict[str, Any]
_T = TypeVar("_T")

_PROTOCOLS = {"http", "https", "m3u8", "m3u8_native", "http_dash_segments"}
_WAITABLE = {"throttled", "network"}
_LOOK_EVERY_S = 2.0  # at the room on the disk, and at how fast a film comes
_GIB = 1 << 30


@dataclass(frozen=True)
class Session:
    """Access to the network for one run; its processes share it through `notes`.

    Attributes:
        notes: a folder of this run's own, where whose turn it is at a host, and who is left alone, is noted.
        read: the feeds and searches that were looked up, because one feed may serve many players.
    """

    notes: Path
    manners: Manners
    read: dict[str, Info | FetchFailed] = field(default_factory=dict, repr=False, compare=False)

    @property
    def turns(self) -> Turns:
        """Whose turn it is at which host."""
        return Turns(self.notes, self.manners)

    def look_up(self, address: str, attempts: int | None = None, *, remember: bool = True) -> Info:
        """What yt-dlp finds at an address (or search), without downloading; a list's entries are not opened.

        Args:
            attempts: tries; those of the manners unless given.
            remember: don't ask again when the same is looked up again.

        Raises:
            FetchFailed: nothing, and why.
        """

        def ask() -> Info:
            with open_yt_dlp(self.manners, extract_flat="in_playlist") as ydl:
                info: Info = ydl.sanitize_info(ydl.extract_info(address, download=False) or {})
            return info

        if (known := self.read.get(address)) is None:
            try:
                known = self.patiently(address, ask, attempts or self.manners.attempts)
            except FetchFailed as failure:
                known = failure
            except UnreadableVideo as failure:
                known = FetchFailed(str(failure), failure.kind)
            except MgcollectError:
                raise
            except Exception as error:
                # A page that yt-dlp stumbles over must not cost the other players.
                text = clean_text(str(error), 200)
                known = FetchFailed(
                    f"{short(address)}: yt-dlp stumbled over it ({type(error).__name__}: {text})", "other"
                )
            if remember:
                self.read[address] = known
        if isinstance(known, FetchFailed):
            raise known
        return known

    def visit(self, address: str) -> None:
        """Ask for the one video at an address as if to download it, and don't.

        Raises:
            FetchFailed: it can't be had, and why.
        """

        def ask() -> None:
            with open_yt_dlp(self.manners) as ydl:
                _require_one_video(ydl.extract_info(address, download=False) or {}, address)

        self.patiently(address, ask, self.manners.attempts)

    def download(self, address: str, folder: Path, check: Callable[[Info], None], room: Room) -> tuple[Info, Path]:
        """Download the one video at an address into `folder`; what an earlier try left there is continued.

        Args:
            check: sees what was found before anything is downloaded, and raises to prevent it.
            room: how much may be written; looked at again and again while the file comes.

        Returns:
            What was found, and the file.

        Raises:
            FetchFailed: it can't be had, and why.
            UnreadableVideo: the site sent not a single byte.
            CannotWrite: the disk is nearly full, or the dataset's quota used up.
        """
        folder.mkdir(parents=True, exist_ok=True)
        # The name is ours: nothing that the network says reaches a path but a suffix, which yt-dlp confines.
        name = {"default": str(folder).replace("%", "%%") + "/media.%(ext)s"}

        def get() -> tuple[Info, Path]:
            hooks = [_Watch(short(address), room, self.manners)]
            with open_yt_dlp(self.manners, outtmpl=name, progress_hooks=hooks) as ydl:
                info = ydl.extract_info(address, download=False) or {}
                _require_one_video(info, address)
                check(info)
                ydl.remember_versions(folder / "versions")
                done = ydl.process_ie_result(info, download=True)
                file = Path(done.get("requested_downloads", [{}])[0].get("filepath", folder / "nothing"))
                if file.parent.resolve() != folder.resolve() or not file.is_file():
                    raise FetchFailed(f"{short(address)}: yt-dlp left no file in {folder.name}", kind="other")
                return ydl.sanitize_info(done), file

        return self.patiently(address, get, self.manners.attempts)

    def patiently(self, address: str, action: Callable[[], _T], attempts: int) -> _T:
        """Do `action` when it is the address's turn, and again where waiting may help.

        Raises:
            FetchFailed, UnreadableVideo, CannotWrite: what yt-dlp raised in the end, in our words.
        """
        with self.turns.at(address):
            for attempt in range(1, attempts + 1):
                try:
                    return action()
                except MgcollectError:
                    raise
                except (YoutubeDLError, OSError, MemoryError) as error:
                    failure = failure_of(error, address)
                    if not isinstance(failure, FetchFailed) or failure.kind not in _WAITABLE:
                        raise failure from error
                    asked = retry_after_s(error)
                    if asked > self.manners.longest_wait_s:
                        failure.next_retry = time.time() + asked
                    if failure.next_retry or attempt == attempts:
                        raise failure from error
                time.sleep(max(self.manners.wait_s(attempt - 1), asked))
        raise AssertionError("attempts is at least 1")


class _Watch:
    """Sees a download's progress, and ends it where it leaves its bounds."""

    def __init__(self, what: str, room: Room, manners: Manners) -> None:
        self._what, self._room, self._manners = what, room, manners
        self._looked_at = 0.0
        self._since: tuple[float, int] | None = None

    def __call__(self, progress: Info) -> None:
        if (now := time.monotonic()) - self._looked_at < _LOOK_EVERY_S:
            return
        self._looked_at = now
        here = int(progress.get("downloaded_bytes") or 0)
        # Most sites tell the size only when the file begins to come.
        whole = max(here, int(progress.get("total_bytes") or progress.get("total_bytes_estimate") or 0))
        if whole > self._manners.largest_bytes:
            bound = f"more than {self._manners.largest_bytes / _GIB:.4g} GiB. Raise --largest-gb if you want it"
            raise FetchFailed(f"{self._what}: {bound}.", kind="too_large")
        self._room.require(whole - here, self._what)
        started, had = self._since = self._since or (now, here)
        if now - started >= self._manners.slow_for_s:
            if here - had < self._manners.slowest_bytes_s * (now - started):
                speed = (here - had) / (now - started)
                raise FetchFailed(
                    f"{self._what}: it comes at {speed:.0f} bytes a second, so it was given up.", "network"
                )
            self._since = now, here


def _require_one_video(info: Info, address: str) -> None:
    if info.get("_type", "video") != "video":
        raise FetchFailed(f"{short(address)}: a list of videos, not one. Put it among the feeds.", "unsupported")
    for part in info.get("requested_formats") or [info]:
        scheme = urlsplit(part.get("url") or "").scheme.lower()
        if scheme not in ("http", "https") or part.get("protocol") not in _PROTOCOLS:
            message = f"{short(address)}: it would have to be fetched by {part.get('protocol')} from a {scheme} address"
            raise FetchFailed(message + "; only http and https are.", kind="unsupported")
