"""What a user says of files that don't say it themselves, from the words of a command line."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from manifests.errors import BadInput
from manifests.importers.recording import Reading
from manifests.poses import UNITS, Unit

__all__ = ["reading_of"]

_MOST_FPS = 1000


def reading_of(
    *,
    fps: str | None = None,
    width: int = 0,
    height: int = 0,
    skeleton: str | None = None,
    unit: str | None = None,
    labels: Path | None = None,
) -> Reading:
    """The options of `release import`, checked.

    Args:
        fps: a number or a fraction, such as "25", "29.97" or "30000/1001".
        labels: a text file with the names of the classes, one a line.

    Raises:
        BadInput: a value is none of its kind, or the file of labels is missing, empty or names a class twice.
    """
    known: dict[str, Unit] = {name: name for name in UNITS}
    if unit is not None and unit not in known:
        raise BadInput(f"--unit {unit}: write {', '.join(UNITS)}.")
    return Reading(
        fps=None if fps is None else _rate(fps),
        width=width,
        height=height,
        skeleton=skeleton,
        unit=None if unit is None else known[unit],
        labels=None if labels is None else _labels(labels),
    )


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= _MOST_FPS:
        raise BadInput(f"--fps {text}: write frames a second, such as 25, 29.97 or 30000/1001.")
    return rate


def _labels(path: Path) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise BadInput(f"--labels {path}: there is no such file.") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise BadInput(f"--labels {path}: this is no text file. Write one class name a line, in UTF-8.") from None
    names = tuple(line.strip() for line in lines)
    while names and not names[-1]:
        names = names[:-1]
    if not names:
        raise BadInput(f"--labels {path}: the file is empty. Write one class name a line.")
    first: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if not name:
            raise BadInput(f"{path}, row {number}: no name. A line counts as a class, so write its name.")
        if first.setdefault(name, number) != number:
            raise BadInput(f"{path}, row {number}: {name!r} is the name of row {first[name]} already.")
    return names
