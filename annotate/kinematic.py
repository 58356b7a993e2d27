"""The kinematic spotter: candidate gestures by rule, from distances and speeds of joints. The baseline, not a model.

Every cue is a strength over time: 1 where it begins to speak for its gesture, higher where it speaks louder. A candidate
begins where a cue reaches 1 and lasts while it stays above a lower bound, so that it doesn't flicker. Lengths are in shoulder
widths, so that the size of the picture doesn't matter. A joint that was not seen ends every candidate that rests on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from collector.body import parts_of
from manifests.poses import Poses
from manifests.segments import temporal_iou
from models.spot.candidates import TOP, Candidate

__all__ = ["MODEL_VERSION", "spot"]

MODEL_VERSION = "kinematic-spotter-1"

Series = npt.NDArray[np.float64]  # (frames,), NaN where unseen
Points = npt.NDArray[np.float64]  # (frames, 2)
Cue = dict[str, Series]  # strengths of the labels that one cue speaks for

# Places in `Parts.body`.
_NOSE, _LEFT_EYE, _RIGHT_EYE, _LEFT_EAR, _RIGHT_EAR = range(5)
_SHOULDERS, _ELBOWS, _WRISTS, _HIPS = (5, 6), (7, 8), (9, 10), (11, 12)

_SEEN = 0.4  # confidence from which a joint counts
_STAY = 0.6  # a candidate lasts while its cue stays above this
_LOUDEST = 2.0  # strengths are cut here; a candidate's score is its mean strength as a share of this
_SHORTEST_S = 0.25
_SMOOTH_S = 0.2
_SAME = 0.5  # temporal IoU from which two candidates are one, with both their labels

# Where each cue reaches strength 1, in shoulder widths or shoulder widths a second.
_HAND_TO_HEAD, _HAND_TO_HAND, _HAND_TO_ARM, _HAND_TO_HIP = 0.22, 0.40, 0.22, 0.25
_HAND_SPEED, _TRUNK_SPEED, _SHOULDER_SPEED = 1.6, 0.30, 0.40
_CHIN_LIFT, _NECK_LOSS = 0.05, 0.08
_HAND_LENGTH = 0.35  # of the forearm, from the wrist to the middle of the fingers
_HEAD_BREADTHS = 2.4  # shoulder widths, in distances between the ears: the stand-in where shoulders are out of view


def spot(poses: Poses, fps: Fraction) -> list[Candidate]:
    """Candidate gestures of a clip, in order of time.

    Raises:
        ValueError: the joints of the poses' skeleton are not known.
    """
    body = _Body(poses, float(fps))
    if not np.isfinite(body.width):
        return []
    shortest = max(2, round(_SHORTEST_S * float(fps)))
    found = [candidate for cue in _cues(body) for candidate in _candidates(cue, shortest)]
    return sorted(_distinct(found), key=lambda c: (c.start, c.end, c.labels))


class _Body:
    """Joints in pixels, smoothed, NaN where unseen; and the measures that the cues are made of."""

    def __init__(self, poses: Poses, fps: float) -> None:
        self.fps = fps
        keypoints = poses.keypoints[:, list(parts_of(poses).body)]
        joints = keypoints[..., :2].astype(np.float64)
        unseen = (keypoints[..., 2] < _SEEN) | ~poses.seen[:, None]
        joints[unseen] = np.nan
        self.joints = _smooth(joints, max(1, round(_SMOOTH_S * fps)))
        self.shoulders = self._middle(*_SHOULDERS)
        self.eyes = self._middle(_LEFT_EYE, _RIGHT_EYE)
        self.ears = self._middle(_LEFT_EAR, _RIGHT_EAR)
        # A turned trunk looks narrower than it is; the upper quartile is its breadth.
        widths = self._apart(self.joint(_SHOULDERS[0]), self.joint(_SHOULDERS[1]))
        heads = _HEAD_BREADTHS * self._apart(self.joint(_LEFT_EAR), self.joint(_RIGHT_EAR))
        self.width = next((_quantile(w, 0.75) for w in (widths, heads) if np.isfinite(w).any()), np.nan)

    def joint(self, index: int) -> Points:
        return self.joints[:, index]

    def hand(self, side: int) -> Points:
        """The middle of the hand: on from the wrist along the forearm, or the wrist where the elbow is out of view."""
        wrist, elbow = self.joint(_WRISTS[side]), self.joint(_ELBOWS[side])
        beyond = wrist + _HAND_LENGTH * (wrist - elbow)
        return np.where(np.isfinite(beyond), beyond, wrist)

    def above_nose(self, widths: float) -> Points:
        """A point on the head's long axis, so many shoulder widths above the nose (below where negative)."""
        nose = self.joint(_NOSE)
        axis = nose - self.shoulders
        axis = np.where(np.isfinite(axis), axis, [0.0, -1.0])
        return np.asarray(nose + widths * self.width * axis / np.linalg.norm(axis, axis=1, keepdims=True))

    def nearness(self, a: Points, b: Points, reach: float) -> Series:
        """1 where two points are `reach` shoulder widths apart, more where they are closer."""
        distance = self._apart(a, b) / self.width
        return np.asarray(reach / np.maximum(distance, reach / _LOUDEST))

    def speed(self, points: Points, axes: slice = slice(None)) -> Series:
        """Shoulder widths a second."""
        velocity = np.full_like(points, np.nan)
        if len(points) > 2:
            velocity[1:-1] = (points[2:] - points[:-2]) * self.fps / 2
        return np.asarray(np.linalg.norm(velocity[:, axes], axis=1) / self.width)

    def _middle(self, a: int, b: int) -> Points:
        return np.asarray((self.joint(a) + self.joint(b)) / 2)

    @staticmethod
    def _apart(a: Points, b: Points) -> Series:
        return np.asarray(np.linalg.norm(a - b, axis=1))


