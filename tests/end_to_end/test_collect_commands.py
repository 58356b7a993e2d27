"""fetch, availability and outcomes as a user types them, against a press site on this machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from mgcollect.demo.press_site import Fault, PressSite
from tests.collector.press import PLUGIN, Site
from tests.end_to_end.commands import ROOT, mgcollect


def film(path: Path) -> None:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=2"]
    subprocess.run([*command, "-pix_fmt", "yuv420p", path], check=True)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[PressSite]:
    """Two films of two seconds, named after the players in the list."""
    folder = tmp_path / "served"
    folder.mkdir()
    film(folder / "ana.mp4")
    shutil.copy(folder / "ana.mp4", folder / "bo.mp4")
    with PressSite(folder) as running:
        (tmp_path / "players.csv").write_text(
            f"name,urls\nAna Ruiz,{running.url}/video/ana.mp4\nBo Lind,{running.url}/video/bo.mp4\n"
        )
        yield running


@pytest.mark.usefixtures("site")
def test_a_dry_run_leaves_no_trace(tmp_path: Path) -> None:
    done = mgcollect("fetch", "--player-list", "players.csv", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0
    assert "2 of 2 would be fetched; nothing was." in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["players.csv", "served"]


def test_the_life_of_a_dataset(tmp_path: Path, site: PressSite) -> None:
    done = mgcollect("fetch", "--player-list", "players.csv", "--title-must", "press", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mgcollect segment" in done.stdout

    site.faults["/video/bo.mp4"] = Fault(status=404)
    done = mgcollect("availability", cwd=tmp_path)
    assert done.returncode == 0
    assert "available 1, gone 1" in done.stdout
    videos = pd.read_parquet(tmp_path / "dataset/tables/videos.parquet")
    assert sorted(videos["availability"]) == ["available", "gone"]

    for year in ("2023", "2024"):
        (tmp_path / f"{year}.csv").write_text(
            f"tourney_name,tourney_date,winner_name,loser_name\nRome,{year}0506,Ana Ruiz,Bo Lind\n"
        )
    done = mgcollect("outcomes", "--matches", "2023.csv", "2024.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = pd.read_csv(tmp_path / "dataset/reports/outcomes.csv")
    assert report["verdict"].tolist() == ["unmatched"] * 2
    assert report["why"].tolist() == ["nobody knows when it was uploaded"] * 2

    (tmp_path / "gone.csv").write_text("name,note\nBo Lind,by letter\n")
    done = mgcollect("fetch", "--player-list", "players.csv", "--opt-out", "gone.csv", cwd=tmp_path)
    assert done.returncode == 0
    assert "Bo Lind" in (tmp_path / "dataset/opt_out.csv").read_text()
    assert ["videos", "1"] in [line.split() for line in mgcollect("status", cwd=tmp_path).stdout.splitlines()]


def test_a_quota_that_is_used_up_is_said(tmp_path: Path, site: PressSite) -> None:
    done = mgcollect("fetch", "--player-list", "players.csv", "--quota-gb", "0.00001", cwd=tmp_path)
    assert done.returncode == 2
    assert "its quota of 1e-05 GiB is used up. Raise it (--quota-gb)" in done.stderr
    assert site.requests == []


def test_a_search_as_a_user_types_it(tmp_path: Path) -> None:
    """yt-dlp's own way through a search, by a plugin that lies where yt-dlp looks for plugins."""
    folder = tmp_path / "served"
    folder.mkdir()
    film(folder / "a.mp4")
    (tmp_path / "players.csv").write_text(
        "name,aliases,query\nAna Ruiz,A. Ruiz|アナ・ルイス,Ana Ruiz Rome | Ana Ruiz Paris | Ana Ruiz interview\nBo Lind,,\n"
    )
    with Site(folder) as site:
        formats = [{"format_id": "0", "url": f"{site.url}/video/a.mp4", "ext": "mp4"}]
        site.tells("1", title="Ana Ruíz and Bo Lind speak", formats=formats)
        site.finds(
            {"url": f"{site.url}/watch/1", "id": "1", "title": "ANA RUÍZ and Bo Lind speak", "upload_date": "20240512"},
            {"url": f"{site.url}/watch/2", "id": "2", "title": "A. Ruiz now", "live_status": "is_live"},
            {"url": f"{site.url}/watch/3", "id": "3", "title": "アナ・ルイスが語る", "upload_date": "20010101"},
            {"url": f"{site.url}/watch/4", "id": "4", "title": "Somebody else"},
        )
        words = ["--search-prefix", "loopbacksearch", "--query", "{name} press", "--query", "Presse {name}"]
        command = ["fetch", "--player-list", "players.csv", *words, "--pause-s", "0"]
        where = {"PYTHONPATH": f"{ROOT}:{PLUGIN}", "LOOPBACK_SITE": site.url}
        listed = mgcollect(*command, "--dry-run", cwd=tmp_path, **where)
        assert listed.returncode == 0, listed.stderr
        for reason in (
            "it is a live stream",
            "uploaded on 2001-01-01, before",
            "its title does not name the player",
            "it was found for P0001 already",
        ):
            assert reason in listed.stdout
        assert "1 of 8 would be fetched; nothing was." in listed.stdout
        assert not (tmp_path / "dataset").exists()
        done = mgcollect(*command, cwd=tmp_path, **where)
        assert done.returncode == 0, done.stderr
    [row] = pd.read_parquet(tmp_path / "dataset/tables/videos.parquet").to_dict("records")
    searched = ["Ana Ruiz Rome", "Ana Ruiz Paris", "Ana Ruiz interview", "Bo Lind press", "Presse Bo Lind"]
    assert sorted(row["found_by"]) == sorted(f"search loopbacksearch20:{query}" for query in searched)
    assert (row["platform"], row["platform_id"], row["player_id"]) == ("loopback", "1", "P0001")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fetch", "--player-list", "players.csv", "--engine", "dask"], "neither local nor ray"),
        (["fetch", "--player-list", "players.csv", "--search-prefix", "ytsaerch"], "yt-dlp knows no such search"),
        (["fetch", "--player-list", "players.csv", "--opt-out", "none.csv"], "none.csv: no such file"),
        (["outcomes", "--matches", "none.csv"], "no dataset here"),
        (["availability"], "no dataset here"),
    ],
)
@pytest.mark.usefixtures("site")
def test_wrong_options(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = mgcollect(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "dataset").exists()
