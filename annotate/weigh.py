"""Consensus by the label model: what annotators of many clips say, weighed by how far each can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from annotate.candidates import Mark, candidates
from annotate.label_model import Fit, Votes, fit
from annotate.matching import match
from annotate.opinions import Opinion, Segment
from manifests.tables import Row
from manifests.taxonomy import LABELS

__all__ = ["WeighedCandidate", "weigh", "weighted_median"]

_NEAR = 0.3  # temporal IoU from which a candidate is what was proposed there, or what is known to be there


@dataclass(frozen=True)
class WeighedCandidate:
    """A place where somebody marked a gesture, and what is probably true of it.

    Attributes:
        start, end: medians of the marks' boundaries, each annotator weighed; frames `[start, end)`.
        marks: who marked it, and as what.
        looked: how many annotators judged the clip.
        chances: probability of each label given to it, the largest first; what is missing to 1 is that there is no gesture,
            or one of another label.
        nothing: probability that there is no gesture.
        certainty: probability of what is most probable, by what other places tell of those who looked here.
    """

    start: int
    end: int
    marks: tuple[Mark, ...]
    looked: int
    chances: tuple[tuple[str, float], ...]
    nothing: float
    certainty: float

    @property
    def is_gesture(self) -> bool:
        return bool(self.chances) and self.nothing < 0.5

    @property
    def label(self) -> str:
        return self.chances[0][0]


@dataclass(frozen=True)
class _Item:
    clip: str
    marks: tuple[Mark, ...]
    proposed: str | None
    known: str | None  # "" where it is known that nothing is there


def weigh(
    opinions: Mapping[str, Sequence[Opinion]],
    *,
    proposals: Mapping[str, Sequence[Row]] | None = None,
    gold: Mapping[str, Sequence[Segment]] | None = None,
    tiou: float = 0.5,
) -> tuple[dict[str, list[WeighedCandidate]], dict[str, float]]:
    """Weigh the candidates of all clips together, each annotator's errors estimated from all that they said.

    Args:
        proposals: what the annotators of each clip were shown.
        gold: the known gestures of clips; annotators are judged by them.
        tiou: temporal IoU from which two annotators' segments are the same gesture.

    Returns:
        The candidates of each clip in order of time, and by annotator the probability that an answer is right and no copy.
    """
    judging = {clip: [o for o in of_clip if o.verdict != "unusable"] for clip, of_clip in opinions.items()}
    items = [
        item
        for clip, of_clip in sorted(judging.items())
        for item in _items(clip, of_clip, (proposals or {}).get(clip, ()), (gold or {}).get(clip), tiou)
    ]
    who = sorted({o.annotator_id for of_clip in judging.values() for o in of_clip})
    votes, labels = _votes(items, judging, who)
    found = fit(votes)
    weight = dict(zip(who, found.weight.tolist(), strict=True))
    weighed: dict[str, list[WeighedCandidate]] = {clip: [] for clip in opinions}
    for i, item in enumerate(items):
        if item.marks:
            weighed[item.clip].append(_weighed(item, found, i, labels, len(judging[item.clip]), weight))
    return {clip: sorted(of_clip, key=lambda c: (c.start, c.end)) for clip, of_clip in weighed.items()}, weight


def weighted_median(values: Sequence[int], weights: Sequence[float]) -> int:
    """The value with half of the weight on either side; between two, their middle. Half frames are rounded up."""
    order = np.argsort(values, kind="stable")
    ordered = np.asarray(values, dtype=np.float64)[order]
    share = np.cumsum(np.maximum(np.asarray(weights, dtype=np.float64)[order], 1e-6))
    share /= share[-1]
    first = int(np.searchsorted(share, 0.5 - 1e-9))
    second = int(np.searchsorted(share, 0.5 + 1e-9))
    return int(np.floor((ordered[first] + ordered[second]) / 2 + 0.5))


def _items(
    clip: str, opinions: Sequence[Opinion], shown: Sequence[Row], gold: Sequence[Segment] | None, tiou: float
) -> list[_Item]:
    """What was asked of the annotators of a clip: a class for every candidate, and for every proposal that nobody took."""
    marks = [tuple(cluster) for cluster in candidates(opinions, tiou)]
    places = [_place(of_one) for of_one in marks]
    proposed: dict[int, str] = {}
    known: dict[int, str] = {}
    taken = match(places, [(row["start"], row["end"]) for row in shown], _NEAR)
    for i, j in taken:
        proposed[i] = shown[j]["label"]
    if gold is not None:
        known = dict.fromkeys(range(len(marks)), "")
        known |= {i: gold[j].label for i, j in match(places, [(s.start, s.end) for s in gold], _NEAR)}
    untaken = [row for j, row in enumerate(shown) if j not in {j for _, j in taken}]
    return [
        *(_Item(clip, of_one, proposed.get(i), known.get(i)) for i, of_one in enumerate(marks)),
        *(_Item(clip, (), row["label"], None) for row in untaken),
    ]


def _place(marks: Sequence[Mark]) -> tuple[int, int]:
    equal = [1.0] * len(marks)
    start = weighted_median([m.segment.start for m in marks], equal)
    return start, weighted_median([m.segment.end for m in marks], equal)


def _votes(
    items: Sequence[_Item], judging: Mapping[str, Sequence[Opinion]], who: Sequence[str]
) -> tuple[Votes, list[str]]:
    used = {mark.segment.label for item in items for mark in item.marks}
    used |= {label for item in items for label in (item.proposed, item.known) if label}
    labels = [label for label in LABELS if label in used]
    number = {label: i for i, label in enumerate(labels)} | {"": len(labels)}
    place = {name: i for i, name in enumerate(who)}
    answers = [
        (i, place[o.annotator_id], number[given.get(o.annotator_id, "")])
        for i, item in enumerate(items)
        for given in [{mark.annotator: mark.segment.label for mark in item.marks}]
        for o in judging[item.clip]
    ]
    table = np.array(answers, dtype=np.int64).reshape(-1, 3)
    return (
        Votes(
            item=table[:, 0],
            annotator=table[:, 1],
            value=table[:, 2],
            proposed=np.array([-1 if i.proposed is None else number[i.proposed] for i in items], dtype=np.int64),
            known=np.array([-1 if i.known is None else number[i.known] for i in items], dtype=np.int64),
            n_annotators=len(who),
            n_classes=len(labels) + 1,
        ),
        labels,
    )


def _weighed(
    item: _Item, found: Fit, row: int, labels: Sequence[str], looked: int, weight: Mapping[str, float]
) -> WeighedCandidate:
    posterior = found.posterior[row]
    believed = len(labels) if posterior[-1] >= 0.5 or len(labels) == 0 else int(posterior[:-1].argmax())
    chances = {label: float(posterior[i]) for i, label in enumerate(labels) if posterior[i] > 1e-3}
    weights = [weight[mark.annotator] for mark in item.marks]
    start = weighted_median([mark.segment.start for mark in item.marks], weights)
    return WeighedCandidate(
        start=start,
        end=max(start + 1, weighted_median([mark.segment.end for mark in item.marks], weights)),
        marks=item.marks,
        looked=looked,
        chances=tuple(sorted(chances.items(), key=lambda chance: -chance[1])),
        nothing=float(posterior[-1]),
        certainty=float(found.apart[row, believed]),
    )
