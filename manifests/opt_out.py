"""Who and what opted out: a list in the dataset's folder that anybody may write, and that every reader of a table honours.

`opt_out.csv` has one row a person or video. A person is told by `player_id` or by `name` (also one whom no player list has
yet), a video by `video_id` or by `url`. Whoever is meant by a row in doubt is left out: two people of one name both are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from manifests.ids import video_id
from manifests.names import words_of
from manifests.parquet import write_text
from manifests.sheets import bad_rows, read_sheet
from manifests.tables import rows_of

__all__ = [
    "OPT_OUT_FILE",
    "OptOut",
    "OptedOut",
    "read_opt_outs",
    "resolve",
    "showing_the_same",
    "without",
    "write_opt_outs",
]

OPT_OUT_FILE = "opt_out.csv"
_NOTHING = "nothing was done, for nobody's wish may be overlooked"
_LONG_ENOUGH = 6  # letters of a platform's id that can't be another part of an address by chance


@dataclass(frozen=True)
class OptOut:
    """One row of the list: a person or a video, told by one of the first four columns.

    Attributes:
        note: the list's keeper's own, such as the day of the letter.
    """

    player_id: str = ""
    name: str = ""
    video_id: str = ""
    url: str = ""
    note: str = ""


@dataclass(frozen=True)
class OptedOut:
    """Ids of those who opted out, of their videos, of videos that did by themselves or show the same, and of their clips.

    Attributes:
        names: folded names of people on the list, for people whom no list had until now.
    """

    players: frozenset[str] = frozenset()
    videos: frozenset[str] = frozenset()
    clips: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.players or self.videos or self.names)

    def covers(self, item: Mapping[str, object]) -> bool:
        """Whether an item of a stage is of one who opted out, by the ids that it has."""
        ids = {"player_id": self.players, "video_id": self.videos, "clip_id": self.clips}
        return any(item.get(column) in gone for column, gone in ids.items())


_COLUMNS = tuple(field.name for field in fields(OptOut))
_TELLING = _COLUMNS[:4]


def read_opt_outs(path: Path) -> list[OptOut]:
    """Read a list; without a file, nobody opted out.

    Raises:
        BadInput: rows are wrong; one message names all of them.
    """
    if not path.exists():
        return []
    sheet = read_sheet(path, _COLUMNS, (), nothing=_NOTHING)
    problems, found = [], []
    for row in sheet.rows:
        one = OptOut(**sheet.named(row))
        if len(row.cells) > len(sheet.columns):
            problems.append((row.number, f"{len(row.cells)} cells, but {len(sheet.columns)} columns."))
        elif problem := _problem(one):
            problems.append((row.number, problem))
        found.append(one)
    if problems:
        raise bad_rows(path, problems, nothing=_NOTHING)
    return found


def write_opt_outs(path: Path, rows: Sequence[OptOut]) -> None:
    """Replace the list; it is for its owner alone, because it names people.

    Raises:
        CannotWrite: the folder is read-only or its disk full.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([getattr(row, column) for column in _COLUMNS] for row in rows)
    write_text(path, text.getvalue(), private=True)


def resolve(listed: Sequence[OptOut], read: Callable[[str], pa.Table]) -> OptedOut:
    """Whom a list means in a dataset.

    Args:
        read: gives a table of the dataset whole.
    """
    players = {row["player_id"] for row in rows_of(read("players")) if row["opt_out"]}
    if not listed and not players:
        return OptedOut()
    names = frozenset(words_of(row.name) for row in listed if row.name)
    players |= {row.player_id for row in listed if row.player_id}
    if names:
        for person in rows_of(read("players_private")):
            if not names.isdisjoint(words_of(name) for name in (person["name"], *person["aliases"])):
                players.add(person["player_id"])
    videos = {row.video_id for row in listed if row.video_id} | {video_id(row.url) for row in listed if row.url}
    urls = [row.url for row in listed if row.url]
    for video in rows_of(read("videos").select(["video_id", "player_id", "source_url", "platform_id"])):
        if video["player_id"] in players or any(_is_at(video, url) for url in urls):
            videos.add(video["video_id"])
    videos = showing_the_same(videos, read("duplicates"))
    clips = {
        row["clip_id"]
        for row in rows_of(read("clips").select(["clip_id", "video_id", "player_id"]))
        if row["video_id"] in videos or row["player_id"] in players
    }
    return OptedOut(frozenset(players), frozenset(videos), frozenset(clips), names)


def without(name: str, data: pa.Table, gone: OptedOut) -> pa.Table:
    """A table without the rows of those who opted out; `players` keeps its rows, marked."""
    if not gone:
        return data
    if name == "players":
        marked = pc.or_(data["opt_out"], _is_in(data["player_id"], gone.players))
        return data.set_column(data.schema.get_field_index("opt_out"), data.schema.field("opt_out"), marked)
    if name == "players_private":
        return data
    for column, ids in (("player_id", gone.players), ("video_id", gone.videos), ("clip_id", gone.clips)):
        if column in data.schema.names:
            data = data.filter(pc.invert(_is_in(data[column], ids)))
    return data


def _problem(row: OptOut) -> str | None:
    told = [column for column in _TELLING if getattr(row, column)]
    if not told:
        return f"nobody is told. Write one of {', '.join(_TELLING)}."
    if row.name and not words_of(row.name):
        return f'column name: "{row.name}" is no name.'
    if row.player_id and not re.fullmatch(r"P[0-9]{4,9}", row.player_id):
        return f'column player_id: "{row.player_id}" is not a pseudonym such as P0007.'
    if row.url and not re.match(r"https?://[^/\s]", row.url):
        return f'column url: "{row.url}" is not a web address.'
    return None


def showing_the_same(videos: AbstractSet[str], links: pa.Table) -> set[str]:
    """The videos, those that the duplicates table links to one of them, those that it links to these, and so on."""
    pairs = [(row["video_id"], row["other_video_id"]) for row in rows_of(links.select(["video_id", "other_video_id"]))]
    found = set(videos)
    while more := {video for pair in pairs if not found.isdisjoint(pair) for video in pair} - found:
        found |= more
    return found


def _is_at(video: Mapping[str, str | None], url: str) -> bool:
    """Whether a video is at an address, also where the address is written in another of its platform's forms."""
    if video["source_url"] == url:
        return True
    key = video["platform_id"] or ""
    return len(key) >= _LONG_ENOUGH and key in re.split(r"[/?&=#]", url)


def _is_in(column: pa.ChunkedArray, ids: frozenset[str]) -> pa.ChunkedArray:
    return pc.is_in(column, value_set=pa.array(sorted(ids), pa.string()))
