"""Watch a shot: who is in view in a few frames a second, each person linked from look to look, and how the camera moves.

What is kept of a shot is small, a few numbers for each person and look: an hour of interview fits in some megabytes, and who
the player is can be decided when all shots have been watched.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from collector.appearance import Mean, describe, differences, shows_face
from collector.frames import Frame, Image, Timeline, read_frames
from collector.shots import Shot
from collector.steadiness import Camera
from collector.yolo import People

__all__ = ["Finder", "Floats", "Track", "Watched", "continues", "iou", "look", "watch"]

_LOOK_EVERY_S = 0.2
_LONGEST_REST_S = 1.0  # between two looks of the detector, however still the picture is
_BATCH = 8
_CONFIDENCE = 0.4  # of a detection, to count as a person
_SAME_PLACE = 0.3  # IoU of two boxes, to be one person a look apart
_ANOTHER = 0.28  # difference in appearance from which somebody is another person though in the same place: a missed cut
_LOST_S = 1.0  # a person unseen for longer is another track when seen again
_STIR = 20  # levels by which a patch of the picture must change to be worth a look
_PATCHES = (32, 18)  # across and down

Floats = npt.NDArray[np.float32]


class Finder(Protocol):
    """Finds people in pictures, as `collector.yolo.PoseModel` does."""

    def find(self, images: Sequence[Image], confidence: float = ...) -> list[People]: ...


@dataclass
class Track:
    """One person through a shot.

    Attributes:
        boxes: at each look that shows the person, by time stamp: x0, y0, x1, y1 as shares of width and height.
        confidence: of the detector, at each of these looks.
        faces: at each of these looks, whether nose and an eye are seen.
    """

    boxes: dict[int, Floats] = field(default_factory=dict)
    confidence: list[float] = field(default_factory=list)
    faces: list[bool] = field(default_factory=list)
    _looks_like: Mean = field(default_factory=Mean)

    @property
    def appearance(self) -> Floats:
        """(`appearance.SIZE`,) mean description; NaN throughout if the face was never seen."""
        return self._looks_like.value

    @property
    def last_box(self) -> Floats:
        return next(reversed(self.boxes.values()))

    def see(self, pts: int, box: Floats, confidence: float, face: bool, described: Floats) -> None:
        """Add a look."""
        self.boxes[pts] = box
        self.confidence.append(confidence)
        self.faces.append(face)
        self._looks_like.add(described)

    def stay(self, pts: int) -> None:
        """Add a look at which all was as before."""
        self.boxes[pts] = self.last_box
        self.confidence.append(self.confidence[-1])
        self.faces.append(self.faces[-1])


@dataclass(frozen=True)
class Watched:
    """What was seen of a shot.

    Attributes:
        people: number of people at each look, by time stamp.
        speeds: of the camera, at each look, as `Camera.speeds`.
        tracks: the people, in the order in which they came.
    """

    shot: Shot
    people: dict[int, int] = field(default_factory=dict)
    speeds: list[float] = field(default_factory=list)
    tracks: list[Track] = field(default_factory=list)


def iou(a: Floats, b: Floats) -> npt.NDArray[np.float64]:
    """Intersection over union of every box in `a` (n, 4) with every box in `b` (m, 4): (n, m), 0 to 1."""
    one, other = np.asarray(a, np.float64)[:, None], np.asarray(b, np.float64)[None]
    sides = np.clip(np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2]), 0, None)
    both = sides.prod(-1)
    either = (one[..., 2:] - one[..., :2]).prod(-1) + (other[..., 2:] - other[..., :2]).prod(-1) - both
    return np.asarray(both / np.maximum(either, 1e-12))


def look(frames: Iterable[Frame], finder: Finder, confidence: float = _CONFIDENCE) -> Iterator[tuple[Frame, People]]:
    """Each frame and its people, found in batches, so that few frames are in memory at a time."""
    source = iter(frames)
    while batch := list(islice(source, _BATCH)):
        people = finder.find([frame.image for frame in batch], confidence=confidence)
        yield from zip(batch, people, strict=True)


def continues(boxes: Floats, appearances: Floats, people: People, described: Floats) -> npt.NDArray[np.float64]:
    """How well each person in a picture continues each of some who were seen just before.

    Args:
        boxes: (n, 4) where those were seen.
        appearances: (n, SIZE) what they look like.
        described: (m, SIZE) what the people in the picture look like (`appearance.describe`).

    Returns:
        (n, m) overlap of the boxes; 0 where the places are too far apart, or where somebody else is in the same place, as after
        a cut that nobody noticed.
    """
    overlap = iou(boxes, people.boxes)
    another = differences(appearances, described) > _ANOTHER  # NaN, where no face is seen, speaks against nobody
    return np.where((overlap < _SAME_PLACE) | another, 0, overlap)


def watch(path: Path | str, timeline: Timeline, shot: Shot, finder: Finder) -> Watched:
    """Look at a shot a few times a second.

    Where the picture stays as it was at the last look, the people are taken to be where they were, for up to a second.

    Raises:
        UnreadableVideo, Unavailable: as `read_frames`.
    """
    watched = Watched(shot)
    camera = Camera()
    last_seen: dict[int, int] = {}  # track: when
    now: list[int] = []  # tracks that the last look showed
    frames = read_frames(path, timeline, shot.start_pts, shot.end_pts, every=timeline.units(_LOOK_EVERY_S))
    for pts, seen in _looks(frames, finder, timeline.units(_LONGEST_REST_S)):
        if seen is None:
            camera.still(timeline.seconds(pts))
            watched.people[pts] = len(now)
            for number in now:
                watched.tracks[number].stay(pts)
        else:
            image, people = seen
            camera.see(image, people.boxes, timeline.seconds(pts))
            watched.people[pts] = len(people)
            alive = [number for number, when in last_seen.items() if pts - when <= timeline.units(_LOST_S)]
            now = _link(watched.tracks, alive, pts, people, describe(image, people))
        last_seen |= dict.fromkeys(now, pts)
    watched.speeds.extend(camera.speeds)
    return watched


def _looks(frames: Iterable[Frame], finder: Finder, rest: int) -> Iterator[tuple[int, tuple[Image, People] | None]]:
    """Time stamp of each frame with picture and people; without them where the picture is as it was at the last look."""
    waiting: list[tuple[int, Image | None]] = []
    known: npt.NDArray[np.int16] = np.zeros(0, np.int16)
    known_pts = 0
    for frame in frames:
        patches = np.asarray(cv2.resize(frame.image, _PATCHES, interpolation=cv2.INTER_AREA), np.int16)
        still = known.size > 0 and frame.pts - known_pts < rest and bool(np.abs(patches - known).max() < _STIR)
        waiting.append((frame.pts, None if still else frame.image))
        if not still:
            known, known_pts = patches, frame.pts
        if sum(image is not None for _, image in waiting) == _BATCH:
            yield from _found(waiting, finder)
            waiting = []
    yield from _found(waiting, finder)


def _found(
    waiting: list[tuple[int, Image | None]], finder: Finder
) -> Iterator[tuple[int, tuple[Image, People] | None]]:
    images = [image for _, image in waiting if image is not None]
    people = iter(finder.find(images, confidence=_CONFIDENCE) if images else [])
    for pts, image in waiting:
        yield pts, None if image is None else (image, next(people))


def _link(tracks: list[Track], alive: list[int], pts: int, people: People, described: Floats) -> list[int]:
    """Give each person to the track that they continue, best overlap first, or to a new one; return those tracks."""
    owner: dict[int, int] = {}
    if alive and len(people):
        boxes = np.stack([tracks[number].last_box for number in alive])
        overlap = continues(boxes, np.stack([tracks[number].appearance for number in alive]), people, described)
        for flat in np.argsort(-overlap, axis=None, kind="stable"):
            row, who = divmod(int(flat), len(people))
            if overlap[row, who] <= 0:
                break
            if alive[row] not in owner.values() and who not in owner:
                owner[who] = alive[row]
    faces = shows_face(people)
    for who in range(len(people)):
        if who not in owner:
            owner[who] = len(tracks)
            tracks.append(Track())
        tracks[owner[who]].see(pts, people.boxes[who], float(people.confidence[who]), bool(faces[who]), described[who])
    return sorted(owner.values())
