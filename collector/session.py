"""yt-dlp as a polite, quiet library: one connection a host, patience when told to wait, and its errors in our words.

Nothing of the user goes out or stays: no cookies, no cache, no address of his in a message. Nothing is evaded either: where a
site asks whether we are a robot, it is left alone for the rest of the run.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from yt_dlp import YoutubeDL
from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.networking.exceptions import HTTPError, TransportError
from yt_dlp.utils import YoutubeDLError

from collector.disk import Room
from collector.probe import SAFE_INPUT
from manifests.errors import CannotWrite, FetchFailed, MgcollectError, UnreadableVideo

__all__ = ["Info", "Manners", "Session", "clean_text", "extractor_of", "failure_of", "host_of"]

Info = dict[str, Any]
_T = TypeVar("_T")

_PROTOCOLS = {"http", "https", "m3u8", "m3u8_native", "http_dash_segments"}

# What yt-dlp and the sites say, by kind; the first that fits counts. A bot check and an age gate also say "sign in".
_SAYINGS = (
    ("bot_check", r"not a bot|suspected as a bot|captcha|anti-bot|unusual traffic"),
    ("throttled", r"rate.?limit|too many requests"),
    ("age", r"confirm your age|age.?restrict|inappropriate for some"),
    (
        "geo",
        r"geo.?restrict|geo.?block|(not|n't) (been )?(made )?(this video )?available (in|from) your (country|location|region)",
    ),
    (
        "unsupported",
        r"unsupported url|file:// urls|drm.?protect|no video formats? found|format is not available|not a valid url",
    ),
    ("private", r"\bprivate\b|log ?in|sign in|members.only|premium members|registered users|subscri|requires payment"),
    (
        "gone",
        r"video unavailable|no longer available|(is )?unavailable|removed|deleted|terminated|does(n't| not) exist|"
        r"not found|channel was closed|isn't available",
    ),
    ("network", r"timed out|resolve|connection|unreachable|getaddrinfo|bytes read|reset by peer|ssl|certificate"),
)
_STATUSES = {401: "private", 402: "private", 403: "private", 404: "gone", 410: "gone", 429: "throttled", 451: "geo"}
_WHAT_TO_DO = {
    "bot_check": "The site wants to know whether this is a person. It is left alone for the rest of this run; wait some "
    "hours and run again with `--retry failed:bot_check`, fetch fewer videos at a time, or ask the site for access.",
    "throttled": "The site asks for fewer requests. Wait an hour, then run again with `--retry failed:throttled`.",
    "network": "Run again with `--retry failed:network`.",
    "unsupported": "Give the address of the video itself, or of a page that yt-dlp knows.",
}
_WAITABLE = {"throttled", "network"}
_LOOK_EVERY_S = 2.0  # at the room on the disk


@dataclass(frozen=True)
class Manners:
    """How patient and how careful a run is.

    Attributes:
        attempts: tries of one address before it fails.
        backoff_s: wait after the first try; it doubles each time, and a random half of it is added.
        longest_wait_s: a site that asks to wait longer (Retry-After) is not waited for.
        pause_s: between two addresses of one host; this machine's own addresses need none.
        timeout_s: silence after which a connection is given up.
        keep_free_bytes: stop the run before less than this is free on the disk.
        quota_bytes: stop the run before the dataset's folder holds more than this; None for no bound.
    """

    attempts: int = 4
    backoff_s: float = 2.0
    longest_wait_s: float = 120.0
    pause_s: float = 2.0
    timeout_s: float = 30.0
    keep_free_bytes: int = 1 << 30
    quota_bytes: int | None = None


@dataclass(frozen=True)
class Session:
    """Access to the network for one run; its processes share it through `notes`.

    Attributes:
        notes: a folder of this run's own, where whose turn it is at a host, and who is left alone, is noted.
        read: the feeds and searches that were looked up, because one feed may serve many players.
    """

    notes: Path
    manners: Manners = Manners()
    read: dict[str, Info | FetchFailed] = field(default_factory=dict, repr=False, compare=False)

    def look_up(self, address: str, attempts: int | None = None, *, remember: bool = True) -> Info:
        """What yt-dlp finds at an address (or search), without downloading; a list's entries are not opened.

        Args:
            attempts: tries; those of the manners unless given.
            remember: don't ask again when the same is looked up again.

        Raises:
            FetchFailed: nothing, and why.
        """
        options = {"extract_flat": "in_playlist"}

        def ask() -> Info:
            with self._yt_dlp(options) as ydl:
                info: Info = ydl.sanitize_info(ydl.extract_info(address, download=False) or {})
            return info

        if (known := self.read.get(address)) is None:
            try:
                known = self.patiently(address, ask, attempts or self.manners.attempts)
            except FetchFailed as failure:
                known = failure
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
            with self._yt_dlp({}) as ydl:
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
        looked_at = 0.0

        def require_room(progress: Info) -> None:
            # Most sites tell the size only when the file begins to come.
            nonlocal looked_at
            if time.monotonic() - looked_at >= _LOOK_EVERY_S:
                size = progress.get("total_bytes") or progress.get("total_bytes_estimate") or 0
                room.require(int(size) - (progress.get("downloaded_bytes") or 0), _short(address))
                looked_at = time.monotonic()

        folder.mkdir(parents=True, exist_ok=True)
        options = {
            # The name is ours: nothing that the network says reaches a path but a suffix, which yt-dlp confines.
            "outtmpl": {"default": str(folder).replace("%", "%%") + "/media.%(ext)s"},
            "progress_hooks": [require_room],
        }

        def get() -> tuple[Info, Path]:
            with self._yt_dlp(options) as ydl:
                info = ydl.extract_info(address, download=False) or {}
                _require_one_video(info, address)
                check(info)
                done = ydl.process_ie_result(info, download=True)
                file = Path(done.get("requested_downloads", [{}])[0].get("filepath", folder / "nothing"))
                if file.parent.resolve() != folder.resolve() or not file.is_file():
                    raise FetchFailed(f"{_short(address)}: yt-dlp left no file in {folder.name}", kind="other")
                return ydl.sanitize_info(done), file

        return self.patiently(address, get, self.manners.attempts)

    def patiently(self, address: str, action: Callable[[], _T], attempts: int) -> _T:
        """Do `action` when it is the address's turn, and again where waiting may help.

        Raises:
            FetchFailed, UnreadableVideo, CannotWrite: what yt-dlp raised in the end, in our words.
        """
        with self._turn(address):
            for attempt in range(1, attempts + 1):
                try:
                    return action()
                except MgcollectError:
                    raise
                except (YoutubeDLError, OSError) as error:
                    failure = failure_of(error, address)
                    wait = max(self._wait_s(attempt - 1), _retry_after(error))
                    if (
                        attempt == attempts
                        or not isinstance(failure, FetchFailed)
                        or failure.kind not in _WAITABLE
                        or wait > self.manners.longest_wait_s
                    ):
                        raise failure from error
                time.sleep(wait)
        raise AssertionError("attempts is at least 1")

    def _yt_dlp(self, options: dict[str, Any]) -> Any:
        manners = self.manners
        return _YtDlp(
            {
                # The best picture up to 1080 lines, in the codec that every player knows; with sound where there is any.
                "format": "bv*+ba/b/bv*",
                "format_sort": ["res:1080", "fps", "vcodec:h264"],
                "noplaylist": True,
                "quiet": True,
                "no_warnings": True,
                "noprogress": True,
                "color": "never",
                "logger": _Silence(),
                "cachedir": False,
                "updatetime": False,
                "geo_bypass": False,
                "socket_timeout": manners.timeout_s,
                "retries": 3,
                "fragment_retries": 3,
                "skip_unavailable_fragments": False,
                "retry_sleep_functions": dict.fromkeys(("http", "fragment", "extractor", "file_access"), self._wait_s),
                # What ffmpeg is handed comes from the network. As a downloader it may open no file; when it joins
                # picture and sound, no address, and no playlist that names other files. yt-dlp's repairs need neither.
                "hls_prefer_native": True,
                "external_downloader_args": {"ffmpeg_i": ["-protocol_whitelist", "http,https,tcp,tls,crypto"]},
                "postprocessor_args": {
                    "merger+ffmpeg_i": [word for k, v in SAFE_INPUT.items() for word in (f"-{k}", v)]
                },
                "fixup": "never",
                **options,
            }
        )

    def _wait_s(self, n: int) -> float:
        """Back-off before retry `n`, from 0, with jitter."""
        return float(min(self.manners.backoff_s * 2**n * random.uniform(1.0, 1.5), self.manners.longest_wait_s))

    @contextmanager
    def _turn(self, address: str) -> Iterator[None]:
        """Hold the address's host, for all processes of the run; they may use this machine's own at the same time."""
        host = host_of(address)
        if host is None:
            yield
            return
        note = self.notes / hashlib.sha256(host.encode()).hexdigest()[:16]
        with note.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if (last := file.read()) == "bot_check":
                message = f"{_short(address)}: {host} asked for a bot check earlier in this run, so it was left alone. "
                raise FetchFailed(message + _WHAT_TO_DO["bot_check"], kind="bot_check")
            if last:
                time.sleep(max(0.0, float(last) + self.manners.pause_s - time.time()))
            left_alone = False
            try:
                yield
            except FetchFailed as failure:
                left_alone = failure.kind == "bot_check"
                raise
            finally:
                file.truncate(0)
                file.write("bot_check" if left_alone else str(time.time()))
                file.flush()


class _YtDlp(YoutubeDL):  # type: ignore[misc]  # yt-dlp comes without types
    """yt-dlp that closes every answer at the latest when it is itself closed; as it comes, it leaves some open."""

    def urlopen(self, request: Any) -> Any:
        answers = self.__dict__.setdefault("_answers", [])
        answers[:] = [answer for answer in answers if not answer.closed]
        try:
            answer = super().urlopen(request)
        except HTTPError as error:
            answers.append(error.response)
            raise
        answers.append(answer)
        return answer

    def close(self) -> None:
        for answer in self.__dict__.get("_answers", []):
            answer.close()
        super().close()


class _Silence:
    """A logger for yt-dlp that says nothing: what matters comes as an exception."""

    def debug(self, message: str) -> None: ...

    def info(self, message: str) -> None: ...

    def warning(self, message: str) -> None: ...

    def error(self, message: str) -> None: ...


# --- who answers -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def extractor_of(address: str) -> Any:
    """yt-dlp's extractor class that would take an address or search; asks nobody."""
    return next(kind for kind in gen_extractor_classes() if kind.suitable(address))


