"""From what several annotators marked to the gestures that they agree on.

Segments of different annotators that overlap become one gesture. By majority it stays where enough of those who looked at the
clip marked it, with the label that most of them gave and the medians of their boundaries. By the label model
(annotate/label_model.py) each annotator counts as far as they can be believed; what remains uncertain is listed as a dispute.
Where an adjudicator decided (annotate/adjudicate.py), that holds, whatever annotators said.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, Literal

from annotate.agreed import AgreedGesture, stitched
from annotate.candidates import Mark, candidates
from annotate.gold import read_gold
from annotate.opinions import Opinion, Segment
from annotate.shown import shown_proposals
from annotate.stretches import Judged, Stretch, read_judged, read_rulings
from annotate.weigh import WeighedCandidate, weigh
from manifests.errors import BadInput
from manifests.ids import gesture_id
from manifests.parquet import write_text
from manifests.provenance import made_by
from manifests.segments import temporal_iou
from manifests.tables import TABLES, Row, from_rows, rows_of
from manifests.taxonomy import LABELS
from manifests.workspace import Workspace

__all__ = [
    "RULES",
    "AgreedGesture",
    "ConsensusReport",
    "Rule",
    "agreed_gestures",
    "consensus",
    "is_disputed",
    "read_weighed",
]

Rule = Literal["majority", "dawid-skene"]
RULES: tuple[Rule, ...] = ("majority", "dawid-skene")

# From here on the label model did better than the majority in simulated crowds (see `python -m benchmarks.crowd`).
_ENOUGH_ANNOTATORS = 3
_ENOUGH_CLIPS = 30
_DISPUTED = 0.8

_ORDER = {label: index for index, label in enumerate(LABELS)}
_WEIGHT = {"sure": 2, None: 1, "unsure": 0}  # of a certainty, where labels are tied


@dataclass
class ConsensusReport:
    """What came of a consensus.

    Attributes:
        clips: that somebody judged; of a clip that is shown in windows, the windows.
        unusable: of them, those that most called unusable; they give no gesture.
        empty: of them, those in which no gesture is agreed on.
        candidates: places where somebody marked a gesture.
        gestures: candidates that enough annotators marked, and what adjudicators decided.
        adjudicated: of them, those that an adjudicator decided.
        label_disputed: gestures whose label not all of those who marked them gave.
        per_class: gestures by label.
        rule: by which they were agreed on.
        disputes: candidates that remain uncertain, the most uncertain first, with what each annotator said; they stand in
            `reports/disputes.json` too.
    """

    clips: int = 0
    unusable: int = 0
    empty: int = 0
    candidates: int = 0
    gestures: int = 0
    adjudicated: int = 0
    label_disputed: int = 0
    per_class: dict[str, int] = field(default_factory=dict)
    rule: Rule = "majority"
    disputes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        return 0


def consensus(
    workspace: Workspace, *, rule: Rule | None = None, min_support: float = 0.5, tiou: float = 0.5
) -> ConsensusReport:
    """Write the gestures table: what the annotators of each clip agree on.

    Args:
        rule: by majority or by the label model; unless given, the label model where at least 30 clips were judged by at least
            3 annotators each (the median clip), else the majority.
        min_support: of the majority: a gesture stays if more than this share of those who looked at the clip marked it.
        tiou: temporal IoU from which two annotators' segments are the same gesture.

    Raises:
        BadInput: nothing was annotated yet, an option is out of its range, or an annotated clip is not in the clips table.
    """
    judged = read_judged(workspace)
    opinions = judged.opinions
    clips = {row["clip_id"]: row for row in rows_of(workspace.read("clips"))}
    _check(min_support, tiou)
    if rule is None:
        many = median(len(of_clip) for of_clip in opinions.values()) >= _ENOUGH_ANNOTATORS
        rule = "dawid-skene" if many and len(opinions) >= _ENOUGH_CLIPS else "majority"
    weighed = read_weighed(workspace, judged, tiou)
    rulings = read_rulings(workspace, judged)
    report = ConsensusReport(clips=len(opinions), rule=rule, disputes=_disputes(weighed, judged, rulings))
    by_how = made_by(
        f"majority (support>{min_support:g}, tiou>={tiou:g})" if rule == "majority" else f"dawid-skene (tiou>={tiou:g})"
    )
    of_clips: dict[str, list[tuple[Stretch, list[AgreedGesture]]]] = defaultdict(list)
    for key, said in opinions.items():
        ruling = rulings.get(key)
        if _is_unusable([ruling] if ruling else said):
            report.unusable += 1
            continue
        if ruling:
            agreed = _decided(ruling, said, tiou)
        elif rule == "majority":
            agreed = agreed_gestures(said, min_support=min_support, tiou=tiou)
        else:
            agreed = _believed(weighed[key])
        report.candidates += len(weighed[key])
        report.empty += not agreed
        one = judged.stretches[key]
        in_clip = [replace(g, start=g.start + one.start, end=g.end + one.start, looked=len(said)) for g in agreed]
        of_clips[one.clip_id].append((one, in_clip))
    found = [(clip, gesture) for clip, parts in sorted(of_clips.items()) for gesture in stitched(parts, tiou)]
    report.label_disputed = sum(g.agreement < len(g.marked_by) / g.looked for _, g in found)
    rows = [_row(gesture, clips[clip], by_how) for clip, gesture in found]
    report.gestures = len(rows)
    report.adjudicated = sum(row["adjudicated"] for row in rows)
    counted = Counter(row["label"] for row in rows)
    report.per_class = {label: counted[label] for label in LABELS if counted[label]}
    workspace.write("gestures", from_rows(TABLES["gestures"], rows))
    write_text(workspace.root / "reports" / "disputes.json", json.dumps(report.disputes, indent=1) + "\n")
    return report


def agreed_gestures(opinions: Sequence[Opinion], *, min_support: float = 0.5, tiou: float = 0.5) -> list[AgreedGesture]:
    """The gestures of one clip on which its annotators agree, in order of time.

    Segments are joined from the closest pair on, so long as each annotator stands in a gesture once and any two segments in
    it overlap by `tiou`. The label is that which most gave; of tied ones that given with more certainty, then the first in
    the taxonomy. Boundaries are medians, half frames rounded up. Gestures that come out alike are one.

    Raises:
        BadInput: `min_support` is not from 0 to below 1, or `tiou` not above 0 and up to 1.
    """
    _check(min_support, tiou)
    agreed: dict[tuple[int, int, str], AgreedGesture] = {}
    for cluster in candidates(opinions, tiou):
        if len(cluster) / len(opinions) > min_support:
            gesture = _merge(cluster, len(opinions))
            place = (gesture.start, gesture.end, gesture.label)
            agreed[place] = max(gesture, agreed.get(place, gesture), key=lambda g: g.agreement)
    return [agreed[place] for place in sorted(agreed)]


def _check(min_support: float, tiou: float) -> None:
    if not 0 <= min_support < 1:
        raise BadInput(f"--min-support {min_support}: write a share from 0 to below 1, such as 0.5 for a majority.")
    if not 0 < tiou <= 1:
        raise BadInput(f"--tiou {tiou}: a temporal IoU is above 0 and up to 1.")


def _believed(weighed: Sequence[WeighedCandidate]) -> list[AgreedGesture]:
    """The candidates that are probably gestures, in order of time; of two alike the more certain one."""
    found: dict[tuple[int, int, str], AgreedGesture] = {}
    for one in weighed:
        if one.is_gesture:
            gesture = AgreedGesture(
                one.start,
                one.end,
                one.label,
                _described(one.marks),
                tuple(mark.annotator for mark in one.marks),
                agreement=sum(mark.segment.label == one.label for mark in one.marks) / one.looked,
                certainty=one.certainty,
            )
            place = (gesture.start, gesture.end, gesture.label)
            found[place] = max(gesture, found.get(place, gesture), key=lambda g: g.certainty or 0)
    return [found[place] for place in sorted(found)]


def _decided(ruling: Opinion, said: Sequence[Opinion], tiou: float) -> list[AgreedGesture]:
    """An adjudicator's gestures, and which of those who looked had marked each of them."""
    found = []
    for segment in ruling.segments:
        near = {
            opinion.annotator_id: {other.label for other in opinion.segments if _overlap(segment, other) >= tiou}
            for opinion in said
        }
        found.append(
            AgreedGesture(
                segment.start,
                segment.end,
                segment.label,
                f"{segment.description} ({ruling.annotator_id})" if segment.description else None,
                tuple(who for who, labels in near.items() if labels),
                agreement=sum(segment.label in labels for labels in near.values()) / len(said),
                adjudicated_by=ruling.annotator_id,
            )
        )
    return found


