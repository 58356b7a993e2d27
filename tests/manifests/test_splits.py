"""People apart, fractions nested, every class present where it can be."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.splits import FRACTIONS, LABEL_DRAWS, cross_subject, given_people
from manifests.tables import TABLES, from_rows
from tests.manifests import samples

marks = st.lists(
    st.tuples(
        st.sampled_from(["P1", "P2", "P3", "P4"]), st.sampled_from(["touching_neck", "head_up", "pressing_lips"])
    ),
    min_size=1,
    max_size=60,
)


def _gestures(marked: list[tuple[str, str]]):
    rows = [samples.gesture(f"g{i:03}", player_id=person, label=label) for i, (person, label) in enumerate(marked)]
    return from_rows(TABLES["gestures"], rows)


@settings(max_examples=25, deadline=None)
@given(marks)
def test_people_are_apart_and_fractions_nested(marked: list[tuple[str, str]]):
    rows = cross_subject(_gestures(marked)).to_pylist()
    if len({person for person, _ in marked}) < 2:
        assert rows == []
        return
    assert len(rows) == LABEL_DRAWS * len(marked)
    part_of = defaultdict(set)
    for row in rows:
        part_of[row["player_id"]].add(row["part"])
        held = [f in map(np.float32, row["labelled"]) for f in map(np.float32, FRACTIONS)]
        assert held == sorted(held), "what a small fraction holds, a larger one holds too"
        assert row["part"] == "train" or not any(held)
    assert all(len(parts) == 1 for parts in part_of.values())
    assert {"train", "test"} == {row["part"] for row in rows}


def test_fractions_by_hand():
    # Three people; 200 of one class and 10 of another, evenly spread. Whoever is in train, counts follow from the shares.
    marked = [(f"P{i % 3}", "touching_neck" if i < 200 else "head_up") for i in range(210)]
    gestures = _gestures(marked)
    label_of = dict(zip(gestures["gesture_id"].to_pylist(), gestures["label"].to_pylist(), strict=True))
    rows = [row for row in cross_subject(gestures).to_pylist() if row["draw"] == 0]
    train = [row for row in rows if row["part"] == "train"]
    for label in ("touching_neck", "head_up"):
        mine = [row for row in train if label_of[row["item_id"]] == label]
        for fraction in FRACTIONS:
            held = sum(any(abs(f - fraction) < 1e-6 for f in row["labelled"]) for row in mine)
            assert held == max(1, int(np.ceil(len(mine) * fraction - 1e-9)))


def test_the_same_seed_gives_the_same_split():
    gestures = _gestures([("P1", "head_up"), ("P2", "head_up"), ("P3", "touching_neck")] * 5)
    assert cross_subject(gestures, seed=4).equals(cross_subject(gestures, seed=4))


def test_a_class_of_one_person_stays_in_train():
    # P3 alone has head_up; testing on P3 would ask for a class that nobody could learn.
    marked = [("P1", "touching_neck"), ("P2", "touching_neck"), ("P3", "touching_neck"), ("P3", "head_up")] * 4
    rows = cross_subject(_gestures(marked)).to_pylist()
    assert {row["part"] for row in rows if row["player_id"] == "P3"} == {"train"}


def test_people_are_given():
    # P4 is in no part.
    neck, head = "touching_neck", "head_up"
    marked = [("P1", neck), ("P1", neck), ("P1", head), ("P2", head), ("P3", neck), ("P3", head), ("P4", neck)]
    rows = given_people(_gestures(marked), {"P1": "train", "P2": "val", "P3": "test"}).to_pylist()
    assert {(row["player_id"], row["part"]) for row in rows} == {("P1", "train"), ("P2", "val"), ("P3", "test")}
    assert len(rows) == 6 * LABEL_DRAWS
    labelled = [row for row in rows if row["labelled"]]
    assert {row["player_id"] for row in labelled} == {"P1"}
    assert len(labelled) == 2 * LABEL_DRAWS, "of three gestures, one of each class keeps its label at every fraction"
