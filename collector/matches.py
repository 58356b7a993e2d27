"""Public tables of tennis matches, with the columns of the widely used ATP and WTA tables, as one table of matches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from manifests.errors import BadInput
from manifests.sheets import Sheet, SheetRow, bad_rows, read_sheet, shown_cell
from manifests.tables import TABLES, Row, from_rows, rows_of
from manifests.workspace import Workspace

__all__ = ["add_matches", "read_matches"]

_NEEDED = ("tourney_name", "tourney_date", "winner_name", "loser_name")
_COLUMNS = (*_NEEDED, "round", "draw_size", "score")
_NOTHING = "no match was taken"
# A walkover is no match: nobody won or lost anything on court.
_NOT_PLAYED = re.compile(r"w/?o|walkover", re.IGNORECASE)


def read_matches(path: Path) -> list[Row]:
    """Rows of the `matches` table of one CSV file; columns that are not needed are left unread, walkovers left out.

    A file needs tourney_name, tourney_date (20240506 or 2024-05-06, the event's first day), winner_name and loser_name;
    round, draw_size (without which nobody knows what a "second round" is) and score may be there.

    Raises:
        BadInput: a column is missing or cells are wrong; one message names all of them.
    """
    sheet = read_sheet(path, _COLUMNS, _NEEDED, others=True, nothing=_NOTHING)
    problems: list[tuple[int, str]] = []
    found = []
    for row in sheet.rows:
        match, wrong = _match(sheet, row)
        problems += [(row.number, text) for text in wrong]
        if match:
            found.append(match)
    if problems:
        raise bad_rows(path, problems, nothing=_NOTHING)
    return found


def add_matches(workspace: Workspace, paths: Sequence[Path]) -> list[Row]:
    """Put files into the dataset's table of matches; a file of a name that it has already replaces that one's rows.

    Returns:
        All matches of the dataset, each once.

    Raises:
        BadInput: rows of a file are wrong, or two files have one name; nothing was taken.
    """
    names = [path.name for path in paths]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise BadInput(f"--matches: two files are called {repeated}. Rename one; the dataset tells them by name.")
    new = [row for path in paths for row in read_matches(path)]
    with workspace.working("outcomes"):
        kept = [row for row in rows_of(workspace.read("matches")) if row["source"] not in names]
        if paths:
            workspace.write("matches", from_rows(TABLES["matches"], kept + new))
    facts = ("event", "date", "round", "winner", "loser")
    return list({tuple(row[fact] for fact in facts): row for row in kept + new}.values())


def _match(sheet: Sheet, row: SheetRow) -> tuple[Row | None, list[str]]:
    if len(row.cells) > len(sheet.columns):
        return None, [f"{len(row.cells)} cells, but {len(sheet.columns)} columns."]
    cell = sheet.named(row)
    wrong = [f"column {name}: the cell is empty." for name in _NEEDED if not cell[name]]
    day = _day(cell["tourney_date"])
    if cell["tourney_date"] and day is None:
        wrong.append(
            f'column tourney_date: "{shown_cell(cell["tourney_date"])}" is not a day. Write 20240506 or 2024-05-06.'
        )
    size = cell.get("draw_size", "")
    if size and not (re.fullmatch(r"[0-9]{1,4}(\.0)?", size) and float(size) >= 2):
        wrong.append(f'column draw_size: "{shown_cell(size)}" is no number of players. Correct it, or leave it empty.')
    if wrong or day is None or _NOT_PLAYED.search(cell.get("score", "")):
        return None, wrong
    return {
        "source": sheet.path.name,
        "row": row.number,
        "event": cell["tourney_name"],
        "date": day,
        "round": cell.get("round") or None,
        "draw_size": int(float(size)) if size else None,
        "winner": cell["winner_name"],
        "loser": cell["loser_name"],
    }, []


def _day(text: str) -> date | None:
    if not re.fullmatch(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}", text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
