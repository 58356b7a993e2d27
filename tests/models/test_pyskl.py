import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from manifests.errors import BadInput
from models.pyskl import read_pyskl

DATA = Path(__file__).parents[3] / "shared" / "data"


def annotation(**changes):
    keypoint = np.arange(1 * 4 * 3 * 2, dtype=np.float32).reshape(1, 4, 3, 2)
    keypoint[0, 0, 0] = 0
    base = {"frame_dir": "a", "label": 2, "total_frames": 4, "keypoint": keypoint, "subject": 7}
    return {**base, **changes}


def write(path, content, protocol=4):
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", range(2, 6))
def test_every_pickle_protocol(tmp_path, protocol):
    content = {"split": {"train": ["a"]}, "annotations": [annotation(label=np.int64(2))]}
    found = read_pyskl(write(tmp_path / "x.pkl", content, protocol))
    clip = found.clips[0]
    assert (clip.name, clip.label, clip.person) == ("a", 2, "7")
    assert found.split == {"train": ("a",)}
    np.testing.assert_array_equal(clip.positions[0, 1], [[6, 7], [8, 9], [10, 11]])
    assert clip.confidence[0, 0].tolist() == [0, 1, 1]  # the joint at the exact origin was not seen


def test_scores_are_the_confidence_and_nan_is_unseen(tmp_path):
    keypoint = np.ones((1, 2, 3, 2), np.float16)
    keypoint[0, 1, 2, 0] = np.nan
    item = annotation(keypoint=keypoint, keypoint_score=np.full((1, 2, 3), 0.5, np.float16))
    clip = read_pyskl(write(tmp_path / "x.pkl", {"annotations": [item]})).clips[0]
    assert clip.confidence.tolist() == [[[0.5, 0.5, 0.5], [0.5, 0.5, 0]]]
    assert np.isfinite(clip.positions).all()


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_a_pickle_that_calls_the_system_is_refused_and_calls_nothing(tmp_path):
    mark = tmp_path / "called"
    path = write(tmp_path / "x.pkl", {"annotations": [Bomb(mark)]})
    with pytest.raises(BadInput, match=r"refused: it calls \w+\.system"):
        read_pyskl(path)
    assert not mark.exists()


@pytest.mark.parametrize("module", ["builtins", "numpy", "torch", "collections"])
def test_other_names_of_allowed_modules_are_refused(tmp_path, module):
    path = tmp_path / "x.pkl"
    path.write_bytes(f"c{module}\neval\n(S'1'\ntR.".encode())
    with pytest.raises(BadInput, match=f"{module}.eval"):
        read_pyskl(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "no dictionary with a list"),
        ({"annotations": []}, "holds no annotation"),
        ({"annotations": [{}]}, "annotation 0: no dictionary with `keypoint`"),
        ({"annotations": [annotation(), annotation(keypoint=np.ones((4, 3, 2)))]}, r"annotation 1, keypoint: shape"),
        ({"annotations": [annotation(keypoint=[[1.0]])]}, "list where an array of numbers"),
        ({"annotations": [annotation(keypoint=np.array([None]))]}, "array of object"),
        ({"annotations": [annotation(keypoint_score=np.ones((1, 4, 9)))]}, "keypoint_score: shape"),
        ({"annotations": [annotation(label="walk")]}, "'walk' is not a class index"),
        ({"annotations": [annotation()], "split": {"train": ["a", "zz"]}}, "'zz'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, content, message):
    with pytest.raises(BadInput, match=message):
        read_pyskl(write(tmp_path / "x.pkl", content))


@pytest.mark.parametrize("content", [b"", b"hello", pickle.dumps({"annotations": [annotation()]})[:-40]])
def test_no_pickle_at_all(tmp_path, content):
    (tmp_path / "x.pkl").write_bytes(content)
    with pytest.raises(BadInput, match="not a readable pickle"):
        read_pyskl(tmp_path / "x.pkl")


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is absent")
@pytest.mark.parametrize(
    ("name", "clips", "train", "joints"), [("natops", 360, 180, 8), ("msr_action3d", 567, 292, 20)]
)
def test_real_files(name, clips, train, joints):
    found = read_pyskl(DATA / f"{name}.pkl")
    assert (len(found.clips), len(found.split["train"])) == (clips, train)
    assert {clip.positions.shape[2] for clip in found.clips} == {joints}
