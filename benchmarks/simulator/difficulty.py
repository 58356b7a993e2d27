"""How hard the simulated recognition is: a plain baseline on noisy poses, against what the true movement gives away.

Windows are cut at the true segments; the test people are in no training window. The ridge sees positions about the shoulders. The
trees see the hands and the face in frames of reference of their own, as a person would describe a gesture; with a perfect
estimator (noise 0) they show that the classes can be told apart, across people, by their movement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.simulator.body import Floats
from benchmarks.simulator.corpus import simulate
from manifests.taxonomy import LABELS

__all__ = ["Score", "measure"]

_FRAMES = 32
_UPPER = list(range(11))
_FINGERS = [91 + 21 * hand + point for hand in (0, 1) for point in (0, 4, 8, 12, 16, 20)]
_FACE = [23 + point for point in (2, 4, 8, 12, 14, 48, 51, 54, 57, 62, 66, 37, 41)]


@dataclass(frozen=True)
class Score:
    """Of one method: `top1` and `mean_class_accuracy` on `test` windows after `train`, and the largest class's share."""

    skeleton: str
    noise: float
    method: str
    top1: float
    mean_class_accuracy: float
    largest_class: float
    train: int
    test: int


def measure(seed: int, *, people: int = 40, videos: int = 80, minutes: float = 8.0) -> Iterator[Score]:
    """Score ridge and trees on both skeletons, with and without the estimator's noise; three tenths of the people are for the test."""
    for skeleton in ("coco17", "coco_wholebody133"):
        for noise in (1.0, 0.0):
            windows, labels, owners = _windows(seed, people, videos, minutes, skeleton, noise)
            train = owners < 0.7 * people
            truth = labels[~train]
            methods = {
                "ridge": (make_pipeline(StandardScaler(), RidgeClassifier(alpha=300.0)), _positions(windows)),
                "trees": (ExtraTreesClassifier(200, max_features=0.15, random_state=0), _described(windows)),
            }
            for method, (model, features) in methods.items():
                found = model.fit(features[train], labels[train]).predict(features[~train])
                yield Score(
                    skeleton=skeleton,
                    noise=noise,
                    method=method,
                    top1=float((found == truth).mean()),
                    mean_class_accuracy=float(np.mean([(found[truth == k] == k).mean() for k in np.unique(truth)])),
                    largest_class=float(np.bincount(truth).max() / len(truth)),
                    train=int(train.sum()),
                    test=len(truth),
                )


def _windows(
    seed: int, people: int, videos: int, minutes: float, skeleton: str, noise: float
) -> tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(n, 32, joints, 2) pixels, and (n,) classes and people."""
    windows, labels, owners = [], [], []
    made = simulate(people=people, videos=videos, minutes=minutes, seed=seed, skeleton=skeleton, noise=noise)
    for index, video in enumerate(made):
        for gesture in video.gestures:
            frames = np.linspace(gesture["start"], gesture["end"] - 1, _FRAMES).round().astype(int)
            windows.append(video.poses.keypoints[frames, :, :2])
            labels.append(LABELS.index(gesture["label"]))
            owners.append(index % people)
    return np.stack(windows), np.array(labels), np.array(owners)


def _positions(windows: Floats) -> Floats:
    whole = windows.shape[2] > 17
    middle = windows[:, :, 5:7].mean(axis=(1, 2), keepdims=True)
    width = np.abs(windows[:, :, 5, 0] - windows[:, :, 6, 0]).mean(axis=1)[:, None, None, None] + 1e-3
    joints = [*_UPPER, *range(23, 133)] if whole else _UPPER
    at = (windows - middle) / width
    return np.asarray(at[:, :: 2 if whole else 1][:, :, joints].reshape(len(windows), -1), np.float32)


def _described(windows: Floats) -> Floats:
    """Means, extremes and speeds of the joints as seen from the shoulders and from the eyes."""
    whole = windows.shape[2] > 17
    joints = [*_UPPER, *_FINGERS] if whole else _UPPER
    parts = [
        _seen_from(windows, windows[:, :, 5:7].mean(axis=2), 6, 5, joints),
        _seen_from(windows, windows[:, :, 0], 2, 1, [*joints[5:], *(_FACE if whole else [])]),
        windows[:, :, [0, 3, 4, 5, 6]].reshape(*windows.shape[:2], -1),
        _apart(windows, [(9, 10)]),
    ]
    if whole:
        parts.append(_apart(windows, [(99, 120), (99, 112), (91, 120), (103, 124)]))
    path = np.concatenate(parts, axis=2)
    held, ends = path[:, 8:24], path[:, [0, 1, -2, -1]].mean(axis=1)
    described = [
        held.mean(axis=1),
        np.median(held, axis=1),
        held.std(axis=1),
        path.std(axis=1),
        held.max(axis=1) - ends,
        held.mean(axis=1) - ends,
        np.abs(np.diff(held, axis=1)).mean(axis=1),
    ]
    return np.asarray(np.nan_to_num(np.concatenate(described, axis=1)), np.float32)


def _seen_from(windows: Floats, origin: Floats, right: int, left: int, joints: list[int]) -> Floats:
    """Joints about an origin, turned and scaled so that the line from one joint to another is level and 1 long."""
    line = windows[:, :, left] - windows[:, :, right]
    length = np.linalg.norm(line, axis=2, keepdims=True) + 1e-4
    level = (line / length)[:, :, None]
    away = (windows[:, :, joints] - origin[:, :, None]) / np.median(length, axis=1, keepdims=True)[:, :, None]
    along = (away * level).sum(axis=3)
    across = away[..., 1] * level[..., 0] - away[..., 0] * level[..., 1]
    return np.asarray(np.concatenate([along, across], axis=2), np.float32)


def _apart(windows: Floats, pairs: list[tuple[int, int]]) -> Floats:
    return np.stack([np.linalg.norm(windows[:, :, a] - windows[:, :, b], axis=2) / 100 for a, b in pairs], axis=2)
