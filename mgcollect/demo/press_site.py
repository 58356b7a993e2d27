"""A press site on this machine: the conferences as an HTML5 page, in an RSS feed and as a plain file, for yt-dlp to fetch.

It listens on 127.0.0.1 only and serves the files of one folder under /video/. Tests can make it misbehave (`Fault`).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from datetime import time as midnight
from email.utils import format_datetime
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, unquote

from manifests.errors import Unavailable
from manifests.parquet import write_text
from mgcollect.demo.footage import PressConference

__all__ = ["Fault", "PressSite", "Request", "players_csv"]

FEED = "/feed.xml"
_TYPES = {".mp4": "video/mp4", ".webm": "video/webm", ".mov": "video/quicktime", ".html": "text/html; charset=utf-8"}


@dataclass(frozen=True)
class Fault:
    """How an address misbehaves.

    Attributes:
        status: answer with this status and no file.
        headers: further headers of any answer, such as Retry-After.
        truncate_to: serve only the file's first bytes, as if it had no more.
        drop_after: break every answer off after so many bytes of what it promised: only who resumes gets it all.
        bytes_s: send so many bytes a second.
        delay_s: wait before answering.
        content_type: claim this type.
    """

    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    truncate_to: int | None = None
    drop_after: int | None = None
    bytes_s: int | None = None
    delay_s: float = 0.0
    content_type: str | None = None


_NO_FAULT = Fault()


@dataclass(frozen=True)
class Request:
    """A request as it was answered; `range` is the header as it came, `at` the time in seconds of a steady clock."""

    method: str
    path: str
    range: str | None
    status: int
    at: float


class PressSite:
    """Serve `folder` and pages about `conferences` while the context is open.

    Args:
        port: 0 takes any free one; a fixed one gives the same addresses, and so the same video ids, in every run.
        faults: how addresses misbehave, by path, such as `{"/video/a.mp4": Fault(status=404)}`; may be changed meanwhile.

    Attributes:
        url: address of the site, without a slash at its end.
        requests: everything that was answered, in order.

    Raises:
        Unavailable: on entering, where something else uses the port.
    """

    def __init__(
        self,
        folder: Path,
        port: int = 0,
        conferences: Sequence[PressConference] = (),
        faults: Mapping[str, Fault] | None = None,
    ) -> None:
        self.folder = folder
        self.conferences = tuple(conferences)
        self.faults = dict(faults or {})
        self.requests: list[Request] = []
        self._port = port

    def __enter__(self) -> PressSite:
        site = self

        class Handler(_Handler):
            press_site = site

        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        except (OSError, OverflowError) as error:
            raise Unavailable(
                f"The demo's press site can't use port {self._port} of this machine ({error}). "
                "Close what uses it (a demo that still runs?) or choose another port."
            ) from error
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def content(self, path: str) -> tuple[str, bytes] | None:
        """Content type and bytes of an address; None where there is nothing."""
        if path == "/":
            return _TYPES[".html"], self._index().encode()
        if path == FEED:
            return "application/rss+xml; charset=utf-8", self._feed().encode()
        for conference in self.conferences:
            if path == page_path(conference):
                return _TYPES[".html"], self._press_page(conference).encode()
        # What was asked for never becomes a path: it is looked up among the names that the folder holds.
        for file in self.folder.iterdir():
            if path == f"/video/{file.name}" and file.is_file() and not file.is_symlink():
                return _TYPES.get(file.suffix, "application/octet-stream"), file.read_bytes()
        return None

    def _index(self) -> str:
        links = "".join(f'<li><a href="{page_path(c)}">{escape(c.title)}</a></li>' for c in self.conferences)
        return f'<!doctype html><title>Press room</title><ul>{links}</ul><a href="{FEED}">Feed</a>'

    def _press_page(self, conference: PressConference) -> str:
        about = {
            "@context": "https://schema.org",
            "@type": "VideoObject",
            "name": conference.title,
            "description": f"{conference.player} answers questions after {conference.event}.",
            "uploadDate": conference.upload_date.isoformat(),
            "duration": f"PT{float(conference.duration_s):.3f}S",
            "contentUrl": self.url + video_path(conference),
        }
        # "</script>" inside the data would end it.
        data = json.dumps(about, ensure_ascii=False).replace("<", "\\u003c")
        title = escape(conference.title)
        # The script gives the player its source, as on most sites. From a plain <video src> yt-dlp takes the file and
        # leaves the JSON-LD, and with it date and duration, alone.
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            f'<meta property="og:title" content="{title}"><script type="application/ld+json">{data}</script></head>'
            f"<body><h1>{title}</h1><video controls></video><script>"
            "const about = JSON.parse(document.querySelector('[type=\"application/ld+json\"]').textContent);"
            "document.querySelector('video').src = about.contentUrl;</script></body></html>"
        )

    def _feed(self) -> str:
        items = "".join(
            f"<item><title>{escape(c.title)}</title><guid>{self.url}{video_path(c)}</guid>"
            f"<pubDate>{_noon(c)}</pubDate><itunes:duration>{round(c.duration_s)}</itunes:duration>"
            f'<enclosure url="{self.url}{video_path(c)}" type="video/mp4" length="{c.path.stat().st_size}"/></item>'
            for c in self.conferences
        )
        return (
            '<?xml version="1.0" encoding="utf-8"?>'
            '<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel>'
            f"<title>Press conferences</title><link>{self.url}/</link><description>All players</description>{items}"
            "</channel></rss>"
        )


def page_path(conference: PressConference) -> str:
    return f"/press/{conference.slug}.html"


def video_path(conference: PressConference) -> str:
    return f"/video/{quote(conference.path.name)}"


def players_csv(path: Path, conferences: Sequence[PressConference], url: str) -> Path:
    """Write the demo's player list: the first player is found through a page, the second in the feed, the third as a file.

    The feed holds everybody's conferences, so finding the second player takes the name in an item's title.
    """
    first, second, third = conferences
    found_by = {
        first.player: (url + page_path(first), ""),
        second.player: ("", url + FEED),
        third.player: (url + video_path(third), ""),
    }
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["name", "gender", "country", "birth_year", "aliases", "urls", "feeds"])
    for c in conferences:
        writer.writerow([c.player, c.gender, c.country, c.birth_year, "|".join(c.aliases), *found_by[c.player]])
    write_text(path, table.getvalue())
    return path


def _noon(conference: PressConference) -> str:
    return format_datetime(datetime.combine(conference.upload_date, midnight(12), UTC))


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD, whole or one range (RFC 9110, section 14)."""

    press_site: PressSite
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        # A client that goes away in the middle, as yt-dlp does after its first look, is no error.
        with suppress(ConnectionError):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: `PressSite.requests` is the log."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        # Who asks through a proxy writes the whole address (RFC 9112, section 3.2.2).
        path = unquote(re.sub(r"^https?://[^/]*", "", self.path).partition("?")[0])
        fault = self.press_site.faults.get(path, _NO_FAULT)
        time.sleep(fault.delay_s)
        if fault.status is not None:
            return self._refuse(HTTPStatus(fault.status), fault.headers)
        if (content := self.press_site.content(path)) is None:
            return self._refuse(HTTPStatus.NOT_FOUND)
        content_type, body = content
        body = body[: fault.truncate_to]
        version = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        wanted = self.headers.get("Range") if self.command == "GET" else None
        if self.headers.get("If-Range", version) != version:
            wanted = None
        span = _byte_range(wanted, len(body))
        if span is None:
            return self._refuse(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {"Content-Range": f"bytes */{len(body)}"})
        start, end = span
        headers = {"Content-Type": fault.content_type or content_type, "Accept-Ranges": "bytes", "ETag": version}
        headers |= fault.headers
        if (start, end) == (0, len(body)):
            return self._send(HTTPStatus.OK, headers, body, fault)
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
        return self._send(HTTPStatus.PARTIAL_CONTENT, headers, body[start:end], fault)

    def _refuse(self, status: HTTPStatus, headers: Mapping[str, str] | None = None) -> None:
        self._send(status, {"Content-Type": "text/plain; charset=utf-8", **(headers or {})}, status.phrase.encode())

    def _send(self, status: HTTPStatus, headers: Mapping[str, str], body: bytes, fault: Fault = _NO_FAULT) -> None:
        asked = Request(self.command, self.path, self.headers.get("Range"), int(status), time.monotonic())
        self.press_site.requests.append(asked)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        sent = body[: fault.drop_after]
        step = fault.bytes_s or max(len(sent), 1)
        for at in range(0, len(sent), step):
            time.sleep(1 if at else 0)
            self.wfile.write(sent[at : at + step])
        if len(sent) < len(body):
            self.close_connection = True


def _byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The half-open range of bytes that a Range header asks for; None where the file has none of them.

    A header that isn't one range of bytes is ignored, as the RFC allows, and gives the whole.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", (header or "").strip(), re.ASCII)
    if match is None or match.group() == "bytes=-":
        return 0, size
    first, last = match.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return 0, size  # malformed, so ignored
    return (start, end) if start < end else None
