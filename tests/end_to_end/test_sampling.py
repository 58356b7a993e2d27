"""Windows drawn from a simulated release and pre-trained on, through the real command line."""

from __future__ import annotations

import pyarrow.parquet as pq

from manifests.release import open_release
from models.checkpoints import read_card
from tests.end_to_end.commands import mgcollect

SMALL = ("training.batch_size=4", "training.steps=2", "network.width=32", "network.heads=2")


def test_sample_and_pretrain(release, tmp_path):
    drawn = mgcollect(
        *("sample", "--release", release, "--share", "0.3", "--protocol", "cross_subject", "--out", tmp_path / "s")
    )
    assert drawn.returncode == 0, drawn.stderr
    assert "mgcollect pretrain --sample" in drawn.stdout
    rows = pq.read_table(tmp_path / "s" / "windows.parquet").to_pylist()
    splits = open_release(release).table("splits").to_pylist()
    assert {row["person"] for row in rows} <= {row["player_id"] for row in splits if row["part"] == "train"}
    assert (tmp_path / "s" / "sample.html").exists()

    trained = mgcollect("pretrain", "--sample", tmp_path / "s", "--out", tmp_path / "m", *SMALL)
    assert trained.returncode == 0, trained.stderr
    assert list(read_card(tmp_path / "m").data) == ["s"]
    wrong = mgcollect("pretrain", "--sample", tmp_path / "s", "--release", release, "--out", tmp_path / "n")
    assert (wrong.returncode, "--sample goes without" in wrong.stderr) == (2, True)
