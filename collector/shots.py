"""Find the shots of a video: PySceneDetect decides where one ends, on as few frames as keep that right.

The video is gone over in parts, several at a time, each from a keyframe on. In each, `collector.scan` says where to look by the
frames that others are built on. Where that doesn't tell, all frames are decoded around the place, flashes are taken out,
and PySceneDetect decides. Where that would be most of a part, as with encoders that don't see cuts, the part is decoded as a
whole; and if the container has its keyframes at equal distances, the rest of the video too, without going over it first.

PySceneDetect is made to propose smaller changes than it does by itself, and `collector.scan.is_other` says which of them are
cuts. Fades and dissolves are none: nothing is found there unless the picture jumps.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from collector.flashes import without_flashes
from collector.frames import Frame, Timeline, read_frames, read_timeline
from collector.scan import RATIO, ROUGH, SMALL_CHANGE, WIDTH, WINDOW, Place, is_other, scan

__all__ = ["Shot", "find_shots"]

_SHORTEST_S = 0.16  # a shot; PySceneDetect's default of 15 frames would swallow short cutaways
_PART_S = 60.0  # of the video gone over at a time, about …
_REGULAR_PART_S = 20.0  # … and where keyframes don't tell of cuts, so that little was for nothing if that doesn't help
_APART = 10  # frames: what happens closer than this is looked at together
_AROUND = 8  # frames decoded on both sides of a place
_START = 50  # frames that a look at a place costs besides, from a keyframe on
_REGULAR = 0.9  # share of the distances between keyframes that are the usual one, where an encoder doesn't see cuts


@dataclass(frozen=True)
class Shot:
    """Frames `[start_pts, end_pts)` from one camera without a cut; the same in seconds from the video's first frame."""

    start_pts: int
    end_pts: int
    start_s: float
    end_s: float


def find_shots(path: Path | str, timeline: Timeline | None = None, threads: int | None = None) -> list[Shot]:
    """Shots of a video in order; together they cover it from the first frame to the end of the last.

    Little memory is used however long the video is.

    Args:
        threads: how many decoders run at a time; as many as this process may use cores, unless given.

    Raises:
        UnreadableVideo: it can't be decoded.
        Unavailable: ffmpeg is missing.
    """
    timeline = timeline or read_timeline(path)
    threads = threads or len(os.sched_getaffinity(0))
    parts = _parts(timeline, threads)
    search = _Search(path, timeline, max(1, threads // len(parts)))
    cuts = [timeline.start_pts]
    with ThreadPoolExecutor(threads) as pool:
        try:
            for cut in (cut for part in pool.map(search.cuts, parts) for cut in part):
                if timeline.seconds(cut) - timeline.seconds(cuts[-1]) >= _SHORTEST_S:
                    cuts.append(cut)
        finally:
            pool.shutdown(cancel_futures=True)
    ends = [*cuts[1:], timeline.end_pts]
    return [
        Shot(first, end, timeline.seconds(first), timeline.seconds(end)) for first, end in zip(cuts, ends, strict=True)
    ]


def _parts(timeline: Timeline, threads: int) -> list[Place]:
    """The video as parts of about equal length, as many as keep all threads busy, each ending on a keyframe."""
    last = len(timeline.pts) - 1
    seconds = timeline.seconds(timeline.end_pts)
    length = _REGULAR_PART_S if _regular(timeline) else _PART_S
    count = threads * max(1, round(seconds / length / threads))
    keyframes = np.searchsorted(timeline.pts, timeline.keyframes)
    inner = keyframes[(keyframes > 0) & (keyframes < last)]
    wanted = [last * n / count for n in range(1, count)]
    ends = {int(inner[np.abs(inner - number).argmin()]) for number in wanted} if len(inner) else set()
    return [Place(first, end, sure=False) for first, end in pairwise([0, *sorted(ends), max(1, last)])]


@dataclass
class _Search:
    """Finds the cuts in parts of a video.

    Attributes:
        threads: for each decoder.
        blind: a part had to be decoded as a whole, and the encoder puts keyframes where it will, not where it sees cuts.
    """

    path: Path | str
    timeline: Timeline
    threads: int
    blind: bool = field(default=False, init=False)

    def cuts(self, part: Place) -> list[int]:
        """Time stamps of the cuts among the frames `(first, last]` of a part, in order."""
        if self.blind:
            return self._decide(part)
        places = _together(scan(self.path, self.timeline, part.first, part.last, self.threads), _APART)
        # One process for what is close, because each decodes from a keyframe on.
        looks = _together((place for place in places if not place.sure), _START)
        if sum(look.last - look.first + _START for look in looks) > (part.last - part.first) / 2:
            self.blind = _regular(self.timeline)
            return self._decide(part)
        found = {int(self.timeline.pts[place.last]) for place in places if place.sure}
        return sorted(found.union(*map(self._decide, looks)))

    def _decide(self, look: Place) -> list[int]:
        """Time stamps of the cuts among the frames `(first, last]` of a place, from all frames there and around."""
        pts = self.timeline.pts
        after = look.last + _AROUND
        start, end = (
            int(pts[max(0, look.first - _AROUND)]),
            int(pts[after]) if after < len(pts) else self.timeline.end_pts,
        )
        frames = read_frames(self.path, self.timeline, start, end, width=WIDTH, threads=self.threads, **ROUGH)
        return [cut for cut in _decide(frames, self.timeline) if pts[look.first] < cut <= pts[look.last]]


def _regular(timeline: Timeline) -> bool:
    """Whether keyframes are at equal distances, as those of encoders are that don't put them where the picture changes."""
    distances = np.diff(np.searchsorted(timeline.pts, timeline.keyframes))
    return len(distances) > 0 and bool(np.mean(distances == np.median(distances)) >= _REGULAR)


def _together(places: Iterable[Place], apart: int) -> list[Place]:
    """Places less than so many frames apart as one, of which nothing is sure."""
    joined: list[Place] = []
    for place in places:
        if joined and place.first - joined[-1].last < apart:
            joined[-1] = Place(joined[-1].first, max(place.last, joined[-1].last), sure=False)
        else:
            joined.append(place)
    return joined


def _decide(frames: Iterable[Frame], timeline: Timeline) -> Iterator[int]:
    """Time stamps of the cuts among frames that follow each other without a gap."""
    # Only here, because it takes a fifth of a second to load, and that goes beside the first decoding.
    from scenedetect import AdaptiveDetector, FrameTimecode
    from scenedetect.common import Timecode

    rate = Fraction(len(timeline.pts)) / ((timeline.end_pts - timeline.start_pts) * timeline.time_base)
    detector = AdaptiveDetector(
        adaptive_threshold=RATIO, min_content_val=SMALL_CHANGE, window_width=WINDOW, min_scene_len=0
    )
    recent: deque[Frame] = deque(maxlen=WINDOW + 2)  # it tells of a cut when the window around it is full
    for frame in without_flashes(frames):
        recent.append(frame)
        # From the first frame, because PySceneDetect knows no negative times.
        stamp = FrameTimecode(Timecode(frame.pts - timeline.start_pts, timeline.time_base), fps=rate)
        for _ in detector.process_frame(stamp, frame.image):
            before, after = recent[0], recent[1]
            if is_other(before.image, after.image):
                yield after.pts
