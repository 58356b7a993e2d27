"""Decoded frames with the time stamps that their container gives them, through a pipe from ffmpeg.

Time stamps are integers in units of the stream's time base, as they stand in the file: never counted, never rounded to a frame
rate, so a variable rate is right without further thought. ffmpeg prints the stamp of each frame that it pipes, and the two
are read side by side.
"""

from __future__ import annotations

import re
import subprocess
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import ffmpeg
import numpy as np
import numpy.typing as npt

from collector.probe import SAFE_INPUT, packet_times
from manifests.errors import Unavailable, UnreadableVideo

__all__ = ["Frame", "Image", "Shown", "Timeline", "open_stretch", "read_frames", "read_timeline", "run_decoder"]

Image = npt.NDArray[np.uint8]
_SEEK_ROUNDING_S = 1e-5  # so that a keyframe's own time, rounded, isn't before it
_SEEK_MARGIN_S = 0.5  # some containers seek by decoding time, which runs ahead of presentation time
_SHOWN = re.compile(r"\bpts:\s*(-?\d+)\b.*\bs:(\d+)x(\d+)\b")


@dataclass(frozen=True)
class Timeline:
    """When each frame of a video is shown.

    Attributes:
        pts: (frames,) int64, ascending, in units of `time_base` seconds.
        end_pts: when the last frame ends.
        keyframes: (keyframes,) int64, ascending: where decoding can start; empty if that isn't known.
        closed: (closed,) int64, ascending: keyframes after which, in the file too, only frames come that are shown later.
        plain: the picture is such that a clip can have it as it is (`collector.copying`).
    """

    pts: npt.NDArray[np.int64]
    end_pts: int
    time_base: Fraction
    keyframes: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    closed: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    plain: bool = False

    @property
    def start_pts(self) -> int:
        return int(self.pts[0])

    def seconds(self, pts: int) -> float:
        """Seconds from the first frame."""
        return float((pts - self.start_pts) * self.time_base)

    def units(self, seconds: float) -> int:
        """A length in seconds as units of the time base, at least 1."""
        return max(1, round(seconds / self.time_base))

    def between(self, start_pts: int, end_pts: int) -> npt.NDArray[np.int64]:
        """Time stamps of the frames in `[start_pts, end_pts)`."""
        first, last = np.searchsorted(self.pts, [start_pts, end_pts])
        return self.pts[first:last]

    def seeks(self, start_pts: int) -> Iterator[float | None]:
        """Seconds from the file's start to seek to for a frame, in the order to try them in; None is not to seek at all.

        Where an index is wrong, seeking lands too late. Then, and only then, decode from the start of the file.
        """
        seconds = float(start_pts * self.time_base)
        if seconds > float(self.start_pts * self.time_base):
            if start_pts in self.keyframes:
                yield seconds + _SEEK_ROUNDING_S
            if seconds - _SEEK_MARGIN_S > float(self.start_pts * self.time_base):
                yield seconds - _SEEK_MARGIN_S
        yield None


@dataclass(frozen=True)
class Frame:
    """One decoded frame: its time stamp, and its (height, width, 3) picture in BGR."""

    pts: int
    image: Image


@dataclass(frozen=True)
class Shown:
    """What ffmpeg says of a frame that went through: its time stamp and size."""

    pts: int
    width: int
    height: int


def read_timeline(path: Path | str) -> Timeline:
    """Read a video's time stamps from its container; the last frame lasts as long as the one before it.

    Raises:
        UnreadableVideo: no video can be read from the file.
    """
    times = packet_times(path)
    pts, time_base = times.pts, times.time_base
    if len(pts) == 0:
        raise UnreadableVideo(f"{Path(path).name}: the file holds no frame", kind="no_picture")
    last = int(pts[-1])
    length = last - int(pts[-2]) if len(pts) > 1 else max(1, round(1 / (25 * time_base)))
    return Timeline(pts, last + length, time_base, times.keyframes, times.closed, times.plain)


