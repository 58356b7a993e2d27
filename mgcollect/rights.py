"""forget: take a person, or a video, out of everything in a dataset's folder, and say what that can't reach."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import typer
from rich.text import Text

from manifests.errors import BadInput, MgcollectError, explain_write_errors
from manifests.ids import video_id
from manifests.names import holds_phrase
from manifests.opt_out import OPT_OUT_FILE, OptOut, read_opt_outs, showing_the_same, write_opt_outs
from manifests.tables import TABLES
from manifests.workspace import Workspace, open_workspace
from mgcollect.derived import Forgotten, forget_derived, texts_in
from mgcollect.options import Dataset, Quiet
from mgcollect.show import console

if TYPE_CHECKING:
    from annotate.server import Address

__all__ = ["ForgetReport", "add_to", "forget_in"]


@dataclass(frozen=True)
class ForgetReport:
    """What was removed, and what could not be.

    Attributes:
        rows: rows that went, by table.
        ledger: entries of the ledger that went or were rewritten.
        files: how many files of pixels, poses and caches went.
        derived: prepared stores, rows of further files, and checkpoints that were trained on them.
        tasks: tasks that went from Label Studio; None where it couldn't be asked.
        releases: releases that held something of it; they are removed, for a published version never changes.
        left: sentences on what is beyond this folder, or still has to be done.
    """

    rows: dict[str, int]
    ledger: int
    files: int
    derived: Forgotten
    tasks: int | None
    releases: tuple[str, ...]
    left: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """1 where Label Studio or a store of films couldn't be reached: the command has to be run again."""
        return 1 if any(line.startswith(_AGAIN) for line in self.left) else 0


@dataclass(frozen=True)
class _Gone:
    """Ids and names to forget."""

    players: frozenset[str]
    videos: frozenset[str]
    clips: frozenset[str]
    gestures: frozenset[str]
    names: tuple[str, ...]

    @property
    def ids(self) -> frozenset[str]:
        return self.players | self.videos | self.clips | self.gestures

    def named_in(self, text: str) -> bool:
        """Whether a text holds an id or a name; P0007 doesn't stand in P00071."""
        return bool(self._any_id.search(text)) or any(holds_phrase(text, name) for name in self.names)

    @cached_property
    def _any_id(self) -> re.Pattern[str]:
        ids = "|".join(re.escape(one) for one in sorted(self.ids))
        return re.compile(rf"(?<![A-Za-z0-9])(?:{ids})(?![A-Za-z0-9])")

    def clean(self, name: str, data: pa.Table) -> pa.Table:
        """A table without their rows; texts of other rows that hold a name are emptied."""
        columns = {"player_id": self.players, "clip_id": self.clips}
        columns |= dict.fromkeys(("video_id", "other_video_id", "kept_video_id"), self.videos)
        for column, ids in columns.items():
            if column in data.schema.names:
                data = data.filter(pc.invert(pc.is_in(data[column], value_set=pa.array(sorted(ids), pa.string()))))
        texts = [f.name for f in data.schema if pa.types.is_string(f.type) and f.nullable]
        if name == "matches":
            named = [self._any(row) for row in zip(data["winner"].to_pylist(), data["loser"].to_pylist(), strict=True)]
            data = data.filter(pa.array([not one for one in named], pa.bool_()))
        for column in texts:
            values = [None if text and self.named_in(text) else text for text in data[column].to_pylist()]
            field = data.schema.field(column)
            data = data.set_column(data.schema.get_field_index(column), field, pa.array(values, field.type))
        return data

    def _any(self, texts: tuple[str, ...]) -> bool:
        return any(holds_phrase(text, name) for text in texts for name in self.names)


