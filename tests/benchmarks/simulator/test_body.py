"""Facts about the body that hold for any person and any pose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.simulator.body import Body, bend_arm, pose_trunk, rotation
from benchmarks.simulator.face import FACE, MOUTH, face_points
from benchmarks.simulator.hands import SHAPES, contact_point, hand_points
from benchmarks.simulator.movement import CHANNELS, envelope

BODY = Body.of_stature(1.75)
angles = st.floats(-0.625, 0.625, width=32)


def vector(*numbers):
    return np.array(numbers, np.float32)[:, None]


def length(a):
    return float(np.linalg.norm(a))


def test_a_right_angle_by_hand():
    # Upper arm 3, forearm 4 and a wrist 5 away make a right angle at the elbow; the hint says that the elbow points up.
    body = Body(**{**vars(BODY), "upper_arm": 3.0, "forearm": 4.0})
    elbow, wrist = bend_arm(body, vector(0, 0, 0), vector(5, 0, 0), vector(0, 1, 0))
    assert wrist[:, 0] == pytest.approx([5, 0, 0], abs=1e-5)
    assert elbow[:, 0] == pytest.approx([1.8, 2.4, 0], abs=1e-5)  # 3 * 3/5 along, 3 * 4/5 aside


@given(st.tuples(*[st.floats(-1, 1, width=32)] * 3), st.tuples(*[st.floats(-1, 1, width=32)] * 3))
def test_arms_keep_their_lengths_wherever_the_hand_is_wanted(target, hint):
    shoulder = vector(0.18, 0.5, 0)
    wanted = vector(*target)
    line = wanted - shoulder
    if length(np.cross(line[:, 0], np.array(hint))) < 0.02:  # a hint along the arm says nothing
        return
    elbow, wrist = bend_arm(BODY, shoulder, wanted, vector(*hint))
    assert length(elbow - shoulder) == pytest.approx(BODY.upper_arm, abs=1e-4)
    assert length(wrist - elbow) == pytest.approx(BODY.forearm, abs=1e-4)
    if 0.1 < length(line) < 0.98 * (BODY.upper_arm + BODY.forearm):
        assert wrist == pytest.approx(wanted, abs=1e-4)


@given(angles, angles, angles)
def test_axes_are_at_right_angles_and_right_handed(yaw, pitch, roll):
    axes = rotation(*(np.array([a], np.float32) for a in (yaw, pitch, roll)))[:, :, 0]
    assert axes @ axes.T == pytest.approx(np.eye(3), abs=1e-5)
    assert np.cross(axes[0], axes[1]) == pytest.approx(axes[2], abs=1e-5)


def test_signs_of_the_angles():
    def trunk(**angle):
        return pose_trunk(BODY, {name: np.array([angle.get(name, 0.0)], np.float32) for name in CHANNELS})

    still = trunk()
    assert trunk(lean=0.3).top[2, 0] > still.top[2, 0] + 0.1  # forward is to the camera
    assert trunk(sway=0.3).top[0, 0] < still.top[0, 0]  # to the person's right
    assert trunk(shrug_left=0.3).shoulders[0, 1, 0] > still.shoulders[0, 1, 0] + 0.04
    assert trunk(shrug_left=0.3).shoulders[1, 1, 0] == pytest.approx(still.shoulders[1, 1, 0])
    assert trunk(nod=0.3).head_axes[2, 1, 0] < 0  # the face looks down
    assert trunk(turn=0.3).head_axes[2, 0, 0] > 0  # and to the left
    assert trunk(slouch=0.4).head[1, 0] < still.head[1, 0] - 0.01


@given(st.tuples(*[st.floats(0, 1, width=32)] * 4))
def test_fingers_keep_their_lengths(numbers):
    def bones(shape):
        points = hand_points(np.array(shape, np.float32)[:, None])[:, :, 0]
        chain = [(a, a + 1) for start in (1, 5, 9, 13, 17) for a in range(start, start + 3)]
        return np.array([length(points[b] - points[a]) for a, b in chain])

    assert bones(numbers) == pytest.approx(bones((0, 0, 0, 0)), abs=1e-5)


def test_hands_by_hand():
    tip = contact_point("index", SHAPES["flat"])
    fist = contact_point("index", SHAPES["fist"])
    assert tip[0] > 0.9  # a stretched finger reaches nearly the hand's length
    assert fist[0] < 0.5
    assert contact_point("wrist", SHAPES["fist"]) == (0.0, 0.0, 0.0)


def test_faces_by_hand():
    def face(**k):
        names = ("jaw", "press", "puff", "blink", "brow", "smile")
        return face_points(*(np.array([k.get(name, 0.0)], np.float32) for name in names))[:, :, 0]

    assert face() == pytest.approx(FACE)
    assert FACE[8, 1] == FACE[:17, 1].min()  # the middle of the jaw's line is the chin
    assert FACE[36, 0] < FACE[39, 0] < 0 < FACE[42, 0] < FACE[45, 0]  # the person's right eye first
    lips = np.ptp(face()[48:60, 1])
    assert np.ptp(face(press=1.0)[48:60, 1]) < 0.5 * lips
    assert np.ptp(face(jaw=1.0)[48:60, 1]) > lips + 0.02
    assert face(puff=1.0)[3, 0] < face()[3, 0] - 0.01  # the right cheek goes out to the right
    assert face(smile=1.0)[54, 0] > face()[54, 0] + 0.005
    assert face()[62, 1] > MOUTH[1] > face()[66, 1]


@given(st.integers(2, 200), st.floats(1, 60), st.floats(1, 60))
def test_envelopes_go_from_rest_to_rest(n, rise, fall):
    e = envelope(n, rise, fall)
    assert len(e) == n
    assert e.min() >= 0
    assert e.max() <= 1
    peak = int(e.argmax())
    assert (np.diff(e[: peak + 1]) >= -1e-6).all()
    assert (np.diff(e[peak:]) <= 1e-6).all()
    if rise + fall < 0.8 * n and min(rise, fall) > 5:
        assert e.max() == 1
        assert max(e[0], e[-1]) < 0.02


def test_envelope_by_hand():
    e = envelope(100, 20, 40)
    assert e[19] > 0.99
    assert (e[21:59] == 1).all()
    assert e[9] + e[10] == pytest.approx(1, abs=1e-5)  # minimum jerk is symmetric about half way
