"""The splits of a release, one protocol a benchmark task; no person is on two sides.

| protocol | a row is | parts |
|---|---|---|
| cross_subject | a gesture | train, val, test; which labels of train are kept, in five draws |
| retrieval | a gesture | gallery (train's people), query (test's) |
| emotion | a video | train, val, test: as many won as lost in each |
| spotting | a clip, a stream that annotators judged | train, val, test |

All have the same people, given or drawn (manifests/subjects.py), in the manner of iMiGUE's protocol (37 people train, 35 test).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from manifests.subjects import draw_people
from manifests.tables import TABLES, Row, from_rows

__all__ = [
    "CROSS_SUBJECT",
    "EMOTION",
    "FRACTIONS",
    "LABEL_DRAWS",
    "RETRIEVAL",
    "SPOTTING",
    "cross_subject",
    "given_people",
    "parts_of",
    "splits_of",
]

CROSS_SUBJECT, RETRIEVAL, EMOTION, SPOTTING = "cross_subject", "retrieval", "emotion", "spotting"
FRACTIONS = (0.01, 0.05, 0.1, 0.2)
LABEL_DRAWS = 5
_QUERIES = 100  # of a class at most, so that frequent ones don't decide


def splits_of(tables: Mapping[str, pa.Table], parts: Mapping[str, str], seed: int = 0) -> pa.Table:
    """Every protocol whose rows the tables allow.

    Args:
        tables: gestures, videos, clips and annotations of the release.
        parts: player_id -> train, val or test; others are left out.
        seed: of the draws of labels, queries and videos.

    Returns:
        The splits table.
    """
    rows = [*_retrieval(tables["gestures"], parts, seed), *_emotion(tables, parts, seed), *_spotting(tables, parts)]
    return pa.concat_tables([given_people(tables["gestures"], parts, seed), from_rows(TABLES["splits"], rows)])


def cross_subject(gestures: pa.Table, seed: int = 0) -> pa.Table:
    """The split of gestures by people who are drawn by their gestures alone, and nested labelled fractions of train.

    Returns:
        The splits table as `given_people` makes it; without a row where fewer than two people have gestures.
    """
    return given_people(gestures, draw_people(gestures, seed=seed), seed)


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
    held = pa.array([list(FRACTIONS[k:]) for k in range(len(FRACTIONS) + 1)], _LABELLED)
    draws = []
    for draw in range(LABEL_DRAWS):
        share = _rank_in_class(labels, part == "train", np.random.default_rng([seed, 1, draw]))
        # The smallest fraction that holds a gesture; all larger ones hold it too.
        first = (share[:, None] >= np.asarray(FRACTIONS)).sum(axis=1)
        columns = {
            "protocol": pa.repeat(CROSS_SUBJECT, len(people)),
            "draw": pa.repeat(pa.scalar(draw, pa.int32()), len(people)),
            "unit": pa.repeat("gesture", len(people)),
            "item_id": gestures["gesture_id"],
            "player_id": gestures["player_id"],
            "part": pa.array(part.tolist(), pa.string()),
            "labelled": held.take(pa.array(first)),
        }
        draws.append(pa.table(columns, schema=TABLES["splits"].schema))
    return pa.concat_tables(draws)


def parts_of(splits: pa.Table, protocol: str) -> dict[str, str]:
    """item_id -> part in the first draw of a protocol; empty where there is none."""
    rows = splits.filter(pc.and_(pc.equal(splits["protocol"], protocol), pc.equal(splits["draw"], 0)))
    return dict(zip(rows["item_id"].to_pylist(), rows["part"].to_pylist(), strict=True))


_LABELLED = TABLES["splits"].schema.field("labelled").type


def _retrieval(gestures: pa.Table, parts: Mapping[str, str], seed: int) -> Iterator[Row]:
    """Test's gestures ask, train's answer; a class that the gallery lacks is not asked for."""
    of_part: dict[str, dict[str, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for row in gestures.select(["gesture_id", "player_id", "label"]).sort_by("gesture_id").to_pylist():
        of_part[parts.get(row["player_id"], "")][row["label"]].append((row["gesture_id"], row["player_id"]))
    random = np.random.default_rng([seed, 2])
    queries = []
    for label, some in sorted(of_part["test"].items()):
        picked = random.permutation(len(some))[:_QUERIES]
        queries += [some[i] for i in picked] if label in of_part["train"] else []
    if queries:
        for item, person in (one for some in of_part["train"].values() for one in some):
            yield _row(RETRIEVAL, "gesture", item, person, "gallery")
        for item, person in queries:
            yield _row(RETRIEVAL, "gesture", item, person, "query")


def _emotion(tables: Mapping[str, pa.Table], parts: Mapping[str, str], seed: int) -> Iterator[Row]:
    """Videos that have a clip, won and lost in equal numbers in each part; nothing where train or test lacks either."""
    cut = set(tables["clips"]["video_id"].to_pylist())
    ended: dict[str, list[Row]] = {part: [] for part in sorted(set(parts.values()))}
    for row in tables["videos"].select(["video_id", "player_id", "outcome"]).sort_by("video_id").to_pylist():
        if row["outcome"] in ("win", "lose") and row["video_id"] in cut and row["player_id"] in parts:
            ended[parts[row["player_id"]]].append(row)
    random = np.random.default_rng([seed, 3])
    balanced = {part: _balanced(rows, random) for part, rows in ended.items()}
    if balanced.get("train") and balanced.get("test"):
        for part, rows in balanced.items():
            for row in rows:
                yield _row(EMOTION, "video", row["video_id"], row["player_id"], part)


def _balanced(videos: list[Row], random: np.random.Generator) -> list[Row]:
    """As many won as lost. What is left out is of people with more of that outcome than the other, for else a model that
    knows the person knows the outcome."""
    counts = Counter(row["outcome"] for row in videos)
    if len(counts) < 2:
        return []
    (most, many), (least, few) = counts.most_common()
    of_person = Counter((row["player_id"], row["outcome"]) for row in videos)
    kept = [videos[i] for i in random.permutation(len(videos))]
    for _ in range(many - few):
        surplus = [
            of_person[row["player_id"], most] - of_person[row["player_id"], least]
            if row["outcome"] == most
            else -np.inf
            for row in kept
        ]
        gone = kept.pop(int(np.argmax(surplus)))
        of_person[gone["player_id"], most] -= 1
    return kept


def _spotting(tables: Mapping[str, pa.Table], parts: Mapping[str, str]) -> Iterator[Row]:
    """Clips that annotators judged, those without a gesture included: whatever is found there is right or wrong."""
    said = tables["annotations"]
    judged = set(said.filter(pc.not_equal(said["verdict"], "unusable"))["clip_id"].to_pylist())
    judged |= set(tables["gestures"]["clip_id"].to_pylist())
    for row in tables["clips"].select(["clip_id", "player_id"]).to_pylist():
        if row["clip_id"] in judged and row["player_id"] in parts:
            yield _row(SPOTTING, "clip", row["clip_id"], row["player_id"], parts[row["player_id"]])


def _row(protocol: str, unit: str, item: str, person: str, part: str) -> Row:
    place = {"protocol": protocol, "draw": 0, "unit": unit, "item_id": item}
    return {**place, "player_id": person, "part": part, "labelled": []}


def _rank_in_class(
    labels: npt.NDArray[Any], train: npt.NDArray[np.bool_], random: np.random.Generator
) -> npt.NDArray[Any]:
    """Each train gesture's place in a random order of its class, as a share from 0; the first of a class is always 0."""
    share = np.ones(len(labels))
    for label in np.unique(labels[train]):
        members = np.flatnonzero(train & (labels == label))
        share[random.permutation(members)] = np.arange(len(members)) / len(members)
    return share