def forget_in(
    workspace: Workspace, *, player: str | None = None, video: str | None = None, address: Address | None = None
) -> ForgetReport:
    """Remove a person, or a video, from a dataset, and write a tombstone (by pseudonym and ids, without the name).

    May be killed and run again: the tombstone is written first, and what is gone already is not missed.

    Args:
        player: a pseudonym such as "P0007".
        video: a video_id, or the address it was fetched from.
        address: of the Label Studio where the dataset was annotated; not asked unless given.

    Raises:
        BadInput: neither or both are given, or the dataset doesn't know it.
        CannotWrite: the folder is read-only or its disk full.
    """
    gone = _whom(workspace, player, video)
    linked = showing_the_same(gone.videos, workspace.read("duplicates", everything=True)) - gone.videos
    _write_tombstone(workspace, gone, linked)
    releases = _remove_releases(workspace, gone)
    derived = forget_derived(workspace.root, gone.named_in)
    entries = workspace.ledger.forget(gone.named_in, gone.clean)
    rows = _clean_tables(workspace, gone)
    files = _remove_files(workspace.root, gone)
    tasks, said = _withdraw(gone, address)
    said += _remove_films(workspace, gone)
    left = [
        "Copies of releases and videos that were given out: ask their holders to delete them.",
        "Checkpoints outside this folder that were trained on this dataset: train them anew from the next release.",
        *said,
        "Player lists outside this folder: take the person out, or a later fetch finds them by name." if player else "",
        *(
            f"Video {one} shows the same. Nobody sees it any more; to remove it: `--video {one}`."
            for one in sorted(linked)
        ),
        "Other releases: build the next version with `mgcollect release build`." if releases else "",
        *(f"{path} was trained on them: train it anew, then delete it." for path in derived.checkpoints),
        *(f"{path}: still names it; look at it by hand." for path in _named(workspace.root, gone)),
    ]
    return ForgetReport(rows, entries, files, derived, tasks, releases, tuple(line for line in left if line))


_AGAIN = ("Label Studio could not be asked", "The store of films could not be asked")


def _withdraw(gone: _Gone, address: Address | None) -> tuple[int | None, list[str]]:
    """Take their tasks out of Label Studio; what can't be done is said, and doesn't undo what was done here."""
    from annotate.server import KEY, URL, connect
    from annotate.withdraw import withdraw

    if address is None:
        return None, [f"Label Studio: set {URL} and {KEY} and run this again, if clips were ever annotated there."]
    try:
        with connect(address) as server:
            done = withdraw(server, gone.clips, gone.videos)
    except MgcollectError as error:
        return None, [f"{_AGAIN[0]} ({error}) Run the same command again when it can."]
    return done.tasks, [f"Backups and logs of Label Studio at {address.url}, and the free pages of its database."]


def _remove_films(workspace: Workspace, gone: _Gone) -> list[str]:
    """Delete what `annotate push --films` copied elsewhere; what is left to do is said."""
    from annotate.crowd_design import read_design
    from annotate.films import S3Films, WebFilms, film_store

    store = film_store(read_design(workspace).films)
    if isinstance(store, WebFilms):
        folders = ", ".join(f"clips/{one} and windows/{one}" for one in sorted(gone.videos))
        return [f"Films at {store.url}: delete {folders} there."]
    if not isinstance(store, S3Films):
        return []
    try:
        count = store.remove(lambda path: any(one in path for one in gone.videos | gone.clips))
    except MgcollectError as error:
        return [f"{_AGAIN[1]} ({error}) Run the same command again when it can."]
    return [f"Older versions of {count} films that were deleted from {store.name}, where its bucket keeps such."]


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
    for row in read_opt_outs(workspace.root / OPT_OUT_FILE):
        # What was forgotten with a person is known by the tombstone, where a run has to be finished.
        if row.video_id in ids or (row.video_id and player is not None and row.note == _note(player)):
            told.add(row.video_id)
    if video is not None and not told:
        raise BadInput(f"--video {video}: the dataset has no such video. Give its video_id or its address.")
    of_them = {row["clip_id"] for row in clips if row["video_id"] in told or row["player_id"] in players}
    marked = workspace.read("gestures", everything=True).select(["gesture_id", "clip_id"]).to_pylist()
    gestures = {row["gesture_id"] for row in marked if row["clip_id"] in of_them}
    names = [name for row in people if row["player_id"] in players for name in (row["name"], *row["aliases"])]
    return _Gone(frozenset(players), frozenset(told), frozenset(of_them), frozenset(gestures), tuple(names))


