"""fetch, availability and outcomes as a user types them, against a press site on this machine."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from mgcollect.demo.press_site import Fault, PressSite
from tests.end_to_end.commands import mgcollect


@pytest.fixture
def site(tmp_path: Path) -> Iterator[PressSite]:
    """Two films of two seconds, named after the players in the list."""
    folder = tmp_path / "served"
    folder.mkdir()
    command = ["ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=2"]
    subprocess.run([*command, "-pix_fmt", "yuv420p", folder / "ana.mp4"], check=True)
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


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fetch", "--player-list", "players.csv", "--engine", "dask"], "neither local nor ray"),
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
