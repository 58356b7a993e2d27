"""Many videos behind moody links, and kills at random moments, by the real command; the full size is run by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.speed.fetch_scale import simulate

# How the links of the first numbers behave was counted from `kind_of`: of 150, say, 4 are dead, 2 return, 2 are private and
# 3 throttled; what is slow, broken or busy is got all the same.
SIZES = {
    ("local", 150): [
        {"gone": 6, "ok": 139, "private": 2, "throttled": 3},
        {"gone": 4, "ok": 141, "private": 2, "throttled": 3},
    ],
    ("ray", 60): [{"gone": 3, "ok": 55, "throttled": 2}, {"gone": 2, "ok": 56, "throttled": 2}],
}


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "videos"), SIZES)
def test_the_counts_are_those_that_the_links_imply(tmp_path: Path, engine: str, videos: int) -> None:
    report = simulate(tmp_path, videos, engine=engine)
    assert report.counts == SIZES[engine, videos]
    assert report.as_expected


@pytest.mark.slow
def test_twenty_kills_lose_nothing_and_repeat_nothing_finished(tmp_path: Path) -> None:
    report = simulate(tmp_path, 100, kills=20)
    assert (report.lost, report.asked_again) == (0, 0)
    assert report.as_expected, report
