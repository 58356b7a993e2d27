"""What the poses of a clip tell of its quality: how sure they are, what is in view, how large, and how lively."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from collector.body import parts_of
from manifests.poses import Poses

__all__ = ["face_region", "hand_regions", "measure_poses"]

_SEEN = 0.5  # confidence of a joint in view
# Of a head's height, 0.23 m: between the eyes are 0.063 m, between the shoulders' joints 0.36 (as in collector/faces.py).
_EYES, _SHOULDERS = 0.27, 1.55
_LAG_S = 0.2  # a speed is a shift over so long: from frame to frame the estimator's jitter would drown it

_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]


def measure_poses(poses: Poses, fps: float) -> dict[str, float | None]:
    """The columns of the quality table that poses tell; None where nothing tells it.

    Args:
        poses: of a whole clip, in pixels.
        fps: frames a second.

    Raises:
        ValueError: the skeleton is not known, or the poses are not in pixels.
    """
    parts = parts_of(poses)
    confidence = poses.confidence.astype(np.float64)
    left, right = (_in_view(confidence, joints) for joints in parts.hands)
    nose, *eyes = (confidence[:, joint] >= _SEEN for joint in parts.face)
    both_eyes, an_eye = eyes[0] & eyes[1], eyes[0] | eyes[1]
    apart = np.linalg.norm(poses.positions[:, parts.face[1]] - poses.positions[:, parts.face[2]], axis=1)
    face, *wrists = (_speeds(poses, joints, fps) for joints in (parts.face, *((wrist,) for wrist in parts.wrists)))
    head_and_arms = [*parts.head, *parts.shoulders, *parts.elbows, *parts.wrists]
    return {
        "pose_confidence": float(confidence[:, head_and_arms].mean()),
        "face_share": float((nose & an_eye).mean()),
        "left_hand_share": float(left.mean()),
        "right_hand_share": float(right.mean()),
        "hand_share": float((left | right).mean()),
        "face_size": float(np.median(apart[both_eyes])) if both_eyes.any() else None,
        "face_motion": _mean(face),
        "hand_motion": _mean(np.fmax(*wrists)),
    }


def face_region(poses: Poses, frame: int) -> _Floats | None:
    """x0, y0, x1, y1 in pixels around the face that a frame shows: a square of a head's height; None where it shows none.

    Raises:
        ValueError: as `measure_poses`.
    """
    parts, width = parts_of(poses), _shoulder_width(poses)
    seen = [joint for joint in parts.head if poses.confidence[frame, joint] >= _SEEN]
    if not set(seen) & set(parts.face):
        return None
    points = poses.positions[frame].astype(np.float64)
    eyes = np.linalg.norm(points[parts.face[1]] - points[parts.face[2]]) if set(parts.face[1:]) <= set(seen) else 0.0
    height = max(float(eyes) / _EYES, (width or 0.0) / _SHOULDERS)
    middle = points[seen].mean(axis=0)
    return np.concatenate([middle - height / 2, middle + height / 2]) if height else None


def hand_regions(poses: Poses, frame: int) -> list[_Floats]:
    """x0, y0, x1, y1 in pixels around each hand that a frame shows.

    Of a skeleton without fingers: half a shoulder width, beyond the wrist in the direction of the forearm.

    Raises:
        ValueError: as `measure_poses`.
    """
    parts, width = parts_of(poses), _shoulder_width(poses)
    confidence, points = poses.confidence[frame], poses.positions[frame].astype(np.float64)
    regions = []
    for elbow, wrist, joints in zip(parts.elbows, parts.wrists, parts.hands, strict=True):
        if not _in_view(confidence[None].astype(np.float64), joints)[0]:
            continue
        if len(joints) > 1:
            corners = points[list(joints)]
            regions.append(np.concatenate([corners.min(axis=0), corners.max(axis=0)]))
        elif width is not None:
            forearm = points[wrist] - points[elbow] if confidence[elbow] >= _SEEN else np.zeros(2)
            middle = points[wrist] + forearm / 3
            regions.append(np.concatenate([middle - width / 4, middle + width / 4]))
    return regions


def _in_view(confidence: _Floats, joints: Sequence[int]) -> _Bools:
    """(frames,) whether at least half of some joints are in view."""
    shown = np.asarray(confidence[:, list(joints)] >= _SEEN, np.float64).mean(axis=1)
    return np.asarray(shown >= 0.5, bool)


def _shoulder_width(poses: Poses) -> float | None:
    """Pixels, median over the frames that show both shoulders; None where none does, or they lie on one point."""
    left, right = parts_of(poses).shoulders
    both = (poses.confidence[:, [left, right]] >= _SEEN).all(axis=1)
    if not both.any():
        return None
    apart = np.linalg.norm(poses.positions[both, left] - poses.positions[both, right], axis=1)
    return float(np.median(apart)) or None


def _speeds(poses: Poses, joints: Sequence[int], fps: float) -> _Floats:
    """(pairs of frames,) speed of some joints' middle relative to the shoulders', shoulder widths a second; NaN if unseen."""
    lag = max(1, round(_LAG_S * fps))
    width, shoulders = _shoulder_width(poses), parts_of(poses).shoulders
    if width is None or len(poses.keypoints) <= lag:
        return np.full(max(0, len(poses.keypoints) - lag), np.nan)
    seen = np.asarray((poses.confidence[:, [*joints, *shoulders]] >= _SEEN).all(axis=1), bool)
    points = poses.positions.astype(np.float64)
    place = points[:, list(joints)].mean(axis=1) - points[:, list(shoulders)].mean(axis=1)
    speed = np.linalg.norm(place[lag:] - place[:-lag], axis=1) * fps / lag / width
    return np.where(seen[lag:] & seen[:-lag], speed, np.nan)


def _mean(values: _Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
