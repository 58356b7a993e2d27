from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from benchmarks.metrics.clustering import adjusted_rand, cluster, cluster_accuracy, normalised_mutual_information


def _table(labels, clusters):
    counts = np.zeros((1, 4, 4))
    np.add.at(counts[0], (labels, clusters), 1)
    return counts


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40))
def test_agree_with_scikit_learn(pairs):
    labels, clusters = np.array(pairs).T
    counts = _table(labels, clusters)
    assert normalised_mutual_information(counts)[0] == pytest.approx(
        normalized_mutual_info_score(labels, clusters), abs=1e-9
    )
    assert adjusted_rand(counts)[0] == pytest.approx(adjusted_rand_score(labels, clusters), abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20))
def test_accuracy_is_that_of_the_best_of_all_maps(pairs):
    labels, clusters = np.array(pairs).T
    best = max(np.mean(np.array(order)[clusters] == labels) for order in permutations(range(4)))
    assert cluster_accuracy(_table(labels, clusters))[0] == pytest.approx(best)


def test_accuracy_under_the_map_of_another_table_by_hand():
    # Two people of three gestures each: together cluster 0 is mostly class 0; of the second person alone it is class 1.
    first, second = np.array([[3, 0], [0, 0]]), np.array([[0, 1], [2, 0]])
    tables = np.stack([first + second, 2 * first, 2 * second])
    assert cluster_accuracy(tables).tolist() == [0.5, 1, 1]
    # With the first person twice the identity is best: 6 of 9. It finds all of the first person's and none of the second's.
    tables = np.stack([2 * first + second, 3 * first, 3 * second])
    assert cluster_accuracy(tables, tables[0]).tolist() == pytest.approx([6 / 9, 1, 0])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=12))
def test_weighted_items_are_never_paired_with_their_own_copies(rows):
    labels, clusters, weights = np.array(rows).T
    counts, squares = np.zeros((2, 1, 4, 4))
    np.add.at(counts[0], (labels, clusters), weights)
    np.add.at(squares[0], (labels, clusters), weights**2)
    both = one = other = every = 0
    for i in range(len(rows)):
        for j in range(i):
            pairs = weights[i] * weights[j]
            same_class, same_cluster = labels[i] == labels[j], clusters[i] == clusters[j]
            every += pairs
            one, other = one + pairs * same_class, other + pairs * same_cluster
            both += pairs * (same_class and same_cluster)
    if every == 0 or (one + other) / 2 == one * other / every:
        return
    expected = one * other / every
    assert adjusted_rand(counts, squares)[0] == pytest.approx((both - expected) / ((one + other) / 2 - expected))


def test_three_clouds_are_found():
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 10)
    points = np.eye(3)[labels] + random.normal(0, 0.05, (30, 3))
    counts = _table(labels, cluster(points, 3, seed=0))
    assert cluster_accuracy(counts)[0] == adjusted_rand(counts)[0] == 1
    assert normalised_mutual_information(counts)[0] == pytest.approx(1)


def test_points_that_are_all_one_make_one_cluster():
    assert cluster(np.ones((5, 3)), 3, seed=0).tolist() == [0] * 5
