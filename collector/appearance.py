"""What a person looks like, in numbers that survive another framing: colours of hair, face and clothes, and the face's lines.

The joints tell where hair, face and clothes are: eyes, ears and shoulders give the size of the head, and everything is measured
in eye distances from the point between the eyes. So a person is described alike whether he fills the picture or a third of it,
and, because left and right are never told apart, also where a second camera shows him from the other side. Nothing is learned
and nothing downloaded. It tells apart the few people of one recording, in the clothes that they wear there; it can't recognise
anybody elsewhere, and is not meant to.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from collector.frames import Image
from collector.yolo import People

__all__ = ["SIZE", "Mean", "describe", "differences", "shows_face"]

Floats = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]

_JOINT = 0.5  # confidence of a joint, to count as visible
_SMALLEST = 3.0  # pixels from eye to eye; of a smaller head nothing can be told

# Parts of a person: left, top, right, bottom, in eye distances from the point between the eyes.
_PARTS: tuple[tuple[Box, ...], ...] = (
    ((-1.3, -2.3, 1.3, -1.1),),  # hair
    ((-1.0, 0.2, 1.0, 1.7),),  # face, from the eyes to the mouth
    ((-2.4, -0.4, -1.5, 2.4), (1.5, -0.4, 2.4, 2.4)),  # beside the face: long hair, or what is behind
    ((-3.2, 3.2, 3.2, 7.5),),  # clothes
)
_SEEN = 0.06  # share of a part that lies in the picture, to describe it
_LIGHTS, _COLOURS = 8, 12  # bins of lightness, and of a and b each (CIE Lab)
_PART = _LIGHTS + _COLOURS * _COLOURS
_DIRECTIONS, _CELLS, _CELL = 8, 8, 6  # of the face's lines: directions, cells across and down, pixels of a cell
_SPAN, _EYES = 4.2, 0.45  # the face's picture is so many eye distances wide and high; the eyes lie so far down
_LINES = _DIRECTIONS * _CELLS * _CELLS // 2
SIZE = len(_PARTS) * _PART + _LINES

# How much each difference counts. Lines count most: clothes and hair are often alike, and colours change with the camera.
_LIGHT_WEIGHT, _COLOUR_WEIGHT, _LINES_WEIGHT = (0.5, 0.2, 0.2, 1.0), (0.5, 0.3, 0.3, 1.5), 6.0

_COLOUR_ASPECTS = [
    (slice(number * _PART + first, number * _PART + end), weight)
    for number, weights in enumerate(zip(_LIGHT_WEIGHT, _COLOUR_WEIGHT, strict=True))
    for first, end, weight in ((0, _LIGHTS, weights[0]), (_LIGHTS, _PART, weights[1]))
]

# Greys are what most clothes and hair are made of: a and b are kept finer there than where colours are loud.
_BINS = np.rint((np.tanh((np.arange(256) - 128) / 25) + 1) / 2 * (_COLOURS - 1)).astype(np.uint8)


def shows_face(people: People) -> npt.NDArray[np.bool_]:
    """(n,) whether each person shows the nose and an eye."""
    sure = people.keypoints[:, :3, 2] >= _JOINT
    return np.asarray(sure[:, 0] & sure[:, 1:].any(axis=1))


def describe(image: Image, people: People) -> Floats:
    """Describe each person in a picture.

    Args:
        image: (height, width, 3) in BGR.

    Returns:
        (n, SIZE) float32: for each part the shares of its pixels by lightness and by colour, each summing to 1, then the face's
        lines, of length 1. NaN where a part lies outside the picture, and throughout where no face can be placed.
    """
    found = np.full((len(people), SIZE), np.nan, np.float32)
    faces = np.flatnonzero(shows_face(people))
    lab = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2LAB), np.uint8) if len(faces) else image
    for who in faces:
        eyes, unit, tilt = _head(people.keypoints[who], image.shape[1], image.shape[0])
        if unit < _SMALLEST:
            continue
        for number, boxes in enumerate(_PARTS):
            found[who, number * _PART : (number + 1) * _PART] = _colours(lab, eyes, unit, boxes)
        found[who, -_LINES:] = _lines(lab[..., 0], eyes, unit, tilt)
    return found


def _head(joints: Floats, width: int, height: int) -> tuple[npt.NDArray[np.float64], float, float]:
    """The point between the eyes, the distance of the eyes as seen from the front, and by how much the head is tilted.

    Turned aside, eyes and ears come closer together, while nose and shoulders don't: the largest estimate is the right one.
    """
    xy, seen = joints[:, :2].astype(np.float64) * [width, height], joints[:, 2] >= _JOINT
    sizes, tilt = [0.0], 0.0
    if seen[1] and seen[2]:
        across = xy[1] - xy[2]
        sizes.append(float(np.hypot(*across)))
        tilt = float(np.arctan(across[1] / across[0])) if abs(across[1]) < abs(across[0]) else 0.0
    if seen[3] and seen[4]:
        sizes.append(0.43 * float(np.hypot(*(xy[3] - xy[4]))))
    if seen[0] and seen[5] and seen[6]:
        sizes.append(0.34 * float(np.hypot(*(xy[0] - (xy[5] + xy[6]) / 2))))
    return xy[1:3][seen[1:3]].mean(axis=0), max(sizes), tilt


def _colours(lab: Image, eyes: npt.NDArray[np.float64], unit: float, boxes: tuple[Box, ...]) -> Floats:
    """(_PART,) shares of lightness and of colour in a part; NaN where too little of it is in the picture."""
    lights = np.zeros(_LIGHTS, np.float32)
    colours = np.zeros((_COLOURS, _COLOURS), np.float32)
    whole, seen = 0, 0
    for box in boxes:
        x0, y0, x1, y1 = (round(edge) for edge in np.tile(eyes, 2) + np.array(box) * unit)
        whole += (x1 - x0) * (y1 - y0)
        part = np.ascontiguousarray(lab[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)])
        if part.size:
            seen += part.shape[0] * part.shape[1]
            lights += _counts(part, [0], _LIGHTS, 256)
            part[..., 1:] = cv2.LUT(part[..., 1:], _BINS)
            colours += _counts(part, [1, 2], _COLOURS, _COLOURS)
    if seen < max(1.0, _SEEN * whole):
        return np.full(_PART, np.nan, np.float32)
    # Blurred, so that a colour that falls just beside a bin's edge in the next shot is near it still.
    soft = [
        np.asarray(cv2.GaussianBlur(counts, (0, 0), wide)) for counts, wide in ((lights[None], 0.8), (colours, 1.5))
    ]
    return np.asarray(np.concatenate([counts.ravel() / counts.sum() for counts in soft]), np.float32)


def _counts(part: Image, channels: list[int], bins: int, end: int) -> Floats:
    """How many pixels fall into each bin of one channel (bins,) or of two (bins, bins), whose values end below `end`."""
    n = len(channels)
    counts = np.asarray(cv2.calcHist([part], channels, None, [bins] * n, [0, end] * n), np.float32)
    return np.asarray(counts.reshape((bins,) * n))


def _lines(light: Image, eyes: npt.NDArray[np.float64], unit: float, tilt: float) -> Floats:
    """(_LINES,) how strong lines of each direction are in each cell of the face, set upright (HOG; Dalal, Triggs, CVPR 2005).

    The mean of the face and its mirror image, so that both are described alike; then half of the cells say everything. NaN in
    cells that lie outside the picture on both sides.
    """
    side = _CELLS * _CELL
    scale = side / (_SPAN * unit)
    turn = scale * np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])
    # A pixel's number is where it begins; what is at 0.5 is the middle of pixel 0.
    place = np.array([side / 2, _EYES * side]) - 0.5 - turn @ (eyes - 0.5)
    upright = np.column_stack([turn, place])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    face = cv2.warpAffine(light, upright, (side, side), flags=how, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.ones_like(light), upright, (side, side), flags=cv2.INTER_NEAREST)
    face = cv2.GaussianBlur(face, (0, 0), 0.7).astype(np.float32)
    dx, dy = cv2.Sobel(face, cv2.CV_32F, 1, 0), cv2.Sobel(face, cv2.CV_32F, 0, 1)
    strength = np.sqrt(np.hypot(dx, dy))
    direction = np.arctan2(dy, dx) % np.pi / np.pi * _DIRECTIONS
    lower = np.floor(direction)
    rows, columns = np.indices((side, side))
    lines = np.zeros((_DIRECTIONS, side, side), np.float32)
    for bins, share in ((lower, 1 - (direction - lower)), (lower + 1, direction - lower)):
        lines[bins.astype(int) % _DIRECTIONS, rows, columns] += strength * share
    cells = lines.reshape(_DIRECTIONS, _CELLS, _CELL, _CELLS, _CELL).sum(axis=(2, 4))
    seen = inside.reshape(_CELLS, _CELL, _CELLS, _CELL).min(axis=(1, 3)).astype(np.float32)
    cells, seen = cells * seen + np.roll((cells * seen)[::-1], 1, axis=0)[:, :, ::-1], seen + seen[:, ::-1]
    half = np.where(seen > 0, cells / np.maximum(seen, 1), np.nan)[:, :, : _CELLS // 2].ravel()
    return np.asarray(half / max(float(np.sqrt(np.nansum(half**2))), 1e-6), np.float32)


class Mean:
    """The mean of descriptions, each part over those that show it; NaN where none does."""

    def __init__(self) -> None:
        self._sum = np.zeros(SIZE, np.float32)
        self._count = np.zeros(SIZE, np.int32)

    def add(self, description: Floats) -> None:
        """Add one description (SIZE,)."""
        seen = ~np.isnan(description)
        self._sum[seen] += description[seen]
        self._count += seen

    @property
    def value(self) -> Floats:
        """(SIZE,) float32."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self._sum / self._count, np.float32)


