"""The player is found in whole edits of real people, whose truth is known (benchmarks/casting)."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from benchmarks.casting.interviews import Camera, Film, Interview, draw, read_film
from benchmarks.casting.interviews import Shot as Cut
from benchmarks.casting.measure import Judged, by_video, judge, largest_and_most_central, watch_edit
from collector.frames import Timeline
from collector.people import Track, Watched
from collector.shots import Shot
from collector.yolo import PoseModel, load_pose_model
from mgcollect.demo.footage import PressConference

GRID = Path(__file__).parents[3] / "shared" / "data" / "videos"


@pytest.fixture(scope="module")
def finder(weights: Path) -> PoseModel:
    return load_pose_model(str(weights))


@pytest.fixture(scope="module")
def films(
    conferences: list[PressConference], finder: PoseModel, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Film]:
    """Of each conference's player a shot that shows them alone."""
    folder = tmp_path_factory.mktemp("films")
    found = {}
    for conference in conferences:
        shot = max((shot for shot in conference.shots if shot.persons == 1), key=lambda shot: shot.end_s - shot.start_s)
        path = folder / f"{conference.slug}.mp4"
        span = ["-ss", str(float(shot.start_s)), "-t", str(float(shot.end_s - shot.start_s) - 0.2)]
        subprocess.run(["ffmpeg", "-v", "error", "-i", conference.path, *span, "-crf", "12", path], check=True)
        found[conference.slug] = read_film(path, finder)
    return found


def judged(interview: Interview, films: dict[str, Film], finder: PoseModel, folder: Path) -> tuple[Judged, Judged]:
    """By the choice over the video, and by the largest and most central in each shot."""
    timeline, shots = watch_edit(interview, films, finder, folder)
    return (
        judge(interview, timeline, shots, by_video(shots)),
        judge(interview, timeline, shots, largest_and_most_central(shots)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mostly beside", "moderator larger", "late"])
def test_the_player_of_an_edit(films: dict[str, Film], finder: PoseModel, tmp_path: Path, kind: str) -> None:
    interview = draw(kind, sorted(films), seed=1, seconds=14)
    over_the_video, shot_by_shot = judged(interview, films, finder, tmp_path)
    assert over_the_video.looks == shot_by_shot.looks > 60
    assert over_the_video.right >= 0.95 * over_the_video.looks
    assert shot_by_shot.right < 0.9 * shot_by_shot.looks  # so it can be got wrong


@pytest.mark.slow
def test_people_before_the_same_wall(finder: PoseModel, tmp_path: Path) -> None:
    """Of three talkers of the GRID corpus, framed alike before one blue wall; cuts between them may go unnoticed."""
    paths = sorted(GRID.glob("grid_*.mpg"))
    if len(paths) < 3:
        pytest.skip("../shared/data/videos is not here")
    films = {path.stem: read_film(path, finder) for path in paths}
    over_the_video, _ = judged(draw("alike", sorted(films), seed=2, seconds=14), films, finder, tmp_path)
    assert over_the_video.right >= 0.95 * over_the_video.looks


def test_nobody_is_nobody(films: dict[str, Film], finder: PoseModel, tmp_path: Path) -> None:
    over_the_video, _ = judged(draw("nobody", sorted(films), seed=0, seconds=4), films, finder, tmp_path)
    assert over_the_video == Judged(right=over_the_video.looks)


def test_an_edit_is_the_same_for_the_same_seed_and_as_long_as_asked() -> None:
    names = ["ana", "bo", "cy"]
    first, again, other = (draw("three", names, seed, seconds=30) for seed in (3, 3, 4))
    assert first == again != other
    assert first.shots[-1].end == pytest.approx(30 * 25, abs=25)
    assert {person for shot in first.shots for person in shot.people} == set(names)
    assert all(one.end == two.start for one, two in zip(first.shots, first.shots[1:], strict=False))


def test_judging_by_hand() -> None:
    """Ten looks of two people side by side, the player on the right, then five of nobody."""
    plain = {"height": 10.0, "off": (0.0, 0.0), "mirrored": False, "gamma": 1.0, "gains": (1.0, 1.0, 1.0)}
    views = tuple(Camera(person, saturation=1.0, **plain) for person in ("moderator", "player"))
    interview = Interview("by hand", 0, "player", (Cut(0, 10, views), Cut(10, 15, ())))
    timeline = Timeline(np.arange(15, dtype=np.int64), 15, Fraction(1, 25))
    left, right = Track(), Track()
    shots = [Watched(Shot(0, 15, 0.0, 0.6), people=dict.fromkeys(range(15), 2), tracks=[left, right])]
    for pts in range(12):  # two looks too long
        left.boxes[pts] = np.array([0.1, 0.2, 0.4, 1.0], np.float32)
        if pts < 8:  # and two too short
            right.boxes[pts] = np.array([0.6, 0.2, 0.9, 1.0], np.float32)
    assert judge(interview, timeline, shots, [[(right, 0.8)]]) == Judged(
        right=8 + 5, missed=2, sureness=[(0.8, True)] * 8
    )
    assert judge(interview, timeline, shots, [[(left, 0.6)]]) == Judged(right=3, wrong=12, sureness=[(0.6, False)] * 12)
    assert judge(interview, timeline, shots, [[]]) == Judged(right=5, missed=10)
