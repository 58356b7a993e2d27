"""Stage: a source video in, its clips out, and a row for every stretch that was not kept, with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from collector.clips import Clip, constant_rate, cut
from collector.duplicates import kept_instead
from collector.engine import Retry, StageReport, run_stage
from collector.frames import Timeline, read_timeline
from collector.selection import select_clips
from collector.shots import find_shots
from collector.stretches import Limits, Stretch, find_stretches
from collector.weights import DEFAULT, Weights, find_weights
from collector.yolo import load_pose_model, share_cores
from manifests.errors import BadInput, ItemFailed, ItemSkipped, Unavailable, UnreadableVideo
from manifests.ids import clip_id, digest
from manifests.provenance import made_by
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["Segment", "segment"]


@dataclass(frozen=True)
class Segment:
    """Stage: find shots and the player in a video, and cut a clip of every stretch with the player in view.

    Attributes:
        root: the dataset's folder.
        weights: YOLO-pose weights that find the people.
        min_clip_s, min_confidence, max_camera_speed: as `collector.stretches.Limits` has them; what is beyond is noted, not cut.
        fps: frames per second of every clip; None takes each stretch's own rate (`collector.clips.constant_rate`).
        crf: quality of x264, lower is better; of no matter to clips that are copied (`collector.copying`).
        device, threads: as `collector.yolo.load_pose_model` takes them.
    """

    root: str
    weights: Weights
    min_clip_s: float = Limits.min_clip_s
    min_confidence: float = Limits.min_confidence
    max_camera_speed: float = Limits.max_camera_speed
    fps: Fraction | None = None
    crf: int = 18
    device: str | None = None
    threads: int | None = None

    name = "segment"
    table = "clips"

    @property
    def limits(self) -> Limits:
        return Limits(self.min_clip_s, self.min_confidence, self.max_camera_speed)

    def key(self, item: Row) -> str:
        return str(item["video_id"])

    def fingerprint(self, item: Row) -> str:
        if item.get("kept_video_id"):
            return digest("gives way", item["kept_video_id"])
        return digest(item["sha256"], item["player_id"], self.weights.sha256, self.limits, self.fps, self.crf)

    def setup(self) -> None:
        load_pose_model(self.weights.path, self.device, self.threads)

    def process(self, item: Row) -> Iterator[Row]:
        if item.get("kept_video_id"):
            raise ItemSkipped(f"another recording that is kept shows it too (video {item['kept_video_id']})")
        source = Path(self.root, item["path"])
        if not source.is_file():
            raise ItemFailed(f"{item['path']}: the file is gone. Fetch it again (mgcollect fetch).", kind="missing")
        timeline = read_timeline(source)
        model = load_pose_model(self.weights.path, self.device, self.threads)
        shots = find_shots(source, timeline, self.threads)
        stretches = find_stretches(source, timeline, shots, model, self.limits)
        # While one clip is cut, the next stretch is looked for, or cut too.
        with ThreadPoolExecutor(self.threads or len(os.sched_getaffinity(0))) as pool:
            try:
                jobs = [pool.submit(self._row, item, source, timeline, stretch) for stretch in stretches]
                yield from (job.result() for job in jobs)
            finally:
                pool.shutdown(cancel_futures=True)

    def _row(self, video: Row, source: Path, timeline: Timeline, stretch: Stretch) -> Row:
        """Cut a stretch, if it is to be kept, and describe it."""
        start, end, time_base = stretch.start_pts, stretch.end_pts, str(timeline.time_base)
        clip_key = clip_id(video["video_id"], start, end, time_base)
        path = f"clips/{video['video_id']}/{clip_key}.mp4"
        fps = self.fps or constant_rate(timeline, start, end)
        clip: Clip | None = None
        reason = stretch.reason
        if reason is None:
            try:
                clip = cut(source, timeline, start, end, Path(self.root, path), fps=fps, crf=self.crf)
            except UnreadableVideo as error:
                if error.kind != "damaged":
                    raise
                reason = str(error)
        width, height = (clip.width, clip.height) if clip else (video["width"], video["height"])
        pixels = np.array([width, height, width, height], np.float32)
        return {
            "clip_id": clip_key,
            "video_id": video["video_id"],
            "player_id": video["player_id"],
            "start_pts": start,
            "end_pts": end,
            "time_base": time_base,
            "start_s": timeline.seconds(start),
            "end_s": timeline.seconds(end),
            "shot": stretch.shot,
            "fps_num": fps.numerator,
            "fps_den": fps.denominator,
            "n_frames": clip.n_frames if clip else 0,
            "width": width,
            "height": height,
            "path": path if clip else None,
            "sha256": clip.sha256 if clip else None,
            "player_box": None if stretch.box is None else (stretch.box * pixels).tolist(),
            "player_confidence": stretch.confidence,
            "player_doubt": stretch.doubt,
            "player_share": stretch.share,
            "people": stretch.people,
            "camera_speed": stretch.camera_speed,
            "kept": clip is not None,
            "reason": reason,
            "made_by": made_by(self.weights.name, self.weights.sha256),
        }


def segment(
    workspace: Workspace,
    *,
    weights: Path | str = DEFAULT,
    weights_sha256: str | None = None,
    min_clip_s: float = Limits.min_clip_s,
    min_confidence: float = Limits.min_confidence,
    max_camera_speed: float = Limits.max_camera_speed,
    fps: Fraction | None = None,
    crf: int = 18,
    device: str | None = None,
    retry: Retry | None = None,
    engine: str = "local",
    workers: int = 1,
    quiet: bool = False,
) -> StageReport:
    """Cut every fetched video into clips with the player in view; write the clips table.

    Args:
        weights, weights_sha256: as `find_weights` takes them.
        min_clip_s, min_confidence, max_camera_speed, fps, crf: as `Segment` has them.
        device: such as "cpu" or "cuda:0"; CUDA if there, unless given.

    Raises:
        BadInput: an option is out of its range, or there is no such weights file.
        BadWeights: nobody vouched for the weights.
        Unavailable: a tool or the weights are missing, or another process segments this dataset.
    """
    if not 0 < min_clip_s < float("inf"):
        raise BadInput(f"--min-clip-s {min_clip_s:g}: give seconds, more than 0.")
    if not 0 <= min_confidence <= 1:
        raise BadInput(f"--min-confidence {min_confidence:g}: give a share, from 0 (keep who may be the player) to 1.")
    if not 0 < max_camera_speed < float("inf"):
        raise BadInput(f"--max-camera-speed {max_camera_speed:g}: give picture widths a second, more than 0.")
    if fps is not None and not 1 <= fps <= 240:
        raise BadInput(f"--fps {fps}: give frames per second, from 1 to 240, or leave it out.")
    if not 0 <= crf <= 51:
        raise BadInput(f"--crf {crf}: give x264's quality, from 0 (best) to 51.")
    stage = Segment(
        root=str(workspace.root),
        weights=find_weights(weights, weights_sha256),
        min_clip_s=min_clip_s,
        min_confidence=min_confidence,
        max_camera_speed=max_camera_speed,
        fps=fps,
        crf=crf,
        device=device,
        threads=share_cores(workers),
    )
    videos = list(rows_of(workspace.read("videos")))
    for video in videos:  # a table from elsewhere must not make us read or write outside the dataset
        workspace.path_of(video["path"])
        workspace.path_of(f"clips/{video['video_id']}/clip.mp4")
    items = list(_with_duplicates(workspace, stage, videos))
    report = run_stage(stage, items, workspace, engine=engine, workers=workers, retry=retry, quiet=quiet)
    _remove_stale(workspace)
    select_clips(workspace)
    return report


def _with_duplicates(workspace: Workspace, stage: Segment, videos: Iterable[Row]) -> Iterator[Row]:
    """The videos; one that gives way to another says to which, unless it was cut before that was known."""
    instead = kept_instead(workspace)
    before = workspace.ledger.entries(stage.name)
    for video in videos:
        entry = before.get(stage.key(video))
        cut = entry is not None and entry.state == "ok" and entry.fingerprint == stage.fingerprint(video)
        # Clips that were cut stay where they are; `select_clips` keeps them out.
        yield video if cut else video | {"kept_video_id": instead.get(video["video_id"])}


def _remove_stale(workspace: Workspace) -> None:
    """Remove clips that no row names: of videos that are gone, of other settings, or half-written when a run was killed."""
    with suppress(Unavailable), workspace.working(Segment.name):
        named = set(workspace.read("clips")["path"].to_pylist())
        for path in (workspace.root / "clips").glob("*/*"):
            if path.relative_to(workspace.root).as_posix() not in named:
                path.unlink()
        for folder in (workspace.root / "clips").glob("*"):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
