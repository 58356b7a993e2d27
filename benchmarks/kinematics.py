"""A gesture in numbers: where the joints are and how fast they move. Nothing is learned.

Positions are in shoulder widths from the middle between the shoulders, both taken as medians over the gesture
(`models.normalise`), so that neither the zoom nor the place in the picture shows, and a movement of the trunk still does. Legs
are left out: in a press conference they are under the table.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.corpus import Sample
from manifests.errors import ItemFailed
from models.normalise import normalise
from models.skeletons import skeleton

__all__ = ["kinematic_features", "placed"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_SEEN = 0.3  # confidence from which a joint counts as seen
_REACH = (("left_wrist", "nose"), ("right_wrist", "nose"), ("left_wrist", "right_wrist"))


def kinematic_features(samples: Sequence[Sample]) -> Floats:
    """(n, d) float64 of each gesture: per joint and axis the mean, deviation, least and greatest position; per joint the mean
    and greatest speed (shoulder widths a second) and the share of frames in which it is seen; mean and least distance of each
    wrist from the nose and of the wrists from each other; the logarithm of the duration in seconds. What was never seen is 0.

    Raises:
        ItemFailed: the gestures have different skeletons.
        BadInput: nobody knows their skeleton.
    """
    kinds = {(sample.poses.skeleton, sample.poses.dims) for sample in samples}
    if len(kinds) > 1:
        names = " and ".join(sorted(f"{name} ({dims}D)" for name, dims in kinds))
        raise ItemFailed(f"The gestures have poses of {names}; kinematic features need one skeleton.", kind="skeleton")
    return np.stack([_features(sample) for sample in samples]) if len(samples) else np.empty((0, 0))


def placed(sample: Sample, frames: npt.NDArray[np.int64] | None = None) -> tuple[Floats, Bools]:
    """(frames, joints, dims) positions in shoulder widths from between the shoulders, and (frames, joints) whether each is seen.

    Args:
        frames: which frames; all by default.
    """
    joints, poses = skeleton(sample.poses.skeleton), sample.poses
    keypoints = joints.select(poses.keypoints if frames is None else poses.keypoints[frames])
    seen = keypoints[..., -1] >= _SEEN
    if poses.unit == "body":
        return keypoints[..., :-1].astype(np.float64), seen
    return normalise(keypoints[None, ..., :-1], seen[None], joints)[0].astype(np.float64), seen


def _features(sample: Sample) -> Floats:
    joints = skeleton(sample.poses.skeleton)
    points, seen = placed(sample)
    upper = np.array([part != "legs" for part in joints.parts])
    names = [name for name, kept in zip(joints.joints, upper, strict=True) if kept]
    points, seen = points[:, upper], seen[:, upper]

    axes, axes_seen = points.reshape(len(points), -1), np.repeat(seen, points.shape[-1], axis=1)
    speed, moving = np.linalg.norm(np.diff(points, axis=0), axis=-1) * sample.fps, seen[1:] & seen[:-1]
    reach, reach_seen = _distances(points, seen, names)
    return np.concatenate(
        [
            _mean(axes, axes_seen),
            _deviation(axes, axes_seen),
            _least(axes, axes_seen),
            -_least(-axes, axes_seen),
            _mean(speed, moving),
            -_least(-speed, moving),
            _mean(reach, reach_seen),
            _least(reach, reach_seen),
            seen.mean(axis=0),
            [np.log(len(points) / sample.fps)],
        ]
    )


def _distances(points: Floats, seen: Bools, names: list[str]) -> tuple[Floats, Bools]:
    """(frames, pairs) distances of the pairs that the skeleton has, and whether both ends are seen."""
    pairs = [(names.index(a), names.index(b)) for a, b in _REACH if a in names and b in names]
    a, b = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return np.linalg.norm(points[:, a] - points[:, b], axis=-1), seen[:, a] & seen[:, b]


def _mean(values: Floats, seen: Bools) -> Floats:
    return np.asarray((values * seen).sum(axis=0) / np.maximum(seen.sum(axis=0), 1))


def _deviation(values: Floats, seen: Bools) -> Floats:
    return np.sqrt(_mean((values - _mean(values, seen)) ** 2, seen))


def _least(values: Floats, seen: Bools) -> Floats:
    least = np.min(values, axis=0, where=seen, initial=np.inf)
    return np.where(np.isfinite(least), least, 0.0)
