import json
import pickle
import sys

import numpy as np
import pytest
import torch

from models import public_sets
from models.mgfm import MGFM, NetworkSettings
from models.public_sets import ACTION_SETS, MEASURED, action_set, action_set_average, measured_store, pretraining_stores
from models.recognise import RecogniseSettings
from models.skeletons import skeleton

SMALL = ["training.steps=2", "training.batch_size=4", "network.width=32", "network.heads=2", "network.depth=1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Noise in the form of the five sets: two people, twenty classes."""
    out, rng = tmp_path_factory.mktemp("sets"), np.random.default_rng(0)
    for name, joints in {"kinder_gator": "kinect20", **MEASURED}.items():
        shape = (1, 40, skeleton(joints).n_columns, 3)
        clips = [
            {
                "frame_dir": f"c{i}",
                "label": i % 20,
                "total_frames": 40,
                "keypoint": rng.normal(size=shape).astype(np.float32),
                "subject": i // 20,
            }
            for i in range(40)
        ]
        split = {"train": [f"c{i}" for i in range(20)], "test": [f"c{i}" for i in range(20, 40)]}
        (out / f"{name}.pkl").write_bytes(pickle.dumps({"split": split, "annotations": clips}))
    np.savez(
        out / "msrc12_streams.npz",
        keypoint=rng.normal(size=(300, 20, 3)).astype(np.float16),
        offset=[0, 100, 300],
        subject=[4, 9],
        stream=np.array(["a", "b"]),
    )
    return out


def test_what_is_learnt_from(folder, tmp_path):
    trials, streams = pretraining_stores(folder, tmp_path)
    assert (len(trials), streams.lengths.tolist(), streams.people.tolist()) == (
        40,
        [100, 200],
        ["msrc12-4", "msrc12-9"],
    )
    assert (streams.labels == -1).all()
    again = pretraining_stores(folder / "nowhere", tmp_path)  # prepared before
    assert [store.digest for store in again] == [trials.digest, streams.digest]


def test_the_action_sets(folder, tmp_path):
    assert set().union(*ACTION_SETS.values()) == set(range(1, 21))
    store = measured_store("msr_action3d", folder, tmp_path)
    for name, actions in ACTION_SETS.items():
        assert sorted(store.labels[action_set(store, name, "test")] + 1) == list(actions)


def test_action_sets_are_learnt_one_by_one(folder, tmp_path):
    torch.manual_seed(0)
    encoder = MGFM(NetworkSettings(width=16, depth=1, heads=2))
    store = measured_store("msr_action3d", folder, tmp_path)
    settings = RecogniseSettings(epochs=1, least_steps=1)
    average = action_set_average(store, encoder, settings, [0], tmp_path)
    hits = [json.loads((tmp_path / f"{name}-0.json").read_text()) for name in ACTION_SETS]
    assert [len(row) for row in hits] == [8, 8, 8]
    assert average == pytest.approx(sum(map(sum, hits)) / 24)


def test_a_table_and_going_on(folder, tmp_path, capsys, monkeypatch):
    command = [
        "public_sets",
        str(folder),
        "--out",
        str(tmp_path),
        "--seeds",
        "1",
        "--sets",
        "natops",
        "--pretrain",
        *SMALL,
    ]
    monkeypatch.setattr(sys, "argv", [*command, "--recognise", "epochs=1", "least_steps=1"])
    public_sets.main()
    first = capsys.readouterr().out
    assert [line.split(" | ")[1] for line in first.splitlines()[2:]] == [
        "linear_probe",
        "knn1",
        "fine_tune with 10%",
        "fine_tune with 100%",
    ]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cells").rglob("*.json")}
    assert len(before) == 8
    public_sets.main()
    assert capsys.readouterr().out == first
    assert {path: path.stat().st_mtime_ns for path in before} == before
