"""Ray as a user meets it: a cluster that RAY_ADDRESS names, one that is started for the run, and none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from collector.duplicates import duplicates
from collector.engine import run_stage
from collector.poses import pose
from collector.quality import quality
from collector.segment import segment
from manifests.errors import Unavailable
from manifests.tables import TABLES, from_rows
from manifests.workspace import open_workspace
from mgcollect.demo.footage import PressConference
from tests.collector.conftest import video_row
from tests.collector.test_engine import Scripted, _items

DRIVER = """
import os, sys
from pathlib import Path
from collector.engine import run_stage
from manifests.errors import MgcollectError
from manifests.workspace import open_workspace
from tests.collector.test_engine import Scripted, _items
with open_workspace(sys.argv[1], create=True) as workspace:
    items = _items(None, "segfault", "fail", "skip", None, None)
    try:
        print(run_stage(Scripted(Path(sys.argv[1], "notes")), items, workspace, engine="ray", workers=3, quiet=True))
    except MgcollectError as error:
        sys.exit(str(error))
import ray
assert not ray.is_initialized()
assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
"""


def drive(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment}
    command = [sys.executable, "-c", DRIVER, folder]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_cluster_of_our_own_and_one_that_is_there(tmp_path: Path, ray_cluster: str) -> None:
    """More workers than the cluster has processors: they take turns."""
    for name, environment in (("own", {}), ("theirs", {"RAY_ADDRESS": ray_cluster})):
        done = drive(tmp_path / name, **environment)
        assert done.returncode == 0, done.stderr
        assert "total=6, ok=3, failed=2, skipped=1" in done.stdout
    own, theirs = (tmp_path / name / "tables/proposals.parquet" for name in ("own", "theirs"))
    assert own.read_bytes() == theirs.read_bytes()


@pytest.mark.slow
def test_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    done = drive(tmp_path / "d", RAY_ADDRESS="127.0.0.1:1")
    assert done.returncode == 1
    assert "the Ray cluster at RAY_ADDRESS=127.0.0.1:1 can't be reached" in done.stderr.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.usefixtures("ray_cluster")
def test_the_stages_give_the_same_rows(conferences: list[PressConference], weights: Path, tmp_path: Path) -> None:
    """The stages themselves, with their models, on Ray and on this machine's processes: of five seconds, two shots."""
    [talk] = [conference.path for conference in conferences if conference.slug == "dara-quillan"]
    done = []
    for engine in ("local", "ray"):
        with open_workspace(tmp_path / engine, create=True) as workspace:
            video = workspace.root / "videos" / "talk.mp4"
            video.parent.mkdir()
            subprocess.run(["ffmpeg", "-v", "error", "-i", talk, "-t", "5", "-c", "copy", video], check=True)
            workspace.write("videos", from_rows(TABLES["videos"], [video_row(video, workspace.root)]))
            assert duplicates(workspace, engine=engine, workers=1, quiet=True).stage.ok == 1
            assert segment(workspace, weights=weights, engine=engine, workers=1, quiet=True).exit_code == 0
            assert pose(workspace, weights=weights, engine=engine, workers=1, quiet=True).ok > 0
            assert quality(workspace, engine=engine, workers=1, quiet=True).stage.ok > 0
            rows = [workspace.read(table).to_pylist() for table in ("clips", "quality")]
            folders = workspace.table_path("poses", "x").parent, workspace.root / "movement"
            done.append((*rows, {path.name: path.read_bytes() for folder in folders for path in folder.iterdir()}))
    assert done[0] == done[1]
    assert len(done[0][0]) >= 2


def test_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        open_workspace(tmp_path / "d", create=True) as workspace,
        pytest.raises(Unavailable, match=r"mgcollect\[ray\]"),
    ):
        run_stage(Scripted(tmp_path / "notes"), _items(None), workspace, engine="ray", quiet=True)
