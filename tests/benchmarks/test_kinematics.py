import numpy as np
import pytest

from benchmarks.corpus import Sample
from benchmarks.kinematics import kinematic_features
from manifests.errors import ItemFailed
from manifests.poses import Poses, boxes_around

FPS = 25.0


def _sample(keypoints, skeleton="coco17"):
    keypoints = keypoints.astype(np.float32)
    unit = "pixel" if keypoints.shape[-1] == 3 else "metre"
    return Sample("g", "P0001", "v", FPS, Poses("c", skeleton, keypoints, boxes_around(keypoints), unit=unit))


def _body(frames=10):
    """Shoulders 100 pixels apart around (300, 200); nose above; the right wrist moves 10 pixels a frame to the right."""
    keypoints = np.zeros((frames, 17, 3))
    keypoints[..., 2] = 0.9
    keypoints[..., :2] = (300, 200)
    keypoints[:, 5, 0], keypoints[:, 6, 0] = 350, 250
    keypoints[:, 0, 1] = 150
    keypoints[:, 10, 0] = 200 + 10 * np.arange(frames)
    return keypoints


def test_by_hand():
    features = kinematic_features([_sample(_body())])[0]
    # COCO's 17 joints without knees and ankles, in the canonical order: the nose is the fifth, the right wrist the last.
    assert features.shape == (13 * 2 * 4 + 13 * 2 + 3 * 2 + 13 + 1,)
    mean, _deviation, least, greatest = features[:104].reshape(4, 13, 2)
    # In shoulder widths from the middle between the shoulders.
    assert mean[4] == pytest.approx([0, -0.5])
    assert mean[12] == pytest.approx([-0.55, 0])
    assert (least[12, 0], greatest[12, 0]) == pytest.approx((-1.0, -0.1))
    mean_speed, top_speed = features[104:130].reshape(2, 13)
    assert (mean_speed[12], top_speed[12]) == pytest.approx((2.5, 2.5))  # 0.1 widths a frame
    assert mean_speed[4] == 0
    mean_reach, least_reach = features[130:136].reshape(2, 3)
    assert least_reach[1] == pytest.approx(np.hypot(0.1, 0.5))  # of the right wrist, in the last frame
    assert mean_reach[0] == pytest.approx(0.5)  # the left wrist rests between the shoulders
    assert features[-1] == pytest.approx(np.log(0.4))


def test_place_and_zoom_do_not_show():
    keypoints = _body()
    moved = keypoints.copy()
    moved[..., :2] = keypoints[..., :2] * 2 + (40, -15)
    assert kinematic_features([_sample(moved)]) == pytest.approx(kinematic_features([_sample(keypoints)]), abs=1e-6)


def test_what_an_unseen_joint_says_does_not_show():
    keypoints = _body()
    keypoints[:, 9, 2] = 0
    elsewhere = keypoints.copy()
    elsewhere[:, 9, :2] = 1e6
    assert np.array_equal(kinematic_features([_sample(elsewhere)]), kinematic_features([_sample(keypoints)]))


@pytest.mark.parametrize("frames", [1, 2])
def test_short_or_empty_gestures_have_finite_features(frames):
    assert np.isfinite(kinematic_features([_sample(_body(frames)), _sample(np.zeros((frames, 17, 3)))])).all()


def test_no_gestures():
    assert kinematic_features([]).shape == (0, 0)


def test_any_body_in_space_will_do():
    random = np.random.default_rng(0)
    keypoints = np.concatenate([random.normal(size=(12, 20, 3)), np.ones((12, 20, 1))], axis=2)
    features = kinematic_features([_sample(keypoints, "kinect20")])
    assert np.isfinite(features).all()
    moved = keypoints * [3, 3, 3, 1] + [1, 2, 3, 0]
    assert kinematic_features([_sample(moved, "kinect20")]) == pytest.approx(features, abs=1e-4)


def test_two_skeletons_at_once_are_refused():
    with pytest.raises(ItemFailed, match=r"poses of coco17 \(2D\) and points17 \(2D\)"):
        kinematic_features([_sample(_body()), _sample(_body(), "points17")])
