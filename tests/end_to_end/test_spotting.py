"""A spotter trained and put to work through the real command line, on simulated people."""

from __future__ import annotations

from benchmarks.simulator import simulate, write_dataset
from manifests.ids import file_sha256
from manifests.workspace import open_workspace
from models.checkpoints import read_card
from tests.end_to_end.commands import mgcollect

SMALL = ("training.batch_size=2", "training.steps=2", "network.width=8", "network.levels=4", "frames=256")


def test_train_and_propose(release, tmp_path):
    trained = mgcollect("train", "spot", "--release", release, "--out", tmp_path / "spotter", *SMALL)
    assert trained.returncode == 0, trained.stderr
    assert "the scores are not calibrated" in trained.stdout  # two people train
    card = read_card(tmp_path / "spotter")
    assert (card.kind, card.step, card.skeletons) == ("spotter", 2, ("coco17",))

    write_dataset(tmp_path / "d", simulate(people=2, videos=2, minutes=0.5, seed=9))
    again = ("propose", "--dataset", tmp_path / "d", "--checkpoint", tmp_path / "spotter", "--workers", "0")
    proposed = mgcollect(*again)
    assert proposed.returncode == 0, proposed.stderr
    with open_workspace(tmp_path / "d") as workspace:
        rows = workspace.read("proposals").to_pylist()
    sha256 = file_sha256(tmp_path / "spotter" / "model.safetensors")
    assert {row["made_by"].split("sha256:")[1] for row in rows} <= {sha256}

    wrong = mgcollect("propose", "--dataset", tmp_path / "d", "--checkpoint", release)
    assert (wrong.returncode, "there is no checkpoint" in wrong.stderr) == (2, True)
