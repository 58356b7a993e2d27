import numpy as np
import pytest

from benchmarks.choice import load_method, methods_for
from benchmarks.corpus import Corpus
from benchmarks.methods import BUILT_IN, Method, embed, predict
from manifests.errors import BadInput, ItemFailed
from manifests.taxonomy import LABELS

OWN = '''
import numpy as np

def fit(samples, labels, taxonomy, seed):
    """Remember the most frequent class that may be seen."""
    known = labels[labels >= 0]
    return int(np.bincount(known).argmax()) if len(known) else 0

def predict(fitted, samples):
    return np.full(len(samples), fitted)

def embed(fitted, samples):
    return np.stack([(s.poses.positions[:, 10] - s.poses.positions[:, 0]).mean(axis=0) for s in samples])
'''


def _giving(function, value):
    return Method("mine", **{function: lambda *_: value})


def test_a_method_of_ones_own(tmp_path, make_release):
    path = tmp_path / "wrist.py"
    path.write_text(OWN)
    method = load_method(path)
    samples = Corpus(make_release(2)).samples
    fitted = method.fit(samples, np.array([4] * 5 + [-1] * 7), LABELS, 0)
    assert method.name == "wrist"
    assert predict(method, fitted, samples, LABELS).classes.tolist() == [4] * 12
    assert embed(method, fitted, samples).shape == (12, 2)
    path.write_text(OWN + "\n# changed\n")
    assert load_method(path).digest != method.digest


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def fit(samples, labels, seed): ...", "define fit"),
        ("def predict(fitted, samples): ...", "define fit"),
        ("import no_such_module_at_all", "the file doesn't run .ModuleNotFoundError"),
        ("def fit(:", "the file doesn't run .SyntaxError"),
    ],
)
def test_a_file_that_is_no_method(tmp_path, code, message):
    path = tmp_path / "mine.py"
    path.write_text(code)
    with pytest.raises(BadInput, match=message):
        load_method(path)


def test_methods_of_a_release(make_release):
    release = make_release(2)
    assert [method.name for method in methods_for(release)] == [*BUILT_IN, "proposals:spotter-1"]
    assert [method.name for method in methods_for(release, ["majority"])] == ["majority"]
    with pytest.raises(BadInput, match=r"--method proposals:other: there is none.*proposals:spotter-1"):
        methods_for(release, ["proposals:other"])
    with pytest.raises(BadInput, match="no such file"):
        methods_for(release, ["nowhere.py"])
    with pytest.raises(BadInput, match="Two methods are called 'majority'"):
        methods_for(release, ["majority", "majority"])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.full((2, 32), np.nan), "predict gave NaN or infinity for 2 of 2 gestures"),
        (np.zeros((2, 31)), r"predict gave float64 of shape \(2, 31\) for 2 gestures; give \(2, 32\) scores"),
        (np.zeros((3, 32)), r"of shape \(3, 32\) for 2 gestures"),
        (np.array([0, 32]), "predict gave class 32; classes run from 0 to 31"),
        (np.array([-1, 0]), "predict gave class -1"),
        (np.array(["touching_face", "waving"]), "predict gave 'waving', which is none of the 32 labels"),
        (np.array([0.5, 1.0]), r"predict gave float64 of shape \(2,\)"),
        (None, r"of shape \(\)"),
    ],
)
def test_unfit_predictions_are_refused(value, message):
    with pytest.raises(ItemFailed, match=f"method mine: .*{message}"):
        predict(_giving("predict", value=value), None, [None, None], LABELS)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.array([[0.0], [np.inf]]), r"embed gave NaN or infinity for 1 of 2 gestures \(first: 1\)"),
        (np.zeros(2), r"embed gave float64 of shape \(2,\)"),
        (np.zeros((2, 0)), r"of shape \(2, 0\)"),
        (np.array([["a"], ["b"]]), "embed gave <U1"),
    ],
)
def test_unfit_embeddings_are_refused(value, message):
    with pytest.raises(ItemFailed, match=f"method mine: .*{message}"):
        embed(_giving("embed", value=value), None, [None, None])


def test_classes_may_be_given_as_labels():
    given = predict(_giving("predict", value=["turtle_neck", "illustrative"]), None, [None, None], LABELS)
    assert given.classes.tolist() == [0, 31]
    assert given.scores is None


def test_majority_by_hand():
    majority = BUILT_IN["majority"]
    fitted = majority.fit([], np.array([3, 3, 5, -1, -1, -1]), LABELS, 0)
    found = predict(majority, fitted, [None, None], LABELS)
    assert found.classes.tolist() == [3, 3]
    assert found.scores[0, [3, 5, 0]].tolist() == pytest.approx([2 / 3, 1 / 3, 0])
