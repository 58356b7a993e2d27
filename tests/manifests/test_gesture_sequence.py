"""Gestures one by one, in this process and in a worker's; and the README's example."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import manifests
from manifests.errors import BadInput
from manifests.gesture_sequence import GestureSequence
from manifests.poses import Poses, write_poses
from manifests.release_build import build
from manifests.tables import TABLES, from_rows
from manifests.workspace import open_workspace
from tests.manifests import samples

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people with a clip and a gesture each; a frame's number stands in its keypoints."""
    folder = tmp_path_factory.mktemp("gestures") / "dataset"
    points = np.zeros((100, 17, 3), np.float32)
    points[..., 0] = np.arange(100)[:, None]
    with open_workspace(folder, create=True) as workspace:
        for name in ("players", "videos", "clips", "gestures"):
            make = getattr(samples, name.removesuffix("s"))
            of = {"players": "P000{}", "videos": "v{}", "clips": "c{}", "gestures": "g{}"}[name]
            keys: list[dict[str, str]] = [{"player_id": f"P000{i}"} for i in (1, 2)]
            if name in ("clips", "gestures"):
                keys = [key | {"video_id": f"v{i}"} for i, key in enumerate(keys, 1)]
            if name == "gestures":
                keys = [key | {"clip_id": f"c{i}"} for i, key in enumerate(keys, 1)]
            ids = [{TABLES[name].key[0]: of.format(i)} for i in (1, 2)]
            rows = [make(**(key | one)) for key, one in zip(keys, ids, strict=True)]
            workspace.write(name, from_rows(TABLES[name], rows))
        for clip in ("c1", "c2"):
            poses = Poses(clip, "coco17", points, np.zeros((100, 4), np.float32))
            write_poses(poses, workspace.table_path("poses", clip))
        build(workspace, "1.0.0", quiet=True)
    return folder


def test_each_gesture_has_its_frames(dataset: Path):
    release = manifests.open_release(dataset / "releases" / "1.0.0")
    everything = GestureSequence(release)
    assert [gesture.gesture_id for gesture in everything] == ["g1", "g2"]
    assert everything[-1].player_id == "P0002"
    assert everything[0].index == release.labels.index("touching_neck")
    np.testing.assert_array_equal(everything[0].poses.keypoints[:, 0, 0], np.arange(10, 40))
    parts = [{gesture.gesture_id for gesture in GestureSequence(release, part)} for part in ("train", "test")]
    assert sorted(map(sorted, parts)) == [["g1"], ["g2"]]
    with pytest.raises(BadInput, match="no part val of cross_subject"):
        GestureSequence(release, "val")


def test_it_travels_to_a_worker(dataset: Path):
    here = GestureSequence(manifests.open_release(dataset / "releases" / "1.0.0"))
    here[0]  # opens files, which must not be sent along
    there = pickle.loads(pickle.dumps(here))  # noqa: S301
    np.testing.assert_array_equal(there[1].poses.keypoints, here[1].poses.keypoints)


def test_the_example_of_the_readme_runs(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (example,) = re.findall(r"```python\n(import manifests\n.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    monkeypatch.chdir(dataset.parent)
    exec(example, {})  # noqa: S102
    assert capsys.readouterr().out == "1 touching_neck (30, 17, 3)\n"
