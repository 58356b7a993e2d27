"""The driver: what is done, done again, given up; and that a dying worker costs one item, not the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from collector.engine import Retry, parse_retry, run_stage
from manifests.errors import BadInput, ItemFailed, ItemSkipped, Unavailable
from manifests.ledger import Outcome
from manifests.status import status
from manifests.tables import PRIVATE, TABLES, Row
from manifests.workspace import Workspace, open_workspace
from tests.manifests import samples


@dataclass(frozen=True)
class Scripted:
    """A stage that does what each item says, and notes that it ran."""

    notes: Path
    setting: int = 1
    missing_tool: bool = False
    name: str = "scripted"
    table: str = "proposals"

    def key(self, item: Row) -> str:
        return str(item["id"])

    def fingerprint(self, item: Row) -> str:
        return f"{item.get('version')}-{self.setting}"

    def setup(self) -> None:
        if self.missing_tool:
            raise Unavailable("ffmpeg isn't there.")

    def process(self, item: Row) -> Iterator[Row]:
        with self.notes.open("a") as file:
            file.write(f"{item['id']}\n")
        match item.get("do"):
            case "segfault":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "segfault once":
                once = self.notes.with_name(f"{item['id']}.crashed")
                if not once.exists():
                    once.touch()
                    os.kill(os.getpid(), signal.SIGKILL)
            case "fail":
                raise ItemFailed("the link is dead", kind="gone")
            case "skip":
                raise ItemSkipped("opted out")
            case "bug":
                raise KeyError("oh")
            case "sleep":
                time.sleep(60)
        yield samples.proposal(str(item["id"]))


def _items(*what: str | None) -> list[Row]:
    return [{"id": f"i{n}", "do": do, "version": 1} for n, do in enumerate(what)]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with open_workspace(tmp_path / "dataset", create=True) as opened:
        yield opened


@pytest.fixture
def stage(tmp_path: Path) -> Scripted:
    return Scripted(tmp_path / "notes")


@pytest.fixture(params=["local-0", "local-1", "local-3", "ray-2"])
def engine(request: pytest.FixtureRequest) -> dict[str, Any]:
    """An engine with a number of workers, as `run_stage` takes them."""
    return _engine(request)


def _engine(request: pytest.FixtureRequest) -> dict[str, Any]:
    name, _, workers = request.param.partition("-")
    if name == "ray":
        request.getfixturevalue("ray_cluster")
    return {"engine": name, "workers": int(workers)}


@pytest.fixture(params=["local-1", "local-2", "ray-2"])
def processes(request: pytest.FixtureRequest) -> dict[str, Any]:
    """An engine whose workers are processes of their own, which may die."""
    return _engine(request)


def _done(stage: Scripted) -> list[str]:
    return sorted(stage.notes.read_text().split()) if stage.notes.exists() else []


def test_in_is_ok_plus_failed_plus_skipped(workspace: Workspace, stage: Scripted, engine: dict[str, Any]):
    report = run_stage(stage, _items(None, "fail", None, "skip", "bug"), workspace, **engine, quiet=True)
    assert (report.total, report.ok, report.failed, report.skipped, report.exit_code) == (5, 2, 2, 1, 1)
    assert report.failures[0] == ("i1", "gone", "the link is dead")
    assert report.failures[1][:2] == ("i4", "internal")
    assert workspace.read("proposals")["proposal_id"].to_pylist() == ["i0", "i2"]


def test_every_engine_and_number_of_workers_gives_the_same_rows(tmp_path: Path, engine: dict[str, Any]):
    tables = []
    for n, run in enumerate(({"workers": 0}, engine)):
        with open_workspace(tmp_path / f"d{n}", create=True) as workspace:
            run_stage(Scripted(tmp_path / "notes"), _items(*[None] * 7), workspace, **run, quiet=True)
            tables.append(workspace.table_path("proposals").read_bytes())
    assert tables[0] == tables[1]


def test_a_worker_that_dies_costs_its_item_not_the_run(
    workspace: Workspace, stage: Scripted, processes: dict[str, Any]
):
    report = run_stage(stage, _items(None, "segfault", "segfault once", None), workspace, **processes, quiet=True)
    assert (report.ok, report.failed) == (3, 1)
    assert report.failures[0][:2] == ("i1", "crash")
    assert processes["engine"] == "ray" or "SIGSEGV" in report.failures[0][2]
    assert _done(stage) == ["i0", "i1", "i1", "i2", "i2", "i3"]


def test_a_rerun_does_only_what_is_missing_or_changed(workspace: Workspace, stage: Scripted):
    items = _items(None, "fail", None)
    run_stage(stage, items, workspace, workers=0, quiet=True)
    assert run_stage(stage, items, workspace, workers=0, quiet=True).done_now == 0
    assert _done(stage) == ["i0", "i1", "i2"]
    items[2]["version"] = 2
    assert run_stage(stage, [*items, {"id": "new"}], workspace, workers=0, quiet=True).done_now == 2
    assert _done(stage) == ["i0", "i1", "i2", "i2", "new"]


def test_another_setting_does_everything_again(workspace: Workspace, stage: Scripted):
    run_stage(stage, _items(None, None), workspace, workers=0, quiet=True)
    other = Scripted(stage.notes, setting=2)
    assert run_stage(other, _items(None, None), workspace, workers=0, quiet=True).done_now == 2


def test_retry_does_what_failed_and_nothing_else(workspace: Workspace, stage: Scripted):
    run_stage(stage, _items("fail", "bug", None), workspace, workers=0, quiet=True)
    mended = [*_items(None, None, None), {"id": "new"}]
    report = run_stage(stage, mended, workspace, workers=0, retry=Retry("gone"), quiet=True)
    assert (report.done_now, report.ok, report.failed, report.total) == (1, 2, 1, 3)
    report = run_stage(stage, mended, workspace, workers=0, retry=Retry(), quiet=True)
    assert (report.done_now, report.ok, report.failed) == (1, 3, 0)


def test_a_retry_that_was_stopped_goes_on_with_the_same_command(workspace: Workspace, stage: Scripted):
    run_stage(stage, _items("fail", "bug", None), workspace, workers=0, quiet=True)
    missing = Scripted(stage.notes, missing_tool=True)
    with pytest.raises(Unavailable):
        run_stage(missing, _items("fail", "bug", None), workspace, workers=0, retry=Retry("gone"), quiet=True)
    report = run_stage(stage, _items(None, None, None), workspace, workers=0, retry=Retry("gone"), quiet=True)
    assert (report.done_now, report.ok, report.failed) == (1, 2, 1)


def test_what_is_no_longer_among_the_items_leaves_with_its_rows(workspace: Workspace, stage: Scripted):
    run_stage(stage, _items(None, None), workspace, workers=0, quiet=True)
    run_stage(stage, _items(None), workspace, workers=0, quiet=True)
    assert workspace.read("proposals")["proposal_id"].to_pylist() == ["i0"]
    run_stage(stage, _items(), workspace, workers=0, retire=False, quiet=True)
    assert workspace.read("proposals").num_rows == 1


def test_a_missing_tool_ends_the_run_and_fails_no_item(workspace: Workspace, tmp_path: Path, engine: dict[str, Any]):
    stage = Scripted(tmp_path / "notes", missing_tool=True)
    with pytest.raises(Unavailable, match="ffmpeg isn't there"):
        run_stage(stage, _items(None, None), workspace, **engine, quiet=True)
    assert {entry.state for entry in workspace.ledger.entries("scripted").values()} <= {"pending"}
    assert run_stage(Scripted(tmp_path / "notes"), _items(None, None), workspace, **engine, quiet=True).ok == 2


_DRIVER = """
import sys
from pathlib import Path
from collector.engine import run_stage
from manifests.workspace import open_workspace
from tests.collector.test_engine import Scripted, _items
if __name__ == "__main__":
    with open_workspace(sys.argv[1], create=True) as workspace:
        run_stage(Scripted(Path(sys.argv[2])), _items(None, None, "sleep", None), workspace, workers=int(sys.argv[3]), quiet=True)
