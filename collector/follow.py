"""Follow one person through a clip, and estimate their joints on a cut-out around them.

Cut out, a person costs a fraction of a whole picture, and the cut-out stays where it is as long as they stay in it: one that
moved with them would make every joint tremble. The whole picture is looked at once a second, and wherever the cut-out leaves
a doubt: nobody there who continues the track, a detection that isn't sure, a second person who could be meant, or somebody
at the cut-out's edge. It then decides who it is, as it would without any cut-out; joints come from the cut-out where that
shows the same person, so that they don't jump whenever somebody looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Protocol

import numpy as np
import numpy.typing as npt

from collector.frames import Image
from collector.people import Floats, iou
from collector.yolo import JOINTS, People, Region

__all__ = ["Follower", "RegionFinder"]

_CONFIDENCE = 0.4  # of a detection in the whole picture, to count as a person; as when clips are cut
_CONTINUES = 0.3  # IoU with the box before
_AGREES = 0.5  # IoU of one person's boxes, in the cut-out and in the whole picture
_NOTICED, _SURE = 0.25, 0.5  # confidence of a detection in the cut-out: to be a candidate; to need no second look
_MARGIN = 0.2  # around a person's box, as a share of its longer side
_AT_EDGE = 0.02  # somebody with less than this around them may go on outside the region
_LEAST_MARGIN = 0.05  # where less is left, another region is cut out
_LOOSE = 1.5  # and where the region has this many times the size that the box would need

_NOBODY = People(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, JOINTS, 3), np.float32))


class RegionFinder(Protocol):
    """Finds people in pictures and in parts of them, as `collector.yolo.PoseModel` does."""

    def find(self, images: Sequence[Image], confidence: float = ...) -> list[People]: ...

    def find_in(self, images: Sequence[Image], region: Region, confidence: float = ...) -> list[People]: ...


class Follower:
    """Follows one person, picture by picture.

    Attributes:
        looks: how many whole pictures were looked at so far.
    """

    def __init__(self, finder: RegionFinder, start: Floats, every: int) -> None:
        """Begin a track.

        Args:
            start: (4,) the box that it begins at, in shares of the picture's width and height.
            every: the whole picture is looked at once in so many frames.
        """
        self.looks = 0
        self._finder, self._start, self._every = finder, start, every
        self._box = start
        self._region: Region | None = None  # None: whoever is followed is not in view
        self._due = 0

    def follow(self, images: Sequence[Image]) -> list[People]:
        """The one person in each of the next pictures, or nobody. All pictures of a track have one size."""
        found: list[People] = []
        seen_in: Region | None = None
        seen: list[People] = []
        for index, image in enumerate(images):
            candidates, sure = _NOBODY, _NOBODY
            if self._region is not None:
                if seen_in != self._region:
                    seen_in = self._region
                    seen = [*([_NOBODY] * index), *self._finder.find_in(images[index:], seen_in, _NOTICED)]
                candidates = seen[index]
                sure = self._without_doubt(candidates, self._region, image)
            self._due -= 1
            person = sure if len(sure) and self._due >= 0 else self._by_whole_picture(image, candidates)
            found.append(person)
            self._move(person, image)
        return found

    def _without_doubt(self, candidates: People, region: Region, image: Image) -> People:
        """The candidate in the cut-out who continues the track, if nothing speaks against it; else nobody."""
        overlap = iou(self._box[None], candidates.boxes)[0] if len(candidates) else np.zeros(0)
        who = np.flatnonzero(overlap >= _CONTINUES)
        if len(who) != 1 or candidates.confidence[who[0]] < _SURE:
            return _NOBODY
        person = candidates.only(int(who[0]))
        return _NOBODY if _margin(person.boxes[0], region, image) < _AT_EDGE else person

    def _by_whole_picture(self, image: Image, candidates: People) -> People:
        """Who continues the track in the whole picture; as the cut-out shows them, if it does."""
        self.looks += 1
        self._due = self._every - 1
        (people,) = self._finder.find([image], _CONFIDENCE)
        if not len(people):
            return _NOBODY
        overlap = iou(np.stack([self._box, self._start]), people.boxes)
        # The box before decides as long as somebody is there; who was lost may come back to where the track began.
        best = overlap[0] if overlap[0].max() >= _CONTINUES else overlap[1]
        if best.max() < _CONTINUES:
            return _NOBODY
        person = people.only(int(best.argmax()))
        if self._region is not None and len(candidates):
            agreement = iou(person.boxes, candidates.boxes)[0]
            same = int(agreement.argmax())
            if agreement[same] >= _AGREES and _margin(candidates.boxes[same], self._region, image) >= _AT_EDGE:
                return candidates.only(same)
        return person

    def _move(self, person: People, image: Image) -> None:
        if not len(person):
            self._region = None
            return
        self._box = person.boxes[0]
        wanted = _around(self._box, _MARGIN, image)
        if self._region is None or not _fits(self._region, self._box, wanted, image):
            self._region = wanted


def _pixels(box: Floats, image: Image) -> npt.NDArray[np.float64]:
    height, width = image.shape[:2]
    return np.asarray(box * np.array([width, height, width, height]), np.float64)


def _around(box: Floats, margin: float, image: Image) -> Region:
    """The region of a picture with a box and so much around it, as far as the picture goes."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = _pixels(box, image)
    more = margin * max(x1 - x0, y1 - y0)
    left, top = max(0, int(x0 - more)), max(0, int(y0 - more))
    return left, top, max(left + 1, min(width, ceil(x1 + more))), max(top + 1, min(height, ceil(y1 + more)))


def _margin(box: Floats, region: Region, image: Image) -> float:
    """What is left around a box in a region, as a share of the box's longer side; edges of the picture don't count."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = _pixels(box, image)
    edges = (
        (x0 - region[0], region[0] > 0),
        (y0 - region[1], region[1] > 0),
        (region[2] - x1, region[2] < width),
        (region[3] - y1, region[3] < height),
    )
    return float(min((left for left, inner in edges if inner), default=np.inf) / max(x1 - x0, y1 - y0, 1.0))


def _fits(region: Region, box: Floats, wanted: Region, image: Image) -> bool:
    size, needed = (max(one[2] - one[0], one[3] - one[1]) for one in (region, wanted))
    return size <= _LOOSE * needed and _margin(box, region, image) >= _LEAST_MARGIN
