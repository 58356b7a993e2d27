"""A release: the same bytes for the same dataset, no names in it, and every damage found and named."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests.checks import verify
from manifests.errors import BadInput, SchemaMismatch
from manifests.ids import file_sha256
from manifests.poses import Poses, write_poses
from manifests.release import RELEASED, open_release
from manifests.release_build import Content, build, write_release
from manifests.tables import TABLES, from_rows
from manifests.taxonomy import LABELS
from manifests.workspace import open_workspace
from tests.manifests import samples

PEOPLE = ("P0001", "P0002", "P0003")


def _dataset(folder: Path) -> Path:
    """Three people (the third opted out), a video and a clip each, one clip not kept, gestures of the first two."""
    rows: dict[str, list[samples.Row]] = {
        name: [] for name in ("players", "videos", "clips", "gestures", "annotations")
    }
    private = {"aliases": [], "urls": [], "feeds": [], "query": None}
    with open_workspace(folder, create=True) as workspace:
        for i, person in enumerate(PEOPLE, 1):
            rows["players"].append(samples.player(person, opt_out=person == "P0003"))
            rows["videos"].append(samples.video(f"v{i}", person, title=f"Zebedia Quux {i}"))
            rows["clips"].append(samples.clip(f"c{i}", f"v{i}", person, n_frames=100))
            rows["gestures"].append(samples.gesture(f"g{i}", f"c{i}", person, video_id=f"v{i}"))
            rows["annotations"].append(samples.annotation(f"a{i}", f"c{i}"))
            random = np.random.default_rng(i)
            points = random.uniform(0, 1, (100, 17, 3)).astype(np.float32)
            poses = Poses(f"c{i}", "coco17", points, np.zeros((100, 4), np.float32), made_by="test")
            write_poses(poses, workspace.table_path("poses", f"c{i}"))
        rows["clips"].append(samples.clip("c0", "v1", kept=False, reason="nobody in view", n_frames=0))
        names = [{"player_id": person, "name": "Zebedia Quux", **private} for person in PEOPLE]
        workspace.write("players_private", from_rows(TABLES["players_private"], names))
        for name, some in rows.items():
            workspace.write(name, from_rows(TABLES[name], some))
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset with its release: drawing the plots takes seconds, so every test gets a copy."""
    dataset = _dataset(tmp_path_factory.mktemp("built") / "dataset")
    with open_workspace(dataset) as workspace:
        build(workspace, "1.0.0", note="Annotators are simulated.", quiet=True)
    return dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return _dataset(tmp_path / "dataset")


@pytest.fixture
def release(built: Path, dataset: Path) -> Path:
    shutil.copytree(built / "releases", dataset / "releases")
    return dataset / "releases" / "1.0.0"


def test_what_is_released(release: Path):
    opened = open_release(release)
    assert {name: opened.table(name).num_rows for name in RELEASED} == {
        "players": 2,
        "videos": 2,
        "clips": 2,  # not the clip that wasn't kept, not that of the person who opted out
        "poses": 4,  # two clips of 100 frames, two blocks each
        "proposals": 0,
        "annotations": 2,
        "gestures": 2,
        "splits": 14,  # two gestures in five draws of labels, as query and gallery, and two clips to spot in
    }
    assert verify(release).findings == ()
    assert "**Annotators are simulated.**" in (release / "README.md").read_text()


def test_no_name_is_in_it(release: Path):
    for path in release.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"Quux" not in content
            assert b"Ana Ruiz" not in content
    for shard in release.rglob("*.parquet"):  # Parquet is compressed, so the bytes alone prove nothing
        assert "Quux" not in str(pq.read_table(shard).to_pylist())
        assert "Ana Ruiz" not in str(pq.read_table(shard).to_pylist())


def test_the_same_dataset_gives_the_same_bytes(release: Path, tmp_path: Path):
    with open_workspace(_dataset(tmp_path / "again")) as workspace:
        again = build(workspace, "1.0.0", note="Annotators are simulated.", quiet=True).path
    assert open_release(again).digest == open_release(release).digest
    assert (again / "SHA256SUMS").read_text() == (release / "SHA256SUMS").read_text()


