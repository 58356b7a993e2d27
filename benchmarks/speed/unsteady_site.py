"""A simulated host of many short videos on loopback whose links behave as links do: most are fine, some slow, dead or moody.

What becomes of each link follows from its number alone, so that a run's counts are known before it starts.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Container, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

__all__ = ["KINDS", "UnsteadySite", "kind_of", "numbers"]

# Shares in percent. After the first pass "returns" is there; "busy" and "broken" succeed for whoever is patient.
KINDS = {
    "fine": 80,
    "slow": 4,
    "broken": 4,  # every answer ends halfway: only who resumes gets it all
    "busy": 1,  # 503 at first
    "changes": 1,  # the first film breaks off halfway, and another one stands there then
    "dead": 4,
    "private": 2,
    "throttled": 2,  # 429, and come back in a day
    "returns": 2,  # 404 at first, there later
}
_ROLL = tuple(kind for kind, share in KINDS.items() for _ in range(share))
_SLOW_S = 0.5
_LOOKS = 2  # a film is looked at, and then asked for


def kind_of(number: int) -> str:
    """How a link behaves, for ever the same."""
    return _ROLL[int.from_bytes(hashlib.sha256(str(number).encode()).digest()[:4], "big") % len(_ROLL)]


def numbers(films: int, kinds: Container[str] = ("fine",)) -> list[int]:
    """A number for each of so many films, whose link behaves in one of these ways."""
    found: dict[int, int] = {}
    for number in count():
        if len(found) == films:
            return [found[film] for film in range(films)]
        if kind_of(number) in kinds:
            found.setdefault(number % films, number)
    raise AssertionError("numbers have no end")


class UnsteadySite:
    """Serve `/video/<number>.mp4`, and a feed a player at `/feed/<player>.xml`, while the context is open.

    Args:
        films: files to serve; a number gets one of them.
        titles: titles of each player's videos in a feed, by player, as (number, title).

    Attributes:
        url: address of the site.
        asked: how often each number was asked for.
        returned: whether the links that were dead for a time are back.
    """

    def __init__(self, films: Sequence[Path], titles: dict[int, list[tuple[int, str]]] | None = None) -> None:
        self.films = [film.read_bytes() for film in films]
        self.titles = titles or {}
        self.asked: Counter[int] = Counter()
        self.returned = False

    def __enter__(self) -> UnsteadySite:
        site = self

        class Handler(_Handler):
            unsteady = site

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def address(self, number: int) -> str:
        return f"{self.url}/video/{number}.mp4"

    def feed(self, player: int) -> bytes:
        items = "".join(
            f"<item><title>{title}</title><guid>{number}</guid><pubDate>Sun, 12 May 2024 12:00:00 GMT</pubDate>"
            f'<enclosure url="{self.url}/video/{number}.mp4" type="video/mp4"/></item>'
            for number, title in self.titles[player]
        )
        text = f'<?xml version="1.0"?><rss version="2.0"><channel><title>All</title>{items}</channel></rss>'
        return text.encode()


class _Handler(BaseHTTPRequestHandler):
    unsteady: UnsteadySite
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(ConnectionError):  # who goes away in the middle, killed or content, is no error
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        folder, _, name = self.path.partition("?")[0].strip("/").partition("/")
        number = int(name.partition(".")[0])
        if folder == "feed":
            return self._send(200, {"Content-Type": "application/rss+xml"}, self.unsteady.feed(number))
        site, kind = self.unsteady, kind_of(number)
        site.asked[number] += 1
        if kind == "slow":
            time.sleep(_SLOW_S)
        status = {"dead": 404, "private": 403, "throttled": 429}.get(kind, 200)
        if (kind == "returns" and not site.returned) or (kind == "busy" and site.asked[number] == 1):
            status = 404 if kind == "returns" else 503
        if status != 200:
            return self._send(status, {"Retry-After": "86400"} if status == 429 else {}, b"")
        changed = kind == "changes" and site.asked[number] > _LOOKS
        version = (number + changed) % len(site.films)
        film, tag = site.films[version], f'"{version}"'
        wanted = self.headers.get("Range") if self.headers.get("If-Range", tag) == tag else None
        start = int((wanted or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        body = film[start:]
        breaks = kind == "broken" or (kind == "changes" and not changed)
        kept = max(len(film) // 2, 1) if breaks else len(body)
        headers = {"Content-Type": "video/mp4", "Accept-Ranges": "bytes", "ETag": tag}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(film) - 1}/{len(film)}"
        self._send(206 if start else 200, headers, body, kept)
        return None

    do_HEAD = do_GET

    def _send(self, status: int, headers: dict[str, str], body: bytes, kept: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:kept])
        if kept is not None and kept < len(body):
            self.close_connection = True
