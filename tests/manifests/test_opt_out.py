"""Who opted out is in no table that anybody reads and in no release."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from manifests.errors import BadInput
from manifests.ids import video_id
from manifests.ledger import Outcome
from manifests.opt_out import OptOut, read_opt_outs, write_opt_outs
from manifests.release import open_release
from manifests.release_build import build
from manifests.tables import TABLES, from_rows
from manifests.workspace import Workspace, open_workspace
from tests.manifests import samples

WATCH = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """P0001 is Ana Ruiz with videos v1 and v2, P0002 and P0003 are two called Bo Li with v3 and v4; a clip each."""
    with open_workspace(tmp_path / "d", create=True) as opened:
        players = [samples.player(key) for key in ("P0001", "P0002", "P0003")]
        names = [("P0001", "Ana Ruiz", ["A. Ruiz"]), ("P0002", "Bo Li", []), ("P0003", "Li Bo", ["Bo Lí"])]
        private = [
            {"player_id": key, "name": name, "aliases": aliases, "urls": [], "feeds": [], "query": None}
            for key, name, aliases in names
        ]
        opened.write("players", from_rows(TABLES["players"], players))
        opened.write("players_private", from_rows(TABLES["players_private"], private))
        for number, player in (("1", "P0001"), ("2", "P0001"), ("3", "P0002"), ("4", "P0003")):
            source = {"source_url": WATCH, "platform_id": "dQw4w9WgXcQ"} if number == "4" else {}
            rows = {
                "videos": [samples.video(f"v{number}", player, **source)],
                "clips": [samples.clip(f"c{number}", f"v{number}", player)],
                "gestures": [
                    samples.gesture(f"g{number}", clip_id=f"c{number}", video_id=f"v{number}", player_id=player)
                ],
                "proposals": [samples.proposal(f"p{number}", clip_id=f"c{number}")],
            }
            opened.ledger.plan("all", {number: ""})
            opened.ledger.record("all", Outcome(number, "ok", rows=rows))
        yield opened


def seen(workspace: Workspace) -> str:
    """Numbers of the videos that are left, after a look at every table that hangs on them."""
    columns = {"videos": "video_id", "clips": "clip_id", "gestures": "gesture_id", "proposals": "proposal_id"}
    left = {"".join(key[1:] for key in sorted(workspace.read(name)[key].to_pylist())) for name, key in columns.items()}
    assert len(left) == 1, left
    return left.pop()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("player_id\nP0001\n", "34"),
        ("name\nana RUÍZ\n", "34"),
        ("name\nA. Ruiz\n", "34"),
        ("name\nBo Li\n", "12"),  # two may be meant, so neither is seen
        ("name\nSomebody Else\n", "1234"),
        ("video_id\nv2\n", "134"),
        ("url\nhttps://example.org/v3.mp4\n", "124"),
        (f"url\n{WATCH}\n", "123"),
        ("url,note\nhttps://youtu.be/dQw4w9WgXcQ?si=x,by letter\n", "123"),
        ("player_id,video_id\nP0002,\n,v1\n", "24"),
        ("player_id\n", "1234"),
    ],
)
def test_what_is_left(workspace: Workspace, text: str, left: str) -> None:
    (workspace.root / "opt_out.csv").write_text(text)
    assert seen(workspace) == left
    assert workspace.read("videos", everything=True).num_rows == 4
    (workspace.root / "opt_out.csv").unlink()
    assert seen(workspace) == "1234"


def test_who_is_marked_among_the_players_is_as_if_listed(workspace: Workspace) -> None:
    rows = [samples.player("P0001", opt_out=True), samples.player("P0002"), samples.player("P0003")]
    workspace.write("players", from_rows(TABLES["players"], rows))
    assert seen(workspace) == "34"


def test_players_are_marked_not_dropped(workspace: Workspace) -> None:
    (workspace.root / "opt_out.csv").write_text("player_id\nP0002\n")
    assert workspace.read("players")["opt_out"].to_pylist() == [False, True, False]
    assert workspace.read("players", everything=True)["opt_out"].to_pylist() == [False] * 3
    assert workspace.read("players_private").num_rows == 3


def test_no_release_has_them(workspace: Workspace) -> None:
    (workspace.root / "opt_out.csv").write_text("player_id,video_id\nP0002,\n,v1\n")
    release = open_release(build(workspace, "1.0.0", quiet=True).path)
    for table in ("videos", "clips", "gestures", "proposals"):
        key = f"{table[:-1]}_id"
        assert [value[1:] for value in release.table(table)[key].to_pylist()] == ["2", "4"]
    assert release.table("players")["player_id"].to_pylist() == ["P0001", "P0003"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("player_id\nAna Ruiz\n", 'row 2, column player_id: "Ana Ruiz" is not a pseudonym'),
        ("url\nyoutube\n", 'row 2, column url: "youtube" is not a web address'),
        ("name,note\n,only a note\n", "row 2: nobody is told. Write one of player_id, name, video_id, url"),
        ("name\n...\n", 'column name: "..." is no name'),
        ("nme\nAna\n", 'unknown column "nme". Did you mean name?'),
        ("name\nAna,Ruiz\n", "2 cells, but 1 columns"),
    ],
)
def test_a_wish_that_nobody_understands_stops_everything(workspace: Workspace, text: str, said: str) -> None:
    (workspace.root / "opt_out.csv").write_text(text)
    with pytest.raises(BadInput) as caught:
        workspace.read("videos")
    assert said in str(caught.value)
    assert "nobody's wish may be overlooked" in str(caught.value) or "unknown column" in str(caught.value)


def test_the_list_survives_the_disk_and_is_its_owner_s(tmp_path: Path) -> None:
    rows = [OptOut(name='Ana "La" Ruiz, jr.', note="letter\nof May"), OptOut(video_id=video_id(WATCH), url=WATCH)]
    write_opt_outs(tmp_path / "opt_out.csv", rows)
    assert read_opt_outs(tmp_path / "opt_out.csv") == rows
    assert stat.S_IMODE((tmp_path / "opt_out.csv").stat().st_mode) == 0o600
    assert read_opt_outs(tmp_path / "none.csv") == []
