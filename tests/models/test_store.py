import json

import numpy as np
import pytest

from manifests.errors import BadInput, SchemaMismatch
from models.store import Item, Recording, open_store, write_store


def recording(frames=10, seed=0, person="P1", items=None, columns=3, dims=2, hidden=()):
    rng = np.random.default_rng(seed)
    positions = rng.normal(size=(frames, columns, dims)).astype(np.float32)
    confidence = np.ones((frames, columns), np.float32)
    for frame, joint in hidden:
        confidence[frame, joint] = 0
    items = (Item(f"clip{seed}", 0, frames, label=seed, part="train"),) if items is None else items
    return Recording(positions, confidence, person, items)


def test_round_trip(tmp_path):
    first, second = recording(10), recording(6, seed=1, person="P2", items=(Item("a", 1, 4, 2), Item("b", 3, 6)))
    store = write_store([first, second], tmp_path / "s", "points3", classes=["x", "y", "z"], y_down=True)
    assert store.poses.shape == (16, 3, 3)
    np.testing.assert_array_equal(store.poses[:10, :, :2], first.positions)
    assert store.names.tolist() == ["clip0", "a", "b"]
    assert store.starts.tolist() == [0, 11, 13]
    assert store.ends.tolist() == [10, 14, 16]
    assert store.labels.tolist() == [0, 2, -1]
    assert store.people.tolist() == ["P1", "P2", "P2"]
    assert store.where("train").tolist() == [0]
    assert (store.classes, store.y_down, store.gapless, store.dims) == (("x", "y", "z"), True, True, 2)


def test_columns_come_in_canonical_order(tmp_path):
    # OpenPose's column 5 is the left shoulder, which the canonical order has before the right one (column 2).
    source = recording(columns=22)
    store = write_store([source], tmp_path / "s", "openpose22")
    left, right = store.skeleton.shoulders
    np.testing.assert_array_equal(store.poses[:, left, :2], source.positions[:, 5])
    np.testing.assert_array_equal(store.poses[:, right, :2], source.positions[:, 2])


def test_the_digest_follows_frames_and_labels(tmp_path):
    digests = {
        write_store([recording(seed=0)], tmp_path / "a", "points3").digest,
        write_store([recording(seed=1)], tmp_path / "b", "points3").digest,
        write_store(
            [recording(items=(Item("clip0", 0, 10, label=1, part="train"),))], tmp_path / "c", "points3"
        ).digest,
    }
    assert len(digests) == 3
    assert write_store([recording(seed=0)], tmp_path / "d", "points3").digest in digests


def test_an_unseen_joint_is_known(tmp_path):
    assert not write_store([recording(hidden=[(3, 1)])], tmp_path / "s", "points3").gapless


@pytest.mark.parametrize(
    ("recordings", "message"),
    [
        ([], "no recording to prepare"),
        ([recording(columns=4)], "4 joints, but skeleton points3 has 3"),
        ([recording(), recording(dims=3)], "3 dimensions, those before it 2"),
        ([recording(items=(Item("late", 5, 11),))], r"'late' is frames \[5, 11\), but its recording has 10"),
        (
            [Recording(np.full((2, 3, 2), np.nan, np.float32), np.ones((2, 3), np.float32), "", (Item("n", 0, 2),))],
            "NaN",
        ),
    ],
)
def test_bad_recordings_are_named(tmp_path, recordings, message):
    with pytest.raises(BadInput, match=message):
        write_store(recordings, tmp_path / "s", "points3")


def test_a_failed_write_leaves_the_old_store(tmp_path):
    old = write_store([recording()], tmp_path / "s", "points3").digest
    with pytest.raises(BadInput):
        write_store([recording(seed=5), recording(columns=4)], tmp_path / "s", "points3")
    assert open_store(tmp_path / "s").digest == old
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["items.parquet", "poses.f32", "store.json"]


def test_damaged_stores_are_told(tmp_path):
    with pytest.raises(BadInput, match=r"store\.json is missing"):
        open_store(tmp_path)
    path = write_store([recording()], tmp_path / "s", "points3").path
    (path / "poses.f32").write_bytes(b"1234")
    with pytest.raises(BadInput, match="damaged"):
        open_store(path)
    info = json.loads((path / "store.json").read_text())
    (path / "store.json").write_text(json.dumps({**info, "format": 99}))
    with pytest.raises(SchemaMismatch, match="format 99"):
        open_store(path)
