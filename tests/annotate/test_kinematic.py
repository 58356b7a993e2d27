"""The kinematic spotter on simulated bodies whose movements are known."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotate.kinematic import spot
from manifests.poses import Poses
from manifests.segments import temporal_iou
from manifests.taxonomy import LABELS

FPS = Fraction(25)
NOSE, EARS, SHOULDERS, WRISTS = 0, [3, 4], [5, 6], [9, 10]
# A person facing the camera at rest, in pixels: shoulders 100 apart, hands in the lap, also out of each other's reach.
AT_REST = np.array(
    [
        *[(200, 100), (208, 92), (192, 92), (220, 95), (180, 95)],
        *[(250, 160), (150, 160), (270, 230), (130, 230), (265, 290), (135, 290)],
        *[(235, 345), (165, 345), (240, 380), (160, 380), (240, 460), (160, 460)],
    ],
    dtype=np.float32,
)


def simulated(n_frames: int = 150) -> np.ndarray:
    keypoints = np.ones((n_frames, 17, 3), dtype=np.float32)
    keypoints[..., :2] = AT_REST
    return keypoints


def poses(keypoints: np.ndarray, skeleton: str = "coco17") -> Poses:
    boxes = np.tile(np.float32([100, 50, 300, 480]), (len(keypoints), 1))
    boxes[keypoints[..., 2].max(axis=1) == 0] = np.nan
    return Poses("c", skeleton, keypoints, boxes)


def hand_at(keypoints: np.ndarray, place: tuple[float, float], start: int, end: int, side: int = 0) -> np.ndarray:
    """Bend an arm so that the middle of the hand is at a place, during frames [start, end)."""
    elbow, wrist = 7 + side, 9 + side
    keypoints[start:end, elbow, :2] = (270, 190) if side == 0 else (130, 190)
    # The hand is 0.35 forearms beyond the wrist.
    keypoints[start:end, wrist, :2] = (np.array(place) + 0.35 * keypoints[start, elbow, :2]) / 1.35
    return keypoints


def test_at_rest_there_is_nothing():
    assert spot(poses(simulated()), FPS) == []


def test_nobody_in_view_is_nothing():
    keypoints = simulated()
    keypoints[:] = 0
    assert spot(poses(keypoints), FPS) == []


@pytest.mark.parametrize(
    ("place", "label"),
    [
        ((200, 100), "touching_face"),
        ((220, 96), "touching_ears"),
        ((192, 92), "rubbing_eyes"),
        ((200, 122), "touching_jaw"),
        ((200, 50), "touching_head"),
        ((200, 72), "touching_forehead"),
        ((200, 142), "touching_neck"),
    ],
)
def test_a_hand_at_the_head(place, label):
    found = spot(poses(hand_at(simulated(), place, 50, 90)), FPS)
    at_head = [c for c in found if temporal_iou([(c.start, c.end)], [(50, 90)])[0, 0] > 0.9]
    assert [c.labels[0] for c in at_head] == [label]


def test_never_across_a_gap():
    keypoints = hand_at(simulated(), (200, 100), 40, 100)
    keypoints[65:75] = 0
    found = spot(poses(keypoints), FPS)
    faces = [(c.start, c.end) for c in found if c.labels[0] == "touching_face"]
    assert len(faces) == 2
    assert not any(c.start < 75 and c.end > 65 for c in found)


def test_an_unseen_wrist_is_no_hand_at_the_face():
    keypoints = hand_at(simulated(), (200, 100), 50, 90)
    keypoints[:, WRISTS, 2] = 0
    assert not any("touching_face" in c.labels for c in spot(poses(keypoints), FPS))


def test_hands_that_hold_each_other():
    keypoints = simulated()
    keypoints[40:110, WRISTS, :2] = (195, 280), (205, 280)
    held = [c for c in spot(poses(keypoints), FPS) if "rubbing_hands" in c.labels]
    assert [(c.labels[0], abs(c.start - 40) < 4, abs(c.end - 110) < 4) for c in held] == [("rubbing_hands", True, True)]
    assert "crossing_fingers" in held[0].labels  # which of the two can't be seen from the wrists


def test_only_head_and_shoulders():
    keypoints = simulated()
    keypoints[:, 7:, 2] = 0
    lifted = keypoints.copy()
    lifted[60:90, NOSE, 1] -= 8
    assert [c.labels[0] for c in spot(poses(lifted), FPS)] == ["head_up"]
    sunk = keypoints.copy()
    ramp = np.interp(np.arange(150), [40, 65, 95, 120], [0, 12, 12, 0])
    sunk[:, :5, 1] += ramp[:, None]
    assert [c.labels[0] for c in spot(poses(sunk), FPS)] == ["turtle_neck"]


def test_a_head_alone_that_moves():
    keypoints = simulated()
    keypoints[:, 5:, 2] = 0
    keypoints[:, :5, 0] += np.interp(np.arange(150), [50, 75], [0, 60])[:, None]
    (candidate,) = spot(poses(keypoints), FPS)
    assert candidate.labels == ("moving_torso",)
    assert temporal_iou([(candidate.start, candidate.end)], [(50, 75)])[0, 0] > 0.8


def test_hands_that_talk():
    keypoints = simulated()
    swing = 40 * np.sin(2 * np.pi * np.arange(60) / 25)
    keypoints[40:100, WRISTS[0], 0] += swing
    keypoints[40:100, WRISTS[1], 0] += swing
    assert {c.labels[0] for c in spot(poses(keypoints), FPS)} == {"illustrative"}


walks = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed))


@settings(max_examples=40, deadline=None)
@given(walks, st.sampled_from([0.25, 0.5, 2.0, 4.0]), st.integers(0, 500))
def test_size_and_place_of_the_picture_do_not_matter(rng, size, shift):
    keypoints = simulated(100)
    keypoints[..., :2] += np.cumsum(rng.normal(0, 1.5, (100, 17, 2)), axis=0).astype(np.float32)
    keypoints[rng.random((100, 17)) < 0.02, 2] = 0
    found = spot(poses(keypoints), FPS)
    moved = keypoints.copy()
    moved[..., :2] = keypoints[..., :2] * size + shift
    again = spot(poses(moved), FPS)
    assert [(c.start, c.end, c.labels) for c in again] == [(c.start, c.end, c.labels) for c in found]
    for candidate in found:
        assert 0 <= candidate.start < candidate.end <= 100
        assert set(candidate.labels) <= set(LABELS)
        assert 1 >= candidate.scores[0] >= candidate.scores[-1] > 0
        assert list(candidate.scores) == sorted(candidate.scores, reverse=True)


def test_the_same_person_in_another_skeleton():
    """MediaPipe's body has other columns: 0, 2, 5, 7, 8 head, 11 to 16 shoulders, elbows, wrists, 23 and 24 hips."""
    coco = hand_at(simulated(), (200, 100), 40, 80)
    holistic = np.zeros((150, 543, 3), np.float32)
    holistic[:, [0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24]] = coco[:, :13]
    assert spot(poses(holistic, "holistic"), FPS) == spot(poses(coco), FPS) != []


def test_another_skeleton_is_refused():
    with pytest.raises(ValueError, match="'points17'"):
        spot(poses(simulated(), "points17"), FPS)
