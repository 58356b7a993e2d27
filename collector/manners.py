"""How politely hosts are asked: by few at a time, with pauses, when they say, and not at all by whom they suspect."""

from __future__ import annotations

import fcntl
import hashlib
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import TextIOBase
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.globals import all_plugins_loaded
from yt_dlp.plugins import load_all_plugins

from collector.failures import asked_for_a_person, asked_to_wait
from manifests.errors import FetchFailed

__all__ = ["Manners", "Turns", "extractor_of", "host_of"]

_LOOK_S = 0.05  # whether a connection of a host became free


@dataclass(frozen=True)
class Manners:
    """How patient and how careful a run is.

    Attributes:
        attempts: tries of one address before it fails.
        backoff_s: wait after the first try; it doubles each time, and a random half of it is added.
        longest_wait_s: a site that asks to wait longer (Retry-After) is not waited for; it is left alone until then.
        pause_s: between two addresses of one host.
        connections: addresses of one host that are asked for at the same time.
        timeout_s: silence after which a connection is given up.
        slowest_bytes_s, slow_for_s: a download that comes more slowly than this, for so long, is given up.
        largest_bytes: a video that is larger fails.
        memory_bytes: what looking at all that a site sent may take on top of what is in use.
        keep_free_bytes: stop the run before less than this is free on the disk.
        quota_bytes: stop the run before the dataset's folder holds more than this; None for no bound.

    This machine's own addresses need neither pauses nor turns.
    """

    attempts: int = 4
    backoff_s: float = 2.0
    longest_wait_s: float = 120.0
    pause_s: float = 2.0
    connections: int = 1
    timeout_s: float = 30.0
    slowest_bytes_s: float = 1024.0
    slow_for_s: float = 600.0
    largest_bytes: int = 16 << 30
    memory_bytes: int = 1 << 30
    keep_free_bytes: int = 1 << 30
    quota_bytes: int | None = None

    def wait_s(self, n: int) -> float:
        """Back-off before retry `n`, from 0: exponential, with jitter, so that many who wait don't come back at once."""
        return float(min(self.backoff_s * 2**n * random.uniform(1.0, 1.5), self.longest_wait_s))


@dataclass(frozen=True)
class Turns:
    """Whose turn it is at which host, for all processes of a run.

    Attributes:
        notes: a folder of the run's own, which they all see. A host has in it a file a connection, locked while it is in
            use, with the time of its last use; a file "left" if it asked for a bot check; and a file "until" with the time
            before which it wants to be left alone.
    """

    notes: Path
    manners: Manners

    @contextmanager
    def at(self, address: str) -> Iterator[None]:
        """Wait until it is the address's turn, and hold it.

        Raises:
            FetchFailed: its host wants to be left alone for longer than one would wait; it was not asked.
        """
        host = host_of(address)
        if host is None:
            yield
            return
        name = hashlib.sha256(host.encode()).hexdigest()[:16]
        with self._connection(name) as file:
            if self._note(name, "left").exists():
                raise asked_for_a_person(address, host)
            if (wait := (until := self._until(name)) - time.time()) > self.manners.longest_wait_s:
                raise asked_to_wait(address, host, until)
            file.seek(0)
            last = float(file.read() or 0)
            time.sleep(max(0.0, wait, last + self.manners.pause_s - time.time()))
            try:
                yield
            except FetchFailed as failure:
                self._heed(name, failure)
                raise
            finally:
                file.seek(0)
                file.truncate()
                file.write(str(time.time()))
                file.flush()

    @contextmanager
    def _connection(self, name: str) -> Iterator[TextIOBase]:
        while True:
            for number in range(self.manners.connections):
                with self._note(name, str(number)).open("a+") as file:
                    if _is_locked(file):
                        yield file
                        return
            time.sleep(_LOOK_S)

    def _heed(self, name: str, failure: FetchFailed) -> None:
        """Note what a host wants."""
        if failure.kind == "bot_check":
            self._note(name, "left").touch()
        elif failure.kind == "throttled" or failure.next_retry:
            # One that names no time is given as long as one would wait for any.
            until = failure.next_retry or time.time() + self.manners.longest_wait_s
            new = self._note(name, f"until.{random.getrandbits(64):x}")
            new.write_text(str(until))
            new.replace(self._note(name, "until"))

    def _until(self, name: str) -> float:
        note = self._note(name, "until")
        return float(note.read_text()) if note.exists() else 0.0

    def _note(self, name: str, what: str) -> Path:
        return self.notes / f"{name}.{what}"


def _is_locked(file: TextIOBase) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@lru_cache(maxsize=4096)
def extractor_of(address: str) -> Any:
    """yt-dlp's extractor class, its plugins' included, that would take an address or search; asks nobody."""
    if not all_plugins_loaded.value:
        load_all_plugins()
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
