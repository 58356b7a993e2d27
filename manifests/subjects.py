"""Who is learned from and who is tested: subject lists that somebody gives, or that are drawn balanced.

The draw minimises `imbalance`: how far train and test differ in the people's gender and country, in the outcome of their
videos, in the mix of classes, and in size from what was wished. Of few people it looks at all divisions; of many it searches by
simulated annealing (Kirkpatrick, Gelatt and Vecchi, Science 1983), of which a step moves one person or swaps two.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from manifests.sheets import bad_rows, read_sheet

__all__ = ["PARTS", "TEST_SHARE", "draw_people", "imbalance", "read_subjects"]

PARTS = ("train", "val", "test")
TEST_SHARE = 0.4
_FEW = 10  # people up to whom all divisions are looked at
_STEPS = 12_000
_STARTS = 50
_HOT, _COLD = 0.2, 0.0002  # of an imbalance that is 0 at best and hardly above 1
_IMPOSSIBLE = 1e6
_UNKNOWN = "not known"

_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]


def draw_people(
    gestures: pa.Table,
    players: pa.Table | None = None,
    videos: pa.Table | None = None,
    *,
    seed: int = 0,
    test_share: float = TEST_SHARE,
) -> dict[str, str]:
    """Divide people into train and test.

    Args:
        gestures: the gestures table.
        players: their genders and countries; not looked at unless given.
        videos: their outcomes; likewise. People with a video won or lost and no gesture are divided too.
        seed: of the search.
        test_share: wished share of people, and of gestures, in test.

    Returns:
        player_id -> train or test, each with somebody who has gestures; empty where fewer than two people have any.
    """
    counts = _counts(gestures, players, videos)
    if (counts.of("gestures") > 0).sum() < 2:
        return {}
    few = len(counts.people) <= _FEW
    chosen = _best(counts, test_share) if few else _anneal(counts, test_share, np.random.default_rng([seed, 0]))
    return {person: "test" if test else "train" for person, test in zip(counts.people, chosen.tolist(), strict=True)}


def imbalance(
    gestures: pa.Table,
    players: pa.Table | None,
    videos: pa.Table | None,
    parts: Mapping[str, str],
    *,
    test_share: float = TEST_SHARE,
) -> dict[str, float]:
    """How far train and test of a division differ, by attribute; `draw_people` minimises the sum.

    Returns:
        gender, country, outcome, class: total variation between the two sides' shares, 0 (alike) to 1, over people, people,
        videos and gestures. people, gestures: distance of test's share from the wished one. lost_classes: share of the
        classes that several people have and train or test lacks, and of those of one person that train lacks.
    """
    counts = _counts(gestures, players, videos).only(parts.keys())
    test = np.array([parts[person] == "test" for person in counts.people], dtype=bool)
    return dict(zip(_TERMS, np.round(_terms(counts, test, test_share), 6).tolist(), strict=True))


def read_subjects(path: Path, known: Set[str], left_out: Set[str] = frozenset()) -> dict[str, str]:
    """Read a list of who is in which part: a CSV with the columns player_id and part.

    Args:
        known: the people of the release.
        left_out: people whom the dataset knows and the release leaves out; their rows are passed over.

    Raises:
        BadInput: rows are wrong, or train or test is empty; one message names all of them.
    """
    sheet = read_sheet(path, ("player_id", "part"), ("player_id", "part"), nothing="nothing was built")
    parts: dict[str, str] = {}
    seen: dict[str, int] = {}
    problems = []
    for row in sheet.rows:
        cells = sheet.named(row)
        person, part = cells["player_id"], cells["part"].lower()
        if person in seen:
            problems.append((row.number, f"column player_id: {person} stands in row {seen[person]} already."))
        elif part not in PARTS:
            problems.append((row.number, f'column part: "{cells["part"]}" is none of {", ".join(PARTS)}.'))
        elif person not in known and person not in left_out:
            problems.append((row.number, f'column player_id: nobody in the dataset is called "{person}".'))
        elif person in known:
            parts[person] = part
        seen.setdefault(person, row.number)
    if not problems:
        for part in ("train", "test"):
            if part not in parts.values():
                problems.append((1, f"column part: nobody of the release is in {part}."))
    if problems:
        raise bad_rows(path, problems, nothing="nothing was built")
    return parts


_TERMS = ("gender", "country", "outcome", "class", "people", "gestures", "lost_classes")
_SHARED = ("gender", "country", "outcome", "class")


@dataclass(frozen=True)
class _Counts:
    """What each person adds to a side.

    Attributes:
        people: their ids.
        columns: (people, columns) counts, the columns of one attribute side by side.
        starts: first column of each attribute of `_SHARED`, then that of all gestures.
    """

    people: list[str]
    columns: _Floats
    starts: npt.NDArray[np.int64]

    def of(self, attribute: str) -> _Floats:
        """(people,) their counts of one attribute together."""
        i = (*_SHARED, "gestures").index(attribute)
        return np.asarray(self.columns[:, self.starts[i] : self.starts[i] + self.widths[i]].sum(axis=1))

    @cached_property
    def total(self) -> _Floats:
        """(columns,) of everybody."""
        return np.asarray(self.columns.sum(axis=0))

    @cached_property
    def widths(self) -> npt.NDArray[np.int64]:
        """Columns of each attribute."""
        return np.diff([*self.starts, self.columns.shape[1]])

    @cached_property
    def classes(self) -> slice:
        return slice(int(self.starts[3]), int(self.starts[4]))

    @cached_property
    def by_several(self) -> _Bools:
        """(classes,) whether more than one person has it."""
        return np.asarray((self.columns[:, self.classes] > 0).sum(axis=0) > 1)

    def only(self, people: Set[str]) -> _Counts:
        kept = [i for i, person in enumerate(self.people) if person in people]
        return _Counts([self.people[i] for i in kept], self.columns[kept], self.starts)


def _counts(gestures: pa.Table, players: pa.Table | None, videos: pa.Table | None) -> _Counts:
    marks = list(zip(gestures["player_id"].to_pylist(), gestures["label"].to_pylist(), strict=True))
    ended: list[tuple[str, str]] = []
    if videos is not None:
        ended = [
            (person, outcome)
            for person, outcome in zip(videos["player_id"].to_pylist(), videos["outcome"].to_pylist(), strict=True)
            if outcome in ("win", "lose")
        ]
    people = sorted({person for person, _ in (*marks, *ended)})
    told: dict[str, dict[str, str]] = {"gender": {}, "country": {}}
    if players is not None:
        for name, known in told.items():
            known.update(zip(players["player_id"].to_pylist(), players[name].to_pylist(), strict=True))
    blocks = [_table(people, [(person, known.get(person) or _UNKNOWN) for person in people]) for known in told.values()]
    blocks += [_table(people, ended), _table(people, marks)]
    blocks.append(blocks[-1].sum(axis=1, keepdims=True))
    starts = np.cumsum([0, *(block.shape[1] for block in blocks[:-1])])
    return _Counts(people, np.concatenate(blocks, axis=1), starts)


def _table(people: list[str], pairs: list[tuple[str, str]]) -> _Floats:
    """(people, values) how often each has each; one column at least."""
    rows = {person: i for i, person in enumerate(people)}
    columns = {value: i for i, value in enumerate(sorted({value for _, value in pairs}))}
    table = np.zeros((len(people), max(len(columns), 1)))
    for person, value in pairs:
        table[rows[person], columns[value]] += 1
    return table


def _terms(counts: _Counts, test: _Bools, test_share: float) -> _Floats:
    return _of_sums(counts, counts.columns[test].sum(axis=0), int(test.sum()), test_share)


def _of_sums(counts: _Counts, tested: _Floats, n_tested: int, test_share: float) -> _Floats:
    """The terms of the imbalance, given what test has in each column."""
    learned = counts.total - tested
    sums = [np.add.reduceat(side, counts.starts) for side in (tested, learned)]
    shares = [
        side / np.repeat(np.maximum(whole, 1), counts.widths)
        for side, whole in zip((tested, learned), sums, strict=True)
    ]
    apart = np.add.reduceat(np.abs(shares[0] - shares[1]), counts.starts)[:-1] / 2
    # A side without any video won or lost differs in outcome as much as can be.
    apart[(sums[0][:-1] > 0) != (sums[1][:-1] > 0)] = 1
    classes = counts.classes
    lost = (learned[classes] == 0) | (counts.by_several & (tested[classes] == 0))
    gestures = sums[0][-1] + sums[1][-1]
    wide = abs(n_tested / len(counts.people) - test_share)
    return np.array([*apart, wide, abs(sums[0][-1] / max(gestures, 1) - test_share), lost.mean()])


def _cost(counts: _Counts, tested: _Floats, n_tested: int, test_share: float) -> float:
    if not 0 < tested[-1] < counts.total[-1]:
        return _IMPOSSIBLE  # a side without a gesture
    # Rounded, so that two machines which sum in another order go the same way.
    return round(float(_of_sums(counts, tested, n_tested, test_share).sum()), 9)


def _best(counts: _Counts, test_share: float) -> _Bools:
    n = len(counts.people)
    sides = (np.arange(2**n)[:, None] >> np.arange(n)) % 2 == 1
    costs = [_cost(counts, counts.columns[side].sum(axis=0), int(side.sum()), test_share) for side in sides]
    return np.asarray(sides[int(np.argmin(costs))])


def _anneal(counts: _Counts, test_share: float, random: np.random.Generator) -> _Bools:
    n = len(counts.people)
    starts = [_random_side(counts, test_share, random) for _ in range(_STARTS)]
    costs = [_cost(counts, counts.columns[side].sum(axis=0), int(side.sum()), test_share) for side in starts]
    side, cost = starts[int(np.argmin(costs))].copy(), min(costs)
    best, best_cost = side.copy(), cost
    tested = counts.columns[side].sum(axis=0)
    heat = np.geomspace(_HOT, _COLD, _STEPS)
    picks, swaps, chances = random.integers(n, size=(_STEPS, 2)), random.random(_STEPS), random.random(_STEPS)
    for step in range(_STEPS):
        moved = [int(picks[step, 0])]
        other = int(picks[step, 1])
        if swaps[step] < 0.5 and side[other] != side[moved[0]]:
            moved.append(other)
        new = tested + sum((1 - 2 * int(side[i])) * counts.columns[i] for i in moved)
        n_new = int(side.sum()) + sum(1 - 2 * int(side[i]) for i in moved)
        new_cost = _cost(counts, new, n_new, test_share)
        if chances[step] < np.exp(min(0.0, (cost - new_cost) / heat[step])):
            side[moved], tested, cost = ~side[moved], new, new_cost
            if cost < best_cost:
                best, best_cost = side.copy(), cost
    return best


def _random_side(counts: _Counts, test_share: float, random: np.random.Generator) -> _Bools:
    """As many people, in a random order, as come nearest to the wished share of gestures; at least one on each side."""
    order = random.permutation(len(counts.people))
    gestures = counts.columns[order, -1]
    reached = np.cumsum(gestures)[:-1] / gestures.sum()
    side = np.zeros(len(order), dtype=bool)
    side[order[: int(np.argmin(np.abs(reached - test_share))) + 1]] = True
    return side
