import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from manifests.errors import BadInput
from manifests.poses import Poses, read_poses, write_poses
from manifests.tables import TABLES, from_rows
from manifests.taxonomy import LABELS
from manifests.workspace import open_workspace
from models.prepare import prepare, prepare_pretraining, prepare_pyskl

DATA = Path(__file__).parents[3] / "shared" / "data"


def pyskl_file(path, people=1, classes=None):
    keypoint = np.zeros((people, 5, 17, 2), np.float32)
    score = np.zeros((people, 5, 17), np.float32)
    for person in range(people):
        keypoint[person], score[person] = person + 1, 0.2 * (person + 1)
    annotations = [{"frame_dir": "a", "label": 1, "total_frames": 5, "keypoint": keypoint, "keypoint_score": score}]
    path.write_bytes(pickle.dumps({"split": {"test": ["a"]}, "annotations": annotations}))
    if classes:
        path.with_suffix(".classes.txt").write_text("\n".join(classes) + "\n")
    return path


def test_pyskl_keeps_the_person_seen_best(tmp_path):
    path = pyskl_file(tmp_path / "x.pkl", people=3, classes=["wave", "bow"])
    store = prepare_pyskl(path, tmp_path / "s", "coco17")
    assert (store.poses[..., :2] == 3).all()
    assert store.y_down
    assert store.classes == ("wave", "bow")
    assert store.labels.tolist() == [1]
    assert store.where("test").tolist() == [0]
    with pytest.raises(BadInput, match="Parts there: test"):
        store.where("train")


def clip_row(clip_id, player, kept=True):
    base = dict.fromkeys(TABLES["clips"].schema.names)
    return base | {
        "clip_id": clip_id,
        "video_id": "v1",
        "player_id": player,
        "start_pts": 0,
        "end_pts": 100,
        "time_base": "1/25",
        "start_s": 0.0,
        "end_s": 4.0,
        "shot": 0,
        "fps_num": 25,
        "fps_den": 1,
        "n_frames": 100,
        "width": 640,
        "height": 360,
        "player_share": 1.0,
        "people": 1.0,
        "kept": kept,
        "made_by": "test",
    }


def gesture_row(gesture_id, clip_id, start, end, label):
    return {
        "gesture_id": gesture_id,
        "clip_id": clip_id,
        "video_id": "v1",
        "player_id": "P1",
        "start": start,
        "end": end,
        "label": label,
        "description": None,
        "n_annotators": 2,
        "agreement": 1.0,
        "adjudicated": False,
        "made_by": "test",
    }


@pytest.fixture
def dataset(tmp_path):
    """Two kept clips with poses, one kept without, one not kept; two gestures."""
    with open_workspace(tmp_path / "dataset", create=True) as workspace:
        rows = [clip_row("c1", "P1"), clip_row("c2", "P2"), clip_row("c3", "P2"), clip_row("c4", "P1", kept=False)]
        workspace.write("clips", from_rows(TABLES["clips"], rows))
        gestures = [gesture_row("g1", "c1", 10, 40, "head_up"), gesture_row("g2", "c1", 50, 100, "rubbing_eyes")]
        workspace.write("gestures", from_rows(TABLES["gestures"], gestures))
        splits = [
            {
                "protocol": "cross_subject",
                "draw": 0,
                "unit": "gesture",
                "item_id": gesture,
                "player_id": "P1",
                "part": part,
                "labelled": [],
            }
            for gesture, part in (("g1", "train"), ("g2", "test"))
        ]
        workspace.write("splits", from_rows(TABLES["splits"], splits))
        for index, clip in enumerate(("c1", "c2")):
            keypoints = np.random.default_rng(index).uniform(0, 300, (100, 17, 3)).astype(np.float32)
            keypoints[..., 2] = 0.9
            boxes = np.tile(np.array([0, 0, 300, 300], np.float32), (100, 1))
            boxes[20:30] = np.nan
            write_poses(Poses(clip, "coco17", keypoints, boxes), workspace.table_path("poses", clip))
    return tmp_path / "dataset"