def _cues(body: _Body) -> Iterator[Cue]:
    hands = [body.hand(0), body.hand(1)]
    at_head = _hand_at_head(body, hands)
    yield at_head
    together = body.nearness(hands[0], hands[1], _HAND_TO_HAND)
    together[_strongest(at_head) >= _STAY] = np.nan  # two hands at the face are a cue of their own
    yield {"rubbing_hands": together, "crossing_fingers": 0.9 * together, "minaret_gesture": 0.7 * together}
    across = [body.nearness(hands[side], body.joint(_ELBOWS[1 - side]), _HAND_TO_ARM) for side in (0, 1)]
    one_arm = np.fmax(*across)
    yield {"folding_arms": 1.1 * np.minimum(*across), "touching_arms": one_arm, "hold_back_arms": 0.8 * one_arm}
    yield {"arms_akimbo": np.fmax(*(_akimbo(body, side) for side in (0, 1)))}
    yield {"illustrative": _talking_hands(body, hands, at_head)}
    yield {"moving_torso": body.speed(_trunk(body)) / _TRUNK_SPEED}
    yield {"head_up": _chin_lift(body) / _CHIN_LIFT}
    yield {"turtle_neck": _neck_loss(body) / _NECK_LOSS}
    yield {"shaking_shoulders": _shoulder_speed(body) / _SHOULDER_SPEED}


def _hand_at_head(body: _Body, hands: list[Points]) -> Cue:
    nose, neck = body.joint(_NOSE), body.shoulders
    places: dict[str, list[Points]] = {
        "touching_head": [body.above_nose(0.55)],
        "touching_forehead": [body.above_nose(0.30)],
        "rubbing_eyes": [body.joint(_LEFT_EYE), body.joint(_RIGHT_EYE)],
        "touching_face": [nose],
        "touching_ears": [body.joint(_LEFT_EAR), body.joint(_RIGHT_EAR)],
        "touching_jaw": [body.above_nose(-0.25)],
        "touching_neck": [neck + 0.35 * (nose - neck)],
        "touching_suprasternal_notch": [neck],
    }
    cue = {
        label: _loudest([body.nearness(hand, point, _HAND_TO_HEAD) for hand in hands for point in points])
        for label, points in places.items()
    }
    cue["covering_face"] = 1.2 * np.minimum(*(body.nearness(hand, nose, 1.5 * _HAND_TO_HEAD) for hand in hands))
    return cue


def _akimbo(body: _Body, side: int) -> Series:
    """A hand at its own hip, with the elbow farther from the body's middle than the shoulder is."""
    near = body.nearness(body.joint(_WRISTS[side]), body.joint(_HIPS[side]), _HAND_TO_HIP)
    middle = body.shoulders[:, 0]
    elbow, shoulder = body.joint(_ELBOWS[side])[:, 0], body.joint(_SHOULDERS[side])[:, 0]
    outwards = np.abs(elbow - middle) > np.abs(shoulder - middle)
    return np.where(outwards, near, np.nan)