def differences(a: Floats, b: Floats) -> Floats:
    """How different people look: 0 alike, 1 nothing in common.

    A weighted mean over what both descriptions show: of colours the Hellinger distance, of lines one less the cosine.

    Args:
        a: (n, SIZE) descriptions, or means of them.
        b: (m, SIZE) likewise.

    Returns:
        (n, m) float32; NaN where they show nothing in common.
    """
    total, weight = np.zeros((len(a), len(b))), np.zeros((len(a), len(b)))
    for where, counts in _COLOUR_ASPECTS:
        one, other = a[:, where], b[:, where]
        both = (~np.isnan(one[:, 0]))[:, None] & ~np.isnan(other[:, 0])
        alike = np.sqrt(np.nan_to_num(one)) @ np.sqrt(np.nan_to_num(other)).T
        total += np.where(both, counts * np.sqrt(np.clip(1 - alike, 0, 1)), 0)
        weight += counts * both
    unlike, shared = _unlike_lines(a[:, -_LINES:], b[:, -_LINES:])
    total += _LINES_WEIGHT * shared * unlike
    weight += _LINES_WEIGHT * shared
    with np.errstate(invalid="ignore"):
        return np.asarray(np.clip(total / weight, 0, 1), np.float32)


def _unlike_lines(a: Floats, b: Floats) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """One less the cosine over the cells that both show, and their share of all cells."""
    in_a, in_b = (~np.isnan(a)).astype(np.float64), (~np.isnan(b)).astype(np.float64)
    one, other = np.nan_to_num(a).astype(np.float64), np.nan_to_num(b).astype(np.float64)
    lengths = np.sqrt((one**2 @ in_b.T) * (in_a @ (other**2).T))
    return 1 - one @ other.T / np.maximum(lengths, 1e-12), in_a @ in_b.T / _LINES
