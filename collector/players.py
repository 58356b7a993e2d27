"""The list of players that a user writes, and the pseudonyms under which the tables know them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from manifests.errors import BadPlayerList
from manifests.names import fold_name, holds_phrase, words_of
from manifests.sheets import Sheet, SheetRow, bad_rows, read_sheet, shown_cell
from manifests.tables import TABLES, Row, from_rows, rows_of
from manifests.workspace import Workspace

__all__ = ["Player", "assign_ids", "enrol", "names_in", "read_players"]

_EARLIEST_BIRTH = 1900
_NOTHING = "nothing was fetched"


@dataclass(frozen=True)
class Player:
    """One row of a player list.

    Attributes:
        name: as headlines write it.
        player_id: pseudonym such as "P0007"; None until `enrol` gives one.
        aliases: other spellings; a title that holds one names the player too.
        urls: addresses of videos, or of pages with videos, of this player.
        feeds: channels, playlists and RSS feeds in which titles that name the player are looked for.
        query: what to search for, several separated by `|`; None for the templates of `FindOptions`.
        row: line in the file, the header being 1; 0 where there was no file.
    """

    name: str
    player_id: str | None = None
    gender: str | None = None
    country: str | None = None
    birth_year: int | None = None
    aliases: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    query: str | None = None
    row: int = field(default=0, compare=False)


_COLUMNS = tuple(f.name for f in fields(Player) if f.name != "row")


# --- names -------------------------------------------------------------------------------------------------------------


def names_in(title: str, player: Player) -> bool:
    """Whether all words of the player's name, or of an alias, stand in `title` one after the other."""
    return any(holds_phrase(title, name) for name in (player.name, *player.aliases))


def _may_be_one(a: Player, b: Player) -> bool:
    """Same name, or one's name an alias of the other, and no two birth years that tell them apart."""
    if None not in (a.birth_year, b.birth_year) and a.birth_year != b.birth_year:
        return False
    return not _spellings(a).isdisjoint({fold_name(b.name)}) or not _spellings(b).isdisjoint({fold_name(a.name)})


def _spellings(player: Player) -> set[str]:
    return {fold_name(name) for name in (player.name, *player.aliases)}


# --- reading -----------------------------------------------------------------------------------------------------------


def read_players(path: Path | str) -> list[Player]:
    """Read a player list: CSV in UTF-8 with a header; only the column `name` is needed.

    A cell of `aliases`, `urls` or `feeds` may hold several, separated by `|`.

    Raises:
        BadPlayerList: the file is missing, empty or not UTF-8, or rows are wrong; one message names all of them.
    """
    sheet = read_sheet(Path(path), _COLUMNS, ("name",), error=BadPlayerList, nothing=_NOTHING)
    problems: list[tuple[int, str]] = []
    players = []
    for row in sheet.rows:
        player, wrong = _player(sheet, row)
        problems += [(row.number, text) for text in wrong]
        if player:
            players.append(player)
    problems += _repeats(players)
    if problems:
        raise _bad_rows(sheet.path, problems)
    if not players:
        raise BadPlayerList(f"{path}: no player in it. Write one row a player below the header; {_NOTHING}.")
    return players


def _player(sheet: Sheet, row: SheetRow) -> tuple[Player | None, list[str]]:
    """The row's player, or None and what is wrong with the row."""
    if len(row.cells) > len(sheet.columns):
        return None, [
            f"{len(row.cells)} cells, but {len(sheet.columns)} columns. Put a cell that holds a comma in quotes."
        ]
    cell = dict.fromkeys(_COLUMNS, "") | sheet.named(row)
    wrong = []

    def complain(column: str, problem: str) -> None:
        wrong.append(f'column {column}: "{shown_cell(cell[column])}" {problem}')

    name = " ".join(cell["name"].split())
    if not words_of(name):
        complain("name", "is no name. Write the name as headlines do.")
    if cell["player_id"] and not re.fullmatch(r"P[0-9]{4,9}", cell["player_id"]):
        complain("player_id", "is not a pseudonym. Write P and at least four digits, or leave the cell empty.")
    this_year = datetime.now(UTC).year
    year = int(cell["birth_year"]) if re.fullmatch(r"[0-9]{4}", cell["birth_year"]) else None
    if cell["birth_year"] and year is None:
        complain("birth_year", "is not a year. Write four digits, or leave the cell empty.")
    elif year is not None and not _EARLIEST_BIRTH <= year <= this_year:
        complain("birth_year", f"is not between {_EARLIEST_BIRTH} and {this_year}. Correct it, or leave it empty.")
    for column in ("urls", "feeds"):
        for address in _list(cell[column]):
            if problem := _bad_address(address):
                wrong.append(f'column {column}: "{shown_cell(address)}" {problem}')
    if wrong:
        return None, wrong
    return Player(
        name=name,
        player_id=cell["player_id"] or None,
        gender=cell["gender"] or None,
        country=cell["country"] or None,
        birth_year=year,
        aliases=_list(cell["aliases"]),
        urls=_list(cell["urls"]),
        feeds=_list(cell["feeds"]),
        query=cell["query"] or None,
        row=row.number,
    ), []


def _list(cell: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in cell.split("|") if part.strip()))


def _bad_address(address: str) -> str | None:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a web address."
    if parts.scheme.lower() not in ("http", "https") or not host or re.search(r"[\s\x00-\x1f\x7f]", address):
        return "is not a web address. Write http://… or https://…; several are separated by |."
    if parts.username is not None:
        return "holds a user name or password, which would end up in the tables. Remove it."
    return None


