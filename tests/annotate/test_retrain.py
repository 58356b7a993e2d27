"""A spotter's versions: each learns from what was agreed, is measured on people it never saw, and is the one that proposes then."""

from __future__ import annotations

import json

import numpy as np
import pytest

from annotate.propose import propose
from annotate.retrain import retrain
from annotate.spotters import newest_spotter, versions
from manifests.errors import BadInput
from manifests.ids import file_sha256
from manifests.poses import Poses, boxes_around, write_poses
from manifests.tables import TABLES, from_rows
from manifests.workspace import open_workspace
from mgcollect.derived import forget_derived
from tests.end_to_end.commands import mgcollect
from tests.manifests import samples
from tests.models.spot.conftest import SMALL, settings, stream

LABELS = ("touching_face", "touching_jaw")  # what the two swings are called here
PEOPLE = [f"P000{i}" for i in range(1, 6)]


def _fill(workspace, seeds) -> None:
    """Simulated streams, one a clip, of five people in turn; every gesture is agreed on."""
    clips, gestures = [], []
    for seed in seeds:
        clip, person = f"c{seed}", PEOPLE[seed % 5]
        positions, swings = stream(seed)
        keypoints = np.concatenate([positions, np.ones((*positions.shape[:2], 1), np.float32)], axis=2)
        write_poses(Poses(clip, "coco17", keypoints, boxes_around(keypoints)), workspace.table_path("poses", clip))
        clips.append(samples.clip(clip, player_id=person, n_frames=len(positions)))
        gestures += [
            samples.gesture(f"{clip}-{start}", clip, person, start=start, end=end, label=LABELS[label])
            for start, end, label in swings
        ]
    workspace.write("clips", from_rows(TABLES["clips"], clips))
    workspace.write("gestures", from_rows(TABLES["gestures"], gestures))


def test_versions_and_what_they_gain(tmp_path):
    small = settings("training.steps=60")
    with open_workspace(tmp_path / "d", create=True) as workspace:
        _fill(workspace, range(15))
        first = retrain(workspace, small, quiet=True)
        assert first.new
        # By the lots of the five pseudonyms one is spared, and nothing is learned from that person.
        (spared,) = first.people
        record = json.loads((first.folder / "retrain.json").read_text())
        assert sorted({*record["learned_from"], spared}) == PEOPLE
        assert spared not in record["learned_from"]
        assert first.before is not None
        assert first.after is not None
        assert first.before.model == "kinematic-spotter-1"
        assert first.after.f1 > 0.5 > first.before.f1
        gain, interval = first.gain or (0, None)
        assert gain == pytest.approx(first.after.f1 - first.before.f1)
        assert interval is None, "one person has no interval"

        again = retrain(workspace, small, quiet=True)
        assert (again.new, again.folder, again.version) == (False, first.folder, first.version)
        assert (again.after.f1, again.people) == (first.after.f1, first.people)
        assert again.after.ranked == first.after.ranked
        assert first.after.ranked["map"].value > first.before.ranked["map"].value

        propose(workspace, checkpoint=newest_spotter(workspace.root), workers=0, quiet=True)
        versions_there = {row["model_version"] for row in workspace.read("proposals").to_pylist()}
        assert versions_there == {first.version} == {f"spotter-{file_sha256(first.folder / 'model.safetensors')[:12]}"}

        # What was begun and left, of data that has changed since, is cleared away.
        left = tmp_path / "d" / "spotters" / "v0002-0123456789ab"
        left.mkdir()
        _fill(workspace, range(20))
        second = retrain(workspace, small, quiet=True)
        assert [path.name[:5] for path in versions(workspace.root)] == ["v0001", "v0002"]
        assert not left.exists()
        assert newest_spotter(workspace.root) == second.folder
        assert second.before is not None
        assert (second.before.model, second.people) == (first.version, first.people)

        # Whoever is forgotten leaves the lists of those that were learned from; the weights are named, for nobody can clean them.
        one = record["learned_from"][0]
        gone = forget_derived(workspace.root, lambda text: text == one)
        assert [path.split("/")[1][:5] for path in gone.checkpoints] == ["v0001", "v0002"]
        for path in versions(workspace.root):
            assert one not in json.loads((path / "retrain.json").read_text())["learned_from"]
        assert retrain(workspace, small, quiet=True).learned[0] == 3


def test_nothing_agreed_on(tmp_path):
    with open_workspace(tmp_path / "d", create=True) as workspace:
        with pytest.raises(BadInput, match="--measure 1"):
            retrain(workspace, share=1.0, quiet=True)
        with pytest.raises(BadInput):
            retrain(workspace, quiet=True)
        assert newest_spotter(workspace.root) is None


def test_the_command(tmp_path):
    folder = tmp_path / "d"
    with open_workspace(folder, create=True) as workspace:
        _fill(workspace, range(15))
    options = [*SMALL, "augment.mirror=0", "training.steps=2"]
    done = mgcollect("annotate", "retrain", "--dataset", folder, *options)
    assert done.returncode == 0, done.stderr
    assert "people: " in done.stdout
    assert "F1" in done.stdout
    done = mgcollect("annotate", "retrain", "--dataset", folder, "--quiet", *options)
    assert (done.returncode, done.stdout) == (0, "")
    assert mgcollect("propose", "--dataset", folder, "--quiet").returncode == 0
    with open_workspace(folder) as workspace:
        entries = workspace.ledger.entries("propose")
        assert {entry.state for entry in entries.values()} == {"ok"}
        assert all(row["model_version"].startswith("spotter-") for row in workspace.read("proposals").to_pylist())
    assert mgcollect("propose", "--dataset", folder, "--by-rule", "--quiet").returncode == 0
    done = mgcollect("propose", "--dataset", folder, "--by-rule", "--checkpoint", "x")
    assert (done.returncode, "either --checkpoint or --by-rule" in done.stderr) == (2, True)
