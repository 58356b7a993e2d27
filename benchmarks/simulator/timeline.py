"""What happens when in a simulated video: who talks, which gesture comes, how long it lasts.

The classes' shares follow a power law, as in the field: the illustrative gestures make up 31 % and most classes are tail
(iMiGUE's public statistics). Which class has which place in the tail, how long each lasts, and how the outcome shifts the mix
are our own choices; the tables below are the whole of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.simulator.body import Floats
from benchmarks.simulator.people import Person
from manifests.taxonomy import LABELS

__all__ = ["MEDIAN_SECONDS", "OUTCOME_SHIFT", "SHARES", "Segment", "Timeline", "class_weights", "draw_timeline"]

_ILLUSTRATIVE_SHARE = 0.31
_BY_FREQUENCY = (
    *("touching_face", "rubbing_hands", "touching_jaw", "crossing_fingers", "pressing_lips", "playing_hair"),
    *("manipulating_objects", "touching_head", "moving_torso", "bulging_face", "touching_forehead", "folding_arms"),
    *("touching_neck", "head_up", "touching_ears", "touching_arms", "touching_hat", "minaret_gesture"),
    *("rubbing_eyes", "sitting_straight", "hold_back_arms", "adjusting_collar", "dusting_clothes", "shaking_shoulders"),
    *("biting_nails", "turtle_neck", "covering_face", "arms_behind_body", "scratching_back"),
    *("touching_suprasternal_notch", "arms_akimbo"),
)


def _shares() -> dict[str, float]:
    tail = (np.arange(1, len(_BY_FREQUENCY) + 1) + 5.0) ** -1.6  # the law of Zipf and Mandelbrot
    tail *= (1 - _ILLUSTRATIVE_SHARE) / tail.sum()
    return {"illustrative": _ILLUSTRATIVE_SHARE, **dict(zip(_BY_FREQUENCY, tail.tolist(), strict=True))}


SHARES: dict[str, float] = _shares()

# Logarithm of how much more often a class comes in a won video than in a lost one. What isn't named doesn't depend on it.
OUTCOME_SHIFT: dict[str, float] = {
    "head_up": 0.6,
    "sitting_straight": 0.6,
    "illustrative": 0.35,
    "shaking_shoulders": 0.3,
    "playing_hair": 0.3,
    "folding_arms": -0.3,
    "touching_jaw": -0.3,
    "bulging_face": -0.4,
    "touching_neck": -0.4,
    "touching_face": -0.4,
    "pressing_lips": -0.5,
    "biting_nails": -0.5,
    "turtle_neck": -0.5,
    "touching_suprasternal_notch": -0.5,
    "rubbing_eyes": -0.6,
    "touching_forehead": -0.6,
    "covering_face": -0.9,
}

MEDIAN_SECONDS: dict[str, float] = {
    **dict.fromkeys(LABELS, 2.0),
    **dict.fromkeys(("pressing_lips", "shaking_shoulders"), 1.1),
    **dict.fromkeys(("bulging_face", "head_up", "turtle_neck", "dusting_clothes", "illustrative"), 1.7),
    **dict.fromkeys(("rubbing_hands", "manipulating_objects", "minaret_gesture", "arms_akimbo"), 3.2),
    **dict.fromkeys(("folding_arms", "crossing_fingers", "hold_back_arms", "arms_behind_body"), 4.2),
}
_SPREAD = 0.4  # standard deviation of the logarithm of a duration
_SHORTEST, _LONGEST = 0.6, 15.0
_MEAN_FACTOR = float(np.exp(_SPREAD**2 / 2))

_TALK_SECONDS, _LISTEN_SECONDS = 22.0, 9.0
_WHILE_LISTENING = {"illustrative": 0.08, "head_up": 1.6, "pressing_lips": 1.8}  # factors on the class's weight
# What keeps the share of the illustrative gestures over a whole video, of which they mostly have the talking part alone, and
# against tastes, which multiply every other class by more than 1 on average.
_TALK_BONUS = 1.6


@dataclass(frozen=True)
class Segment:
    """Frames `[start, end)` in which a gesture is performed, from the onset of the movement to the return."""

    start: int
    end: int
    label: str


@dataclass(frozen=True)
class Timeline:
    """What happens in one video.

    Attributes:
        segments: in order of time; no two overlap or touch.
        talking: (frames,) 1 while the player talks, 0 while they listen.
    """

    segments: tuple[Segment, ...]
    talking: Floats


def class_weights(
    person: Person, won: bool, effect: float = 1.0, shares: Mapping[str, float] | None = None
) -> npt.NDArray[np.float64]:
    """(32,) probability of each class in this person's videos of this outcome, in the taxonomy's order, while they talk.

    Args:
        effect: factor on OUTCOME_SHIFT; 0 makes the outcome leave no trace.
        shares: of each class, instead of SHARES; need not sum to 1.
    """
    shares = SHARES if shares is None else shares
    base = np.array([shares.get(label, 0.0) * (_TALK_BONUS if label == "illustrative" else 1) for label in LABELS])
    shift = np.array([OUTCOME_SHIFT.get(label, 0.0) for label in LABELS])
    weights = base * np.exp(person.tastes + effect * (0.5 if won else -0.5) * shift)
    return np.asarray(weights / weights.sum())


def draw_timeline(
    person: Person,
    won: bool,
    n: int,
    fps: float,
    rng: np.random.Generator,
    per_minute: float,
    effect: float = 1.0,
    shares: Mapping[str, float] | None = None,
) -> Timeline:
    """A video's timeline of n frames.

    Args:
        per_minute: gestures a minute, the illustrative ones among them, of a person of average fidget.
    """
    talking = _turns(n, fps, rng)
    weights = class_weights(person, won, effect, shares)
    listening = weights * np.array([_WHILE_LISTENING.get(label, 1.0) for label in LABELS])
    while_talking, while_listening = np.cumsum(weights), np.cumsum(listening / listening.sum())
    medians = np.array([MEDIAN_SECONDS[label] for label in LABELS])
    lasting = float(np.clip(weights @ medians * _MEAN_FACTOR / person.pace, _SHORTEST, _LONGEST))
    gap = max(0.5, 60 / (per_minute * person.fidget) - lasting)
    segments: list[Segment] = []
    at = float(rng.exponential(gap))
    while True:
        start = round(at * fps)
        if start >= n:
            break
        chances = while_talking if talking[start] else while_listening
        index = min(int(np.searchsorted(chances, rng.random())), len(LABELS) - 1)
        seconds = medians[index] * float(np.exp(_SPREAD * rng.standard_normal())) / person.pace
        end = start + max(2, round(min(max(seconds, _SHORTEST), _LONGEST) * fps))
        if end > n:
            break
        segments.append(Segment(start, end, LABELS[index]))
        at = end / fps + 0.2 + float(rng.exponential(gap - 0.2))
    return Timeline(tuple(segments), talking)


def _turns(n: int, fps: float, rng: np.random.Generator) -> Floats:
    talking = np.zeros(n, np.float32)
    at, speaks = 0.0, bool(rng.random() < 0.5)
    while at < n:
        lasts = max(2.0, float(rng.gamma(2.0, (_TALK_SECONDS if speaks else _LISTEN_SECONDS) / 2))) * fps
        talking[int(at) : int(at + lasts)] = speaks
        at, speaks = at + lasts, not speaks
    return talking
