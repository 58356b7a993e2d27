"""What status tells of the clips: kept, unsure and left, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests.status import ClipCounts, clip_counts, status
from manifests.tables import TABLES, from_rows
from manifests.workspace import open_workspace
from tests.manifests.samples import clip


def test_clips_by_hand(tmp_path: Path) -> None:
    doubt = "somebody else in the video looks alike"
    nobody = {"kept": False, "path": None, "sha256": None, "n_frames": 0}
    rows = [
        clip("a"),
        clip("b", end_s=10.0, player_doubt=doubt),
        clip("c", start_s=1.0, end_s=2.5, player_doubt=doubt),
        clip("d", reason="nobody in view", **nobody),
        clip("e", reason="the camera moves (0.31 picture widths a second)", **nobody),
        clip("f", reason="the camera moves (0.52 picture widths a second)", end_s=1.0, **nobody),
        clip("g", reason="the player is not in view", player_doubt="no matter", **nobody),
    ]
    with open_workspace(tmp_path / "dataset", create=True) as workspace:
        assert clip_counts(workspace) == ClipCounts((0, 0.0), {}, {})
        workspace.write("clips", from_rows(TABLES["clips"], rows))
        counts = clip_counts(workspace)
        assert status(workspace).clips == counts
    assert counts.kept == (3, pytest.approx(15.5))
    assert counts.unsure == {doubt: (2, pytest.approx(11.5))}
    assert counts.left == {
        "nobody in view": (1, pytest.approx(4)),
        "the camera moves": (2, pytest.approx(5)),
        "the player is not in view": (1, pytest.approx(4)),
    }
