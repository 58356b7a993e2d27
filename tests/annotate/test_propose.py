"""The stage that proposes: which clips it takes, when it does them again, and its rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from annotate.propose import find_spotter, propose
from manifests.errors import BadInput
from manifests.ids import file_sha256, proposal_id
from manifests.poses import write_poses
from manifests.taxonomy import LABELS
from tests.annotate.datasets import dataset
from tests.annotate.test_kinematic import hand_at, poses, simulated
from tests.annotate.untaught import untaught_spotter


@pytest.fixture
def workspace(tmp_path):
    """Five clips; c1 touches the face, c2 rests, c3 has poses of another length, c4 none, c5 another skeleton."""
    with dataset(tmp_path / "d", ["c1", "c2", "c3", "c4", "c5"], []) as workspace:
        _write(workspace, "c1", hand_at(simulated(50), (200, 100), 15, 35))
        _write(workspace, "c2", simulated(50))
        _write(workspace, "c3", simulated(49))
        _write(workspace, "c5", simulated(50), skeleton="nobody17")
        yield workspace


def _write(workspace, clip: str, keypoints: np.ndarray, skeleton: str = "coco17") -> None:
    write_poses(replace(poses(keypoints, skeleton), clip_id=clip), workspace.table_path("poses", clip))


def test_rows_and_failures(workspace):
    report = propose(workspace, workers=0, quiet=True)
    assert (report.total, report.ok, report.failed) == (4, 2, 2)
    assert [(item, kind) for item, kind, _ in report.failures] == [("c3", "pose_length"), ("c5", "skeleton")]
    rows = workspace.read("proposals").to_pylist()
    assert {row["clip_id"] for row in rows} == {"c1"}
    face = next(row for row in rows if row["label"] == "touching_face")
    assert abs(face["start"] - 15) <= 2
    assert abs(face["end"] - 35) <= 2
    assert face["model_version"] == "kinematic-spotter-1"
    assert face["proposal_id"] == proposal_id("c1", face["start"], face["end"], "touching_face", "kinematic-spotter-1")
    assert face["top_labels"][0] == "touching_face"
    assert face["top_scores"][0] == face["score"]


def test_a_second_run_does_nothing_and_new_poses_are_done_again(workspace):
    propose(workspace, workers=0, quiet=True)
    before = workspace.read("proposals")
    assert propose(workspace, workers=0, quiet=True).done_now == 0
    assert workspace.read("proposals").equals(before)
    _write(workspace, "c3", hand_at(simulated(50), (200, 100), 15, 35))
    report = propose(workspace, workers=0, quiet=True)
    assert (report.done_now, report.ok, report.failed) == (1, 3, 1)
    assert {row["clip_id"] for row in workspace.read("proposals").to_pylist()} == {"c1", "c3"}


@pytest.fixture
def spotter(tmp_path):
    return untaught_spotter(tmp_path / "spotter")


def test_by_a_trained_spotter(workspace, spotter):
    propose(workspace, workers=0, quiet=True)
    report = propose(workspace, checkpoint=spotter, workers=0, quiet=True)
    assert (report.done_now, report.ok, report.failed) == (4, 2, 2)
    assert [(item, kind) for item, kind, _ in report.failures] == [("c3", "pose_length"), ("c5", "skeleton")]
    sha256 = file_sha256(spotter / "model.safetensors")
    rows = workspace.read("proposals").to_pylist()
    assert rows
    for row in rows:
        assert row["model_version"] == f"spotter-{sha256[:12]}"
        assert row["made_by"].endswith(f"sha256:{sha256}")
        assert 0 <= row["start"] < row["end"] <= 50
        assert len(row["top_labels"]) == len(row["top_scores"]) == 5
        assert (row["top_labels"][0], row["top_scores"][0]) == (row["label"], row["score"])
    assert propose(workspace, checkpoint=spotter, workers=0, quiet=True).done_now == 0
    # Another wish, and another model, are other proposals.
    assert propose(workspace, checkpoint=spotter, recall=0.5, workers=0, quiet=True).done_now == 4
    assert propose(workspace, workers=0, quiet=True).done_now == 4
    assert {row["model_version"] for row in workspace.read("proposals").to_pylist()} == {"kinematic-spotter-1"}


def test_a_wrong_checkpoint_is_refused_before_anything_is_done(workspace, spotter, tmp_path):
    for path, message in ((tmp_path, "there is no checkpoint"), (spotter / "model.safetensors", None)):
        if message:
            with pytest.raises(BadInput, match=message):
                propose(workspace, checkpoint=path, workers=0, quiet=True)
        else:
            assert propose(workspace, checkpoint=path, workers=0, quiet=True).done_now == 4
    with pytest.raises(BadInput, match="other classes, such as 'touching_ears'"):
        find_spotter(spotter, [label for label in LABELS if label != "touching_ears"])
    with pytest.raises(BadInput, match="--recall 0"):
        propose(workspace, recall=0, quiet=True)


@pytest.mark.slow
def test_on_a_process_of_its_own(workspace):
    assert propose(workspace, workers=1, quiet=True).ok == 2
