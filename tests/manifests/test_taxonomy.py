"""The classes are those of iMiGUE's list, in its order."""

from __future__ import annotations

from manifests.class_examples import EXAMPLES, UNLIKE
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


def test_each_class_has_two_examples_and_what_looks_alike():
    assert list(EXAMPLES) == list(UNLIKE) == list(LABELS)
    said = [text for c in CLASSES for text in (*c.examples, c.unlike)]
    assert len(set(said)) == len(said) == 3 * 32
    assert all(text[0].isupper() and text.endswith(".") for text in said)
    assert all(len(set(c.examples)) == 2 and c.definition not in c.examples for c in CLASSES)


def test_what_looks_alike_is_another_class():
    # "…: touching jaw." names the class that it is; it is known by the first words of its name, and isn't the one explained.
    names = {word.removesuffix("s").lower() for c in CLASSES for word in c.name.replace(",", " ").split()}
    for c in CLASSES:
        _, found, other = c.unlike.rstrip(".").partition(": ")
        if found and c.label != "illustrative":
            assert {word.removesuffix("s") for word in other.split()} <= names | {"the"}, c.label
            assert other.replace(" ", "_") != c.label