@pytest.mark.usefixtures("release")
def test_building_again_does_nothing_and_a_changed_dataset_needs_a_new_version(dataset: Path):
    with open_workspace(dataset) as workspace:
        assert not build(workspace, "1.0.0", note="Annotators are simulated.", quiet=True).built
        workspace.write("gestures", from_rows(TABLES["gestures"], [samples.gesture("g9")]))
        with pytest.raises(BadInput, match="never changes"):
            build(workspace, "1.0.0", note="Annotators are simulated.", quiet=True)
        assert build(workspace, "1.0.1", quiet=True).built
        with pytest.raises(BadInput, match="three numbers"):
            build(workspace, "../2", quiet=True)


def test_people_are_divided_as_a_list_says(dataset: Path, tmp_path: Path):
    listed = tmp_path / "subjects.csv"
    listed.write_text("player_id,part\nP0001,test\nP0002,train\nP0003,train\n")  # P0003 opted out
    with open_workspace(dataset) as workspace:
        release = open_release(build(workspace, "1.0.0", subjects=listed, quiet=True).path)
    rows = release.table("splits").to_pylist()
    sides = {(row["player_id"], row["part"]) for row in rows if row["protocol"] == "cross_subject"}
    assert sides == {("P0001", "test"), ("P0002", "train")}
    said = release.info["history"]["configuration"]["split"]
    assert (said["people"], said["imbalance"]["people"]) == ("given", pytest.approx(0.1))
    assert "The people of train and test were given." in (release.path / "DATASHEET.md").read_text()


def test_less_may_be_said_of_people(dataset: Path):
    with open_workspace(dataset) as workspace:
        report = build(workspace, "1.0.0", coarsen=["birth_year:5", "country"], quiet=True)
    players = open_release(report.path).table("players").to_pylist()
    assert {(row["gender"], row["country"], row["birth_year"]) for row in players} == {("f", None, 1995)}
    assert (report.anonymity.k, report.anonymity.people) == (2, 2)
    assert (
        "Less is said in it than is known: birth year by 5 years, country left out."
        in (report.path / "DATASHEET.md").read_text()
    )


def test_links_that_tell_who_it_is_are_named(dataset: Path):
    told = [
        "https://example.org/press/zebedia-quux_2024.html",
        "https://example.org/v?t=Zebedia%20Quux",
        "https://x.org/quux",
    ]
    with open_workspace(dataset) as workspace:
        rows = workspace.read("videos", everything=True).to_pylist()
        for row, link in zip(rows, told, strict=True):
            row |= {"source_url": link, "platform_id": "p"}
        workspace.write("videos", from_rows(TABLES["videos"], rows))
        # The third opted out, and is in no release.
        assert build(workspace, "1.0.0", quiet=True).telling_links == ("v1", "v2")
        assert build(workspace, "1.0.0", quiet=True).telling_links == ("v1", "v2"), "also where it stands already"
        rows[0]["source_url"], rows[1]["platform_id"] = "https://example.org/1", "Zebedia_Quux"
        rows[1]["source_url"] = "https://example.org/quux-zebedia"
        workspace.write("videos", from_rows(TABLES["videos"], rows))
        assert build(workspace, "1.0.1", quiet=True).telling_links == ("v2",)


def test_what_a_kill_left_is_swept(dataset: Path):
    left = dataset / "releases" / ".1.0.0.partial" / "data" / "gestures"
    left.mkdir(parents=True)
    (left / "half.parquet").write_bytes(b"PAR1")
    with open_workspace(dataset) as workspace:
        built = build(workspace, "1.0.0", quiet=True).path
    assert verify(built).findings == ()
    assert not left.exists()


