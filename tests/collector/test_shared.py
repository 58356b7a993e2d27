"""Stretches that recordings share, found where they were put, and none where there is none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter1d

from collector.movement import RATE, Floats, changes, hash_moments
from collector.shared import Moments, Run, beyond_chance, find_candidates, shared_runs


def _movement(seed: int, seconds: int = 120) -> Floats:
    """Curves of somebody who moves now more, now less."""
    rng = np.random.default_rng(seed)
    steps = gaussian_filter1d(rng.normal(0, 1, (seconds * RATE, 9)), 1.0, axis=0)
    lively = np.abs(gaussian_filter1d(rng.normal(0, 8, (seconds * RATE, 1)), RATE, axis=0)) + 0.3
    return np.asarray(100 + np.cumsum(steps * lively, axis=0), np.float32)


def _moments(recordings: list[Floats]) -> Moments:
    parts = [hash_moments(curves) for curves in recordings]
    owner: npt.NDArray[np.int32] = np.repeat(np.arange(len(parts), dtype=np.int32), [len(at) for at, _ in parts])
    return Moments(owner, np.concatenate([at for at, _ in parts]), np.concatenate([hashes for _, hashes in parts]))


def _found(recordings: list[Floats]) -> dict[tuple[int, int], list[Run]]:
    found = {}
    for one, other, offsets in find_candidates(_moments(recordings)):
        if runs := shared_runs(changes(recordings[one]), changes(recordings[other]), offsets):
            found[one, other] = runs
    return found


def test_an_excerpt_is_found_at_its_place_among_others() -> None:
    rng = np.random.default_rng(1)
    whole = _movement(1)
    part = whole[400:700] * 0.8 + 30 + rng.normal(0, 0.3, (300, 9)).astype(np.float32)
    others = [_movement(seed) for seed in range(2, 12)]
    [(pair, [run])] = _found([*others, whole, part]).items()
    assert pair == (10, 11)
    assert run.offset == -400
    assert (run.start, run.end) == (pytest.approx(400, abs=RATE), pytest.approx(700, abs=RATE))
    assert run.agreement > 0.8


def test_a_recording_that_was_cut_together_anew() -> None:
    """Two stretches, in another order and with something else between: two runs, each with its offset."""
    whole = _movement(3)
    edited = np.concatenate([whole[600:900], _movement(4, 20), whole[100:350]])
    [(pair, runs)] = _found([whole, edited]).items()
    assert pair == (0, 1)
    assert [run.offset for run in runs] == [300 + 160 - 100, -600]
    assert [run.start for run in runs] == [pytest.approx(100, abs=2 * RATE), pytest.approx(600, abs=2 * RATE)]


def test_a_moving_board_that_two_takes_share_is_not_enough() -> None:
    board, one, other = _movement(5), _movement(6), _movement(7)
    for take in (one, other):
        take[:, :3] = board[:, :3] * 5  # the upper third, and much livelier than who sits below
    assert _found([one, other]) == {}


def test_a_banner_over_a_copy_does_not_hide_it() -> None:
    one, banner = _movement(8), _movement(9)
    copy = one.copy()
    copy[:, 6:] = banner[:, 6:]
    [[run]] = _found([one, copy]).values()
    assert (run.start, run.offset) == (0, 0)


def test_memory_of_votes_is_per_recording_and_pairs_come_once() -> None:
    one = _movement(10)
    pairs = [(a, b) for a, b, _ in find_candidates(_moments([one, one, one]))]
    assert pairs == [(0, 1), (0, 2), (1, 2)]
    assert list(find_candidates(_moments([np.zeros((0, 9), np.float32)]))) == []


@pytest.mark.parametrize("sources", [1, 3, 9])
@pytest.mark.parametrize("smooth", [0.5, 1.5])
def test_agreement_by_chance_is_measured_in_its_own_deviations(sources: int, smooth: float) -> None:
    """Whatever the pace, and however few limbs the nine blocks see: unrelated movement is 0 ± 1, and it is never linked."""
    rng = np.random.default_rng(3)

    def moved() -> Floats:
        limbs = gaussian_filter1d(rng.normal(size=(160, sources)), smooth, axis=0)
        return np.asarray(limbs[:, np.arange(9) % sources], np.float32)

    found = np.array([beyond_chance(moved(), moved()) for _ in range(400)])
    assert abs(found.mean()) < 0.2
    assert found.std() == pytest.approx(1.0, abs=0.25)
    same = moved()
    assert beyond_chance(same, same) > 6
