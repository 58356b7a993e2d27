"""The simulated camera and the simulated pose estimator: geometry by hand, and noise against the table it was fitted to."""

import numpy as np
import pytest

from benchmarks.simulator import simulate
from benchmarks.simulator.camera import HEIGHT, WIDTH, Camera, project
from benchmarks.simulator.estimator import N_JOINTS
from benchmarks.simulator.fit_noise import fit
from benchmarks.simulator.noise_table import CONFIDENCE, LOST, SPREAD
from manifests.errors import BadInput
from manifests.poses import Poses
from models.skeletons import skeleton as models_skeleton

CAMERA = Camera(
    yaw=0.0,
    distance=4.0,
    height=0.5,
    focal=np.array([1000.0], np.float32),
    centre=np.array([[640.0], [360.0]], np.float32),
    obstacle=(0.0, 0.0, 720.0),
)
SMALL = {"people": 4, "videos": 4, "minutes": 0.6, "seed": 5}


def test_projection_by_hand():
    points = np.array([[0, 0.5, 0], [0.4, 0.5, 0], [0, 0.9, 0], [0.4, 0.5, 2.0]], np.float32)[:, :, None]
    picture = project(CAMERA, points, slice(0, 1))
    # 4 m away a metre has 250 pixels, 2 m away 500. The person's left is at the picture's right; up is up.
    assert picture.u[:, 0] == pytest.approx([640, 740, 640, 840])
    assert picture.v[:, 0] == pytest.approx([360, 360, 260, 360])


def test_a_camera_to_the_left_sees_the_left_shoulder_nearer():
    camera = Camera(**{**vars(CAMERA), "yaw": 0.5})
    shoulders = np.array([[0.2, 0.5, 0], [-0.2, 0.5, 0]], np.float32)[:, :, None]
    picture = project(camera, shoulders, slice(0, 1))
    assert picture.ahead[0, 0] > picture.ahead[1, 0]
    assert 0 < picture.u[0, 0] - picture.u[1, 0] < 100  # 40 cm at 250 pixels a metre, seen at an angle


@pytest.mark.parametrize("skeleton", ["coco17", "coco_wholebody133"])
def test_poses_are_what_an_estimator_gives(skeleton):
    for video in simulate(**SMALL, skeleton=skeleton):
        k, boxes = video.poses.keypoints, video.poses.boxes
        assert k.dtype == np.float32
        assert np.isfinite(k).all()
        assert k[..., 0].min() >= 0
        assert k[..., 0].max() < WIDTH
        assert k[..., 1].max() < HEIGHT
        assert k[..., 2].min() >= 0
        assert k[..., 2].max() <= 1
        seen = video.poses.seen
        assert (k[~seen] == 0).all()
        assert (boxes[seen, 2] > boxes[seen, 0]).all()
        inside = (k[seen, :7, :2] >= boxes[seen, None, :2] - 40) & (k[seen, :7, :2] <= boxes[seen, None, 2:] + 40)
        assert inside.mean() > 0.97


def test_the_first_seventeen_joints_are_the_same_in_both_skeletons():
    for small, large in zip(simulate(**SMALL), simulate(**SMALL, skeleton="coco_wholebody133"), strict=True):
        assert np.array_equal(small.poses.keypoints, large.poses.keypoints[:, :17])
        assert np.array_equal(small.poses.boxes, large.poses.boxes, equal_nan=True)
        assert small.gestures == large.gestures


@pytest.mark.parametrize("name", N_JOINTS)
def test_the_models_read_its_skeletons(name):
    assert models_skeleton(name).n_columns == N_JOINTS[name]


def test_wholebody_order():
    """Face and hands hang where the body's own joints are."""
    video = next(simulate(**SMALL, skeleton="coco_wholebody133", noise=0))
    k = video.poses.keypoints[:, :, :2]
    gap = lambda a, b: np.linalg.norm(k[:, a] - k[:, b], axis=1).max()  # noqa: E731
    assert gap(9, 91) == pytest.approx(0, abs=1e-3)  # left wrist, root of the left hand
    assert gap(10, 112) == pytest.approx(0, abs=1e-3)
    assert gap(0, 23 + 30) == pytest.approx(0, abs=1e-3)  # nose, tip of the nose
    left_eye = k[:, 23 + 42 : 23 + 48].mean(axis=1)
    assert np.linalg.norm(left_eye - k[:, 1], axis=1).max() < 8
    assert (k[:, 17:20, 1] > k[:, 15:16, 1] - 60).all()  # toes and heel near the ankle


