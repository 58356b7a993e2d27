"""Agreement against figures worked out by hand and published ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from annotate.agree import Confusion, agree, agreement, krippendorff_alpha
from annotate.opinions import Opinion, Segment
from manifests.errors import BadInput
from manifests.tables import Row
from manifests.taxonomy import LABELS
from tests.annotate.datasets import dataset, table
from tests.manifests.samples import annotation

ANA = Opinion(
    "A01",
    "gesture",
    (Segment(10, 30, "touching_face"), Segment(50, 60, "head_up"), Segment(70, 90, "moving_torso")),
)
BO = Opinion("A02", "gesture", (Segment(12, 30, "touching_face"), Segment(50, 58, "touching_neck")))
CY = Opinion("A03", "nothing")
DI = Opinion("A04", "unusable")


def counted(table_of_values: list[str]) -> np.ndarray:
    """Rows of coders' values, "." for missing, as counts (units, values)."""
    coders = [row.split() for row in table_of_values]
    values = sorted({value for row in coders for value in row} - {"."})
    units = list(zip(*coders, strict=True))
    return np.array([[unit.count(value) for value in values] for unit in units])


@pytest.mark.parametrize(
    ("rows", "alpha"),
    [
        # Krippendorff (2011), sections A, B and C.
        (["0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0"], 0.095),
        (["a a b b d c c c e d d a", "b a b b b c c c e d d d"], 0.692),
        (
            [
                "1 2 3 3 2 1 4 1 2 . . .",
                "1 2 3 3 2 2 4 1 2 5 . 3",
                ". 3 3 3 2 3 4 2 2 5 1 .",
                "1 2 3 3 2 4 4 1 2 5 1 .",
            ],
            0.743,
        ),
    ],
)
def test_alpha_of_the_published_examples(rows, alpha):
    counts = counted(rows)
    assert krippendorff_alpha([counts]) == pytest.approx(alpha, abs=5e-4)
    assert krippendorff_alpha([counts[:5], counts[5:]]) == pytest.approx(alpha, abs=5e-4)  # in any portions


def test_alpha_where_it_is_undefined():
    assert krippendorff_alpha([]) is None
    assert krippendorff_alpha([np.array([[2, 0], [2, 0]])]) is None  # nothing varies
    assert krippendorff_alpha([np.array([[1, 0], [0, 1]])]) is None  # nobody met


def test_two_annotators_by_hand():
    found = agreement({"c1": [ANA, BO]}, {"c1": 100})
    # tIoU 18/20 and 8/10: two of three and two segments match, one with the same label.
    assert (found.segments, found.matched, found.same_label) == (5, 2, 1)
    assert found.f1 == pytest.approx(4 / 5)
    assert found.f1_labelled == pytest.approx(2 / 5)
    assert found.label_agreement == pytest.approx(1 / 2)
    # Observed agreement 1/2; by chance both say touching_face in 1/2 * 1/2.
    assert found.kappa == pytest.approx((1 / 2 - 1 / 4) / (1 - 1 / 4))
    # One of two pairs differs. Of four values two are touching_face, one head_up, one touching_neck.
    assert found.alpha_labels == pytest.approx(1 - 3 * 2 / (4**2 - (2**2 + 1 + 1)))
    # Ana marks 50 frames, Bo 26 of them: 24 frames of 100 disagree; of 200 values 76 say gesture.
    assert found.alpha_presence == pytest.approx(1 - 199 * 48 / (200**2 - 76**2 - 124**2))
    # Both say touching_face on 18 frames and something else on 8: 32 frames disagree. Values: 38 touching_face,
    # 10 head_up, 8 touching_neck, 20 moving_torso, 124 none.
    expected = 200**2 - (38**2 + 10**2 + 8**2 + 20**2 + 124**2)
    assert found.alpha_frames == pytest.approx(1 - 199 * 64 / expected)
    assert (found.start_deviation.mean, found.end_deviation.mean) == (1, 1)  # 2 and 0 frames; 0 and 2
    assert list(found.per_class) == ["touching_face", "touching_neck", "moving_torso", "head_up"]
    assert found.per_class["touching_face"].f1 == 1
    assert found.per_class["head_up"].f1 == 0


