import numpy as np
import pytest
import torch

from models.data import whole_items, windows
from models.features import features, knn_accuracy, linear_probe
from models.mgfm import MGFM, NetworkSettings

RNG = np.random.default_rng


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return MGFM(NetworkSettings(width=32, depth=2, heads=2)).eval()


def test_features_do_not_depend_on_the_batch(encoder, store):
    items = np.array([5, 1, 40, 7])
    together = features(encoder, store, items, frames=32)
    alone = np.concatenate([features(encoder, store, items[[index]], frames=32) for index in range(4)])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert together.shape == (4, 32)


def test_grid_features_average_to_the_mean(encoder, store):
    items = np.arange(3)
    grid = features(encoder, store, items, frames=32, pooling="grid").reshape(3, 4, 17, 32)
    np.testing.assert_allclose(grid.mean((1, 2)), features(encoder, store, items, frames=32), atol=1e-5)


def test_nearest_neighbours_by_hand():
    gallery = np.array([[1, 0], [0, 1], [0.1, 1]], np.float32)
    queries = np.array([[5, 0], [0, 3], [1, 0.9]], np.float32)
    labels = np.array([0, 1, 1])
    assert knn_accuracy(gallery, labels, queries, np.array([0, 1, 0])) == 1.0
    assert knn_accuracy(gallery, labels, queries, np.array([0, 1, 0]), k=3) == pytest.approx(1 / 3)


def test_the_probe_finds_what_is_linear():
    rng = RNG(0)
    x = rng.normal(size=(300, 40)).astype(np.float32)
    y = (x[:, 3] - x[:, 7] > 0).astype(np.int64)
    predicted = linear_probe(x[:200], y[:200], x[200:])
    assert (predicted == y[200:]).mean() > 0.85
    shuffled = linear_probe(x[:200], rng.permutation(y[:200]), x[200:])
    assert (shuffled == y[200:]).mean() < 0.7


def test_the_probe_does_not_see_a_rotation():
    """More features than samples are turned into as many; predictions stay those of the plain regression."""
    from sklearn.linear_model import LogisticRegression

    rng = RNG(1)
    centres = rng.normal(size=(3, 90)) * 0.5
    y = rng.integers(0, 3, 120)
    x = (centres[y] + rng.normal(size=(120, 90))).astype(np.float32)
    x -= x[:60].mean(0)
    x /= x[:60].std(0)
    plain = {
        cost: LogisticRegression(C=cost, max_iter=2000).fit(x[:60] / np.sqrt(90), y[:60]).predict(x[60:] / np.sqrt(90))
        for cost in np.logspace(-1, 3, 5)
    }
    found = linear_probe(x[:60], y[:60], x[60:])
    assert max((found == other).mean() for other in plain.values()) > 0.98


def test_people_are_kept_apart_when_the_penalty_is_chosen():
    """Features that name the person help on known people only; the folds must not reward them."""
    rng = RNG(2)
    people = np.repeat([f"P{k}" for k in range(6)], 20)
    y = np.tile([0, 1], 60)
    x = np.concatenate([y[:, None] * 1.0 + rng.normal(size=(120, 1)), rng.normal(size=(120, 5))], 1).astype(np.float32)
    predicted = linear_probe(x, y, x, groups=people)
    assert (predicted == y).mean() > 0.6


def test_a_probe_of_one_item_a_class():
    train = np.eye(3, dtype=np.float32)
    assert linear_probe(train, np.arange(3), train[[2, 0, 1]]).tolist() == [2, 0, 1]


def test_moments_by_hand(encoder, store):
    items = np.arange(5)
    mean, moments = (features(encoder, store, items, pooling=how) for how in ("mean", "moments"))
    batch = windows(store, items, *whole_items(store, items), 64)
    with torch.no_grad():
        tokens = encoder.encode(batch)[0].numpy()
    width = mean.shape[1]
    np.testing.assert_allclose(moments[:, :width], mean, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(moments[:, width : 2 * width], tokens.max(1), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(moments[:, 2 * width :], tokens.std(1), rtol=1e-4, atol=1e-5)


def test_parts_by_hand(encoder, store):
    """Of COCO's 17 joints the arms' are elbows and wrists; the hands' would be fingers, which it lacks."""
    items = np.arange(3)
    has = ["torso", "arms", "face", "legs"]
    parts = features(encoder, store, items, frames=32, pooling="parts").reshape(3, len(has), 2, 32)
    batch = windows(store, items, *whole_items(store, items), 32)
    with torch.no_grad():
        tokens = encoder.encode(batch)[0].numpy().reshape(3, -1, 17, 32)
    joints = store.skeleton.joints
    arms = tokens[:, :, [joints.index(f"{side}_{name}") for side in ("left", "right") for name in ("elbow", "wrist")]]
    found = parts[:, has.index("arms")]
    np.testing.assert_allclose(found[:, 0], arms.mean((1, 2)), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found[:, 1], arms.std((1, 2)), rtol=1e-4, atol=1e-4)
