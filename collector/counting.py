"""What ffmpeg decodes or encodes, frame by frame, so that nobody need believe what a container says of itself."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import ffmpeg

from collector.frames import Shown, run_decoder
from collector.probe import SAFE_INPUT
from manifests.errors import UnreadableVideo

__all__ = ["count_frames", "decode", "run"]

# The filter that smooths the edges of blocks is left out: it makes no frame and loses none, and is a tenth of the work.
_UNFILTERED: dict[str, Any] = {"skip_loop_filter": "all", "threads": 1, "copyts": None}


def count_frames(path: Path | str) -> int:
    """Frames that decode, counted one by one; what the container says of itself is not asked.

    Raises:
        UnreadableVideo: the file can't be decoded.
        Unavailable: ffmpeg is missing.
    """
    return len(decode(path)[0])


def decode(path: Path | str) -> tuple[list[Shown], list[str]]:
    """Decode a file from end to end.

    Returns:
        Its frames, with the stamps that the file gives them, and what ffmpeg had to complain of.

    Raises:
        UnreadableVideo, Unavailable: as `count_frames`.
    """
    stream = ffmpeg.input(f"file:{path}", **SAFE_INPUT, **_UNFILTERED)["V:0"].filter("showinfo", checksum=0)
    return run(stream.output("pipe:", format="null", fps_mode="passthrough"), path)


def run(output: Any, path: Path | str) -> tuple[list[Shown], list[str]]:
    """Run ffmpeg to its end, on an output whose filters end in `showinfo`.

    Args:
        path: the file that errors are about.

    Returns:
        The frames that passed `showinfo`, and the last lines of what ffmpeg had to complain of.

    Raises:
        OSError: the disk is full.
        UnreadableVideo: ffmpeg failed.
        Unavailable: ffmpeg is missing.
    """
    process, queue, messages = run_decoder(output)
    try:
        shown = list(iter(queue.get, None))
        if process.wait() != 0:
            if any("No space left on device" in message for message in messages):
                raise OSError(errno.ENOSPC, "ffmpeg could not go on writing", str(path))
            reason = messages[-1] if messages else "no reason given"
            raise UnreadableVideo(f"{Path(path).name}: ffmpeg failed ({reason})", kind="damaged")
        return shown, list(messages)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
