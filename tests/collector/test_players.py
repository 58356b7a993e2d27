"""Player lists: what is accepted, what is refused and with which words, and who keeps which pseudonym."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.players import Player, assign_ids, enrol, names_in, read_players
from manifests.errors import BadPlayerList
from manifests.names import fold_name
from manifests.tables import TABLES, from_rows
from manifests.workspace import open_workspace


def write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "players.csv"
    path.write_bytes(text.encode(encoding))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BadPlayerList) as caught:
        read_players(path)
    return str(caught.value)


def test_every_column(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "name,player_id,gender,country,birth_year,aliases,urls,feeds,query\n"
        'Ana Ruiz,P0007,f,ESP,1998,"A. Ruiz|Ana Ruiz García",https://a.example/1| http://a.example/2 ,'
        "https://a.example/feed.xml,ana ruiz presser\n",
    )
    assert read_players(path) == [
        Player(
            "Ana Ruiz",
            "P0007",
            "f",
            "ESP",
            1998,
            ("A. Ruiz", "Ana Ruiz García"),
            ("https://a.example/1", "http://a.example/2"),
            ("https://a.example/feed.xml",),
            "ana ruiz presser",
        )
    ]


def test_name_alone_and_a_spreadsheet_s_habits(tmp_path: Path) -> None:
    """A byte order mark, Windows line ends, empty columns at the end, empty rows, capitals in the header."""
    path = write(tmp_path, "Name,,\r\nAna  Ruiz,,\r\n,,\r\n\r\nBo Li,,\r\n", "utf-8-sig")
    players = read_players(path)
    assert [(p.name, p.row) for p in players] == [("Ana Ruiz", 2), ("Bo Li", 5)]


def test_all_bad_rows_in_one_message(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "name,birth_year,player_id,urls\n"
        "Ana Ruiz,1998,,\n"
        "Bo Li,19O8,,\n"
        '"Two\nlines",,X1,file:///etc/passwd\n'
        "Ana RUÍZ,1998,,\n"
        "Cy,1990,,,one,two\n"
        ",1990,,\n"
        "Di,,,https://user:secret@a.example/v\n"
        "Ed,1066,,\n",
    )
    assert refusal(path).splitlines() == [
        'players.csv, row 3, column birth_year: "19O8" is not a year. Write four digits, or leave the cell empty.',
        'players.csv, row 4, column player_id: "X1" is not a pseudonym. '
        "Write P and at least four digits, or leave the cell empty.",
        'players.csv, row 4, column urls: "file:///etc/passwd" is not a web address. '
        "Write http://… or https://…; several are separated by |.",
        "players.csv, row 6: same name and birth year as row 2 (Ana Ruiz, 1998). Give one of them a player_id.",
        "players.csv, row 7: 6 cells, but 4 columns. Put a cell that holds a comma in quotes.",
        'players.csv, row 8, column name: "" is no name. Write the name as headlines do.',
        'players.csv, row 9, column urls: "https://user:secret@a.example/v" holds a user name or password, '
        "which would end up in the tables. Remove it.",
        f'players.csv, row 10, column birth_year: "1066" is not between 1900 and {datetime.now(UTC).year}. '
        "Correct it, or leave it empty.",
        "7 rows are wrong; nothing was fetched.",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("name\n", "no player in it"),
        ("nme,country\nA,B\n", 'row 1: unknown column "nme". Did you mean name?'),
        ("country\nESP\n", "row 1: column name is missing"),
        ("name,name\nA,B\n", "row 1: column name stands there 2 times"),
        ("name;country\nA;B\n", "row 1: the cells are separated by ';'"),
        ('name\n"Ana\n', "row 2: not CSV"),
        ('name,country\nAna,"E"S"P"\n', "row 2: not CSV"),
        ("name,player_id\nA,P0001\nB,P0001\n", "row 3: same player_id P0001 as row 2"),
        ("name,birth_year\nA B,1990\nA B,\n", "row 3: same name as row 2 (A B, 1990)"),
        ("name,urls\nA,http:///nohost\n", "row 2, column urls"),
        ("name,urls\nA,http://[broken/\n", "row 2, column urls"),
        ("name,feeds\nA,javascript:alert(1)\n", "row 2, column feeds"),
        ("name,player_id\nA,P٠٠٠١\n", "row 2, column player_id"),
    ],
)
def test_refusals(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(write(tmp_path, text))


def test_files_that_are_no_list(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.csv")
    assert "is a folder" in refusal(tmp_path)


def test_latin_1_names_the_row(tmp_path: Path) -> None:
    text = refusal(write(tmp_path, "name\nAna\nBj\xf6rn\n", "latin-1"))
    assert "players.csv, row 3: byte 0xF6 is not UTF-8" in text
    assert "iconv -f latin1 -t utf-8 players.csv" in text
    assert "row 2: byte 0xFC" in refusal(write(tmp_path, "name\n\xfc\n", "latin-1"))


def test_same_name_apart_by_year_or_id(tmp_path: Path) -> None:
    path = write(tmp_path, "name,birth_year,player_id\nA B,1990,\nA B,1991,\nA B,1990,P0009\n")
    assert len(read_players(path)) == 3


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("Iga Swiatek press conference", True),
        ("IGA ŚWIĄTEK: 'I was nervous'", True),
        ("Presser - Iga  Świątek (R3)", True),
        ("Swiatek Iga", False),
        ("Iga Swiatekova", False),
        ("Iga and Swiatek", False),
        ("I. Świątek after the final", True),
        ("", False),
    ],
)
def test_names_in(title: str, names: bool) -> None:
    assert names_in(title, Player("Iga Świątek", aliases=("I. Swiatek",))) is names


def test_names_that_unicode_does_not_take_apart() -> None:
    assert names_in("Lukasz Kubot, Novak Djokovic", Player("Łukasz Kubot"))
    assert names_in("Dokovic on court", Player("Đoković"))
    assert names_in("Christopher O'Connell speaks", Player("Christopher O’Connell"))


@given(st.text(max_size=20))
def test_folding_settles(text: str) -> None:
    """Folding twice changes nothing, and capitals and composed letters never tell names apart."""
    assert fold_name(fold_name(text)) == fold_name(text)


def test_ids_are_kept_and_given_in_order(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "d", create=True) as workspace:
        first = enrol([Player("Ana Ruiz", birth_year=1998), Player("Bo Li", "P0002"), Player("Cy Dee")], workspace)
        assert [p.player_id for p in first] == ["P0001", "P0002", "P0003"]
        # Another list, another order, another spelling, a birth year that came later; and one who is new.
        second = enrol(
            [
                Player("New One"),
                Player("CY  DÉE", birth_year=1990, aliases=("Cyd",)),
                Player("Ana Ruiz", birth_year=1971),
                Player("ana ruiz", birth_year=1998, urls=("https://a.example/1",)),
            ],
            workspace,
        )
        assert [p.player_id for p in second] == ["P0004", "P0003", "P0005", "P0001"]
        public = {row["player_id"]: row for row in workspace.read("players").to_pylist()}
        private = {row["player_id"]: row for row in workspace.read("players_private").to_pylist()}
    assert sorted(public) == sorted(private) == ["P0001", "P0002", "P0003", "P0004", "P0005"]
    assert public["P0003"]["birth_year"] == 1990
    assert private["P0003"]["aliases"] == ["Cyd", "Cy Dee"]
    assert private["P0001"]["urls"] == ["https://a.example/1"]
    assert private["P0002"]["name"] == "Bo Li"
    assert not any("name" in row for row in public.values())


def test_private_names_are_the_owner_s_alone(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "d", create=True) as workspace:
        enrol([Player("Ana Ruiz")], workspace)
        assert stat.S_IMODE(workspace.table_path("players_private").stat().st_mode) == 0o600
        assert stat.S_IMODE(workspace.table_path("players").stat().st_mode) & 0o044


def test_a_given_id_that_is_another_s(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "d", create=True) as workspace:
        enrol([Player("Ana Ruiz", "P0001")], workspace)
        with pytest.raises(BadPlayerList, match=r"row 7: player_id P0001 was given to Ana Ruiz, no birth year before"):
            enrol([Player("Bo Li", "P0001", row=7)], workspace)
        corrected = enrol([Player("Ana Ruíz-López", "P0001", aliases=("Ana Ruiz",))], workspace)
        assert corrected[0].player_id == "P0001"
        assert assign_ids([Player("Ana Ruiz")], workspace)[0].player_id == "P0001"


def test_two_who_could_be_meant(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "d", create=True) as workspace:
        both = [Player("Ana Ruiz", "P0007"), Player("Ana Ruiz")]
        assert [p.player_id for p in enrol(both, workspace)] == ["P0007", "P0001"]
        assert [p.player_id for p in enrol(both, workspace)] == ["P0007", "P0001"]
        with pytest.raises(BadPlayerList, match="may be any of P0001, P0007"):
            enrol([Player("Ana Ruiz")], workspace)


def test_enrolling_keeps_an_opt_out(tmp_path: Path) -> None:
    with open_workspace(tmp_path / "d", create=True) as workspace:
        enrol([Player("Ana Ruiz"), Player("Bo Li")], workspace)
        rows = workspace.read("players").to_pylist()
        rows[1]["opt_out"] = True
        workspace.write("players", from_rows(TABLES["players"], rows))
        enrol([Player("Bo Li"), Player("Cy Dee")], workspace)
        assert [row["opt_out"] for row in workspace.read("players").to_pylist()] == [False, True, False]
