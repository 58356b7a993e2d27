"""Rows fit their table exactly, and another version is refused before a row is read."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from manifests.errors import BadInput, SchemaMismatch
from manifests.parquet import read_parquet, write_parquet
from manifests.tables import TABLES, from_rows, rows_of
from tests.manifests import samples

PLAYERS = TABLES["players"]


def test_rows_survive_the_disk(tmp_path: Path):
    rows = [samples.player("P0002"), samples.player("P0001", birth_year=None)]
    write_parquet(PLAYERS, from_rows(PLAYERS, rows), tmp_path / "players.parquet")
    assert list(rows_of(read_parquet(PLAYERS, tmp_path / "players.parquet"))) == [rows[1], rows[0]]


def test_the_order_of_rows_does_not_change_the_bytes(tmp_path: Path):
    rows = [samples.player(f"P{i:04}") for i in range(1, 9)]
    write_parquet(PLAYERS, from_rows(PLAYERS, rows), tmp_path / "a.parquet")
    write_parquet(PLAYERS, from_rows(PLAYERS, rows[::-1]), tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_another_filesystem_by_url():
    write_parquet(PLAYERS, from_rows(PLAYERS, [samples.player()]), "memory://lab/players.parquet")
    assert read_parquet(PLAYERS, "memory://lab/players.parquet").num_rows == 1


@pytest.mark.parametrize(
    "broken",
    [
        {"player_id": None},
        {"birth_year": "soon"},
        {"height_cm": 180},
    ],
)
def test_a_row_that_does_not_fit_is_refused(broken: dict[str, object]):
    with pytest.raises(ValueError, match="players"):
        from_rows(PLAYERS, [samples.player() | broken])


def test_two_rows_of_one_key_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="1 rows repeat the key player_id"):
        write_parquet(PLAYERS, from_rows(PLAYERS, [samples.player(), samples.player()]), tmp_path / "p.parquet")
    assert list(tmp_path.iterdir()) == []


def _with_metadata(path: Path, **changes: str) -> None:
    data = from_rows(PLAYERS, [samples.player()])
    metadata = {**data.schema.metadata, **{f"mgcollect.{k}".encode(): v.encode() for k, v in changes.items()}}
    pq.write_table(data.replace_schema_metadata(metadata), path)


def test_a_newer_version_says_to_update(tmp_path: Path):
    _with_metadata(tmp_path / "p.parquet", schema_version="2")
    with pytest.raises(
        SchemaMismatch, match=r"p\.parquet: players is of schema version 2; .* reads version 1\. Update"
    ):
        read_parquet(PLAYERS, tmp_path / "p.parquet")


def test_another_table_is_refused(tmp_path: Path):
    _with_metadata(tmp_path / "p.parquet", table="videos")
    with pytest.raises(SchemaMismatch, match="a table called 'videos', not mgcollect's players"):
        read_parquet(PLAYERS, tmp_path / "p.parquet")


def test_parquet_of_another_program_is_refused(tmp_path: Path):
    pq.write_table(pa.table({"a": [1]}), tmp_path / "p.parquet")
    with pytest.raises(SchemaMismatch, match="a Parquet file of another program"):
        read_parquet(PLAYERS, tmp_path / "p.parquet")


def test_a_file_without_its_footer_is_bad_input(tmp_path: Path):
    path = tmp_path / "p.parquet"
    write_parquet(PLAYERS, from_rows(PLAYERS, [samples.player()]), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadInput, match="not a readable Parquet file"):
        read_parquet(PLAYERS, path)
