"""How a picture moves over time, small enough to compare thousands of recordings: a perceptual hash that time is part of.

The usual perceptual hashes describe one frame, and in interviews they fail twice: two interviews in one room, before one wall,
have the same hash from end to end, while a copy that lost a side or won a banner has another. What two takes never share is
how the picture changes. So a recording becomes nine curves: the mean brightness of a grid of 3 x 3 blocks, eight times a
second, black bars cut away. Their changes say nothing of the backdrop, and survive another encoding, size or frame rate, a
crop, a logo, and brightness.

A moment (a peak of movement, about one a second) is hashed to 64 bits by the signs of random projections of the four seconds
around it (Charikar, STOC 2002): two hashes differ in angle / pi of their bits, so copies meet in Hamming distance, and since
peaks are where they are in both, an excerpt needs no luck with its offset.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter1d

from collector.frames import Timeline, read_frames, read_timeline

__all__ = ["BLOCKS", "RATE", "STEP", "VERSION", "Floats", "changes", "hash_moments", "read_curves"]

VERSION = 1  # of the curves; rises when they are computed in another way
RATE = 8  # samples a second
BLOCKS = 9
_WIDTH = 48  # of the pictures that the blocks are taken from
_BLACK = 32  # a row or column never brighter than this, grey levels, is a bar
STEP = 2  # samples: the change over a quarter of a second; over one sample, two frame rates give too different ones
_WINDOW = 4 * RATE  # samples around a moment that go into its hash
_APART = RATE // 2  # a moment has no stronger one within this many samples
_NOISE = 0.03  # grey levels; what changes less does not move

Floats = npt.NDArray[np.float32]

# The changes of the nine blocks as the lowest frequencies of a cosine transform: up and down, left and right, and so on. They
# add up many blocks, so that an encoder's noise cancels out.
_FREQUENCIES = ((1, 0), (0, 1), (1, 1), (2, 0), (0, 2), (0, 0))


def _waves() -> Floats:
    centres = (np.arange(3) + 0.5) / 3
    waves = [np.outer(np.cos(np.pi * y * centres), np.cos(np.pi * x * centres)).ravel() for x, y in _FREQUENCIES]
    return np.stack([wave / np.linalg.norm(wave) for wave in waves]).astype(np.float32)


_WAVES = _waves()
_PROJECTIONS = np.random.default_rng(20021119).standard_normal((_WINDOW * len(_FREQUENCIES), 64)).astype(np.float32)


def read_curves(path: Path | str, timeline: Timeline | None = None) -> Floats:
    """Decode a recording once into its nine curves.

    Sample k is the picture that is shown k / RATE seconds after the first frame. About 10 kB a second are in memory.

    Returns:
        (samples, 9) mean brightness in grey levels, blocks from the upper left in rows.

    Raises:
        UnreadableVideo: nothing can be decoded, or decoding stops early.
        Unavailable: ffmpeg is missing.
    """
    timeline = timeline or read_timeline(path)
    every = 1 / (RATE * timeline.time_base)
    pictures: list[npt.NDArray[np.uint8]] = []
    before, last_pts = None, timeline.start_pts
    for frame in read_frames(path, timeline, width=_WIDTH):
        picture = cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY)
        while (wanted := timeline.start_pts + len(pictures) * every) <= frame.pts:
            # Between two frames, a blend of both: else 25 and 30 frames a second move in different steps.
            weight = 1.0 if before is None else float((wanted - last_pts) / (frame.pts - last_pts))
            blend = cv2.addWeighted(picture, weight, picture if before is None else before, 1 - weight, 0)
            pictures.append(np.asarray(blend, np.uint8))
        before, last_pts = picture, frame.pts
    return _curves(np.stack(pictures))


def _curves(pictures: npt.NDArray[np.uint8]) -> Floats:
    brightest = pictures.max(axis=0)
    top, bottom = _inside(brightest.max(axis=1))
    left, right = _inside(brightest.max(axis=0))
    curves = np.empty((len(pictures), BLOCKS), np.float32)
    for k, picture in enumerate(pictures[:, top:bottom, left:right]):
        # By way of floats, because a block's mean moves by hundredths of a grey level.
        curves[k] = cv2.resize(picture.astype(np.float32), (3, 3), interpolation=cv2.INTER_AREA).ravel()
    return curves


def _inside(brightest: npt.NDArray[np.uint8]) -> tuple[int, int]:
    """First and end of what is no black bar; all, where hardly anything is bright."""
    bright = np.flatnonzero(brightest > _BLACK)
    if len(bright) < len(brightest) / 2:
        return 0, len(brightest)
    return int(bright[0]), int(bright[-1]) + 1


def changes(curves: Floats) -> Floats:
    """How each block changes within a quarter of a second, in units of what is usual for it, within -1 and 1.

    Bounded, because a cut changes a picture a hundred times more than a nod, and must not count for more.

    Returns:
        (samples - 2, 9); nothing where there are fewer than three samples.
    """
    return _bounded(curves[STEP:] - curves[:-STEP], floor=0.0)


def _bounded(moved: Floats, floor: float) -> Floats:
    """Args: floor: a column that moves less than this share of the one that moves most is mostly noise, and stays small."""
    if not len(moved):
        return moved
    usual = np.median(np.abs(moved), axis=0)
    return np.asarray(np.tanh(moved / (2 * (np.maximum(usual, floor * usual.max()) + _NOISE))), np.float32)


def hash_moments(curves: Floats) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint64]]:
    """Hash the moments of a recording.

    Returns:
        (moments,) the sample that each is at, and (moments,) its 64 bits. None where nothing moves.
    """
    waves = _bounded(np.asarray((curves[STEP:] - curves[:-STEP]) @ _WAVES.T, np.float32), floor=0.25)
    if len(waves) < _WINDOW:
        return np.zeros(0, np.int32), np.zeros(0, np.uint64)
    smooth = np.hanning(9)[1:-1] / np.hanning(9).sum()
    strength = np.convolve(np.linalg.norm(waves, axis=1), smooth, mode="same")
    at = np.flatnonzero((strength == maximum_filter1d(strength, 2 * _APART + 1)) & (strength > 0))
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(waves, ((_WINDOW // 2,) * 2, (0, 0))), _WINDOW, axis=0)
    around = windows[at].transpose(0, 2, 1)  # (moments, samples, frequencies)
    around = around - around.mean(axis=1, keepdims=True)
    bits = around.reshape(-1, len(_PROJECTIONS)) @ _PROJECTIONS > 0
    return at.astype(np.int32), np.packbits(bits, axis=1).view(">u8").reshape(-1).astype(np.uint64)
