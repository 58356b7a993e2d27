"""Where in a video a cut may be, by the frames that others are built on.

Encoders build most frames on others. The frames that no other is built on, half of a usual H.264 file, can be left out
without touching the rest, and encoders that see a cut end a group of pictures there, so that the frames on both sides of it
are among those left. So these alone are gone over:

- Where two of them that follow each other directly differ as two shots do, and the picture is calm around, there is the cut.
- Where frames were left out between two that differ, or more frames than a flash may last, or much happens at once, as when
  a camera flashes, a cut may be.

Pictures two shots apart differ by more than PySceneDetect's measure says: it misses a cut between two people in front of one
backdrop. So smaller changes count too where parts of one picture are nowhere near in the other: a person who moves is still
there, another person isn't. The lower third is left out, where captions come and go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from collector.flashes import LONGEST_FLASH
from collector.frames import Frame, Image, Timeline, read_frames

__all__ = ["RATIO", "ROUGH", "SMALL_CHANGE", "WIDTH", "WINDOW", "Place", "is_other", "scan"]

WIDTH = 256  # of the pictures that are compared; PySceneDetect scales down to this itself
RATIO = 3.0  # times what changes around it must change at a cut: PySceneDetect's default
SMALL_CHANGE = 6.0  # least change at a cut where parts of the picture are gone from their surroundings …
_CHANGE = 15.0  # … and elsewhere, PySceneDetect's default
WINDOW = 2  # steps on both sides that are compared with, its default

_BLOCK, _REACH = 16, 8  # pixels: parts of a picture that are looked for, and how far
_ALIKE = 0.75  # correlation of a part that is found again
_FLAT = 6.0  # grey levels: a part that varies less could be anywhere
_GONE = 0.03  # share of a picture's parts that are nowhere near, at a cut
_UPPER = 2 / 3  # of the picture; below, captions come and go

# Frames from one to the next that may go unseen: a shot within would be no longer than a flash.
_LONGEST_GAP = LONGEST_FLASH + 2
_BEYOND = 12  # frames after a stretch that are decoded too, to see whether its last step stands out

# The decoder leaves out the filter that smooths the edges of blocks: pictures differ by a grey level or two, and a quarter of
# the work is saved.
ROUGH: dict[str, Any] = {"skip_loop_filter": "all"}


@dataclass(frozen=True)
class _Step:
    """From one decoded frame to the next: how many frames further, and how much changes."""

    before: Frame
    after: Frame
    frames: int
    change: float


@dataclass(frozen=True)
class Place:
    """Frames `(first, last]`, by number, among which a cut may be; surely at the last if `sure`."""

    first: int
    last: int
    sure: bool


def scan(path: Path | str, timeline: Timeline, first: int, last: int, threads: int) -> Iterator[Place]:
    """Places among the frames `(first, last]`, by number, where a cut may be, in order.

    Args:
        first: 0, or the number of a keyframe.
        threads: for the decoder.

    Raises:
        UnreadableVideo: nothing can be decoded.
        Unavailable: ffmpeg is missing.
    """
    beyond = last + _BEYOND
    end_pts = int(timeline.pts[beyond]) if beyond < len(timeline.pts) else timeline.end_pts
    options: dict[str, Any] = {"width": WIDTH, "threads": threads, "skip_frame": "noref", **ROUGH}
    frames = read_frames(path, timeline, int(timeline.pts[first]), end_pts, **options)
    window: deque[_Step | None] = deque([None] * WINDOW, maxlen=2 * WINDOW + 1)
    for step in _padded(_steps(frames, timeline)):
        window.append(step)
        if len(window) == window.maxlen and (middle := window[WINDOW]) is not None:
            around = [other for n, other in enumerate(window) if n != WINDOW and other is not None]
            if (place := _judge(middle, around, timeline)) and place.first < last:
                yield place


def _padded(steps: Iterable[_Step]) -> Iterator[_Step | None]:
    yield from steps
    yield from [None] * WINDOW


def _steps(frames: Iterable[Frame], timeline: Timeline) -> Iterator[_Step]:
    colours = ((frame, _colours(frame.image)) for frame in frames)
    for (before, one), (after, other) in pairwise(colours):
        first, last = np.searchsorted(timeline.pts, [before.pts, after.pts])
        yield _Step(before, after, max(1, int(last - first)), _mean_difference(one, other))


def _judge(step: _Step, around: list[_Step], timeline: Timeline) -> Place | None:
    """Whether a cut may be within a step, given the steps around it."""
    first, last = (int(n) for n in np.searchsorted(timeline.pts, [step.before.pts, step.after.pts]))
    last = min(last, len(timeline.pts) - 1)
    if step.frames > _LONGEST_GAP:
        return Place(first, last, sure=False)
    # What changes grows with the root of the distance, about; PySceneDetect would see steps of one frame. One of the steps
    # around may be a cut itself.
    calm = sorted(other.change / sqrt(other.frames) for other in around)[: max(1, len(around) - 1)]
    if step.change < RATIO * sum(calm) / max(1, len(calm)) or not is_other(step.before.image, step.after.image):
        return None
    seen = step.change >= _CHANGE and step.frames == 1 and last - first == 1 and step.after.pts == timeline.pts[last]
    busy = sum(other.change for other in around) / (2 * WINDOW)
    return Place(first, last, sure=seen and len(around) == 2 * WINDOW and step.change >= RATIO * busy)


def is_other(a: Image, b: Image) -> bool:
    """Whether two pictures differ as those of two shots do."""
    change = _change(a, b)
    return change >= _CHANGE or (change >= SMALL_CHANGE and max(_gone(a, b), _gone(b, a)) >= _GONE)


def _change(a: Image, b: Image) -> float:
    """Mean absolute difference of hue, saturation and value: PySceneDetect's `content_val`."""
    return _mean_difference(_colours(a), _colours(b))


def _colours(image: Image) -> Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2HSV), np.uint8)


def _mean_difference(a: Image, b: Image) -> float:
    return float(cv2.norm(a, b, cv2.NORM_L1)) / a.size


def _gone(a: Image, b: Image) -> float:
    """Share of one picture's parts that show something, and it is nowhere near in the other."""
    rows = int(a.shape[0] * _UPPER)
    one, other = (cv2.cvtColor(image[:rows], cv2.COLOR_BGR2GRAY) for image in (a, b))
    around = cv2.copyMakeBorder(other, _REACH, _REACH, _REACH, _REACH, cv2.BORDER_REPLICATE)
    gone = total = 0
    for y in range(0, one.shape[0] - _BLOCK + 1, _BLOCK):
        for x in range(0, one.shape[1] - _BLOCK + 1, _BLOCK):
            total += 1
            part = one[y : y + _BLOCK, x : x + _BLOCK]
            if part.std() >= _FLAT:
                near = around[y : y + _BLOCK + 2 * _REACH, x : x + _BLOCK + 2 * _REACH]
                gone += not cv2.matchTemplate(near, part, cv2.TM_CCOEFF_NORMED).max() > _ALIKE
    return gone / total if total else 0.0
