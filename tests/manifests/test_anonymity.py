"""Who is like whom in the people table, counted by hand."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifests.anonymity import ENOUGH, QUASI_IDENTIFIERS, anonymity_of, coarsened, parse_coarsening
from manifests.errors import BadInput
from manifests.tables import TABLES, from_rows
from tests.manifests import samples


def _players(*people: tuple[str | None, str | None, int | None]):
    rows = [
        samples.player(f"P{i:04d}", gender=gender, country=country, birth_year=year)
        for i, (gender, country, year) in enumerate(people)
    ]
    return from_rows(TABLES["players"], rows)


def test_by_hand():
    # Six women of Spain born in 1998, of whom one is of 1991, and one man whose country nobody knows.
    found = anonymity_of(_players(*[("f", "ESP", 1998)] * 5, ("f", "ESP", 1991), ("m", None, 1998)))
    assert (found.k, found.below, found.alone) == (1, ("P0005", "P0006"), ("P0005", "P0006"))
    assert found.single == {"gender": 1, "country": 1, "birth_year": 1}
    # The man stands out by gender and by country, so both go; the decade of birth may stay.
    (way,) = found.coarsenings
    assert way.steps == {"gender": "left out", "country": "left out", "birth_year": "by 10 years"}
    assert (way.k, way.below) == (7, 0)
    assert str(way) == "gender left out, country left out, birth year by 10 years: k = 7, 0 people below 5"
    assert str(found) == (
        "k = 1 over gender, country, birth year; 2 of 7 people have fewer than 5 like them, 2 are alone"
    )


def test_there_may_be_several_ways():
    # Five and five, apart by gender and by five years of birth alike: either of them may go.
    found = anonymity_of(_players(*[("f", "ESP", 1990)] * 3, *[("m", "ESP", 1990)] * 3))
    assert found.k == 3
    assert [way.steps["gender"] for way in found.coarsenings] == ["left out"]
    two = anonymity_of(_players(*[("f", "ESP", 1990 + i) for i in range(5)], *[("m", "SWE", 1990)] * 5))
    assert [way.steps["birth_year"] for way in two.coarsenings] == ["by 5 years"]


def test_where_nothing_is_needed_or_nothing_helps():
    assert anonymity_of(_players(*[("f", "ESP", 1990)] * 5)).coarsenings == ()
    few = anonymity_of(_players(("f", "ESP", 1990), ("f", "ESP", 1990)))
    assert (few.k, few.coarsenings) == (2, ())
    assert str(anonymity_of(_players())) == "nobody is in it"


def test_coarsening_says_less():
    players = coarsened(
        _players(("f", "ESP", 1998), ("m", None, None)), {"birth_year": "by 5 years", "country": "left out"}
    )
    assert players["birth_year"].to_pylist() == [1995, None]
    assert players["country"].to_pylist() == [None, None]
    assert players["gender"].to_pylist() == ["f", "m"]
    assert players.schema.equals(TABLES["players"].schema)


def test_what_to_coarsen_is_read():
    assert parse_coarsening(["country", "birth_year:10"]) == {"country": "left out", "birth_year": "by 10 years"}
    for wrong in (["name"], ["birth_year:7"], ["gender", "gender"], ["country:5"]):
        with pytest.raises(BadInput, match=f"--coarsen {wrong[-1]}: write gender"):
            parse_coarsening(wrong)


people = st.lists(
    st.tuples(st.sampled_from(["f", "m", None]), st.sampled_from(["ESP", "SWE"]), st.integers(1985, 2000)), max_size=30
)


@given(people)
def test_every_way_that_is_named_is_enough_and_none_finer_is(some: list[tuple[str | None, str, int]]):
    players = _players(*some)
    found = anonymity_of(players)
    for way in found.coarsenings:
        again = anonymity_of(coarsened(players, way.steps))
        assert again.k == way.k >= ENOUGH
        assert way.below == 0
    order = ("kept", "by 5 years", "by 10 years", "left out")
    for one, other in product(found.coarsenings, repeat=2):
        if one != other:
            finer = [order.index(one.steps[name]) < order.index(other.steps[name]) for name in QUASI_IDENTIFIERS]
            assert any(finer), "neither says more than the other of everything"