def _overlap(one: Segment, other: Segment) -> float:
    return float(temporal_iou([(one.start, one.end)], [(other.start, other.end)])[0, 0])


def read_weighed(workspace: Workspace, judged: Judged, tiou: float) -> dict[str, list[WeighedCandidate]]:
    """The candidates of every judged stretch, by its key, weighed by what was proposed and is known there."""
    weighed, _ = weigh(
        judged.opinions,
        proposals=judged.proposals(shown_proposals(workspace)),
        gold=judged.gold(read_gold(workspace)),
        tiou=tiou,
    )
    return weighed


def is_disputed(one: WeighedCandidate) -> bool:
    """Whether it remains uncertain what is there."""
    return one.certainty < _DISPUTED


def _disputes(
    weighed: Mapping[str, Sequence[WeighedCandidate]], judged: Judged, rulings: Mapping[str, Opinion]
) -> list[dict[str, Any]]:
    uncertain = [
        (judged.stretches[key], one)
        for key, found in weighed.items()
        if key not in rulings
        for one in found
        if is_disputed(one)
    ]
    return [
        {
            "clip_id": at.clip_id,
            "start": at.start + one.start,
            "end": at.start + one.end,
            "looked": one.looked,
            "certainty": round(one.certainty, 3),
            "nothing": round(one.nothing, 3),
            "chances": {label: round(chance, 3) for label, chance in one.chances},
            "said": {mark.annotator: mark.segment.label for mark in one.marks},
        }
        for at, one in sorted(uncertain, key=lambda item: (item[1].certainty, item[0], item[1].start))
    ]


