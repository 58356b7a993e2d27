import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import confusion_matrix, f1_score, recall_score, top_k_accuracy_score

from benchmarks.metrics.recognition import confusion_counts, macro_f1, mean_class_accuracy, top1, top_k_hits


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_agrees_with_scikit_learn(seed, n):
    random = np.random.default_rng(seed)
    labels, predicted = random.integers(0, 5, (2, n))
    counts = confusion_counts(labels, predicted, 5)
    assert counts.tolist() == [confusion_matrix(labels, predicted, labels=range(5)).tolist()]
    assert top1(counts)[0] == pytest.approx(np.mean(labels == predicted))
    recall = recall_score(labels, predicted, labels=np.unique(labels), average="macro", zero_division=0)
    assert mean_class_accuracy(counts)[0] == pytest.approx(recall)
    assert macro_f1(counts)[0] == pytest.approx(f1_score(labels, predicted, average="macro", zero_division=0))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_top_k_agrees_with_scikit_learn(k):
    random = np.random.default_rng(1)
    labels, scores = random.integers(0, 7, 50), random.normal(size=(50, 7))
    assert top_k_hits(labels, scores, k).mean() == pytest.approx(
        top_k_accuracy_score(labels, scores, k=k, labels=range(7))
    )


def test_of_equal_scores_the_lower_class_goes_first():
    scores = np.array([[1.0, 2.0, 2.0, 0.0]] * 4)
    # Order of the classes: 1, 2, 0, 3.
    assert top_k_hits(np.array([0, 1, 2, 3]), scores, 1).tolist() == [False, True, False, False]
    assert top_k_hits(np.array([0, 1, 2, 3]), scores, 2).tolist() == [False, True, True, False]
    assert top_k_hits(np.array([0, 1, 2, 3]), scores, 3).tolist() == [True, True, True, False]


def test_groups_add_up_to_the_whole():
    labels, predicted = np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2])
    counts = confusion_counts(labels, predicted, 3, np.array([0, 1, 1, 0]), 2)
    assert counts.sum(axis=0).tolist() == confusion_counts(labels, predicted, 3)[0].tolist()
    assert top1(counts).tolist() == [1.0, 0.5]


def test_nothing_predicted_has_no_value():
    nothing = np.zeros((1, 3, 3))
    assert np.isnan([top1(nothing)[0], mean_class_accuracy(nothing)[0], macro_f1(nothing)[0]]).all()


@given(hnp.arrays(np.int64, (1, 4, 4), elements=st.integers(0, 9)))
def test_values_lie_between_0_and_1(counts):
    values = np.array([top1(counts)[0], mean_class_accuracy(counts)[0], macro_f1(counts)[0]])
    assert np.isnan(values).all() if counts.sum() == 0 else ((values >= 0) & (values <= 1)).all()
