"""Readers and measures of the real streams, on a few frames made by hand; and the real files, where they are."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.real_streams import point_hits, read_gesture_phase, read_msrc12, segment_scores
from manifests.errors import BadInput
from models.spot.metrics import Segments

DATA = Path(__file__).parents[3] / "shared" / "data"


def test_gestures_are_runs_of_what_is_not_rest(tmp_path):
    np.savez(
        tmp_path / "talks.npz",
        x=np.random.default_rng(0).normal(size=(12, 6, 3)).astype(np.float32),
        off=np.array([0, 7, 12]),
        subj=np.array([3, 5]),
        frame_label=np.array([0, 1, 2, 0, 0, 4, 4, 1, 0, 0, 3, 0]),
    )
    streams = read_gesture_phase(tmp_path / "talks.npz")
    assert streams.owner.tolist() == [0, 0, 1, 1]
    assert streams.span.tolist() == [[1, 3], [5, 7], [0, 1], [3, 4]]
    assert streams.store.people.tolist() == ["3", "5"]
    assert streams.store.lengths.tolist() == [7, 5]


def test_action_points_are_seconds_around_them(tmp_path):
    np.savez(
        tmp_path / "commands.npz",
        keypoint=np.random.default_rng(0).normal(size=(150, 20, 3)).astype(np.float16),
        offset=np.array([0, 100, 150]),
        subject=np.array([1, 2]),
        event_stream=np.array([0, 0, 1, 1]),
        event_frame=np.array([50, 95, 5, 60]),  # the last lies beyond its stream
        event_class=np.array([0, 1, 1, 0]),
        classes=np.array(["push", "duck"]),
    )
    streams = read_msrc12(tmp_path / "commands.npz")
    assert streams.span.tolist() == [[35, 65], [80, 100], [0, 20]]
    assert streams.label.tolist() == [0, 1, 1]
    with pytest.raises(BadInput, match="not the file that is expected"):
        read_gesture_phase(tmp_path / "commands.npz")


def test_points_by_hand():
    """333 ms are just short of ten frames; a detection finds one point, of its class, in its stream."""
    true = Segments(
        np.array([0, 0, 0, 1]), np.array([[35, 65], [60, 90], [35, 65], [35, 65]]), np.array([0, 0, 1, 0]), np.ones(4)
    )
    given = Segments(
        np.array([0, 0, 0]), np.array([[50, 68], [40, 62], [0, 82]]), np.array([0, 0, 1]), np.array([0.9, 0.8, 0.7])
    )
    # Middles 59, 51 and 41: near 50, near 50 again (taken, and 75 is far), and near the other class's 50.
    assert point_hits(true, given).tolist() == [True, False, True, False]


def test_segments_by_hand():
    """One clip, two classes: the first found with tIoU 0.5 beneath a false alarm, the second whole."""
    true = Segments(np.array([0, 0]), np.array([[0, 10], [20, 40]]), np.array([0, 1]), np.ones(2))
    found = Segments(
        np.zeros(3, dtype=int), np.array([[60, 70], [0, 5], [20, 40]]), np.array([0, 0, 1]), np.array([0.9, 0.8, 0.7])
    )
    scores = segment_scores(true, found)
    # Class 0: precision 1/2 at tIoU up to 0.5, nothing at 0.6 and 0.7. Class 1: 1 at all seven.
    assert scores["map"] == pytest.approx((5 * (0.5 + 1) / 2 + 2 * (0 + 1) / 2) / 7)
    assert scores["map_tiou_0.5"] == pytest.approx(0.75)
    # Overlaps 0.5 to 0.95 are ten; the first segment is found at one of them, the second at all.
    assert scores["ar_10"] == scores["ar_100"] == pytest.approx((0.1 + 1) / 2)


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is absent")
def test_the_real_files():
    talks = read_gesture_phase(DATA / "gesture_phase.npz")
    assert (len(talks.items), int(talks.store.lengths.sum()), len(set(talks.store.people))) == (7, 9901, 3)
    commands = read_msrc12(DATA / "msrc12_streams.npz")
    assert (len(commands.items), len(set(commands.store.people)), len(commands.classes)) == (592, 30, 12)
    assert 6200 <= len(commands.span) <= 6233
