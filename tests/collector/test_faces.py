"""The face's region: over the whole head, in every frame, whatever of it was seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.faces import FoundBy, find_faces
from manifests.poses import Poses

WIDTH, HEIGHT = 1280, 720


def _poses(n: int = 50, head: float = 100, turned: bool = False) -> Poses:
    """Somebody whose head of so many pixels is at (600, 300): eyes, ears and shoulders as far apart as theirs."""
    keypoints = np.zeros((n, 17, 3), np.float32)
    wide = {1: (0.135, -0.05), 2: (-0.135, -0.05), 3: (0.325, 0), 4: (-0.325, 0), 5: (0.775, 1), 6: (-0.775, 1)}
    aside = {1: (0.05, -0.05), 3: (-0.4, 0), 5: (0.1, 1), 6: (-0.1, 1)}  # the left ear is far behind the nose
    for joint, (x, y) in {0: (0, 0.1), **(aside if turned else wide)}.items():
        keypoints[:, joint] = (600 + head * x, 300 + head * y, 0.9)
    boxes = np.tile(np.array([450, 240, 750, 700], np.float32), (n, 1))
    return Poses("c", "coco17", keypoints, boxes)


def _covers(region: np.ndarray, x: float, y: float) -> bool:
    centre, half = (region[:2] + region[2:]) / 2, (region[2:] - region[:2]) / 2
    return bool((((np.array([x, y]) - centre) / half) ** 2).sum() <= 1)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("head", [40, 100, 300])
def test_chin_crown_and_ears_are_covered(head: float, turned: bool):
    faces = find_faces(_poses(head=head, turned=turned), WIDTH, HEIGHT, 25)
    assert (faces.found_by == FoundBy.KEYPOINTS).all()
    for x, y in ((0, 0.45), (0, -0.5), (0.3, 0), (-0.3, 0)):
        assert _covers(faces.regions[0], 600 + head * x, 300 + head * y), (x, y)
    side = faces.regions[0, 2] - faces.regions[0, 0]
    assert side < 2 * head, "and not the whole body"


def test_frames_without_a_face():
    poses = _poses(50)
    poses.keypoints[5:10, :5, 2] = 0  # a moment: between two frames that have it
    poses.keypoints[20:44, :5, 2] = 0  # about a second
    poses.boxes[30:35] = np.nan
    faces = find_faces(poses, WIDTH, HEIGHT, 25)
    assert faces.counts() == {
        FoundBy.KEYPOINTS: 21,
        FoundBy.NEIGHBOURS: 5,
        FoundBy.BOX: 19,
        FoundBy.NOTHING: 5,
    }
    assert faces.regions[32].tolist() == [0, 0, WIDTH, HEIGHT]
    # The box is 300 wide and 460 high from (450, 240): a tenth more at the sides and above, and 45 % down.
    np.testing.assert_allclose(faces.regions[25], [420, 194, 780, 447])


def test_a_moving_face_is_covered_on_its_way():
    poses = _poses(30)
    poses.keypoints[10:, :7, 0] += 200
    poses.keypoints[8:12, :5, 2] = 0
    faces = find_faces(poses, WIDTH, HEIGHT, 25)
    for k in range(8, 12):
        assert _covers(faces.regions[k], 600, 300)
        assert _covers(faces.regions[k], 800, 300)


def test_nobody_is_ever_found():
    poses = _poses(10)
    poses.keypoints[..., 2] = 0
    poses.boxes[:] = np.nan
    faces = find_faces(poses, WIDTH, HEIGHT, 25)
    assert faces.counts()[FoundBy.NOTHING] == 10
    assert (faces.regions == [0, 0, WIDTH, HEIGHT]).all()


def test_one_point_alone_tells_no_size():
    poses = _poses(10)
    poses.keypoints[:, 1:, 2] = 0  # the nose
    assert (find_faces(poses, WIDTH, HEIGHT, 25).regions[:, 3] - 300 > 100).all(), "half the box's height is taken"
    poses.boxes[:] = np.nan
    assert find_faces(poses, WIDTH, HEIGHT, 25).counts()[FoundBy.NOTHING] == 10


def test_the_same_person_in_other_skeletons():
    """MediaPipe's body has other columns; where it, or COCO-WholeBody, has points of the face, they are covered too."""
    coco, mesh = _poses(10, turned=True), [(640, 360, 0.9), (560, 250, 0.9)]  # a jaw and a brow beyond eyes and nose
    whole = np.zeros((10, 133, 3), np.float32)
    whole[:, :17] = coco.keypoints
    holistic = np.zeros((10, 543, 3), np.float32)
    holistic[:, [0, 2, 5, 7, 8, 11, 12]] = coco.keypoints[:, :7]
    for skeleton, keypoints, face in (("coco_wholebody133", whole, 23), ("holistic", holistic, 75)):
        poses = Poses("c", skeleton, keypoints, coco.boxes)
        expected = find_faces(coco, WIDTH, HEIGHT, 25).regions
        np.testing.assert_array_equal(find_faces(poses, WIDTH, HEIGHT, 25).regions, expected)
        keypoints[:, face : face + 2] = mesh
        region = find_faces(poses, WIDTH, HEIGHT, 25).regions[0]
        assert _covers(region, 640, 360)
        assert _covers(region, 560, 250)


def test_another_skeleton_is_refused():
    with pytest.raises(ValueError, match="kinect25"):
        find_faces(Poses("c", "kinect25", np.zeros((1, 25, 3), np.float32), np.zeros((1, 4), np.float32)), 1, 1, 25)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0, 1))
def test_no_frame_is_without_a_region(n: int, seed: int, face_share: float, box_share: float):
    random = np.random.default_rng(seed)
    poses = _poses(n)
    poses.keypoints[..., :2] += random.normal(0, 300, (n, 1, 2)).astype(np.float32)
    poses.keypoints[random.random(n) > face_share, :5, 2] = 0
    poses.boxes[random.random(n) > box_share] = np.nan
    faces = find_faces(poses, WIDTH, HEIGHT, 25)
    assert sum(faces.counts().values()) == n
    assert np.isfinite(faces.regions).all()
    assert (faces.regions[:, 2:] - faces.regions[:, :2] > 0.04 * HEIGHT - 1).all()
    seen = (poses.confidence[:, :5] > 0.3).any(axis=1)
    assert (faces.found_by[seen] == FoundBy.KEYPOINTS).all()
