"""Every error that mgcollect raises on purpose.

MgcollectError
├── BadInput             the user's file or option is wrong (exit 2)
│   ├── BadPlayerList    players.csv, all bad rows in one message
│   ├── BadWeights       weights whose sha256 nobody vouched for
│   └── SchemaMismatch   a table or dataset of another schema version
├── ItemFailed           one item failed; the ledger keeps it and the run goes on (exit 1)
│   ├── FetchFailed      kinds: gone, private, age, geo, bot_check, throttled, network, unsupported, too_small,
│   │                    too_large, disk, other
│   ├── UnreadableVideo  kinds: empty, not_video, no_picture, truncated
│   └── ClipMismatch     a clip that doesn't decode to the frames it claims
├── ItemSkipped          the stage has a reason to leave this item alone; no failure
└── Unavailable          a tool, server or disk that the run needs isn't there (exit 2)
    └── CannotWrite      the dataset's folder is read-only or its disk is full
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = [
    "BadInput",
    "BadPlayerList",
    "BadWeights",
    "CannotWrite",
    "ClipMismatch",
    "FetchFailed",
    "ItemFailed",
    "ItemSkipped",
    "MgcollectError",
    "SchemaMismatch",
    "Unavailable",
    "UnreadableVideo",
    "explain_write_errors",
]


class MgcollectError(Exception):
    """Root of the tree. `str(error)` is what the user reads."""

    exit_code = 2


class BadInput(MgcollectError):
    """The user's file or option is wrong; the message names file, row and column, and what to do."""


class BadPlayerList(BadInput):
    """One or more rows of a player list are wrong; the message lists them all."""


class BadWeights(BadInput):
    """A weights file whose sha256 is not one that was vouched for, so it isn't loaded."""


class SchemaMismatch(BadInput):
    """A table or dataset was written with another schema version."""


class ItemFailed(MgcollectError):
    """One item failed.

    Attributes:
        kind: a short word by which `--retry failed:kind` finds it again.
        next_retry: POSIX time before which trying again makes no sense; None where any time will do.
    """

    exit_code = 1

    def __init__(self, message: str, kind: str = "other", next_retry: float | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.next_retry = next_retry


class FetchFailed(ItemFailed):
    """A video could not be fetched."""


class UnreadableVideo(ItemFailed):
    """A file is there, but no video can be read from it."""


class ClipMismatch(ItemFailed):
    """A clip that was just cut does not decode to the frames it claims."""

    def __init__(self, path: Path, expected: int, found: int) -> None:
        super().__init__(f"{path.name}: {expected} frames were asked for, {found} decode", kind="clip_mismatch")


class ItemSkipped(MgcollectError):
    """The stage has a reason to leave an item alone (its player opted out, say). Not a failure."""

    exit_code = 0


class Unavailable(MgcollectError):
    """A tool, server or disk that the run needs isn't there; the message says how to get it."""


class CannotWrite(Unavailable):
    """The folder is read-only, or its disk is full."""


_WRITE_ERRORS = {
    errno.ENOSPC: "the disk is full. Free some space and run the same command again: it goes on where it stopped",
    errno.EDQUOT: "your quota on this disk is used up. Free some space and run the same command again",
    errno.EROFS: "the disk is read-only. Choose another folder with --dataset",
    errno.EACCES: "you may not write there. Choose another folder with --dataset, or change its owner",
    errno.EEXIST: "a file stands where a folder is needed. Move it away, or choose another folder with --dataset",
    errno.ENOTDIR: "a file stands where a folder is needed. Move it away, or choose another folder with --dataset",
    errno.EPERM: "you may not write there. Choose another folder with --dataset, or change its owner",
}


@contextmanager
def explain_write_errors(path: Path | str) -> Iterator[None]:
    """Turn the operating system's refusals to write `path` into CannotWrite; other errors pass unchanged."""
    try:
        yield
    except OSError as error:
        if error.errno not in _WRITE_ERRORS:
            raise
        raise CannotWrite(f"{path} can't be written: {_WRITE_ERRORS[error.errno]}.") from error
