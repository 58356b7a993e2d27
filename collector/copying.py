"""Copy a stretch out of a video as it is, where that gives the very clip that encoding would, only better and sooner.

That is so where the video is H.264 as clips are, and the stretch begins at a keyframe and ends right before one: encoders that
see cuts put a keyframe at each, so many a shot is such a stretch. Its packets are copied, but for those that hold no picture
(captions among them: they would tell what was said). What was written is decoded, and anything amiss has it encoded instead.

Keyframes then lie as far apart as in the source. `LONGEST_GROUP_S` bounds that, for an annotator's player, which decodes from
the last keyframe on wherever one jumps to: at 500 frames a second, six seconds of film take it 0.3 s.
"""

from __future__ import annotations

import errno
import subprocess
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np

from collector.counting import decode
from collector.frames import Shown, Timeline
from collector.probe import SAFE_INPUT
from manifests.errors import Unavailable, UnreadableVideo

__all__ = ["LONGEST_GROUP_S", "copied", "copy_packets", "fits"]

LONGEST_GROUP_S = 6.0
_NOT_A_PICTURE = "filter_units=remove_types=6"  # supplemental enhancement information


def fits(timeline: Timeline, start_pts: int, end_pts: int, fps: Fraction) -> bool:
    """Whether `[start_pts, end_pts)` can be a clip as it is, by what the container tells.

    One frame follows the other at exactly `fps`; the stretch begins and ends at keyframes, and none within it is built on
    frames before it or far from the next.
    """
    if not timeline.plain:
        return False
    closed = {*timeline.closed.tolist(), timeline.end_pts}
    shown = [*timeline.between(start_pts, end_pts).tolist(), end_pts]
    keyframes = [*timeline.keyframes[np.isin(timeline.keyframes, shown[:-1])].tolist(), end_pts]
    return (
        shown[0] == keyframes[0] == start_pts
        and closed.issuperset(keyframes)
        and all(step * timeline.time_base * fps == 1 for step in np.diff(shown).tolist())
        and int(np.diff(keyframes).max()) * timeline.time_base <= LONGEST_GROUP_S
    )


def copied(source: Path | str, timeline: Timeline, start_pts: int, end_pts: int, out: Path) -> Shown | None:
    """Copy a stretch that `fits`, and prove it: the right packets went in, and every frame decodes, on its time, without complaint.

    Returns:
        The last frame, which tells the size; None if the proof fails, and what was written is of no use.

    Raises:
        OSError: the disk is full.
        Unavailable: ffmpeg is missing.
    """
    wanted = timeline.between(start_pts, end_pts).tolist()
    if copy_packets(source, timeline, start_pts, len(wanted), out) != wanted:
        return None
    try:
        shown, complaints = decode(out)
    except UnreadableVideo:
        return None
    steps = {after.pts - before.pts for before, after in pairwise(shown)}
    whole = len(shown) == len(wanted) and shown[0].pts == 0 and len(steps) <= 1
    return shown[-1] if whole and not complaints and len({(one.width, one.height) for one in shown}) == 1 else None


def copy_packets(source: Path | str, timeline: Timeline, start_pts: int, n_frames: int, out: Path) -> list[int]:
    """Write so many packets of H.264 from a keyframe on, in the order of the file, as an MP4 that starts at 0.

    Returns:
        Their time stamps in the source, ascending; none if it can't be done. Whoever asks must see whether they are the right ones.

    Raises:
        OSError: the disk is full.
        Unavailable: ffmpeg is missing.
    """
    seek_s = next(timeline.seeks(start_pts))
    options: dict[str, Any] = {**SAFE_INPUT, "copyts": None}
    if seek_s is not None:
        options |= {"seek_timestamp": 1, "noaccurate_seek": None, "ss": f"{seek_s:.6f}"}
    stream = ffmpeg.input(f"file:{source}", **options)["V:0"]
    clip: dict[str, Any] = {"map_metadata": -1, "fflags": "+bitexact", "movflags": "+faststart"}
    clip["bsf:v"] = f"{_NOT_A_PICTURE},setts=pts=PTS-{start_pts}:dts=DTS-{start_pts}"
    written = stream.output(str(out), vcodec="copy", vframes=n_frames, **clip)
    told = stream.output("pipe:", format="framecrc", vcodec="copy", vframes=n_frames)
    both = ffmpeg.merge_outputs(written, told).global_args("-nostdin", "-v", "error").overwrite_output()
    try:
        done = subprocess.run(both.compile(), capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Unavailable("ffmpeg is not installed. Install it (apt install ffmpeg) and run this again.") from error
    if "No space left on device" in done.stderr:
        raise OSError(errno.ENOSPC, "ffmpeg could not go on writing", str(out))
    packets = [line.split(",") for line in done.stdout.splitlines() if not line.startswith("#")]
    return sorted(int(packet[2]) for packet in packets) if done.returncode == 0 else []
