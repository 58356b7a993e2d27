"""Splits by people: no one is in train and in test.

`cross_subject` is our own draw, in the manner of iMiGUE's protocol (37 people train, 35 test): of many random draws of
people, the one whose test part comes nearest to the wished share of gestures and to the class mix of the whole.
`given_people` makes the same table of parts that somebody else drew, such as the official subject lists of iMiGUE and SMG.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from manifests.tables import TABLES, Row, from_rows

__all__ = ["CROSS_SUBJECT", "FRACTIONS", "LABEL_DRAWS", "cross_subject", "given_people"]

CROSS_SUBJECT = "cross_subject"
FRACTIONS = (0.01, 0.05, 0.1, 0.2)
LABEL_DRAWS = 5
_TRIES = 500


def cross_subject(gestures: pa.Table, seed: int = 0, test_share: float = 0.4) -> pa.Table:
    """Draw train and test people, and nested labelled fractions of train.

    Args:
        gestures: the gestures table.
        seed: of the draw of people and of labels.
        test_share: wished share of the gestures in test.

    Returns:
        The splits table as `given_people` makes it; without a row where fewer than two people have gestures.
    """
    gestures = gestures.sort_by("gesture_id")
    people = np.asarray(gestures["player_id"].to_pylist())
    labels = np.asarray(gestures["label"].to_pylist())
    if len(set(people)) < 2:
        return from_rows(TABLES["splits"], [])
    test = set(_draw_test_people(people, labels, np.random.default_rng([seed, 0]), test_share).tolist())
    return given_people(
        gestures, {person: "test" if person in test else "train" for person in set(people.tolist())}, seed
    )


def given_people(gestures: pa.Table, parts: Mapping[str, str], seed: int = 0) -> pa.Table:
    """The cross-subject split whose people are given, and nested labelled fractions of train.

    The parts are the same in all draws; what differs from draw to draw is which gestures of train keep their label. A
    fraction holds, of each class, its share of the gestures, at least one; smaller fractions are part of larger ones.

    Args:
        gestures: the gestures table; those of people who are in no part are left out.
        parts: player_id -> train, val or test.
        seed: of the draw of labels.

    Returns:
        The splits table.
    """
    gestures = gestures.filter(pc.is_in(gestures["player_id"], value_set=pa.array(sorted(parts), pa.string())))
    gestures = gestures.sort_by("gesture_id")
    people = gestures["player_id"].to_pylist()
    labels = np.asarray(gestures["label"].to_pylist(), dtype=np.str_)
    part = np.asarray([parts[person] for person in people], dtype=np.str_)
    ids = gestures["gesture_id"].to_pylist()
    rows: list[Row] = []
    for draw in range(LABEL_DRAWS):
        share = _rank_in_class(labels, part == "train", np.random.default_rng([seed, 1, draw]))
        for i, item in enumerate(ids):
            rows.append(
                {
                    "protocol": CROSS_SUBJECT,
                    "draw": draw,
                    "unit": "gesture",
                    "item_id": item,
                    "player_id": people[i],
                    "part": str(part[i]),
                    "labelled": [f for f in FRACTIONS if share[i] < f],
                }
            )
    return from_rows(TABLES["splits"], rows)


def _draw_test_people(
    people: npt.NDArray[Any], labels: npt.NDArray[Any], random: np.random.Generator, test_share: float
) -> npt.NDArray[Any]:
    names, person = np.unique(people, return_inverse=True)
    classes, label = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)))
    np.add.at(counts, (person, label), 1)
    whole = counts.sum(axis=0) / counts.sum()
    best, best_cost = names[:1], np.inf
    for _ in range(_TRIES):
        order = random.permutation(len(names))
        # As many people, in this random order, as come nearest to the wished share; at least one on each side.
        reached = np.cumsum(counts[order].sum(axis=1))[:-1] / counts.sum()
        k = int(np.argmin(np.abs(reached - test_share))) + 1
        test = counts[order[:k]].sum(axis=0)
        only_in_test = float(((test > 0) & (counts.sum(axis=0) == test)).sum())
        cost = abs(test.sum() / counts.sum() - test_share) + np.abs(test / test.sum() - whole).sum() / 2
        cost += only_in_test / len(classes)  # a class that train lacks can't be learnt
        if cost < best_cost:
            best, best_cost = names[order[:k]], cost
    return np.asarray(best)


def _rank_in_class(
    labels: npt.NDArray[Any], train: npt.NDArray[np.bool_], random: np.random.Generator
) -> npt.NDArray[Any]:
    """Each train gesture's place in a random order of its class, as a share from 0; the first of a class is always 0."""
    share = np.ones(len(labels))
    for label in np.unique(labels[train]):
        members = np.flatnonzero(train & (labels == label))
        share[random.permutation(members)] = np.arange(len(members)) / len(members)
    return share
