"""The classes are those of iMiGUE's list, in its order."""

from __future__ import annotations

from manifests.taxonomy import CLASSES, GROUPS, LABELS, by_label


def test_there_are_31_micro_gestures_and_the_illustrative_class():
    assert len(CLASSES) == len(set(LABELS)) == 32
    assert [c.index for c in CLASSES] == list(range(32))
    assert [c.label for c in CLASSES if c.body_part == "no micro-gesture"] == ["illustrative"]
    assert {c.body_part for c in CLASSES} == set(GROUPS)


def test_numbers_of_imigue():
    # From the published class list: 1 turtle neck, 12 touching neck, 25 minaret, 29 pressing lips, 99 illustrative.
    expected = {"turtle_neck": 1, "touching_neck": 12, "minaret_gesture": 25, "pressing_lips": 29, "illustrative": 99}
    assert {label: by_label(label).imigue_id for label in expected} == expected


def test_each_definition_is_a_sentence():
    assert all(c.definition[0].isupper() and c.definition.endswith(".") for c in CLASSES)
