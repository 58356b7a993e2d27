"""Stage: join a recording with the match it was made after, by person, date and event; what is in doubt is never guessed.

A match counts for a recording where one of the two is its player, the upload lies within the event's days or soon after, and the
title names the event or the opponent. What else the title names (opponent, round) must agree. Exactly one match has to remain.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from collector.engine import StageReport, run_stage
from collector.matches import add_matches
from manifests.errors import BadInput, ItemSkipped
from manifests.ids import digest
from manifests.names import holds_phrase, words_of
from manifests.parquet import write_text
from manifests.provenance import made_by
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["JoinMatch", "OutcomesReport", "outcomes"]

_LONGEST_EVENT = timedelta(days=14)
_REPORT = "reports/outcomes.csv"
_BEFORE = ("media day", "pre tournament", "pre match", "preview", "ahead of", "before the", "practice", "draw ceremony")
# Events that headlines call otherwise.
_ALSO_CALLED = {"roland garros": ("french open",), "french open": ("roland garros",)}
# How titles call the rounds. "Final set" and the like are no round.
_ROUNDS = {
    "F": r"(?<!semi )(?<!quarter )finals?(?! (?:set|four|eight|game|point|tie|week|day|word|thoughts|year|season))",
    "SF": r"semi ?finals?|semis|sf",
    "QF": r"quarter ?finals?|quarters|qf",
    "R16": r"(?:round of|last) 16|r16",
    "R32": r"(?:round of|last) 32|r32",
    "R64": r"(?:round of|last) 64|r64",
    "R128": r"(?:round of|last) 128|r128",
    "RR": r"round robin|group stage",
}
_ORDINALS = (r"first|1st|opening|1", r"second|2nd|2", r"third|3rd|3", r"fourth|4th|4")
_LAST_ROUNDS = {8: "QF", 4: "SF", 2: "F"}
_UNKNOWN_ROUND = "?"
# With these a title may speak of the match that comes, not of the one that was.
_LOOKS_AHEAD = re.compile(
    r"\b(?:reach\w*|into|advanc\w*|through|books?|booked|makes?|made|set for|ready|next|to the|faces?|facing)\b"
)


@dataclass(frozen=True)
class JoinMatch:
    """Stage: one video with the matches of its player in, one row of `outcomes` out.

    Attributes:
        slack_days: days after an event within which its last press conference is uploaded.
    """

    slack_days: int = 3
    name: str = "outcomes"
    table: str = "outcomes"

    def key(self, item: Row) -> str:
        """The video's id."""
        return str(item["video_id"])

    def fingerprint(self, item: Row) -> str:
        """Of all that is compared."""
        return digest(item, self.slack_days, 1)

    def setup(self) -> None:
        """Nothing to load."""

    def process(self, item: Row) -> Iterator[Row]:
        """Find the one match, if it is one.

        Raises:
            ItemSkipped: it is none or several; the message begins with "unmatched" or "ambiguous".
        """
        title, day = item["title"] or "", item["upload_date"]
        if not item["matches"]:
            raise ItemSkipped("unmatched: its player is in no match table")
        if day is None:
            raise ItemSkipped("unmatched: nobody knows when it was uploaded")
        if early := next((words for words in _BEFORE if holds_phrase(title, words)), None):
            raise ItemSkipped(f"unmatched: its title says “{early}”, so no match was played yet")
        latest = _LONGEST_EVENT + timedelta(days=self.slack_days)
        near = [match for match in item["matches"] if match["date"] <= day <= match["date"] + latest]
        if not near:
            raise ItemSkipped(f"unmatched: its player has no match around {day}")
        left = _that_agree(title, near, item["matches"])
        if not left:
            raise ItemSkipped("unmatched: no match of its player around that day agrees with its title")
        if len(left) > 1:
            raise ItemSkipped(f"ambiguous: may be any of {'; '.join(map(_shown, left))}")
        [match] = left
        yield {
            "video_id": item["video_id"],
            "outcome": match["outcome"],
            "event": match["event"],
            "round": match["round"],
            "matched_by": _agreed(title, match),
            "made_by": made_by(),
        }


def _that_agree(title: str, near: list[Row], played: list[Row]) -> list[Row]:
    """The matches around its day that agree with all that a title names.

    Args:
        played: all matches of the player, for a title may name an event of another week.

    Raises:
        ItemSkipped: the title names neither event nor opponent, or what it says of rounds may be read in two ways.
    """
    names_some = any(_names_event(title, match) for match in played)
    left = [match for match in near if _names_event(title, match)]
    if against := [match for match in near if _names_opponent(title, match)]:
        left = [match for match in against if match in left or not names_some]
    elif not left:
        raise ItemSkipped("unmatched: its title names neither the event nor the opponent of a match around that day")
    if any(not match["sure"] for match in left):
        raise ItemSkipped("ambiguous: two players of the list have the name that the match table has")
    if left and _LOOKS_AHEAD.search(words_of(title)):
        raise ItemSkipped("ambiguous: its title may speak of a match to come")
    rounds = {code for match in left for code in _rounds_in(title, match)}
    if not rounds:
        return left
    if _UNKNOWN_ROUND in rounds:
        raise ItemSkipped("ambiguous: without draw_size nobody knows which round its title means")
    return [match for match in left if match["round"] is None or match["round"] in _rounds_in(title, match)]


def _names_event(title: str, match: Row) -> bool:
    event = words_of(match["event"])
    short = event.removesuffix(" masters")  # "Rome Masters" is "Rome" to everybody
    return any(holds_phrase(title, name) for name in (event, short, *_ALSO_CALLED.get(event, ())))


