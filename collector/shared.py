"""Which stretches of a recording are shown by another one as well.

Hashes of moments (`collector.movement`) say where to look: two recordings whose moments meet in Hamming distance at one offset
several times. Then their curves are laid over each other at that offset, and compared block by block, in windows of some
seconds: a stretch is shared where most blocks change alike, not only a board with adverts, or a banner, that two takes have in
common.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from collector.movement import BLOCKS, RATE, STEP, Floats

__all__ = ["Moments", "Run", "beyond_chance", "find_candidates", "shared_runs"]

_BANDS, _BAND_BITS = 6, 10  # of a hash; two are compared where they have one of these parts in common
_NEAR = 16  # bits; hashes of moments that have nothing to do with each other differ in 32 +- 5
_SLACK = 2  # samples by which offsets of one alignment may differ
_VOTES = 2  # moments that must meet at an offset
_OFFSETS = 8  # at most so many offsets of a pair are looked at, those with most votes

_WINDOW = 8 * RATE
_HOP = RATE
_DISAGREEING = 3  # of a window's nine blocks may disagree: those behind a logo, a clock, a banner
_ALIKE = 0.3  # correlation of a block's changes
_EVIDENCE = 2.5  # seconds, each weighed by how far its agreement is above that
_BEYOND_CHANCE = 6.0  # standard deviations: once in a billion, and thousands of recordings meet at millions of offsets

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Moments:
    """The moments of many recordings.

    Attributes:
        owner: (moments,) index of the recording; ascending.
        at: (moments,) its sample.
        hashes: (moments,) its 64 bits.
    """

    owner: npt.NDArray[np.int32]
    at: npt.NDArray[np.int32]
    hashes: npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Run:
    """A stretch `[start, end)` of one recording, in samples, that the other shows `offset` samples later.

    Attributes:
        agreement: mean over its windows of how the blocks' changes correlate, 0 to 1.
    """

    start: int
    end: int
    offset: int
    agreement: float


def find_candidates(moments: Moments) -> Iterator[tuple[int, int, list[int]]]:
    """Pairs of recordings that may share something, and at which offsets, in samples of the second less the first.

    Every pair comes once, with the smaller index first. Memory grows with the number of moments, not of pairs.
    """
    bands = [_Band(moments.hashes, band) for band in range(_BANDS)]
    ends = np.flatnonzero(np.diff(moments.owner, append=-1)) + 1
    start = 0
    for end in ends:
        mine = slice(start, int(end))
        owner = int(moments.owner[start])
        start = int(end)
        seeds = np.unique(np.concatenate([band.meets(moments.hashes[mine], start) for band in bands]), axis=0)
        if not len(seeds):
            continue
        one, other = moments.at[mine][seeds[:, 0]], seeds[:, 1]
        yield from _vote(owner, moments.owner[other], moments.at[other].astype(np.int64) - one)


class _Band:
    """Some bits of every hash, sorted, so that those with equal bits lie together."""

    def __init__(self, hashes: npt.NDArray[np.uint64], band: int) -> None:
        self.hashes = hashes
        self.shift = np.uint64(band * _BAND_BITS)
        keys = self.keys(hashes)
        self.order = np.argsort(keys, kind="stable")
        self.first = np.searchsorted(keys[self.order], np.arange(2**_BAND_BITS + 1))

    def keys(self, hashes: npt.NDArray[np.uint64]) -> Ints:
        return ((hashes >> self.shift) & np.uint64(2**_BAND_BITS - 1)).astype(np.int64)

    def meets(self, hashes: npt.NDArray[np.uint64], after: int) -> Ints:
        """(n, 2) pairs (index among `hashes`, index among all, from `after` on) that are near each other."""
        keys = self.keys(hashes)
        lengths = self.first[keys + 1] - self.first[keys]
        asked = np.repeat(np.arange(len(hashes)), lengths)
        within = np.arange(len(asked)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        found = self.order[self.first[keys][asked] + within]
        later = found >= after
        asked, found = asked[later], found[later]
        near = np.bitwise_count(hashes[asked] ^ self.hashes[found]) <= _NEAR
        return np.stack([asked[near], found[near]], axis=1)


def _vote(owner: int, others: npt.NDArray[np.int32], offsets: Ints) -> Iterator[tuple[int, int, list[int]]]:
    order = np.lexsort((offsets, others))
    others, offsets = others[order], offsets[order]
    # One number a vote, recordings far apart, so that a sorted search counts the votes near each.
    places = others.astype(np.int64) * 2**32 + offsets
    votes = np.searchsorted(places, places + _SLACK, "right") - np.searchsorted(places, places - _SLACK, "left")
    enough = votes >= _VOTES
    for other in np.unique(others[enough]):
        mine = enough & (others == other)
        chosen: list[int] = []
        for index in np.argsort(-votes[mine], kind="stable"):
            offset = int(offsets[mine][index])
            if all(abs(offset - known) > RATE for known in chosen):
                chosen.append(offset)
            if len(chosen) == _OFFSETS:
                break
        yield owner, int(other), chosen


def shared_runs(one: Floats, other: Floats, offsets: Sequence[int]) -> list[Run]:
    """Stretches of `one` that `other` shows too, at one of the offsets or near it, in order; none overlaps another.

    Args:
        one, other: their changes, as `collector.movement.changes` gives them.
        offsets: samples by which `other` may show things later.
    """
    found: list[Run] = []
    for about in offsets:
        laid = [_lay_over(one, other, offset) for offset in range(about - _SLACK, about + _SLACK + 1)]
        best = max(laid, key=_LaidOver.promise)
        if best.promise() >= _ALIKE:
            found += best.runs()
    kept: list[Run] = []
    for run in sorted(found, key=lambda run: run.start - run.end):
        if all(run.end <= known.start or run.start >= known.end for known in kept):
            kept.append(run)
    return sorted(kept, key=lambda run: run.start)


@dataclass(frozen=True)
class _LaidOver:
    """Two recordings laid over each other at an offset.

    Attributes:
        start: the first sample of the one that lies over the other.
        one, other: (samples, 9) their changes there.
    """

    start: int
    offset: int
    one: Floats
    other: Floats

    @property
    def window(self) -> int:
        return min(_WINDOW, len(self.one))

    def promise(self) -> float:
        """The best of some windows, by all their blocks together: quick to tell, and never far below what `alike` says."""
        windows = len(self.one) // max(self.window, 1)
        if not windows:
            return -1.0
        one, other = (
            part[: windows * self.window].reshape(windows, self.window * BLOCKS) for part in (self.one, self.other)
        )
        both, *sizes = (np.einsum("ij,ij->i", a, b) for a, b in ((one, other), (one, one), (other, other)))
        return float((both / np.maximum(np.sqrt(sizes[0] * sizes[1]), 1e-6)).max())

    def alike(self) -> npt.NDArray[np.float64]:
        """(windows,) the correlation that all blocks but three reach or exceed; 0 where nothing moves."""
        starts = np.arange(0, len(self.one) - self.window + 1, _HOP)

        def mean(values: Floats) -> npt.NDArray[np.float64]:
            sums = np.concatenate([np.zeros((1, BLOCKS)), np.cumsum(values, axis=0, dtype=np.float64)])
            return np.asarray((sums[starts + self.window] - sums[starts]) / self.window)

        one, other = mean(self.one), mean(self.other)
        spread = (mean(self.one**2) - one**2) * (mean(self.other**2) - other**2)
        correlation = (mean(self.one * self.other) - one * other) / np.sqrt(np.maximum(spread, 1e-9))
        return np.asarray(np.sort(correlation, axis=1)[:, _DISAGREEING])

    def runs(self) -> list[Run]:
        """Stretches in which the blocks are alike."""
        alike = self.alike()
        # A window passes when about half of it is shared. So a stretch begins in the middle of its first one, unless that is
        # the first of all, which can't reach out on that side.
        middle = self.window // 2
        found = [
            Run(
                self.start + (start * _HOP + middle if start else 0),
                self.start + ((end - 1) * _HOP + middle if end < len(alike) else len(self.one) + STEP),
                self.offset,
                float(alike[start:end].mean()),
            )
            for start, end in _rising(alike - _ALIKE)
            if float((alike[start:end] - _ALIKE).sum()) >= _EVIDENCE
        ]
        return [run for run in found if self._beyond_chance(run) >= _BEYOND_CHANCE]

    def _beyond_chance(self, run: Run) -> float:
        part = slice(run.start - self.start, run.end - self.start)
        return beyond_chance(self.one[part], self.other[part])


def beyond_chance(one: Floats, other: Floats) -> float:
    """How far the blocks' mean correlation is from 0, in standard deviations of what unrelated movement gives.

    Of two series with autocorrelations r and s, one sample in 1 + 2 (r1 s1 + r2 s2 + ...) is independent (Bartlett, 1946): slow
    movement agrees more easily. Blocks that see the same arm count for as little: of blocks with correlations R in one
    recording and S in the other, the mean correlation has the variance of blocks² / sum(R S) independent ones.

    Args:
        one, other: (samples, 9) changes of two recordings, laid over each other.
    """
    one, other = _standard(one), _standard(other)
    samples = len(one) / (1 + 2 * float((_memory(one) * _memory(other)).sum()))
    alike = float((one.T @ one / len(one) * (other.T @ other / len(other))).sum())
    return float((one * other).mean()) * float(np.sqrt(samples * BLOCKS**2 / max(alike, 1.0)))


def _standard(moved: Floats) -> Floats:
    """Each block's changes with mean 0 and deviation 1; those of one that doesn't move are 0."""
    moved = moved - moved.mean(axis=0)
    return np.asarray(moved / np.sqrt(np.maximum((moved**2).mean(axis=0), 1e-9)), np.float32)


def _memory(moved: Floats) -> npt.NDArray[np.float64]:
    """Autocorrelations of standard changes over the next second and a half, mean over the blocks; those below 0 as 0."""
    lags = range(1, min(3 * RATE // 2, len(moved) - 1) + 1)
    return np.maximum(0.0, [float((moved[lag:] * moved[:-lag]).mean()) for lag in lags])


def _lay_over(one: Floats, other: Floats, offset: int) -> _LaidOver:
    start = max(0, -offset)
    end = max(start, min(len(one), len(other) - offset))
    return _LaidOver(start, offset, one[start:end], other[start + offset : end + offset])


def _rising(gains: npt.NDArray[np.float64]) -> list[tuple[int, int]]:
    """The stretches `[start, end)` with the largest sums, one after another, as long as a sum is above 0."""
    found: list[tuple[int, int]] = []
    rest = [(0, len(gains))]
    while rest:
        low, high = rest.pop()
        if low >= high:
            continue
        sums = np.concatenate([[0.0], np.cumsum(gains[low:high])])
        rise = sums[1:] - np.minimum.accumulate(sums[:-1])
        end = int(rise.argmax()) + 1
        if rise[end - 1] <= 0:
            continue
        start = int(sums[:end].argmin())
        found.append((low + start, low + end))
        rest += [(low, low + start), (low + end, high)]
    return sorted(found)
