"""Forgetting: no byte of the person's name or frames stays in the folder; others keep theirs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from manifests.checks import verify
from manifests.errors import BadInput
from manifests.ledger import Outcome
from manifests.poses import Poses, pack, read_poses, unpack, write_poses
from manifests.release_build import build
from manifests.tables import TABLES, from_rows
from manifests.workspace import Workspace, open_workspace
from mgcollect.derived import Forgotten
from mgcollect.rights import forget_in
from models.checkpoints import Card, save_weights
from models.store import Item, Recording, write_store
from tests.manifests import samples

NAMES = {"P0001": "Zebedia Quux", "P0002": "Bo Lind", "P0003": "Cy Moreau"}
PIXELS = {person: f"pixels of {person} ".encode() * 50 for person in NAMES}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Three people with a video, a clip, poses and a gesture each; fetched through the ledger; one release."""
    root = tmp_path / "dataset"
    private = {"aliases": [], "urls": [], "feeds": [], "query": None}
    with open_workspace(root, create=True) as workspace:
        people = [samples.player(person) for person in NAMES]
        workspace.write("players", from_rows(TABLES["players"], people))
        names = [{"player_id": person, "name": name, **private} for person, name in NAMES.items()]
        workspace.write("players_private", from_rows(TABLES["players_private"], names))
        rows: dict[str, list[samples.Row]] = {"clips": [], "gestures": [], "annotations": []}
        for i, (person, name) in enumerate(NAMES.items(), 1):
            video, clip = f"video-{i:04d}", f"clip-{i:04d}"
            made = samples.video(video, person, title=f"{name} after the final", found_by=[f"ytsearch: {name}"])
            workspace.ledger.plan("fetch", {video: "x"}, {video: {"query": name}})
            workspace.ledger.record("fetch", Outcome(video, "ok", message=f"found {name}", rows={"videos": [made]}))
            rows["clips"].append(samples.clip(clip, video, person))
            rows["gestures"].append(samples.gesture(f"g{i}", clip, person, video_id=video))
            rows["annotations"].append(samples.annotation(f"a{i}", clip))
            for path in (root / made["path"], root / "clips" / video / f"{clip}.mp4"):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(PIXELS[person])
            points = np.random.default_rng(i).uniform(1, 9, (100, 17, 3)).astype(np.float32)
            write_poses(
                Poses(clip, "coco17", points, np.zeros((100, 4), np.float32)), workspace.table_path("poses", clip)
            )
        for table, some in rows.items():
            workspace.write(table, from_rows(TABLES[table], some))
        build(workspace, "1.0.0", quiet=True)
    (root / "releases" / ".1.1.0.partial" / "data").mkdir(parents=True)  # of a build that was killed
    (root / "releases" / ".1.1.0.partial" / "data" / "half").write_bytes(b"clip-0001" + PIXELS["P0001"])
    hidden = root / "blurred" / "video-0001" / "clip-0001.mp4"
    hidden.parent.mkdir(parents=True)
    hidden.write_bytes(PIXELS["P0001"])
    (root / "reports").mkdir()
    (root / "reports" / "queue.csv").write_text("place,clip_id,player_id\n1,clip-0001,P0001\n2,clip-0002,P0002\n")
    (root / "reports" / "of_others.json").write_text('{"clip_id": "clip-0002"}')
    _derive(root)
    return root


def _derive(root: Path) -> None:
    """What training leaves: a store of everybody's poses, one of P0002's, a checkpoint of each, embeddings and a list."""
    for name, people in (("all", list(NAMES)), ("one", ["P0002"])):
        recordings = []
        for person in people:
            clip = f"clip-{person[1:]}"
            poses = read_poses(root / "tables" / "poses" / f"{clip}.parquet")
            recordings.append(Recording(poses.positions, poses.confidence, person, (Item(clip, 0, 50),)))
        store = write_store(recordings, root / "runs" / name / "store", "coco17")
        card = Card("mgfm", {}, ("coco17",), {"store": store.digest})
        save_weights(root / "runs" / name / "model.safetensors", {"w": torch.zeros(2)}, card)
    rows = {"name": [f"clip-{person[1:]}" for person in NAMES], "embedding": [[0.5, 1.5]] * 3}
    pq.write_table(pa.table(rows), root / "embeddings.parquet")
    pq.write_table(pa.table({"trained_on": [["P0001", "P0002"], ["P00011"]]}), root / "runs" / "people.parquet")


