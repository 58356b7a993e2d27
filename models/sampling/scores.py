"""How good every window of a store is to learn small movements from, in six shares of 1, and what moves in it how.

Everything is told from the poses, one recording in memory at a time: what an estimator was sure of, whether hands and face are in
view, whether one person was there, whether the camera stood still, and whether hands and head move as in a micro-gesture, which is
more than an estimator's tremble and less than a reach across the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from tqdm import tqdm

from manifests.errors import BadInput
from models.normalise import body_frame
from models.skeletons import Skeleton
from models.store import SEEN, PoseStore

__all__ = ["FACTORS", "ScoredWindows", "Scoring", "score_windows"]

FACTORS = ("confidence", "hands", "face", "alone", "steady", "motion")

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_SURE = 0.3  # confidence from which a joint is in view
_SMOOTH = 5  # frames over which speed is measured, so that an estimator's tremble is mostly gone
_GROUPS = ("left_hand", "right_hand", "face")


@dataclass(frozen=True)
class Scoring:
    """What a good window is.

    Attributes:
        frames: of a window.
        hop: frames from one window to the next.
        slow: speed in shoulder widths a frame, up to which nothing moves.
        micro: speeds from this on count full …
        large: … up to this; faster ones count less, and nothing from four times this on.
        shake: the camera's common movement in shoulder widths a frame, at which steadiness is 1/e.
        weights: exponent of each factor in the score; 0 leaves it out.
    """

    frames: int = 128
    hop: int = 64
    slow: float = 0.004
    micro: float = 0.012
    large: float = 0.06
    shake: float = 0.03
    confidence: float = 1.0
    hands: float = 1.0
    face: float = 1.0
    alone: float = 1.0
    steady: float = 1.0
    motion: float = 1.0


@dataclass(frozen=True)
class ScoredWindows:
    """All windows of a store.

    Attributes:
        item: (windows,) the store's item that each lies in.
        start: (windows,) first frame of the item.
        length: (windows,) frames.
        factors: (windows, 6) as `FACTORS` names them, from 0 to 1.
        score: (windows,) their weighted product.
        movement: (windows, 12) of left hand, right hand and face: mean place relative to the body (x, y), mean and greatest speed.
    """

    item: Ints
    start: Ints
    length: Ints
    factors: Floats
    score: Floats
    movement: Floats

    def __len__(self) -> int:
        return len(self.item)


def score_windows(
    store: PoseStore,
    scoring: Scoring | None = None,
    *,
    people: Mapping[str, float] | None = None,
    quiet: bool = False,
) -> ScoredWindows:
    """Score every window of every item. An item shorter than a window is one window.

    Args:
        people: mean number of people in view, by item name; where it isn't known, one.

    Raises:
        BadInput: the window or the hop is shorter than a frame.
    """
    scoring = scoring or Scoring()
    if scoring.frames < 1 or scoring.hop < 1:
        raise BadInput(f"Windows of {scoring.frames} frames every {scoring.hop} can't be cut; give 1 or more.")
    parts: list[tuple[Ints, Ints, Floats, Floats]] = []
    for item in tqdm(range(len(store)), desc="scoring", unit="clip", disable=quiet or None):
        alone = 1 / max((people or {}).get(str(store.names[item]), 1.0), 1.0)
        starts, lengths, factors, movement = _score_item(store, item, scoring, alone)
        parts.append((np.stack([np.full(len(starts), item), starts]), lengths, factors, movement))
    where = np.concatenate([part[0] for part in parts], axis=1)
    factors = np.concatenate([part[2] for part in parts])
    weights = np.array([getattr(scoring, name) for name in FACTORS], dtype=np.float32)
    return ScoredWindows(
        where[0],
        where[1],
        np.concatenate([part[1] for part in parts]),
        factors,
        np.asarray(np.prod(factors**weights, axis=1), dtype=np.float32),
        np.concatenate([part[3] for part in parts]),
    )


def _score_item(store: PoseStore, item: int, scoring: Scoring, alone: float) -> tuple[Ints, Ints, Floats, Floats]:
    poses = np.asarray(store.poses[store.starts[item] : store.ends[item]])
    starts = np.arange(0, max(len(poses) - scoring.frames, 0) + 1, scoring.hop)
    length = min(scoring.frames, len(poses))
    seen = poses[..., -1] > SEEN
    points = _in_body_frame(store, poses[..., :2], seen)
    groups = _groups(store.skeleton)
    track = {name: _centre(points, seen, columns) for name, columns in groups.items()}
    speed = {name: _speed(place) for name, place in track.items()}

    def over_windows(values: npt.NDArray[Any]) -> Floats:
        total = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
        return np.asarray((total[starts + length] - total[starts]) / length, dtype=np.float32)

    sure = poses[..., -1] >= _SURE
    upper = np.array([part not in ("legs", "points") for part in store.skeleton.parts])
    upper = upper if upper.any() else np.ones_like(upper)
    in_view = {
        name: sure[:, columns].mean(1) if len(columns) else np.zeros(len(poses)) for name, columns in groups.items()
    }
    lively = np.max([_micro(values, scoring) for values in speed.values()], axis=0)
    factors = [
        over_windows(poses[:, upper, -1].mean(1)),
        over_windows((in_view["left_hand"] + in_view["right_hand"]) / 2),
        over_windows(in_view["face"]),
        np.full(len(starts), alone, dtype=np.float32),
        np.exp(-over_windows(_shake(points, seen)) / scoring.shake),
        over_windows(lively),
    ]
    movement = []
    for name in _GROUPS:
        place, fast = np.nan_to_num(track[name]), np.nan_to_num(speed[name])
        movement += [over_windows(place[:, 0]), over_windows(place[:, 1]), over_windows(fast)]
        movement.append(sliding_window_view(fast, length)[starts].max(1))
    return (
        starts,
        np.full(len(starts), length),
        np.stack(factors, axis=1).astype(np.float32).clip(0, 1),
        np.stack(movement, axis=1).astype(np.float32),
    )


def _in_body_frame(store: PoseStore, points: Floats, seen: Bools) -> Floats:
    if store.in_body_frame:
        return points
    origin, unit = body_frame(points[None], seen[None], store.skeleton)
    return np.asarray((points - origin[0]) / unit[0], dtype=np.float32)


def _groups(skeleton: Skeleton) -> dict[str, list[int]]:
    """Columns of each hand (its wrist stands for it where the skeleton has no fingers) and of the face."""
    joints, parts = skeleton.joints, skeleton.parts
    found = {}
    for side in ("left", "right"):
        columns = [i for i, part in enumerate(parts) if part == f"{side}_hand"]
        found[f"{side}_hand"] = columns or [i for i, joint in enumerate(joints) if joint == f"{side}_wrist"]
    found["face"] = [i for i, part in enumerate(parts) if part == "face"]
    return found


def _centre(points: Floats, seen: Bools, columns: list[int]) -> Floats:
    """(frames, 2) mean of a group's seen joints; NaN where none is."""
    there = seen[:, columns]
    count = there.sum(1)[:, None]
    total = (points[:, columns] * there[..., None]).sum(1)
    return np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan)).astype(np.float32)


