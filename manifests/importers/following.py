"""One person out of the several that a pose estimator reports in each frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["follow"]

Floats = npt.NDArray[np.float32]


def follow(frames: Mapping[int, Sequence[Floats]], n_frames: int, n_joints: int) -> Floats:
    """Follow the person who is seen best in the first frame that shows anybody.

    In each later frame it is whoever is nearest to where that person was last, by the mean distance of the joints seen both
    times; where no joint is shared, whoever is seen best. Frames without people are unseen.

    Args:
        frames: frame -> the people in it, each (joints, 3) of x, y, confidence.

    Returns:
        (n_frames, n_joints, 3) float32.
    """
    track = np.zeros((n_frames, n_joints, 3), np.float32)
    last: Floats | None = None
    for frame in sorted(frames):
        people = [person for person in frames[frame] if (person[:, 2] > 0).any()]
        if people:
            last = min(people, key=lambda person: (_distance(person, last), -float(person[:, 2].sum())))
            track[frame] = last
    return track


def _distance(person: Floats, last: Floats | None) -> float:
    if last is None:
        return 0.0
    both = (person[:, 2] > 0) & (last[:, 2] > 0)
    if not both.any():
        return float("inf")
    return float(np.linalg.norm(person[both, :2] - last[both, :2], axis=1).mean())
