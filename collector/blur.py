"""Stage: a clip in, the same clip out with the player's face hidden in every frame.

What is hidden is reduced to six mean colours across, and drawn smoothly: nothing finer is left in the frame. Where other people
were in view, all but the player's box is hidden as well, for no keypoints tell where their faces are. A frame is in memory at a
time. This makes a person hard to recognise, not anonymous: body, clothes and voice-less movement stay, and so do the links.
"""

from __future__ import annotations

import errno
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

import cv2
import ffmpeg
import numpy as np
import numpy.typing as npt

from collector.clips import encoding
from collector.counting import count_frames
from collector.engine import Retry, StageReport, run_stage
from collector.faces import Faces, FoundBy, find_faces
from collector.frames import run_decoder
from collector.probe import SAFE_INPUT
from manifests.errors import ClipMismatch, ItemFailed, Unavailable, UnreadableVideo
from manifests.ids import digest, file_sha256
from manifests.parquet import remove_leftovers, replacing
from manifests.poses import read_poses
from manifests.provenance import made_by
from manifests.tables import Row, rows_of
from manifests.workspace import Workspace

__all__ = ["FOLDER", "BlurFaces", "blur_faces", "hide"]

FOLDER = "blurred"
_CELLS = 6  # means across a hidden region
_OTHERS = 12  # means down the picture, where other people are hidden
_MARGIN = 0.15  # of the player's box, which stays visible around it

_Plane = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class BlurFaces:
    """Stage: hide the player's face in every frame of a clip, and prove that every frame is there.

    Attributes:
        root: the dataset's folder.
        crf: quality of x264, lower is better.
    """

    root: str
    crf: int = 18

    name = "blur"
    table = "blurred"

    def key(self, item: Row) -> str:
        return str(item["clip_id"])

    def fingerprint(self, item: Row) -> str:
        return digest(item["sha256"], item["poses_sha256"], item["people"] > 1, self.crf, _CELLS, _OTHERS)

    def setup(self) -> None:
        # One thread: the stage's workers share the cores.
        cv2.setNumThreads(1)

    def process(self, item: Row) -> Iterator[Row]:
        clip = Path(self.root, item["path"])
        if not clip.is_file():
            raise ItemFailed(f"{item['path']}: the file is gone. Cut it again (mgcollect segment).", kind="missing")
        if not item["poses_sha256"]:
            raise ItemFailed(
                "it has no poses, so nothing tells where the face is. Run `mgcollect pose`.", kind="no_poses"
            )
        poses = read_poses(Path(self.root, "tables", "poses", f"{item['clip_id']}.parquet"))
        if len(poses.keypoints) != item["n_frames"]:
            raise ClipMismatch(clip, item["n_frames"], len(poses.keypoints))
        fps = Fraction(item["fps_num"], item["fps_den"])
        try:
            faces = find_faces(poses, item["width"], item["height"], float(fps))
        except ValueError as error:
            raise ItemFailed(f"{error}.", kind="skeleton") from error
        others = item["people"] > 1
        path = f"{FOLDER}/{item['video_id']}/{item['clip_id']}.mp4"
        with replacing(Path(self.root, path)) as temporary:
            _rewrite(clip, temporary, item, faces, poses.boxes if others else None, fps, self.crf)
            if (found := count_frames(temporary)) != item["n_frames"]:
                raise ClipMismatch(clip, item["n_frames"], found)
            sha256 = file_sha256(temporary)
        counts = faces.counts()
        yield {
            "clip_id": item["clip_id"],
            "path": path,
            "sha256": sha256,
            "n_frames": item["n_frames"],
            "by_keypoints": counts[FoundBy.KEYPOINTS],
            "by_neighbours": counts[FoundBy.NEIGHBOURS],
            "by_box": counts[FoundBy.BOX],
            "whole_frames": counts[FoundBy.NOTHING],
            "others_hidden": others,
            "made_by": made_by(),
        }


