"""From what several annotators marked to the gestures that they agree on, by majority.

Segments of different annotators that overlap become one gesture: where enough of those who looked at the clip marked it, it
stays, with the label that most of them gave and the medians of their boundaries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median

from annotate.matching import temporal_iou
from annotate.opinions import Opinion, Segment, opinions_by_clip
from manifests.errors import BadInput
from manifests.ids import gesture_id
from manifests.provenance import made_by
from manifests.tables import TABLES, Row, from_rows, rows_of
from manifests.taxonomy import LABELS
from manifests.workspace import Workspace

__all__ = ["AgreedGesture", "ConsensusReport", "agreed_gestures", "consensus"]

_ORDER = {label: index for index, label in enumerate(LABELS)}
_WEIGHT = {"sure": 2, None: 1, "unsure": 0}  # of a certainty, where labels are tied


@dataclass(frozen=True)
class AgreedGesture:
    """A gesture that enough annotators marked: frames `[start, end)`.

    Attributes:
        marked_by: annotators who marked a gesture here, with whatever label.
        agreement: share of those who looked at the clip who gave it this label.
    """

    start: int
    end: int
    label: str
    description: str | None
    marked_by: tuple[str, ...]
    agreement: float


@dataclass
class ConsensusReport:
    """What came of a consensus.

    Attributes:
        clips: that somebody judged.
        unusable: of them, those that most called unusable; they give no gesture.
        empty: of them, those in which no gesture is agreed on.
        candidates: places where somebody marked a gesture.
        gestures: candidates that enough annotators marked.
        label_disputed: gestures whose label not all of those who marked them gave.
        per_class: gestures by label.
    """

    clips: int = 0
    unusable: int = 0
    empty: int = 0
    candidates: int = 0
    gestures: int = 0
    label_disputed: int = 0
    per_class: dict[str, int] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        return 0


@dataclass(frozen=True)
class _Mark:
    annotator: str
    segment: Segment


def consensus(workspace: Workspace, *, min_support: float = 0.5, tiou: float = 0.5) -> ConsensusReport:
    """Write the gestures table: what the annotators of each clip agree on.

    Args:
        min_support: a gesture stays if more than this share of those who looked at the clip marked it; 0.5 is a majority.
        tiou: temporal IoU from which two annotators' segments are the same gesture.

    Raises:
        BadInput: nothing was annotated yet, an option is out of its range, or an annotated clip is not in the clips table.
    """
    opinions = opinions_by_clip(workspace.read("annotations"))
    if not opinions:
        raise BadInput(f"{workspace.root} has no annotations yet. Run `mgcollect annotate pull` first.")
    clips = {row["clip_id"]: row for row in rows_of(workspace.read("clips"))}
    if unknown := sorted(opinions.keys() - clips.keys()):
        raise BadInput(
            f"{len(unknown)} annotated clips are not in the clips table, such as {unknown[0]}. Run `mgcollect annotate pull`."
        )
    report = ConsensusReport(clips=len(opinions))
    by_how = made_by(f"majority (support>{min_support:g}, tiou>={tiou:g})")
    rows: list[Row] = []
    for clip, of_clip in sorted(opinions.items()):
        if _is_unusable(of_clip):
            report.unusable += 1
            continue
        candidates = agreed_gestures(of_clip, min_support=0, tiou=tiou)
        agreed = agreed_gestures(of_clip, min_support=min_support, tiou=tiou)
        report.candidates += len(candidates)
        report.empty += not agreed
        report.label_disputed += sum(g.agreement < len(g.marked_by) / len(of_clip) for g in agreed)
        rows += [_row(gesture, clips[clip], len(of_clip), by_how) for gesture in agreed]
    report.gestures = len(rows)
    counted = Counter(row["label"] for row in rows)
    report.per_class = {label: counted[label] for label in LABELS if counted[label]}
    workspace.write("gestures", from_rows(TABLES["gestures"], rows))
    return report


def agreed_gestures(opinions: Sequence[Opinion], *, min_support: float = 0.5, tiou: float = 0.5) -> list[AgreedGesture]:
    """The gestures of one clip on which its annotators agree, in order of time.

    Segments are joined from the closest pair on, so long as each annotator stands in a gesture once and any two segments in
    it overlap by `tiou`. The label is that which most gave; of tied ones that given with more certainty, then the first in
    the taxonomy. Boundaries are medians, half frames rounded up. Gestures that come out alike are one.

    Raises:
        BadInput: `min_support` is not from 0 to below 1, or `tiou` not above 0 and up to 1.
    """
    if not 0 <= min_support < 1:
        raise BadInput(f"--min-support {min_support}: write a share from 0 to below 1, such as 0.5 for a majority.")
    if not 0 < tiou <= 1:
        raise BadInput(f"--tiou {tiou}: a temporal IoU is above 0 and up to 1.")
    marks = [_Mark(opinion.annotator_id, segment) for opinion in opinions for segment in opinion.segments]
    agreed: dict[tuple[int, int, str], AgreedGesture] = {}
    for cluster in _clusters(marks, tiou):
        if len(cluster) / len(opinions) > min_support:
            gesture = _merge(cluster, len(opinions))
            place = (gesture.start, gesture.end, gesture.label)
            agreed[place] = max(gesture, agreed.get(place, gesture), key=lambda g: g.agreement)
    return [agreed[place] for place in sorted(agreed)]


def _is_unusable(opinions: Sequence[Opinion]) -> bool:
    return 2 * sum(opinion.verdict == "unusable" for opinion in opinions) > len(opinions)


def _clusters(marks: Sequence[_Mark], tiou: float) -> list[list[_Mark]]:
    """Marks that are one gesture, each annotator at most once; every mark is in exactly one cluster."""
    if not marks:
        return []
    ranges = [(mark.segment.start, mark.segment.end) for mark in marks]
    overlap = temporal_iou(ranges, ranges)
    cluster_of = {i: [i] for i in range(len(marks))}
    for i, j in _closest_first(marks, overlap, tiou):
        a, b = cluster_of[i], cluster_of[j]
        apart = {marks[k].annotator for k in a}.isdisjoint(marks[k].annotator for k in b)
        if a is not b and apart and all(overlap[k, m] >= tiou for k in a for m in b):
            a += b
            cluster_of.update(dict.fromkeys(b, a))
    distinct = {id(cluster): cluster for cluster in cluster_of.values()}
    return [[marks[i] for i in sorted(cluster)] for cluster in distinct.values()]


def _closest_first(marks: Sequence[_Mark], overlap: Iterable[Iterable[float]], tiou: float) -> list[tuple[int, int]]:
    table = [list(row) for row in overlap]
    near = [(i, j) for i, j in combinations(range(len(marks)), 2) if table[i][j] >= tiou]

    def rank(pair: tuple[int, int]) -> tuple[float, bool, int, int]:
        i, j = pair
        return (-table[i][j], marks[i].segment.label != marks[j].segment.label, i, j)

    return sorted(near, key=rank)


def _merge(cluster: Sequence[_Mark], n_looked: int) -> AgreedGesture:
    votes = Counter(mark.segment.label for mark in cluster)
    certainty: Counter[str] = Counter()
    for mark in cluster:
        certainty[mark.segment.label] += _WEIGHT[mark.segment.certainty]
    label = min(votes, key=lambda label: (-votes[label], -certainty[label], _ORDER[label]))
    texts = [mark.segment.description for mark in cluster if mark.segment.description]
    return AgreedGesture(
        start=_middle(mark.segment.start for mark in cluster),
        end=_middle(mark.segment.end for mark in cluster),
        label=label,
        description=" | ".join(dict.fromkeys(texts)) or None,
        marked_by=tuple(mark.annotator for mark in cluster),
        agreement=votes[label] / n_looked,
    )


def _middle(frames: Iterable[int]) -> int:
    return int(median(frames) + 0.5)


def _row(gesture: AgreedGesture, clip: Row, n_looked: int, by_how: str) -> Row:
    return {
        "gesture_id": gesture_id(clip["clip_id"], gesture.start, gesture.end, gesture.label),
        "clip_id": clip["clip_id"],
        "video_id": clip["video_id"],
        "player_id": clip["player_id"],
        "start": gesture.start,
        "end": gesture.end,
        "label": gesture.label,
        "description": gesture.description,
        "n_annotators": n_looked,
        "agreement": gesture.agreement,
        "adjudicated": False,
        "made_by": by_how,
    }
