"""What one task shows: a clip, or a window of a long one; and what annotators said of each.

Inside a task frames count from the window's first. The conversion between a clip's frames and a window's stands here alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from annotate.opinions import Opinion, Segment, opinions_by_window
from manifests.errors import BadInput
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["Judged", "Stretch", "read_judged", "read_rulings"]


@dataclass(frozen=True, order=True)
class Stretch:
    """Frames `[start, end)` of a clip, and whether that is all of it."""

    clip_id: str
    start: int
    end: int
    whole: bool = True

    @classmethod
    def of(cls, clip_id: str, start: int, end: int, n_frames: int) -> Self:
        """Frames `[start, end)` of a clip that has so many."""
        return cls(clip_id, start, end, whole=(start, end) == (0, n_frames))

    @property
    def key(self) -> str:
        """A name for it: the clip's own where it is shown whole."""
        return self.clip_id if self.whole else f"{self.clip_id}@{self.start}-{self.end}"

    def inside(self, start: int, end: int) -> tuple[int, int] | None:
        """What the task shows of frames `[start, end)` of the clip, counted from its own first frame.

        None where their middle lies outside, so that a gesture is asked for only where most of it is seen.
        """
        if not 2 * self.start <= start + end - 1 < 2 * self.end:
            return None
        return max(start, self.start) - self.start, min(end, self.end) - self.start


@dataclass(frozen=True)
class Judged:
    """The stretches that somebody judged, and the opinions on each; both by the stretch's key, in order.

    Frames of the opinions, and of what `proposals` and `gold` give, count from the stretch's first.
    """

    stretches: dict[str, Stretch]
    opinions: dict[str, list[Opinion]]

    @property
    def n_frames(self) -> dict[str, int]:
        return {key: one.end - one.start for key, one in self.stretches.items()}

    def proposals(self, shown: Mapping[str, Sequence[Row]]) -> dict[str, list[Row]]:
        """Proposals as each stretch shows them, from those by stretch or, where it has none of its own, by clip."""
        found: dict[str, list[Row]] = {}
        for key, one in self.stretches.items():
            of_it = shown.get(key, shown.get(one.clip_id, ()))
            rows = [(row, one.inside(row["start"], row["end"])) for row in of_it]
            found[key] = [row | {"start": seen[0], "end": seen[1]} for row, seen in rows if seen]
        return found

    def gold(self, of_clips: Mapping[str, Sequence[Segment]]) -> dict[str, tuple[Segment, ...]]:
        """What is known of clips, as each stretch shows it; clips of which nothing is known are left out."""
        found: dict[str, tuple[Segment, ...]] = {}
        for key, one in self.stretches.items():
            if one.clip_id in of_clips:
                seen = [(segment, one.inside(segment.start, segment.end)) for segment in of_clips[one.clip_id]]
                found[key] = tuple(replace(segment, start=at[0], end=at[1]) for segment, at in seen if at)
        return found


def read_judged(workspace: Workspace, table: str = "annotations") -> Judged:
    """What was annotated in a dataset.

    Args:
        table: where it stands, in the columns of annotations.

    Raises:
        BadInput: nothing was yet, or an annotated clip is not in the clips table.
    """
    by_window = opinions_by_window(workspace.read(table))
    if not by_window:
        raise BadInput(f"{workspace.root} has no annotations yet. Run `mgcollect annotate pull` first.")
    n_frames = {row["clip_id"]: row["n_frames"] for row in rows_of(workspace.read("clips"))}
    if unknown := sorted({clip for clip, _, _ in by_window} - n_frames.keys()):
        raise BadInput(
            f"{len(unknown)} annotated clips are not in the clips table, such as {unknown[0]}. Run `mgcollect annotate pull`."
        )
    stretches: dict[str, Stretch] = {}
    opinions: dict[str, list[Opinion]] = {}
    for (clip, start, end), of_window in by_window.items():
        whole = start is None or end is None
        one = Stretch(clip, start or 0, n_frames[clip] if end is None else end, whole)
        stretches[one.key] = one
        opinions[one.key] = [_counted_from(one.start, opinion) for opinion in of_window]
    return Judged(stretches, opinions)


def read_rulings(workspace: Workspace, judged: Judged) -> dict[str, Opinion]:
    """What adjudicators decided of judged stretches, by key; of several the last one's word."""
    said = opinions_by_window(workspace.read("adjudications"))
    found: dict[str, Opinion] = {}
    for key, one in judged.stretches.items():
        shown = (one.clip_id, None, None) if one.whole else (one.clip_id, one.start, one.end)
        if shown in said:
            found[key] = _counted_from(one.start, max(said[shown], key=_when))
    return found


def _when(opinion: Opinion) -> tuple[datetime, str]:
    assert opinion.created_at is not None, "the table has it of every row"
    return opinion.created_at, opinion.annotator_id


def _counted_from(start: int, opinion: Opinion) -> Opinion:
    segments = (replace(s, start=s.start - start, end=s.end - start) for s in opinion.segments)
    return replace(opinion, segments=tuple(segments))