def _speed(place: Floats) -> Floats:
    """(frames,) shoulder widths a frame, from means before and after; NaN where not known."""
    half = _SMOOTH // 2
    fast = np.full(len(place), np.nan, dtype=np.float32)
    if len(place) > 2 * half:
        fast[half:-half] = np.linalg.norm(place[2 * half :] - place[: -2 * half], axis=1) / (2 * half)
    return fast


def _micro(speed: Floats, scoring: Scoring) -> Floats:
    """(frames,) 1 for speeds of small movements, falling to 0 for none and for large ones; 0 where not known."""
    with np.errstate(invalid="ignore"):
        rises = (speed - scoring.slow) / (scoring.micro - scoring.slow)
        falls = 1 - np.log(np.maximum(speed, 1e-9) / scoring.large) / np.log(4.0)
        return np.asarray(np.nan_to_num(np.minimum(rises, falls).clip(0, 1)), dtype=np.float32)


def _shake(points: Floats, seen: Bools) -> Floats:
    """(frames,) movement that all joints share and that does not last, in shoulder widths a frame: the camera's, not the body's.

    The median over joints drops what single limbs do and an estimator's errors; the second difference drops what drifts.
    """
    second = np.zeros((len(points), 2), dtype=np.float32)
    if len(points) > 2:
        both = seen[2:] & seen[1:-1] & seen[:-2]
        differences = np.where(both[..., None], points[2:] - 2 * points[1:-1] + points[:-2], np.float32(np.nan))
        known = both.any(1)
        if known.any():
            second[1:-1][known] = np.nanmedian(differences[known], axis=1)
    return np.asarray(np.linalg.norm(second, axis=1) / 2, dtype=np.float32)
