"""A simulated corpus: people, videos, clips, gestures and poses as the tables have them, one video at a time.

Nothing here was filmed. Every row says so: its `made_by` names the simulator, its address begins with "simulated://".
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

from benchmarks.simulator.body import Floats
from benchmarks.simulator.camera import HEIGHT, WIDTH, draw_camera
from benchmarks.simulator.estimator import N_JOINTS, estimate
from benchmarks.simulator.people import Person, draw_person
from benchmarks.simulator.scene import act
from benchmarks.simulator.timeline import draw_timeline
from manifests.errors import BadInput
from manifests.ids import clip_id, digest, gesture_id, video_id
from manifests.poses import Poses, write_poses
from manifests.provenance import made_by
from manifests.tables import TABLES, Row, from_rows
from manifests.taxonomy import LABELS
from manifests.workspace import open_workspace

__all__ = ["MODEL", "Corpus", "SimulatedVideo", "simulate", "write_dataset"]

MODEL = 2  # rises with every change that alters what a seed gives

_TIME_BASE = 1000  # a second of a simulated source, in its time stamps
_FIRST_DAY = dt.date(2019, 1, 1)
_DAYS = 7 * 365


@dataclass(frozen=True)
class Corpus:
    """What a corpus is made of. Equal settings give equal videos, whatever else is simulated beside them.

    Attributes:
        seed: of everything.
        minutes: mean length of a video; each lasts between half and one and a half times that.
        fps: frames a second, constant.
        gestures_per_minute: of an average person, the illustrative ones among them. iMiGUE has about 9.
        win_share: probability that a video's player has won.
        outcome_effect: factor on timeline.OUTCOME_SHIFT; 0 makes the outcome leave no trace in the gestures.
        tastes: how much people differ in what they do, as the deviation of the logarithm of a class's share.
        noise: factor on the estimator's errors; 0 is a perfect estimator.
        shares: of each class, instead of the field's long tail (timeline.SHARES), as pairs.
    """

    seed: int = 0
    minutes: float = 5.0
    fps: int = 25
    gestures_per_minute: float = 9.0
    win_share: float = 0.6
    outcome_effect: float = 1.0
    tastes: float = 0.7
    noise: float = 1.0
    shares: tuple[tuple[str, float], ...] | None = None


@dataclass(frozen=True)
class SimulatedVideo:
    """One video: its rows, and the poses of its one clip.

    Attributes:
        player, video, clip: rows of the tables of these names.
        gestures: rows of the table of gestures: the truth, in order of time.
        poses: of the clip.
    """

    player: Row
    video: Row
    clip: Row
    gestures: list[Row]
    poses: Poses


def simulate(
    *,
    people: int,
    videos: int,
    skeleton: str = "coco17",
    first_video: int = 0,
    shares: Mapping[str, float] | None = None,
    corpus: Corpus | None = None,
    **settings: float,
) -> Iterator[SimulatedVideo]:
    """Videos of simulated people, one after the other; no more than one is in memory.

    Video number i is that of person i modulo `people`, so each has as many as the others or one more. A person and a person's
    k-th video are the same whatever `people` and `videos` are.

    Args:
        people: how many different people.
        videos: how many videos in all.
        skeleton: "coco17" or "coco_wholebody133" (COCO-WholeBody's order); the first 17 joints are the same.
        first_video: leave out the videos before this one, for workers that share a corpus.
        shares: of each class, instead of the field's long tail.
        corpus: all the settings at once, instead of single ones.
        settings: fields of Corpus by name: seed, minutes, gestures_per_minute, …

    Raises:
        BadInput: a number is out of range, or the skeleton or a class is unknown.
    """
    corpus = _checked(people, videos, skeleton, shares, corpus, settings)
    return (_video(corpus, index % people, index // people, skeleton) for index in range(first_video, videos))


def write_dataset(folder: Path | str, videos: Iterator[SimulatedVideo]) -> int:
    """Write simulated videos as a dataset's tables, for the ordinary commands to work on; returns the number of frames.

    Poses are written as they come. Only the other tables' rows stay in memory, about a kilobyte a gesture.

    Raises:
        BadInput: the folder holds other files.
        CannotWrite: the folder is read-only or its disk full.
    """
    players: dict[str, Row] = {}
    rows: dict[str, list[Row]] = {"videos": [], "clips": [], "gestures": []}
    frames = 0
    with open_workspace(folder, create=True) as workspace:
        for video in videos:
            players[video.player["player_id"]] = video.player
            rows["videos"].append(video.video)
            rows["clips"].append(video.clip)
            rows["gestures"] += video.gestures
            frames += len(video.poses.keypoints)
            write_poses(video.poses, workspace.table_path("poses", video.clip["clip_id"]))
        for name, some in (("players", list(players.values())), *rows.items()):
            workspace.write(name, from_rows(TABLES[name], some))
    return frames


def _checked(
    people: int,
    videos: int,
    skeleton: str,
    shares: Mapping[str, float] | None,
    corpus: Corpus | None,
    settings: dict[str, float],
) -> Corpus:
    if people < 1 or videos < 1:
        raise BadInput(f"{people} people, {videos} videos: a simulated corpus needs at least one of each.")
    if skeleton not in N_JOINTS:
        raise BadInput(f"The simulator knows no skeleton {skeleton!r}; it has {', '.join(N_JOINTS)}.")
    if corpus is not None and (settings or shares is not None):
        raise BadInput(f"Give either corpus or single settings ({', '.join([*settings, 'shares'])}), not both.")
    if unknown := settings.keys() - set(asdict(Corpus())):
        raise BadInput(
            f"The simulator has no setting {', '.join(sorted(unknown))}; it has {', '.join(asdict(Corpus()))}."
        )
    if corpus is None:
        pairs = None if shares is None else tuple(sorted(shares.items()))
        corpus = Corpus(**settings, shares=pairs)  # type: ignore[arg-type]
    for label, share in corpus.shares or ():
        if label not in LABELS or not share >= 0:
            raise BadInput(f"shares: {label!r} = {share}: name classes of the taxonomy, and give shares of at least 0.")
    if corpus.shares is not None and sum(share for _, share in corpus.shares) <= 0:
        raise BadInput("shares: at least one class must have a share above 0.")
    limits = {
        "minutes": (0.1, 600),
        "fps": (5, 240),
        "gestures_per_minute": (0.01, 30),
        "win_share": (0, 1),
        "noise": (0, 100),
    }
    for name, (low, high) in limits.items():
        value = getattr(corpus, name)
        if not (math.isfinite(value) and low <= value <= high):
            raise BadInput(f"{name} = {value}: give a number from {low} to {high}.")
    if corpus.seed < 0:
        raise BadInput(f"seed = {corpus.seed}: give a whole number from 0 up.")
    return corpus


def _generator(corpus: Corpus, *key: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(corpus.seed, spawn_key=key)))


def _video(corpus: Corpus, person_index: int, number: int, skeleton: str) -> SimulatedVideo:
    person = draw_person(person_index + 1, _generator(corpus, 0, person_index), corpus.tastes)
    when, movement, view, body_noise, fine_noise = (_generator(corpus, 1, person_index, number, k) for k in range(5))
    n = max(1, round(corpus.minutes * 60 * corpus.fps * float(when.uniform(0.5, 1.5))))
    won = bool(when.random() < corpus.win_share)
    day = _FIRST_DAY + dt.timedelta(days=int(when.integers(_DAYS)))
    timeline = draw_timeline(
        person,
        won,
        n,
        corpus.fps,
        when,
        corpus.gestures_per_minute,
        corpus.outcome_effect,
        None if corpus.shares is None else dict(corpus.shares),
    )
    scene = act(person, timeline, corpus.fps, movement)
    camera = draw_camera(scene, corpus.fps, view)
    keypoints, boxes = estimate(scene, camera, skeleton, body_noise, fine_noise, corpus.noise)
    maker = made_by(f"simulator {MODEL}")
    video = _video_row(corpus, person, number, n, won, day, maker)
    clip = _clip_row(corpus, video, boxes, maker)
    gestures = [
        {
            "gesture_id": gesture_id(clip["clip_id"], s.start, s.end, s.label),
            "clip_id": clip["clip_id"],
            "video_id": video["video_id"],
            "player_id": person.player_id,
            "start": s.start,
            "end": s.end,
            "label": s.label,
            "description": None,
            "n_annotators": 0,
            "agreement": 1.0,
            "adjudicated": False,
            "made_by": maker,
        }
        for s in timeline.segments
    ]
    poses = Poses(clip["clip_id"], skeleton, keypoints, boxes, made_by=maker)
    return SimulatedVideo(_player_row(person), video, clip, gestures, poses)


def _player_row(person: Person) -> Row:
    return {
        "player_id": person.player_id,
        "gender": person.gender,
        "country": person.country,
        "birth_year": person.birth_year,
        "opt_out": False,
    }


def _video_row(corpus: Corpus, person: Person, number: int, n: int, won: bool, day: dt.date, maker: str) -> Row:
    settings = digest(MODEL, asdict(corpus))
    url = f"simulated://micro-gestures/{person.player_id}/{number}?" + urlencode(
        {"seed": corpus.seed, "settings": settings}
    )
    return {
        "video_id": video_id(url),
        "player_id": person.player_id,
        "source_url": url,
        "platform": "simulated",
        "platform_id": f"{corpus.seed}-{person.player_id}-{number}",
        "title": f"Simulated press conference {number + 1} of {person.player_id}",
        "upload_date": day,
        "event": None,
        "round": None,
        "outcome": "win" if won else "lose",
        "duration_s": n / corpus.fps,
        "fps": float(corpus.fps),
        "variable_fps": False,
        "width": WIDTH,
        "height": HEIGHT,
        "licence": "simulated; nobody was filmed",
        "path": None,
        "bytes": 0,
        "sha256": "",
        "found_by": ["simulated"],
        "checked_at": dt.datetime.combine(day, dt.time(), dt.UTC),
        "availability": "unknown",
        "made_by": maker,
    }


def _clip_row(corpus: Corpus, video: Row, boxes: Floats, maker: str) -> Row:
    n = len(boxes)
    end = round(n * _TIME_BASE / corpus.fps)
    base = f"1/{_TIME_BASE}"
    seen = np.isfinite(boxes).all(axis=1)
    return {
        "clip_id": clip_id(video["video_id"], 0, end, base),
        "video_id": video["video_id"],
        "player_id": video["player_id"],
        "start_pts": 0,
        "end_pts": end,
        "time_base": base,
        "start_s": 0.0,
        "end_s": n / corpus.fps,
        "shot": 0,
        "fps_num": corpus.fps,
        "fps_den": 1,
        "n_frames": n,
        "width": WIDTH,
        "height": HEIGHT,
        "path": None,
        "sha256": None,
        "player_box": [float(edge) for edge in np.median(boxes[seen], axis=0)] if seen.any() else None,
        "player_confidence": 1.0,
        "player_doubt": None,
        "player_share": float(seen.mean()),
        "people": 1.0,
        "camera_speed": 0.0,
        "kept": True,
        "reason": None,
        "made_by": maker,
    }