def _is_unusable(opinions: Sequence[Opinion]) -> bool:
    return 2 * sum(opinion.verdict == "unusable" for opinion in opinions) > len(opinions)


def _merge(cluster: Sequence[Mark], n_looked: int) -> AgreedGesture:
    votes = Counter(mark.segment.label for mark in cluster)
    certainty: Counter[str] = Counter()
    for mark in cluster:
        certainty[mark.segment.label] += _WEIGHT[mark.segment.certainty]
    label = min(votes, key=lambda label: (-votes[label], -certainty[label], _ORDER[label]))
    return AgreedGesture(
        start=_middle(mark.segment.start for mark in cluster),
        end=_middle(mark.segment.end for mark in cluster),
        label=label,
        description=_described(cluster),
        marked_by=tuple(mark.annotator for mark in cluster),
        agreement=votes[label] / n_looked,
    )


def _described(marks: Sequence[Mark]) -> str | None:
    """The annotators' descriptions, each once, with the pseudonyms of its authors."""
    authors: dict[str, list[str]] = {}
    for mark in marks:
        if mark.segment.description:
            authors.setdefault(mark.segment.description, []).append(mark.annotator)
    return " | ".join(f"{text} ({', '.join(who)})" for text, who in authors.items()) or None


def _middle(frames: Iterable[int]) -> int:
    return int(median(frames) + 0.5)


def _row(gesture: AgreedGesture, clip: Row, by_how: str) -> Row:
    return {
        "gesture_id": gesture_id(clip["clip_id"], gesture.start, gesture.end, gesture.label),
        "clip_id": clip["clip_id"],
        "video_id": clip["video_id"],
        "player_id": clip["player_id"],
        "start": gesture.start,
        "end": gesture.end,
        "label": gesture.label,
        "description": gesture.description,
        "n_annotators": gesture.looked,
        "agreement": gesture.agreement,
        "adjudicated": gesture.adjudicated_by is not None,
        "made_by": made_by(f"adjudicated by {gesture.adjudicated_by}") if gesture.adjudicated_by else by_how,
    }
