"""Which videos a run has to do with: those it finds, and those that an earlier run found and no feed shows any more."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tqdm import tqdm

from collector.players import Player
from collector.session import Manners, Session
from collector.sources import Candidate, FindOptions, canonical_url, find_videos, look_up_keys
from manifests.ids import video_id
from manifests.names import words_of
from manifests.opt_out import OPT_OUT_FILE, OptedOut, OptOut, read_opt_outs, write_opt_outs
from manifests.tables import Row
from manifests.workspace import Workspace

__all__ = ["asking", "discover", "items_to_fetch", "note_opt_outs"]

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
    quiet: bool = False,
) -> Iterator[Candidate]:
    """Look for the players' videos. Nobody is asked about a player who opted out.

    Args:
        opt_outs: who is to be left besides those on the dataset's list.
    """
    settled = {key for key, entry in workspace.ledger.entries("fetch").items() if entry.state == "ok"}
    gone = workspace.opted_out()
    listed = [_with_id(row) for row in (*read_opt_outs(workspace.root / OPT_OUT_FILE), *opt_outs)]
    gone_videos = gone.videos | {row.video_id for row in listed}
    gone_names = gone.names | {words_of(row.name) for row in opt_outs if row.name}
    gone_players = gone.players | {row.player_id for row in opt_outs if row.player_id}
    gone = OptedOut(gone_players, gone_videos, names=gone_names)
    taken: dict[str, str | None] = {}
    for player in tqdm(players, desc="looking for videos", unit="player", disable=quiet or None):
        if _is_gone(player, gone):
            # The addresses that the list gives are in the count, as skipped.
            found: Iterable[Candidate] = [_left(player, url) for url in player.urls]
        else:
            found = find_videos(player, options, session, settled)
        for candidate in found:
            if candidate.video_id in gone.videos:
                yield replace(candidate, leave=_OPTED_OUT)
                continue
            # A video has one row, so it goes to the first player of the list who finds it.
            first = candidate.leave is None and taken.setdefault(candidate.url, player.player_id)
            other = first and first != player.player_id
            yield replace(candidate, leave=f"it was found for {first} already") if other else candidate


def _is_gone(player: Player, gone: OptedOut) -> bool:
    names = {words_of(name) for name in (player.name, *player.aliases)}
    return player.player_id in gone.players or not names.isdisjoint(gone.names)


def _left(player: Player, url: str) -> Candidate:
    return Candidate(canonical_url(url), found_by=(f"url {url}",), player_id=player.player_id, leave=_OPTED_OUT)


def items_to_fetch(
    players: Sequence[Player], candidates: Sequence[Candidate], workspace: Workspace, *, look_again: bool
) -> list[Row]:
    """The stage's input: what was found now and is not left, and what these players' earlier runs found besides.

    Takes out of the ledger what this run knows better: feeds and searches that failed then and not now.

    Args:
        look_again: also what was skipped then and is found now, because its date or somebody's wish may have changed.
    """
    items = [_item(candidate) for candidate in candidates if candidate.leave in (None, _OPTED_OUT)]
    found = {candidate.video_id for candidate in candidates}
    now = {item["video_id"] for item in items}
    entries = workspace.ledger.entries("fetch")
    kept = workspace.ledger.inputs("fetch")
    mine = {player.player_id for player in players}
    unread = {key for player in players for key in look_up_keys(player)}
    unread |= {key for key, item in kept.items() if item["failure"] and item["player_id"] in mine}
    stale = {key for key in unread - now if key in entries and entries[key].state != "ok"}
    if look_again:
        stale |= {key for key in now if key in entries and entries[key].state == "skipped"}
    workspace.ledger.retire("fetch", stale)
    return items + [
        item for key, item in kept.items() if item["player_id"] in mine and key not in found and key not in stale
    ]


def _item(candidate: Candidate) -> Row:
    return {
        "video_id": candidate.video_id,
        "url": candidate.url,
        "player_id": candidate.player_id,
        "title": candidate.title,
        "upload_date": candidate.upload_date.isoformat() if candidate.upload_date else None,
        "platform": candidate.platform,
        "platform_id": candidate.platform_id,
        "found_by": list(candidate.found_by),
        "failure": candidate.failure,
    }
