"""How far the people table keeps people apart from each other: k-anonymity (Sweeney, IJUFKS 2002), and what to coarsen.

A row is as anonymous as there are people with the same gender, country and year of birth in the table; k is the smallest such
number. It speaks of the table alone: the links lead to recordings in which everybody can be recognised, so a high k makes a
table harder to join with others, and nobody anonymous.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pyarrow as pa

from manifests.errors import BadInput
from manifests.tables import Row

__all__ = ["ENOUGH", "QUASI_IDENTIFIERS", "Anonymity", "Coarsening", "anonymity_of", "coarsened", "parse_coarsening"]

QUASI_IDENTIFIERS = ("gender", "country", "birth_year")
ENOUGH = 5  # people alike, from which a row is commonly held to be safe (El Emam and Dankar, JAMIA 2008)

# From fine to coarse; a year of birth becomes the first of its five or ten.
_STEPS: dict[str, tuple[tuple[str, Callable[[Any], Any]], ...]] = {
    "gender": (("kept", lambda value: value), ("left out", lambda _: None)),
    "country": (("kept", lambda value: value), ("left out", lambda _: None)),
    "birth_year": (
        ("kept", lambda value: value),
        ("by 5 years", lambda value: None if value is None else value // 5 * 5),
        ("by 10 years", lambda value: None if value is None else value // 10 * 10),
        ("left out", lambda _: None),
    ),
}


@dataclass(frozen=True)
class Coarsening:
    """One way to say less of people.

    Attributes:
        steps: what becomes of each quasi-identifier: kept, by 5 years, by 10 years, left out.
        k: the smallest number of people alike then.
        below: how many people would still have fewer than `ENOUGH` like them.
    """

    steps: dict[str, str]
    k: int
    below: int

    def __str__(self) -> str:
        changed = [f"{name.replace('_', ' ')} {step}" for name, step in self.steps.items() if step != "kept"]
        return f"{', '.join(changed) or 'all kept'}: k = {self.k}, {self.below} people below {ENOUGH}"


@dataclass(frozen=True)
class Anonymity:
    """What the people table gives away.

    Attributes:
        people: how many rows.
        k: people alike in gender, country and year of birth, in the smallest group; 0 without people.
        below: player_id of those in groups smaller than `ENOUGH`.
        alone: player_id of those who are like nobody else.
        single: k of each quasi-identifier by itself.
        coarsenings: the ways that bring k to `ENOUGH` and say as much as can be; no other way says more of anything and less of
            nothing. Empty where none is needed, or none helps (fewer people than that).
    """

    people: int
    k: int
    below: tuple[str, ...]
    alone: tuple[str, ...]
    single: dict[str, int]
    coarsenings: tuple[Coarsening, ...]

    def __str__(self) -> str:
        if not self.people:
            return "nobody is in it"
        return (
            f"k = {self.k} over {', '.join(name.replace('_', ' ') for name in QUASI_IDENTIFIERS)}; {len(self.below)} of "
            f"{self.people} people have fewer than {ENOUGH} like them, {len(self.alone)} are alone"
        )


def anonymity_of(players: pa.Table) -> Anonymity:
    """Count who is like whom.

    Args:
        players: the players table as it is released. What is not known is a value like any other.
    """
    rows = players.select(["player_id", *QUASI_IDENTIFIERS]).to_pylist()
    if not rows:
        return Anonymity(0, 0, (), (), {}, ())
    kept = dict.fromkeys(QUASI_IDENTIFIERS, 0)
    sizes = _sizes(rows, kept)
    return Anonymity(
        len(rows),
        min(sizes),
        tuple(row["player_id"] for row, size in zip(rows, sizes, strict=True) if size < ENOUGH),
        tuple(row["player_id"] for row, size in zip(rows, sizes, strict=True) if size == 1),
        {name: min(Counter(row[name] for row in rows).values()) for name in QUASI_IDENTIFIERS},
        _coarsenings(rows) if min(sizes) < ENOUGH else (),
    )


def parse_coarsening(said: Sequence[str]) -> dict[str, str]:
    """Read the values of `--coarsen`: gender, country or birth_year alone is left out; birth_year:5 and birth_year:10.

    Raises:
        BadInput: something else stands there, or one of them twice.
    """
    known = {name: {"": "left out"} for name in QUASI_IDENTIFIERS}
    known["birth_year"] |= {"5": "by 5 years", "10": "by 10 years"}
    steps: dict[str, str] = {}
    for one in said:
        name, _, way = one.partition(":")
        if name in steps or way not in known.get(name, {}):
            raise BadInput(
                f"--coarsen {one}: write gender, country or birth_year, which are left out then, or birth_year:5 or birth_year:10; "
                "each once."
            )
        steps[name] = known[name][way]
    return steps


def coarsened(players: pa.Table, steps: Mapping[str, str]) -> pa.Table:
    """The players table with less said of people.

    Args:
        steps: quasi-identifier -> kept, left out or, for birth_year, by 5 years or by 10 years.
    """
    for name, step in steps.items():
        change = dict(_STEPS[name])[step]
        field = players.schema.field(name)
        values = pa.array([change(value) for value in players[name].to_pylist()], field.type)
        players = players.set_column(players.schema.get_field_index(name), field, values)
    return players


def _sizes(rows: list[Row], levels: dict[str, int]) -> list[int]:
    """How many people are like each, with every quasi-identifier coarsened to a level."""
    said = [tuple(_STEPS[name][level][1](row[name]) for name, level in levels.items()) for row in rows]
    counts = Counter(said)
    return [counts[one] for one in said]


def _coarsenings(rows: list[Row]) -> tuple[Coarsening, ...]:
    ways = [
        dict(zip(QUASI_IDENTIFIERS, levels, strict=True))
        for levels in product(*(range(len(_STEPS[name])) for name in QUASI_IDENTIFIERS))
    ]
    enough = [way for way in ways if min(_sizes(rows, way)) >= ENOUGH]
    best = [
        way
        for way in enough
        if not any(other != way and all(other[name] <= way[name] for name in way) for other in enough)
    ]
    return tuple(
        Coarsening(
            {name: _STEPS[name][level][0] for name, level in way.items()},
            min(sizes := _sizes(rows, way)),
            sum(size < ENOUGH for size in sizes),
        )
        for way in best
    )
