"""forget: take a person, or a video, out of everything in a dataset's folder, and say what that can't reach."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import typer
from rich.text import Text

from manifests.errors import BadInput, explain_write_errors
from manifests.ids import video_id
from manifests.names import holds_phrase
from manifests.opt_out import OPT_OUT_FILE, OptOut, read_opt_outs, write_opt_outs
from manifests.tables import TABLES
from manifests.workspace import Workspace, open_workspace
from mgcollect.options import Dataset, Quiet
from mgcollect.show import console

__all__ = ["ForgetReport", "add_to", "forget_in"]


@dataclass(frozen=True)
class ForgetReport:
    """What was removed, and what could not be.

    Attributes:
        rows: rows that went, by table.
        ledger: entries of the ledger that went or were rewritten.
        files: how many files of pixels, poses and caches went.
        releases: releases that held something of it; they are removed, for a published version never changes.
        left: sentences on what is beyond this folder, or still has to be done.
    """

    rows: dict[str, int]
    ledger: int
    files: int
    releases: tuple[str, ...]
    left: tuple[str, ...]


@dataclass(frozen=True)
class _Gone:
    """Ids and names to forget."""

    players: frozenset[str]
    videos: frozenset[str]
    clips: frozenset[str]
    names: tuple[str, ...]

    @property
    def ids(self) -> frozenset[str]:
        return self.players | self.videos | self.clips

    def named_in(self, text: str) -> bool:
        """Whether a text holds an id or a name."""
        return any(one in text for one in self.ids) or any(holds_phrase(text, name) for name in self.names)

    def clean(self, name: str, data: pa.Table) -> pa.Table:
        """A table without their rows; texts of other rows that hold a name are emptied."""
        columns = (("player_id", self.players), ("video_id", self.videos), ("clip_id", self.clips))
        for column, ids in columns:
            if column in data.schema.names:
                data = data.filter(pc.invert(pc.is_in(data[column], value_set=pa.array(sorted(ids), pa.string()))))
        if not self.names:
            return data
        texts = [f.name for f in data.schema if pa.types.is_string(f.type) and f.nullable]
        if name == "matches":
            named = [self._any(row) for row in zip(data["winner"].to_pylist(), data["loser"].to_pylist(), strict=True)]
            data = data.filter(pa.array([not one for one in named], pa.bool_()))
        for column in texts:
            values = [None if text and self._any((text,)) else text for text in data[column].to_pylist()]
            field = data.schema.field(column)
            data = data.set_column(data.schema.get_field_index(column), field, pa.array(values, field.type))
        return data

    def _any(self, texts: tuple[str, ...]) -> bool:
        return any(holds_phrase(text, name) for text in texts for name in self.names)


def forget_in(workspace: Workspace, *, player: str | None = None, video: str | None = None) -> ForgetReport:
    """Remove a person, or a video, from a dataset, and write a tombstone (by pseudonym and ids, without the name).

    May be killed and run again: the tombstone is written first, and what is gone already is not missed.

    Args:
        player: a pseudonym such as "P0007".
        video: a video_id, or the address it was fetched from.

    Raises:
        BadInput: neither or both are given, or the dataset doesn't know it.
        CannotWrite: the folder is read-only or its disk full.
    """
    gone = _whom(workspace, player, video)
    _write_tombstone(workspace, gone)
    releases = _remove_releases(workspace, gone)
    entries = workspace.ledger.forget(gone.named_in, gone.clean)
    rows = _clean_tables(workspace, gone)
    files = _remove_files(workspace.root, gone)
    left = [
        "Copies of releases and videos that were given out: ask their holders to delete them.",
        "Checkpoints that were trained on this dataset: train them anew from the next release.",
        f"Label Studio: delete the tasks of {len(gone.clips)} clips there ({', '.join(sorted(gone.clips)[:3])} …)."
        if gone.clips
        else "",
        "Player lists outside this folder: take the person out, or a later fetch finds them by name." if player else "",
        "Other releases: build the next version with `mgcollect release build`." if releases else "",
    ]
    left += [f"{path}: still names it; look at it by hand." for path in _named(workspace.root, gone)]
    return ForgetReport(rows, entries, files, releases, tuple(line for line in left if line))


def _whom(workspace: Workspace, player: str | None, video: str | None) -> _Gone:
    if (player is None) == (video is None):
        raise BadInput("Say whom to forget: either --player P0007 or --video ID.")
    videos, clips = (workspace.read(name, everything=True).to_pylist() for name in ("videos", "clips"))
    people = workspace.read("players_private", everything=True).to_pylist()
    known = {row.player_id for row in read_opt_outs(workspace.root / OPT_OUT_FILE)}
    known |= {row["player_id"] for row in (*workspace.read("players", everything=True).to_pylist(), *people, *videos)}
    if player is not None and player not in known:
        raise BadInput(f"--player {player}: the dataset has no such pseudonym. players_private.parquet has the names.")
    players = {player} if player is not None else set()
    ids = {video, video_id(video)} if video is not None else set()
    told = {row["video_id"] for row in videos if row["player_id"] in players or row["video_id"] in ids}
    # What was only half fetched, or not at all, is in the ledger alone.
    for key, item in workspace.ledger.inputs("fetch").items():
        if item.get("player_id") in players or key in ids:
            told.add(key)
    told |= {row.video_id for row in read_opt_outs(workspace.root / OPT_OUT_FILE) if row.video_id in ids}
    if video is not None and not told:
        raise BadInput(f"--video {video}: the dataset has no such video. Give its video_id or its address.")
    of_them = {row["clip_id"] for row in clips if row["video_id"] in told or row["player_id"] in players}
    names = [name for row in people if row["player_id"] in players for name in (row["name"], *row["aliases"])]
    return _Gone(frozenset(players), frozenset(told), frozenset(of_them), tuple(names))


def _write_tombstone(workspace: Workspace, gone: _Gone) -> None:
    path = workspace.root / OPT_OUT_FILE
    rows = [row for row in read_opt_outs(path) if not (row.name and gone.named_in(row.name))]
    rows += [OptOut(player_id=one, note="forgotten") for one in sorted(gone.players)]
    rows += [OptOut(video_id=one, note="forgotten") for one in sorted(gone.videos)]
    write_opt_outs(path, list(dict.fromkeys(rows)))


def _clean_tables(workspace: Workspace, gone: _Gone) -> dict[str, int]:
    counts = {}
    for name in TABLES:
        if name == "poses" or not workspace.has(name):
            continue
        before = workspace.read(name, everything=True)
        after = gone.clean(name, before)
        if not after.equals(before):
            workspace.write(name, after)
        if after.num_rows != before.num_rows:
            counts[name] = before.num_rows - after.num_rows
    return counts


def _remove_releases(workspace: Workspace, gone: _Gone) -> tuple[str, ...]:
    removed = []
    for folder in sorted((workspace.root / "releases").glob("*/")):
        shards = [*folder.glob("data/videos/*.parquet"), *folder.glob("data/players/*.parquet")]
        tables = [pq.read_table(shard) for shard in shards]
        if any(gone.clean("videos", table).num_rows != table.num_rows for table in tables):
            with explain_write_errors(folder):
                shutil.rmtree(folder)
            removed.append(folder.name)
    return tuple(removed)


def _remove_files(root: Path, gone: _Gone) -> int:
    """Every file or folder that is called after a video or a clip: pixels, poses and whatever a stage keeps."""
    removed = 0
    for path in sorted(root.rglob("*"), reverse=True):
        relative = path.relative_to(root).as_posix()
        if any(one in relative for one in gone.videos | gone.clips):
            with explain_write_errors(path):
                if path.is_dir() and not path.is_symlink():
                    path.rmdir()
                else:
                    path.unlink()
                    removed += 1
    return removed


def _named(root: Path, gone: _Gone) -> list[str]:
    """Files that still hold a name or an id in plain bytes; the tombstone is meant to."""
    words = [one.encode() for one in (*gone.names, *gone.ids)]
    left = []
    for path in sorted(path for path in root.rglob("*") if path.is_file() and path.name != OPT_OUT_FILE):
        if path.suffix != ".mp4" and path.name != "ledger.sqlite" and any(word in path.read_bytes() for word in words):
            left.append(path.relative_to(root).as_posix())
    return left


def forget(
    player: Annotated[str | None, typer.Option("--player", help="A person's pseudonym, such as P0007.")] = None,
    video: Annotated[str | None, typer.Option("--video", help="A video_id, or the address of a recording.")] = None,
    dataset: Dataset = Path("dataset"),
    quiet: Quiet = False,
) -> None:
    """Remove a person or a video from a dataset, its files and its releases, and let no rerun bring it back.

    Example:  mgcollect forget --player P0007
    """
    with open_workspace(dataset) as workspace, workspace.working("forget"):
        report = forget_in(workspace, player=player, video=video)
    if quiet:
        return
    rows = ", ".join(f"{name} {count}" for name, count in report.rows.items()) or "none"
    console.print(Text(f"Removed rows: {rows}; {report.ledger} entries of the ledger; {report.files} files."))
    if report.releases:
        console.print(Text(f"Removed releases that held it: {', '.join(report.releases)}."))
    console.print("What this can't reach:")
    for line in report.left:
        console.print(Text(f"  {line}"))


def add_to(app: typer.Typer) -> None:
    """Put this module's command on the command line."""
    app.command()(forget)
