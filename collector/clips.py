"""Cut stretches out of a source video, frame-exact, at a constant frame rate, and prove it by decoding what was written.

Which picture stands where: frame k of a clip shows the last source frame of the stretch whose time stamp, counted from the
stretch's start and rounded to the nearest frame of the clip, is at most k. A clip has round(length x rate) frames, at least
one. So at the source's own rate every source frame appears once, however its stamps were rounded by the container.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np

from collector.frames import Shown, Timeline, open_stretch, run_decoder
from collector.probe import SAFE_INPUT
from manifests.errors import ClipMismatch, UnreadableVideo
from manifests.ids import file_sha256
from manifests.parquet import replacing

__all__ = ["Clip", "constant_rate", "count_frames", "cut", "encoding", "expected_frames"]

# What cameras and editors use. No micro-gesture needs more than 30 frames a second.
_RATES = (
    *(Fraction(10), Fraction(12), Fraction(25, 2), Fraction(15), Fraction(20), Fraction(24000, 1001)),
    *(Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30)),
)
_FASTEST = 30.5
_NEAR = 0.01


@dataclass(frozen=True)
class Clip:
    """A clip as it lies on disk, its frames counted by decoding."""

    path: Path
    n_frames: int
    fps: Fraction
    width: int
    height: int
    sha256: str


def expected_frames(start_pts: int, end_pts: int, time_base: Fraction, fps: Fraction) -> int:
    """Frames of a clip of `[start_pts, end_pts)`: its length times its rate, rounded to the nearest, at least 1."""
    return max(1, floor((end_pts - start_pts) * time_base * fps + Fraction(1, 2)))


def constant_rate(timeline: Timeline, start_pts: int, end_pts: int) -> Fraction:
    """The constant rate that fits a stretch: that of its own frames, dropped ones apart, as the nearest rate in common use.

    Rates above 30 are divided by the smallest whole number that brings them there (50 to 25, 59.94 to 29.97).
    """
    steps = np.diff(timeline.between(start_pts, end_pts))
    if len(steps) == 0:
        return Fraction(25)
    usual = float(steps[steps <= 1.5 * np.median(steps)].mean())  # a dropped frame makes a step twice as long
    # Where all steps are multiples of it, the whole stretch tells it better than its steps, each rounded by the container.
    refined = float(steps.sum() / np.maximum(1, np.rint(steps / usual)).sum())
    step = refined if abs(refined / usual - 1) <= _NEAR else usual
    rate = 1 / (step * float(timeline.time_base))
    rate /= ceil(rate / _FASTEST)
    nearest = min(_RATES, key=lambda known: abs(float(known) - rate))
    return nearest if abs(float(nearest) / rate - 1) <= _NEAR else Fraction(max(1, round(rate)))


def cut(
    source: Path | str,
    timeline: Timeline,
    start_pts: int,
    end_pts: int,
    out: Path | str,
    *,
    fps: Fraction | None = None,
    crf: int = 18,
) -> Clip:
    """Write `[start_pts, end_pts)` of a video as H.264 in yuv420p at a constant rate, starting at 0, without sound.

    No speech is kept: poses don't need it, and it would tell who speaks and of what. Pixels are square and the size even.
    The file is there whole, or not at all.

    Args:
        fps: the clip's rate; `constant_rate` of the stretch unless given.
        crf: quality of x264; lower is better, 18 can hardly be told from the source.

    Raises:
        UnreadableVideo: frames of the stretch don't decode (kind "damaged").
        ClipMismatch: what was written doesn't decode to the frames it should have.
        CannotWrite: the folder is read-only or its disk full.
        Unavailable: ffmpeg is missing.
    """
    fps = fps or constant_rate(timeline, start_pts, end_pts)
    n_frames = expected_frames(start_pts, end_pts, timeline.time_base, fps)
    wanted = [int(pts) for pts in timeline.between(start_pts, end_pts)]
    with replacing(out) as temporary:
        for seek_s in timeline.seeks(start_pts):
            stream = open_stretch(source, timeline, start_pts, end_pts, seek_s=seek_s)
            shown = _encode(stream, start_pts, n_frames, fps, crf, temporary)
            if [frame.pts for frame in shown] == wanted:
                break
        else:
            raise UnreadableVideo(
                f"{Path(source).name}: of the {len(wanted)} frames from {timeline.seconds(start_pts):.2f} s to "
                f"{timeline.seconds(end_pts):.2f} s only {len(shown)} decode",
                kind="damaged",
            )
        if (found := count_frames(temporary)) != n_frames:
            raise ClipMismatch(Path(out), n_frames, found)
        sha256 = file_sha256(temporary)
    return Clip(Path(out), n_frames, fps, shown[0].width, shown[0].height, sha256)


def count_frames(path: Path | str) -> int:
    """Frames that decode, counted one by one; what the container says of itself is not asked.

    Raises:
        UnreadableVideo: the file can't be decoded.
        Unavailable: ffmpeg is missing.
    """
    stream = ffmpeg.input(f"file:{path}", **SAFE_INPUT)["V:0"].filter("showinfo", checksum=0)
    return len(_run(stream.output("pipe:", format="null", fps_mode="passthrough"), path))


def _encode(stream: Any, start_pts: int, n_frames: int, fps: Fraction, crf: int, out: Path) -> list[Shown]:
    """Encode a stretch; return the source frames that went in."""
    picture = (
        stream.filter("showinfo", checksum=0)
        .filter("tpad", stop_mode="clone", stop=2)  # at the end of a file `fps` drops the last frame
        .filter("setpts", f"PTS-{start_pts}")
        .filter("fps", str(fps), start_time=0, round="near")
        .filter("tpad", stop_mode="clone", stop=-1)  # the last frame lasts to the clip's end
        .filter("trim", end_frame=n_frames)
        .filter("format", "yuv420p")
    )
    return _run(picture.output(str(out), **encoding(fps, crf)).overwrite_output(), out)


def encoding(fps: Fraction, crf: int) -> dict[str, Any]:
    """ffmpeg's options for the picture of every clip that is written; the same frames give the same bytes."""
    return {
        "vcodec": "libx264",
        "preset": "veryfast",
        "crf": crf,
        "g": max(1, round(fps)),  # a keyframe a second, so that an annotator's player jumps quickly
        "threads": 2,  # x264's bits depend on their number
        "fps_mode": "passthrough",
        "map_metadata": -1,
        "fflags": "+bitexact",
        "movflags": "+faststart",
    }


def _run(output: Any, path: Path | str) -> list[Shown]:
    process, queue, messages = run_decoder(output)
    try:
        shown = list(iter(queue.get, None))
        if process.wait() != 0:
            if any("No space left on device" in message for message in messages):
                raise OSError(errno.ENOSPC, "ffmpeg could not go on writing", str(path))
            reason = messages[-1] if messages else "no reason given"
            raise UnreadableVideo(f"{Path(path).name}: ffmpeg failed ({reason})", kind="damaged")
        return shown
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