def _forget(root: Path, **whom: str):
    with open_workspace(root) as workspace:
        return forget_in(workspace, **whom)


def _texts(root: Path) -> str:
    """All that the folder says, unpacked: raw bytes, and every Parquet table's rows."""
    said = []
    for path in root.rglob("*"):
        if path.is_file():
            said += [path.name, path.read_bytes().decode("latin-1")]
            if path.suffix == ".parquet":
                said.append(str(pq.read_table(path).to_pylist()))
    return "\n".join(said)


def _frames(root: Path) -> bytes:
    """All bytes in the folder, and the blocks of poses as they are packed and unpacked, in every Parquet file."""
    found = []
    for path in root.rglob("*"):
        if path.is_file():
            found.append(path.read_bytes())
            if path.suffix == ".parquet" and "keypoints" in pq.read_schema(path).names:
                for row in pq.read_table(path).to_pylist():
                    found.append(row["keypoints"])
                    found.append(unpack(row["keypoints"], row["n_frames"], row["n_joints"]).tobytes())
    return b"".join(found)


def test_no_frame_of_the_person_stays(dataset: Path):
    poses = {i: read_poses(dataset / "tables" / "poses" / f"clip-{i:04d}.parquet").keypoints for i in (1, 2)}
    frames = {i: keypoints[7].tobytes() for i, keypoints in poses.items()}
    blocks = {i: pack(keypoints[:64]) for i, keypoints in poses.items()}
    assert all(some in _frames(dataset) for some in (*frames.values(), *blocks.values()))
    _forget(dataset, player="P0001")
    after = _frames(dataset)
    for some in (frames, blocks):
        assert some[1] not in after
        assert some[2] in after, "others keep theirs"


def test_no_byte_of_the_person_stays(dataset: Path):
    before = _texts(dataset)
    assert all(word in before for word in ("Zebedia Quux", "pixels of P0001", "clip-0001"))
    report = _forget(dataset, player="P0001")
    after = _texts(dataset)
    for word in ("Zebedia", "Quux", "pixels of P0001", "clip-0001"):
        assert word not in after, word
    (tombstone,) = [path for path in dataset.rglob("*") if path.is_file() and b"video-0001" in path.read_bytes()]
    assert tombstone.name == "opt_out.csv"
    assert report.rows == {"players": 1, "players_private": 1, "clips": 1, "gestures": 1, "annotations": 1}
    assert report.releases == ("1.0.0",)
    assert report.files == 5  # the video, the clip, the clip with a hidden face, its poses, a report that lists it
    assert [path.name for path in (dataset / "reports").iterdir()] == ["of_others.json"]
    assert report.derived == Forgotten(("runs/all/store",), 2, ("runs/all/model.safetensors",))
    assert (dataset / "runs" / "one" / "store" / "poses.f32").is_file()
    assert pq.read_table(dataset / "runs" / "people.parquet").to_pylist() == [{"trained_on": ["P00011"]}]
    assert pq.read_table(dataset / "embeddings.parquet")["name"].to_pylist() == ["clip-0002", "clip-0003"]
    assert "runs/all/model.safetensors was trained on them: train it anew, then delete it." in report.left
    assert any("set LABEL_STUDIO_URL" in line for line in report.left)
    assert any("given out" in line for line in report.left)


