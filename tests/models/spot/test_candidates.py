import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.spot.candidates import Detections, suppress


def test_by_hand():
    # The second overlaps the first by 1/3 and is lowered by exp(-(1/3)² / 0.4); the third lies apart and stays.
    found = suppress(
        Detections(np.array([[0.0, 10.0], [5.0, 15.0], [20.0, 30.0]]), np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.1]])),
        sigma=0.4,
    )
    lowered = np.exp(-1 / 9 / 0.4)
    assert found.span.tolist() == [[0, 10], [5, 15], [20, 30]]
    np.testing.assert_allclose(found.scores, [[0.9, 0.1], [0.2 * lowered, 0.8 * lowered], [0.3, 0.1]])
    assert found.label.tolist() == [0, 1, 0]


def test_the_same_place_twice_sinks_below_the_least():
    same = Detections(np.array([[0.0, 10.0], [0.0, 10.0]]), np.array([[0.5], [0.04]]))
    assert len(suppress(same, sigma=0.4, least=0.005)) == 1  # 0.04 · exp(-2.5) = 0.0033


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(1, 20), st.floats(0.01, 1)), max_size=12), st.integers(1, 6))
def test_scores_only_fall_and_the_surest_stays(rows, most):
    span = np.array([(start, start + length) for start, length, _ in rows]).reshape(-1, 2)
    scores = np.array([[score] for *_, score in rows]).reshape(-1, 1)
    found = suppress(Detections(span, scores), most=most)
    assert len(found) <= min(most, len(rows))
    assert (np.diff(found.score) <= 1e-12).all()
    if rows:
        assert found.score[0] == pytest.approx(scores.max())
