"""Stage: which of the clips that were cut are kept. Not those that another recording shows too, nor those beyond a limit.

Decided anew whenever links or limits change, by tables alone, so that every decision can be taken back in seconds: no file is
deleted, and poses stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from collector.engine import run_stage
from collector.quality_limits import beyond, read_limits
from manifests.ids import digest
from manifests.provenance import made_by
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["SelectClips", "select_clips"]

_SHOWN_TOO = 0.5  # of a clip shown by another recording as well: it is not kept twice


@dataclass(frozen=True)
class SelectClips:
    """Stage: a recording with the clips that were cut from it in, a row for each that is not kept out."""

    name: str = "select"
    table: str = "exclusions"

    def key(self, item: Row) -> str:
        """The video's id."""
        return str(item["video_id"])

    def fingerprint(self, item: Row) -> str:
        """Of all that is judged by."""
        return digest(item, 1)

    def setup(self) -> None:
        """Nothing to load."""

    def process(self, item: Row) -> Iterator[Row]:
        """Judge each clip."""
        for clip in item["clips"]:
            reasons = [*_shown_elsewhere(clip, item["shown"]), *beyond(item["limits"], clip["measured"] or {})]
            if reasons:
                yield {
                    "clip_id": clip["clip_id"],
                    "video_id": item["video_id"],
                    "kept": False,
                    "reason": "; ".join(reasons),
                    "made_by": made_by(),
                }


def select_clips(workspace: Workspace) -> int:
    """Bring `kept` and `reason` of the clips table up to date with the links, the measures and the limits.

    Returns:
        How many clips were cut and are not kept.

    Raises:
        BadInput: the file of limits is wrong.
        Unavailable: another process does the same.
    """
    run_stage(SelectClips(), list(_items(workspace)), workspace, workers=0, quiet=True)
    return int(workspace.read("exclusions").num_rows)


def _items(workspace: Workspace) -> Iterator[Row]:
    limits = read_limits(workspace.root)
    measured = {row["clip_id"]: row for row in rows_of(workspace.read("quality"))}
    shown: dict[str, list[Row]] = {}
    for row in rows_of(workspace.read("duplicates")):
        shown.setdefault(row["video_id"], []).append(
            {"start_s": row["start_s"], "end_s": row["end_s"], "by": row["kept_video_id"] or row["other_video_id"]}
        )
    clips: dict[tuple[str, str], list[Row]] = {}
    for row in rows_of(workspace.read("clips")):
        if row["path"] is not None:
            told = {name: row[name] for name in ("clip_id", "start_s", "end_s")}
            told["measured"] = measured.get(row["clip_id"])
            clips.setdefault((row["video_id"], row["player_id"]), []).append(told)
    for (video, player), its in clips.items():
        yield {
            "video_id": video,
            "player_id": player,
            "clips": its,
            "shown": shown.get(video, []),
            "limits": limits,
        }


def _shown_elsewhere(clip: Row, shown: Iterable[Row]) -> list[str]:
    """Why a clip is not kept, if other recordings show most of it."""
    seconds: dict[str, float] = {}
    for stretch in shown:
        common = min(clip["end_s"], stretch["end_s"]) - max(clip["start_s"], stretch["start_s"])
        seconds[stretch["by"]] = seconds.get(stretch["by"], 0.0) + max(common, 0.0)
    most = max(seconds, key=seconds.__getitem__, default=None)
    if most is None or seconds[most] < _SHOWN_TOO * (clip["end_s"] - clip["start_s"]):
        return []
    return [f"another recording that is kept shows it too (video {most})"]
