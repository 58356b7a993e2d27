"""Find the shots of a video: PySceneDetect decides where one ends, on as few frames as keep that right.

Encoders build most frames on others. The frames that no other is built on, half of a usual H.264 file, can be left out
without touching the rest, and encoders that see a cut end a group of pictures there, so that the frames on both sides of it
are among those left. So we first go over these alone:

- Where two of them that follow each other directly differ as two shots do, and the picture is calm around, there is the cut.
- Where frames were left out between two that differ, or more frames than a flash may last, or much happens at once, as when
  a camera flashes, all frames are decoded around that place, flashes are taken out, and PySceneDetect decides.
- Where that would be most of the video, as with encoders that leave out too much, all frames are decoded in one go.

PySceneDetect measures how much a picture changes, and misses a cut between two people in front of one backdrop. So it is
made to propose smaller changes too, and of those we take the ones in which parts of one picture are nowhere near in the
other: a person who moves is still there, another person isn't. The lower third is left out, where captions come and go.
Fades and dissolves are no cuts: nothing is found there unless the picture jumps.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import sqrt
from pathlib import Path

import cv2
import numpy as np
from scenedetect import AdaptiveDetector, FrameTimecode
from scenedetect.common import Timecode

from collector.flashes import LONGEST_FLASH, without_flashes
from collector.frames import Frame, Image, Timeline, read_frames, read_timeline

__all__ = ["Shot", "find_shots"]

_WIDTH = 256  # of the pictures that PySceneDetect compares; it scales down to this itself
_SHORTEST_S = 0.16  # a shot; its default of 15 frames would swallow short cutaways
_RATIO = 3.0  # times what changes around it must change at a cut: PySceneDetect's default
_CHANGE = 15.0  # PySceneDetect's least change at a cut, its default …
_SMALL_CHANGE = 6.0  # … and where parts of the picture are gone from their surroundings
_WINDOW = 2  # steps on both sides that it compares with, its default

_BLOCK, _REACH = 16, 8  # pixels: parts of a picture that are looked for, and how far
_ALIKE = 0.75  # correlation of a part that is found again
_FLAT = 6.0  # grey levels: a part that varies less could be anywhere
_GONE = 0.03  # share of a picture's parts that are nowhere near, at a cut
_UPPER = 2 / 3  # of the picture; below, captions come and go

# Frames from one to the next that may go unseen: a shot within would be no longer than a flash.
_LONGEST_GAP = LONGEST_FLASH + 2
_APART = 10  # frames: what happens closer than this is looked at together
_AROUND = 8  # frames decoded on both sides of a place
_START = 50  # frames that a look at a place costs besides, from a keyframe on


@dataclass(frozen=True)
class Shot:
    """Frames `[start_pts, end_pts)` from one camera without a cut; the same in seconds from the video's first frame."""

    start_pts: int
    end_pts: int
    start_s: float
    end_s: float


@dataclass(frozen=True)
class _Step:
    """From one decoded frame to the next: how many frames further, and how much changes."""

    before: Frame
    after: Frame
    frames: int
    change: float


@dataclass
class _Place:
    """Frames `(first, last]`, by number, among which a cut may be; surely at the last if `sure`."""

    first: int
    last: int
    sure: bool


def find_shots(path: Path | str, timeline: Timeline | None = None) -> list[Shot]:
    """Shots of a video in order; together they cover it from the first frame to the end of the last.

    Little memory is used however long the video is.

    Raises:
        UnreadableVideo: it can't be decoded.
        Unavailable: ffmpeg is missing.
    """
    timeline = timeline or read_timeline(path)
    cuts = [timeline.start_pts]
    for cut in _find_cuts(path, timeline):
        if timeline.seconds(cut) - timeline.seconds(cuts[-1]) >= _SHORTEST_S:
            cuts.append(cut)
    ends = [*cuts[1:], timeline.end_pts]
    return [
        Shot(first, end, timeline.seconds(first), timeline.seconds(end)) for first, end in zip(cuts, ends, strict=True)
    ]


def _find_cuts(path: Path | str, timeline: Timeline) -> list[int]:
    places = _together(_scan(path, timeline), _APART)
    sure = {int(timeline.pts[place.last]) for place in places if place.sure}
    # One process for what is close, because each decodes from a keyframe on.
    looks = _together((place for place in places if not place.sure), _START)
    if sum(look.last - look.first + _START for look in looks) > len(timeline.pts) / 2:
        return list(_decide(path, timeline, timeline.start_pts, timeline.end_pts))
    found = set(sure)
    for look in looks:
        start = int(timeline.pts[max(0, look.first - _AROUND)])
        last = look.last + _AROUND
        end = int(timeline.pts[last]) if last < len(timeline.pts) else timeline.end_pts
        first_pts, last_pts = timeline.pts[[look.first, look.last]]
        found.update(cut for cut in _decide(path, timeline, start, end) if first_pts < cut <= last_pts)
    return sorted(found)


