"""How far annotators agree: where gestures are, what they are, and to the frame.

Every pair of annotators who both judged a clip is compared, and the comparisons are pooled. Who said that there is nothing
marked an empty set of gestures. Who called a clip unusable did not judge its gestures.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from annotate.crowd_design import read_design
from annotate.gamma import gamma_sums
from annotate.intervals import Interval, Statistic, Sums, f1, interval, ratio
from annotate.matching import match
from annotate.opinions import Opinion, Segment
from annotate.stretches import read_judged
from manifests.errors import BadInput
from manifests.parquet import write_text
from manifests.taxonomy import LABELS
from manifests.workspace import Workspace

__all__ = [
    "Agreement",
    "BoundaryDeviation",
    "ClassAgreement",
    "Confusion",
    "PreLabels",
    "agree",
    "agreement",
    "krippendorff_alpha",
    "matched_segments",
]

_CLASS = {label: index for index, label in enumerate(LABELS)}


@dataclass(frozen=True)
class ClassAgreement:
    """Agreement on one class.

    Attributes:
        segments: marked with this label, over both annotators of every comparison.
        same_label: matched pairs in which both have it.
        f1: 2 * same_label / segments.
    """

    segments: int
    same_label: int
    f1: float


@dataclass(frozen=True)
class Confusion:
    """Two classes that annotators gave to the same gesture, and in how many matched pairs."""

    labels: tuple[str, str]
    pairs: int


@dataclass(frozen=True)
class BoundaryDeviation:
    """How far apart two annotators put the same boundary of matched segments, in frames."""

    mean: float
    median: float
    p90: float


@dataclass(frozen=True)
class PreLabels:
    """Agreement in one part of the clips: how many are shared, and F1 of segments with the same label with its interval."""

    clips: int
    f1_labelled: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Agreement:
    """Agreement between annotators. None stands where a figure is undefined: nothing was matched, or nothing varied.

    Attributes:
        tiou: temporal IoU from which two segments count as the same.
        annotators: who took part.
        clips: clips that at least two of them judged.
        comparisons: pairs of annotators over these clips.
        segments: marked, over both annotators of every comparison.
        matched: pairs of segments, one to one.
        same_label: matched pairs with the same label.
        f1: 2 * matched / segments: do they see gestures at the same places?
        f1_labelled: 2 * same_label / segments: and the same ones?
        label_agreement: same_label / matched.
        kappa: Cohen's kappa of the labels of matched pairs.
        alpha_labels: Krippendorff's alpha of the same; each pair is a unit with two coders.
        alpha_frames: Krippendorff's alpha over frames, each of one of the 32 classes or of none.
        alpha_presence: the same, of gesture or none.
        gamma: places and labels in one (`annotate.gamma`); undefined where nobody marked anything.
        start_deviation, end_deviation: of matched pairs.
        unusable_disputed: clips that some, not all, called unusable.
        per_class: by label, for the labels that were used.
        confusion: pairs of classes given to one gesture, the most frequent first.
        intervals: 95 % of the figures of these names, by bootstrap over clips; None where there are too few.
        with_proposals, without_proposals: of the clips shown with or without proposals; None where the design has no clips
            without. Where annotators agree only if a proposal leads them, the two differ.
    """

    tiou: float
    annotators: tuple[str, ...]
    clips: int
    comparisons: int
    segments: int
    matched: int
    same_label: int
    f1: float | None
    f1_labelled: float | None
    label_agreement: float | None
    kappa: float | None
    alpha_labels: float | None
    alpha_frames: float | None
    alpha_presence: float | None
    gamma: float | None
    start_deviation: BoundaryDeviation | None
    end_deviation: BoundaryDeviation | None
    unusable_disputed: int
    per_class: dict[str, ClassAgreement]
    confusion: tuple[Confusion, ...] = ()
    intervals: dict[str, Interval | None] = field(default_factory=dict)
    with_proposals: PreLabels | None = None
    without_proposals: PreLabels | None = None


def agree(workspace: Workspace, tiou: float = 0.5) -> Agreement:
    """Agreement over the dataset's annotations, also written to `reports/agreement.json`.

    Raises:
        BadInput: nothing was annotated yet, or `tiou` is not above 0 and up to 1.
    """
    judged = read_judged(workspace)
    opinions, n_frames = judged.opinions, judged.n_frames
    found = agreement(opinions, n_frames, tiou)
    design = read_design(workspace)
    if without := {key for key, one in judged.stretches.items() if not design.shows_proposals(one.clip_id)}:
        shown = {clip: of_clip for clip, of_clip in opinions.items() if clip not in without}
        bare = {clip: opinions[clip] for clip in without}
        found = replace(
            found,
            with_proposals=_part(agreement(shown, n_frames, tiou)),
            without_proposals=_part(agreement(bare, n_frames, tiou)),
        )
    write_text(workspace.root / "reports" / "agreement.json", json.dumps(asdict(found), indent=1) + "\n")
    return found


def agreement(opinions: Mapping[str, Sequence[Opinion]], n_frames: Mapping[str, int], tiou: float = 0.5) -> Agreement:
    """Agreement over the opinions on each clip.

    Args:
        n_frames: length of each clip.

    Raises:
        BadInput: `tiou` is not above 0 and up to 1.
    """
    if not 0 < tiou <= 1:
        raise BadInput(f"--tiou {tiou}: a temporal IoU is above 0 and up to 1.")
    judged = {clip: [o for o in of_clip if o.verdict != "unusable"] for clip, of_clip in sorted(opinions.items())}
    shared = {clip: of_clip for clip, of_clip in judged.items() if len(of_clip) > 1}
    matched = {
        clip: [pair for a, b in combinations(of_clip, 2) for pair in matched_segments(a.segments, b.segments, tiou)]
        for clip, of_clip in shared.items()
    }
    marked = Counter(
        s.label for of_clip in shared.values() for a, b in combinations(of_clip, 2) for s in (*a.segments, *b.segments)
    )
    pairs = [pair for of_clip in matched.values() for pair in of_clip]
    same = Counter(a.label for a, b in pairs if a.label == b.label)
    mixed = Counter(_in_order(a.label, b.label) for a, b in pairs if a.label != b.label)
    sums = np.array([_sums(of_clip, matched[clip], n_frames[clip]) for clip, of_clip in shared.items()])
    sums = np.hstack([sums.reshape(-1, _GAMMA), gamma_sums(shared, n_frames)])
    figures: dict[str, Any] = {
        name: _value(statistic(sums.sum(axis=0, keepdims=True))) for name, statistic in _FIGURES.items()
    }
    return Agreement(
        tiou=tiou,
        annotators=tuple(sorted({o.annotator_id for of_clip in opinions.values() for o in of_clip})),
        clips=len(shared),
        comparisons=sum(len(of_clip) * (len(of_clip) - 1) // 2 for of_clip in shared.values()),
        segments=marked.total(),
        matched=len(pairs),
        same_label=same.total(),
        **figures,
        start_deviation=_deviation([abs(a.start - b.start) for a, b in pairs]),
        end_deviation=_deviation([abs(a.end - b.end) for a, b in pairs]),
        unusable_disputed=sum(0 < len(judged[clip]) < len(of_clip) for clip, of_clip in opinions.items()),
        per_class={
            label: ClassAgreement(marked[label], same[label], 2 * same[label] / marked[label])
            for label in sorted(marked, key=_CLASS.__getitem__)
        },
        confusion=tuple(Confusion(labels, count) for labels, count in mixed.most_common()),
        intervals={name: interval(sums, statistic) for name, statistic in _FIGURES.items()},
    )


def krippendorff_alpha(counts: Iterable[npt.NDArray[np.integer]]) -> float | None:
    """Krippendorff's alpha for nominal values, with any number of coders and missing values.

    Args:
        counts: arrays (units, values): how many coders gave each value to each unit. Units with fewer than two coders
            don't count.

    Returns:
        1 where all agree, 0 where they agree as chance would; None where all values are the same, or no unit has two coders.

    Klaus Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C.
    """
    sums = [_alpha_sums(grid) for grid in counts]
    if not sums:
        return None
    disagreeing = np.array([sum(d for d, _ in sums)])
    of_value = np.sum([values for _, values in sums], axis=0)
    return _value(_alpha(np.concatenate([disagreeing, of_value])[None]))


def matched_segments(a: Sequence[Segment], b: Sequence[Segment], tiou: float) -> list[tuple[Segment, Segment]]:
    """Segments of two annotators that are the same by their place, one to one (see `annotate.matching.match`)."""
    pairs = match([(s.start, s.end) for s in a], [(s.start, s.end) for s in b], tiou)
    return [(a[i], b[j]) for i, j in pairs]


# What one clip adds to the figures: three counts, how often either side of a matched pair has each class, then the
# disagreement and the values of its frames, by class and by presence; last what gamma is made of.
_N = len(LABELS)
_MARGINS = 3
_FRAMES = _MARGINS + 2 * _N
_PRESENCE = _FRAMES + 1 + _N + 1
_GAMMA = _PRESENCE + 1 + 2  # from here the disorder, and that by chance


def _sums(opinions: Sequence[Opinion], pairs: Sequence[tuple[Segment, Segment]], n_frames: int) -> Sums:
    sums = np.zeros(_GAMMA)
    segments = (len(opinions) - 1) * sum(len(o.segments) for o in opinions)  # each meets every other annotator
    sums[:_MARGINS] = len(pairs), segments, sum(a.label == b.label for a, b in pairs)
    for a, b in pairs:
        sums[_MARGINS + _CLASS[a.label]] += 1
        sums[_MARGINS + _N + _CLASS[b.label]] += 1
    grid = _frame_counts(opinions, n_frames)
    sums[_FRAMES:_PRESENCE] = np.hstack(_alpha_sums(grid))
    sums[_PRESENCE:] = np.hstack(_alpha_sums(_presence(grid)))
    return sums


def _alpha_sums(grid: npt.NDArray[np.integer]) -> tuple[float, Sums]:
    """Disagreement within units, and how often each value was given, of the units with more than one coder."""
    coders = grid.sum(axis=1)
    counts, coders = grid[coders > 1].astype(np.float64), coders[coders > 1]
    disagreeing = float(((coders**2 - (counts**2).sum(axis=1)) / (coders - 1)).sum())
    return disagreeing, counts.sum(axis=0)


def _alpha(sums: Sums) -> Sums:
    of_value = sums[:, 1:]
    n = of_value.sum(axis=1)
    expected = ratio(n**2 - (of_value**2).sum(axis=1), n - 1)
    return 1 - ratio(sums[:, 0], np.nan_to_num(expected))


def _kappa(sums: Sums) -> Sums:
    """Cohen's kappa of the labels of matched pairs; undefined where all have the same label."""
    n, same = sums[:, 0], sums[:, 2]
    by_chance = (sums[:, _MARGINS : _MARGINS + _N] * sums[:, _MARGINS + _N : _FRAMES]).sum(axis=1)
    observed, expected = ratio(same, n), ratio(by_chance, n**2)
    return ratio(observed - expected, 1 - expected)


