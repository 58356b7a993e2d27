import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors

from benchmarks.metrics import retrieval
from benchmarks.metrics.retrieval import cosine_neighbours, knn_scores, rank_gallery, unit_rows


def _random(seed=0, q=12, g=30, d=4, classes=3):
    random = np.random.default_rng(seed)
    return (
        random.normal(size=(q, d)),
        random.normal(size=(g, d)),
        random.integers(0, classes, q),
        random.integers(0, classes, g),
    )


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_agrees_with_scikit_learn(seed):
    queries, gallery, asked, held = _random(seed)
    found = rank_gallery(queries, gallery, asked, held)
    similarity = cosine_similarity(queries, gallery)
    for i in range(len(queries)):
        relevant = held == asked[i]
        assert found.average_precision[i] == pytest.approx(average_precision_score(relevant, similarity[i]))
        order = np.argsort(-similarity[i])
        assert found.first_hit[i] == 1 + np.flatnonzero(relevant[order])[0]


def test_exclusion_is_the_same_as_a_smaller_gallery():
    queries, gallery, asked, held = _random(3)
    of_query, of_gallery = np.arange(len(queries)) % 4, np.arange(len(gallery)) % 4
    found = rank_gallery(queries, gallery, asked, held, exclude=[(of_query, of_gallery)])
    for i in range(len(queries)):
        keep = of_gallery != of_query[i]
        alone = rank_gallery(queries[i : i + 1], gallery[keep], asked[i : i + 1], held[keep])
        assert found.average_precision[i] == pytest.approx(alone.average_precision[0])
        assert found.first_hit[i] == alone.first_hit[0]
        assert found.gallery[i] == keep.sum()


def test_by_hand():
    # Cosines 1, 0.8, 0.6, 0; right, wrong, right, wrong: (1/1 + 2/3) / 2.
    gallery = np.array([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
    found = rank_gallery(np.array([[2.0, 0.0]]), gallery, np.array([5]), np.array([5, 1, 5, 1]))
    assert found.average_precision[0] == pytest.approx(5 / 6)
    assert (found.first_hit[0], found.gallery[0]) == (1, 4)


def test_an_embedding_that_is_one_point_gains_nothing_from_the_gallerys_order():
    # All similarities equal: 3 wrong before the 2 right ones, wherever they lie: (1/4 + 2/5) / 2.
    found = rank_gallery(np.ones((1, 3)), np.ones((5, 3)), np.array([0]), np.array([0, 0, 1, 1, 1]))
    assert found.average_precision[0] == pytest.approx((1 / 4 + 2 / 5) / 2)
    assert found.first_hit[0] == 4


def test_a_class_the_gallery_lacks_has_no_answer():
    found = rank_gallery(np.ones((1, 2)), np.ones((3, 2)), np.array([7]), np.array([0, 1, 2]))
    assert np.isnan(found.average_precision[0])
    assert not found.answerable[0]


def test_blocks_change_nothing(monkeypatch):
    queries, gallery, asked, held = _random(4, q=40, g=50)
    whole = rank_gallery(queries, gallery, asked, held)
    neighbours = cosine_neighbours(queries, gallery, 5)
    monkeypatch.setattr(retrieval, "_BLOCK_BYTES", 1000)  # two rows of similarities
    parts = rank_gallery(queries, gallery, asked, held)
    assert parts.average_precision.tolist() == whole.average_precision.tolist()
    assert cosine_neighbours(queries, gallery, 5).tolist() == neighbours.tolist()


def test_float32_is_kept_and_agrees():
    queries, gallery, asked, held = _random(5)
    single = rank_gallery(queries.astype(np.float32), gallery.astype(np.float32), asked, held)
    assert single.average_precision == pytest.approx(rank_gallery(queries, gallery, asked, held).average_precision)


def test_a_large_gallery_is_counted_as_a_small_one_is_sorted(monkeypatch):
    queries, gallery, asked, held = (
        part.astype(np.float32) if part.dtype == float else part for part in _random(8, q=20, g=400)
    )
    gallery[200:220] = gallery[:20]  # equal ones
    groups = np.arange(20) % 4, np.arange(400) % 4
    small = rank_gallery(queries, gallery, asked, held, exclude=[groups, groups])
    neighbours = cosine_neighbours(queries, gallery, 7)
    monkeypatch.setattr(retrieval, "_LARGE", 100)
    large = rank_gallery(queries, gallery, asked, held, exclude=[groups, groups])
    assert large.average_precision.tolist() == small.average_precision.tolist()
    assert (large.first_hit.tolist(), large.gallery.tolist()) == (small.first_hit.tolist(), small.gallery.tolist())
    assert cosine_neighbours(queries, gallery, 7).tolist() == neighbours.tolist()


def test_faiss_finds_the_same_neighbours():
    pytest.importorskip("faiss", reason="the extra faiss is not installed")
    queries, gallery, _, _ = _random(9, q=50, g=2000, d=8)
    ours = cosine_neighbours(queries.astype(np.float32), gallery.astype(np.float32), 20)
    assert retrieval.neighbours_by_faiss(queries, gallery, 20).tolist() == ours.tolist()


def test_neighbours_agree_with_scikit_learn():
    queries, gallery, _, _ = _random(6)
    theirs = NearestNeighbors(n_neighbors=7, metric="cosine", algorithm="brute").fit(gallery).kneighbors(queries)[1]
    assert cosine_neighbours(queries, gallery, 7).tolist() == theirs.tolist()


def test_votes_and_ties_by_hand():
    votes = knn_scores(np.array([[2, 0, 0, 1, 1], [1, 0, 1, 0, 2], [3, 3, 0, 0, 0]]), 4)
    # 0 and 1 twice each, 0 nearer; 0 and 1 twice each, 1 nearer; 0 three times.
    assert votes.argmax(axis=1).tolist() == [0, 1, 0]
    assert np.floor(votes[0]).tolist() == [2, 2, 1, 0]


def test_a_row_of_zeros_stays_zero():
    assert unit_rows(np.array([[0.0, 0.0], [3.0, 4.0]])).tolist() == [[0, 0], [0.6, 0.8]]
