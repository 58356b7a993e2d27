"""Edited interviews, simulated from films of real people: who is in which shot, beside whom, and seen by which camera.

Each film shows one person alone. An edit draws a player, a moderator and sometimes a guest, gives each of them cameras of their
own (another crop, other colours, the other side), and cuts shots together: alone, side by side, and of nobody. What happens
when is drawn first and filmed second, so it is known exactly.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from collector.frames import Image
from collector.people import Finder

__all__ = ["KINDS", "Film", "Interview", "Shot", "draw", "film", "read_film"]

WIDTH, HEIGHT, FPS = 640, 360, 25
_LONGEST_FILM = 500  # frames that are kept of a film

# kind: shares of the time for the player alone, both side by side, the moderator alone, nobody, and a guest alone
KINDS: dict[str, tuple[float, float, float, float, float]] = {
    "mostly alone": (0.60, 0.15, 0.15, 0.10, 0.0),
    "mostly beside": (0.25, 0.55, 0.12, 0.08, 0.0),
    "moderator larger": (0.50, 0.10, 0.32, 0.08, 0.0),
    "late": (0.55, 0.12, 0.25, 0.08, 0.0),
    "alike": (0.50, 0.15, 0.25, 0.10, 0.0),
    "three": (0.45, 0.15, 0.18, 0.07, 0.15),
    "nobody": (0.0, 0.0, 0.0, 1.0, 0.0),
}


@dataclass(frozen=True)
class Film:
    """A person's film.

    Attributes:
        name: the file's stem; people whose names begin alike, up to the first "_", look alike or stand before the same wall.
        frames: pictures in BGR.
        eyes: x, y of the point between the eyes, median, and the eyes' distance, in pixels.
    """

    name: str
    frames: list[Image]
    eyes: tuple[float, float, float]


@dataclass(frozen=True)
class Camera:
    """One camera's view of one person."""

    person: str
    height: float  # of the window, in eye distances
    off: tuple[float, float]  # of the window from the person, as shares of its size
    mirrored: bool
    gamma: float
    gains: tuple[float, float, float]
    saturation: float


@dataclass(frozen=True)
class Shot:
    """Frames `[start, end)` that show these cameras' views, from left to right."""

    start: int
    end: int
    views: tuple[Camera, ...]

    @property
    def people(self) -> tuple[str, ...]:
        return tuple(view.person for view in self.views)

    def person_at(self, x: float) -> str | None:
        """Whose view covers a place, given as a share of the picture's width."""
        return self.people[min(int(x * len(self.views)), len(self.views) - 1)] if self.views else None


@dataclass(frozen=True)
class Interview:
    """An edit and its truth."""

    kind: str
    seed: int
    player: str | None
    shots: tuple[Shot, ...]

    def shot_at(self, seconds: float) -> Shot:
        """The shot that is shown at a time from the start."""
        return next((shot for shot in self.shots if seconds * FPS < shot.end - 0.5), self.shots[-1])


