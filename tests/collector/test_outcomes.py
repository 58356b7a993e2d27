"""Joining videos with matches: what is sure is joined, everything else is reported with its reason."""

from __future__ import annotations

import csv
import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from collector.matches import read_matches
from collector.outcomes import outcomes
from manifests.errors import BadInput
from manifests.ledger import Outcome
from manifests.tables import TABLES, from_rows
from manifests.workspace import Workspace, open_workspace
from tests.manifests import samples

HEADER = "tourney_id,tourney_name,surface,draw_size,tourney_date,winner_name,loser_name,score,round\n"
# Ana Ruiz won three matches in Rome and lost the semi-final; a week later she lost the first one in Paris.
MATCHES = HEADER + "".join(
    f"x,{line}\n"
    for line in (
        "Rome Masters,Clay,56,20240506,Ana Ruíz,Bo Lind,6-1 6-1,R32",
        "Rome Masters,Clay,56,20240506,Ana Ruíz,Cy Moreau,6-1 6-1,R16",
        "Rome Masters,Clay,56,20240506,Ana Ruíz,Di Okafor,6-1 6-1,QF",
        "Rome Masters,Clay,56,20240506,Ed Novak,Ana Ruíz,6-1 6-1,SF",
        "Rome Masters,Clay,56,20240506,Bo Lind,Flo Weber,W/O,R64",
        "Roland Garros,Clay,128,20240520,Cy Moreau,Ana Ruíz,6-1 6-1,R128",
        "Roland Garros,Clay,128,20240520,Bo Lind,Ed Novak,6-1 6-1,F",
        "Stuttgart,Clay,28,20240610,Bo Lind,Di Okafor,6-1 6-1,QF",
        "Stuttgart,Clay,,20240610,Bo Lind,Gil Costa,6-1 6-1,SF",
    )
)


def say(title: str, day: str | None, player: str = "P0001") -> dict[str, Any]:
    return {"title": title, "upload_date": date.fromisoformat(day) if day else None, "player_id": player}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with open_workspace(tmp_path / "dataset", create=True) as opened:
        people = (("P0001", "Ana Ruiz", ["A. Ruiz"]), ("P0002", "Bo Lind", []), ("P0003", "Nobody Plays", []))
        private = [
            {"player_id": key, "name": name, "aliases": aliases, "urls": [], "feeds": [], "query": None}
            for key, name, aliases in people
        ]
        opened.write("players_private", from_rows(TABLES["players_private"], private))
        yield opened


def add(workspace: Workspace, *videos: dict[str, Any]) -> None:
    for number, video in enumerate(videos):
        workspace.ledger.plan("fetch", {f"v{number}": ""})
        rows = [samples.video(f"v{number}", **video)]
        workspace.ledger.record("fetch", Outcome(f"v{number}", "ok", rows={"videos": rows}))