def host_of(address: str) -> str | None:
    """Whom an address or search asks: a platform where yt-dlp knows it, else the host; None for this machine."""
    extractor = extractor_of(address)
    if extractor.ie_key() != "Generic":
        return str(extractor.IE_NAME).partition(":")[0]
    host = urlsplit(address).hostname or ""
    try:
        mine = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        mine = False
    return None if mine else host


def _require_one_video(info: Info, address: str) -> None:
    if info.get("_type", "video") != "video":
        raise FetchFailed(f"{_short(address)}: a list of videos, not one. Put it among the feeds.", "unsupported")
    for part in info.get("requested_formats") or [info]:
        scheme = urlsplit(part.get("url") or "").scheme.lower()
        if scheme not in ("http", "https") or part.get("protocol") not in _PROTOCOLS:
            message = (
                f"{_short(address)}: it would have to be fetched by {part.get('protocol')} from a {scheme} address"
            )
            raise FetchFailed(message + "; only http and https are.", kind="unsupported")


# --- what went wrong ---------------------------------------------------------------------------------------------------


def failure_of(error: BaseException, address: str) -> FetchFailed | UnreadableVideo | CannotWrite:
    """An exception of yt-dlp's as one of ours, whose message says what to do."""
    chain = list(_chain(error))
    text = clean_text(str(error), 300)
    if any(isinstance(link, OSError) and link.errno in (errno.ENOSPC, errno.EDQUOT) for link in chain):
        return CannotWrite(
            "The disk is full. Free some space and run the same command again: it goes on where it stopped."
        )
    if re.search(r"did not get any data blocks|downloaded file is empty", text, re.IGNORECASE):
        return UnreadableVideo(f"{_short(address)}: the site sent an empty file", kind="empty")
    status = next((link.status for link in chain if isinstance(link, HTTPError)), None)
    kind = _kind(text, status, any(isinstance(link, TransportError | TimeoutError) for link in chain))
    text = _without_hints(text)
    return FetchFailed(f"{_short(address)}: {text}. {_WHAT_TO_DO.get(kind, '')}".rstrip(), kind)