# --- where to look -----------------------------------------------------------------------------------------------------


def _scan(path: Path | str, timeline: Timeline) -> Iterator[_Place]:
    """Places where a cut may be, in order, by the frames that others are built on."""
    window: deque[_Step | None] = deque([None] * _WINDOW, maxlen=2 * _WINDOW + 1)
    for step in _padded(_steps(path, timeline)):
        window.append(step)
        if len(window) == window.maxlen and (middle := window[_WINDOW]) is not None:
            around = [other for n, other in enumerate(window) if n != _WINDOW and other is not None]
            if place := _judge(middle, around, timeline):
                yield place


def _padded(steps: Iterable[_Step]) -> Iterator[_Step | None]:
    yield from steps
    yield from [None] * _WINDOW


def _steps(path: Path | str, timeline: Timeline) -> Iterator[_Step]:
    frames = read_frames(path, timeline, width=_WIDTH, needed_only=True)
    for before, after in pairwise(frames):
        first, last = np.searchsorted(timeline.pts, [before.pts, after.pts])
        yield _Step(before, after, max(1, int(last - first)), _change(before.image, after.image))


def _judge(step: _Step, around: list[_Step], timeline: Timeline) -> _Place | None:
    """Whether a cut may be within a step, given the steps around it."""
    first, last = (int(n) for n in np.searchsorted(timeline.pts, [step.before.pts, step.after.pts]))
    last = min(last, len(timeline.pts) - 1)
    if step.frames > _LONGEST_GAP:
        return _Place(first, last, sure=False)
    # What changes grows with the root of the distance, about; PySceneDetect would see steps of one frame. One of the steps
    # around may be a cut itself.
    calm = sorted(other.change / sqrt(other.frames) for other in around)[: 2 * _WINDOW - 1]
    if step.change < _RATIO * sum(calm) / max(1, len(calm)) or not _is_other(step.before.image, step.after.image):
        return None
    seen = step.frames == 1 and last - first == 1 and step.after.pts == timeline.pts[last]
    busy = sum(other.change for other in around) / (2 * _WINDOW)
    return _Place(first, last, sure=seen and len(around) == 2 * _WINDOW and step.change >= _RATIO * busy)


def _together(places: Iterable[_Place], apart: int) -> list[_Place]:
    """Places less than so many frames apart as one, of which nothing is sure."""
    joined: list[_Place] = []
    for place in places:
        if joined and place.first - joined[-1].last < apart:
            joined[-1] = _Place(joined[-1].first, max(place.last, joined[-1].last), sure=False)
        else:
            joined.append(place)
    return joined


# --- deciding ----------------------------------------------------------------------------------------------------------


def _decide(path: Path | str, timeline: Timeline, start_pts: int, end_pts: int) -> Iterator[int]:
    """Time stamps of the cuts in a stretch, from all its frames."""
    rate = Fraction(len(timeline.pts)) / ((timeline.end_pts - timeline.start_pts) * timeline.time_base)
    detector = AdaptiveDetector(
        adaptive_threshold=_RATIO, min_content_val=_SMALL_CHANGE, window_width=_WINDOW, min_scene_len=0
    )
    recent: deque[Frame] = deque(maxlen=_WINDOW + 2)  # it tells of a cut when the window around it is full
    for frame in without_flashes(read_frames(path, timeline, start_pts, end_pts, width=_WIDTH)):
        recent.append(frame)
        # From the first frame, because PySceneDetect knows no negative times.
        stamp = FrameTimecode(Timecode(frame.pts - timeline.start_pts, timeline.time_base), fps=rate)
        for _ in detector.process_frame(stamp, frame.image):
            before, after = recent[0], recent[1]
            if _is_other(before.image, after.image):
                yield after.pts


def _is_other(a: Image, b: Image) -> bool:
    """Whether two pictures differ as those of two shots do."""
    change = _change(a, b)
    return change >= _CHANGE or (change >= _SMALL_CHANGE and max(_gone(a, b), _gone(b, a)) >= _GONE)


def _change(a: Image, b: Image) -> float:
    """Mean absolute difference of hue, saturation and value: PySceneDetect's `content_val`."""
    one, other = (cv2.cvtColor(image, cv2.COLOR_BGR2HSV) for image in (a, b))
    return float(cv2.norm(one, other, cv2.NORM_L1)) / one.size


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