def table(tmp_path: Path, text: str = MATCHES, name: str = "matches.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def report(workspace: Workspace) -> list[dict[str, str]]:
    with (workspace.root / "reports" / "outcomes.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("video", "found"),
    [
        (say("Ana Ruiz: semi-final press conference | Rome 2024", "2024-05-18"), ("lose", "Rome Masters", "SF")),
        (say("ANA RUIZ QF presser, ROME MASTERS", "2024-05-16"), ("win", "Rome Masters", "QF")),
        (say("A. Ruiz beats Cy Moreau", "2024-05-14"), ("win", "Rome Masters", "R16")),
        # Of 56 players the first round has 64 places, so the second is the last 32.
        (say("Rome second round: Ana Ruiz speaks", "2024-05-11"), ("win", "Rome Masters", "R32")),
        (say("Ana Ruiz after Rome, round of 16", "2024-05-23"), ("win", "Rome Masters", "R16")),
        (say("Ana Ruiz, French Open 2024", "2024-05-21"), ("lose", "Roland Garros", "R128")),
        (say("Bo Lind, Roland Garros champion", "2024-06-02", "P0002"), ("win", "Roland Garros", "F")),
    ],
)
def test_what_is_sure(workspace: Workspace, tmp_path: Path, video: dict[str, Any], found: tuple[str, str, str]) -> None:
    add(workspace, video)
    done = outcomes(workspace, [table(tmp_path)], quiet=True)
    [row] = workspace.read("videos").to_pylist()
    assert (row["outcome"], row["event"], row["round"]) == found
    assert (done.won + done.lost, done.ambiguous + done.unmatched, done.matches) == (1, 0, 8)
    [line] = report(workspace)
    assert (line["verdict"], line["event"], line["round"]) == found


@pytest.mark.parametrize(
    ("video", "why"),
    [
        (say("Ana Ruiz press conference, Rome", "2024-05-16"), "ambiguous: may be any of Rome Masters 2024"),
        (
            say("Ana Ruiz press conference", "2024-05-21"),
            "unmatched: its title names neither the event nor the opponent",
        ),
        (say("Ana Ruiz, Rome semi-final", "2024-07-01"), "unmatched: its player has no match around 2024-07-01"),
        (say("Ana Ruiz, Rome semi-final", "2023-05-18"), "unmatched: its player has no match around 2023-05-18"),
        (say("Ana Ruiz, Rome semi-final", None), "unmatched: nobody knows when it was uploaded"),
        (say("Ana Ruiz, Rome final", "2024-05-18"), "unmatched: no match of its player around that day agrees"),
        (
            say("Ana Ruiz beats Cy Moreau, Roland Garros", "2024-05-14"),
            "unmatched: no match of its player around that day",
        ),
        (say("Ana Ruiz media day, Roland Garros", "2024-05-20"), "unmatched: its title says “media day”"),
        (
            say("Ana Ruiz reaches the Rome semi-final", "2024-05-16"),
            "ambiguous: its title may speak of a match to come",
        ),
        (say("Ana Ruiz on the final set in Rome", "2024-05-16"), "ambiguous: may be any of Rome Masters"),
        (say("Bo Lind, Stuttgart second round", "2024-06-13", "P0002"), "ambiguous: without draw_size"),
        (say("Nobody Plays, Rome final", "2024-05-18", "P0003"), "unmatched: its player is in no match table"),
    ],
)
def test_what_is_in_doubt_is_never_guessed(
    workspace: Workspace, tmp_path: Path, video: dict[str, Any], why: str
) -> None:
    add(workspace, video)
    done = outcomes(workspace, [table(tmp_path)], quiet=True)
    [row] = workspace.read("videos").to_pylist()
    assert (row["outcome"], row["event"], row["round"]) == ("unknown", None, None)
    assert (done.won, done.lost, done.ambiguous + done.unmatched) == (0, 0, 1)
    assert (done.stage.total, done.stage.skipped, done.exit_code) == (1, 1, 0)
    [line] = report(workspace)
    assert f"{line['verdict']}: {line['why']}".startswith(why)


def test_two_players_of_one_name_are_in_doubt(workspace: Workspace, tmp_path: Path) -> None:
    people = workspace.read("players_private").to_pylist()
    people.append({**people[0], "player_id": "P0009", "name": "Ana Ruíz"})
    workspace.write("players_private", from_rows(TABLES["players_private"], people))
    add(workspace, say("Ana Ruiz: semi-final, Rome", "2024-05-18"))
    assert outcomes(workspace, [table(tmp_path)], quiet=True).ambiguous == 1
    assert report(workspace)[0]["why"].startswith("two players of the list")


def test_files_add_up_and_replace_their_own(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, say("Ana Ruiz: semi-final, Rome", "2024-05-18"), say("Ana Ruiz, Lyon", "2024-08-02"))
    lyon = HEADER + "x,Lyon,Hard,32,20240729,Ana Ruiz,Bo Lind,,R16\n"
    assert outcomes(workspace, [table(tmp_path)], quiet=True).lost == 1
    both = outcomes(workspace, [table(tmp_path, lyon, "late.csv")], quiet=True)
    assert (both.won, both.lost, both.matches, both.stage.done_now) == (1, 1, 9, 2)
    assert outcomes(workspace, quiet=True).stage.done_now == 0
    turned = table(tmp_path, lyon.replace("Ana Ruiz,Bo Lind", "Bo Lind,Ana Ruiz"), "late.csv")
    assert outcomes(workspace, [turned], quiet=True).lost == 2
    assert outcomes(workspace, [table(tmp_path, MATCHES, "copy.csv")], quiet=True).matches == 9


def test_names_stay_private(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, say("Ana Ruiz: semi-final, Rome", "2024-05-18"))
    done = outcomes(workspace, [table(tmp_path)], quiet=True)
    for path in (done.path, workspace.table_path("matches")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    row = workspace.read("outcomes").to_pylist()[0]
    assert "Ruiz" not in str(row)
    assert row["matched_by"] == ["event", "round"]


def test_no_match_at_all(workspace: Workspace) -> None:
    with pytest.raises(BadInput, match="Give tables of matches"):
        outcomes(workspace, quiet=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tourney_name,tourney_date,winner_name\n", "row 1: column loser_name is missing"),
        (HEADER + "x,Rome,,,2024,A,B,,F\n", 'row 2, column tourney_date: "2024" is not a day'),
        (HEADER + "x,Rome,,,20241301,A,B,,F\n", 'row 2, column tourney_date: "20241301" is not a day'),
        (HEADER + "x,Rome,,many,20240506,A,B,,F\n", 'row 2, column draw_size: "many" is no number'),
        (HEADER + "x,Rome,,,20240506,,B,,F\n", "row 2, column winner_name: the cell is empty"),
        ("", "is empty"),
    ],
)
def test_files_that_are_no_match_table(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_matches(table(tmp_path, text))
    assert said in str(caught.value)


def test_two_files_of_one_name(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(BadInput, match=r"two files are called matches\.csv"):
        outcomes(workspace, [table(tmp_path), table(tmp_path / "other")], quiet=True)
