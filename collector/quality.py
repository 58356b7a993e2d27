"""Stage: a clip and its poses in, what can be measured of it out. Which clips are kept follows limits that the user sets.

From the poses: how sure they are, how often face and hands are in view, how large the face is, how lively face and hands are.
From the pixels: how blurred face and hands are, looked at once a second. From segmenting: people in view, speed of the camera.
`collector/quality_limits.py` says what each number is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from collector.crops import FULL_WIDTH, cut_face, cut_hands
from collector.engine import Retry, StageReport, run_stage
from collector.frames import read_frames, read_timeline
from collector.pose_measures import measure_poses
from collector.poses import EstimatePoses
from collector.quality_limits import Limits, changed, read_limits, write_limits
from collector.quality_page import QualityPage, survey, write_page
from collector.selection import select_clips
from collector.sharpness import blur
from manifests.errors import ItemFailed
from manifests.ids import digest
from manifests.poses import Poses, read_poses
from manifests.provenance import made_by
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["MeasureClips", "QualityReport", "quality"]

_LOOK_EVERY_S = 1.0
_VERSION = 1  # of the measures; rises when they are computed in another way


@dataclass(frozen=True)
class MeasureClips:
    """Stage: measure one clip.

    Attributes:
        root: the dataset's folder.
    """

    root: str
    name: str = "quality"
    table: str = "quality"

    def key(self, item: Row) -> str:
        """The clip's id."""
        return str(item["clip_id"])

    def fingerprint(self, item: Row) -> str:
        """Of the clip and of how its poses were made."""
        return digest(item["sha256"], item["posed"], item["people"], item["camera_speed"], _VERSION)

    def setup(self) -> None:
        """Nothing to load."""

    def process(self, item: Row) -> Iterator[Row]:
        """Measure it.

        Raises:
            ItemFailed: a file is gone or is not what its row says, or the skeleton is not known.
        """
        clip, posed = Path(self.root, item["path"]), Path(item["poses"])
        for path, command in ((clip, "segment"), (posed, "pose")):
            if not path.is_file():
                raise ItemFailed(f"{path}: the file is gone. Make it again (mgcollect {command}).", kind="missing")
        poses = read_poses(posed)
        if len(poses.keypoints) != item["n_frames"]:
            raise ItemFailed(
                f"the clip has {item['n_frames']} frames, its poses {len(poses.keypoints)}. Run `mgcollect pose` again.",
                kind="pose_length",
            )
        fps = item["fps_num"] / item["fps_den"]
        try:
            measured = measure_poses(poses, fps) | _blurs(clip, poses, fps)
        except ValueError as error:
            raise ItemFailed(f"{error}. Run `mgcollect pose` again.", kind="skeleton") from error
        yield {
            "clip_id": item["clip_id"],
            **measured,
            "people": item["people"],
            "camera_speed": item["camera_speed"],
            "made_by": made_by(),
        }


def _blurs(clip: Path, poses: Poses, fps: float) -> dict[str, float | None]:
    """How blurred face and hands are, median over the looks that show them."""
    timeline = read_timeline(clip)
    found: dict[str, list[float]] = {"face_blur": [], "hand_blur": []}
    for frame in read_frames(clip, timeline, every=timeline.units(_LOOK_EVERY_S), width=FULL_WIDTH):
        number = min(round(timeline.seconds(frame.pts) * fps), len(poses.keypoints) - 1)
        for name, cut in (("face_blur", cut_face), ("hand_blur", cut_hands)):
            parts = cut(frame.image, poses, number)
            values = (blur(np.asarray(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY), np.uint8)) for part in parts)
            found[name] += [value for value in values if value is not None]
    return {name: float(np.median(values)) if values else None for name, values in found.items()}


@dataclass(frozen=True)
class QualityReport:
    """What was measured, and what the limits leave.

    Attributes:
        stage: in = ok + failed + skipped, of the clips that were cut and have poses.
        page: what the page says, and where it lies.
    """

    stage: StageReport
    page: QualityPage

    @property
    def exit_code(self) -> int:
        return self.stage.exit_code


def quality(
    workspace: Workspace,
    *,
    limits: Limits | None = None,
    lift: Sequence[str] = (),
    retry: Retry | None = None,
    engine: str = "local",
    workers: int = 1,
    quiet: bool = False,
) -> QualityReport:
    """Measure the clips that have poses, keep those within the limits, and write `reports/quality.html`.

    Args:
        limits: to set; those that were set before stay, and are remembered in the dataset.
        lift: measures whose limits go; "all" lifts every one.

    Raises:
        BadInput: a limit is wrong, or the file of limits is.
        Unavailable: another process does the same, or ffmpeg is missing.
        CannotWrite: the folder is read-only or its disk full.
    """
    before = read_limits(workspace.root)
    now = changed(before, limits or {}, lift)
    if now != before:
        write_limits(workspace.root, now)
    items = list(_items(workspace))
    for item in items:  # a table from elsewhere must not make us read outside the dataset
        workspace.path_of(item["path"])
    stage = MeasureClips(str(workspace.root))
    report = run_stage(stage, items, workspace, engine=engine, workers=workers, retry=retry, quiet=quiet)
    select_clips(workspace)
    page = survey(workspace, now)
    write_page(page, workspace, quiet=quiet)
    return QualityReport(report, page)


def _items(workspace: Workspace) -> Iterator[Row]:
    """Clips that were cut and have poses, kept or not: a limit may be loosened."""
    posed = workspace.ledger.entries(EstimatePoses.name)
    for clip in rows_of(workspace.read("clips")):
        entry = posed.get(clip["clip_id"])
        if clip["path"] is not None and entry is not None and entry.state == "ok":
            yield clip | {
                "posed": entry.fingerprint,
                "poses": str(workspace.table_path("poses", clip["clip_id"])),
            }
