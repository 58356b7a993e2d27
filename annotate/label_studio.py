"""Label Studio's words and ours: the one place that turns frames and gestures into results, and results into gestures.

Our frames are 0-based and half-open, `[start, end)`. Label Studio's are 1-based and inclusive: our frames 25 to 49, `[25, 50)`,
are its 26 to 50. A result is a flat list in which a region and what was chosen for it share an id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from annotate.labelling_config import CERTAINTIES, CERTAINTY, DESCRIPTION, GESTURE, VERDICT, VERDICTS, VIDEO
from manifests.errors import BadInput, ItemFailed
from manifests.tables import Row
from manifests.taxonomy import LABELS

__all__ = ["Answer", "Region", "Verdict", "check_proposals", "from_result", "prediction", "to_result"]

Verdict = Literal["gesture", "nothing", "unusable"]
Result = list[dict[str, Any]]

_KNOWN = frozenset(LABELS)


@dataclass(frozen=True)
class Region:
    """One gesture on a clip's timeline.

    Attributes:
        region_id: its id in Label Studio; a proposal's id where it was proposed, which it keeps when it is accepted or moved.
        start: first frame.
        end: the frame after the last.
        certainty: sure, unsure, or None where nothing was chosen.
        score: a proposal's score, above 0 to 1.
    """

    region_id: str
    start: int
    end: int
    label: str
    certainty: str | None = None
    description: str | None = None
    score: float | None = None


@dataclass(frozen=True)
class Answer:
    """What one submission says of a clip: gestures, or that there is nothing, or that the clip is unusable."""

    verdict: Verdict
    regions: tuple[Region, ...] = ()


def to_result(answer: Answer) -> Result:
    """An answer as a Label Studio result, regions in order of time."""
    result: Result = []
    for region in sorted(answer.regions, key=lambda region: (region.start, region.end, region.region_id)):
        ranges = [{"start": region.start + 1, "end": region.end}]
        item = _item(region.region_id, GESTURE, "timelinelabels", {"ranges": ranges, "timelinelabels": [region.label]})
        if region.score is not None:
            item["score"] = region.score
        result.append(item)
        if region.certainty is not None:
            value = {"ranges": ranges, "choices": [region.certainty]}
            result.append(_item(region.region_id, CERTAINTY, "choices", value))
        if region.description is not None:
            value = {"ranges": ranges, "text": [region.description]}
            result.append(_item(region.region_id, DESCRIPTION, "textarea", value))
    if answer.verdict != "gesture":
        result.append(_item(f"verdict-{answer.verdict}", VERDICT, "choices", {"choices": [answer.verdict]}))
    return result


def from_result(result: Result, n_frames: int) -> Answer:
    """A Label Studio result as an answer, regions in order of time.

    Args:
        n_frames: the clip's length, which no region may leave.

    Raises:
        ItemFailed: the message says what is wrong with which region; kinds: outside_clip, unknown_label, unreadable,
            contradiction, empty.
    """
    regions: dict[str, Region] = {}
    verdicts: set[str] = set()
    details: list[tuple[str, dict[str, Any]]] = []
    for item in result:
        region_id, control, value = _parts(item)
        if control == GESTURE:
            if region_id in regions:
                raise ItemFailed(f"two regions share the id {region_id}", kind="unreadable")
            regions[region_id] = _region(region_id, value, n_frames)
        elif control == VERDICT:
            verdicts.add(_only(value, "choices", f"verdict {region_id}"))
        elif control == CERTAINTY:
            details.append((region_id, {"certainty": _only(value, "choices", f"certainty of {region_id}")}))
        elif control == DESCRIPTION:
            details.append((region_id, {"description": _text(value)}))
        else:
            raise ItemFailed(
                f"region {region_id} is of a control named {control!r}, which isn't ours", kind="unreadable"
            )
    for region_id, detail in details:
        if region_id not in regions:
            raise ItemFailed(f"{', '.join(detail)} of {region_id}, but no such region", kind="unreadable")
        regions[region_id] = replace(regions[region_id], **detail)
    for region in regions.values():
        if region.certainty not in (None, *CERTAINTIES):
            raise ItemFailed(
                f"region {region.region_id}: certainty {region.certainty!r} is unknown", kind="unknown_label"
            )
    ordered = tuple(sorted(regions.values(), key=lambda region: (region.start, region.end, region.region_id)))
    return Answer(_verdict(verdicts, len(ordered)), ordered)


def prediction(proposals: Sequence[Row], n_frames: int) -> dict[str, Any]:
    """The proposals of one model for one clip as a Label Studio prediction.

    Args:
        proposals: rows of the table, at least one, of one clip and one model_version.

    Raises:
        BadInput: a proposal does not fit; the message names it.
    """
    (model_version,) = {row["model_version"] for row in proposals}
    check_proposals(proposals, n_frames)
    regions = tuple(
        Region(row["proposal_id"], row["start"], row["end"], row["label"], score=round(float(row["score"]), 4))
        for row in proposals
    )
    score = sum(region.score or 0 for region in regions) / len(regions)
    return {
        "model_version": model_version,
        "score": round(score, 4),
        "result": to_result(Answer("gesture", regions)),
    }


def check_proposals(proposals: Sequence[Row], n_frames: int) -> None:
    """See that proposals of one clip, or one window, fit it.

    Label Studio's own check lets frame 0, reversed ranges and ranges past the end through, so they are checked here.

    Raises:
        BadInput: a proposal does not fit; the message names it.
    """
    for row in proposals:
        _check_proposal(row, n_frames)
    if len({row["proposal_id"] for row in proposals}) < len(proposals):
        raise BadInput(
            f"proposals of clip {proposals[0]['clip_id']}: an id stands twice. Run `mgcollect propose` again."
        )


def _item(region_id: str, control: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"id": region_id, "from_name": control, "to_name": VIDEO, "type": kind, "value": value}


def _parts(item: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    try:
        return str(item["id"]), str(item["from_name"]), dict(item["value"])
    except (KeyError, TypeError, ValueError) as error:
        raise ItemFailed(
            f"a part of the result has no readable id, control or value: {item!r}", kind="unreadable"
        ) from error


def _region(region_id: str, value: dict[str, Any], n_frames: int) -> Region:
    label = _only(value, "timelinelabels", f"region {region_id}")
    if label not in _KNOWN:
        raise ItemFailed(f"region {region_id}: {label!r} is none of the 32 classes", kind="unknown_label")
    try:
        (span,) = value["ranges"]
        first, last = (_whole(span[name]) for name in ("start", "end"))
    except (KeyError, TypeError, ValueError) as error:
        raise ItemFailed(
            f"region {region_id}: {value.get('ranges')!r} is not one range of frames", kind="unreadable"
        ) from error
    if not 1 <= first <= last <= n_frames:
        raise ItemFailed(
            f"region {region_id} ({label}): frames {first} to {last} of a clip with frames 1 to {n_frames}",
            kind="outside_clip",
        )
    return Region(region_id, first - 1, last, label)


def _whole(number: Any) -> int:
    if isinstance(number, bool) or int(number) != number:
        raise ValueError(number)
    return int(number)


def _only(value: dict[str, Any], name: str, what: str) -> str:
    found = value.get(name)
    if not isinstance(found, list) or len(found) != 1:
        raise ItemFailed(f"{what}: one {name} is needed, found {found!r}", kind="unreadable")
    return str(found[0])


def _text(value: dict[str, Any]) -> str | None:
    found = value.get("text")
    lines = [found] if isinstance(found, str) else list(found or ())
    return "\n".join(str(line) for line in lines) or None


def _verdict(verdicts: set[str], n_regions: int) -> Verdict:
    if unknown := verdicts - VERDICTS.keys():
        raise ItemFailed(f"verdict {', '.join(sorted(unknown))!r} is unknown", kind="unknown_label")
    if n_regions and not verdicts:
        return "gesture"
    if n_regions or len(verdicts) > 1:
        said = " and ".join(VERDICTS[word] for word in sorted(verdicts))
        raise ItemFailed(f"it says {said!r}, and marks {n_regions} gestures", kind="contradiction")
    if not verdicts:
        raise ItemFailed(f"it marks no gesture and doesn't say {VERDICTS['nothing']!r}", kind="empty")
    return "nothing" if verdicts == {"nothing"} else "unusable"


def _check_proposal(row: Row, n_frames: int) -> None:
    where = f"proposal {row['proposal_id']} of clip {row['clip_id']}"
    if not 0 <= row["start"] < row["end"] <= n_frames:
        raise BadInput(
            f"{where}: frames [{row['start']}, {row['end']}) don't lie in a clip of {n_frames}. Run `mgcollect propose` again."
        )
    if row["label"] not in _KNOWN:
        raise BadInput(f"{where}: {row['label']!r} is none of the 32 classes. Run `mgcollect propose` again.")
    if not 0 < row["score"] <= 1:
        raise BadInput(f"{where}: its score {row['score']} is not above 0 and up to 1. Run `mgcollect propose` again.")
