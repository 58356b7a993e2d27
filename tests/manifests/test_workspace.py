"""A dataset's folder: refused when it is another thing, drawn anew after a kill."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from manifests.errors import BadInput, CannotWrite, SchemaMismatch, Unavailable
from manifests.ledger import Outcome
from manifests.parquet import replacing, write_text
from manifests.tables import TABLES, from_rows
from manifests.workspace import open_workspace
from tests.manifests import samples


def test_a_table_is_drawn_anew_after_a_kill_between_commit_and_write(tmp_path: Path):
    with open_workspace(tmp_path / "d", create=True) as workspace:
        workspace.ledger.plan("segment", {"v1": "f"})
        workspace.ledger.record("segment", Outcome("v1", "ok", rows={"clips": [samples.clip("a")]}))
    # No table was written: this is what a kill leaves.
    with open_workspace(tmp_path / "d") as workspace:
        assert workspace.read("clips")["clip_id"].to_pylist() == ["a"]
        assert workspace.ledger.stale_tables() == set()


def test_a_table_never_written_is_empty(tmp_path: Path):
    with open_workspace(tmp_path / "d", create=True) as workspace:
        assert workspace.read("gestures").num_rows == 0
        workspace.write("players", from_rows(TABLES["players"], [samples.player()]))
        assert workspace.read("players").num_rows == 1


def test_private_tables_are_their_owner_s_from_the_first_byte_on(tmp_path: Path):
    private = [{"player_id": "P0001", "name": "Ana Ruiz", "aliases": [], "urls": [], "feeds": [], "query": None}]
    with open_workspace(tmp_path / "d", create=True) as workspace:
        path = workspace.table_path("players_private")
        path.parent.mkdir()
        path.with_name(".players_private.tmp.parquet").touch(mode=0o644)  # what a killed run left
        workspace.write("players_private", from_rows(TABLES["players_private"], private))
        workspace.write("players", from_rows(TABLES["players"], [samples.player()]))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(workspace.table_path("players").stat().st_mode) != 0o600
    with replacing(tmp_path / "x", private=True) as temporary:
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600


def test_later_stages_complete_the_videos(tmp_path: Path):
    """The newest check and the outcome stand in `videos`, in whatever order they were committed, and go with their rows."""

    def commit(stage: str, item: str, **rows: list[dict[str, object]]) -> None:
        workspace.ledger.plan(stage, {item: ""})
        workspace.ledger.record(stage, Outcome(item, "ok", rows=rows))

    def check(day: int, found: str) -> dict[str, object]:
        at = datetime(2026, 5, day, tzinfo=UTC)
        return {"video_id": "v1", "checked_at": at, "availability": found, "message": None, "made_by": "x"}

    match = {"video_id": "v2", "outcome": "win", "event": "Rome", "round": "F", "matched_by": [], "made_by": "x"}
    with open_workspace(tmp_path / "d", create=True) as workspace:
        commit("availability", "2", availability=[check(2, "gone")])
        commit("fetch", "v1", videos=[samples.video("v1")])
        commit("fetch", "v2", videos=[samples.video("v2")])
        assert workspace.read("videos")["availability"].to_pylist() == ["gone", "available"]
        commit("availability", "1", availability=[check(1, "private")])
        commit("outcomes", "v2", outcomes=[match])
        first, second = workspace.read("videos").to_pylist()
        assert (first["availability"], first["checked_at"]) == ("gone", datetime(2026, 5, 2, tzinfo=UTC))
        assert (first["outcome"], first["event"]) == ("unknown", None)
        assert (second["outcome"], second["event"], second["round"]) == ("win", "Rome", "F")
        assert workspace.read("availability").num_rows == 2
        workspace.ledger.retire("availability", ["2"])
        workspace.ledger.retire("outcomes", ["v2"])
        first, second = workspace.read("videos").to_pylist()
        assert (first["availability"], second["outcome"]) == ("private", "unknown")


def test_no_dataset_there(tmp_path: Path):
    with pytest.raises(BadInput, match="no dataset here"), open_workspace(tmp_path / "d"):
        pass
    assert not (tmp_path / "d").exists()


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(BadInput, match="holds other files"), open_workspace(tmp_path, create=True):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_another_layout_version(tmp_path: Path):
    (tmp_path / "dataset.json").write_text(json.dumps({"layout": 7, "made_by": "mgcollect 9.0"}))
    with pytest.raises(SchemaMismatch, match=r"layout version 7, made by mgcollect 9\.0"), open_workspace(tmp_path):
        pass


def test_a_damaged_marker(tmp_path: Path):
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(BadInput, match=r"dataset\.json is damaged"), open_workspace(tmp_path):
        pass


def test_paths_of_tables_stay_inside(tmp_path: Path):
    with open_workspace(tmp_path / "d", create=True) as workspace:
        assert workspace.path_of("videos/a.mp4").parent.name == "videos"
        for hostile in ("../a.mp4", "/etc/passwd", "videos/../../a"):
            with pytest.raises(BadInput, match="outside"):
                workspace.path_of(hostile)


def test_two_commands_never_run_one_stage_at_once(tmp_path: Path):
    with open_workspace(tmp_path / "d", create=True) as one, open_workspace(tmp_path / "d") as two, one.working("pose"):
        with pytest.raises(Unavailable, match="busy with pose"), two.working("pose"):
            pass
        with two.working("segment"):
            pass


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path):
    write_text(tmp_path / "a.txt", "old")

    def write_half() -> None:
        with replacing(tmp_path / "a.txt") as temporary:
            temporary.write_text("new, but half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_what_a_killed_writer_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path: Path):
    with open_workspace(tmp_path / "d", create=True) as workspace:
        workspace.write("players", from_rows(TABLES["players"], [samples.player()]))
    with subprocess.Popen(["true"]) as dead:
        dead.wait()
    written = ("tables/.clips.{}.tmp.parquet", ".crowd.{}.tmp.json", "reports/.agreement.{}.tmp.json")
    left, busy = ([tmp_path / "d" / name.format(pid) for name in written] for pid in (dead.pid, os.getpid()))
    for path in (*left, *busy):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    with open_workspace(tmp_path / "d"):
        assert not any(path.exists() for path in left)
        assert all(path.exists() for path in busy)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of half a megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_said_and_leaves_nothing_half_written(small_disk: Path):
    with open_workspace(small_disk / "d", create=True) as workspace:
        with (
            pytest.raises(CannotWrite, match=r"disk is full. Free some space"),
            replacing(small_disk / "d" / "x.bin") as path,
        ):
            path.write_bytes(b"\0" * 2_000_000)
        assert not list((small_disk / "d").glob("*x*"))
        workspace.ledger.plan("segment", {"v1": "f"})
        filler = small_disk / "filler"
        with pytest.raises(OSError, match="No space"):
            filler.write_bytes(b"\0" * 600_000)
        many = [samples.clip(f"c{i}") for i in range(2000)]
        with pytest.raises(CannotWrite, match="disk is full"):
            workspace.ledger.record("segment", Outcome("v1", "ok", rows={"clips": many}))
        filler.unlink()
        assert workspace.ledger.entries("segment")["v1"].state == "pending"
        workspace.ledger.record("segment", Outcome("v1", "ok", rows={"clips": many[:3]}))
        assert workspace.read("clips").num_rows == 3


def test_a_read_only_disk_is_said(small_disk: Path):
    with open_workspace(small_disk / "d", create=True):
        pass
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(CannotWrite, match="read-only"), open_workspace(small_disk / "new", create=True):
        pass
    with pytest.raises(CannotWrite, match="read-only"), open_workspace(small_disk / "d"):
        pass
