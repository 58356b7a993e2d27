"""Cut a shot into stretches with the player in view, steady enough and long enough, and stretches without, with the reason.

Where the player is in one of two neighbouring looks and not in the other, every frame between them is looked at, so a stretch
begins and ends on the very frame on which the player comes and goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from collector.appearance import describe
from collector.casting import Role, cast, is_fit
from collector.frames import Timeline, read_frames
from collector.people import Finder, Floats, Watched, continues, look, watch
from collector.shots import Shot
from collector.yolo import People

__all__ = ["Limits", "Stretch", "find_stretches"]

_BLINK = 3  # frames: a flash of a camera blinds the detector this long, and the player has not left
_JOLT = 2  # looks: a camera that is pushed for less time is steady


@dataclass(frozen=True)
class Limits:
    """What a stretch must be to become a clip.

    Attributes:
        min_clip_s: seconds it lasts at least.
        min_confidence: how sure it must be that the box is the player's, 0 to 1.
        max_camera_speed: how fast the camera may pan or zoom, in picture widths a second.
    """

    min_clip_s: float = 2.0
    min_confidence: float = 0.25
    max_camera_speed: float = 0.2


@dataclass(frozen=True)
class Stretch:
    """Frames `[start_pts, end_pts)` of one shot, to be kept or not.

    Attributes:
        shot: its number in the video, from 0.
        reason: why it is not kept; None if it is.
        box: the player's box, median over the looks: x0, y0, x1, y1 as shares of width and height.
        confidence: how sure the box is the player's, 0 to 1 (`casting.Role`).
        doubt: what is in doubt where the confidence is low; None where it is high.
        share: of the frames that were looked at, how many show the player.
        people: mean number of people in these frames.
        camera_speed: the camera's, 90th percentile over the looks, in picture widths a second.
    """

    shot: int
    start_pts: int
    end_pts: int
    reason: str | None
    box: Floats | None
    confidence: float | None
    doubt: str | None
    share: float
    people: float
    camera_speed: float


def find_stretches(
    path: Path | str, timeline: Timeline, shots: Sequence[Shot], finder: Finder, limits: Limits | None = None
) -> Iterator[Stretch]:
    """Find the player in a video, and cut its shots into stretches with the player and without, in order; they cover all shots.

    A stretch that is to be kept shows the player in its first and last frame, and nowhere lacks them for more than three
    frames on end.

    Raises:
        UnreadableVideo, Unavailable: as `read_frames`.
    """
    limits = limits or Limits()
    watched = [watch(path, timeline, shot, finder) for shot in shots]
    for number, (seen, roles) in enumerate(zip(watched, cast(watched), strict=True)):
        view = _View(timeline, seen, roles)
        view.look_closer(path, finder)
        for start, end, role, steady in view.runs(limits):
            yield _stretch(number, start, end, view, role, steady, limits)


class _View:
    """One shot, and in which of its frames which of the player's roles is in view."""

    def __init__(self, timeline: Timeline, seen: Watched, roles: list[Role]) -> None:
        self.timeline, self.seen, self.roles = timeline, seen, roles
        self.people = dict(seen.people)
        self.boxes: dict[int, tuple[int, Floats]] = {}  # by time stamp: which role, and where
        for number, role in enumerate(roles):
            self.boxes |= {pts: (number, box) for pts, box in role.track.boxes.items()}

    def role_at(self, pts: int) -> int:
        """Number of the role that a look shows; -1 for none."""
        return self.boxes[pts][0] if pts in self.boxes else -1

    def look_closer(self, path: Path | str, finder: Finder) -> None:
        """Look at every frame between two looks that don't show the same role."""
        for before, after in pairwise(sorted(self.seen.people)):
            if self.role_at(before) == self.role_at(after):
                continue
            between = self.timeline.between(before + 1, after)
            if len(between) == 0:
                continue
            found = {}
            for frame, people in look(read_frames(path, self.timeline, int(between[0]), after), finder):
                found[frame.pts] = (people, describe(frame.image, people))
                self.people[frame.pts] = len(people)
            self._follow(found, before)
            self._follow(dict(reversed(found.items())), after)

    def _follow(self, found: dict[int, tuple[People, Floats]], known: int) -> None:
        """Follow the role that a look shows into the frames beside it, given in order from there."""
        if known not in self.boxes:
            return
        number, box = self.boxes[known]
        appearance = self.roles[number].track.appearance[None]
        for pts, (people, described) in found.items():
            if pts in self.boxes or not len(people):
                continue
            overlap = continues(box[None], appearance, people, described)[0]
            if overlap.max() > 0:
                box = people.boxes[int(overlap.argmax())]
                self.boxes[pts] = (number, box)

    def runs(self, limits: Limits) -> Iterator[tuple[int, int, int, bool]]:
        """(start_pts, end_pts, role, steady) of the runs of frames that are alike in both; they cover the shot."""
        shot = self.seen.shot
        pts = self.timeline.between(shot.start_pts, shot.end_pts)
        roles = _at_next(pts, {look: self.role_at(look) for look in self.people})
        for start, end in _runs_of(roles < 0):
            if start > 0 and end < len(roles) and end - start <= _BLINK and roles[start - 1] == roles[end]:
                roles[start:end] = roles[end]
        fast = _at_next(pts, dict(zip(self.seen.people, _lasting(self.seen.speeds, limits), strict=True)))
        state = roles * 2 + fast * (roles >= 0)  # where the player is away, the camera does not matter
        firsts = [0, *(np.flatnonzero(np.diff(state)) + 1)]
        edges = [shot.start_pts, *(int(pts[first]) for first in firsts[1:]), shot.end_pts]
        for index, first in enumerate(firsts):
            yield edges[index], edges[index + 1], int(roles[first]), not (fast[first] and roles[first] >= 0)


