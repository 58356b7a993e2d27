"""What the poses of a clip tell of its quality: how sure they are, what is in view, how large, and how lively."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from manifests.poses import Poses

__all__ = ["HANDS", "hand_regions", "measure_poses"]

_SEEN = 0.5  # confidence of a joint in view
_LAG_S = 0.2  # a speed is a shift over so long: from frame to frame the estimator's jitter would drown it

_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]


# By skeleton, the joints that tell whether the left and the right hand are in view: the wrist's where there are no others. In
# every skeleton here 0 is the nose, 1 and 2 are the eyes, 5 and 6 the shoulders, 7 and 8 the elbows, 9 and 10 the wrists.
HANDS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "coco17": ((9,), (10,)),
    "coco133": (tuple(range(91, 112)), tuple(range(112, 133))),
}
_HEAD_AND_ARMS = tuple(range(11))
_SHOULDERS, _WRISTS = (5, 6), (9, 10)


def measure_poses(poses: Poses, fps: float) -> dict[str, float | None]:
    """The columns of the quality table that poses tell; None where nothing tells it.

    Args:
        poses: of a whole clip, in pixels.
        fps: frames a second.

    Raises:
        ValueError: the skeleton is not known, or the poses are not in pixels.
    """
    hands = _hands_of(poses)
    confidence = poses.confidence.astype(np.float64)
    nose, eyes = confidence[:, 0] >= _SEEN, confidence[:, 1:3] >= _SEEN
    left, right = (_in_view(confidence, joints) for joints in hands)
    apart = np.linalg.norm(poses.positions[:, 1] - poses.positions[:, 2], axis=1)
    both_eyes = eyes.all(axis=1)
    face, *wrists = (_speeds(poses, joints, fps) for joints in ((0, 1, 2), *((wrist,) for wrist in _WRISTS)))
    return {
        "pose_confidence": float(confidence[:, _HEAD_AND_ARMS].mean()),
        "face_share": float((nose & eyes.any(axis=1)).mean()),
        "left_hand_share": float(left.mean()),
        "right_hand_share": float(right.mean()),
        "hand_share": float((left | right).mean()),
        "face_size": float(np.median(apart[both_eyes])) if both_eyes.any() else None,
        "face_motion": _mean(face),
        "hand_motion": _mean(np.fmax(*wrists)),
    }


def hand_regions(poses: Poses, frame: int) -> list[_Floats]:
    """x0, y0, x1, y1 in pixels around each hand that a frame shows.

    Of a skeleton without fingers: half a shoulder width, beyond the wrist in the direction of the forearm.

    Raises:
        ValueError: as `measure_poses`.
    """
    hands = _hands_of(poses)
    confidence, points = poses.confidence[frame], poses.positions[frame].astype(np.float64)
    width = _shoulder_width(poses)
    regions = []
    for elbow, wrist, joints in zip((7, 8), _WRISTS, hands, strict=True):
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


def _hands_of(poses: Poses) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if poses.skeleton not in HANDS or poses.unit != "pixel":
        raise ValueError(f"the parts of skeleton {poses.skeleton!r} in {poses.unit} are not known")
    return HANDS[poses.skeleton]


def _in_view(confidence: _Floats, joints: Sequence[int]) -> _Bools:
    """(frames,) whether at least half of some joints are in view."""
    shown = np.asarray(confidence[:, list(joints)] >= _SEEN, np.float64).mean(axis=1)
    return np.asarray(shown >= 0.5, bool)


def _shoulder_width(poses: Poses) -> float | None:
    """Pixels, median over the frames that show both shoulders; None where none does, or they lie on one point."""
    both = (poses.confidence[:, _SHOULDERS] >= _SEEN).all(axis=1)
    if not both.any():
        return None
    apart = np.linalg.norm(poses.positions[both, 5] - poses.positions[both, 6], axis=1)
    return float(np.median(apart)) or None


def _speeds(poses: Poses, joints: Sequence[int], fps: float) -> _Floats:
    """(pairs of frames,) speed of some joints' middle relative to the shoulders', shoulder widths a second; NaN if unseen."""
    lag = max(1, round(_LAG_S * fps))
    width = _shoulder_width(poses)
    if width is None or len(poses.keypoints) <= lag:
        return np.full(max(0, len(poses.keypoints) - lag), np.nan)
    seen = np.asarray((poses.confidence[:, [*joints, *_SHOULDERS]] >= _SEEN).all(axis=1), bool)
    points = poses.positions.astype(np.float64)
    place = points[:, list(joints)].mean(axis=1) - points[:, list(_SHOULDERS)].mean(axis=1)
    speed = np.linalg.norm(place[lag:] - place[:-lag], axis=1) * fps / lag / width
    return np.where(seen[lag:] & seen[:-lag], speed, np.nan)


def _mean(values: _Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