def test_perfect_estimator_is_the_truth_of_the_noisy_one():
    noisy, true = next(simulate(**SMALL)), next(simulate(**SMALL, noise=0))
    assert [(g["start"], g["end"], g["label"]) for g in noisy.gestures] == [
        (g["start"], g["end"], g["label"]) for g in true.gestures
    ]
    assert (true.poses.keypoints[..., 2] == 1).all()
    assert true.poses.seen.all()
    sure = (noisy.poses.keypoints[:, :11, 2] > 0.5) & noisy.poses.seen[:, None]
    away = np.linalg.norm(noisy.poses.keypoints[:, :11, :2] - true.poses.keypoints[:, :11, :2], axis=2)[sure]
    assert 0.5 < np.median(away) < 15
    assert sure.mean() > 0.5


@pytest.fixture(scope="module")
def refitted():
    """The fitting script run on the simulator's noise alone: noisy minus true places, about the middle of the picture."""
    settings = {"people": 24, "videos": 24, "minutes": 0.8, "seed": 11}
    clips = []
    for noisy, true in zip(simulate(**settings), simulate(**settings, noise=0), strict=True):
        k = noisy.poses.keypoints.copy()
        k[:, :, :2] += 2000 - true.poses.keypoints[:, :, :2]
        scale = true.poses.boxes[:, 2:] - true.poses.boxes[:, :2]
        boxes = np.zeros_like(true.poses.boxes)
        boxes[:, 2:] = np.sqrt(np.median(scale[:, 0] * scale[:, 1]))
        boxes[~noisy.poses.seen] = np.nan
        clips.append(Poses(noisy.poses.clip_id, "coco17", k, boxes))
    return fit(clips)


@pytest.mark.parametrize(("part", "band"), [("head", 2), ("head", 3), ("trunk", 2), ("trunk", 3), ("limbs", 2)])
def test_noise_has_the_fitted_spread(refitted, part, band):
    wanted, found = SPREAD[part, band], refitted.spread[part, band]
    assert found.quick == pytest.approx(wanted.quick, rel=0.35)
    assert found.whole < 1.35 * wanted.whole


@pytest.mark.parametrize("group", ["nose", "eyes", "ears", "shoulders"])
def test_confidence_has_the_fitted_mean(refitted, group):
    wanted, found = CONFIDENCE[group, "seen"], refitted.confidence[group, "seen"]
    assert found.mean == pytest.approx(wanted.mean, abs=0.7)
    assert found.keeps > 0.5


def test_legs_under_the_desk_are_hardly_seen(refitted):
    assert refitted.confidence["knees", "unseen"].mean == pytest.approx(CONFIDENCE["knees", "unseen"].mean, abs=0.5)
    assert ("knees", "seen") not in refitted.confidence


def test_players_are_lost_as_rarely_as_the_table_says():
    videos = list(simulate(people=30, videos=30, minutes=2, seed=2))
    lost = 1 - np.concatenate([video.poses.seen for video in videos]).mean()
    assert 0.3 * LOST < lost < 2.5 * LOST


def test_fit_measures_white_noise_by_hand():
    """Standing points with white noise of 2 pixels in a box of 100 by 100: that is 0.02 of its scale."""
    rng = np.random.default_rng(0)
    k = np.full((4000, 17, 3), 0.95, np.float32)
    k[..., :2] = 500 + 2 * rng.standard_normal((4000, 17, 2))
    boxes = np.tile(np.array([450, 450, 550, 550], np.float32), (4000, 1))
    found = fit([Poses("still", "coco17", k, boxes)])
    for part in ("head", "trunk", "limbs"):
        assert found.spread[part, 3].quick == pytest.approx(0.02, rel=0.03)
        assert found.spread[part, 3].core == pytest.approx(0.02, rel=0.03)
        # A parabola through 15 points takes the share 167/1105 of white noise at its middle with it.
        assert found.spread[part, 3].whole == pytest.approx(0.02 * np.sqrt(1 - 167 / 1105), rel=0.03)
    assert found.lost == 0
    assert found.drop_outs == 0


def test_fit_ignores_steady_movement():
    t = np.arange(300, dtype=np.float32)[:, None, None]
    k = np.full((300, 17, 3), 0.95, np.float32)
    k[..., :2] = 300 + 0.5 * t + 0.002 * t * t
    boxes = np.tile(np.array([0, 0, 100, 100], np.float32), (300, 1))
    assert fit([Poses("moving", "coco17", k, boxes)]).spread["trunk", 3].quick < 1e-4


def test_fit_refuses_what_it_cannot_measure():
    nobody = Poses("empty", "coco17", np.zeros((50, 17, 3), np.float32), np.full((50, 4), np.nan, np.float32))
    with pytest.raises(BadInput, match="30 frames"):
        fit([nobody])
    with pytest.raises(BadInput, match="coco_wholebody133"):
        fit([Poses("other", "coco_wholebody133", np.zeros((50, 133, 3), np.float32), np.zeros((50, 4), np.float32))])