"""


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not condition():
        time.sleep(0.05)


@pytest.mark.parametrize("workers", [0, 1])
def test_kill_9_loses_at_most_the_item_in_hand(tmp_path: Path, workers: int):
    notes, dataset, script = tmp_path / "notes", tmp_path / "dataset", tmp_path / "driver.py"
    script.write_text(_DRIVER)
    command = [sys.executable, script, dataset, notes, str(workers)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, env=environment) as driver:
        _wait_for(lambda: notes.exists() and "i2" in notes.read_text())
        driver.kill()
    with open_workspace(dataset) as workspace:
        assert workspace.read("proposals")["proposal_id"].to_pylist() == ["i0", "i1"]
        stopped = status(workspace).stages[0]
        assert (stopped.total, stopped.ok, stopped.pending) == (4, 2, 2)
        report = run_stage(Scripted(notes), _items(None, None, None, None), workspace, workers=0, quiet=True)
        assert (report.done_now, report.ok) == (2, 4)
    assert _done(Scripted(notes)) == ["i0", "i1", "i2", "i2", "i3"]


def test_a_row_that_fits_no_table_is_a_failure_of_its_item(workspace: Workspace, tmp_path: Path):
    class Wrong(Scripted):
        def process(self, item: Row) -> Iterator[Row]:
            yield {"proposal_id": str(item["id"])}

    report = run_stage(Wrong(tmp_path / "notes"), _items(None), workspace, workers=0, quiet=True)
    assert report.failures[0][:2] == ("i0", "internal")
    assert "columns missing" in report.failures[0][2]


def test_a_worker_outlives_its_driver_by_nothing(tmp_path: Path):
    """Else the next run would meet a worker that still writes the same files."""
    notes, script = tmp_path / "notes", tmp_path / "driver.py"
    script.write_text(_DRIVER)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, script, tmp_path / "dataset", notes, "2"], env=environment) as driver:
        _wait_for(lambda: notes.exists() and "i2" in notes.read_text())
        workers = psutil.Process(driver.pid).children(recursive=True)
        driver.kill()
    assert len(workers) >= 2
    assert psutil.wait_procs(workers, timeout=20)[1] == []


def test_what_opted_out_is_skipped_by_whatever_id_an_item_has(workspace: Workspace, stage: Scripted):
    workspace.ledger.plan("segment", {"v1": ""})
    clips = [samples.clip("c7", "v1", "P0001"), samples.clip("c1", "v2", "P0002")]
    workspace.ledger.record("segment", Outcome("v1", "ok", rows={"clips": clips}))
    items = [
        {"id": "a", "player_id": "P0001"},
        {"id": "b", "video_id": "v9"},
        {"id": "c", "clip_id": "c7"},
        {"id": "d"},
    ]
    assert run_stage(stage, items, workspace, workers=0, quiet=True).ok == 4
    (workspace.root / "opt_out.csv").write_text("player_id,video_id\nP0001,\n,v9\n")
    report = run_stage(stage, items, workspace, workers=0, quiet=True)
    assert (report.ok, report.skipped, report.done_now) == (1, 3, 0)
    report = run_stage(Scripted(stage.notes, setting=2), items, workspace, workers=0, quiet=True)
    assert (report.ok, report.skipped, report.done_now) == (1, 3, 4)
    assert workspace.read("proposals")["proposal_id"].to_pylist() == ["d"]


def test_kept_inputs_are_there_for_later_runs(workspace: Workspace, stage: Scripted):
    items = _items("fail", None)
    run_stage(stage, items, workspace, workers=0, keep_inputs=True, quiet=True)
    assert workspace.ledger.inputs("scripted") == {"i0": items[0], "i1": items[1]}
    run_stage(stage, items[:1], workspace, workers=0, keep_inputs=True, quiet=True)
    assert workspace.ledger.inputs("scripted") == {"i0": items[0]}


def test_an_engine_that_is_not_there(workspace: Workspace, stage: Scripted):
    with pytest.raises(BadInput, match="Choose local or ray"):
        run_stage(stage, _items(None), workspace, engine="dask", quiet=True)


@pytest.mark.parametrize(("text", "expected"), [(None, None), ("failed", Retry()), ("failed:gone", Retry("gone"))])
def test_reading_retry(text: str | None, expected: Any):
    assert parse_retry(text) == expected


@pytest.mark.parametrize("text", ["", "gone", "failed:", "fail"])
def test_other_words_for_retry_are_bad_input(text: str):
    with pytest.raises(BadInput, match="write `failed`"):
        parse_retry(text)


def test_status_counts_tables(workspace: Workspace, stage: Scripted):
    run_stage(stage, _items(None, "fail"), workspace, workers=0, quiet=True)
    found = status(workspace)
    assert found.rows["proposals"] == 1
    assert found.rows["clips"] == 0
    assert set(found.rows) == set(TABLES) - PRIVATE
    assert found.stages[0].kinds == {"gone": 1}


def test_a_stage_without_rows_leaves_no_table(workspace: Workspace, tmp_path: Path):
    class Silent(Scripted):
        def process(self, item: Row) -> Iterator[Row]:
            list(super().process(item))
            yield from ()

    assert run_stage(Silent(tmp_path / "notes"), _items(None), workspace, workers=0, quiet=True).ok == 1
    assert not workspace.table_path("proposals").exists()
