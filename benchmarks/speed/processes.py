"""Running a command as a user does, in a process of its own: how long it takes, how much memory, and killing it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

__all__ = ["Watched", "kill_after", "watch"]

_SAMPLE_S = 0.25


@dataclass
class Watched:
    """What a command took.

    Attributes:
        status: its exit status.
        seconds, cpu_s: on the clock, and of all processors together, of it and of all that it started.
        samples: resident bytes over time: of itself, of the largest process that it started, and of all of them together
            (what they share counts several times, so this is never too little).
    """

    status: int = 0
    seconds: float = 0.0
    cpu_s: float = 0.0
    samples: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def peak_mib(self) -> int:
        """The most that it and all that it started held together."""
        return max((total for _, _, total in self.samples), default=0) >> 20


def watch(
    command: Sequence[str],
    *,
    good: Sequence[int] = (0,),
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Watched:
    """Run a command to its end.

    Args:
        good: statuses with which it may end.
        log: where its output goes; nowhere unless given.

    Raises:
        RuntimeError: it ended with another status.
    """
    found = Watched()
    before, started = _cpu_s(), time.monotonic()
    with (
        (log or Path(os.devnull)).open("a") as out,
        subprocess.Popen(command, stdout=out, stderr=out, env=environment) as driver,
    ):
        watched = psutil.Process(driver.pid)
        while driver.poll() is None:
            try:
                own, others = watched.memory_info().rss, [_resident(p) for p in watched.children(recursive=True)]
                found.samples.append((own, max(others, default=0), own + sum(others)))
            except psutil.Error:  # it ended between two questions
                break
            time.sleep(_SAMPLE_S)
    found.seconds, found.cpu_s, found.status = time.monotonic() - started, _cpu_s() - before, driver.returncode
    if found.status not in good:
        raise RuntimeError(f"{' '.join(command)} ended with status {found.status}{f'; see {log}' if log else ''}")
    return found


def kill_after(command: Sequence[str], seconds: float) -> bool:
    """Start a command and kill it (SIGKILL) after so long; whether it was still running then."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as driver:
        try:
            driver.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            driver.send_signal(signal.SIGKILL)
            return True
    return False


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
