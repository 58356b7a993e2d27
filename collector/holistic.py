"""Body, hands and face of a person whom YOLO has found, by the models of MediaPipe's holistic solution.

They are the files of MediaPipe 0.10.21, the last release that carries them, taken out of its wheel by their sha256 and run by
OpenVINO: nothing of MediaPipe is installed, which would bring other versions of NumPy, OpenCV and protobuf than the rest
needs. What leads from one model to the next follows MediaPipe's graphs (`mediapipe/modules/holistic_landmark` and what it
includes, Apache-2.0), in the mode for single pictures: each frame stands for itself, nothing is smoothed or carried over.
Three things differ. The person is the one whom YOLO follows, or nobody, where MediaPipe would take any. Frames go through the models
side by side. And where a model says that a hand or face isn't there, its joints have confidence 0.

Joints, 543, as `models.joint_sets` has them: 33 of the body, 21 of the left hand, 21 of the right hand, 468 of the face.
Confidence is the visibility of each joint for the body, and that of the whole hand or face for its joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import pi
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from collector.frames import Image
from collector.network import Network, tflite_on_cpu
from collector.squares import Square, along, around, cut
from collector.weights import cache_dir
from collector.wheels import Wheel, file_in_wheel
from collector.yolo import People
from manifests.ids import file_sha256

__all__ = [
    "BODY",
    "FACE",
    "LEFT_HAND",
    "MADE_BY",
    "RIGHT_HAND",
    "Holistic",
    "find_models",
    "load_holistic",
    "models_cached",
]

_WHEEL = Wheel(
    "mediapipe",
    "0.10.21",
    "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl",
    "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
)
MADE_BY = f"{_WHEEL.name} {_WHEEL.version}"


@dataclass(frozen=True)
class _Model:
    """A model in the wheel.

    Attributes:
        size: of the square that it sees, in pixels.
        low: what black is to it; white is 1.
    """

    file: str
    sha256: str
    size: int
    low: float = 0.0


_MODELS = {
    "pose_detection": _Model(
        "pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        224,
        -1.0,
    ),
    "pose": _Model(
        "pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
        256,
    ),
    "hand_recrop": _Model(
        "holistic_landmark/hand_recrop.tflite",
        "67d996ce96f9d36fe17d2693022c6da93168026ab2f028f9e2365398d8ac7d5d",
        256,
    ),
    "hand": _Model(
        "hand_landmark/hand_landmark_full.tflite",
        "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        224,
    ),
    "face_detection": _Model(
        "face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        128,
        -1.0,
    ),
    "face": _Model(
        "face_landmark/face_landmark.tflite",
        "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
        192,
    ),
}

BODY, LEFT_HAND, RIGHT_HAND, FACE = slice(0, 33), slice(33, 54), slice(54, 75), slice(75, 543)
_JOINTS = 543
_HANDS = ((LEFT_HAND, (15, 17, 19)), (RIGHT_HAND, (16, 18, 20)))  # with wrist, little and index finger of the body
_EYE_OF_BODY = (5, 2)  # the right eye, the left eye

_MARGIN = 0.15  # of YOLO's box, around it
_CROWD = 0.3  # IoU of two candidates that are one
_THERE = 0.5  # what a model must say for a body, hand or face to be there
_VISIBLE_WRIST = 0.1
_SAME_NOSE = 0.1  # of the crop, between the noses of one person that YOLO and MediaPipe see
_REFINED = 9  # side of the window of a heat map in which a joint of the body is refined

Floats = npt.NDArray[np.float32]


def find_models() -> dict[str, Path]:
    """The model files by name, by their sha256, taken out of MediaPipe's wheel into the cache.

    Raises:
        Unavailable: they are neither cached nor to be had.
    """
    return {
        name: file_in_wheel(_WHEEL, f"mediapipe/modules/{model.file}", model.sha256, _folder() / Path(model.file).name)
        for name, model in _MODELS.items()
    }


def models_cached() -> bool:
    """Whether all model files are in the cache, with the right sha256."""
    folder = _folder()
    return all(
        (path := folder / Path(model.file).name).is_file() and file_sha256(path) == model.sha256
        for model in _MODELS.values()
    )


def _folder() -> Path:
    return cache_dir() / f"{_WHEEL.name}-{_WHEEL.version}"


@lru_cache(maxsize=1)
def load_holistic(threads: int) -> Holistic:
    """The models, loaded and ready; a second call with the same argument gives the same.

    Raises:
        Unavailable: the models are neither cached nor to be had, or OpenVINO is missing.
    """
    files = find_models()
    return Holistic({name: tflite_on_cpu(files[name], threads, model.low) for name, model in _MODELS.items()})


class Holistic:
    """Estimates 543 joints of a person (an estimator as `collector.poses` takes them). Get one from `load_holistic`."""

    width = 1280  # hands are small in less
    joints = _JOINTS

    def __init__(self, networks: dict[str, Network]) -> None:
        self._networks = networks

    def estimate(self, images: Sequence[Image], track: Sequence[People]) -> Floats:
        """(frames, 543, 3) x and y in shares of the picture, confidence; all 0 where `track` has nobody."""
        keypoints = np.zeros((len(images), _JOINTS, 3), np.float32)
        bodies = self._bodies(images, track)
        for index, body in bodies.items():
            keypoints[index, BODY] = body
        for hand, joints_of_body in _HANDS:
            for index, joints in self._hands(images, bodies, joints_of_body).items():
                keypoints[index, hand] = joints
        for index, joints in self._faces(images, bodies).items():
            keypoints[index, FACE] = joints
        if images:
            keypoints[..., :2] /= np.array(images[0].shape[1::-1], np.float32)
        return keypoints

    def _run(
        self, name: str, images: Sequence[Image], squares: dict[int, Square], *, black: bool = False
    ) -> tuple[Floats, ...]:
        size = _MODELS[name].size
        return self._networks[name](
            np.stack([cut(images[index], square, size, black=black) for index, square in squares.items()])
        )

    def _bodies(self, images: Sequence[Image], track: Sequence[People]) -> dict[int, Floats]:
        """(33, 3) joints in pixels, visibility, of each frame in which the followed person's body is found."""
        crops = {
            i: _crop(image, person) for i, (image, person) in enumerate(zip(images, track, strict=True)) if len(person)
        }
        if not crops:
            return {}
        squares: dict[int, Square] = {}
        found, scores = self._run("pose_detection", images, crops, black=True)
        for (index, crop), points, score in zip(crops.items(), found, scores, strict=True):
            nose = _nose(images[index], track[index])
            places = crop.put_back(_detected(points, score, _BODY_ANCHORS, _MODELS["pose_detection"].size))
            # Corners of the face, then the middle of the hips and a point that tells how far the body reaches.
            near = np.abs(places[:, :2].mean(axis=1) - nose).max(axis=1) < crop.side / 4 if len(places) else []
            if np.any(near):
                hips, reach = places[np.flatnonzero(near)[0], 2:4]
                squares[index] = along(hips, reach, pi / 2).grown(1.25)
        if not squares:
            return {}
        landmarks, presence, _, heat, _ = self._run("pose", images, squares)
        bodies = {}
        for (index, square), joints, there, maps in zip(squares.items(), landmarks, presence, heat, strict=True):
            if there[0] > _THERE:
                joints = joints.reshape(-1, 5)
                visible = expit(joints[:33, 3:4])
                places = square.put_back(_refined(joints[:33, :2] / _MODELS["pose"].size, maps[..., :33]))
                # Where two people are close, the model may mix them, or take the other one.
                apart = np.abs(places[0] - _nose(images[index], track[index])).max()
                if apart < _SAME_NOSE * crops[index].side:
                    bodies[index] = np.concatenate([places, visible], axis=1)
        return bodies

    def _hands(
        self, images: Sequence[Image], bodies: dict[int, Floats], wrist_pinky_index: tuple[int, int, int]
    ) -> dict[int, Floats]:
        """(21, 3) joints in pixels, confidence, of each frame in which the hand is found."""
        wide: dict[int, Square] = {}
        for index, body in bodies.items():
            wrist, pinky, finger = body[list(wrist_pinky_index)]
            if wrist[2] > _VISIBLE_WRIST:
                middle = (2 * finger + pinky) / 3
                turned = along(wrist, middle, pi / 2)
                hand = Square(float(middle[0]), float(middle[1]), turned.side, turned.angle)
                wide[index] = hand.raised(0.1 * hand.side).grown(2.7)
        wide = {index: square for index, square in wide.items() if square.side > 1}
        if not wide:
            return {}
        (corners,) = self._run("hand_recrop", images, wide)
        tight = {}
        for (index, square), corner in zip(wide.items(), corners, strict=True):
            centre, reach = square.put_back(corner.reshape(2, 2) / _MODELS["hand_recrop"].size)
            hand = along(centre, reach, -pi / 2)
            tight[index] = hand.raised(0.1 * hand.side)
        landmarks, presence, *_ = self._run("hand", images, tight)
        return _placed(tight, landmarks, presence, _MODELS["hand"].size)

    def _faces(self, images: Sequence[Image], bodies: dict[int, Floats]) -> dict[int, Floats]:
        """(468, 3) joints in pixels, confidence, of each frame in which the face is found."""
        wide = {index: around(body[:11], *_EYE_OF_BODY).grown(3) for index, body in bodies.items()}
        if not wide:
            return {}
        found, scores = self._run("face_detection", images, wide, black=True)
        tight = {}
        for (index, square), points, score in zip(wide.items(), found, scores, strict=True):
            places = square.put_back(_detected(points, score, _FACE_ANCHORS, _MODELS["face_detection"].size))
            if len(places):  # six points, of which the first are the right eye and the left eye
                face = places[0, 2:]
                tight[index] = around(face, 0, 1).raised(0.1 * float(np.ptp(face[:, 1]))).grown(2)
        if not tight:
            return {}
        landmarks, presence = self._run("face", images, tight)
        return _placed(tight, landmarks, expit(presence.reshape(-1, 1)), _MODELS["face"].size)


