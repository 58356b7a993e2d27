"""Take camera flashes out of a video's frames, so that nobody takes them for cuts.

A flash changes the picture twice as much as a cut does, and PySceneDetect takes it for one. So before it sees the frames,
bursts of one to three bright frames are replaced: within a shot by a blend of the frames beside them, and where the picture
changes meanwhile by the frame of that side whose picture each of them shows, so that the cut stays, in its place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from collector.frames import Frame, Image

__all__ = ["LONGEST_FLASH", "without_flashes"]

LONGEST_FLASH = 3  # frames
_MOTION = 1.5  # times what moves between neighbours must change across a burst, to be more than motion
_FLAT = 2.0  # grey levels: a picture that varies less shows nothing
_RISE = 6.0  # grey levels by which a flash lifts the whole picture's mean; less is no cut for PySceneDetect either


def without_flashes(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The same frames and stamps, with other pictures for bursts of one to three bright frames."""
    source = iter(frames)
    ahead: deque[Frame] = deque()
    passed: deque[Image] = deque(maxlen=2)
    while True:
        # A burst, and two frames that follow it.
        while len(ahead) < LONGEST_FLASH + 2 and (frame := next(source, None)) is not None:
            ahead.append(frame)
        if not ahead:
            return
        if passed and (length := _flash(passed[-1], ahead)):
            burst = [ahead.popleft() for _ in range(length)]
            around = [*passed, *(frame.image for frame in list(ahead)[:2])]
            images = _replaced([frame.image for frame in burst], around, len(passed))
            yield from (replace(frame, image=image) for frame, image in zip(burst, images, strict=True))
            passed.append(images[-1])
        frame = ahead.popleft()
        passed.append(frame.image)
        yield frame


def _replaced(burst: list[Image], around: list[Image], n_before: int) -> list[Image]:
    """Pictures to stand for a burst, given one or two frames before and after it."""
    before, after = around[n_before - 1], around[n_before]
    steps = [_difference(around[0], before) if n_before == 2 else 0.0]
    steps += [_difference(after, around[-1])]
    if _difference(before, after) <= _MOTION * (len(burst) + 1) * max(steps):
        # A frozen picture would make the motion jump when it goes on, and a jump looks like a cut.
        weights = [(n + 1) / (len(burst) + 1) for n in range(len(burst))]
        return [np.asarray(cv2.addWeighted(before, 1 - weight, after, weight, 0), np.uint8) for weight in weights]
    split = _split(before, burst, after)
    return [before if n < split else after for n in range(len(burst))]


def _difference(a: Image, b: Image) -> float:
    """Mean absolute difference of two pictures, in grey levels."""
    return float(cv2.absdiff(a, b).mean())


def _flash(before: Image, ahead: deque[Frame]) -> int:
    """How many frames ahead are a burst: they start much brighter than the frame before, and what follows is dark again."""
    base = float(before.mean())
    rise = float(ahead[0].image.mean()) - base
    if rise < _RISE:
        return 0
    for length in range(1, min(LONGEST_FLASH + 1, len(ahead))):
        if float(ahead[length].image.mean()) < base + rise / 2:
            return length
    return 0


def _split(before: Image, burst: list[Image], after: Image) -> int:
    """How many frames of a burst show the picture before it; the rest shows the one after. All of them, if none tells."""
    first, last = _structure(before), _structure(after)
    gains = [float(_structure(image) @ first - _structure(image) @ last) for image in burst]
    totals = [sum(gains[:split]) for split in range(len(burst) + 1)]
    best = max(totals)
    return max(split for split, total in enumerate(totals) if total == best)


def _structure(image: Image) -> npt.NDArray[np.float32]:
    """A picture as a vector of length 1 whose product with another's is their correlation, whatever the light."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32).reshape(-1)
    grey -= grey.mean()
    if grey.std() < _FLAT:
        return np.zeros_like(grey)
    return np.asarray(grey / np.linalg.norm(grey), dtype=np.float32)
