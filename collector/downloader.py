"""yt-dlp as a quiet library that can be handed whatever a site sends: it opens no file of this machine, and fills no memory.

Nothing of the user goes out or stays: no cookies, no cache.
"""

from __future__ import annotations

import hashlib
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from yt_dlp import YoutubeDL
from yt_dlp.networking import Request
from yt_dlp.networking.exceptions import HTTPError
from yt_dlp.utils import YoutubeDLError

from collector.failures import retry_after_s
from collector.manners import Manners
from collector.probe import SAFE_INPUT

__all__ = ["YtDlp", "open_yt_dlp"]

_SPARE = 16 << 20  # bytes kept to lift the bound with


@contextmanager
def open_yt_dlp(manners: Manners, **options: Any) -> Iterator[YtDlp]:
    """A YoutubeDL with our options and `options`.

    Raises:
        MemoryError: what a site sent takes more than the manners allow: an endless page, a bomb of compressed zeros, a
            list of a billion pieces.
    """
    with YtDlp(_options(manners) | options) as ydl, _BoundedMemory(manners.memory_bytes):
        yield ydl


def _options(manners: Manners) -> dict[str, Any]:
    return {
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
        "retry_sleep_functions": dict.fromkeys(("http", "fragment", "extractor", "file_access"), manners.wait_s),
        # What ffmpeg is handed comes from the network. As a downloader it may open no file; when it joins
        # picture and sound, no address, and no playlist that names other files. yt-dlp's repairs need neither.
        "hls_prefer_native": True,
        "external_downloader_args": {"ffmpeg_i": ["-protocol_whitelist", "http,https,tcp,tls,crypto"]},
        "postprocessor_args": {"merger+ffmpeg_i": [word for k, v in SAFE_INPUT.items() for word in (f"-{k}", v)]},
        "fixup": "never",
    }


class YtDlp(YoutubeDL):  # type: ignore[misc]  # yt-dlp comes without types
    """yt-dlp that never continues half a file with another one's rest, and closes every answer.

    As it comes, it takes what a server sends for the rest, though the file there may have changed since; and it leaves some
    answers open.
    """

    _versions: _Versions | None = None

    def remember_versions(self, path: Path) -> None:
        """From now on, note in a file which version of what was answered, and ask for no other's rest."""
        self._versions = _Versions(path)

    def urlopen(self, request: Any) -> Any:
        versions = self._versions if isinstance(request, Request) else None
        if versions:
            versions.ask(request)
        answer = self._open(request)
        if versions and versions.changed(request, answer):  # and the server doesn't know If-Range
            del request.headers["Range"]
            answer = self._open(request)
        if versions:
            versions.note(request, answer)
        return answer

    def _open(self, request: Any) -> Any:
        answers = self.__dict__.setdefault("_answers", [])
        answers[:] = [answer for answer in answers if not answer.closed]
        try:
            answer = super().urlopen(request)
        except HTTPError as error:
            answers.append(error.response)
            if self._versions and retry_after_s(error):
                # Else the downloader would come again when it likes.
                raise YoutubeDLError(str(error)) from error
            raise
        answers.append(answer)
        return answer

    def close(self) -> None:
        for answer in self.__dict__.get("_answers", []):
            answer.close()
        super().close()


class _Versions:
    """Which version of the file at each address was answered, noted beside what came of it, so that it outlives a kill.

    Versions are told by ETag, else by Last-Modified; the rest is asked for with If-Range (RFC 9110, section 13.1.5).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
        self._known = dict(line.split(" ", 1) for line in lines if " " in line)

    def ask(self, request: Request) -> None:
        if "Range" in request.headers and (version := self._known.get(_key(request))):
            request.headers["If-Range"] = version

    def changed(self, request: Request, answer: Any) -> bool:
        known, version = self._known.get(_key(request)), _version(answer)
        return answer.status == HTTPStatus.PARTIAL_CONTENT and None not in (known, version) and known != version

    def note(self, request: Request, answer: Any) -> None:
        key, version = _key(request), _version(answer)
        if version and self._known.get(key) != version:
            self._known[key] = version
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{key} {version}\n")


def _key(request: Request) -> str:
    # Media addresses may hold the user's own, which is not to be kept.
    return hashlib.sha256(request.url.encode()).hexdigest()[:16]


def _version(answer: Any) -> str | None:
    version = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
    # A weak tag says that two versions mean the same, not that their bytes are the same.
    return version if version and not version.startswith("W/") else None


class _Silence:
    """A logger for yt-dlp that says nothing: what matters comes as an exception."""

    def debug(self, message: str) -> None: ...

    def info(self, message: str) -> None: ...

    def warning(self, message: str) -> None: ...

    def error(self, message: str) -> None: ...


class _BoundedMemory:
    """While it is entered, this process may take `more` bytes than it has, and not one beyond; on Linux, which alone can count it."""

    def __init__(self, more: int) -> None:
        self._more = more
        self._spare: bytearray | None = None
        self._before: tuple[int, int] | None = None

    def __enter__(self) -> None:
        if sys.platform != "linux":
            return
        # Given back first of all: where nothing is left, not even the bound could be lifted.
        self._spare = bytearray(_SPARE)
        self._before = before, most = resource.getrlimit(resource.RLIMIT_DATA)
        status = Path("/proc/self/status").read_text(encoding="ascii")
        [taken] = [int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmData:")]
        bound = min(limit for limit in (taken + self._more, before, most) if limit != resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_DATA, (bound, most))

    def __exit__(self, *error: object) -> None:
        self._spare = None
        if self._before is not None:
            try:  # noqa: SIM105 - `suppress` would need memory
                resource.setrlimit(resource.RLIMIT_DATA, self._before)
            except ValueError:
                pass
