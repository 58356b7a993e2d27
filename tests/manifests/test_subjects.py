"""Who is learned from and who is tested: a balanced draw, and lists that somebody gives."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pytest

from manifests.errors import BadInput
from manifests.subjects import draw_people, imbalance, read_subjects
from manifests.tables import TABLES, from_rows
from tests.manifests import samples

LABELS = ("touching_neck", "head_up", "pressing_lips", "folding_arms")


def _people(n: int, seed: int):
    """Simulated people, with gestures and videos in numbers as uneven as they come."""
    random = np.random.default_rng(seed)
    names = [f"P{i:04d}" for i in range(n)]
    players = [
        samples.player(name, gender=str(random.choice(["f", "m"])), country=str(random.choice(["ESP", "SWE", "FRA"])))
        for name in names
    ]
    gestures = [
        samples.gesture(f"{name}-{i}", player_id=name, label=str(random.choice(LABELS, p=[0.6, 0.2, 0.15, 0.05])))
        for name in names
        for i in range(int(random.integers(1, 20)))
    ]
    videos = [
        samples.video(f"{name}-{i}", name, outcome=str(random.choice(["win", "lose", "unknown"])))
        for name in names
        for i in range(int(random.integers(1, 5)))
    ]
    rows = {"gestures": gestures, "players": players, "videos": videos}
    return [from_rows(TABLES[name], some) for name, some in rows.items()]


@pytest.mark.parametrize(("n", "seed"), [(6, 0), (8, 1), (11, 2)])
def test_no_division_of_few_people_is_better(n: int, seed: int):
    tables = _people(n, seed)  # of eleven it is searched for
    names = tables[1]["player_id"].to_pylist()
    costs = [
        sum(imbalance(*tables, dict(zip(names, sides, strict=True))).values())
        for sides in product(["train", "test"], repeat=len(names))
        if len(set(sides)) == 2
    ]
    drawn = draw_people(*tables, seed=seed)
    assert sum(imbalance(*tables, drawn).values()) <= min(costs) + 1e-5


def test_a_draw_of_many_is_better_than_chance():
    tables = _people(60, 0)
    names = tables[1]["player_id"].to_pylist()
    random = np.random.default_rng(1)
    by_chance = []
    for _ in range(300):
        sides = np.where(random.permutation(60) < 24, "test", "train").tolist()
        by_chance.append(sum(imbalance(*tables, dict(zip(names, sides, strict=True))).values()))
    assert sum(imbalance(*tables, draw_people(*tables)).values()) < min(by_chance) / 1.5


def test_imbalance_by_hand():
    players = [samples.player("P1"), samples.player("P2", gender="m"), samples.player("P3"), samples.player("P4")]
    gestures = [samples.gesture(f"a{i}", player_id="P1") for i in range(3)]
    gestures += [samples.gesture("b", player_id="P2", label="head_up"), samples.gesture("c", player_id="P3")]
    gestures += [samples.gesture(f"d{i}", player_id="P4") for i in range(5)]
    videos = [samples.video("v1", "P1", outcome="win"), samples.video("v2", "P4", outcome="win")]
    tables = [
        from_rows(TABLES[name], rows)
        for name, rows in (("gestures", gestures), ("players", players), ("videos", videos))
    ]
    found = imbalance(*tables, {"P1": "test", "P2": "test", "P3": "train", "P4": "train"})
    assert found == {
        "gender": 0.5,  # half of test is m, nobody of train
        "country": 0.0,
        "outcome": 0.0,  # one video on each side, both won
        "class": 0.25,  # one of test's four gestures is head_up, none of train's
        "people": pytest.approx(0.1),  # two of four, wished are 0.4
        "gestures": 0.0,  # four of ten
        "lost_classes": 0.5,  # of two classes, train lacks head_up
    }


def test_one_person_is_not_divided():
    one = from_rows(TABLES["gestures"], [samples.gesture("a"), samples.gesture("b")])
    assert draw_people(one) == {}


def test_a_list_is_read(tmp_path: Path):
    path = tmp_path / "subjects.csv"
    path.write_text("player_id,part\nP0001,Train\nP0002,test\nP0003,val\nP0009,test\n")
    known = {"P0001", "P0002", "P0003", "P0004"}
    assert read_subjects(path, known, {"P0009"}) == {"P0001": "train", "P0002": "test", "P0003": "val"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("P0001,train\nP0001,test\n", "subjects.csv, row 3, column player_id: P0001 stands in row 2 already."),
        ("P0001,learn\nP0002,test\n", 'row 2, column part: "learn" is none of train, val, test.'),
        ("P0007,train\nP0002,test\n", 'row 2, column player_id: nobody in the dataset is called "P0007".'),
        ("P0001,train\nP0002,val\n", "row 1, column part: nobody of the release is in test."),
    ],
)
def test_a_wrong_list_is_named(tmp_path: Path, text: str, said: str):
    path = tmp_path / "subjects.csv"
    path.write_text("player_id,part\n" + text)
    with pytest.raises(BadInput) as error:
        read_subjects(path, {"P0001", "P0002"})
    assert said in str(error.value)
    assert "nothing was built" in str(error.value)