def test_others_keep_theirs_and_the_next_release_is_sound(dataset: Path):
    _forget(dataset, player="P0001")
    with open_workspace(dataset) as workspace:
        assert workspace.read("videos")["video_id"].to_pylist() == ["video-0002", "video-0003"]
        assert set(workspace.ledger.entries("fetch")) == {"video-0002", "video-0003"}
        built = build(workspace, "1.1.0", quiet=True).path
    assert verify(built).findings == ()
    assert (dataset / "clips" / "video-0002" / "clip-0002.mp4").read_bytes() == PIXELS["P0002"]


def test_a_rerun_does_not_bring_it_back(dataset: Path):
    _forget(dataset, player="P0001")

    def fetch_again(workspace: Workspace) -> None:
        workspace.ledger.plan("fetch", {"video-0001": "x"})
        row = samples.video("video-0001", "P0009")  # also under another pseudonym
        workspace.ledger.record("fetch", Outcome("video-0001", "ok", rows={"videos": [row]}))

    with open_workspace(dataset) as workspace:
        assert workspace.opted_out().covers({"video_id": "video-0001"})
        fetch_again(workspace)
        assert "video-0001" not in workspace.read("videos")["video_id"].to_pylist()


def test_a_video_alone(dataset: Path):
    report = _forget(dataset, video="video-0002")
    assert report.rows == {"clips": 1, "gestures": 1, "annotations": 1}
    assert "pixels of P0002" not in _texts(dataset)
    assert "Bo Lind" in str(pq.read_table(dataset / "tables" / "players_private.parquet").to_pylist())


def test_twice_is_as_once(dataset: Path):
    _forget(dataset, player="P0001")
    again = _forget(dataset, player="P0001")
    assert (again.rows, again.ledger, again.files, again.releases) == ({}, 0, 0, ())
    assert again.derived == Forgotten((), 0, ())


@pytest.mark.parametrize("whom", [{}, {"player": "P0001", "video": "v"}, {"player": "P0099"}, {"video": "nothing"}])
def test_whom_nobody_knows(dataset: Path, whom: dict[str, str]):
    with pytest.raises(BadInput):
        _forget(dataset, **whom)


def test_half_of_a_video_is_forgotten_too(dataset: Path):
    half = dataset / "videos" / ".part-video-0009" / "media.mp4.part"
    half.parent.mkdir()
    half.write_bytes(PIXELS["P0001"])
    with open_workspace(dataset) as workspace:
        workspace.ledger.plan("fetch", {"video-0009": "x"}, {"video-0009": {"player_id": "P0001"}})
        workspace.ledger.record("fetch", Outcome("video-0009", "failed", "network", "it broke off"))
    _forget(dataset, player="P0001")
    assert not half.parent.exists()


def test_what_shows_the_same_is_hidden_with_it_and_named_no_more(dataset: Path):
    link = {column.name: 1.0 for column in TABLES["duplicates"].columns} | {"kind": "copy", "made_by": "test"}
    link |= {"video_id": "video-0002", "other_video_id": "video-0001", "kept_video_id": "video-0001"}
    excluded = {"clip_id": "clip-0002", "video_id": "video-0002", "kept": False, "made_by": "test"}
    excluded |= {"reason": "another recording that is kept shows it too (video video-0001)"}
    with open_workspace(dataset) as workspace:
        workspace.write("duplicates", from_rows(TABLES["duplicates"], [link]))
        workspace.write("exclusions", from_rows(TABLES["exclusions"], [excluded]))
    report = _forget(dataset, video="video-0001")
    assert (
        "Video video-0002 shows the same. Nobody sees it any more; to remove it: `--video video-0002`." in report.left
    )
    with open_workspace(dataset) as workspace:
        assert workspace.read("duplicates", everything=True).num_rows == 0
        assert workspace.read("exclusions", everything=True)["reason"].to_pylist() == [None]
        assert workspace.read("videos")["video_id"].to_pylist() == ["video-0003"]
        assert "video-0002" in workspace.read("videos", everything=True)["video_id"].to_pylist()