def _talking_hands(body: _Body, hands: list[Points], at_head: Cue) -> Series:
    """Speed of the faster hand, where no hand is at the head."""
    speed = _loudest([body.speed(hand) for hand in hands]) / _HAND_SPEED
    speed[_strongest(at_head) >= 1] = np.nan
    return speed


def _trunk(body: _Body) -> Points:
    """The middle of the shoulders; of the eyes, in a clip that seldom shows both shoulders."""
    return body.shoulders if np.isfinite(body.shoulders[:, 0]).mean() >= 0.5 else body.eyes


def _chin_lift(body: _Body) -> Series:
    """How far the nose has risen against the ears, from where it usually is."""
    lift = (body.ears[:, 1] - body.joint(_NOSE)[:, 1]) / body.width
    return lift - _quantile(lift, 0.5)


def _neck_loss(body: _Body) -> Series:
    """Which share of the usual height of the nose over the shoulders is gone."""
    height = (body.shoulders[:, 1] - body.joint(_NOSE)[:, 1]) / body.width
    usual = _quantile(height, 0.5)
    return (usual - height) / usual if usual > 0 else np.full_like(height, np.nan)


def _shoulder_speed(body: _Body) -> Series:
    """Vertical speed of the faster shoulder against the head."""
    nose = body.joint(_NOSE)
    return _loudest([body.speed(body.joint(shoulder) - nose, slice(1, 2)) for shoulder in _SHOULDERS])


# --- from strengths to candidates --------------------------------------------------------------------------------------


def _candidates(cue: Cue, shortest: int) -> Iterator[Candidate]:
    for start, end in _hysteresis(_strongest(cue)):
        if end - start < shortest:
            continue
        strength = {label: np.nan_to_num(series[start:end]).clip(0, _LOUDEST).mean() for label, series in cue.items()}
        labels = sorted(
            (label for label in strength if strength[label] > 0), key=lambda label: (-strength[label], label)
        )
        scores = [float(strength[label] / _LOUDEST) for label in labels]
        yield Candidate(start, end, tuple(labels[:TOP]), tuple(scores[:TOP]))


def _hysteresis(strength: Series) -> list[tuple[int, int]]:
    """Stretches `[start, end)` that stay at _STAY or above and somewhere reach 1; NaN ends a stretch."""
    with np.errstate(invalid="ignore"):
        stays, reaches = strength >= _STAY, strength >= 1
    edges = np.flatnonzero(np.diff(np.concatenate([[False], stays, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2) if reaches[a:b].any()]


def _distinct(candidates: list[Candidate]) -> list[Candidate]:
    """Of candidates that cover the same time the loudest stays and takes the others' labels among its own."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: (-c.scores[0], c.start, c.labels)):
        overlaps = [temporal_iou([(candidate.start, candidate.end)], [(k.start, k.end)])[0, 0] for k in kept]
        if overlaps and max(overlaps) >= _SAME:
            place = int(np.argmax(overlaps))
            kept[place] = _joined(kept[place], candidate)
        else:
            kept.append(candidate)
    return kept


def _joined(loud: Candidate, quiet: Candidate) -> Candidate:
    best = dict(zip(quiet.labels, quiet.scores, strict=True))
    for label, score in zip(loud.labels, loud.scores, strict=True):
        best[label] = max(score, best.get(label, 0.0))
    labels = sorted(best, key=lambda label: (-best[label], label))[:TOP]
    return Candidate(loud.start, loud.end, tuple(labels), tuple(best[label] for label in labels))


def _strongest(cue: Cue) -> Series:
    return _loudest(list(cue.values()))


def _loudest(series: list[Series]) -> Series:
    return np.asarray(np.fmax.reduce(series))


def _smooth(joints: npt.NDArray[np.float64], window: int) -> npt.NDArray[np.float64]:
    """Centred moving mean over the frames in which a joint is seen; where it is not seen stays NaN."""
    half = window // 2
    seen = np.isfinite(joints)
    padding = [(half + 1, half), *[(0, 0)] * (joints.ndim - 1)]
    total = np.cumsum(np.pad(np.where(seen, joints, 0.0), padding), axis=0)
    count = np.cumsum(np.pad(seen.astype(np.float64), padding), axis=0)
    span = 2 * half + 1
    summed, counted = total[span:] - total[:-span], count[span:] - count[:-span]
    return np.where(seen, summed / np.maximum(counted, 1), np.nan)


def _quantile(series: Series, share: float) -> float:
    seen = series[np.isfinite(series)]
    return float(np.quantile(seen, share)) if seen.size else float("nan")