@pytest.mark.slow
@pytest.mark.parametrize("reached", ["data/gestures", "meta/info.json", "SHA256SUMS"])
def test_a_build_that_is_killed_leaves_nothing_half(built: Path, dataset: Path, reached: str):
    code = """
import sys
from manifests.release_build import build
from manifests.workspace import open_workspace
with open_workspace(sys.argv[1]) as workspace:
    build(workspace, "1.0.0", note="Annotators are simulated.", quiet=True)
"""
    building = subprocess.Popen([sys.executable, "-c", code, str(dataset)])
    while building.poll() is None and not (dataset / "releases" / ".1.0.0.partial" / reached).exists():
        time.sleep(0.001)
    building.kill()
    building.wait()
    if reached != "SHA256SUMS":  # after which there is a moment in which the release may still become whole
        assert building.returncode == -signal.SIGKILL
        assert not (dataset / "releases" / "1.0.0").exists()
    with open_workspace(dataset) as workspace:
        again = build(workspace, "1.0.0", note="Annotators are simulated.", quiet=True).path
    assert open_release(again).digest == open_release(built / "releases" / "1.0.0").digest
    assert verify(again).findings == ()
    assert [path.name for path in again.parent.iterdir()] == ["1.0.0"]


def test_poses_of_one_clip_are_read_alone(release: Path):
    poses = open_release(release).poses("c2")
    expected = np.random.default_rng(2).uniform(0, 1, (100, 17, 3))
    np.testing.assert_allclose(poses.keypoints, expected, atol=1 / 16)
    with pytest.raises(KeyError):
        open_release(release).poses("c3")


@pytest.mark.parametrize(
    "name",
    [
        *RELEASED,
        "README.md",
        "DATASHEET.md",
        "LICENSE",
        "CHANGES",
        "croissant.json",
        "plots/people.png",
        "meta/info.json",
    ],
)
def test_a_flipped_byte_in_any_file_is_found_and_named(release: Path, name: str):
    path = release / name if name not in RELEASED else next((release / "data" / name).glob("*.parquet"))
    content = bytearray(path.read_bytes())
    position = content.rindex(b"1") if path.name == "info.json" else len(content) // 2
    content[position] ^= 1
    path.write_bytes(content)
    report = verify(release)
    assert report.exit_code == 1
    assert any(f.check == "checksums" and path.relative_to(release).as_posix() in f.rows for f in report.findings), (
        report.findings
    )


def _rewrite(release: Path, name: str, rows: list[samples.Row]) -> None:
    """Put other rows in, and mend the checksums, as somebody who edits a release would."""
    shard = next((release / "data" / name).glob("*.parquet"))
    pq.write_table(pa.Table.from_pylist(rows, schema=TABLES[name].schema), shard)
    info = json.loads((release / "meta/info.json").read_text())
    info["counts"][name] = len(rows)
    (release / "meta/info.json").write_text(json.dumps(info))
    files = sorted(p for p in release.rglob("*") if p.is_file() and p.name != "SHA256SUMS")
    lines = [f"{file_sha256(p)}  {p.relative_to(release).as_posix()}\n" for p in files]
    (release / "SHA256SUMS").write_text("".join(lines))


@pytest.mark.parametrize(
    ("table", "row", "check", "named"),
    [
        ("gestures", samples.gesture("bad", clip_id="c77"), "references", "bad"),
        ("gestures", samples.gesture("bad", "c1", start=90, end=101), "ranges", "bad"),
        ("gestures", samples.gesture("bad", "c1", start=40, end=40), "ranges", "bad"),
        ("gestures", samples.gesture("bad", "c1", label="winking"), "ranges", "bad"),
        ("clips", samples.clip("c1", n_frames=101), "frame counts", "c1"),
        ("videos", samples.video("v1", "P0099"), "references", "v1"),
    ],
)
def test_what_does_not_hold_together_is_found(release: Path, table: str, row: samples.Row, check: str, named: str):
    key = TABLES[table].key[0]
    others = [r for r in open_release(release).table(table).to_pylist() if r[key] != row[key]]
    _rewrite(release, table, [*others, row])
    found = [f for f in verify(release).findings if f.check == check]
    assert any(named in f.rows for f in found), found


def test_a_release_has_the_classes_that_its_description_names(release: Path):
    assert open_release(release).labels == LABELS
    row = samples.gesture("waves", "c1", label="winking")
    _rewrite(release, "gestures", [row])
    info = json.loads((release / "meta/info.json").read_text())
    (release / "meta/info.json").write_text(json.dumps(info | {"taxonomy": ["winking", "nodding"]}))
    assert open_release(release).labels == ("winking", "nodding")
    assert not [f for f in verify(release).findings if f.check == "ranges" and "waves" in f.rows]
    (release / "meta/info.json").write_text(json.dumps(info | {"taxonomy": "winking"}))
    with pytest.raises(BadInput, match="no list of labels"):
        open_release(release)