def _crop(image: Image, person: People) -> Square:
    """The upright square around the part of a picture that a box covers, with a margin."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = person.boxes[0] * np.array([width, height, width, height])
    more = _MARGIN * max(x1 - x0, y1 - y0)
    left, top, right, bottom = max(0, x0 - more), max(0, y0 - more), min(width, x1 + more), min(height, y1 + more)
    return Square((left + right) / 2, (top + bottom) / 2, max(right - left, bottom - top, 1.0))


def _nose(image: Image, person: People) -> Floats:
    """(2,) where YOLO sees a person's nose, in pixels."""
    return np.asarray(person.keypoints[0, 0, :2] * np.array(image.shape[1::-1], np.float32), np.float32)


def _placed(squares: dict[int, Square], landmarks: Floats, presence: Floats, size: int) -> dict[int, Floats]:
    """Joints of those squares in which something is there."""
    found = {}
    for (index, square), points, there in zip(squares.items(), landmarks, presence.reshape(-1), strict=True):
        if there > _THERE:
            joints = square.put_back(points.reshape(-1, 3) / size)
            joints[:, 2] = there
            found[index] = joints
    return found


def _anchors(size: int, strides: tuple[int, ...]) -> Floats:
    """(n, 2) where the candidates of a detector are centred, 0 to 1: two in each cell of each layer's grid."""
    layers = []
    for stride in dict.fromkeys(strides):
        cells = size // stride
        y, x = np.mgrid[:cells, :cells]
        centres = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / cells
        layers.append(np.repeat(centres, 2 * strides.count(stride), axis=0))
    return np.concatenate(layers).astype(np.float32)


