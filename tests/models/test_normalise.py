import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.normalise import body_frame, normalise
from models.skeletons import skeleton

COCO = skeleton("coco17")


def person(frames=5, seed=0, dims=2):
    rng = np.random.default_rng(seed)
    positions = rng.normal(size=(1, frames, 17, dims)).astype(np.float32)
    left, right = COCO.shoulders
    positions[:, :, left], positions[:, :, right] = 0, 0
    positions[:, :, left, 0], positions[:, :, right, 0] = 1, -1  # two apart, centred at 0
    return positions, np.ones(positions.shape[:3], dtype=bool)


def test_by_hand():
    positions, valid = person()
    origin, unit = body_frame(positions * 50 + 300, valid, COCO)
    assert origin == pytest.approx(np.array([[300, 300]]))
    assert unit == pytest.approx(np.array([100]))


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 500), st.floats(-2000, 2000), st.floats(-2000, 2000))
def test_place_and_size_do_not_matter(size, x, y):
    positions, valid = person()
    moved = (positions * size + np.array([x, y])).astype(np.float32)
    # float32 keeps seven digits of a coordinate, so what is far away and small is known less well.
    tolerance = 1e-5 + 4e-7 * (abs(x) + abs(y)) / size
    np.testing.assert_allclose(normalise(moved, valid, COCO), normalise(positions, valid, COCO), atol=tolerance * 10)


def test_unseen_joints_enter_nothing_and_come_out_as_zero():
    positions, valid = person(frames=9)
    wild, seen = positions.copy(), valid.copy()
    wild[:, 2:5, COCO.shoulders[0]] = 1e6
    seen[:, 2:5, COCO.shoulders[0]] = False
    expected = normalise(positions, valid, COCO)
    found = normalise(wild, seen, COCO)
    np.testing.assert_allclose(found[seen], expected[seen], rtol=1e-6)
    assert (found[~seen] == 0).all()


def test_a_swaying_torso_still_sways():
    positions, valid = person(frames=8)
    sway = np.linspace(0, 1, 8, dtype=np.float32)[None, :, None, None]
    found = normalise(positions + sway, valid, COCO)
    assert np.ptp(found[0, :, COCO.shoulders[0], 0]) == pytest.approx(0.5)  # 1 over a width of 2


def test_without_shoulders_the_median_of_what_is_seen():
    points = skeleton("points3")
    positions = np.array([[[[0, 0], [4, 0], [8, 0]]]], dtype=np.float32)
    origin, unit = body_frame(positions, np.ones((1, 1, 3), bool), points)
    assert origin.tolist() == [[4, 0]]
    assert unit.tolist() == [2]  # half the median distance of 4


def test_nobody_in_view():
    positions, valid = person()
    origin, unit = body_frame(positions, np.zeros_like(valid), COCO)
    assert origin.tolist() == [[0, 0]]
    assert unit.tolist() == [1]
