"""Clips are kept or not by links and limits, and come back when these go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.quality_limits import LIMITS_FILE, MEASURES, beyond, read_limits, write_limits
from collector.selection import select_clips
from manifests.errors import BadInput
from manifests.ledger import Outcome
from manifests.tables import TABLES, Row, from_rows, rows_of
from manifests.workspace import Workspace, open_workspace
from tests.manifests import samples


def _quality(clip: str, **measures: float | None) -> Row:
    row = {column.name: 0.5 for column in TABLES["quality"].columns}
    return row | {"clip_id": clip, "made_by": "test"} | measures


def _duplicate(video: str, start_s: float, end_s: float, other: str, kept: str | None = None) -> Row:
    row = {column.name: 1.0 for column in TABLES["duplicates"].columns}
    row |= {"video_id": video, "start_s": start_s, "end_s": end_s, "other_video_id": other}
    return row | {"kind": "copy", "kept_video_id": kept, "made_by": "test"}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Four clips of video v1, of which the last was not cut."""
    cut = [samples.clip(f"c{n}", start_s=10.0 * n, end_s=10.0 * n + 10) for n in range(3)]
    short = samples.clip("c3", start_s=30.0, end_s=31.0, path=None, kept=False, reason="shorter than 2 s")
    with open_workspace(tmp_path / "dataset", create=True) as workspace:
        workspace.ledger.plan("segment", {"v1": ""})
        workspace.ledger.record("segment", Outcome("v1", "ok", rows={"clips": [*cut, short]}))
        yield workspace


def _reasons(workspace: Workspace) -> dict[str, str | None]:
    rows = list(rows_of(workspace.read("clips")))
    assert all(row["kept"] == (row["reason"] is None) for row in rows)
    return {row["clip_id"]: row["reason"] for row in rows}


def test_what_another_recording_shows_is_not_kept(workspace: Workspace) -> None:
    # Of c0 six of ten seconds are shown, in two stretches; of c1 four.
    rows = [_duplicate("v1", 0, 4, "v2", "v9"), _duplicate("v1", 8, 14, "v2", "v9"), _duplicate("v2", 0, 99, "v1")]
    workspace.write("duplicates", from_rows(TABLES["duplicates"], rows))
    assert select_clips(workspace) == 1
    shown = "another recording that is kept shows it too (video v9)"
    assert _reasons(workspace) == {"c0": shown, "c1": None, "c2": None, "c3": "shorter than 2 s"}
    workspace.write("duplicates", from_rows(TABLES["duplicates"], []))
    assert select_clips(workspace) == 0
    assert _reasons(workspace) == {"c0": None, "c1": None, "c2": None, "c3": "shorter than 2 s"}


def test_limits_are_followed_and_taken_back(workspace: Workspace) -> None:
    measured = [_quality("c0", pose_confidence=0.4, people=3.0), _quality("c1", pose_confidence=0.6, face_size=None)]
    workspace.write("quality", from_rows(TABLES["quality"], measured))
    write_limits(workspace.root, {"pose_confidence": {"min": 0.5}, "people": {"max": 2}, "face_size": {"min": 30}})
    assert select_clips(workspace) == 1
    assert _reasons(workspace)["c0"] == (
        "face size below 30 pixels (0.5); people in view above 2 people (3); pose confidence below 0.5 (0.4)"
    )
    # What could not be measured (the face size of c1), or was not (all of c2), excludes nothing.
    assert [clip for clip, reason in _reasons(workspace).items() if reason is None] == ["c1", "c2"]
    write_limits(workspace.root, {"pose_confidence": {"min": 0.3}})
    assert select_clips(workspace) == 0
    assert _reasons(workspace)["c0"] is None


def test_limits_survive_the_file(tmp_path: Path) -> None:
    assert read_limits(tmp_path) == {}
    limits = {"people": {"max": 2.0}, "hand_motion": {"min": 0.1, "max": 4.0}}
    write_limits(tmp_path, limits)
    assert read_limits(tmp_path) == limits
    write_limits(tmp_path, {})
    assert read_limits(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pose_confidence: {min: 0.5", "line 1: this is no YAML"),
        ("- 1", "write measures with limits"),
        ("sharpness: {min: 1}", "sharpness is not measured. Known are pose_confidence, face_share"),
        ("people: 3", r"people: write \{min: NUMBER\}"),
        ("people: {least: 3}", "people: write"),
        ("people: {max: many}", "people: write"),
        ("people: {max: .nan}", "people: write"),
        ("people: {min: 3, max: 2}", "min 3 is more than max 2"),
        ("people: {}", "people: write"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / LIMITS_FILE).write_text(text)
    with pytest.raises(BadInput, match=f"{LIMITS_FILE}.*{said}"):
        read_limits(tmp_path)


def test_measures_are_the_columns_of_the_table() -> None:
    assert {measure.name for measure in MEASURES} == set(TABLES["quality"].schema.names) - {"clip_id", "made_by"}
    assert beyond({"people": {"max": 2}}, {"people": 2.0}) == []
