"""A dataset of an older version is told apart before any work, migrated without losing a row, and goes on from there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from collector.engine import run_stage
from manifests.errors import SchemaMismatch
from manifests.ledger import Outcome
from manifests.migrate import migrate
from manifests.tables import TABLES, Row, Table, from_rows
from manifests.workspace import open_workspace
from mgcollect.main import app
from tests.manifests import samples

# What came with version 2.
LATER = {"clips": ("player_doubt", "camera_speed"), "annotations": ("window_start", "window_end")}
ROWS = {"clips": [samples.clip("c1"), samples.clip("c2", "v2")], "annotations": [samples.annotation()]}
STAGES = {"clips": "segment", "annotations": "pull"}


class Segment:
    """A stage that must not be asked."""

    name, table = "segment", "clips"

    def key(self, item: Row) -> str:
        return str(item["clip_id"])

    def fingerprint(self, _: Row) -> str:
        return "f"

    def setup(self) -> None:
        raise AssertionError("nothing may be done before the table can be read")

    def process(self, _: Row) -> list[Row]:
        raise AssertionError


def first(name: str, *more: str) -> Table:
    """Version 1 of a table: without the columns that came later, and some more."""
    gone = {*LATER[name], *more}
    return replace(TABLES[name], version=1, columns=tuple(c for c in TABLES[name].columns if c.name not in gone))


def old_dataset(folder: Path, monkeypatch: pytest.MonkeyPatch, *olds: Table) -> None:
    """As the mgcollect that had these tables leaves it."""
    with monkeypatch.context() as patch, open_workspace(folder, create=True) as workspace:
        for old in olds:
            patch.setitem(TABLES, old.name, old)
            for row in ROWS[old.name]:
                item, stage = row[old.key[0]], STAGES[old.name]
                workspace.ledger.plan(stage, {item: "f"})
                kept = {name: row[name] for name in old.schema.names}
                workspace.ledger.record(stage, Outcome(item, "ok", rows={old.name: [kept]}))
            assert workspace.read(old.name).num_rows == len(ROWS[old.name])


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.output


def test_the_message_names_the_command_and_the_command_mends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    old_dataset(tmp_path, monkeypatch, first("clips"), first("annotations"))
    with open_workspace(tmp_path) as workspace:
        for name in LATER:
            with pytest.raises(
                SchemaMismatch, match=r"version 1; this mgcollect reads version 2\. Run `mgcollect migrate`"
            ):
                workspace.read(name)
        with pytest.raises(SchemaMismatch):
            run_stage(Segment(), ROWS["clips"], workspace, workers=0, quiet=True)
    status, said = run("migrate", "--dataset", tmp_path)
    assert (status, said) == (0, "migrated: annotations, clips\n")
    with open_workspace(tmp_path) as workspace:
        for name, rows in ROWS.items():
            expected = from_rows(TABLES[name], [row | dict.fromkeys(LATER[name]) for row in rows])
            assert workspace.read(name).equals(expected)
        assert run_stage(Segment(), ROWS["clips"], workspace, workers=0, quiet=True).done_now == 0
    assert run("migrate", "--dataset", tmp_path)[1].startswith("migrated: nothing")


def test_rows_of_two_versions_in_one_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """As a run of a newer mgcollect that nobody stopped would leave them."""
    old_dataset(tmp_path, monkeypatch, first("clips"))
    with open_workspace(tmp_path) as workspace:
        workspace.ledger.plan("segment", {"c3": "f"})
        workspace.ledger.record("segment", Outcome("c3", "ok", rows={"clips": [samples.clip("c3")]}))
        with pytest.raises(SchemaMismatch, match=r"ledger\.sqlite: clips is of schema version 1"):
            workspace.read("clips")
        assert migrate(workspace).rewritten == ["clips"]
        assert workspace.read("clips")["clip_id"].to_pylist() == ["c1", "c2", "c3"]


def test_what_old_rows_cannot_tell_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    old_dataset(tmp_path, monkeypatch, first("clips", "people"))  # a column that may not be empty
    status, said = run("migrate", "--dataset", tmp_path)
    assert status == 0
    assert "2 items of segment can't be told from what is there: run it again (mgcollect segment)" in " ".join(
        said.split()
    )
    with open_workspace(tmp_path) as workspace:
        assert workspace.read("clips").num_rows == 0
        with pytest.raises(AssertionError, match="nothing may be done before"):
            run_stage(Segment(), ROWS["clips"], workspace, workers=0, quiet=True)
