"""State and rows are committed together; what is stale is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.errors import BadInput
from manifests.ledger import Ledger, Outcome
from manifests.tables import TABLES
from tests.manifests import samples

CLIPS = TABLES["clips"]


@pytest.fixture
def ledger(tmp_path: Path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    yield ledger
    ledger.close()


def _ids(ledger: Ledger) -> list[str]:
    return ledger.rows(CLIPS)[0]["clip_id"].to_pylist()


def test_doing_an_item_again_replaces_its_rows(ledger: Ledger):
    ledger.plan("segment", {"v1": "f"})
    ledger.record("segment", Outcome("v1", "ok", rows={"clips": [samples.clip("a"), samples.clip("b")]}))
    assert _ids(ledger) == ["a", "b"]
    ledger.record("segment", Outcome("v1", "ok", rows={"clips": [samples.clip("c")]}))
    assert _ids(ledger) == ["c"]
    assert ledger.entries("segment")["v1"].attempts == 2


def test_a_failure_takes_back_the_rows_of_an_earlier_success(ledger: Ledger):
    ledger.plan("segment", {"v1": "f"})
    ledger.record("segment", Outcome("v1", "ok", rows={"clips": [samples.clip("a")]}))
    ledger.record("segment", Outcome("v1", "failed", "truncated", "it ends early"))
    assert _ids(ledger) == []
    entry = ledger.entries("segment")["v1"]
    assert (entry.state, entry.kind, entry.message) == ("failed", "truncated", "it ends early")


def test_a_row_that_does_not_fit_changes_nothing(ledger: Ledger):
    ledger.plan("segment", {"v1": "f"})
    with pytest.raises(ValueError, match="clips"):
        ledger.record("segment", Outcome("v1", "ok", rows={"clips": [{"clip_id": "a"}]}))
    assert ledger.entries("segment")["v1"].state == "pending"


def test_a_table_is_stale_until_its_last_generation_is_written(ledger: Ledger):
    ledger.plan("segment", {"v1": "f", "v2": "f"})
    ledger.record("segment", Outcome("v1", "ok", rows={"clips": [samples.clip("a")]}))
    _, generation = ledger.rows(CLIPS)
    ledger.record("segment", Outcome("v2", "ok", rows={"clips": [samples.clip("b", "v2")]}))
    ledger.fresh(CLIPS, generation)
    assert ledger.stale_tables() == {"clips"}, "a row came after the file was written"
    ledger.fresh(CLIPS, ledger.rows(CLIPS)[1])
    assert ledger.stale_tables() == set()


def test_amending_rows_is_no_attempt_and_makes_the_table_stale(ledger: Ledger):
    ledger.plan("segment", {"v1": "f", "v2": "f"})
    ledger.record("segment", Outcome("v1", "ok", rows={"clips": [samples.clip("a"), samples.clip("b")]}))
    ledger.record("segment", Outcome("v2", "ok", rows={"clips": [samples.clip("c")]}))
    before, (_, generation) = ledger.entries("segment"), ledger.rows(CLIPS)
    ledger.fresh(CLIPS, generation)
    ledger.amend("segment", "v1", "clips", {"reason": "seen"})
    assert ledger.stale_tables() == {"clips"}
    assert sorted(ledger.rows(CLIPS)[0]["reason"].to_pylist(), key=str) == [None, "seen", "seen"]
    assert ledger.entries("segment") == before


def test_retired_items_leave_with_their_rows(ledger: Ledger):
    ledger.plan("segment", {"v1": "f"})
    ledger.record("segment", Outcome("v1", "ok", rows={"clips": [samples.clip("a")]}))
    ledger.retire("segment", ["v1"])
    assert ledger.entries("segment") == {}
    assert _ids(ledger) == []


def test_a_file_that_is_no_ledger_is_bad_input(tmp_path: Path):
    (tmp_path / "ledger.sqlite").write_text("these are not the bytes of a database, not at all, whatever it is called")
    with pytest.raises(BadInput, match="damaged"):
        Ledger(tmp_path / "ledger.sqlite")
