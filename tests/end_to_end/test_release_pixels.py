"""Clips in a release, with faces hidden: as a user types it. Pictures and poses are simulated."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.counting import count_frames
from manifests.ids import file_sha256
from manifests.release import open_release
from manifests.tables import TABLES, from_rows
from tests.collector.test_blur import FRAMES, workspace
from tests.end_to_end.commands import mgcollect
from tests.manifests import samples

__all__ = ["workspace"]


@pytest.fixture
def dataset(workspace) -> Path:
    rows = {"players": [samples.player()], "videos": [samples.video()], "gestures": [samples.gesture()]}
    for name, some in rows.items():
        workspace.write(name, from_rows(TABLES[name], some))
    return Path(workspace.root)


def test_a_release_with_hidden_faces(dataset: Path):
    data = ("--dataset", dataset)
    refused = mgcollect("release", "build", "--version", "1.0.0", "--blur-faces", *data)
    assert (refused.returncode, "without --with-clips there are none" in refused.stderr) == (2, True)
    done = mgcollect("release", "build", "--version", "1.0.0", "--with-clips", "--blur-faces", "--workers", "2", *data)
    assert done.returncode == 0, done.stderr
    assert "table of people: k = 1 over gender, country, birth year" in done.stdout
    release = open_release(dataset / "releases" / "1.0.0")
    rows = release.table("clips").to_pylist()
    assert [row["path"] for row in rows] == [f"clips/v1/c{i}.mp4" for i in (1, 2, 3)]
    for row in rows:
        assert file_sha256(release.path / row["path"]) == row["sha256"] != file_sha256(dataset / row["path"])
        assert count_frames(release.path / row["path"]) == FRAMES
    said = (release.path / "DATASHEET.md").read_text()
    # 60 + 54 + 25 frames by keypoints, six between, thirty by the box, five whole.
    assert "hidden in all 180 frames: found by its keypoints in 139, between frames that had it in 6" in said
    assert "box in 30; 5 frames are hidden whole" in said
    assert mgcollect("release", "verify", *data, "--quiet").returncode == 0

    again = mgcollect("release", "build", "--version", "1.0.0", "--with-clips", "--blur-faces", *data)
    assert "stands already, unchanged" in again.stdout

    # Another clip under that name: the checksums are mended, as somebody who edits a release would.
    wrong = release.path / rows[0]["path"]
    wrong.write_bytes((dataset / rows[0]["path"]).read_bytes())
    (release.path / "clips" / "v1" / "more.mp4").write_bytes(b"x")
    sums = release.path / "SHA256SUMS"
    files = sorted(path for path in release.path.rglob("*") if path.is_file() and path != sums)
    sums.write_text("".join(f"{file_sha256(p)}  {p.relative_to(release.path).as_posix()}\n" for p in files))
    found = mgcollect("release", "verify", release.path)
    assert found.returncode == 1
    assert "other bytes than the table says (c1)" in found.stdout
    assert "doesn't name (clips/v1/more.mp4)" in found.stdout


def test_a_clip_that_cannot_be_blurred_is_not_released(dataset: Path):
    (dataset / "tables" / "poses" / "c2.parquet").unlink()
    options = ("--version", "1.0.0", "--with-clips", "--blur-faces", "--dataset", dataset)
    done = mgcollect("release", "build", *options)
    assert done.returncode == 1
    assert "no_poses" in done.stdout
    assert "Nothing was released" in done.stdout
    assert not (dataset / "releases").exists()


def test_clips_as_they_were_cut(dataset: Path):
    done = mgcollect("release", "build", "--version", "1.0.0", "--with-clips", "--dataset", dataset, "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    release = dataset / "releases" / "1.0.0"
    assert file_sha256(release / "clips/v1/c1.mp4") == file_sha256(dataset / "clips/v1/c1.mp4")
    assert "with the people's faces" in (release / "README.md").read_text()
