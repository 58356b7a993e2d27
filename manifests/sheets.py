"""A list that a user wrote, as CSV in UTF-8 with a header. What is wrong is said by file, row and column, all in one message."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from manifests.errors import BadInput

__all__ = ["Sheet", "SheetRow", "bad_rows", "read_sheet", "shown_cell"]


@dataclass(frozen=True)
class SheetRow:
    """One row of a sheet.

    Attributes:
        number: line on which it starts, the header being 1.
        cells: as they stand, stripped; empty ones at the row's end are dropped.
    """

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Sheet:
    """A sheet: its columns' names in lower case, and the rows that aren't blank."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[SheetRow, ...]

    def named(self, row: SheetRow) -> dict[str, str]:
        """The row's cells by column; those it lacks are empty."""
        return dict.fromkeys(self.columns, "") | dict(zip(self.columns, row.cells, strict=False))


def read_sheet(
    path: Path,
    columns: Sequence[str],
    needed: Sequence[str],
    *,
    others: bool = False,
    error: type[BadInput] = BadInput,
    nothing: str = "nothing was done",
) -> Sheet:
    """Read a user's sheet.

    Args:
        columns: those that one may write.
        needed: those that must be there.
        others: further columns are left unread; otherwise they are wrong.
        error: what is raised.
        nothing: what wasn't done because of it.

    Raises:
        BadInput: `error`: the file is missing, empty, not UTF-8 or no CSV, or its header is wrong.
    """
    try:
        rows = list(_rows(_text(path, columns, nothing)))
        header = rows[0] if rows else SheetRow(1, ())
        names = tuple(name.lower() for name in header.cells)
        if not names:
            raise BadInput(f"{path} is empty. Write a header with the columns {', '.join(columns)}.")
        if wrong := list(_wrong_header(names, columns, needed, others)):
            raise bad_rows(path, [(header.number, text) for text in wrong], nothing=nothing)
    except _NotCsv as problem:
        raise error(
            f"{path}, row {problem.row}: not CSV ({problem}). A quote inside a quoted cell is written twice, "
            f"and every quoted cell needs its closing quote. {nothing.capitalize()}."
        ) from problem
    except BadInput as problem:
        raise error(str(problem)) from problem
    return Sheet(path, names, tuple(rows[1:]))


class _NotCsv(Exception):
    def __init__(self, reason: object, row: int) -> None:
        super().__init__(str(reason))
        self.row = row


def _text(path: Path, columns: Sequence[str], nothing: str) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file. Write one with the columns {', '.join(columns)}.") from None
    except IsADirectoryError:
        raise BadInput(f"{path} is a folder. Name the CSV file in it.") from None
    except OSError as error:
        raise BadInput(f"{path} can't be read ({error.strerror}).") from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # One more letter, or a break at the very end would hide the row that comes after it.
        row = len((data[: error.start] + b"x").splitlines())
        raise BadInput(
            f"{path}, row {row}: byte 0x{data[error.start]:02X} is not UTF-8; the file was saved in another encoding "
            '(Latin-1, perhaps). In Excel save it as "CSV UTF-8", in LibreOffice choose the character set UTF-8, '
            f"or run `iconv -f latin1 -t utf-8 {path.name} > {path.stem}-utf8.csv`. {nothing.capitalize()}."
        ) from error


def _rows(text: str) -> Iterator[SheetRow]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    row = 1
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            while stripped and not stripped[-1]:
                stripped.pop()
            if stripped:
                yield SheetRow(row, tuple(stripped))
            row = reader.line_num + 1
    except csv.Error as error:
        raise _NotCsv(error, row) from error


def _wrong_header(names: Sequence[str], columns: Sequence[str], needed: Sequence[str], others: bool) -> Iterator[str]:
    if len(names) == 1 and (mark := next((mark for mark in ";\t" if mark in names[0]), None)):
        shown = "tabs" if mark == "\t" else repr(mark)
        yield f"the cells are separated by {shown}. Save the file with commas."
        return
    for name in names:
        if name not in columns and not others:
            near = get_close_matches(name, columns, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"The columns are {', '.join(columns)}."
            yield f'unknown column "{shown_cell(name)}". {hint}'
    for name in columns:
        if names.count(name) > 1:
            yield f"column {name} stands there {names.count(name)} times. Keep one."
        if name in needed and name not in names:
            only = " It is the only one that must be there." if len(needed) == 1 else ""
            yield f"column {name} is missing.{only}"


def bad_rows(
    path: Path | None, problems: Sequence[tuple[int, str]], *, what: str = "players", nothing: str
) -> BadInput:
    """One message about all wrong rows, in their order, as (row, what is wrong); a text may begin with "column NAME: ".

    Args:
        what: stands for the file where there was none.
        nothing: what wasn't done because of them.
    """
    lines = []
    for row, text in sorted(problems):
        where = f"{path.name if path else what}, row {row}"
        lines.append(f"{where}, {text}" if text.startswith("column ") and ": " in text else f"{where}: {text}")
    count = len({row for row, _ in problems})
    lines.append(f"{count} {'row is' if count == 1 else 'rows are'} wrong; {nothing}.")
    return BadInput("\n".join(lines))


def shown_cell(cell: str) -> str:
    """A cell as a message shows it: it may hold a line break or a terminal's control sequence, or be long."""
    printable = "".join(letter if letter.isprintable() else "�" for letter in cell)
    return printable if len(printable) <= 80 else printable[:79] + "…"
