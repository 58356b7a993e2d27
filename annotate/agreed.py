"""Gestures that annotators agree on; those of neighbouring windows joined into those of the clip.

Neighbours overlap, so what happens there was judged twice. A gesture that both saw stands once; one that the border cuts in both
is put together again; and what only one saw counts where it is well inside that window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from annotate.matching import match
from annotate.stretches import Stretch

__all__ = ["AgreedGesture", "stitched"]

_AT_BORDER = 2  # frames from its border in which a window's gesture counts as cut by it


@dataclass(frozen=True)
class AgreedGesture:
    """A gesture that enough annotators marked: frames `[start, end)`.

    Attributes:
        marked_by: annotators who marked a gesture here, with whatever label.
        agreement: share of those who looked who gave it this label.
        certainty: probability of its label by the label model; None by majority.
        looked: how many annotators judged the clip, or the window that it was seen in.
        adjudicated_by: who decided that it is one, where annotators disputed; None where they agreed.
    """

    start: int
    end: int
    label: str
    description: str | None
    marked_by: tuple[str, ...]
    agreement: float
    certainty: float | None = None
    looked: int = 0
    adjudicated_by: str | None = None


def stitched(parts: Sequence[tuple[Stretch, Sequence[AgreedGesture]]], tiou: float) -> list[AgreedGesture]:
    """The gestures of one clip, in order of time.

    Args:
        parts: windows of the clip, and the gestures in each; frames are the clip's.
        tiou: temporal IoU, within what both windows show, from which two gestures are the same.
    """
    whole: list[AgreedGesture] = []
    last: Stretch | None = None
    for window, gestures in sorted(parts, key=lambda part: (part[0].start, part[0].end)):
        whole = [*gestures] if last is None else _joined(whole, last, list(gestures), window, tiou)
        last = window
    return sorted(whole, key=lambda gesture: (gesture.start, gesture.end, gesture.label))


def _joined(
    before: list[AgreedGesture], earlier: Stretch, after: list[AgreedGesture], later: Stretch, tiou: float
) -> list[AgreedGesture]:
    start, end = later.start, earlier.end  # both windows show this
    if start >= end:
        return [*before, *after]
    middle = start + end
    shared_before = [g for g in before if g.end > start]
    shared_after = [g for g in after if g.start < end]
    pairs = match(_clipped(shared_before, start, end), _clipped(shared_after, start, end), tiou)
    same = {id(g) for i, j in pairs for g in (shared_before[i], shared_after[j])}
    # Twice the middle of a gesture is start + end.
    kept = [g for g in before if id(g) not in same and (g.end <= start or g.start + g.end < middle)]
    kept += [g for g in after if id(g) not in same and (g.start >= end or g.start + g.end >= middle)]
    return kept + [_one_of(shared_before[i], earlier, shared_after[j], later) for i, j in pairs]


def _one_of(first: AgreedGesture, earlier: Stretch, second: AgreedGesture, later: Stretch) -> AgreedGesture:
    """What two windows saw of the same gesture: the label decided or most agreed on, and the boundaries that no border cut."""
    cut_late, cut_early = first.end >= earlier.end - _AT_BORDER, second.start <= later.start + _AT_BORDER
    believed = max(first, second, key=lambda gesture: (gesture.adjudicated_by is not None, gesture.agreement))
    start = first.start if cut_early else second.start if cut_late else believed.start
    end = second.end if cut_late else first.end if cut_early else believed.end
    return replace(believed, start=start, end=end)


def _clipped(gestures: Sequence[AgreedGesture], start: int, end: int) -> list[tuple[int, int]]:
    return [(max(g.start, start), min(g.end, end)) for g in gestures]
