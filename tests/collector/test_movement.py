"""Curves of pictures whose brightness is known, and hashes that know an angle from another."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from collector.movement import RATE, changes, hash_moments, read_curves
from tests.collector.pictures import Image, write_video


def _checks(levels: Sequence[int], size: int = 96) -> Image:
    """Nine blocks of these grey levels."""
    return np.kron(np.reshape(levels, (3, 3)), np.ones((size // 3, size // 3))).astype(np.uint8)[..., None].repeat(3, 2)


def test_a_curve_is_the_brightness_of_its_block(tmp_path: Path) -> None:
    levels = [40, 60, 80, 100, 120, 140, 160, 180, 200]
    film = write_video(tmp_path / "still.mp4", [_checks(levels)] * 25, Fraction(25))
    curves = read_curves(film)
    assert curves.shape == (RATE, 9)
    assert np.abs(curves - levels).max() < 4  # what conversion to yuv420p and back costs


def test_samples_lie_between_the_frames_of_a_varying_rate(tmp_path: Path) -> None:
    # Brightness is 50 + 60 t; one frame every 1/5 s for a second, then every 1/20 s. So sample k has 50 + 60 k / 8.
    times = [Fraction(n, 5) for n in range(5)] + [1 + Fraction(n, 20) for n in range(21)]
    images = [np.full((48, 64, 3), round(50 + 60 * time), np.uint8) for time in times]
    curves = read_curves(write_video(tmp_path / "vfr.mkv", images, times))
    expected = 50 + 60 * np.arange(2 * RATE + 1) / RATE
    assert np.abs(curves[: len(expected)] - expected[:, None]).max() < 4
    assert np.abs(np.diff(curves[: len(expected)], axis=0) - 60 / RATE).max() < 1.5


def test_black_bars_are_cut_away(tmp_path: Path) -> None:
    levels = [40, 60, 80, 100, 120, 140, 160, 180, 200]
    image = np.pad(_checks(levels), ((24, 24), (24, 24), (0, 0)))
    curves = read_curves(write_video(tmp_path / "boxed.mp4", [image] * 10, Fraction(25)))
    assert np.abs(curves - levels).max() < 6


def test_nothing_moves_nothing_is_hashed(tmp_path: Path) -> None:
    film = write_video(tmp_path / "still.mp4", [_checks([90] * 9)] * 150, Fraction(25))
    at, hashes = hash_moments(read_curves(film))
    assert len(at) == len(hashes) == 0


@pytest.mark.parametrize("samples", [0, 1, 2, 3, 20])
def test_a_recording_too_short_for_a_moment(samples: int) -> None:
    curves = np.random.default_rng(0).normal(100, 5, (samples, 9)).astype(np.float32)
    assert changes(curves).shape == (max(0, samples - 2), 9)
    assert len(hash_moments(curves)[0]) == 0


def test_hashes_of_the_same_are_near_and_of_others_half_way() -> None:
    rng = np.random.default_rng(0)
    one, other = np.cumsum(rng.normal(0, 1, (2, 60 * RATE, 9)), axis=1).astype(np.float32)
    noisy = one * 1.2 + 7 + rng.normal(0, 0.1, one.shape).astype(np.float32)
    at, hashes = hash_moments(one)
    noisy_at, noisy_hashes = hash_moments(noisy)
    both = np.intersect1d(at, noisy_at)
    assert len(both) > 0.8 * len(at)
    same = np.bitwise_count(hashes[np.isin(at, both)] ^ noisy_hashes[np.isin(noisy_at, both)])
    assert same.mean() < 6
    far = np.bitwise_count(hashes[:, None] ^ hash_moments(other)[1])
    assert far.mean() == pytest.approx(32, abs=1)