def _at_next(pts: npt.NDArray[np.int64], looks: dict[int, int]) -> npt.NDArray[np.int64]:
    """For each frame what the next look says; a frame that nobody looked at lies between two looks that agree."""
    looked = np.array(sorted(looks), np.int64)
    values = np.array([looks[int(look)] for look in looked], np.int64)
    return np.asarray(values[np.minimum(np.searchsorted(looked, pts), len(looked) - 1)])


def _runs_of(here: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """`[start, end)` of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], here, [False])).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _lasting(speeds: Sequence[float], limits: Limits) -> list[int]:
    """For each look 1 where the camera is too fast for longer than a jolt."""
    fast = np.array(speeds) > limits.max_camera_speed
    for start, end in _runs_of(fast):
        if end - start < _JOLT:
            fast[start:end] = False
    return [int(one) for one in fast]


def _stretch(number: int, start: int, end: int, view: _View, role: int, steady: bool, limits: Limits) -> Stretch:
    looked = [pts for pts in view.people if start <= pts < end]
    people = float(np.mean([view.people[pts] for pts in looked])) if looked else 0.0
    boxes = [view.boxes[pts][1] for pts in looked if role >= 0 and view.role_at(pts) == role]
    speeds = [speed for pts, speed in zip(view.seen.people, view.seen.speeds, strict=True) if start < pts <= end]
    speed = float(np.quantile(speeds, 0.9)) if speeds else 0.0
    mine = view.roles[role] if role >= 0 else None
    return Stretch(
        shot=number,
        start_pts=start,
        end_pts=end,
        reason=_reason(start, end, view, people, mine, steady, speed, limits),
        box=np.median(boxes, axis=0).astype(np.float32) if boxes else None,
        confidence=mine.confidence if mine else None,
        doubt=mine.doubt if mine else None,
        share=len(boxes) / len(looked) if looked else float(role >= 0),
        people=people,
        camera_speed=speed,
    )


def _reason(
    start: int, end: int, view: _View, people: float, role: Role | None, steady: bool, speed: float, limits: Limits
) -> str | None:
    """Why a stretch is not kept; None if it is."""
    if role is None:
        if people == 0:
            return "nobody in view"
        if view.roles or any(is_fit([track]) for track in view.seen.tracks):
            return "the player is not in view"
        return "nobody in view is fit to be the player: too small, or no face"
    if role.confidence < limits.min_confidence:
        return f"unsure whether this is the player: {role.doubt} ({role.confidence:.2f})"
    if not steady:
        return f"the camera moves ({speed:.2f} picture widths a second)"
    if (end - start) * view.timeline.time_base < Fraction(limits.min_clip_s).limit_denominator(1000):
        return f"shorter than {limits.min_clip_s:g} s"
    return None
