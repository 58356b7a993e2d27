"""What a spotter's scores mean: the chance that a candidate is right, and the score that finds a wished share of a class."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logit

from manifests.segments import temporal_iou
from models.spot.candidates import Detections

__all__ = ["Calibration", "Judged", "calibrate", "expected_error", "judge"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_TIOU = 0.5  # overlap from which a candidate of the right label is right
_FEW = 10  # held-out gestures of a class, below which all classes together set its threshold
_GRID = 100
_EDGE = 1e-6


@dataclass(frozen=True)
class Judged:
    """Candidates and gestures of clips whose gestures are known.

    Attributes:
        score: (candidates,)
        right: (candidates,) whether each is a gesture's only candidate of its label with enough overlap.
        found: (gestures,) score of the candidate that found each; 0 where none did.
        label: (gestures,) class.
    """

    score: Floats
    right: Bools
    found: Floats
    label: Ints


@dataclass(frozen=True)
class Calibration:
    """A map from scores to chances, and thresholds.

    Attributes:
        temperature: what the score's logit is divided by.
        offset: added after that. Focal loss makes scores too low as a whole, which no temperature mends.
        found: (100, classes) row r: the score above which r + 1 percent of a class's held-out gestures are found. Where not so
            many were, the least score that found one: what lies below it found nothing, and would only be clutter.
    """

    temperature: float
    offset: float
    found: Floats

    @classmethod
    def none(cls, n_classes: int) -> Calibration:
        """Scores as the network gives them, every threshold 0."""
        return cls(1.0, 0.0, np.zeros((_GRID, n_classes)))

    def chance(self, scores: Floats) -> Floats:
        """What scores of the network mean as chances; shapes stay."""
        raw = logit(scores.clip(_EDGE, 1 - _EDGE))
        return np.asarray(expit(raw / self.temperature + self.offset))

    def apply(self, detections: Detections, least: float = 0.0) -> Detections:
        """Scores as chances; detections below `least` are left out."""
        scores = self.chance(detections.scores)
        kept = scores.max(axis=1, initial=0) >= least
        return Detections(detections.span[kept], scores[kept])

    def thresholds(self, recall: float) -> Floats:
        """(classes,) least score by which this share of each class's gestures is found, or as many as can be.

        Raises:
            ValueError: the share is not above 0 and up to 1.
        """
        if not 0 < recall <= 1:
            raise ValueError(f"a recall of {recall} can't be asked for; it must be above 0 and up to 1")
        return np.asarray(self.found[int(np.ceil(recall * _GRID - 1e-9)) - 1])


def judge(found: Detections, span: Ints, label: Ints) -> Judged:
    """Which candidates of one clip are right, the surest first; each gesture counts once.

    Args:
        found: by falling score.
        span: (gestures, 2) of the clip's gestures.
        label: (gestures,)
    """
    right, score_of = np.zeros(len(found), dtype=np.bool_), np.zeros(len(span))
    if len(found) and len(span):
        overlap = temporal_iou(found.span, span)
        overlap[found.label[:, None] != label[None]] = 0
        for row in range(len(found)):
            place = int(overlap[row].argmax())
            if overlap[row, place] >= _TIOU:
                right[row], score_of[place] = True, found.score[row]
                overlap[:, place] = 0
    return Judged(found.score, right, score_of, np.asarray(label))


def calibrate(parts: list[Judged], n_classes: int) -> Calibration:
    """Fit temperature, offset and thresholds on held-out clips, by the likelihood of what was right (Guo et al., ICML 2017, 4.2).

    With too little to learn from, scores stay as they are.
    """
    score, right = (np.concatenate([getattr(part, name) for part in parts]) for name in ("score", "right"))
    if right.sum() < _FEW or (~right).sum() < _FEW:
        return Calibration.none(n_classes)
    x = logit(score.clip(_EDGE, 1 - _EDGE))

    # Targets a little inside 0 and 1, so that scores that part right from wrong without a mistake don't become certainties
    # (Platt, Probabilistic outputs for support vector machines, 1999, section 2.2).
    target = np.where(right, (right.sum() + 1) / (right.sum() + 2), 1 / ((~right).sum() + 2))

    def loss(parameters: Floats) -> float:
        chance = expit(np.exp(parameters[0]) * x + parameters[1]).clip(1e-12, 1 - 1e-12)
        return float(-(target * np.log(chance) + (1 - target) * np.log1p(-chance)).mean())

    slope, offset = minimize(loss, np.zeros(2), method="Nelder-Mead").x
    fitted = Calibration(float(np.exp(-slope)), float(offset), np.zeros((_GRID, n_classes)))
    reached = np.concatenate([part.found for part in parts])
    label = np.concatenate([part.label for part in parts])
    chance = np.where(reached > 0, fitted.chance(reached), 0.0)
    everyone = _by_recall(chance)
    table = np.stack(
        [
            _by_recall(chance[label == index]) if (label == index).sum() >= _FEW else everyone
            for index in range(n_classes)
        ],
        axis=1,
    )
    return replace(fitted, found=table)


def _by_recall(scores: Floats) -> Floats:
    """(100,) score that finds 1, 2, … 100 percent, or as many as were found (above 0); 0 where none was."""
    falling = np.sort(scores[scores > 0])[::-1]
    if not len(falling):
        return np.zeros(_GRID)
    needed = np.ceil(np.arange(1, _GRID + 1) / _GRID * len(scores) - 1e-9).astype(np.int64)
    return np.asarray(falling[np.clip(needed, 1, len(falling)) - 1])


def expected_error(score: Floats, right: Bools, bins: int = 10) -> float:
    """Expected calibration error: mean distance of chance and share that is right, over bins of equal width (Guo et al., eq. 3)."""
    place = np.minimum((score * bins).astype(np.int64), bins - 1)
    apart = [abs(score[place == b].mean() - right[place == b].mean()) * (place == b).sum() for b in np.unique(place)]
    return float(np.sum(apart) / max(len(score), 1))
