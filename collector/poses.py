"""Stage: a clip in, the poses of its player out, frame by frame.

The player's track only: it begins at the player's box that segmenting found and goes on from frame to frame. In a frame where
nobody continues it the player counts as unseen: confidence 0, box NaN. Nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from collector.engine import Retry, StageReport, run_stage
from collector.frames import read_frames, read_timeline
from collector.people import Floats, iou, look
from collector.weights import DEFAULT, Weights, find_weights
from collector.yolo import JOINTS, People, load_pose_model, share_cores
from manifests.errors import BadInput, ClipMismatch, ItemFailed, Unavailable
from manifests.ids import digest
from manifests.poses import Poses, write_poses
from manifests.provenance import made_by
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["SKELETONS", "EstimatePoses", "follow", "pose"]

SKELETONS = ("coco17",)
_CONTINUES = 0.3  # IoU with the box before


@dataclass(frozen=True)
class EstimatePoses:
    """Stage: estimate the player's joints in every frame of a clip with YOLO-pose.

    Each clip's poses are a file of their own, so the stage makes no rows.

    Attributes:
        root: the dataset's folder.
        folder: where the files go, `<clip_id>.parquet` each.
        weights: YOLO-pose weights.
        skeleton: "coco17".
        device, threads: as `collector.yolo.load_pose_model` takes them.
    """

    root: str
    folder: str
    weights: Weights
    skeleton: str = "coco17"
    device: str | None = None
    threads: int | None = None

    name = "pose"
    table = "poses"

    def key(self, item: Row) -> str:
        return str(item["clip_id"])

    def fingerprint(self, item: Row) -> str:
        return digest(item["sha256"], item["player_box"], self.weights.sha256, self.skeleton)

    def setup(self) -> None:
        load_pose_model(self.weights.path, self.device, self.threads)

    def process(self, item: Row) -> Iterator[Row]:
        clip = Path(self.root, item["path"])
        if not clip.is_file():
            raise ItemFailed(f"{item['path']}: the file is gone. Cut it again (mgcollect segment).", kind="missing")
        model = load_pose_model(self.weights.path, self.device, self.threads)
        looks = look(read_frames(clip, read_timeline(clip)), model)
        size = np.array([item["width"], item["height"]], np.float32)
        start = (np.asarray(item["player_box"], np.float32) / np.tile(size, 2)).astype(np.float32)
        keypoints, boxes = _joined(follow((people for _, people in looks), start), size)
        if len(boxes) != item["n_frames"]:
            raise ClipMismatch(clip, item["n_frames"], len(boxes))
        made = made_by(self.weights.name, self.weights.sha256)
        poses = Poses(item["clip_id"], self.skeleton, keypoints, boxes, made_by=made)
        write_poses(poses, Path(self.folder, f"{item['clip_id']}.parquet"))
        yield from ()


def follow(found: Iterable[People], start: Floats) -> Iterator[People]:
    """Of the people in each frame, the one who continues a track, or nobody.

    Args:
        found: the people of each frame, in order.
        start: (4,) the box that the track begins at, in the same coordinates.

    Yields:
        One `People` a frame, with the one person whose box overlaps most with the box before, or with `start` where that
        is more (who was lost comes back there); without anybody where none overlaps enough.
    """
    box = start
    for people in found:
        chosen = np.zeros(0, np.intp)
        if len(people):
            overlap = iou(np.stack([box, start]), people.boxes)
            # The box before decides as long as somebody is there.
            best = overlap[0] if overlap[0].max() >= _CONTINUES else overlap[1]
            if best.max() >= _CONTINUES:
                chosen = np.array([best.argmax()])
                box = people.boxes[chosen[0]]
        yield People(people.boxes[chosen], people.confidence[chosen], people.keypoints[chosen])


def _joined(track: Iterable[People], size: Floats) -> tuple[Floats, Floats]:
    """Keypoints (frames, 17, 3) and boxes (frames, 4) in pixels; confidence 0 and NaN where nobody is."""
    keypoints: list[npt.NDArray[np.float32]] = []
    boxes: list[npt.NDArray[np.float32]] = []
    for person in track:
        keypoints.append(person.keypoints[0] if len(person) else np.zeros((JOINTS, 3), np.float32))
        boxes.append(person.boxes[0] if len(person) else np.full(4, np.nan, np.float32))
    joints = np.reshape(keypoints, (-1, JOINTS, 3)).astype(np.float32)
    joints[..., :2] *= size
    return joints, np.reshape(boxes, (-1, 4)).astype(np.float32) * np.tile(size, 2)


def pose(
    workspace: Workspace,
    *,
    weights: Path | str = DEFAULT,
    weights_sha256: str | None = None,
    skeleton: str = "coco17",
    device: str | None = None,
    retry: Retry | None = None,
    engine: str = "local",
    workers: int = 1,
    quiet: bool = False,
) -> StageReport:
    """Estimate the player's poses in every kept clip; write one file of the poses table a clip.

    Args:
        weights, weights_sha256: as `find_weights` takes them.
        device: such as "cpu" or "cuda:0"; CUDA if there, unless given.

    Raises:
        BadInput: no such skeleton or weights file.
        BadWeights: nobody vouched for the weights.
        Unavailable: a tool or the weights are missing, or another process does the same work.
    """
    if skeleton not in SKELETONS:
        raise BadInput(f"--skeleton {skeleton}: there is no such skeleton. Choose {' or '.join(SKELETONS)}.")
    stage = EstimatePoses(
        root=str(workspace.root),
        folder=str(workspace.table_path("poses", "clip").parent),
        weights=find_weights(weights, weights_sha256),
        skeleton=skeleton,
        device=device,
        threads=share_cores(workers),
    )
    clips = list(_wanted(workspace))
    for clip in clips:  # a table from elsewhere must not make us read or write outside the dataset
        workspace.path_of(clip["path"])
        workspace.path_of(f"tables/poses/{clip['clip_id']}.parquet")
    report = run_stage(stage, clips, workspace, engine=engine, workers=workers, retry=retry, quiet=quiet)
    _remove_stale(workspace, Path(stage.folder))
    return report


def _wanted(workspace: Workspace) -> Iterator[Row]:
    """Clips that are kept, and those that were when their poses were estimated: a limit may be loosened again."""
    before = workspace.ledger.entries(EstimatePoses.name)
    for clip in rows_of(workspace.read("clips")):
        entry = before.get(clip["clip_id"])
        if clip["kept"] or (clip["path"] is not None and entry is not None and entry.state == "ok"):
            yield clip


def _remove_stale(workspace: Workspace, folder: Path) -> None:
    """Remove poses of clips that are gone or failed, and what a killed run left half-written."""
    with suppress(Unavailable), workspace.working(EstimatePoses.name):
        entries = workspace.ledger.entries(EstimatePoses.name)
        current = {clip for clip, entry in entries.items() if entry.state != "failed"}
        for path in folder.glob("*"):
            if path.stem not in current:
                path.unlink()