def test_a_dataset_s_clips(dataset, tmp_path):
    store = prepare(dataset, tmp_path / "s")
    assert store.names.tolist() == ["c1", "c2"]
    assert store.people.tolist() == ["P1", "P2"]
    assert store.lengths.tolist() == [100, 100]
    assert (store.poses[20:30, :, 2] == 0).all()  # the player wasn't in view
    assert (store.poses[:20, :, 2] > 0.8).all()
    assert store.y_down


def test_a_dataset_s_gestures(dataset, tmp_path):
    store = prepare(dataset, tmp_path / "s", gestures=True, protocol="cross_subject")
    assert store.names.tolist() == ["g1", "g2"]
    assert list(zip(store.starts.tolist(), store.ends.tolist(), strict=True)) == [(10, 40), (50, 100)]
    assert [LABELS[label] for label in store.labels] == ["head_up", "rubbing_eyes"]
    assert store.where("test").tolist() == [1]
    with pytest.raises(BadInput, match=r"no protocol 'fold1'\. There: cross_subject"):
        prepare(dataset, tmp_path / "s", gestures=True, protocol="fold1")


def test_learning_from_some_people_and_probing_on_others(dataset, tmp_path):
    with open_workspace(dataset) as workspace:
        rows = workspace.read("gestures").to_pylist()
        rows.append(gesture_row("g3", "c2", 0, 20, "head_up") | {"player_id": "P2"})
        workspace.write("gestures", from_rows(TABLES["gestures"], rows))
    everyone, nobody = prepare_pretraining(dataset, tmp_path / "all")
    assert (everyone.names.tolist(), nobody) == (["c1", "c2"], None)
    # P1 has a gesture in the test part, so P2 alone may be learnt from.
    store, _ = prepare_pretraining(dataset, tmp_path / "train", protocol="cross_subject")
    assert store.people.tolist() == ["P2"]
    with pytest.raises(BadInput, match="A probe on 2 people"):
        prepare_pretraining(dataset, tmp_path / "x", protocol="cross_subject", probe_people=2)
    with pytest.raises(BadInput, match="Nobody is left"):
        prepare_pretraining(dataset, tmp_path / "x", probe_people=2)


def test_probed_people_are_not_learnt_from(dataset, tmp_path):
    with open_workspace(dataset) as workspace:
        clips = [clip_row(f"c{index}", f"P{index}") for index in (1, 2, 3)]
        workspace.write("clips", from_rows(TABLES["clips"], clips))
        rows = [
            gesture_row(f"g{index}", f"c{index}", 0, 20, "head_up") | {"player_id": f"P{index}"} for index in (1, 2, 3)
        ]
        workspace.write("gestures", from_rows(TABLES["gestures"], rows))
        poses = read_poses(workspace.table_path("poses", "c1"))
        write_poses(replace(poses, clip_id="c3"), workspace.table_path("poses", "c3"))
    store, probe = prepare_pretraining(dataset, tmp_path / "s", probe_people=2)
    assert sorted([*store.people, *probe.people]) == ["P1", "P2", "P3"]
    assert len(probe.people) == 2
    assert all(LABELS[label] == "head_up" for label in probe.labels)


def test_empty_sources_say_what_to_run(tmp_path):
    with open_workspace(tmp_path / "empty", create=True):
        pass
    with pytest.raises(BadInput, match="mgcollect pose"):
        prepare(tmp_path / "empty", tmp_path / "s")
    with pytest.raises(BadInput, match="agreed gestures"):
        prepare(tmp_path / "empty", tmp_path / "s", gestures=True)


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is absent")
def test_a_real_set(tmp_path):
    store = prepare_pyskl(DATA / "msr_action3d.pkl", tmp_path / "s", "msr20")
    assert len(store.classes) == 20
    assert (len(store.where("train")), len(store.where("test"))) == (292, 275)
    assert set(store.people[store.where("train")]) == {"1", "3", "5", "7", "9"}  # odd subjects train
    # In the high arm wave (class 0) it is the right arm that moves.
    waving = [store.poses[store.starts[item] : store.ends[item]] for item in np.flatnonzero(store.labels == 0)]
    joints = store.skeleton.joints
    motion = np.mean([clip[..., 1].std(0) for clip in waving], axis=0)
    assert motion[joints.index("right_wrist")] > 5 * motion[joints.index("left_wrist")]