def _alpha_labels(sums: Sums) -> Sums:
    """Krippendorff's alpha of the labels of matched pairs; undefined where all have the same label."""
    disagreeing = 2 * (
        sums[:, :1] - sums[:, 2:_MARGINS]
    )  # with two coders, each pair that differs does so both ways round
    of_value = sums[:, _MARGINS : _MARGINS + _N] + sums[:, _MARGINS + _N : _FRAMES]
    return _alpha(np.hstack([disagreeing, of_value]))


_FIGURES: dict[str, Statistic] = {
    "f1": lambda sums: f1(sums[:, :2]),
    "f1_labelled": lambda sums: f1(sums[:, [2, 1]]),
    "label_agreement": lambda sums: ratio(sums[:, 2], sums[:, 0]),
    "kappa": _kappa,
    "alpha_labels": _alpha_labels,
    "alpha_frames": lambda sums: _alpha(sums[:, _FRAMES:_PRESENCE]),
    "alpha_presence": lambda sums: _alpha(sums[:, _PRESENCE:_GAMMA]),
    "gamma": lambda sums: 1 - ratio(sums[:, _GAMMA], sums[:, _GAMMA + 1]),
}


def _part(found: Agreement) -> PreLabels:
    return PreLabels(found.clips, found.f1_labelled, found.intervals["f1_labelled"])


def _value(figure: Sums) -> float | None:
    return float(figure[0]) if np.isfinite(figure[0]) else None


def _in_order(a: str, b: str) -> tuple[str, str]:
    return (a, b) if _CLASS[a] < _CLASS[b] else (b, a)


def _frame_counts(opinions: Sequence[Opinion], n_frames: int) -> npt.NDArray[np.int64]:
    """(frames, 33): how many annotators gave each frame each class, or none (the last column)."""
    counts = np.zeros((n_frames, len(LABELS) + 1), dtype=np.int64)
    for opinion in opinions:
        value = np.full(n_frames, len(LABELS))
        for segment in opinion.segments:  # where one annotator's segments overlap, the one that starts later counts
            value[segment.start : segment.end] = _CLASS[segment.label]
        counts[np.arange(n_frames), value] += 1
    return counts


def _presence(grid: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.stack([grid[:, :-1].sum(axis=1), grid[:, -1]], axis=1)


def _deviation(frames: list[int]) -> BoundaryDeviation | None:
    if not frames:
        return None
    return BoundaryDeviation(float(np.mean(frames)), float(np.median(frames)), float(np.quantile(frames, 0.9)))
