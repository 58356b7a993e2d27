"""The other side of the loader's benchmark makes what pyskl's pipeline does."""

import numpy as np
import pytest

from benchmarks.speed.loader import pyskl_sample, write_clips
from manifests.importers.pyskl import load_pyskl
from manifests.importers.safe_pickle import load_pickle


@pytest.mark.parametrize("dims", [2, 3])
def test_samples_by_hand(tmp_path, dims):
    write_clips(tmp_path / "clips.pkl", 3, dims)
    assert len(load_pyskl(tmp_path / "clips.pkl").clips) == 3
    annotation = load_pickle(tmp_path / "clips.pkl")["annotations"][1]
    before = annotation["keypoint"].copy()
    slow, lean = (pyskl_sample(annotation, np.random.default_rng(0), lean=lean)["keypoint"] for lean in (False, True))
    assert slow.shape == (1, 1, 100, before.shape[2], 3)
    assert (slow == lean).all()  # nobody comes or goes, and no frame is empty
    assert (annotation["keypoint"] == before).all()
    if dims == 2:
        # The picture runs from -1 to 1, and each frame is one of the clip's.
        placed = (before[0] - (640, 360)) / (640, 360)
        assert all(np.isclose(placed, frame[:, :2]).all(axis=(1, 2)).any() for frame in slow[0, 0].numpy())
    else:
        # Upright, about the first frame's spine: the way from the hip (0) to the spine (20) is along z, but for what the
        # second turn, which lays the shoulders along x, moves.
        first = pyskl_sample(annotation, np.random.default_rng(0))["keypoint"][0, 0, 0].numpy()
        shoulders = first[4] - first[8]
        assert shoulders[0] > 5 * abs(shoulders[1:]).max()
