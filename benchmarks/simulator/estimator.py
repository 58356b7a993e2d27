"""A simulated pose estimator: the camera's true points in, what an estimator would say of them out.

Its noise is that of `noise_table.py`. A hidden joint is guessed: near its true place, pulled into the picture, with the low
confidence and the wide spread that the real estimator shows there. Feet, face and hands (`coco_wholebody133`) have no measured rows; they
are given those of the ankles, the nose and the wrists.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from benchmarks.simulator.body import LEFT, RIGHT, Floats
from benchmarks.simulator.camera import (
    HEIGHT,
    WIDTH,
    Camera,
    Picture,
    below_desk,
    hidden_joints,
    out_of_sight,
    palm_centre,
    project,
)
from benchmarks.simulator.face import CROWN
from benchmarks.simulator.noise_table import (
    BANDS,
    CONFIDENCE,
    DROP_FRAMES,
    DROP_OUTS,
    GROUP_OF_JOINT,
    LOST,
    LOST_FRAMES,
    PART_OF_JOINT,
    SPREAD,
)
from benchmarks.simulator.scene import Scene, body_points, face_points_of, hand_points_of

__all__ = ["N_JOINTS", "estimate"]

N_JOINTS = {"coco17": 17, "coco_wholebody133": 133}

Bools = npt.NDArray[np.bool_]

_LEVELS = 256
# COCO's own annotators differ by these shares of the root of the person's area (2 sigma of the keypoint similarity's
# constants, Ronchi and Perona, ICCV 2017). An estimator learns from them, so a part of that is taken as an error that stays the
# same through a video; which part is an assumption.
_ANNOTATORS = {
    "nose": 0.026,
    "eyes": 0.025,
    "ears": 0.035,
    "shoulders": 0.079,
    "elbows": 0.072,
    "wrists": 0.062,
    "hips": 0.107,
}
_LASTING_SHARE, _LASTING_HIDDEN = 0.25, 0.06
_BETWEEN_VIDEOS = 0.4  # deviation of the logarithm of a video's noise: how sharp, lit and compressed it is
_LEAPS, _LEAP = 0.04, 2.5  # share of frames with that many times the jitter: heavier tails than the normal's


def _by_level(part: str, column: str) -> Floats:
    """(levels,) a column of SPREAD by confidence, linear between the bands' middles."""
    edges = (0.0, *BANDS, 1.0)
    middles = [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    values = [getattr(SPREAD[part, band], column) for band in range(len(middles))]
    return np.asarray(np.interp(np.arange(_LEVELS) / (_LEVELS - 1), middles, values), np.float32)


# What shows from one frame to the next is taken to be half an error that is new in every frame, half one that lasts some frames
# (autoregressive, with this correlation). Third differences hold that share of the variance of the second.
_KEEPS = 0.7
_LASTING_QUICK = (20 - 30 * _KEEPS + 12 * _KEEPS**2 - 2 * _KEEPS**3) / 20
_QUICK = {part: _by_level(part, "quick") for part in set(PART_OF_JOINT)}
_JITTER = {part: (quick * np.sqrt(0.5)).astype(np.float32) for part, quick in _QUICK.items()}
_WANDER = {part: (quick * np.sqrt(0.5 / _LASTING_QUICK)).astype(np.float32) for part, quick in _QUICK.items()}


def estimate(
    scene: Scene,
    camera: Camera,
    skeleton: str,
    body_rng: np.random.Generator,
    fine_rng: np.random.Generator,
    noise: float = 1.0,
) -> tuple[Floats, Floats]:
    """What a pose estimator says of a scene.

    Args:
        skeleton: "coco17" or "coco_wholebody133"; the first 17 joints are the same in both.
        body_rng, fine_rng: the video's generators of noise, of the body and of feet, face and hands.
        noise: factor on the errors of place. 0 is a perfect estimator: true places, full confidence, nothing hidden or lost.

    Returns:
        (frames, joints, 3) x and y in pixels and confidence, and (frames, 4) boxes, NaN where the player was lost.
    """
    everything = slice(0, scene.n_frames)
    points = body_points(scene, everything)
    picture = project(camera, points, everything)
    hidden = hidden_joints(scene, camera, points, picture, everything)
    boxes, scale = _boxes(scene, camera, picture, hidden)
    keypoints = np.empty((scene.n_frames, N_JOINTS[skeleton], 3), np.float32)
    fine = _fine_pictures(scene, camera, picture) if skeleton == "coco_wholebody133" else []
    if noise == 0:
        for start, view in [(0, _rows(picture, 0, 17)), *((start, view) for start, view, _, _ in fine)]:
            _write(keypoints, start, view.u, view.v, np.ones_like(view.u))
        return keypoints, boxes
    quality = noise * scale * float(np.exp(_BETWEEN_VIDEOS * (body_rng.standard_normal() - _BETWEEN_VIDEOS)))
    nose = _see_body(keypoints, _rows(picture, 0, 17), hidden[:17], quality, noise * scale, body_rng)
    for start, view, part, unseen in fine:
        _see_fine(keypoints, start, view, part, unseen, nose, quality, noise * scale, fine_rng)
    lost = _bursts(scene.n_frames, LOST, LOST_FRAMES, body_rng)
    boxes += (0.006 * quality * body_rng.standard_normal(boxes.shape, dtype=np.float32)).astype(np.float32)
    np.clip(boxes, 0, np.array([WIDTH, HEIGHT, WIDTH, HEIGHT], np.float32), out=boxes)
    keypoints[lost], boxes[lost] = 0, np.nan
    return keypoints, boxes


# --- the body ------------------------------------------------------------------------------------------------------------


def _see_body(
    keypoints: Floats, view: Picture, hidden: Bools, quality: float, scale: float, rng: np.random.Generator
) -> Floats:
    """Write the 17 joints; returns (frames,) the logit of the nose's confidence."""
    n = hidden.shape[1]
    level = float(rng.standard_normal())  # a video that is good for one joint is good for the others
    first: Floats = np.empty(0, np.float32)
    for joint, (group, part) in enumerate(zip(GROUP_OF_JOINT, PART_OF_JOINT, strict=True)):
        seen, unseen = CONFIDENCE.get((group, "seen")), CONFIDENCE[group, "unseen"]
        assert seen is not None
        of_seen, of_unseen = 0.7 * level + 0.7 * rng.standard_normal(2)
        means = (unseen.mean + unseen.between * of_unseen, seen.mean + seen.between * of_seen)
        level_now = np.where(hidden[joint], np.float32(means[0]), np.float32(means[1]))
        logit = _smooth(level_now, 0.5) + _lasting(rng, n, seen.keeps, seen.within)
        logit[_bursts(n, DROP_OUTS, DROP_FRAMES, rng) & ~hidden[joint]] -= np.float32(4)
        confidence = _logistic(logit)
        away = _LASTING_SHARE * _ANNOTATORS.get(group, 0.09) * rng.standard_normal(2)
        guess = _LASTING_HIDDEN * rng.standard_normal(2)
        off = _errors(rng, confidence, part, quality)
        for axis, (true, edge) in enumerate(((view.u[joint], WIDTH), (view.v[joint], HEIGHT))):
            bias = np.where(hidden[joint], np.float32(scale * guess[axis]), np.float32(scale * away[axis]))
            place = np.clip(true, 0, edge - 1) + _smooth(bias, 0.5) + off[axis]
            keypoints[:, joint, axis] = np.clip(place, 0, edge - 1)
        keypoints[:, joint, 2] = confidence
        if joint == 0:
            first = logit
    return first


def _errors(rng: np.random.Generator, confidence: Floats, part: str, quality: float) -> Floats:
    """(2, frames) errors in x and y of a joint of a part of the body, in pixels."""
    n = len(confidence)
    level = (confidence * (_LEVELS - 1)).astype(np.uint8)
    normal = rng.standard_normal((2, n), dtype=np.float32)
    normal *= np.where(rng.random(n, dtype=np.float32) < _LEAPS, np.float32(_LEAP), np.float32(1)) / _LEAP_RMS
    slow = np.stack([_lasting(rng, n, _KEEPS, 1.0) for _ in range(2)])
    return np.asarray(np.float32(quality) * (_JITTER[part][level] * normal + _WANDER[part][level] * slow), np.float32)


_LEAP_RMS = np.float32(np.sqrt(1 - _LEAPS + _LEAPS * _LEAP**2))


# --- feet, face and hands ------------------------------------------------------------------------------------------------


def _fine_pictures(scene: Scene, camera: Camera, body: Picture) -> list[tuple[int, Picture, str, Bools]]:
    """First row, picture, part and whether hidden, of the feet, the face and both hands."""
    everything = slice(0, scene.n_frames)
    palms = [palm_centre(scene, side, everything) for side in (LEFT, RIGHT)]
    faces = face_points_of(scene, everything)
    face = project(camera, faces, everything)
    covered = np.zeros(face.u.shape, np.bool_)
    for palm in palms:
        across, up = faces[:, 0] - palm[0], faces[:, 1] - palm[1]
        covered |= (across * across + up * up < 0.07**2) & (palm[2] > faces[:, 2] - 0.01)
    feet = _rows(body, 17, 23)
    parts = [
        (17, feet, "feet", np.ones(feet.u.shape, np.bool_)),
        (23, face, "face", covered | out_of_sight(camera, face)),
    ]
    trunk = scene.trunk
    for side in (LEFT, RIGHT):
        points = hand_points_of(scene, side, everything)
        hand = project(camera, points, everything)
        away = palms[side] - trunk.top
        behind = (away * trunk.chest_axes[2]).sum(axis=0) < -0.05
        hidden = below_desk(scene, camera, points[:, 1], hand.ahead) | (behind & (away[1] < 0.06))
        # Fingers among the other hand's fingers are anyone's guess.
        apart = palms[side] - palms[1 - side]
        tangled = (apart[0] ** 2 + apart[1] ** 2 < 0.08**2) & (apart[2] < 0)
        parts.append((91 + 21 * side, hand, "hand", hidden | tangled | out_of_sight(camera, hand)))
    return parts


@dataclass(frozen=True)
class _Fine:
    """Assumptions about a kind of points that the measured estimator doesn't give.

    Attributes:
        part: of the body, whose spread it gets.
        seen, hidden: means of the logit of the confidence.
        lasting: deviation of each point's error that stays the same through a video, a share of the box's scale.
        lost: share of frames in which the whole of it is put somewhere near.
    """

    part: str
    seen: float
    hidden: float
    lasting: float
    lost: float


_FINE = {
    "feet": _Fine("limbs", -5.5, -5.5, lasting=0.02, lost=0.0),
    "face": _Fine("head", 1.6, -0.6, lasting=0.004, lost=0.0),
    "hand": _Fine("limbs", 0.8, -1.8, lasting=0.008, lost=0.04),
}
_LOST_HAND_FRAMES, _LOST_HAND = 8.0, 0.06  # mean length; deviation of the place, a share of the box's scale


def _see_fine(
    keypoints: Floats,
    start: int,
    view: Picture,
    kind: str,
    hidden: Bools,
    nose: Floats,
    quality: float,
    scale: float,
    rng: np.random.Generator,
) -> None:
    fine = _FINE[kind]
    count, n = view.u.shape
    logit = np.where(hidden, np.float32(fine.hidden), np.float32(fine.seen)) + _lasting(rng, n, 0.93, 0.6)
    if kind == "face":
        logit += np.float32(0.4) * (nose - np.float32(CONFIDENCE["nose", "seen"].mean))
    logit += np.float32(0.3) * rng.standard_normal((count, 1), dtype=np.float32)
    lost = _bursts(n, fine.lost, _LOST_HAND_FRAMES, rng)
    logit[:, lost] -= np.float32(2)
    confidence = _logistic(logit.astype(np.float32))
    level = (confidence * (_LEVELS - 1)).astype(np.uint8)
    jitter, wander = np.float32(quality) * _JITTER[fine.part][level], np.float32(quality) * _WANDER[fine.part][level]
    root_half = np.float32(np.sqrt(0.5))
    for axis, (true, edge) in enumerate(((view.u, WIDTH), (view.v, HEIGHT))):
        # The points of a face or a hand err half together, half each alone.
        together = _lasting(rng, n, _KEEPS, 1.0)
        alone = rng.standard_normal((count, n), dtype=np.float32)
        bias = np.float32(fine.lasting * scale) * rng.standard_normal((count, 1), dtype=np.float32)
        away = np.where(lost, _lasting(rng, n, 0.9, _LOST_HAND * scale), np.float32(0))
        place = true + bias + away + root_half * (wander * together + jitter * alone)
        keypoints[:, start : start + count, axis] = np.clip(place, 0, edge - 1).T
    keypoints[:, start : start + count, 2] = confidence.T


# --- boxes, and noise ----------------------------------------------------------------------------------------------------


def _boxes(scene: Scene, camera: Camera, picture: Picture, hidden: Bools) -> tuple[Floats, float]:
    """(frames, 4) boxes around what can be seen of the player, and the root of the median box's area."""
    everything = slice(0, scene.n_frames)
    body, trunk = scene.person.body, scene.trunk
    crown = project(camera, (trunk.head + np.float32(CROWN[1] * body.head) * trunk.head_axes[1])[None], everything)
    metre = np.abs(picture.u[5] - picture.u[6]) / np.float32(2 * body.shoulder)  # pixels, less what a turn takes away
    u = np.where(hidden[:11], picture.u[5], picture.u[:11])
    v = np.where(hidden[:11], picture.v[5], picture.v[:11])
    boxes = np.empty((scene.n_frames, 4), np.float32)
    boxes[:, 0] = u.min(axis=0) - 0.07 * metre
    boxes[:, 1] = np.minimum(crown.v[0], v.min(axis=0)) - 0.02 * metre
    boxes[:, 2] = u.max(axis=0) + 0.07 * metre
    boxes[:, 3] = np.maximum(v.max(axis=0) + 0.05 * metre, picture.v[5:7].max(axis=0) + 0.40 * metre)
    np.clip(boxes, 0, np.array([WIDTH, HEIGHT, WIDTH, HEIGHT], np.float32), out=boxes)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return boxes, float(np.sqrt(np.median(area)))


def _rows(picture: Picture, start: int, end: int) -> Picture:
    return Picture(picture.u[start:end], picture.v[start:end], picture.ahead[start:end])


def _write(keypoints: Floats, start: int, u: Floats, v: Floats, confidence: Floats) -> None:
    part = slice(start, start + len(u))
    keypoints[:, part, 0], keypoints[:, part, 1], keypoints[:, part, 2] = u.T, v.T, confidence.T


def _lasting(rng: np.random.Generator, n: int, keeps: float, sd: float) -> Floats:
    """(n,) first-order autoregressive noise of deviation sd, in its steady state from the first frame on."""
    white = rng.standard_normal(n, dtype=np.float32)
    white[0] /= np.float32(np.sqrt(1 - keeps * keeps))
    gain = np.array([sd * np.sqrt(1 - keeps * keeps)], np.float32)
    return np.asarray(lfilter(gain, np.array([1, -keeps], np.float32), white), np.float32)


def _smooth(steps: Floats, keeps: float) -> Floats:
    """(n,) the same, each change spread over a few frames."""
    start = np.array([keeps * steps[0]], np.float32)
    filtered, _ = lfilter(np.array([1 - keeps], np.float32), np.array([1, -keeps], np.float32), steps, zi=start)
    return np.asarray(filtered, np.float32)


def _bursts(n: int, share: float, length: float, rng: np.random.Generator) -> Bools:
    """(n,) runs of geometric length (this mean) that cover this share of the frames."""
    inside = np.zeros(n, np.bool_)
    count = int(rng.poisson(n * share / length))
    for start, run in zip(rng.integers(0, n, count), rng.geometric(1 / length, count), strict=True):
        inside[start : start + run] = True
    return inside


def _logistic(logit: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logit)), np.float32)