def test_a_person_in_train_and_test_is_found(release: Path):
    rows = open_release(release).table("splits").to_pylist()
    leaked = [row | {"player_id": "P0001"} for row in rows]
    _rewrite(release, "splits", leaked)
    found = [f for f in verify(release).findings if f.check == "people apart"]
    assert len(found) == 7, "one for each of five draws, one for retrieval, one for spotting"
    assert all(f.rows == ("P0001",) for f in found)
    other = [f.rows for f in verify(release).findings if f.check == "references"]
    assert other == [("g2",), ("c2",)], "what is P0002's is said to be P0001's"


def test_missing_and_added_files_are_found(release: Path):
    shutil.rmtree(release / "data" / "gestures")
    (release / "data" / "notes.txt").write_text("x")
    found = {f.message: f.rows for f in verify(release).findings if f.check == "checksums"}
    assert found["files missing"] == ("data/gestures/00000-of-00001.parquet",)
    assert found["files that nobody lists"] == ("data/notes.txt",)


def test_what_is_no_release_and_what_is_of_another_format(tmp_path: Path, release: Path):
    with pytest.raises(BadInput, match="no release here"):
        open_release(tmp_path)
    info = json.loads((release / "meta/info.json").read_text())
    (release / "meta/info.json").write_text(json.dumps(info | {"format": 9}))
    with pytest.raises(SchemaMismatch, match="format 9"):
        open_release(release)


def test_the_digest_is_of_the_checksums(release: Path):
    assert open_release(release).digest == hashlib.sha256((release / "SHA256SUMS").read_bytes()).hexdigest()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(i=st.integers(1, 2), start=st.integers(0, 99), length=st.integers(1, 100))
def test_any_window_is_what_the_whole_clip_has_there(built: Path, i: int, start: int, length: int):
    opened = open_release(built / "releases" / "1.0.0")
    whole, end = opened.poses(f"c{i}"), start + length
    if end > 100:
        with pytest.raises(ValueError, match="has no frame 100"):
            opened.window(f"c{i}", start, end)
        return
    window = opened.window(f"c{i}", start, end)
    np.testing.assert_array_equal(window.keypoints, whole.keypoints[start:end])
    np.testing.assert_array_equal(window.boxes, whole.boxes[start:end])
    assert (window.first_frame, window.skeleton, window.made_by) == (start, "coco17", "test")


@pytest.mark.parametrize("joints", [17, 133])
def test_windows_across_row_groups_and_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, joints: int):
    monkeypatch.setattr("manifests.pose_shards._BLOCKS_PER_SHARD", 100)
    lengths = {"a": 64 * 90, "b": 10, "c": 64 * 70 + 1, "d": 64 * 8}
    folder, files = tmp_path / "r", {}
    for clip, n in lengths.items():
        points = np.zeros((n, joints, 3), np.float32)
        points[..., 0] = np.arange(n)[:, None] / 16  # a frame's number stands in its keypoints
        files[clip] = tmp_path / f"{clip}.parquet"
        write_poses(Poses(clip, "any", points, np.zeros((n, 4), np.float32)), files[clip])
    tables = {name: from_rows(TABLES[name], []) for name in RELEASED if name != "poses"}
    tables["clips"] = from_rows(TABLES["clips"], [samples.clip(clip, n_frames=n) for clip, n in lengths.items()])
    write_release(Content(tables, files), folder, "1.0.0", quiet=True)
    opened = open_release(folder)
    assert len(opened.shards("poses")) == 2
    for clip, n in lengths.items():
        for start, end in ((0, n), (0, 1), (n - 1, n), (n // 2, n // 2 + 5), (max(0, n // 2 - 100), n)):
            found = opened.window(clip, start, end).keypoints[:, 0, 0] * 16
            np.testing.assert_array_equal(found, np.arange(start, end))
    with pytest.raises(KeyError):
        opened.window("bb", 0, 1)
    with pytest.raises(ValueError, match="has no frame 64"):
        opened.window("b", 64, 65)
