"""Cut stretches out of a source video, frame-exact, at a constant frame rate, and prove it by decoding what was written.

A stretch is copied where that gives the same frames (`collector.copying`), and else encoded.

Which picture stands where: frame k of a clip shows the last source frame of the stretch whose time stamp, counted from the
stretch's start and rounded to the nearest frame of the clip, is at most k. A clip has round(length x rate) frames, at least
one. So at the source's own rate every source frame appears once, however its stamps were rounded by the container.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np

from collector.copying import copied, fits
from collector.counting import count_frames, run
from collector.frames import Shown, Timeline, open_stretch
from manifests.errors import ClipMismatch, UnreadableVideo
from manifests.ids import file_sha256
from manifests.parquet import replacing

__all__ = ["Clip", "constant_rate", "cut", "encoding", "expected_frames"]

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
        crf: quality of x264 where the stretch is encoded; lower is better, 18 can hardly be told from the source.

    Raises:
        UnreadableVideo: frames of the stretch don't decode (kind "damaged").
        ClipMismatch: what was written doesn't decode to the frames it should have.
        CannotWrite: the folder is read-only or its disk full.
        Unavailable: ffmpeg is missing.
    """
    fps = fps or constant_rate(timeline, start_pts, end_pts)
    n_frames = expected_frames(start_pts, end_pts, timeline.time_base, fps)
    with replacing(out) as temporary:
        frame = (
            copied(source, timeline, start_pts, end_pts, temporary) if fits(timeline, start_pts, end_pts, fps) else None
        )
        if frame is None:
            frame = _encode(source, timeline, start_pts, end_pts, n_frames, fps, crf, temporary)
            if (found := count_frames(temporary)) != n_frames:
                raise ClipMismatch(Path(out), n_frames, found)
        sha256 = file_sha256(temporary)
    return Clip(Path(out), n_frames, fps, frame.width, frame.height, sha256)


def _encode(
    source: Path | str,
    timeline: Timeline,
    start_pts: int,
    end_pts: int,
    n_frames: int,
    fps: Fraction,
    crf: int,
    out: Path,
) -> Shown:
    """Encode a stretch; return the first of the source frames that went in."""
    wanted = timeline.between(start_pts, end_pts).tolist()
    for seek_s in timeline.seeks(start_pts):
        picture = (
            open_stretch(source, timeline, start_pts, end_pts, seek_s=seek_s)
            .filter("showinfo", checksum=0)
            .filter("tpad", stop_mode="clone", stop=2)  # at the end of a file `fps` drops the last frame
            .filter("setpts", f"PTS-{start_pts}")
            .filter("fps", str(fps), start_time=0, round="near")
            .filter("tpad", stop_mode="clone", stop=-1)  # the last frame lasts to the clip's end
            .filter("trim", end_frame=n_frames)
            .filter("format", "yuv420p")
        )
        shown, _ = run(picture.output(str(out), **encoding(fps, crf)).overwrite_output(), out)
        if [frame.pts for frame in shown] == wanted:
            return shown[0]
    raise UnreadableVideo(
        f"{Path(source).name}: of the {len(wanted)} frames from {timeline.seconds(start_pts):.2f} s to "
        f"{timeline.seconds(end_pts):.2f} s only {len(shown)} decode",
        kind="damaged",
    )


def encoding(fps: Fraction, crf: int) -> dict[str, Any]:
    """ffmpeg's options for the picture of every clip that is written; the same frames give the same bytes."""
    return {
        "vcodec": "libx264",
        "preset": "veryfast",
        # A fifth less work than the preset's own search, for 4 % more bytes (benchmarks/speed/README.md).
        "x264-params": "me=dia:partitions=i4x4,i8x8",
        "crf": crf,
        "g": max(1, round(fps)),  # a keyframe a second, so that an annotator's player jumps quickly
        "threads": 1,  # x264's bits depend on their number; several clips at a time keep more cores busy
        "fps_mode": "passthrough",
        "map_metadata": -1,
        "fflags": "+bitexact",
        "movflags": "+faststart",
    }
