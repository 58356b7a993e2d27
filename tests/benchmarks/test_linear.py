import numpy as np
import pytest

from benchmarks.linear import fit_linear


def _clouds(n=60, classes=3, seed=0):
    random = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    return np.eye(classes)[labels] * 3 + random.normal(0, 0.3, (n, classes)), labels, [f"P{i % 4}" for i in range(n)]


@pytest.mark.parametrize("kind", ["logistic", "ridge"])
@pytest.mark.parametrize("classes", [2, 3])
def test_separable_classes_are_learned(kind, classes):
    features, labels, people = _clouds(classes=classes)
    scores = fit_linear(kind, features, labels * 5, people).scores(features, 32)
    assert scores.shape == (60, 32)
    assert (scores.argmax(axis=1) == labels * 5).all()


def test_a_class_never_seen_is_never_likeliest():
    features, labels, people = _clouds()
    scores = fit_linear("ridge", features, labels + 1, people).scores(features, 32)
    seen = scores[:, 1:4].min(axis=1)
    assert (np.delete(scores, [1, 2, 3], axis=1).max(axis=1) < seen).all()


def test_the_same_question_is_answered_once_and_another_anew():
    features, labels, people = _clouds()
    first = fit_linear("ridge", features, labels, people)
    assert fit_linear("ridge", features.copy(), labels.copy(), list(people)) is first
    others = [
        fit_linear("logistic", features, labels, people),
        fit_linear("ridge", features + 1, labels, people),
        fit_linear("ridge", features, labels[::-1], people),
        fit_linear("ridge", features, labels, people[::-1]),
    ]
    assert all(other is not first for other in others)


def test_one_class_is_always_said():
    scores = fit_linear("logistic", np.zeros((4, 2)), np.full(4, 9), list("abcd")).scores(np.ones((3, 2)), 32)
    assert scores.argmax(axis=1).tolist() == [9, 9, 9]


def test_strength_is_chosen_by_people_left_out():
    """One feature tells the person, whose class is always the same here; only the other feature tells the class of others."""
    random = np.random.default_rng(3)
    person = np.repeat(np.arange(6), 20)
    labels = person % 2
    features = np.column_stack([np.eye(6)[person] * 50, labels + random.normal(0, 0.8, 120)])
    people = [f"P{p}" for p in person]
    model = fit_linear("logistic", features, labels, people)
    stranger = np.column_stack([np.zeros((200, 6)), (np.arange(200) % 2) + random.normal(0, 0.8, 200)])
    assert (model.scores(stranger, 2).argmax(axis=1) == np.arange(200) % 2).mean() > 0.6


@pytest.mark.parametrize("kind", ["ridge", "logistic"])
def test_one_label_a_class_is_no_cause_for_a_warning(kind):
    features = np.random.default_rng(0).normal(size=(40, 3))
    labels = np.arange(40) % 30
    assert len(fit_linear(kind, features, labels, ["A", "B"] * 20).scores(features, 30)) == 40  # warnings are errors