def read_film(path: Path, finder: Finder) -> Film:
    """Read a film of one person, and find where they are in it.

    Raises:
        ValueError: nobody whose eyes are seen is in it.
    """
    capture = cv2.VideoCapture(str(path))
    frames: list[Image] = []
    while len(frames) < _LONGEST_FILM and (read := capture.read())[0]:
        frames.append(np.asarray(read[1], np.uint8))
    found = []
    for image in frames[:: max(1, len(frames) // 10)]:
        for people in finder.find([image], confidence=0.4):
            eyes = people.keypoints[:1, 1:3]
            if len(people) and eyes[..., 2].min() > 0.5:
                left, right = eyes[0, :, :2] * [image.shape[1], image.shape[0]]
                found.append([*(left + right) / 2, np.hypot(*(left - right))])
    if not found:
        raise ValueError(f"{path}: nobody faces the camera in it.")
    x, y, unit = np.median(found, axis=0).tolist()
    return Film(path.stem, frames, (x, y, unit))


def draw(kind: str, names: Sequence[str], seed: int, seconds: float = 36.0) -> Interview:
    """Draw an edit.

    Args:
        kind: one of `KINDS`.
        names: of the people to draw from, at least three.
    """
    random = np.random.default_rng([seed, sorted(KINDS).index(kind)])
    player, moderator, guest = _draw_people(kind, names, random)
    cameras = {
        person: [_camera(person, role, kind, random) for _ in range(int(random.integers(1, 4)))]
        for role, person in (("player", player), ("moderator", moderator), ("guest", guest))
    }
    shares = np.array(KINDS[kind]) * random.uniform(0.8, 1.2, 5)
    shares /= shares.sum()
    casts: list[tuple[str, ...]] = []
    lengths: list[float] = []
    for share, cast in zip(shares, ((player,), (player, moderator), (moderator,), (), (guest,)), strict=True):
        left = share * seconds
        while left > 0.4:
            length = min(left, float(random.uniform(1.6, 5.0))) if left > 2.5 else left
            casts.append(cast)
            lengths.append(length)
            left -= length
    order = random.permutation(len(casts)).tolist()
    if kind == "late":  # the moderator talks first
        order.sort(key=lambda index: player in casts[index])
    shots, start = [], 0
    for index in order:
        end = start + round(lengths[index] * FPS)
        views = [cameras[person][int(random.integers(len(cameras[person])))] for person in casts[index]]
        shots.append(Shot(start, end, tuple(views[i] for i in random.permutation(len(views)))))
        start = end
    return Interview(kind, seed, None if kind == "nobody" else player, tuple(shots))


def _draw_people(kind: str, names: Sequence[str], random: np.random.Generator) -> list[str]:
    chosen = [str(name) for name in random.permutation(sorted(names))[:3]]
    if kind == "alike":
        group = chosen[0].split("_")[0]
        alike = [name for name in names if name.split("_")[0] == group]
        if len(alike) < 2:
            group = max(names, key=lambda name: sum(other.split("_")[0] == name.split("_")[0] for other in names))
            alike = [name for name in names if name.split("_")[0] == group.split("_")[0]]
        pair = [str(name) for name in random.permutation(sorted(alike))[:2]]
        chosen = (pair + [name for name in chosen if name not in pair])[:3]
    return chosen


def _camera(person: str, role: str, kind: str, random: np.random.Generator) -> Camera:
    close = kind == "moderator larger" and role == "moderator"
    low, high = (7.0, 9.0) if close else (9.0, 20.0)
    return Camera(
        person=person,
        height=float(random.uniform(low, high)),
        off=(float(random.uniform(-0.12, 0.12)), float(random.uniform(-0.06, 0.06))),
        mirrored=bool(random.random() < 0.5),
        gamma=float(np.exp(random.normal(0, 0.1))),
        gains=tuple(np.exp(random.normal(0, 0.05, 3)).tolist()),
        saturation=float(np.exp(random.normal(0, 0.12))),
    )


def film(interview: Interview, films: dict[str, Film], path: Path) -> Path:
    """Film an edit: 640x360 at 25 frames a second, H.264."""
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-nostdin",
        "-y",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "bgr24",
        "-s",
        f"{WIDTH}x{HEIGHT}",
    ]
    command += [
        "-r",
        str(FPS),
        "-i",
        "pipe:",
        "-c:v",
        "libx264",
        "-preset",
        "veryfast",
        "-crf",
        "23",
        "-pix_fmt",
        "yuv420p",
    ]
    with subprocess.Popen([*command, str(path)], stdin=subprocess.PIPE) as encoder:
        assert encoder.stdin is not None
        for image in _frames(interview, films):
            encoder.stdin.write(image.tobytes())
    if encoder.returncode:
        raise RuntimeError(f"ffmpeg could not write {path}")
    return path


def _frames(interview: Interview, films: dict[str, Film]) -> Iterator[Image]:
    random = np.random.default_rng([interview.seed, 1])
    for shot in interview.shots:
        still = _empty_room(random)
        starts = [int(random.integers(len(films[view.person].frames))) for view in shot.views]
        width = WIDTH // max(1, len(shot.views))
        for n in range(shot.end - shot.start):
            if not shot.views:
                yield still
                continue
            views = [
                _view(view, films[view.person], start + n, width)
                for view, start in zip(shot.views, starts, strict=True)
            ]
            yield np.concatenate(views, axis=1)


def _empty_room(random: np.random.Generator) -> Image:
    coarse = random.integers(40, 200, (4, 6, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


def _view(view: Camera, film: Film, n: int, width: int) -> Image:
    """One frame of a camera's view, so wide; a film that ends is played backwards, and so on."""
    last = len(film.frames) - 1
    frame = film.frames[last - abs(n % (2 * last) - last)]
    x, y, unit = film.eyes
    height = min(view.height * unit, frame.shape[0], frame.shape[1] * HEIGHT / width)
    across = height * width / HEIGHT
    left = np.clip(x - across * (0.5 + view.off[0]), 0, frame.shape[1] - across)
    top = np.clip(y - height * (0.4 + view.off[1]), 0, frame.shape[0] - height)
    window = frame[int(top) : int(top + height), int(left) : int(left + across)]
    picture: Any = cv2.resize(window, (width, HEIGHT), interpolation=cv2.INTER_LINEAR)
    if view.mirrored:
        picture = picture[:, ::-1]
    return _graded(np.asarray(picture, np.uint8), view)


def _graded(image: Image, view: Camera) -> Image:
    """The picture in a camera's own colours."""
    grey = image.mean(axis=2, keepdims=True)
    levels: npt.NDArray[np.float64] = 255 * (np.arange(256) / 255) ** view.gamma
    mixed = np.clip(grey + (image - grey) * view.saturation, 0, 255).astype(np.uint8)
    return np.asarray(np.clip(levels[mixed] * np.array(view.gains), 0, 255), np.uint8)
