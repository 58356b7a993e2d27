"""What is wrong is said in one message, with what to do; nothing is written, and no traceback is ever shown."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from manifests.workspace import open_workspace
from mgcollect.demo.press_site import Fault, PressSite
from tests.end_to_end.commands import mgcollect

HEADER = "name,birth_year,urls\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, ["no such file"]),
        (b"", ["is empty"]),
        (HEADER.encode(), ["no player in it"]),
        (b"player,year\nAna Ruiz,1998\n", ["column name is missing"]),
        (f"{HEADER}Ana Ruiz,1998,\nPéter Nagy,1990,\n".encode("latin-1"), ["row 3", "not UTF-8", "iconv"]),
        (
            f"{HEADER}Ana Ruiz,19O8,\nBo Lind,1995,ftp://x\nAna Ruiz,1998,\nCy,1990,,too,many\n".encode(),
            [
                "row 2, column birth_year",
                '"19O8" is not a year',
                "row 3, column urls",
                "row 5: 5 cells",
                "3 rows are wrong",
            ],
        ),
        (
            f"{HEADER}Ana Ruiz,1998,\nANA RUIZ,1998,\n".encode(),
            ["row 3", "as row 2 (Ana Ruiz, 1998)", "1 row is wrong"],
        ),
    ],
    ids=["missing", "empty", "no row", "no name column", "Latin-1", "malformed rows", "duplicate"],
)
def test_a_bad_player_list(tmp_path: Path, content: bytes | None, said: list[str]):
    players, dataset = tmp_path / "players.csv", tmp_path / "dataset"
    if content is not None:
        players.write_bytes(content)
    done = mgcollect("fetch", "--player-list", players, "--dataset", dataset)
    assert done.returncode == 2
    assert all(part in done.stderr for part in said), done.stderr
    assert not dataset.exists(), "nothing may be written"


def _film(path: Path, *options: str) -> None:
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=4", *options]
    subprocess.run([*command, "-pix_fmt", "yuv420p", "-movflags", "+faststart", path], check=True)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[PressSite]:
    folder = tmp_path / "site"
    folder.mkdir()
    _film(folder / "good.mp4")
    (folder / "cut.mp4").write_bytes((folder / "good.mp4").read_bytes()[:20_000])
    (folder / "page.mp4").write_text("<!doctype html><title>Not here</title><p>Moved.</p>")
    (folder / "nothing.mp4").touch()
    sound = ["-f", "lavfi", "-i", "sine=duration=4", "-map", "1:a", folder / "sound.mp4"]
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=duration=1", *map(str, sound)], check=True)
    with PressSite(folder, faults={"/video/dead.mp4": Fault(status=404)}) as served:
        yield served


def test_each_bad_video_fails_with_its_kind_and_the_rest_goes_on(tmp_path: Path, site: PressSite):
    names = ["good", "dead", "cut", "page", "nothing", "sound"]
    players, dataset = tmp_path / "players.csv", tmp_path / "dataset"
    urls = "|".join(f"{site.url}/video/{name}.mp4" for name in names)
    players.write_bytes(f"\ufeffname,urls\nAna Ruiz,{urls}\n".encode())  # with a BOM, as Excel writes it
    done = mgcollect("fetch", "--player-list", players, "--dataset", dataset)
    assert done.returncode == 1, done.stderr
    with open_workspace(dataset) as workspace:
        failed = {e.message.split(": ")[0].rsplit("/", 1)[-1]: e.kind for e in _failed(workspace)}
        assert workspace.read("videos").num_rows == 1
    assert failed == {
        "dead.mp4": "gone",
        "cut.mp4": "truncated",
        "page.mp4": "not_video",
        "nothing.mp4": "empty",
        "sound.mp4": "no_picture",
    }
    shown = mgcollect("status", "--dataset", dataset).stdout
    assert all(kind in shown for kind in failed.values())

    # Mended on the server: --retry does these and nothing else.
    folder = tmp_path / "site"
    (folder / "page.mp4").write_bytes((folder / "good.mp4").read_bytes())
    before = len(site.requests)
    done = mgcollect("fetch", "--player-list", players, "--dataset", dataset, "--retry", "failed:not_video")
    assert done.returncode == 1
    assert {request.path for request in site.requests[before:]} == {"/video/page.mp4"}
    with open_workspace(dataset) as workspace:
        assert workspace.read("videos").num_rows == 2


def _failed(workspace):
    return [entry for entry in workspace.ledger.entries("fetch").values() if entry.state == "failed"]


def _dataset(folder: Path) -> Path:
    with open_workspace(folder, create=True):
        return folder


@pytest.mark.parametrize("command", [["segment"], ["pose"], ["propose"], ["status"], ["annotate", "agree"]])
def test_no_dataset(tmp_path: Path, command: list[str]):
    done = mgcollect(*command, "--dataset", tmp_path / "nothing")
    assert done.returncode == 2
    assert "no dataset here" in done.stderr
    assert not (tmp_path / "nothing").exists()


def test_a_dataset_of_another_version(tmp_path: Path):
    dataset = _dataset(tmp_path / "dataset")
    (dataset / "dataset.json").write_text(json.dumps({"layout": 2, "made_by": "mgcollect 3.0"}))
    done = mgcollect("status", "--dataset", dataset)
    assert done.returncode == 2
    assert "layout version 2, made by mgcollect 3.0" in done.stderr


def test_other_words(tmp_path: Path):
    dataset = _dataset(tmp_path / "dataset")
    assert "write `failed`" in mgcollect("segment", "--dataset", dataset, "--retry", "all").stderr
    wrong = mgcollect("segment", "--dataset", dataset, "--weights", __file__)
    assert wrong.returncode == 2
    assert "so it was left alone" in " ".join(wrong.stderr.split())
    assert mgcollect("release", "verify", tmp_path).returncode == 2
    assert "three numbers" in mgcollect("release", "build", "--version", "one", "--dataset", dataset).stderr
    assert mgcollect("benchmark", "--release", tmp_path, "--out", tmp_path / "out").returncode == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", folder], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_and_a_read_only_disk(tmp_path: Path, site: PressSite, small_disk: Path):
    players, dataset = tmp_path / "players.csv", small_disk / "dataset"
    players.write_text(f"name,urls\nAna Ruiz,{site.url}/video/good.mp4\n")
    full = mgcollect("fetch", "--player-list", players, "--dataset", dataset)
    assert full.returncode == 2
    assert "ree some space" in full.stderr
    assert not list(dataset.glob("videos/*.mp4")), "nothing half-written under a final name"
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    read_only = mgcollect("segment", "--dataset", dataset)
    assert read_only.returncode == 2
    assert "read-only" in read_only.stderr