def _kind(text: str, status: int | None, transport: bool) -> str:
    said = next((kind for kind, pattern in _SAYINGS if re.search(pattern, text, re.IGNORECASE)), None)
    if status is None:
        # Of a connection that failed, only the fact counts: its words ("closed", "removed") mean other things there.
        return "network" if transport else said or "other"
    # The server's number is plainer than the words about it, but a bot check comes with any number.
    if said in ("bot_check", "age", "geo"):
        return said
    return _STATUSES.get(status, "network" if status >= 500 else said or "other")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that it came of; yt-dlp keeps the original in any of these places."""
    waiting, seen = [error], set()
    while waiting:
        link = waiting.pop(0)
        if id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        info = getattr(link, "exc_info", None)
        sources = [link.__cause__, link.__context__, getattr(link, "cause", None), info[1] if info else None]
        waiting += [source for source in sources if isinstance(source, BaseException)]


def _retry_after(error: BaseException) -> float:
    """Seconds that the server asks to wait, 0 if it doesn't say (RFC 9110, section 10.2.3)."""
    value = next(
        (link.response.headers.get("Retry-After") for link in _chain(error) if isinstance(link, HTTPError)), None
    )
    if not value:
        return 0.0
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return 0.0


def _without_hints(text: str) -> str:
    """yt-dlp's message without its advice for its own command line, and without what an address has after "?"."""
    text = re.sub(r"^ERROR:\s*(\[[\w:+.-]+\] (\S+: )?)?", "", text)
    text = re.split(
        r"; please report this issue|\(caused by|You might want to use a VPN|Use --|; see\s+https|, and try again with",
        text,
    )[0]
    # Media addresses carry the client's own address and signatures there.
    text = re.sub(r"(https?://[^\s?#]+)[?#]\S*", r"\1", text)
    return text.strip(" .;")


def clean_text(text: str, longest: int) -> str:
    """Text of the network on one line: no line breaks, no control or terminal sequences, at most `longest` characters."""
    text = re.sub(r"\x1b\[[0-?]*[ -/]*[@-~]", "", text)
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _short(address: str) -> str:
    return clean_text(address, 200)
