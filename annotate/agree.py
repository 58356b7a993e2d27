"""How far annotators agree: where gestures are, what they are, and to the frame.

Every pair of annotators who both judged a clip is compared, and the comparisons are pooled. Who said that there is nothing
marked an empty set of gestures. Who called a clip unusable did not judge its gestures.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import cohen_kappa_score

from annotate.matching import match
from annotate.opinions import Opinion, Segment, opinions_by_clip
from manifests.errors import BadInput
from manifests.parquet import write_text
from manifests.taxonomy import LABELS
from manifests.workspace import Workspace

__all__ = ["Agreement", "BoundaryDeviation", "ClassAgreement", "agree", "agreement", "krippendorff_alpha"]

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
class BoundaryDeviation:
    """How far apart two annotators put the same boundary of matched segments, in frames."""

    mean: float
    median: float
    p90: float


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
        alpha_frames: Krippendorff's alpha over frames, each of one of the 32 classes or of none.
        alpha_presence: the same, of gesture or none.
        start_deviation, end_deviation: of matched pairs.
        unusable_disputed: clips that some, not all, called unusable.
        per_class: by label, for the labels that were used.
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
    alpha_frames: float | None
    alpha_presence: float | None
    start_deviation: BoundaryDeviation | None
    end_deviation: BoundaryDeviation | None
    unusable_disputed: int
    per_class: dict[str, ClassAgreement]


def agree(workspace: Workspace, tiou: float = 0.5) -> Agreement:
    """Agreement over the dataset's annotations, also written to `reports/agreement.json`.

    Raises:
        BadInput: nothing was annotated yet, or `tiou` is not above 0 and up to 1.
    """
    opinions = opinions_by_clip(workspace.read("annotations"))
    if not opinions:
        raise BadInput(f"{workspace.root} has no annotations yet. Run `mgcollect annotate pull` first.")
    clips = workspace.read("clips")
    n_frames = dict(zip(clips["clip_id"].to_pylist(), clips["n_frames"].to_pylist(), strict=True))
    found = agreement(opinions, n_frames, tiou)
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
    comparisons = [pair for of_clip in shared.values() for pair in combinations(of_clip, 2)]
    pairs = [pair for a, b in comparisons for pair in _matched(a.segments, b.segments, tiou)]
    marked = Counter(segment.label for a, b in comparisons for segment in (*a.segments, *b.segments))
    same = Counter(a.label for a, b in pairs if a.label == b.label)
    grids = [_frame_counts(of_clip, n_frames[clip]) for clip, of_clip in shared.items()]
    return Agreement(
        tiou=tiou,
        annotators=tuple(sorted({o.annotator_id for of_clip in opinions.values() for o in of_clip})),
        clips=len(shared),
        comparisons=len(comparisons),
        segments=marked.total(),
        matched=len(pairs),
        same_label=same.total(),
        f1=_share(2 * len(pairs), marked.total()),
        f1_labelled=_share(2 * same.total(), marked.total()),
        label_agreement=_share(same.total(), len(pairs)),
        kappa=_kappa(pairs),
        alpha_frames=krippendorff_alpha(grids),
        alpha_presence=krippendorff_alpha(_presence(grid) for grid in grids),
        start_deviation=_deviation([abs(a.start - b.start) for a, b in pairs]),
        end_deviation=_deviation([abs(a.end - b.end) for a, b in pairs]),
        unusable_disputed=sum(0 < len(judged[clip]) < len(of_clip) for clip, of_clip in opinions.items()),
        per_class={
            label: ClassAgreement(marked[label], same[label], 2 * same[label] / marked[label])
            for label in sorted(marked, key=_CLASS.__getitem__)
        },
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
    disagreeing, of_value = 0.0, np.zeros(0)
    for grid in counts:
        coders = grid.sum(axis=1)
        grid, coders = grid[coders > 1].astype(np.float64), coders[coders > 1]
        disagreeing += float(((coders**2 - (grid**2).sum(axis=1)) / (coders - 1)).sum())
        of_value = grid.sum(axis=0) + (of_value if of_value.size else 0)
    n = float(of_value.sum())
    expected = (n**2 - float((of_value**2).sum())) / (n - 1) if n > 1 else 0.0
    return 1 - disagreeing / expected if expected else None


def _matched(a: Sequence[Segment], b: Sequence[Segment], tiou: float) -> list[tuple[Segment, Segment]]:
    pairs = match([(s.start, s.end) for s in a], [(s.start, s.end) for s in b], tiou)
    return [(a[i], b[j]) for i, j in pairs]


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


def _kappa(pairs: Sequence[tuple[Segment, Segment]]) -> float | None:
    if len({label for a, b in pairs for label in (a.label, b.label)}) < 2:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error", UndefinedMetricWarning)
        return float(cohen_kappa_score([a.label for a, _ in pairs], [b.label for _, b in pairs]))


def _deviation(frames: list[int]) -> BoundaryDeviation | None:
    if not frames:
        return None
    return BoundaryDeviation(float(np.mean(frames)), float(np.median(frames)), float(np.quantile(frames, 0.9)))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