def open_stretch(
    path: Path | str, timeline: Timeline, start_pts: int, end_pts: int, *, seek_s: float | None, **options: Any
) -> Any:
    """ffmpeg-python's stream of exactly the frames in `[start_pts, end_pts)`, with square pixels and an even size.

    Stamps are those of the file, in units of its time base. Sound is never read.

    Args:
        seek_s: decoding starts at the last keyframe before this (see `Timeline.seeks`); None for the start of the file.
        options: of ffmpeg, for its decoder.
    """
    options |= {**SAFE_INPUT, "copyts": None}
    if seek_s is not None:
        options |= {"seek_timestamp": 1, "noaccurate_seek": None, "ss": f"{seek_s:.6f}"}
    return (
        ffmpeg.input(f"file:{path}", **options)["V:0"]
        .filter("settb", str(timeline.time_base))
        .filter("trim", start_pts=start_pts, end_pts=end_pts)
        .filter("scale", "iw*sar", "ih")
        .filter("setsar", 1)
        .filter("crop", "floor(iw/2)*2", "floor(ih/2)*2", 0, 0)
    )


def read_frames(
    path: Path | str,
    timeline: Timeline,
    start_pts: int | None = None,
    end_pts: int | None = None,
    *,
    every: int | None = None,
    width: int = 640,
    **options: Any,
) -> Iterator[Frame]:
    """Decode a stretch of a video, one frame in memory at a time.

    Args:
        start_pts, end_pts: the stretch `[start_pts, end_pts)`; the whole video unless given.
        every: only the first frame, the last one, and between them one each time this many units have passed.
        width: pictures wider than this are scaled down to it.
        options: of ffmpeg, for its decoder, such as `skip_frame="noref"` or `threads=1`.

    Raises:
        UnreadableVideo: nothing can be decoded.
        Unavailable: ffmpeg is missing.
    """
    start = timeline.start_pts if start_pts is None else start_pts
    end = timeline.end_pts if end_pts is None else end_pts
    expected = timeline.between(start, end)
    if len(expected) == 0:
        return
    for seek_s in timeline.seeks(start):
        stream = open_stretch(path, timeline, start, end, seek_s=seek_s, **options)
        if every is not None:
            chosen = f"isnan(prev_selected_pts)+gte(pts-prev_selected_pts,{every})+gte(pts,{int(expected[-1])})"
            stream = stream.filter("select", chosen)
        frames = _decode(stream, width, path)
        with closing(frames):
            first = next(frames, None)
            if seek_s is not None and (first is None or first.pts != expected[0]):
                continue
            if first is None:
                raise UnreadableVideo(f"{Path(path).name}: no frame decodes from {timeline.seconds(start):.2f} s on")
            yield first
            yield from frames
            return


def _decode(stream: Any, width: int, path: Path | str) -> Generator[Frame, None, None]:
    output = (
        stream.filter("scale", f"min({width},iw)", -2, flags="area")
        .filter("format", "bgr24")
        .filter("showinfo", checksum=0)
        .output("pipe:", format="rawvideo", pix_fmt="bgr24", fps_mode="passthrough")
    )
    process, shown, messages = run_decoder(output)
    try:
        while (info := shown.get()) is not None:
            image = np.empty((info.height, info.width, 3), np.uint8)
            if process.stdout.readinto(image.data.cast("B")) < image.nbytes:
                break
            yield Frame(info.pts, image)
        if process.wait() != 0:
            reason = messages[-1] if messages else "ffmpeg gave no reason"
            raise UnreadableVideo(f"{Path(path).name}: decoding stopped ({reason})", kind="truncated")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def run_decoder(output: Any) -> tuple[Any, SimpleQueue[Shown | None], deque[str]]:
    """Start ffmpeg on an output whose filters end in `showinfo`, and listen to what it says.

    Returns:
        The process with its standard output open; a queue of the frames that passed `showinfo`, then None; and the last
        lines that ffmpeg said of anything else.

    Raises:
        Unavailable: ffmpeg is missing.
    """
    command = output.global_args("-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info").compile()
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except FileNotFoundError as error:
        raise Unavailable("ffmpeg is not installed. Install it (apt install ffmpeg) and run this again.") from error
    shown: SimpleQueue[Shown | None] = SimpleQueue()
    messages: deque[str] = deque(maxlen=5)
    # A thread, because ffmpeg stands still as soon as either of its pipes is full.
    Thread(target=_listen, args=(process.stderr, shown, messages), daemon=True).start()
    return process, shown, messages


def _listen(stderr: Any, shown: SimpleQueue[Shown | None], messages: deque[str]) -> None:
    with stderr:
        for raw in stderr:
            line = raw.decode(errors="replace").strip()
            if "showinfo" in line and (found := _SHOWN.search(line)):
                shown.put(Shown(*map(int, found.groups())))
            elif "[error]" in line or "[fatal]" in line:
                messages.append(line.split("] ", 1)[-1])
    shown.put(None)