def _write_tombstone(workspace: Workspace, gone: _Gone, linked: set[str]) -> None:
    path = workspace.root / OPT_OUT_FILE
    rows = [row for row in read_opt_outs(path) if not (row.name and gone.named_in(row.name))]
    rows += [OptOut(player_id=one, note="forgotten") for one in sorted(gone.players)]
    listed = {row.video_id for row in rows}
    notes = [_note(one) for one in sorted(gone.players)] or ["forgotten"]
    rows += [OptOut(video_id=one, note=notes[0]) for one in sorted(gone.videos - listed)]
    rows += [OptOut(video_id=one, note="shows what was forgotten") for one in sorted(linked - listed)]
    write_opt_outs(path, list(dict.fromkeys(rows)))


def _note(player: str) -> str:
    return f"forgotten with {player}"


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
        # A build that was killed left what no table tells the content of; the next build starts anew anyhow.
        half = folder.name.startswith(".") and folder.name.endswith(".partial")
        if half or any(gone.clean("videos", table).num_rows != table.num_rows for table in tables):
            with explain_write_errors(folder):
                shutil.rmtree(folder)
            if not half:
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
    for report in sorted(path for path in (root / "reports").rglob("*") if path.is_file()):
        if gone.named_in(report.read_text(encoding="utf-8", errors="replace")):
            with explain_write_errors(report):
                report.unlink()  # it shows or lists them; the command that wrote it writes it anew
            removed += 1
    return removed


def _named(root: Path, gone: _Gone) -> list[str]:
    """Files that still hold a name or an id, in plain bytes or packed in Parquet; the tombstone is meant to."""
    words = [one.encode() for one in (*gone.names, *gone.players, *gone.videos, *gone.clips)]
    left = []
    for path in sorted(path for path in root.rglob("*") if path.is_file() and path.name != OPT_OUT_FILE):
        if path.suffix in (".mp4", ".f32") or path.name.startswith("ledger.sqlite"):
            continue
        packed = path.suffix == ".parquet" and any(gone.named_in(text) for text in texts_in(path))
        if packed or any(word in path.read_bytes() for word in words):
            left.append(path.relative_to(root).as_posix())
    return left


def forget(
    player: Annotated[str | None, typer.Option("--player", help="A person's pseudonym, such as P0007.")] = None,
    video: Annotated[str | None, typer.Option("--video", help="A video_id, or the address of a recording.")] = None,
    dataset: Dataset = Path("dataset"),
    quiet: Quiet = False,
) -> None:
    """Remove a person or a video from a dataset, its files, its releases and Label Studio, and let no rerun bring it back.

    Label Studio is asked where LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY are set.

    Example:  mgcollect forget --player P0007
    """
    from annotate.server import URL, address_from_env

    address = address_from_env() if os.environ.get(URL, "").strip() else None
    with open_workspace(dataset) as workspace, workspace.working("forget"):
        report = forget_in(workspace, player=player, video=video, address=address)
    if not quiet:
        _show(report)
    raise typer.Exit(report.exit_code)


def _show(report: ForgetReport) -> None:
    rows = ", ".join(f"{name} {count}" for name, count in report.rows.items()) or "none"
    console.print(Text(f"Removed rows: {rows}; {report.ledger} entries of the ledger; {report.files} files."))
    if report.releases:
        console.print(Text(f"Removed releases that held it: {', '.join(report.releases)}."))
    if report.derived.stores or report.derived.rows:
        stores = ", ".join(report.derived.stores) or "none"
        console.print(Text(f"Removed prepared stores: {stores}; {report.derived.rows} rows of further Parquet files."))
    if report.tasks is not None:
        console.print(Text(f"Removed from Label Studio: {report.tasks} tasks, with what was annotated on them."))
    console.print("What this can't reach, or what is left to do:")
    for line in report.left:
        console.print(Text(f"  {line}"))


def add_to(app: typer.Typer) -> None:
    """Put this module's command on the command line."""
    app.command()(forget)