def _names_opponent(title: str, match: Row) -> bool:
    return holds_phrase(title, match["opponent"])


def _rounds_in(title: str, match: Row) -> set[str]:
    """Rounds that the title names, as the match's table calls them; what "second round" is depends on its draw."""
    # The event's own name may hold a round's: "WTA Finals".
    words = f" {words_of(title)} ".replace(f" {words_of(match['event'])} ", " ")
    named = {code for code, pattern in _ROUNDS.items() if re.search(rf"\b(?:{pattern})\b", words)}
    for number, ordinal in enumerate(_ORDINALS):
        if re.search(rf"\b(?:(?:{ordinal}) round|round (?:{ordinal})|r{number + 1})\b", words):
            named.add(_numbered(number, match["draw_size"]))
    return named


def _numbered(number: int, draw_size: int | None) -> str:
    """The code of a round by its number, from 0: of 96 players the first is R128, because some go without it."""
    if draw_size is None:
        return _UNKNOWN_ROUND
    players = 2 ** (draw_size - 1).bit_length() >> number
    return _LAST_ROUNDS.get(players, f"R{players}")


def _agreed(title: str, match: Row) -> list[str]:
    told = {
        "event": _names_event(title, match),
        "opponent": _names_opponent(title, match),
        "round": match["round"] in _rounds_in(title, match),
    }
    return [what for what, agrees in told.items() if agrees]


def _shown(match: Row) -> str:
    return (
        f"{match['event']} {match['date'].year} {match['round'] or ''} ({match['outcome']} against {match['opponent']})"
    )


# --- the whole run -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OutcomesReport:
    """What was joined.

    Attributes:
        stage: in = ok + failed + skipped; skipped are those that stay unknown.
        matches: matches in the dataset's table.
        won, lost, ambiguous, unmatched: videos.
        path: the CSV file that says of every video what became of it and why.
    """

    stage: StageReport
    matches: int
    won: int
    lost: int
    ambiguous: int
    unmatched: int
    path: Path

    @property
    def exit_code(self) -> int:
        return self.stage.exit_code


def outcomes(
    workspace: Workspace, matches: Sequence[Path] = (), *, slack_days: int = 3, quiet: bool = False
) -> OutcomesReport:
    """Find out which videos were made after a match won or lost, and write it into `outcomes` and `videos`.

    Args:
        matches: CSV files to add to the dataset's table of matches; without one, that table is joined as it stands.
        slack_days: days after an event within which its last press conference is uploaded.

    Raises:
        BadInput: rows of a file are wrong, or there is no match at all.
        Unavailable: another process does the same.
    """
    known = add_matches(workspace, matches)
    if not known:
        raise BadInput(
            f"{workspace.root}: there is no match to join. Give tables of matches: --matches atp_matches_2024.csv."
        )
    items = _items(workspace, known)
    report = run_stage(JoinMatch(slack_days), items, workspace, workers=0, quiet=quiet)
    joined = {row["video_id"]: row for row in rows_of(workspace.read("outcomes"))}
    reasons = {key: entry.message or "" for key, entry in workspace.ledger.entries(JoinMatch.name).items()}
    path = workspace.root / _REPORT
    verdicts = Counter(_write_report(path, items, joined, reasons))
    return OutcomesReport(
        report, len(known), verdicts["win"], verdicts["lose"], verdicts["ambiguous"], verdicts["unmatched"], path
    )


def _items(workspace: Workspace, matches: Iterable[Row]) -> list[Row]:
    """Videos, each with the matches of its player, told from the other's side."""
    spellings: dict[str, set[str]] = defaultdict(set)
    for person in rows_of(workspace.read("players_private")):
        for name in (person["name"], *person["aliases"]):
            spellings[words_of(name)].add(person["player_id"])
    played: dict[str, list[Row]] = defaultdict(list)
    for match in matches:
        sides = (match["winner"], match["loser"], "win"), (match["loser"], match["winner"], "lose")
        for own, opponent, outcome in sides:
            for player_id in spellings.get(words_of(own), ()):
                played[player_id].append(
                    {
                        "event": match["event"],
                        "date": match["date"],
                        "round": match["round"],
                        "opponent": opponent,
                        "outcome": outcome,
                        "draw_size": match["draw_size"],
                        # Who shares a name with another player of the list may be either.
                        "sure": len(spellings[words_of(own)]) == 1,
                    }
                )
    return [
        {
            "video_id": video["video_id"],
            "player_id": video["player_id"],
            "title": video["title"],
            "upload_date": video["upload_date"],
            "matches": sorted(played[video["player_id"]], key=lambda match: (match["date"], str(match))),
        }
        for video in rows_of(workspace.read("videos"))
    ]


def _write_report(path: Path, items: Sequence[Row], joined: dict[str, Row], reasons: dict[str, str]) -> Iterator[str]:
    """Write the report, which names people and so is for its owner alone; yield each video's verdict."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("video_id", "player_id", "title", "upload_date", "verdict", "event", "round", "why"))
    for item in items:
        match = joined.get(item["video_id"])
        verdict, _, why = reasons[item["video_id"]].partition(": ")
        if match:
            verdict, why = match["outcome"], f"by {', '.join(match['matched_by'])}"
        event, round_ = (match["event"], match["round"]) if match else (None, None)
        about = (item["video_id"], item["player_id"], item["title"], item["upload_date"])
        writer.writerow((*about, verdict, event, round_, why))
        yield verdict
    write_text(path, text.getvalue(), private=True)