def hide(plane: _Plane, region: npt.NDArray[np.float32], *, round: bool, cells: int = _CELLS) -> None:
    """Hide a region of one plane of a picture, in place.

    Args:
        plane: (height, width).
        region: (4,) x0, y0, x1, y1 in its pixels; what lies outside the picture is passed over.
        round: an ellipse instead of the whole rectangle.
        cells: means across the region's shorter side.
    """
    height, width = plane.shape
    x0, y0 = (max(0, floor(v)) for v in region[:2])
    x1, y1 = min(width, ceil(region[2])), min(height, ceil(region[3]))
    if x0 >= x1 or y0 >= y1:
        return
    part = plane[y0:y1, x0:x1]
    cell = max(min(region[2] - region[0], region[3] - region[1]) / cells, 1)
    size = max(1, int(np.rint((x1 - x0) / cell))), max(1, int(np.rint((y1 - y0) / cell)))
    coarse = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    hidden = cv2.resize(coarse, (x1 - x0, y1 - y0), interpolation=cv2.INTER_LINEAR).reshape(part.shape)
    if round:
        centre, half = (region[:2] + region[2:]) / 2, (region[2:] - region[:2]) / 2
        x = (np.arange(x0, x1) + 0.5 - centre[0]) / half[0]
        y = (np.arange(y0, y1) + 0.5 - centre[1]) / half[1]
        inside = x[None] ** 2 + y[:, None] ** 2 <= 1
        part[inside] = np.asarray(hidden)[inside]
    else:
        part[...] = hidden


def blur_faces(
    workspace: Workspace,
    *,
    engine: str = "local",
    workers: int = 1,
    retry: Retry | None = None,
    quiet: bool = False,
) -> StageReport:
    """Write a version with hidden faces of every kept clip, `blurred/<video_id>/<clip_id>.mp4`; the clips stay as they are.

    Raises:
        Unavailable: ffmpeg is missing, or another process does the same work.
        BadInput: the tables name files outside the dataset.
    """
    items = []
    for clip in rows_of(workspace.read("clips")):
        if clip["kept"]:
            # A table from elsewhere must not make us read or write outside the dataset.
            workspace.path_of(clip["path"])
            workspace.path_of(f"{FOLDER}/{clip['video_id']}/{clip['clip_id']}.mp4")
            poses = workspace.path_of(f"tables/poses/{clip['clip_id']}.parquet")
            items.append(clip | {"poses_sha256": file_sha256(poses) if poses.is_file() else ""})
    stage = BlurFaces(str(workspace.root))
    report = run_stage(stage, items, workspace, engine=engine, workers=workers, retry=retry, quiet=quiet)
    _remove_stale(workspace)
    return report


def _remove_stale(workspace: Workspace) -> None:
    """Remove files of clips that are gone, and what a killed run left half-written."""
    with suppress(Unavailable), workspace.working(BlurFaces.name):
        current = set(workspace.read("blurred", everything=True)["path"].to_pylist())
        for folder in (workspace.root / FOLDER).glob("*/"):
            remove_leftovers(folder)
            for path in folder.glob("*.mp4"):
                if path.relative_to(workspace.root).as_posix() not in current:
                    path.unlink()


