"""Stage: a clip in, the windows in which annotators see it out.

A press conference is minutes long, and a task should be done in one sitting. So a long clip is shown in windows of about a
minute. Neighbours overlap, so that a gesture at a border is seen whole in one of them. A window begins and ends at a keyframe
of its clip (our clips have one a second, or as the source has them): its packets are copied, so it costs neither time nor
quality, and is exact to the frame. A clip that is short enough is its own window.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np

from collector.copying import copy_packets
from collector.engine import Retry, StageReport, run_stage
from collector.frames import Timeline, read_timeline
from manifests.errors import BadInput, ClipMismatch, ItemFailed, Unavailable
from manifests.ids import digest
from manifests.parquet import replacing
from manifests.provenance import made_by
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["WINDOWS_FOLDER", "CutWindows", "cut_windows", "plan_windows"]

WINDOWS_FOLDER = "windows"
_VERSION = 2  # of how windows are cut; those of version 1 began some frames late on a player's clock
_ALONE = 1.5  # times the length of a window: a clip up to this is not cut


def plan_windows(n_frames: int, keyframes: Sequence[int], *, length: int, overlap: int) -> list[tuple[int, int]]:
    """Windows `[start, end)` that cover a clip, spread evenly, each of at least `length` frames.

    Args:
        n_frames: of the clip.
        keyframes: the frames at which a window may begin or end, ascending; the first is 0.
        length: wished frames of a window; keyframes that lie far apart make it longer.
        overlap: least frames that neighbours share, fewer than `length`.

    Raises:
        ValueError: `overlap` is not below `length`, or frame 0 is no keyframe.
    """
    if not 0 <= overlap < length:
        raise ValueError(f"neighbours can't share {overlap} frames of windows of {length}")
    if not len(keyframes) or keyframes[0] != 0:
        raise ValueError("frame 0 is no keyframe")
    if n_frames <= _ALONE * length:
        return [(0, n_frames)]
    count = ceil((n_frames - overlap) / (length - overlap))
    keys = np.asarray(keyframes)
    windows = []
    for i in range(count):
        wished = round(i * (n_frames - length) / (count - 1))
        start = int(keys[np.searchsorted(keys, wished, side="right") - 1])
        after = int(np.searchsorted(keys, wished + length))
        windows.append((start, int(keys[after]) if after < len(keys) else n_frames))
    # Where keyframes lie far apart, some windows come out inside others.
    return [
        one for i, one in enumerate(windows) if not any(_holds(other, one, j < i) for j, other in enumerate(windows))
    ]


def _holds(window: tuple[int, int], other: tuple[int, int], earlier: bool) -> bool:
    """Whether a window shows all of another; of two alike, the earlier one does."""
    return window[0] <= other[0] and other[1] <= window[1] and (window != other or earlier)


@dataclass(frozen=True)
class CutWindows:
    """Stage: copy a clip's windows out of it.

    Attributes:
        root: the dataset's folder.
        length_s: wished seconds of a window; 0 shows every clip whole.
        overlap_s: least seconds that neighbours share.
    """

    root: str
    length_s: float = 60.0
    overlap_s: float = 5.0

    name = "windows"
    table = "windows"

    def key(self, item: Row) -> str:
        return str(item["clip_id"])

    def fingerprint(self, item: Row) -> str:
        return digest(item["sha256"], item["path"], _folder(item), self.length_s, self.overlap_s, _VERSION)

    def setup(self) -> None:
        for tool in ("ffmpeg", "ffprobe"):
            if shutil.which(tool) is None:
                raise Unavailable(f"{tool} is not installed. Run `sudo apt-get install ffmpeg`, then this again.")

    def process(self, item: Row) -> Iterator[Row]:
        clip = Path(self.root, item["path"])
        if not clip.is_file():
            raise ItemFailed(f"{item['path']}: the file is gone. Cut it again (mgcollect segment).", kind="missing")
        timeline, windows = self._plan(item, clip)
        for start, end in windows:
            path = str(item["path"])
            if timeline and (start, end) != (0, item["n_frames"]):
                path = f"{_folder(item)}/{start:07d}-{end:07d}.mp4"
                _copy(clip, timeline, start, end, Path(self.root, path))
            yield {
                "clip_id": item["clip_id"],
                "start": start,
                "end": end,
                "path": path,
                "made_by": made_by("ffmpeg"),
            }

    def _plan(self, item: Row, clip: Path) -> tuple[Timeline | None, list[tuple[int, int]]]:
        fps = Fraction(item["fps_num"], item["fps_den"])
        length = max(1, round(self.length_s * fps))
        if not self.length_s or item["n_frames"] <= _ALONE * length:
            return None, [(0, item["n_frames"])]  # nothing need be read
        timeline = read_timeline(clip)
        n_frames = len(timeline.pts)
        if n_frames != item["n_frames"]:
            raise ClipMismatch(clip, item["n_frames"], n_frames)
        keys = np.searchsorted(timeline.pts, timeline.closed)
        return timeline, plan_windows(n_frames, keys.tolist(), length=length, overlap=round(self.overlap_s * fps))


def cut_windows(
    workspace: Workspace,
    *,
    length_s: float = 60.0,
    overlap_s: float = 5.0,
    workers: int = 0,
    quiet: bool = False,
) -> StageReport:
    """Bring the windows table and the files it names up to date with the kept clips. What failed before is tried again.

    Args:
        length_s, overlap_s: as `CutWindows` has them.

    Raises:
        BadInput: an option is out of its range.
        Unavailable: ffmpeg is missing, or another process does the same.
    """
    if length_s and not 0 <= overlap_s < length_s < float("inf"):
        raise BadInput(
            f"--window {length_s:g} --overlap {overlap_s:g}: give seconds, the overlap less than the window; 0 shows clips whole."
        )
    stage = CutWindows(str(workspace.root), length_s, overlap_s if length_s else 0.0)
    clips = [clip for clip in rows_of(workspace.read("clips")) if clip["kept"] and clip["path"]]
    for clip in clips:  # a table from elsewhere must not make us read or write outside the dataset
        workspace.path_of(clip["path"])
        workspace.path_of(f"{_folder(clip)}/window.mp4")
    run_stage(stage, clips, workspace, workers=workers, retry=Retry(), quiet=True)
    report = run_stage(stage, clips, workspace, workers=workers, quiet=quiet)
    _remove_stale(workspace)
    return report


def _folder(clip: Row) -> str:
    """Where a clip's windows lie: under its video, by which `forget` knows them when the clip is in no table any more."""
    return f"{WINDOWS_FOLDER}/{clip['video_id']}/{clip['clip_id']}"


def _copy(clip: Path, timeline: Timeline, start: int, end: int, out: Path) -> None:
    """Write frames `[start, end)` of a clip, from keyframe to keyframe, by copying its packets."""
    wanted = timeline.pts[start:end].tolist()
    with replacing(out) as temporary:
        found = copy_packets(clip, timeline, wanted[0], len(wanted), temporary)
        if found != wanted or len(read_timeline(temporary).pts) != len(wanted):
            raise ClipMismatch(out, len(wanted), len(set(found) & set(wanted)))


def _remove_stale(workspace: Workspace) -> None:
    """Remove windows that no row names: of clips that are gone, or of other lengths."""
    with suppress(Unavailable), workspace.working(CutWindows.name):
        named = set(workspace.read("windows")["path"].to_pylist())
        for path in sorted((workspace.root / WINDOWS_FOLDER).rglob("*"), reverse=True):  # files before their folders
            if path.is_dir():
                with suppress(OSError):
                    path.rmdir()  # unless something is in it
            elif path.relative_to(workspace.root).as_posix() not in named:
                path.unlink()
