"""The spotters that a dataset's own annotations trained: one folder a version, the newest of which proposes."""

from __future__ import annotations

import json
import re
from pathlib import Path

from manifests.errors import BadInput
from models.checkpoints import MODEL

__all__ = ["RECORD", "SPOTTERS", "begun", "newest_spotter", "record_of", "versions"]

SPOTTERS = "spotters"
RECORD = "retrain.json"
_VERSION = re.compile(r"v(\d{4})-[0-9a-f]{12}")


def versions(root: Path) -> list[Path]:
    """The finished versions in a dataset's folder, in the order of their numbers."""
    found = [path for path in _folders(root) if (path / MODEL).is_file() and (path / RECORD).is_file()]
    return sorted(found, key=lambda path: path.name)


def newest_spotter(root: Path) -> Path | None:
    """The folder of the newest finished version; None where nothing was trained yet."""
    return next(iter(reversed(versions(root))), None)


def begun(root: Path, learned: str) -> tuple[Path, list[Path]]:
    """Where the version that learns from `learned` (a digest) lies or will lie, and unfinished ones of other data."""
    finished = versions(root)
    unfinished = [path for path in _folders(root) if path not in finished]
    for path in (*finished[-1:], *unfinished):
        if path.name.endswith(learned[:12]):
            return path, [other for other in unfinished if other != path]
    number = 1 + (int(finished[-1].name[1:5]) if finished else 0)
    return root / SPOTTERS / f"v{number:04d}-{learned[:12]}", unfinished


def record_of(folder: Path) -> dict[str, object]:
    """What `annotate retrain` noted of a version.

    Raises:
        BadInput: the note is damaged.
    """
    path = folder / RECORD
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{path} is damaged ({error}). Remove the folder and run `mgcollect annotate retrain`."
        ) from error


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in (root / SPOTTERS).glob("v*") if _VERSION.fullmatch(path.name))
