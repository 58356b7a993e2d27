"""What poses tell, of poses whose numbers are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.body import PARTS
from collector.pose_measures import face_region, hand_regions, measure_poses
from manifests.poses import Poses, boxes_around

FPS = 25.0


def _sitting(frames: int = 50, joints: int = 17) -> Poses:
    """Somebody who sits still: shoulders 100 pixels apart, eyes 20, hands below."""
    keypoints = np.zeros((frames, joints, 3), np.float32)
    places = {0: (200, 100), 1: (210, 90), 2: (190, 90), 3: (225, 95), 4: (175, 95), 5: (250, 200), 6: (150, 200)}
    places |= {7: (260, 300), 8: (140, 300), 9: (260, 360), 10: (140, 360)}
    for joint, place in places.items():
        keypoints[:, joint] = (*place, 0.9)
    return Poses("c1", "coco17" if joints == 17 else "coco_wholebody133", keypoints, boxes_around(keypoints))


def _with(poses: Poses, frames: slice, joints: list[int] | slice, part: int | slice, values: object) -> Poses:
    keypoints = poses.keypoints.copy()
    keypoints[frames, joints, part] = values
    return replace(poses, keypoints=keypoints)


def test_who_sits_still() -> None:
    assert measure_poses(_sitting(), FPS) == {
        "pose_confidence": pytest.approx(0.9),
        "face_share": 1.0,
        "left_hand_share": 1.0,
        "right_hand_share": 1.0,
        "hand_share": 1.0,
        "face_size": 20.0,
        "face_motion": 0.0,
        "hand_motion": 0.0,
    }


def test_shares_of_frames() -> None:
    hidden = _with(_sitting(), slice(0, 10), [9], 2, 0.2)  # the left wrist in 10 of 50
    hidden = _with(hidden, slice(5, 25), [10], 2, 0.2)  # the right one in 20, of which 5 are the same
    hidden = _with(hidden, slice(0, 5), slice(0, 3), 2, 0.0)  # the face in 5
    found = measure_poses(hidden, FPS)
    assert [found[name] for name in ("left_hand_share", "right_hand_share", "hand_share", "face_share")] == [
        pytest.approx(share) for share in (0.8, 0.6, 0.9, 0.9)
    ]
    # Of 50 times 11 joints 10 + 20 are at 0.2 instead of 0.9, and 15 at 0.
    assert found["pose_confidence"] == pytest.approx(0.9 - (30 * 0.7 + 15 * 0.9) / 550)


def test_frames_without_the_player_count_as_nothing() -> None:
    assert measure_poses(_with(_sitting(), slice(0, 25), slice(None), 2, 0.0), FPS)["pose_confidence"] == pytest.approx(
        0.45
    )


@pytest.mark.parametrize("fps", [10.0, 25.0, 30.0])
def test_speed_is_in_shoulder_widths_a_second_at_any_rate(fps: float) -> None:
    # The right hand rises by 50 pixels a second, which are half a shoulder width; everybody walks by 300 meanwhile.
    poses, times = _sitting(), np.arange(50) / fps
    rising = _with(poses, slice(None), [10], 1, (360 - 50 * times)[:, None])
    walking = _with(rising, slice(None), slice(None), 0, rising.keypoints[..., 0] + 300 * times[:, None])
    found = measure_poses(walking, fps)
    assert found["hand_motion"] == pytest.approx(0.5, abs=1e-3)
    assert found["face_motion"] == pytest.approx(0.0, abs=1e-3)


def test_what_is_out_of_view_has_no_speed() -> None:
    jumping = _with(_sitting(), slice(20, 30), [9, 10], slice(0, 2), 5.0)
    assert measure_poses(_with(jumping, slice(20, 30), [9, 10], 2, 0.1), FPS)["hand_motion"] == 0.0
    nothing = measure_poses(_with(_sitting(), slice(None), slice(None), 2, 0.0), FPS)
    assert [nothing[name] for name in ("face_size", "face_motion", "hand_motion")] == [None] * 3
    assert measure_poses(_sitting(frames=1), FPS)["hand_motion"] is None


def test_fingers_tell_a_hand_where_there_are_some() -> None:
    fingers = list(PARTS["coco_wholebody133"].hands[0])
    poses = _with(_sitting(joints=133), slice(None), fingers, 2, 0.8)
    found = measure_poses(poses, FPS)
    assert (found["left_hand_share"], found["right_hand_share"]) == (1.0, 0.0)
    poses = _with(poses, slice(None), fingers, slice(0, 2), 300.0)
    poses = _with(poses, slice(None), [91], slice(0, 2), (280.0, 330.0))
    assert [region.tolist() for region in hand_regions(poses, 0)] == [[280, 300, 300, 330]]


def test_a_hand_lies_beyond_the_wrist() -> None:
    # The forearm hangs 60 pixels down, so the hand's middle is 20 below the wrist, and its side half a shoulder width.
    left, right = hand_regions(_sitting(), 0)
    assert left.tolist() == [235, 355, 285, 405]
    assert right.tolist() == [115, 355, 165, 405]


def test_a_face_is_as_large_as_its_largest_sign() -> None:
    # Eyes 20 apart make a head of 74 pixels; shoulders 100 apart one of 64.5. Its middle is that of five joints, 200 and 94.
    x0, y0, x1, y1 = face_region(_sitting(), 0)
    assert (x1 - x0, y1 - y0, (x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((74.07, 74.07, 200, 94), abs=0.1)
    turned = _with(_sitting(), slice(None), [1, 4], 2, 0.1)  # one eye and one ear out of view
    x0, _, x1, _ = face_region(turned, 0)
    assert x1 - x0 == pytest.approx(64.5, abs=0.1)
    assert face_region(_with(turned, slice(None), [0, 2], 2, 0.1), 0) is None  # an ear is no face


def test_the_same_person_in_three_skeletons() -> None:
    """MediaPipe's body has other columns: 0, 2, 5, 7, 8 head, 11 to 16 shoulders, elbows, wrists."""
    coco = _with(_sitting(), slice(0, 20), [9], 2, 0.1)
    keypoints = np.zeros((50, 543, 3), np.float32)
    keypoints[:, [0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16]] = coco.keypoints[:, :11]
    for side, wrist in ((33, 9), (54, 10)):
        keypoints[:, side : side + 21] = coco.keypoints[:, [wrist]]
    holistic = replace(coco, skeleton="holistic", keypoints=keypoints)
    assert measure_poses(holistic, FPS) == measure_poses(coco, FPS)
    assert np.array_equal(face_region(holistic, 0), face_region(coco, 0))


def test_a_skeleton_nobody_knows() -> None:
    with pytest.raises(ValueError, match="'openpose22' in pixel are not known"):
        measure_poses(replace(_sitting(), skeleton="openpose22"), FPS)


@given(st.integers(1, 60), st.integers(0, 2**32 - 1), st.floats(0.3, 3))
def test_no_measure_depends_on_the_size_of_the_picture_but_the_face(frames: int, seed: int, scale: float) -> None:
    keypoints = np.random.default_rng(seed).random((frames, 17, 3)).astype(np.float32) * np.float32([640, 360, 1])
    poses = Poses("c1", "coco17", keypoints, boxes_around(keypoints))
    larger = replace(poses, keypoints=keypoints * np.float32([scale, scale, 1]))
    one, other = measure_poses(poses, FPS), measure_poses(larger, FPS)
    for name, value in one.items():
        expected = value * scale if value is not None and name == "face_size" else value
        assert other[name] == (None if expected is None else pytest.approx(expected, rel=1e-3))
