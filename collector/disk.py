"""How much of the disk a dataset may still take."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from manifests.errors import CannotWrite, FetchFailed

__all__ = ["Room", "used_bytes"]

_MIB, _GIB = 2**20, 2**30


@dataclass(frozen=True)
class Room:
    """The bounds of one dataset.

    Attributes:
        root: its folder.
        keep_free_bytes: what stays free on the disk, for others.
        quota_bytes: what the folder may hold, all in all; None for no bound.
    """

    root: Path
    keep_free_bytes: int
    quota_bytes: int | None = None

    def left(self) -> int:
        """Bytes that may still be written; 0 or less where none."""
        free = shutil.disk_usage(self.root).free - self.keep_free_bytes
        return free if self.quota_bytes is None else min(free, self.quota_bytes - used_bytes(self.root))

    def require(self, more: int = 0, what: str = "") -> None:
        """Do nothing, as long as there is room for `more` bytes of `what`.

        Raises:
            FetchFailed: there is room, but not for this; other things may still fit.
            CannotWrite: there is none; the message says which bound was reached and what to do.
        """
        left = self.left()
        if 0 < left < more:
            raise FetchFailed(
                f"{what}: {more / _MIB:.4g} MiB, but only {left / _MIB:.4g} MiB may still be written. Free some space or raise "
                "--quota-gb, and run again with `--retry failed:disk`.",
                kind="disk",
            )
        if left > 0:
            return
        again = "run the same command again: it goes on where it stopped"
        if self.quota_bytes is not None and used_bytes(self.root) >= self.quota_bytes:
            raise CannotWrite(
                f"{self.root}: its quota of {self.quota_bytes / _GIB:.4g} GiB is used up. Raise it (--quota-gb), or "
                f"remove what you don't need, and {again}."
            )
        raise CannotWrite(
            f"{self.root}: less than {self.keep_free_bytes / _GIB:.4g} GiB are free on its disk. Free some space, or lower "
            f"--keep-free-gb, and {again}."
        )


def used_bytes(folder: Path) -> int:
    """Bytes of all files under a folder; what vanishes while one counts counts as nothing."""
    total = 0
    folders = [str(folder)]
    while folders:
        with suppress(FileNotFoundError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    with suppress(FileNotFoundError):
                        total += entry.stat(follow_symlinks=False).st_size
    return total
