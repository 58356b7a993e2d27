"""Gestures of neighbouring windows, joined by hand."""

from __future__ import annotations

from annotate.agreed import AgreedGesture, stitched
from annotate.stretches import Stretch

# Both show frames 900 to 999.
FIRST, SECOND = Stretch("c", 0, 1000, whole=False), Stretch("c", 900, 1900, whole=False)


def gesture(start: int, end: int, label: str = "head_up", agreement: float = 1.0) -> AgreedGesture:
    return AgreedGesture(start, end, label, None, ("A01", "A02"), agreement, looked=2)


def frames(first: list[AgreedGesture], second: list[AgreedGesture]) -> list[tuple[int, int, str]]:
    return [(g.start, g.end, g.label) for g in stitched([(SECOND, second), (FIRST, first)], tiou=0.5)]


def test_outside_the_overlap_all_stay():
    first, second = [gesture(10, 20), gesture(880, 900)], [gesture(1000, 1020)]
    assert frames(first, second) == [(10, 20, "head_up"), (880, 900, "head_up"), (1000, 1020, "head_up")]


def test_what_both_saw_stands_once_as_more_agree():
    assert frames([gesture(920, 940, agreement=0.5)], [gesture(922, 941)]) == [(922, 941, "head_up")]
    assert frames([gesture(920, 940)], [gesture(922, 941, "moving_torso", 0.5)]) == [(920, 940, "head_up")]


def test_what_a_border_cuts_is_put_together():
    assert frames([gesture(850, 1000)], [gesture(900, 1100)]) == [(850, 1100, "head_up")]  # cut in both
    assert frames([gesture(960, 1000)], [gesture(961, 1030)]) == [(961, 1030, "head_up")]  # in the first only
    assert frames([gesture(870, 950)], [gesture(900, 949)]) == [(870, 950, "head_up")]  # in the second only


def test_what_one_saw_counts_in_its_own_half_of_the_overlap():
    assert frames([gesture(910, 930)], []) == [(910, 930, "head_up")]
    assert frames([gesture(960, 980)], []) == []
    assert frames([], [gesture(960, 980)]) == [(960, 980, "head_up")]
    assert frames([], [gesture(910, 930)]) == []


def test_windows_that_do_not_meet_and_a_single_one():
    apart = Stretch("c", 2000, 3000, whole=False)
    found = stitched([(FIRST, [gesture(990, 1000)]), (apart, [gesture(2000, 2010)])], tiou=0.5)
    assert [g.start for g in found] == [990, 2000]
    assert stitched([(FIRST, [gesture(5, 9)])], tiou=0.5) == [gesture(5, 9)]
