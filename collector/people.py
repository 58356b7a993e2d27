"""Who is the player in a shot, and when are they in view.

People are looked for in a few frames a second and linked from look to look. The player is the one who is large, central, shows
a face and stays. Where two neighbouring looks differ, every frame between them is looked at, so a stretch begins and ends on
the very frame on which the player comes and goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from collector.frames import Frame, Image, Timeline, read_frames
from collector.shots import Shot
from collector.yolo import People

__all__ = ["Finder", "Floats", "Stretch", "find_stretches", "iou", "look"]

_LOOK_EVERY_S = 0.2
_BATCH = 8
_CONFIDENCE = 0.4  # of a detection, to count as a person
_JOINT = 0.5  # confidence of a joint, to count as visible
_SAME = 0.3  # IoU of two boxes, to be one person a look apart
_LOST_S = 1.0  # a person unseen for longer is another track when seen again
_FACE_SHARE = 0.3  # of a track's looks must show a face
_SURE = 0.5  # median confidence of a player's detections; things taken for people stay below
_HEIGHT = 0.3  # of the picture must a player fill; passers-by in a park don't
_BLINK = 3  # frames: a flash of a camera blinds the detector this long, and the player has not left

Floats = npt.NDArray[np.float32]


class Finder(Protocol):
    """Finds people in pictures, as `collector.yolo.PoseModel` does."""

    def find(self, images: Sequence[Image], confidence: float = ...) -> list[People]: ...


@dataclass(frozen=True)
class Stretch:
    """Frames `[start_pts, end_pts)` of one shot, to be kept or not.

    Attributes:
        reason: why it is not kept; None if it is.
        box: the player's box, median over the looks: x0, y0, x1, y1 as shares of width and height.
        confidence: how sure the box is the player's, 0 to 1: the detector's confidence, less where somebody else is nearly
            as large and central.
        share: of the frames that were looked at, how many show the player.
        people: mean number of people in these frames.
    """

    start_pts: int
    end_pts: int
    reason: str | None
    box: Floats | None
    confidence: float | None
    share: float
    people: float


@dataclass
class _Track:
    """One person through a shot: time stamp of each look that shows them, and which of the people there they are."""

    seen: dict[int, int] = field(default_factory=dict)
    last_box: Floats = field(default_factory=lambda: np.zeros(4, np.float32))
    last_pts: int = 0


def iou(a: Floats, b: Floats) -> npt.NDArray[np.float64]:
    """Intersection over union of every box in `a` (n, 4) with every box in `b` (m, 4): (n, m), 0 to 1."""
    one, other = np.asarray(a, np.float64)[:, None], np.asarray(b, np.float64)[None]
    sides = np.clip(np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2]), 0, None)
    both = sides.prod(-1)
    either = (one[..., 2:] - one[..., :2]).prod(-1) + (other[..., 2:] - other[..., :2]).prod(-1) - both
    return np.asarray(both / np.maximum(either, 1e-12))


def find_stretches(
    path: Path | str, timeline: Timeline, shot: Shot, finder: Finder, min_clip_s: float = 2.0
) -> list[Stretch]:
    """Cut a shot into stretches with the player and without, in order; together they cover it.

    A stretch that is to be kept shows the player in its first and last frame, is at least `min_clip_s` long, and nowhere
    lacks the player for more than three frames on end.

    Raises:
        UnreadableVideo, Unavailable: as `read_frames`.
    """
    every = timeline.units(_LOOK_EVERY_S)
    looks = dict(look(read_frames(path, timeline, shot.start_pts, shot.end_pts, every=every), finder))
    tracks = _link(looks, timeline.units(_LOST_S))
    player, confidence = _choose(tracks, looks)
    if player is not None:
        for before, after in list(pairwise(sorted(looks))):
            if (before in player.seen) != (after in player.seen):
                _look_closer(path, timeline, before, after, finder, looks, player)
    present = _presence(timeline.between(shot.start_pts, shot.end_pts), looks, player)
    return [
        _stretch(timeline, start, end, here, looks, player, confidence, min_clip_s)
        for start, end, here in _runs(timeline, shot, present)
    ]


def look(frames: Iterable[Frame], finder: Finder, confidence: float = _CONFIDENCE) -> Iterator[tuple[int, People]]:
    """Time stamp and people of each frame, found in batches, so that few frames are in memory at a time."""
    source = iter(frames)
    while batch := list(islice(source, _BATCH)):
        people = finder.find([frame.image for frame in batch], confidence=confidence)
        yield from zip([frame.pts for frame in batch], people, strict=True)


def _link(looks: dict[int, People], lost: int) -> list[_Track]:
    """Link people from look to look, best overlap first."""
    tracks: list[_Track] = []
    for pts, people in sorted(looks.items()):
        alive = [track for track in tracks if pts - track.last_pts <= lost]
        free = set(range(len(people)))
        if alive and free:
            overlap = iou(np.stack([track.last_box for track in alive]), people.boxes)
            taken: set[int] = set()
            for flat in np.argsort(-overlap, axis=None, kind="stable"):
                row, who = divmod(int(flat), len(people))
                if overlap[row, who] < _SAME:
                    break
                if row not in taken and who in free:
                    taken.add(row)
                    free.discard(who)
                    _see(alive[row], pts, people, who)
        for who in sorted(free):
            tracks.append(_Track())
            _see(tracks[-1], pts, people, who)
    return tracks


def _see(track: _Track, pts: int, people: People, who: int) -> None:
    track.seen[pts] = who
    track.last_box, track.last_pts = people.boxes[who], pts


def _choose(tracks: list[_Track], looks: dict[int, People]) -> tuple[_Track | None, float]:
    """The player's track, and how sure that is; None where nobody is fit to be the player."""
    scored = sorted(((_prominence(track, looks), index) for index, track in enumerate(tracks)), reverse=True)
    fit = [(score, tracks[index]) for score, index in scored if _could_be_player(tracks[index], looks)]
    if not fit:
        return None, 0.0
    score, player = fit[0]
    rivals = [other for other, index in scored if tracks[index] is not player]
    detector = float(np.mean([looks[pts].confidence[who] for pts, who in player.seen.items()]))
    return player, detector * score / (score + max(rivals, default=0.0))


