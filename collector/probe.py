"""What a video file holds, and whether it is whole, by its container alone: nothing is decoded, unless the container is silent.

Files come from the network, so ffprobe may open this one file and nothing else: no playlist that names other files, and no
protocol but `file`.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from array import array
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np
import numpy.typing as npt

from manifests.errors import Unavailable, UnreadableVideo

__all__ = ["SAFE_INPUT", "Media", "PacketTimes", "packet_times", "probe"]

# Demuxers that read one file. Those that open what the file names (hls, dash, concat, …) are left out; so are the formats of
# still pictures and of text. Sound alone is let in, so that its file can be called what it is.
_DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,avi,flv,ogg,asf,mxf,rm,nut,h264,hevc,m4v,mp3,wav,flac"
)
SAFE_INPUT = {"protocol_whitelist": "file,pipe", "format_whitelist": _DEMUXERS}

_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"sidx", b"moof"}
_CUT_SHORT = re.compile(r"partial file|File ended prematurely|Truncated|truncated", re.ASCII)
# How much less than promised is a rounding of the container's: a second, or 2 % of a long file.
_MISSING_S, _MISSING_SHARE = 1.0, 0.02
_STREAM_KINDS = {"video": "picture", "audio": "sound"}


@dataclass(frozen=True)
class Media:
    """A readable video file.

    Attributes:
        container: ffmpeg's name of the format, such as "mov,mp4,m4a,3gp,3g2,mj2".
        codec: of the picture, such as "h264".
        width, height: of a frame as it is shown upright, in pixels of the file.
        pixel_shape: width over height of one pixel; 1 unless the recording is anamorphic.
        fps: frames per second; the average where it varies.
        variable_fps: some frame is shown half a frame or more away from where a constant rate would have it.
        n_frames: frames that the container holds.
        duration_s: from the first frame to the end of the last.
        time_base: seconds a unit of the time stamps.
        n_streams: picture, sound and others together.
    """

    container: str
    codec: str
    width: int
    height: int
    pixel_shape: Fraction
    fps: Fraction
    variable_fps: bool
    n_frames: int
    duration_s: float
    time_base: Fraction
    n_streams: int


@dataclass(frozen=True)
class PacketTimes:
    """When each frame of a video is shown, by its container.

    Attributes:
        pts: (frames,) int64 presentation time stamps, ascending.
        time_base: the seconds that one unit stands for.
        keyframes: (keyframes,) int64, ascending, where decoding can start.
        closed: (closed,) int64, ascending: those of the keyframes after which only frames come that are shown later.
        plain: H.264 in yuv420p, upright, of whole frames, square pixels and an even size, in MP4, whose index says where
            and when each packet is.
    """

    pts: npt.NDArray[np.int64]
    time_base: Fraction
    keyframes: npt.NDArray[np.int64]
    closed: npt.NDArray[np.int64]
    plain: bool


def probe(path: Path | str) -> Media:
    """Read what a video file holds, and check that it holds as much as it promises.

    Raises:
        UnreadableVideo: of kind empty, not_video, no_picture or truncated.
        Unavailable: ffprobe is missing.
    """
    path = Path(path)
    head = _head(path)
    stream = _picture(path, head)
    packets = _read_packets(path, int(stream["index"]))
    time_base = Fraction(stream["time_base"])
    pts = np.sort(np.frombuffer(packets.pts, dtype=np.int64))
    if packets.untimed and stream.get("has_b_frames"):
        pts = _decoded_times(path, int(stream["index"]))[0]
    if len(pts) == 0 or not stream.get("width"):
        raise UnreadableVideo(f"{path.name}: the file says it has a picture, but holds no frame of it", "truncated")
    _check_whole(path, head, stream, packets)
    span = int(pts[-1] - pts[0])
    length = packets.last_duration or (round(span / (len(pts) - 1)) if len(pts) > 1 else 0)
    duration = (span + length) * time_base
    variable = _varies(pts)
    turned = _rotation(stream) % 180 == 90
    width, height = int(stream["width"]), int(stream["height"])
    return Media(
        container=head["format"]["format_name"],
        codec=stream.get("codec_name", "unknown"),
        width=height if turned else width,
        height=width if turned else height,
        pixel_shape=_pixel_shape(stream, turned),
        fps=_rate(stream, len(pts), duration, variable),
        variable_fps=variable,
        n_frames=len(pts),
        duration_s=float(duration),
        time_base=time_base,
        n_streams=len(head["streams"]),
    )


def packet_times(path: Path | str) -> PacketTimes:
    """Read the time stamps of a video, and which frames are keyframes.

    An MPEG program stream has stamps for some of its frames only. Where frames are coded in another order than they are shown,
    the rest can't be told from the order of packets, and the video is decoded to learn them.

    Raises:
        UnreadableVideo: of kind empty, not_video or no_picture.
        Unavailable: ffprobe is missing.
    """
    path = Path(path)
    head = _head(path)
    stream = _picture(path, head)
    packets = _read_packets(path, int(stream["index"]))
    if packets.untimed and stream.get("has_b_frames"):
        pts, keyframes = _decoded_times(path, int(stream["index"]))
        return PacketTimes(pts, Fraction(stream["time_base"]), keyframes, keyframes[:0], plain=False)
    coded, keyframes = (np.frombuffer(times, dtype=np.int64) for times in (packets.pts, packets.keyframes))
    earliest = np.minimum.accumulate(coded[::-1])[::-1]  # of what the file holds from each packet on
    closed = coded[np.isin(coded, keyframes) & (earliest == coded)]
    return PacketTimes(
        np.sort(coded), Fraction(stream["time_base"]), np.sort(keyframes), np.sort(closed), _is_plain(head, stream)
    )


# --- the head ----------------------------------------------------------------------------------------------------------


def _head(path: Path) -> dict[str, Any]:
    if path.stat().st_size == 0:
        raise UnreadableVideo(f"{path.name}: the file is empty", kind="empty")
    try:
        # "file:", because a name may look like an option or like another protocol.
        head: dict[str, Any] = ffmpeg.probe(f"file:{path}", v="error", **SAFE_INPUT)
    except FileNotFoundError:
        raise _no_ffprobe() from None
    except ffmpeg.Error as error:
        reason = error.stderr.decode(errors="replace")
        with path.open("rb") as file:
            start = file.read(8)
        if "moov atom not found" in reason and start[4:] in _BOXES:
            message = f"{path.name}: the file is cut short; its index, which stands at the end, is missing"
            raise UnreadableVideo(message, kind="truncated") from error
        raise UnreadableVideo(f"{path.name}: {_what_it_is(start, reason)}, not a video", "not_video") from error
    return head


def _what_it_is(start: bytes, reason: str) -> str:
    if match := re.search(r"\[(\w+) @ [^]]*\] Format not on whitelist", reason):
        return f"a file of the kind that ffmpeg calls {match[1]}"
    if start.lstrip().startswith(b"<"):
        return "a web page or another text"
    return "nothing that ffmpeg can read"


def _picture(path: Path, head: dict[str, Any]) -> dict[str, Any]:
    for stream in head["streams"]:
        cover = stream.get("disposition", {}).get("attached_pic")
        if stream.get("codec_type") == "video" and not cover:
            return dict(stream)
    kinds = {_STREAM_KINDS.get(stream.get("codec_type"), "data") for stream in head["streams"]}
    held = " and ".join(sorted(kinds - {"picture"})) or "nothing"
    raise UnreadableVideo(f"{path.name}: the file holds {held}, and no moving picture", kind="no_picture")


def _rotation(stream: dict[str, Any]) -> int:
    sides = [side["rotation"] for side in stream.get("side_data_list", []) if "rotation" in side]
    return round(float(sides[0] if sides else stream.get("tags", {}).get("rotate", 0)))


def _pixel_shape(stream: dict[str, Any], turned: bool) -> Fraction:
    ratio = re.fullmatch(r"([1-9]\d*):([1-9]\d*)", stream.get("sample_aspect_ratio", ""))
    shape = Fraction(int(ratio[1]), int(ratio[2])) if ratio else Fraction(1)
    return 1 / shape if turned else shape


def _is_plain(head: dict[str, Any], stream: dict[str, Any]) -> bool:
    return (
        "mp4" in head["format"]["format_name"].split(",")
        and (stream.get("codec_name"), stream.get("pix_fmt")) == ("h264", "yuv420p")
        and stream.get("field_order", "unknown") == "progressive"
        and _rotation(stream) == 0
        and _pixel_shape(stream, turned=False) == 1
        and not (int(stream["width"]) % 2 or int(stream["height"]) % 2)
    )


# --- the packets -------------------------------------------------------------------------------------------------------


@dataclass
class _Packets:
    """What the packets tell: time stamps of the shown frames and of keyframes, and where each stream ends, in seconds.

    Attributes:
        untimed: some frame has no presentation time, so that its decoding time stands for it.
    """

    pts: array[int]
    keyframes: array[int]
    untimed: bool
    last_duration: int
    ends: dict[int, float]
    complaints: str


def _read_packets(path: Path, stream: int) -> _Packets:
    command = ["ffprobe", "-v", "error", "-of", "csv=p=0"]
    command += ["-show_entries", "packet=stream_index,pts,pts_time,dts,dts_time,duration,duration_time,flags"]
    for name, value in SAFE_INPUT.items():
        command += [f"-{name}", value]
    pts: array[int] = array("q")
    keyframes: array[int] = array("q")
    ends: dict[int, float] = {}
    last, last_duration, untimed = None, 0, False
    # ffprobe may complain of every packet, and would stand still if nobody emptied its pipe; a file takes it all.
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen([*command, f"file:{path}"], stdout=subprocess.PIPE, stderr=complaints, text=True)
        except FileNotFoundError:
            raise _no_ffprobe() from None
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                cells = line.rstrip("\n").split(",")
                if len(cells) < 8:
                    continue
                index, shown, shown_s, coded, coded_s, length, length_s, flags = cells[:8]
                # AVI and raw streams have no presentation time; without B-frames the decoding time is the same.
                when, when_s = (shown, shown_s) if shown != "N/A" else (coded, coded_s)
                if when == "N/A":
                    continue
                end = float(when_s) + (0.0 if length_s == "N/A" else float(length_s))
                ends[int(index)] = max(end, ends.get(int(index), end))
                # "D": outside the edit list, decoded but never shown.
                if int(index) == stream and "D" not in flags:
                    untimed |= shown == "N/A"
                    pts.append(int(when))
                    if "K" in flags:
                        keyframes.append(int(when))
                    if last is None or int(when) > last:
                        last, last_duration = int(when), 0 if length == "N/A" else int(length)
        complaints.seek(0)
        said = complaints.read(1 << 20).decode(errors="replace")
        return _Packets(pts, keyframes, untimed, last_duration, ends, said)


def _decoded_times(path: Path, stream: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Time stamps of all frames and of keyframes, ascending, as the decoder gives them."""
    entries = "frame=key_frame,best_effort_timestamp"
    options = [word for name, value in SAFE_INPUT.items() for word in (f"-{name}", value)]
    command = ["ffprobe", "-v", "quiet", "-threads", "0", "-select_streams", str(stream), "-show_entries", entries]
    try:
        done = subprocess.run(
            [*command, "-of", "compact=p=0:nk=1:s=,", *options, f"file:{path}"],
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise _no_ffprobe() from None
    frames = [line.split(",")[:2] for line in done.stdout.splitlines() if line.count(",")]
    times: list[int] = []
    for _, when in frames:
        if when != "N/A":
            times.append(int(when))
        elif (
            len(times) > 1
        ):  # the last frame, which some decoders hand out without its time: one step after the one before
            times.append(2 * times[-1] - times[-2])
    keyframes = np.array([int(when) for key, when in frames if when != "N/A" and key == "1"], np.int64)
    return np.sort(np.array(times, np.int64)), np.sort(keyframes)


def _check_whole(path: Path, head: dict[str, Any], stream: dict[str, Any], packets: _Packets) -> None:
    start = float(head["format"].get("start_time", 0) or 0)
    promised, found = _promised_s(head, stream), max(packets.ends.values()) - start
    if promised is not None:
        missing = promised - found
        if missing > max(_MISSING_S, _MISSING_SHARE * promised):
            raise UnreadableVideo(
                f"{path.name}: the file is cut short; it promises {promised:.1f} s and holds {found:.1f} s", "truncated"
            )
    if _CUT_SHORT.search(packets.complaints):
        raise UnreadableVideo(f"{path.name}: the file is cut short, at {found:.1f} s", kind="truncated")


def _promised_s(head: dict[str, Any], stream: dict[str, Any]) -> float | None:
    """How long the file says it is. Any stream may be the longest, so the whole file's length counts."""
    # Where a container states no length, ffprobe guesses one: for these by the last time stamp or by the bit rate.
    if head["format"]["format_name"] in ("mpegts", "mpeg", "mpegvideo", "h264", "hevc", "m4v"):
        return None
    if head["format"]["format_name"] == "avi" and "nb_frames" in stream:
        # Of an AVI cut short, ffprobe gives the length of what is left; its header still has the number of frames.
        return int(stream["nb_frames"]) / float(Fraction(stream["r_frame_rate"]))
    duration = head["format"].get("duration", "N/A")
    return None if duration == "N/A" else float(duration)


def _varies(pts: npt.NDArray[np.int64]) -> bool:
    if len(pts) < 3:
        return False
    # Time stamps rounded to milliseconds, as Matroska's are, must not count as a varying rate.
    steady = np.linspace(pts[0], pts[-1], len(pts))
    return bool(np.abs(pts - steady).max() >= 0.5 * (steady[1] - steady[0]))


def _rate(stream: dict[str, Any], n_frames: int, duration: Fraction, variable: bool) -> Fraction:
    measured = n_frames / duration if duration > 0 else Fraction(0)
    if not variable:
        # The container's own figures are exact (30000/1001), where one of them is the rate that was measured.
        for key in ("r_frame_rate", "avg_frame_rate"):
            rate = re.fullmatch(r"(\d+)/([1-9]\d*)", stream.get(key, ""))
            stated = Fraction(int(rate[1]), int(rate[2])) if rate else Fraction(0)
            if measured and abs(stated / measured - 1) < Fraction(1, 100):
                return stated
    return measured.limit_denominator(1001)


def _no_ffprobe() -> Unavailable:
    return Unavailable(
        "ffprobe is not installed; it comes with ffmpeg. Run `sudo apt-get install ffmpeg`, then this again."
    )
