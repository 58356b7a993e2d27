"""People apart, fractions nested, every class present where it can be."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.splits import (
    CROSS_SUBJECT,
    EMOTION,
    FRACTIONS,
    LABEL_DRAWS,
    RETRIEVAL,
    SPOTTING,
    cross_subject,
    given_people,
    parts_of,
    splits_of,
)
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


def _tables(**rows):
    names = ("gestures", "videos", "clips", "annotations")
    return {name: from_rows(TABLES[name], rows.get(name, [])) for name in names}


PARTS = {"P1": "train", "P2": "train", "P3": "test", "P4": "val"}


def test_queries_are_of_classes_that_the_gallery_has():
    marked = [("P1", "touching_neck"), ("P2", "head_up"), ("P3", "head_up"), ("P3", "pressing_lips"), ("P4", "head_up")]
    gestures = _gestures([*marked, *[("P3", "touching_neck")] * 120])
    found = parts_of(splits_of({**_tables(), "gestures": gestures}, PARTS), RETRIEVAL)
    assert {item for item, part in found.items() if part == "gallery"} == {"g000", "g001"}
    queries = {item for item, part in found.items() if part == "query"}
    assert "g002" in queries
    assert "g003" not in queries, "nobody to learn from presses the lips"
    assert "g004" not in queries, "P4 is neither asked nor answered"
    assert len(queries - {"g002"}) == 100, "of 120 of one class, as many as a class may have"


def test_as_many_won_as_lost_in_each_part():
    ended = {
        "P1": ("win", "win", "win", "lose"),  # two of the three won go: P1 has more of them than of lost ones
        "P2": ("win", "lose"),
        "P3": ("win", "lose", "unknown", "lose"),
        "P4": ("win", "win"),
    }
    videos = [
        samples.video(f"{person}-{i}", person, outcome=outcome)
        for person, some in ended.items()
        for i, outcome in enumerate(some)
    ]
    clips = [samples.clip(f"c-{row['video_id']}", row["video_id"], row["player_id"]) for row in videos]
    nowhere = samples.video("P3-9", "P3", outcome="win")  # without a clip
    tables = _tables(videos=[*videos, nowhere], clips=clips)
    found = parts_of(splits_of(tables, PARTS), EMOTION)
    outcome = {row["video_id"]: row["outcome"] for row in videos}
    counts = Counter((part, outcome[video]) for video, part in found.items())
    assert counts == {("train", "win"): 2, ("train", "lose"): 2, ("test", "win"): 1, ("test", "lose"): 1}
    assert sum(video.startswith("P1") for video in found) == 2
    assert {"P2-0", "P2-1"} <= found.keys(), "P2 won as often as lost, so nothing of P2 goes"
    alone = [row for row in videos if row["player_id"] != "P3"]
    assert parts_of(splits_of(_tables(videos=alone, clips=clips), PARTS), EMOTION) == {}, "nobody to test on"


def test_streams_are_the_clips_that_somebody_judged():
    clips = [samples.clip(f"c{i}", player_id=person) for i, person in enumerate(["P1", "P2", "P3", "P3", "P9"])]
    said = {"start": None, "end": None, "label": None}
    marks = [
        samples.annotation("a1", "c1", verdict="nothing", **said),
        samples.annotation("a2", "c2", verdict="unusable", **said),
        samples.annotation("a4", "c4", verdict="nothing", **said),
    ]
    gestures = [samples.gesture("g0", "c0", "P1"), samples.gesture("g3", "c3", "P3")]
    splits = splits_of(_tables(clips=clips, annotations=marks, gestures=gestures), PARTS)
    assert parts_of(splits, SPOTTING) == {"c0": "train", "c1": "train", "c3": "test"}


@settings(max_examples=15, deadline=None)
@given(marks, st.integers(0, 5))
def test_no_person_is_on_two_sides_of_any_protocol(marked: list[tuple[str, str]], seed: int):
    gestures = _gestures(marked)
    people = sorted({person for person, _ in marked})
    videos = [samples.video(f"v{p}{o}", p, outcome=o) for p in people for o in ("win", "lose")]
    clips = [samples.clip("c1", "v1", people[0])] + [
        samples.clip(f"c{v['video_id']}", v["video_id"], v["player_id"]) for v in videos
    ]
    tables = {**_tables(videos=videos, clips=clips), "gestures": gestures}
    splits = splits_of(tables, dict(zip(people, ["train", "test", "train", "val"], strict=False)), seed)
    sides = defaultdict(set)
    for row in splits.to_pylist():
        sides[row["player_id"]].add({"gallery": "train", "query": "test"}.get(row["part"], row["part"]))
    assert all(len(side) == 1 for side in sides.values())
    assert parts_of(splits, CROSS_SUBJECT).keys() == set(gestures["gesture_id"].to_pylist())