def _rewrite(
    clip: Path,
    out: Path,
    item: Row,
    faces: Faces,
    boxes: npt.NDArray[np.float32] | None,
    fps: Fraction,
    crf: int,
) -> None:
    """Decode, hide, encode, a frame at a time, in the planes that the codec itself keeps: what isn't hidden isn't converted."""
    width, height = item["width"], item["height"]
    stream = (
        ffmpeg.input(f"file:{clip}", **SAFE_INPUT)["V:0"].filter("format", "yuv420p").filter("showinfo", checksum=0)
    )
    decoder, shown, messages = run_decoder(
        stream.output("pipe:", format="rawvideo", pix_fmt="yuv420p", fps_mode="passthrough")
    )
    raw = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="yuv420p", s=f"{width}x{height}", r=str(fps))
    encoded = raw.output(str(out), pix_fmt="yuv420p", **encoding(fps, crf), **_colours(clip)).overwrite_output()
    with tempfile.TemporaryFile() as said:
        command = encoded.global_args("-hide_banner", "-nostats", "-loglevel", "error").compile()
        encoder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said)
        try:
            assert encoder.stdin is not None
            frame, done = np.empty(width * height * 3 // 2, np.uint8), 0
            while (info := shown.get()) is not None:
                if (info.width, info.height) != (width, height) or done >= len(faces.regions):
                    raise ClipMismatch(clip, len(faces.regions), done + 1)
                if decoder.stdout.readinto(frame.data) < frame.nbytes:
                    break
                _hide_in(frame, width, height, faces, boxes, done)
                encoder.stdin.write(frame.data)
                done += 1
            encoder.stdin.close()
            if decoder.wait() != 0 or done != len(faces.regions):
                reason = messages[-1] if messages else f"{done} frames instead of {len(faces.regions)}"
                raise UnreadableVideo(f"{clip.name}: decoding stopped ({reason})", kind="damaged")
            if encoder.wait() != 0:
                raise OSError("the encoder stopped")
        except OSError as error:
            said.seek(0)
            reason = said.read().decode(errors="replace").strip()
            if "No space left" in reason or error.errno == errno.ENOSPC:
                raise OSError(errno.ENOSPC, "ffmpeg could not go on writing", str(out)) from error
            raise ItemFailed(f"{clip.name}: could not be written ({reason or error})", kind="encode") from error
        finally:
            for process in (decoder, encoder):
                process.kill()
                process.wait()
            decoder.stdout.close()
            with suppress(OSError):
                encoder.stdin.close()  # type: ignore[union-attr]


def _hide_in(
    frame: _Plane, width: int, height: int, faces: Faces, boxes: npt.NDArray[np.float32] | None, k: int
) -> None:
    """Hide what is to be hidden in frame k, in each of its three planes."""
    luma = width * height
    chroma = luma // 4
    planes = (
        (frame[:luma].reshape(height, width), 1),
        (frame[luma : luma + chroma].reshape(height // 2, width // 2), 2),
        (frame[luma + chroma :].reshape(height // 2, width // 2), 2),
    )
    round_ = faces.found_by[k] in (FoundBy.KEYPOINTS, FoundBy.NEIGHBOURS)
    for plane, scale in planes:
        if boxes is not None and np.isfinite(boxes[k]).all():
            _hide_all_but(plane, boxes[k] / scale)
        hide(plane, faces.regions[k] / scale, round=round_)


def _hide_all_but(plane: _Plane, box: npt.NDArray[np.float32]) -> None:
    height, width = plane.shape
    margin = _MARGIN * (box[2:] - box[:2])
    x0, y0 = (max(0, floor(v)) for v in box[:2] - margin)
    x1, y1 = ceil(box[2] + margin[0]), ceil(box[3] + margin[1])
    kept = plane[y0:y1, x0:x1].copy()
    hide(plane, np.array([0, 0, width, height], np.float32), round=False, cells=_OTHERS)
    plane[y0:y1, x0:x1] = kept


def _colours(clip: Path) -> dict[str, str]:
    """What the clip says of its colours, which raw frames don't carry, as ffmpeg's options."""
    try:
        streams = ffmpeg.probe(f"file:{clip}", **SAFE_INPUT, select_streams="v:0")["streams"]
    except (ffmpeg.Error, FileNotFoundError) as error:
        raise UnreadableVideo(f"{clip.name}: ffprobe can't read it", kind="damaged") from error
    names = (
        ("color_range", "color_range"),
        ("color_space", "colorspace"),
        ("color_transfer", "color_trc"),
        ("color_primaries", "color_primaries"),
    )
    return {
        option: streams[0][said] for said, option in names if streams and streams[0].get(said, "unknown") != "unknown"
    }
