import numpy as np
import pyarrow as pa
import pytest

from benchmarks.simulator import simulate, write_dataset
from manifests.errors import BadInput
from manifests.tables import TABLES, empty
from manifests.workspace import open_workspace
from models.spot.streams import judged_clips, read_streams


def test_clips_that_somebody_judged():
    said = pa.table(
        {"clip_id": ["a", "b", "b", "c", "d"], "verdict": ["nothing", "unusable", "gesture", "unusable", "gesture"]}
    )
    assert judged_clips(said, pa.table({"clip_id": ["e"]})) == {"a", "b", "d", "e"}


def test_a_simulated_dataset(tmp_path):
    videos = list(simulate(people=2, videos=3, minutes=0.5, seed=1))
    write_dataset(tmp_path / "d", iter(videos))
    streams = read_streams(tmp_path / "d", tmp_path / "poses")
    assert len(streams.items) == 3
    assert set(streams.where("train")) == set(streams.items)
    for video in videos:
        (item,) = np.flatnonzero(streams.store.names == video.clip["clip_id"])
        span, label = streams.of(int(item))
        assert span.tolist() == [[row["start"], row["end"]] for row in video.gestures]
        assert [streams.classes[index] for index in label] == [row["label"] for row in video.gestures]
        assert streams.fps[item] == 25
        assert streams.store.lengths[item] == len(video.poses.keypoints)


def test_without_gestures_there_is_nothing_to_learn(tmp_path):
    write_dataset(tmp_path / "d", simulate(people=1, videos=1, minutes=0.2))
    with open_workspace(tmp_path / "d") as workspace:
        workspace.write("gestures", empty(TABLES["gestures"]))
    with pytest.raises(BadInput, match="annotate consensus"):
        read_streams(tmp_path / "d", tmp_path / "poses")
