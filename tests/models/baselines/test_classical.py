from pathlib import Path

import numpy as np
import pytest

from models.baselines.classical import hand_made_features, ridge, rocket_features, series
from models.prepare import prepare_pyskl

DATA = Path(__file__).parents[4] / "shared" / "data"


def test_features_by_hand(store):
    items = np.arange(3)
    positions = hand_made_features(store, items, frames=4)
    assert positions.shape == (3, 4 * 17 * 2)
    motion = hand_made_features(store, items, "motion", frames=48).reshape(3, 3, 17, 2)
    wrist, nose = list(store.skeleton.joints).index("left_wrist"), list(store.skeleton.joints).index("nose")
    # Sixty pixels of swing, over shoulders a hundred apart: a sine of 0.6.
    assert motion[:, 1, wrist, 0] == pytest.approx(0.6 / np.sqrt(2), rel=0.02)
    assert (motion[:, 1, nose, 0] < 0.05).all()


def test_mean_speed_follows_the_rate(store):
    motion = hand_made_features(store, np.arange(len(store)), "motion", frames=48).reshape(len(store), 3, 17, 2)
    speed = motion[:, 2, list(store.skeleton.joints).index("left_wrist"), 0]
    one, three, five = (speed[store.labels == label].mean() for label in range(3))
    assert three / one == pytest.approx(3, rel=0.1)
    assert five / one == pytest.approx(5, rel=0.1)


def test_ridge_finds_what_is_linear():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 10)).astype(np.float32) * 100 + 7
    y = (x[:, 2] > x[:, 5]).astype(np.int64)
    assert (ridge(x[:100], y[:100], x[100:]) == y[100:]).mean() > 0.9


def test_series_are_channels_of_coordinates(store):
    found = series(store, np.arange(3), 48)
    assert found.shape == (3, 34, 48)
    positions = hand_made_features(store, np.arange(3), frames=48).reshape(3, 48, 34)
    np.testing.assert_array_equal(found.transpose(0, 2, 1), positions)


@pytest.mark.slow
def test_random_convolutions_tell_rates_apart(store):
    """By the package that is published with the method, which compiles itself when it first runs."""
    pytest.importorskip("aeon", reason="the extra [rocket] is not installed")
    train, test = store.where("train"), store.where("test")
    known, asked = rocket_features(series(store, train), [series(store, test)], kernels=500)
    assert known.shape[0] == len(train)
    assert known.shape[1] == asked.shape[1] >= 400
    assert ((known >= 0) & (known <= 1)).all()  # shares of positive values
    assert (ridge(known, store.labels[train], asked) == store.labels[test]).mean() > 0.9


@pytest.mark.skipif(not DATA.exists(), reason="../shared/data is absent")
def test_ridge_on_natops_is_what_others_measured(tmp_path):
    """86.1 was measured on raw positions by other code."""
    store = prepare_pyskl(DATA / "natops.pkl", tmp_path, "natops8", in_body_frame=True)
    train, test = store.where("train"), store.where("test")
    known, asked = (hand_made_features(store, part, frames=51) for part in (train, test))
    accuracy = (ridge(known, store.labels[train], asked) == store.labels[test]).mean()
    assert accuracy == pytest.approx(0.861, abs=0.03)
