"""What a model's proposals are worth on people whose gestures were agreed on.

Everything is of what an annotator would be shown: proposals above their class's threshold. Two kinds of figures: how many agreed
gestures have a proposal of their class that overlaps them by half, one to one, and how many proposals are none; and the field's
figures of the ranking by score, mean average precision and average recall (models/spot/metrics.py). Intervals are bootstrapped
over people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from annotate.intervals import Interval, Sums, f1, interval, middle, ratio, resampled
from annotate.matching import match
from annotate.propose import Propose
from manifests.errors import ItemFailed
from manifests.tables import Row
from manifests.taxonomy import LABELS
from models.spot.metrics import AVERAGE_NUMBERS, TIOUS, Segments, average_recall, mean_average_precision, top_by_clip

__all__ = ["Measured", "Ranked", "f1_of", "measure"]

_TIOU = 0.5
_CLASS = {label: index for index, label in enumerate(LABELS)}


@dataclass(frozen=True)
class Ranked:
    """A figure of the ranking, and its interval over people; None with fewer than two."""

    value: float
    interval: Interval | None


@dataclass(frozen=True)
class Measured:
    """What a model's proposals are worth on some people.

    Attributes:
        model: its version.
        sums: (people, 3) matched proposals, gestures, proposals.
        ranked: `map_tiou_0.1` … `map_tiou_0.7` and `map`, their mean; `ar_1` … `ar_100`, average recall of so many proposals a clip,
            whatever their class. Empty where there is no gesture.
    """

    model: str
    sums: Sums
    ranked: dict[str, Ranked] = field(default_factory=dict)

    @property
    def found(self) -> float:
        """Share of the gestures that were proposed."""
        return float(_found(self.sums.sum(axis=0, keepdims=True))[0])

    @property
    def right(self) -> float:
        """Share of the proposals that are a gesture."""
        return float(_right(self.sums.sum(axis=0, keepdims=True))[0])

    @property
    def f1(self) -> float:
        """Of both."""
        return float(f1_of(self.sums.sum(axis=0, keepdims=True))[0])

    @property
    def f1_interval(self) -> Interval | None:
        """Over people; None with fewer than two."""
        return interval(self.sums, f1_of)


def measure(
    stage: Propose, items: Iterable[Row], known: Mapping[str, list[Row]], people: Mapping[str, str]
) -> Measured:
    """What a stage proposes in some clips, beside their agreed gestures.

    Args:
        items: clips with poses, as `posed_clips` has them; those that the stage can't do count as without proposals.
        known: the gestures of each clip.
        people: whom each clip is of.
    """
    proposed: dict[str, list[Row]] = {}
    stage.setup()
    for item in items:
        try:
            proposed[item["clip_id"]] = list(stage.process(item))
        except ItemFailed:
            proposed[item["clip_id"]] = []
    names = sorted({people[clip] for clip in proposed})
    sums = np.zeros((len(names), 3))
    for clip, rows in proposed.items():
        truth = known.get(clip, [])
        sums[names.index(people[clip])] += (_matched(truth, rows), len(truth), len(rows))
    return Measured(stage.version, sums, _ranked(proposed, known, [names.index(people[clip]) for clip in proposed]))


def f1_of(sums: Sums) -> Sums:
    """F1 of (m, 3) sums as `Measured` has them."""
    return f1(np.stack([sums[:, 0], sums[:, 1] + sums[:, 2]], axis=1))


def _matched(truth: list[Row], proposed: list[Row]) -> int:
    matched = 0
    for label in {row["label"] for row in truth}:
        a, b = (
            np.array([(r["start"], r["end"]) for r in rows if r["label"] == label], dtype=np.int64).reshape(-1, 2)
            for rows in (truth, proposed)
        )
        matched += len(match(a, b, _TIOU))
    return matched


def _ranked(
    proposed: Mapping[str, list[Row]], known: Mapping[str, list[Row]], person_of: list[int]
) -> dict[str, Ranked]:
    true = _segments({clip: known.get(clip, []) for clip in proposed})
    found = _segments(proposed).by_score()
    if not len(true):
        return {}
    person = np.array(person_of, dtype=np.int64)
    n = int(person.max()) + 1
    times = np.concatenate([np.ones((1, n), dtype=np.int64), resampled(n)])
    rows = dict(
        zip(
            [*(f"map_tiou_{tiou}" for tiou in TIOUS), "map"],
            mean_average_precision(true, found, person, times),
            strict=True,
        )
    )
    whose = times[:, person[true.clip]].astype(np.float64)
    for number in AVERAGE_NUMBERS:
        rows[f"ar_{number}"] = ratio(whose @ average_recall(true, top_by_clip(found, number)), whose.sum(axis=1))
    return {name: Ranked(float(values[0]), middle(values[1:]) if n > 1 else None) for name, values in rows.items()}


def _segments(of_clips: Mapping[str, list[Row]]) -> Segments:
    rows = [(place, row) for place, of_clip in enumerate(of_clips.values()) for row in of_clip]
    spans: npt.NDArray[np.int64] = np.array([(row["start"], row["end"]) for _, row in rows], dtype=np.int64)
    return Segments(
        np.array([place for place, _ in rows], dtype=np.int64),
        spans.reshape(-1, 2),
        np.array([_CLASS[row["label"]] for _, row in rows], dtype=np.int64),
        np.array([row.get("score", 1.0) for _, row in rows], dtype=np.float64),
    )


def _found(sums: Sums) -> Sums:
    return ratio(sums[:, 0], sums[:, 1])


def _right(sums: Sums) -> Sums:
    return ratio(sums[:, 0], sums[:, 2])
