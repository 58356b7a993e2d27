"""Tables of numbers in CSV and Excel files, whose errors name file, row and column."""

from __future__ import annotations

import csv
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from manifests.errors import BadInput

__all__ = ["parse_whole", "read_named_rows", "read_numbers", "read_whole_numbers", "write_csv"]


def read_numbers(path: Path, widths: Sequence[int]) -> npt.NDArray[np.float32]:
    """A table of numbers without names, from a CSV file or the first sheet of an Excel file.

    A first row of names, or of column numbers as pandas writes them, is left out. A file without a row gives none.

    Args:
        widths: how many columns it may have.

    Returns:
        (rows, columns) float32.

    Raises:
        BadInput: a row has another width, or a cell is no number.
    """
    rows: list[npt.NDArray[np.float32]] = []
    width = 0
    for number, cells in _rows(path):
        if number == 1 and (_is_named(cells) or _is_counted(cells)):
            continue
        width = width or len(cells)
        if len(cells) != width or width not in widths:
            wanted = width if width in widths else " or ".join(map(str, widths))
            raise BadInput(f"{path}, row {number}: {len(cells)} columns where {wanted} are expected.")
        rows.append(_floats(path, number, cells))
    return np.stack(rows) if rows else np.zeros((0, widths[0]), np.float32)


def read_whole_numbers(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, tuple[int, ...]]]:
    """Rows of a CSV file of whole numbers without names, each with its number in the file, from 1.

    Args:
        columns: what each column is, for messages.

    Raises:
        BadInput: a row has another width, or a cell is no whole number.
    """
    for number, cells in _rows(path):
        if number == 1 and _is_named(cells):
            continue
        if len(cells) != len(columns):
            raise BadInput(
                f"{path}, row {number}: {len(cells)} columns where {len(columns)} are expected ({', '.join(columns)})."
            )
        yield (
            number,
            tuple(
                parse_whole(f"{path}, row {number}, column {c}", cell) for c, cell in zip(columns, cells, strict=True)
            ),
        )


def read_named_rows(path: Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV file with names in its first row, each with its number in the file; the first is 2.

    Raises:
        BadInput: a required column is missing, or a row has more or fewer cells than there are names.
    """
    names: list[str] = []
    for number, cells in _rows(path):
        if not names:
            names = [str(cell).strip() for cell in cells]
            if missing := [name for name in required if name not in names]:
                raise BadInput(f"{path}, row 1: no column {', '.join(missing)}. There are {', '.join(names)}.")
            continue
        if len(cells) != len(names):
            raise BadInput(f"{path}, row {number}: {len(cells)} columns where the first row names {len(names)}.")
        yield number, dict(zip(names, map(str, cells), strict=True))


def write_csv(path: Path, rows: Iterable[Sequence[Any]]) -> None:
    """Write rows as a CSV file, lines ended as on Unix."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _rows(path: Path) -> Iterator[tuple[int, Sequence[Any]]]:
    """The rows that are not blank, each with its number in the file, from 1."""
    if path.suffix.lower() == ".xlsx":
        yield from _excel_rows(path)
        return
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            yield from ((reader.line_num, cells) for cells in reader if cells)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not a CSV file in UTF-8 ({error}). Save it as one.") from error


def _excel_rows(path: Path) -> Iterator[tuple[int, Sequence[Any]]]:
    if path.stat().st_size == 0:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles that a program left out
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            try:
                for number, cells in enumerate(book.worksheets[0].iter_rows(values_only=True), 1):
                    if any(cell is not None for cell in cells):
                        yield number, cells
            finally:
                book.close()
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, IndexError, SyntaxError) as error:
        raise BadInput(f"{path}: not a readable Excel file ({error}). Get it anew.") from error


def _is_named(cells: Sequence[Any]) -> bool:
    return sum(_number(cell) is None for cell in cells) > len(cells) / 2


def _is_counted(cells: Sequence[Any]) -> bool:
    """Whether pandas named the columns 0, 1, 2, …; its first cell is empty if an index stands below it."""
    counted = [_number(cell) for cell in (cells[1:] if cells[0] in ("", None) else cells)]
    return len(counted) > 1 and counted == list(range(len(counted)))


def _number(cell: Any) -> float | None:
    try:
        return float(cell)
    except (TypeError, ValueError):
        return None


def _floats(path: Path, number: int, cells: Sequence[Any]) -> npt.NDArray[np.float32]:
    try:
        return np.array(cells, dtype=np.float64).astype(np.float32)
    except (TypeError, ValueError):
        column, cell = next((c, cell) for c, cell in enumerate(cells, 1) if _number(cell) is None)
        shown = "an empty cell" if cell in ("", None) else repr(cell)
        raise BadInput(f"{path}, row {number}, column {column}: {shown} where a number is expected.") from None


def parse_whole(where: str, cell: Any) -> int:
    """A cell as a whole number.

    Raises:
        BadInput: it is none; `where` says which cell it is.
    """
    value = _number(cell)
    if value is None or not value.is_integer():
        shown = "an empty cell" if str(cell).strip() == "" else repr(cell)
        raise BadInput(f"{where}: {shown} is not a whole number. Correct it.")
    return int(value)
