"""Stage: a clip in, the poses of its player out, frame by frame.

The player's track only: it begins at the player's box that segmenting found and goes on from frame to frame. In a frame where
nobody continues it the player counts as unseen: confidence 0, box NaN. Nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from collector.ahead import ahead
from collector.engine import Retry, StageReport, run_stage
from collector.follow import Follower
from collector.frames import Image, read_frames, read_timeline
from collector.holistic import MADE_BY, find_models, load_holistic
from collector.weights import DEFAULT, Weights, find_weights
from collector.yolo import JOINTS, People, load_pose_model, share_cores
from manifests.errors import BadInput, ClipMismatch, ItemFailed, Unavailable
from manifests.ids import digest
from manifests.poses import Poses, read_poses, write_poses
from manifests.provenance import made_by
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["SKELETONS", "EstimatePoses", "Estimator", "pose"]

SKELETONS = ("coco17", "holistic")
_BATCH = 8
_AHEAD = 16  # frames that are decoded before they are needed

Floats = npt.NDArray[np.float32]


class Estimator(Protocol):
    """Estimates joints of a person whom YOLO has found. Another skeleton is another file with one of these.

    Attributes:
        width: pictures wider than this are scaled down to it.
        joints: how many.
    """

    @property
    def width(self) -> int: ...

    @property
    def joints(self) -> int: ...

    def estimate(self, images: Sequence[Image], track: Sequence[People]) -> Floats:
        """(frames, joints, 3) x and y in shares of the picture, confidence; all 0 where `track` has nobody."""
        ...


@dataclass(frozen=True)
class Coco17:
    """The joints that YOLO gives with the person."""

    width: int = 640
    joints: int = JOINTS

    def estimate(self, images: Sequence[Image], track: Sequence[People]) -> Floats:
        keypoints = np.zeros((len(images), self.joints, 3), np.float32)
        for place, person in zip(keypoints, track, strict=True):
            if len(person):
                place[:] = person.keypoints[0]
        return keypoints


@dataclass(frozen=True)
class EstimatePoses:
    """Stage: estimate the player's joints in every frame of a clip.

    Each clip's poses are a file of their own, so the stage makes no rows.

    Attributes:
        root: the dataset's folder.
        folder: where the files go, `<clip_id>.parquet` each.
        weights: YOLO-pose weights, which find and follow the player.
        skeleton: one of `SKELETONS`.
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
        more = [] if self.skeleton == "coco17" else [MADE_BY]
        return digest(item["sha256"], item["player_box"], self.weights.sha256, self.skeleton, *more)

    def setup(self) -> None:
        load_pose_model(self.weights.path, self.device, self.threads)
        self._estimator()

    def _estimator(self) -> Estimator:
        return load_holistic(self.threads or share_cores(1)) if self.skeleton == "holistic" else Coco17()

    def process(self, item: Row) -> Iterator[Row]:
        clip = Path(self.root, item["path"])
        if not clip.is_file():
            raise ItemFailed(f"{item['path']}: the file is gone. Cut it again (mgcollect segment).", kind="missing")
        keypoints, boxes = self._estimate(clip, item)
        if len(boxes) != item["n_frames"]:
            raise ClipMismatch(clip, item["n_frames"], len(boxes))
        made = made_by(self.weights.name, self.weights.sha256)
        if self.skeleton == "holistic":
            made += f"; {MADE_BY}"
        poses = Poses(item["clip_id"], self.skeleton, keypoints, boxes, made_by=made)
        write_poses(poses, Path(self.folder, f"{item['clip_id']}.parquet"))
        yield from ()

    def _estimate(self, clip: Path, item: Row) -> tuple[Floats, Floats]:
        """Keypoints (frames, joints, 3) and boxes (frames, 4) in pixels; confidence 0 and NaN where the player isn't seen."""
        estimator = self._estimator()
        size = np.array([item["width"], item["height"]], np.float32)
        start = (np.asarray(item["player_box"], np.float32) / np.tile(size, 2)).astype(np.float32)
        every = max(1, round(item["fps_num"] / item["fps_den"]))
        follower = Follower(load_pose_model(self.weights.path, self.device, self.threads), start, every)
        keypoints: list[Floats] = [np.zeros((0, estimator.joints, 3), np.float32)]
        boxes: list[Floats] = [np.zeros((0, 4), np.float32)]
        with closing(ahead(read_frames(clip, read_timeline(clip), width=estimator.width), _AHEAD)) as frames:
            while images := [frame.image for frame in islice(frames, _BATCH)]:
                track = follower.follow(images)
                keypoints.append(estimator.estimate(images, track))
                boxes += [person.boxes if len(person) else np.full((1, 4), np.nan, np.float32) for person in track]
        joints = np.concatenate(keypoints)
        joints[..., :2] *= size
        return joints, np.concatenate(boxes) * np.tile(size, 2)


def pose(
    workspace: Workspace,
    *,
    weights: Path | str = DEFAULT,
    weights_sha256: str | None = None,
    skeleton: str | None = None,
    device: str | None = None,
    retry: Retry | None = None,
    engine: str = "local",
    workers: int = 1,
    quiet: bool = False,
) -> StageReport:
    """Estimate the player's poses in every kept clip; write one file of the poses table a clip.

    Args:
        weights, weights_sha256: as `find_weights` takes them.
        skeleton: one of `SKELETONS`. A dataset holds poses of one skeleton, so another one replaces what is there; unless
            given, that of the poses that are there, else coco17.
        device: such as "cpu" or "cuda:0"; CUDA if there, unless given.

    Raises:
        BadInput: no such skeleton or weights file.
        BadWeights: nobody vouched for the weights.
        Unavailable: a tool or the weights are missing, or another process does the same work.
    """
    folder = workspace.table_path("poses", "clip").parent
    skeleton = skeleton or _skeleton_in(folder)
    if skeleton not in SKELETONS:
        raise BadInput(f"--skeleton {skeleton}: there is no such skeleton. Choose {' or '.join(SKELETONS)}.")
    if skeleton == "holistic":
        find_models()  # once, and not once a worker
    stage = EstimatePoses(
        root=str(workspace.root),
        folder=str(folder),
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
    _remove_stale(workspace, folder)
    return report


def _wanted(workspace: Workspace) -> Iterator[Row]:
    """Clips that are kept, and those that were when their poses were estimated: a limit may be loosened again."""
    before = workspace.ledger.entries(EstimatePoses.name)
    for clip in rows_of(workspace.read("clips")):
        entry = before.get(clip["clip_id"])
        if clip["kept"] or (clip["path"] is not None and entry is not None and entry.state == "ok"):
            yield clip


def _skeleton_in(folder: Path) -> str:
    """The skeleton of the newest poses: that which the last run was asked for, also where it was killed on the way."""
    for path in sorted(folder.glob("[!.]*.parquet"), key=lambda path: path.stat().st_mtime_ns, reverse=True):
        with suppress(BadInput):  # what is damaged is no reason to stop
            return read_poses(path).skeleton
    return "coco17"


def _remove_stale(workspace: Workspace, folder: Path) -> None:
    """Remove poses of clips that are gone or failed, and what a killed run left half-written."""
    with suppress(Unavailable), workspace.working(EstimatePoses.name):
        entries = workspace.ledger.entries(EstimatePoses.name)
        current = {clip for clip, entry in entries.items() if entry.state != "failed"}
        for path in folder.glob("*"):
            if path.stem not in current:
                path.unlink()
