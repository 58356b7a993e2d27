"""How much memory there is, and how much a piece of work took. Linux tells; elsewhere a guess is made, and said to be none."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["PeakMemory", "available_memory"]

_GUESS = 4 << 30
_MEMINFO = Path("/proc/meminfo")
_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_GROUP = Path("/sys/fs/cgroup")


def available_memory() -> int:
    """Bytes that may still be taken, of the machine or of the container that this runs in; 4 GiB where nothing tells."""
    found = _kilobytes(_MEMINFO, "MemAvailable")
    free = _GUESS if found is None else found << 10
    try:
        limit, used = ((_GROUP / f"memory.{name}").read_text().strip() for name in ("max", "current"))
        return min(free, int(limit) - int(used)) if limit.isdecimal() else free
    except OSError:
        return free


class PeakMemory:
    """The most memory that this process held since the object was made, beyond what it held then."""

    def __init__(self) -> None:
        try:
            _CLEAR.write_text("5")  # forget the peak so far
            self.before = _kilobytes(_STATUS, "VmRSS")
        except OSError:
            self.before = None

    def megabytes(self) -> float | None:
        """MiB; None where the system doesn't tell."""
        peak = _kilobytes(_STATUS, "VmHWM")
        return None if peak is None or self.before is None else round(max(0, peak - self.before) / 1024, 1)


def _kilobytes(path: Path, name: str) -> int | None:
    try:
        found = re.search(rf"^{name}:\s*(\d+) kB", path.read_text(), re.M)
    except OSError:
        return None
    return int(found[1]) if found else None
