"""People are linked from look to look, and looks are spared where nothing stirs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from collector.appearance import SIZE
from collector.frames import read_timeline
from collector.people import Watched, continues, watch
from collector.shots import Shot
from collector.yolo import JOINTS, People
from tests.collector.pictures import GreenBlocks, Image, room, write_video

RATE = Fraction(25)
ANA, BO = (20, 20, 40, 70, True), (100, 30, 30, 60, False)


def watched(path: Path, images: list[Image], finder: GreenBlocks | None = None) -> Watched:
    write_video(path, images, RATE, "-g", "1000")
    timeline = read_timeline(path)
    shot = Shot(timeline.start_pts, timeline.end_pts, 0.0, timeline.seconds(timeline.end_pts))
    return watch(path, timeline, shot, finder or GreenBlocks())


def moved(person: tuple[int, int, int, int, bool], right: int) -> tuple[int, int, int, int, bool]:
    return (person[0] + right, *person[1:])


def test_two_people_are_two_tracks(tmp_path: Path) -> None:
    """They sway; five looks a second, at frames 0, 5, 10, … and the last one."""
    seen = watched(tmp_path / "a.mp4", [room([moved(ANA, n % 10), moved(BO, -(n % 7))]) for n in range(100)])
    assert [len(track.boxes) for track in seen.tracks] == [21, 21]
    assert list(seen.people.values()) == [2] * 21
    assert len(seen.speeds) == 21
    assert [set(track.faces) for track in seen.tracks] == [{True}, {False}]
    for track, (left, right) in zip(seen.tracks, [(20, 69), (94, 130)], strict=True):
        assert all(left - 2 <= 160 * box[0] and 160 * box[2] <= right + 2 for box in track.boxes.values())


def test_who_jumps_or_stays_away_is_another_track(tmp_path: Path) -> None:
    """Gone for 0.6 s it is the same track; gone for 1.6 s, or at once in another place, it is another."""
    away = [room([] if 30 <= n < 45 or 60 <= n < 100 else [ANA]) for n in range(130)]
    assert len(watched(tmp_path / "a.mp4", away).tracks) == 2
    jump = [room([ANA if n < 50 else moved(ANA, 60)]) for n in range(100)]
    assert len(watched(tmp_path / "b.mp4", jump).tracks) == 2


def test_a_still_picture_is_looked_at_once_a_second(tmp_path: Path) -> None:
    """People are said to be where they were, until something stirs; then the next look is a real one."""
    finder = GreenBlocks()
    seen = watched(tmp_path / "a.mp4", [room([ANA] if n < 90 else [ANA, BO]) for n in range(150)], finder)
    # At 0, 1, 2 and 3 s; at 3.6 s, where BO comes; at 4.6 and 5.6 s.
    assert finder.looked_at == 7
    assert [len(track.boxes) for track in seen.tracks] == [31, 13]
    assert list(seen.people.values()) == [1] * 18 + [2] * 13
    assert seen.speeds == [0.0] * 31


def test_somebody_else_in_the_same_place_does_not_continue_a_track() -> None:
    """After a cut that nobody noticed the boxes lie as before, but the person looks another."""
    random = np.random.default_rng(0)

    def looks(seed: int) -> np.ndarray:
        found = np.random.default_rng(seed).random(SIZE).astype(np.float32) ** 4
        for part in range(4):
            for start, end in ((part * 152, part * 152 + 8), (part * 152 + 8, part * 152 + 152)):
                found[start:end] /= found[start:end].sum()
        return found

    box = np.array([[0.2, 0.2, 0.6, 1.0]], np.float32)
    people = People(
        box + np.float32(0.01), np.array([0.9], np.float32), random.random((1, JOINTS, 3)).astype(np.float32)
    )
    ana, bo, unseen = looks(1)[None], looks(2)[None], np.full((1, SIZE), np.nan, np.float32)
    assert continues(box, ana, people, ana)[0, 0] > 0.9
    assert continues(box, ana, people, bo)[0, 0] == 0
    assert continues(box, ana, people, unseen)[0, 0] > 0.9
    assert continues(box + np.float32(0.35), ana, people, ana)[0, 0] == 0  # IoU 0.1