def test_alpha_of_matched_labels_in_a_published_example():
    # Krippendorff (2011), section B: twelve units, two coders, values a to e.
    first, second = "aabbdcccedda", "babbbccceddd"
    label = dict(zip("abcde", LABELS, strict=False))
    opinions = {
        f"c{i}": [
            Opinion("A01", "gesture", (Segment(0, 9, label[a]),)),
            Opinion("A02", "gesture", (Segment(0, 9, label[b]),)),
        ]
        for i, (a, b) in enumerate(zip(first, second, strict=True))
    }
    assert agreement(opinions, dict.fromkeys(opinions, 10)).alpha_labels == pytest.approx(0.692, abs=5e-4)
    same = agreement({"c": [ANA, ANA]}, {"c": 100})
    assert same.alpha_labels == 1
    one_class = {"c": [Opinion(who, "gesture", (Segment(0, 9, "head_up"),)) for who in ("A01", "A02")]}
    assert agreement(one_class, {"c": 10}).alpha_labels is None  # nothing varies


def test_kappa_against_scikit_learn():
    rng = np.random.default_rng(0)
    first, second = (rng.choice(["head_up", "biting_nails", "pressing_lips"], 40) for _ in range(2))
    opinions = {
        f"c{i}": [
            Opinion("A01", "gesture", (Segment(0, 9, str(a)),)),
            Opinion("A02", "gesture", (Segment(0, 9, str(b)),)),
        ]
        for i, (a, b) in enumerate(zip(first, second, strict=True))
    }
    found = agreement(opinions, dict.fromkeys(opinions, 10))
    assert found.kappa == pytest.approx(cohen_kappa_score(first, second))
    low, high = found.intervals["kappa"]
    assert low < found.kappa < high


def test_confusion_between_classes():
    found = agreement({"c1": [ANA, BO], "c2": [BO, ANA]}, {"c1": 100, "c2": 100})
    # In both clips Ana says head_up and Bo touching_neck; which of them is named first doesn't matter.
    assert found.confusion == (Confusion(("touching_neck", "head_up"), 2),)


def test_intervals_of_alike_clips_have_no_width():
    found = agreement({f"c{i}": [ANA, BO] for i in range(5)}, {f"c{i}": 100 for i in range(5)})
    assert found.intervals["f1"] == pytest.approx((4 / 5, 4 / 5))
    assert found.intervals["alpha_frames"] is not None
    assert agreement({"c1": [ANA, BO]}, {"c1": 100}).intervals["f1"] is None  # one clip tells nothing of others


def test_nothing_is_an_empty_set_and_unusable_is_no_opinion():
    found = agreement({"c1": [ANA, BO, CY, DI], "c2": [CY], "c3": [DI, DI]}, {"c1": 100, "c2": 50, "c3": 50})
    assert (found.clips, found.comparisons) == (1, 3)
    # Ana and Bo 5, Ana and Cy 3, Bo and Cy 2; still the two matches of Ana and Bo.
    assert (found.segments, found.matched) == (10, 2)
    assert found.f1 == pytest.approx(4 / 10)
    assert found.unusable_disputed == 1  # c1; on c3 both agree
    assert found.annotators == ("A01", "A02", "A03", "A04")


def test_full_agreement():
    found = agreement({"c1": [ANA, Opinion("A02", "gesture", ANA.segments)]}, {"c1": 100})
    assert (found.f1, found.f1_labelled, found.kappa, found.alpha_frames) == (1, 1, 1, 1)


def test_what_is_undefined_is_none():
    found = agreement({"c1": [CY, Opinion("A05", "nothing")]}, {"c1": 100})
    assert (found.f1, found.kappa, found.alpha_frames, found.start_deviation) == (None, None, None, None)


def test_of_overlapping_segments_the_later_counts():
    both = Opinion("A01", "gesture", (Segment(0, 10, "head_up"), Segment(5, 10, "biting_nails")))
    split = Opinion("A02", "gesture", (Segment(0, 5, "head_up"), Segment(5, 10, "biting_nails")))
    assert agreement({"c1": [both, split]}, {"c1": 20}).alpha_frames == 1


@pytest.mark.parametrize("tiou", [0, 1.5])
def test_a_threshold_out_of_range(tiou):
    with pytest.raises(BadInput, match="temporal IoU"):
        agreement({"c1": [ANA, BO]}, {"c1": 100}, tiou)


def test_agree_writes_its_report(tmp_path):
    rows: list[Row] = [
        annotation("a1", start=10, end=30),
        annotation("a2", submission_id="s2", annotator_id="A02", start=10, end=40),
    ]
    with dataset(tmp_path / "d", ["c1"], []) as workspace:
        with pytest.raises(BadInput, match="no annotations yet"):
            agree(workspace)
        workspace.write("annotations", table("annotations", rows))
        found = agree(workspace)
        written = json.loads((tmp_path / "d" / "reports" / "agreement.json").read_text())
    assert found.f1 == 1
    assert written["end_deviation"]["mean"] == 10
    assert written["per_class"] == {"touching_neck": {"segments": 2, "same_label": 1, "f1": 1.0}}
