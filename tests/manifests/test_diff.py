"""What changed from release to release, on tables changed by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from manifests.diff import Change, diff, write_diff
from manifests.errors import BadInput
from manifests.poses import Poses, write_poses
from manifests.release import open_release
from manifests.release_build import build
from manifests.tables import TABLES, from_rows
from manifests.workspace import open_workspace
from tests.manifests import samples


def _write_pose(path: Path, clip: str, changed: bool = False) -> None:
    points = np.full((100, 17, 3), 0.5, np.float32)
    points[70, 3, 0] += changed  # in the second block of 64
    write_poses(Poses(clip, "coco17", points, np.zeros((100, 4), np.float32), made_by="test"), path)


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """1.0.0, and 1.1.0 after: g1 relabelled, g2 gone, g3 new, one keypoint of c1 moved."""
    with open_workspace(tmp_path_factory.mktemp("diff") / "dataset", create=True) as workspace:
        workspace.write("players", from_rows(TABLES["players"], [samples.player()]))
        workspace.write("videos", from_rows(TABLES["videos"], [samples.video()]))
        workspace.write("clips", from_rows(TABLES["clips"], [samples.clip("c1"), samples.clip("c2")]))
        first = [samples.gesture("g1"), samples.gesture("g2", agreement=float("nan"))]
        workspace.write("gestures", from_rows(TABLES["gestures"], first))
        for clip in ("c1", "c2"):
            _write_pose(workspace.table_path("poses", clip), clip)
        a = build(workspace, "1.0.0", quiet=True).path
        second = [samples.gesture("g1", label="head_up", end=41), samples.gesture("g3")]
        workspace.write("gestures", from_rows(TABLES["gestures"], second))
        _write_pose(workspace.table_path("poses", "c1"), "c1", changed=True)
        return a, build(workspace, "1.1.0", quiet=True).path


EXPECTED = (
    Change("poses", "c1/00001", "changed", ("keypoints",)),
    Change("gestures", "g1", "changed", ("end", "label")),
    Change("gestures", "g2", "removed"),
    Change("gestures", "g3", "added"),
)


def test_every_row_that_differs_is_found_and_no_other(releases: tuple[Path, Path]):
    found = diff(*releases)
    assert (found.a, found.b) == ("1.0.0", "1.1.0")
    assert found.changes == EXPECTED
    assert diff(releases[0], releases[0]).changes == ()


def test_the_way_back_swaps_added_and_removed(releases: tuple[Path, Path]):
    back = {change.row: change.change for change in diff(releases[1], releases[0]).changes}
    assert back == {"c1/00001": "changed", "g1": "changed", "g2": "added", "g3": "removed"}


def test_the_changes_stand_in_the_later_release(releases: tuple[Path, Path]):
    assert (releases[0] / "CHANGES").read_text() == "1.0.0 is the first version here.\n"
    lines = (releases[1] / "CHANGES").read_text().splitlines()
    assert lines[0] == "Changes from 1.0.0 to 1.1.0"
    assert "players: unchanged" in lines
    assert "gestures: 1 added, 1 removed, 1 changed; end in 1; label in 1" in lines
    assert "  changed g1 end label" in lines


def test_the_rows_can_be_kept(releases: tuple[Path, Path], tmp_path: Path):
    found = diff(*releases)
    write_diff(found, tmp_path / "changes.parquet")
    write_diff(found, tmp_path / "changes.json")
    expected = [{**vars(change), "columns": list(change.columns)} for change in EXPECTED]
    assert pq.read_table(tmp_path / "changes.parquet").to_pylist() == expected
    assert json.loads((tmp_path / "changes.json").read_text())["changes"] == expected
    with pytest.raises(BadInput, match=r"\.parquet or \.json"):
        write_diff(found, tmp_path / "changes.xls")


def test_a_damaged_shard_is_named(releases: tuple[Path, Path], tmp_path: Path):
    import shutil

    shutil.copytree(releases[0], tmp_path / "damaged")
    shard = open_release(tmp_path / "damaged").shards("gestures")[0]
    shard.write_bytes(shard.read_bytes()[:-20])
    with pytest.raises(BadInput, match="not a readable Parquet file"):
        diff(tmp_path / "damaged", releases[1])
