import numpy as np
import pytest
from scipy.special import expit, logit

from models.spot.calibration import Calibration, calibrate, expected_error, judge
from models.spot.candidates import Detections


def test_judging_by_hand():
    found = Detections(
        np.array([[0.0, 10.0], [1.0, 10.0], [20.0, 26.0], [40.0, 50.0]]),
        np.array([[0.9, 0.0], [0.8, 0.0], [0.0, 0.7], [0.6, 0.1]]),
    )
    judged = judge(found, np.array([[0, 9], [20, 30], [40, 50]]), np.array([0, 1, 1]))
    # The second is the first again; the third overlaps by 6/10; the fourth has the wrong label.
    assert judged.right.tolist() == [True, False, True, False]
    assert judged.found.tolist() == [0.9, 0.7, 0.0]


def distorted(n=20_000, temperature=2.0, offset=1.0, seed=0):
    """Scores whose true chance is known."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(0.5, 1.5, n).clip(1e-4, 1 - 1e-4)
    right = rng.random(n) < chance
    return expit((logit(chance) - offset) * temperature), right, chance


def test_a_known_distortion_is_undone():
    score, right, chance = distorted()
    judged = judge(Detections(np.zeros((0, 2)), np.zeros((0, 1))), np.zeros((0, 2), int), np.zeros(0, int))
    judged = type(judged)(score, right, np.zeros(0), np.zeros(0, dtype=np.int64))
    found = calibrate([judged], 1)
    assert found.temperature == pytest.approx(2.0, rel=0.05)
    assert found.offset == pytest.approx(1.0, abs=0.05)
    assert expected_error(found.chance(score), right) < 0.01 < expected_error(score, right)
    np.testing.assert_allclose(found.chance(score), chance, atol=0.03)


def test_thresholds_find_the_wished_share():
    scores = np.linspace(0.05, 0.95, 29)
    table = np.stack([np.full(100, 0.5), np.zeros(100)], axis=1)
    assert Calibration(1, 0, table).thresholds(0.9).tolist() == [0.5, 0.0]
    many = type(judge(Detections(np.zeros((0, 2)), np.zeros((0, 1))), np.zeros((0, 2), int), np.zeros(0, int)))
    parts = [
        many(scores, np.arange(29) % 3 > 0, np.concatenate([scores, [0.0]]), np.zeros(30, dtype=np.int64)),
        many(np.zeros(0), np.zeros(0, bool), np.array([0.6]), np.array([1])),
    ]
    found = calibrate(parts, 2)
    chance = found.chance(scores)
    # Of thirty gestures of class 0, twenty-nine were found: half need the fifteen surest, all can't be had.
    assert found.thresholds(0.5)[0] == pytest.approx(np.sort(chance)[-15])
    assert found.thresholds(0.96)[0] == pytest.approx(chance.min())
    assert found.thresholds(1.0)[0] == found.thresholds(0.96)[0]
    # One gesture of class 1 says too little: all classes together set its threshold.
    assert found.thresholds(0.5)[1] == pytest.approx(np.sort(np.append(chance, found.chance(np.array([0.6]))))[-16])


def test_too_little_leaves_scores_as_they_are():
    found = calibrate(
        [judge(Detections(np.array([[0.0, 1.0]]), np.array([[0.5]])), np.array([[0, 1]]), np.array([0]))], 1
    )
    assert (found.temperature, found.offset) == (1.0, 0.0)
    assert found.thresholds(0.9).tolist() == [0.0]


@pytest.mark.parametrize("recall", [0.0, -0.1, 1.01])
def test_recalls_that_nobody_can_have(recall):
    with pytest.raises(ValueError, match="recall"):
        Calibration.none(2).thresholds(recall)


def test_expected_error_by_hand():
    # Bin 0: mean 0.05, nothing right; bin 9: mean 0.95, half right. Two of each.
    assert expected_error(np.array([0.05, 0.05, 0.95, 0.95]), np.array([False, False, True, False])) == pytest.approx(
        0.5 * 0.05 + 0.5 * 0.45
    )
