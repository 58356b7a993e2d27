"""How fast the camera moves, from a few pictures a second: pans, zooms and whips, told by what lies behind the people.

Points of the background are followed from one look to the next (Lucas, Kanade, IJCAI 1981), and one shift, turn and zoom is
fitted to them (RANSAC: Fischler, Bolles, CACM 1981), so that what moves on its own in the background does not count. Where the
background is a bare wall there is nothing to follow, and the camera counts as still: so does it for whoever watches the clip.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from collector.frames import Image

__all__ = ["FASTEST", "Camera"]

Floats = npt.NDArray[np.float32]

FASTEST = 1.0  # picture widths a second; what is faster can't be followed
_WIDTH = 320
_POINTS = 150
_ENOUGH = 12  # points, for a background that shows whether the camera moves
_FOUND = 0.3  # of the points must be found again; if fewer are, it is another picture
_CHANGED = 8.0  # grey levels by which the background differs, on average, if it is another
_AGREE = 0.5  # of the points that were found again must move as one
_SLACK = 1.5  # pixels, within which points move as one
_AROUND = 0.03  # of the picture around a person's box: hair, hands, chairs
_BLINK = 2  # looks: for so long a flash may hide the background


class Camera:
    """The camera of one shot, watched from look to look.

    Attributes:
        speeds: for each look how fast the picture's corners have moved since the look before, in picture widths a second; 0
            where the background shows nothing.
    """

    def __init__(self) -> None:
        self.speeds: list[float] = []
        self._grey: Image | None = None
        self._points: npt.NDArray[np.float32] | None = None
        self._mask: Image = np.zeros((0, 0), np.uint8)
        self._seconds = 0.0
        self._lost = 0

    def still(self, seconds: float) -> None:
        """Note a look at which the picture was as it had been."""
        self.speeds.append(0.0)
        self._seconds, self._lost = seconds, 0

    def see(self, image: Image, boxes: Floats, seconds: float) -> None:
        """Note a look at another picture.

        Args:
            image: (height, width, 3) in BGR.
            boxes: (n, 4) of the people in it, as shares of width and height; what is inside says nothing of the camera.
            seconds: when, in seconds.
        """
        height = max(2, round(_WIDTH * image.shape[0] / image.shape[1]))
        small = cv2.resize(image, (_WIDTH, height), interpolation=cv2.INTER_AREA)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        self.speeds.append(0.0)
        if self._grey is not None and self._points is not None and seconds > self._seconds:
            moved = _moved(self._grey, grey, self._points, self._mask)
            if moved is None and self._lost < _BLINK:
                self._lost += 1  # perhaps a flash: the next picture is compared with the one before it
                return
            if moved is None:
                self.speeds[-self._lost - 1 :] = [FASTEST] * (self._lost + 1)
            else:
                self.speeds[-1] = min(FASTEST, moved / (seconds - self._seconds))
        self._grey, self._seconds, self._lost = grey, seconds, 0
        self._mask = _around(grey, boxes)
        self._points = _background(grey, self._mask)


def _around(grey: Image, boxes: Floats) -> Image:
    """A mask of the picture, 0 where people are."""
    mask = np.full(grey.shape, 255, np.uint8)
    height, width = grey.shape
    for x0, y0, x1, y1 in boxes:
        left, top = max(0, int((x0 - _AROUND) * width)), max(0, int((y0 - _AROUND) * height))
        mask[top : int((y1 + _AROUND) * height) + 1, left : int((x1 + _AROUND) * width) + 1] = 0
    return mask


def _background(grey: Image, mask: Image) -> npt.NDArray[np.float32] | None:
    """Points (n, 1, 2) that can be followed, outside the people; None if there are too few."""
    points = cv2.goodFeaturesToTrack(grey, _POINTS, 0.02, 6, mask=mask)
    return None if points is None or len(points) < _ENOUGH else np.asarray(points, np.float32)


def _moved(before: Image, after: Image, points: npt.NDArray[np.float32], mask: Image) -> float | None:
    """How far the picture's corners moved, as a share of its width; None if the points are lost."""
    there, found = _followed(before, after, points)
    if found.sum() < max(_ENOUGH / 2, _FOUND * len(points)):
        # Points get lost on a dim wall, too, when somebody's hair brushes past; then the wall looks as before all the same.
        around = np.asarray(cv2.absdiff(before, after))[mask > 0]
        return None if around.mean() >= _CHANGED else 0.0
    motion, agree = cv2.estimateAffinePartial2D(points[found], there[found], ransacReprojThreshold=_SLACK)
    if motion is None or agree.sum() < max(_ENOUGH / 2, _AGREE * found.sum()):
        return 0.0  # each goes its own way, as leaves and passers-by do, and light on a wall
    height, width = before.shape
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
    shift = corners @ motion[:, :2].T + motion[:, 2] - corners
    return float(np.hypot(*shift.T).mean() / width)


def _followed(
    before: Image, after: Image, points: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Where points (n, 1, 2) went, and which of them come back to where they were when followed in reverse."""
    # The fourth argument is where OpenCV puts its answer.
    there, found, _ = cv2.calcOpticalFlowPyrLK(before, after, points, points.copy(), winSize=(15, 15), maxLevel=3)
    back, again, _ = cv2.calcOpticalFlowPyrLK(after, before, there, points.copy(), winSize=(15, 15), maxLevel=3)
    off = np.abs(np.asarray(back) - points).max(axis=(1, 2))
    return np.asarray(there, np.float32), (found.ravel() == 1) & (again.ravel() == 1) & (off < _SLACK)
