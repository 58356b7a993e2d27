"""Which videos a run has to do with: those it finds, and those that an earlier run found and no feed shows any more."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tqdm import tqdm

from collector.manners import Manners
from collector.players import Player
from collector.session import Session
from collector.sources import Candidate, FindOptions, canonical_url, find_videos, look_up_keys
from manifests.ids import video_id
from manifests.names import words_of
from manifests.opt_out import OPT_OUT_FILE, OptedOut, OptOut, read_opt_outs, write_opt_outs
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["asking", "discover", "items_to_fetch", "note_opt_outs", "remember_ways"]

_OPTED_OUT = "opted out"


@contextmanager
def asking(workspace: Workspace, manners: Manners) -> Iterator[Session]:
    """A session for one run, which is the only one that asks the network for this dataset.

    Its notes are in the dataset's folder, where workers on other machines see them too.

    Raises:
        Unavailable: another process asks.
    """
    notes = workspace.root.resolve() / ".hosts"
    with workspace.working("asking the network"):
        shutil.rmtree(notes, ignore_errors=True)  # a killed run's
        notes.mkdir()
        try:
            yield Session(notes, manners)
        finally:
            shutil.rmtree(notes, ignore_errors=True)


def note_opt_outs(workspace: Workspace, more: Sequence[OptOut]) -> None:
    """Add to the dataset's list, and give its addresses the ids of their videos, whichever way they are written.

    Raises:
        BadInput: rows of the list are wrong.
    """
    path = workspace.root / OPT_OUT_FILE
    standing = read_opt_outs(path)
    rows = list(dict.fromkeys(map(_with_id, [*standing, *more])))
    if rows != standing:
        write_opt_outs(path, rows)


def _with_id(row: OptOut) -> OptOut:
    return replace(row, video_id=video_id(canonical_url(row.url))) if row.url and not row.video_id else row


def discover(
    players: Sequence[Player],
    workspace: Workspace,
    options: FindOptions,
    session: Session,
    *,
    opt_outs: Sequence[OptOut] = (),
    only: Collection[str] | None = None,
    quiet: bool = False,
) -> list[Candidate]:
    """Look for the players' videos. Nobody is asked about a player who opted out.

    Args:
        opt_outs: who is to be left besides those on the dataset's list.
        only: as `find_videos` takes it.
    """
    settled = {key for key, entry in workspace.ledger.entries("fetch").items() if entry.state == "ok"}
    gone = _opted_out(workspace, opt_outs)
    found: list[Candidate] = []
    taken: dict[str, int] = {}  # where the one who has a video stands in `found`
    for player in tqdm(players, desc="looking for videos", unit="player", disable=quiet or None):
        if _is_gone(player, gone):
            # The addresses that the list gives are in the count, as skipped.
            found += [_left(player, url) for url in player.urls]
            continue
        for candidate in find_videos(player, options, session, settled, only):
            if candidate.video_id in gone.videos:
                candidate = replace(candidate, leave=_OPTED_OUT)
            elif candidate.leave is None and candidate.failure is None:
                # A video has one row: the first player's who finds it. It remembers the others' ways too.
                at = taken.setdefault(candidate.url, len(found))
                if at < len(found):
                    first = found[at]
                    found[at] = replace(first, found_by=_joined(first.found_by, candidate.found_by))
                    candidate = replace(candidate, leave=f"it was found for {first.player_id} already")
            found.append(candidate)
    return found


def _joined(some: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*some, *others)))


def _opted_out(workspace: Workspace, more: Sequence[OptOut]) -> OptedOut:
    """Who is on the dataset's list, also by an address that is written otherwise, and `more`."""
    gone = workspace.opted_out()
    listed = [_with_id(row) for row in (*read_opt_outs(workspace.root / OPT_OUT_FILE), *more)]
    return OptedOut(
        gone.players | {row.player_id for row in more if row.player_id},
        gone.videos | {row.video_id for row in listed},
        names=gone.names | {words_of(row.name) for row in more if row.name},
    )


def _is_gone(player: Player, gone: OptedOut) -> bool:
    names = {words_of(name) for name in (player.name, *player.aliases)}
    return player.player_id in gone.players or not names.isdisjoint(gone.names)


def _left(player: Player, url: str) -> Candidate:
    return Candidate(canonical_url(url), found_by=(f"url {url}",), player_id=player.player_id, leave=_OPTED_OUT)


def items_to_fetch(
    players: Sequence[Player],
    candidates: Sequence[Candidate],
    workspace: Workspace,
    options: FindOptions,
    *,
    only: Collection[str] | None = None,
) -> list[Row]:
    """The stage's input: what was found now and is not left, and what these players' earlier runs found besides.

    Takes out of the ledger what this run knows better: feeds and searches that failed then and not now; and, unless only
    some ways were followed, what was skipped then and is found now, because its date or somebody's wish may have changed.

    Args:
        only: the ways that were followed, as `find_videos` takes them.
    """
    entries = workspace.ledger.entries("fetch")
    kept = workspace.ledger.inputs("fetch")
    items = [_item(candidate, kept) for candidate in candidates if candidate.leave in (None, _OPTED_OUT)]
    found = {candidate.video_id for candidate in candidates}
    now = {item["video_id"] for item in items}
    mine = {player.player_id for player in players}
    read = {key for player in players for key in look_up_keys(player, options)}
    read |= {key for key, item in kept.items() if item["failure"] and item["player_id"] in mine}
    if only is not None:
        read &= set(only)
    stale = {key for key in read - now if key in entries and entries[key].state != "ok"}
    if only is None:
        stale |= {key for key in now if key in entries and entries[key].state == "skipped"}
    workspace.ledger.retire("fetch", stale)
    return items + [
        item for key, item in kept.items() if item["player_id"] in mine and key not in found and key not in stale
    ]


def remember_ways(workspace: Workspace, items: Sequence[Row]) -> None:
    """Note by what else videos were found now that are there already, or that failed and are not done again."""
    kept = workspace.ledger.inputs("fetch")
    more = {
        item["video_id"]: item for item in items if item["found_by"] != kept.get(item["video_id"], item)["found_by"]
    }
    workspace.ledger.plan("fetch", {}, more)
    for row in rows_of(workspace.read("videos").select(["video_id", "found_by"])):
        if item := more.get(row["video_id"]):
            found_by = sorted({*row["found_by"], *item["found_by"]})
            workspace.ledger.amend("fetch", row["video_id"], "videos", {"found_by": found_by})


def _item(candidate: Candidate, kept: Mapping[str, Row]) -> Row:
    before = kept.get(candidate.video_id, {"found_by": []})
    return {
        "video_id": candidate.video_id,
        "url": candidate.url,
        "player_id": candidate.player_id,
        "title": candidate.title,
        "upload_date": candidate.upload_date.isoformat() if candidate.upload_date else None,
        "platform": candidate.platform,
        "platform_id": candidate.platform_id,
        "found_by": list(_joined(before["found_by"], candidate.found_by)),
        "failure": candidate.failure,
    }