def _repeats(players: list[Player]) -> list[tuple[int, str]]:
    problems = []
    for index, player in enumerate(players):
        for earlier in players[:index]:
            if player.player_id and player.player_id == earlier.player_id:
                problems.append((player.row, f"same player_id {player.player_id} as row {earlier.row}. Change one."))
                break
            if player.player_id is None and earlier.player_id is None and _may_be_one(player, earlier):
                years = {player.birth_year, earlier.birth_year}
                same = "same name and birth year as" if len(years) == 1 and None not in years else "same name as"
                text = f"{same} row {earlier.row} ({_described(earlier)}). Give one of them a player_id."
                problems.append((player.row, text))
                break
    return problems


def _described(player: Player) -> str:
    return f"{player.name}, {player.birth_year}" if player.birth_year else f"{player.name}, no birth year"


def _bad_rows(path: Path | None, problems: list[tuple[int, str]]) -> BadPlayerList:
    return BadPlayerList(str(bad_rows(path, problems, nothing=_NOTHING)))


# --- enrolling ---------------------------------------------------------------------------------------------------------


def assign_ids(players: Sequence[Player], workspace: Workspace) -> list[Player]:
    """The players, each with a pseudonym; writes nothing.

    An id that the list gives is kept. Who is enrolled already keeps the id he has: same name or alias, and no birth year
    that contradicts. The others get the next free ids, in the order of the list.

    Raises:
        BadPlayerList: a given id belongs to somebody else, or two enrolled people could be meant.
    """
    enrolled = _enrolled(workspace)
    by_id = {player.player_id: player for player in enrolled}
    claimed = {player.player_id for player in players if player.player_id}
    problems = []
    found: list[Player | None] = []
    for player in players:
        if player.player_id:
            holder = by_id.get(player.player_id)
            if holder and not _may_be_one(player, holder):
                problems.append(
                    (
                        player.row,
                        f"player_id {player.player_id} was given to {_described(holder)} before. Give {player.name} "
                        "another; to correct a spelling, keep the earlier one among the aliases.",
                    )
                )
            found.append(player)
            continue
        same = [other for other in enrolled if other.player_id not in claimed and _may_be_one(player, other)]
        if len(same) > 1:
            ids = ", ".join(str(other.player_id) for other in same)
            problems.append(
                (player.row, f"{_described(player)} may be any of {ids}. Write the player_id that is meant.")
            )
        if same:
            claimed.add(str(same[0].player_id))
        found.append(replace(player, player_id=same[0].player_id) if same else None)
    if problems:
        raise _bad_rows(None, problems)
    free = _free_ids(claimed | by_id.keys())
    return [known or replace(player, player_id=next(free)) for player, known in zip(players, found, strict=True)]


def enrol(players: Sequence[Player], workspace: Workspace) -> list[Player]:
    """Give the players pseudonyms (`assign_ids`) and add them to the tables `players` and `players_private`.

    A second list adds people, and adds to what is known of a person; it never drops anything.

    Returns:
        The players in the order given, each with a player_id.

    Raises:
        BadPlayerList: as `assign_ids`; nothing was written.
        Unavailable: another process enrols players.
        CannotWrite: the folder is read-only or its disk full.
    """
    with workspace.working("players"):
        players = assign_ids(players, workspace)
        standing = rows_of(workspace.read("players", everything=True))
        opted_out = {row["player_id"] for row in standing if row["opt_out"]}
        people = {str(player.player_id): player for player in _enrolled(workspace)}
        for player in players:
            assert player.player_id is not None
            people[player.player_id] = _merged(people.get(player.player_id), player)
        # The private table first: should the program die between the two, the name still finds its id again.
        workspace.write("players_private", from_rows(TABLES["players_private"], _private_rows(people)))
        workspace.write("players", from_rows(TABLES["players"], _public_rows(people, opted_out)))
    return players


def _enrolled(workspace: Workspace) -> list[Player]:
    public = {row["player_id"]: row for row in rows_of(workspace.read("players"))}
    people = []
    for row in rows_of(workspace.read("players_private")):
        known = public.get(row["player_id"], {})
        people.append(
            Player(
                name=row["name"],
                player_id=row["player_id"],
                gender=known.get("gender"),
                country=known.get("country"),
                birth_year=known.get("birth_year"),
                aliases=tuple(row["aliases"]),
                urls=tuple(row["urls"]),
                feeds=tuple(row["feeds"]),
                query=row["query"],
            )
        )
    return people


def _merged(old: Player | None, new: Player) -> Player:
    if old is None:
        return new

    def both(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*a, *b)))

    return replace(
        new,
        gender=new.gender or old.gender,
        country=new.country or old.country,
        birth_year=new.birth_year or old.birth_year,
        # An earlier spelling stays an alias, so that the next list finds the person by it.
        aliases=both(old.aliases, new.aliases if old.name == new.name else (*new.aliases, old.name)),
        urls=both(old.urls, new.urls),
        feeds=both(old.feeds, new.feeds),
        query=new.query or old.query,
    )


def _private_rows(people: dict[str, Player]) -> list[Row]:
    return [
        {
            "player_id": key,
            "name": person.name,
            "aliases": list(person.aliases),
            "urls": list(person.urls),
            "feeds": list(person.feeds),
            "query": person.query,
        }
        for key, person in people.items()
    ]


def _public_rows(people: dict[str, Player], opted_out: set[str]) -> list[Row]:
    return [
        {
            "player_id": key,
            "gender": person.gender,
            "country": person.country,
            "birth_year": person.birth_year,
            "opt_out": key in opted_out,
        }
        for key, person in people.items()
    ]


def _free_ids(taken: set[str | None]) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        if (key := f"P{number:04d}") not in taken:
            yield key