_BODY_ANCHORS = _anchors(224, (8, 16, 32, 32, 32))
_FACE_ANCHORS = _anchors(128, (8, 16, 16, 16))


def _detected(found: Floats, scores: Floats, anchors: Floats, size: int) -> Floats:
    """(n, points, 2) what a detector found, best first, x and y from 0 to 1: two corners of a box, then its points.

    Of candidates that overlap, the mean weighted by their scores, as in BlazeFace (Bazarevsky et al., CVPR workshops 2019).
    """
    scores = expit(scores.reshape(-1))
    likely = np.flatnonzero(scores >= _THERE)
    likely = likely[np.argsort(-scores[likely], kind="stable")]
    points: Floats = (found[likely] / np.float32(size)).reshape(-1, found.shape[-1] // 2, 2)
    half = points[:, 1] / 2
    points[:, 0] += anchors[likely]
    points[:, 2:] += anchors[likely, None]
    points[:, 0], points[:, 1] = points[:, 0] - half, points[:, 0] + half
    scores = scores[likely]
    people = []
    while len(points):
        one = _overlap(points[0, :2], points[:, :2]) > _CROWD
        one[0] = True
        people.append(np.average(points[one], axis=0, weights=scores[one]))
        points, scores = points[~one], scores[~one]
    return np.reshape(people, (-1, found.shape[-1] // 2, 2)).astype(np.float32)


def _overlap(box: Floats, boxes: Floats) -> Floats:
    """IoU of one box (2, 2) with others (n, 2, 2)."""
    shared = np.clip(np.minimum(box[1], boxes[:, 1]) - np.maximum(box[0], boxes[:, 0]), 0, None).prod(axis=1)
    areas = (boxes[:, 1] - boxes[:, 0]).prod(axis=1)
    return np.asarray(shared / np.maximum((box[1] - box[0]).prod() + areas - shared, 1e-12), np.float32)


def _refined(points: Floats, heat: Floats) -> Floats:
    """(n, 2) points moved to the middle of what (cells, cells, n) maps show around them, where that is clear."""
    cells, around_it = len(heat), _REFINED // 2
    refined = points.copy()
    for joint, (x, y) in enumerate(points):
        column, row = int(x * cells), int(y * cells)
        if not (0 <= column < cells and 0 <= row < cells):
            continue
        top, left = max(0, row - around_it), max(0, column - around_it)
        window = expit(heat[top : row + around_it + 1, left : column + around_it + 1, joint])
        if window.max() >= _THERE:
            rows, columns = np.mgrid[top : top + window.shape[0], left : left + window.shape[1]]
            refined[joint] = (np.array([(columns * window).sum(), (rows * window).sum()]) / window.sum()) / cells
    return refined