def _prominence(track: _Track, looks: dict[int, People]) -> float:
    """Size times closeness to the middle, summed over the track's looks: who stays longer gets more."""
    boxes = np.stack([looks[pts].boxes[who] for pts, who in track.seen.items()])
    size = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    off_centre = np.abs((boxes[:, 0] + boxes[:, 2]) / 2 - 0.5)
    return float((size * (1 - off_centre)).sum()) * (0.25 + 0.75 * _face_share(track, looks))


def _face_share(track: _Track, looks: dict[int, People]) -> float:
    """Share of a track's looks that show nose and an eye."""
    joints = np.stack([looks[pts].keypoints[who, :3, 2] for pts, who in track.seen.items()])
    return float(((joints[:, 0] >= _JOINT) & (joints[:, 1:].max(axis=1) >= _JOINT)).mean())


def _could_be_player(track: _Track, looks: dict[int, People]) -> bool:
    heights = [looks[pts].boxes[who, 3] - looks[pts].boxes[who, 1] for pts, who in track.seen.items()]
    sure = float(np.median([looks[pts].confidence[who] for pts, who in track.seen.items()])) >= _SURE
    return sure and float(np.median(heights)) >= _HEIGHT and _face_share(track, looks) >= _FACE_SHARE


def _look_closer(
    path: Path | str,
    timeline: Timeline,
    before: int,
    after: int,
    finder: Finder,
    looks: dict[int, People],
    player: _Track,
) -> None:
    """Look at every frame between two looks of which one shows the player, from that one on towards the other."""
    between = timeline.between(before + 1, after)
    if len(between) == 0:
        return
    found = dict(look(read_frames(path, timeline, int(between[0]), after), finder))
    looks.update(found)
    known = before if before in player.seen else after
    box = looks[known].boxes[player.seen[known]]
    for pts in sorted(found, reverse=known == after):
        people = found[pts]
        overlap = iou(box[None], people.boxes)[0] if len(people) else np.zeros(0)
        if len(overlap) and overlap.max() >= _SAME:
            player.seen[pts] = int(overlap.argmax())
            box = people.boxes[player.seen[pts]]


def _presence(pts: npt.NDArray[np.int64], looks: dict[int, People], player: _Track | None) -> npt.NDArray[np.bool_]:
    """For each frame of a shot, whether the player is in view."""
    present = np.zeros(len(pts), bool)
    if player is None:
        return present
    looked = np.array(sorted(looks), np.int64)
    seen = np.isin(looked, list(player.seen))
    # A frame nobody looked at lies between two looks that agree.
    next_look = np.minimum(np.searchsorted(looked, pts), len(looked) - 1)
    present[:] = seen[next_look]
    for start, end in _false_runs(present):
        if start > 0 and end < len(present) and end - start <= _BLINK:
            present[start:end] = True
    return present


def _false_runs(present: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([True], present, [True])).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _runs(timeline: Timeline, shot: Shot, present: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int, bool]]:
    """(start_pts, end_pts, present) of the runs of equal presence; they cover the shot."""
    pts = timeline.between(shot.start_pts, shot.end_pts)
    firsts = [0, *(np.flatnonzero(np.diff(present.astype(np.int8))) + 1)]
    edges = [shot.start_pts, *(int(pts[first]) for first in firsts[1:]), shot.end_pts]
    for index, first in enumerate(firsts):
        yield edges[index], edges[index + 1], bool(present[first])


def _stretch(
    timeline: Timeline,
    start: int,
    end: int,
    present: bool,
    looks: dict[int, People],
    player: _Track | None,
    confidence: float,
    min_clip_s: float,
) -> Stretch:
    looked = [pts for pts in looks if start <= pts < end]
    people = float(np.mean([len(looks[pts]) for pts in looked])) if looked else 0.0
    boxes = [looks[pts].boxes[player.seen[pts]] for pts in looked if player is not None and pts in player.seen]
    share = len(boxes) / len(looked) if looked else float(present)
    box = np.median(boxes, axis=0).astype(np.float32) if boxes and present else None
    reason = None
    if not present:
        reason = "nobody in view" if people == 0 else "nobody in view is fit to be the player: too small, or no face"
        if player is not None and people > 0:
            reason = "the player is not in view"
    elif (end - start) * timeline.time_base < Fraction(min_clip_s).limit_denominator(1000):
        reason = f"shorter than {min_clip_s:g} s"
    return Stretch(start, end, reason, box, confidence if present else None, share, people)
