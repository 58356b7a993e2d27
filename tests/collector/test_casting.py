"""The player is whom the interview is about: decided by hand on small edits whose people are numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.appearance import SIZE, differences
from collector.casting import DOUBTFUL, Role, cast
from collector.people import Floats, Track, Watched
from collector.shots import Shot

PLAYER, MODERATOR, GUEST = 1, 2, 3
CENTRE, LEFT, RIGHT, CLOSE = (0.3, 0.2, 0.7, 1.0), (0.05, 0.2, 0.45, 1.0), (0.55, 0.2, 0.95, 1.0), (0.1, 0.0, 0.9, 1.0)
Box = tuple[float, float, float, float]
View = tuple[int, Box]


def looks_of(person: int, view: int) -> Floats:
    """What a person looks like in a view: much of it their own, some of it the view's."""
    own, other = np.random.default_rng(person), np.random.default_rng([person, view])
    found = np.zeros(SIZE, np.float32)
    for part in range(4):
        for start, bins in ((part * 152, 8), (part * 152 + 8, 144)):
            counts = own.dirichlet(np.full(bins, 0.3)) + 0.1 * other.dirichlet(np.full(bins, 0.3))
            found[start : start + bins] = counts / counts.sum()
    lines = np.abs(own.normal(size=SIZE - 608)) ** 2 + 0.2 * np.abs(other.normal(size=SIZE - 608))
    found[608:] = lines / np.linalg.norm(lines)
    return found


def edit(*shots: tuple[int, list[View]], face: bool = True) -> list[Watched]:
    """An edit of shots: number of looks, and who is in view where."""
    watched, start = [], 0
    for number, (looks, views) in enumerate(shots):
        shot = Watched(Shot(start, start + looks, float(start), float(start + looks)))
        for pts in range(start, start + looks):
            shot.people[pts] = len(views)
            shot.speeds.append(0.0)
        for person, box in views:
            track = Track()
            for pts in range(start, start + looks):
                track.see(pts, np.array(box, np.float32), 0.9, face, looks_of(person, number))
            shot.tracks.append(track)
        watched.append(shot)
        start += looks
    return watched


def told(shots: list[Watched]) -> list[list[int]]:
    """For each shot which of its people are taken for the player, by their number in the shot."""
    return [
        [next(n for n, track in enumerate(shot.tracks) if track is role.track) for role in roles]
        for shot, roles in zip(shots, cast(shots), strict=True)
    ]


def test_the_looks_of_people_are_apart() -> None:
    """What the other tests stand on."""
    people = np.stack([looks_of(person, view) for person in (PLAYER, MODERATOR, GUEST) for view in range(4)])
    same = np.kron(np.eye(3), np.ones((4, 4))) > 0
    apart = differences(people, people)
    assert apart[same].max() < 0.15
    assert apart[~same].min() > 0.3


def test_the_moderator_in_his_own_shots_is_not_the_player() -> None:
    """He is larger there, and beside the player as large and as central; the player is in view for longer."""
    shots = edit(
        (10, [(MODERATOR, CLOSE)]),
        (30, [(PLAYER, CENTRE)]),
        (15, [(MODERATOR, LEFT), (PLAYER, RIGHT)]),
        (10, [(MODERATOR, CLOSE)]),
        (20, [(PLAYER, LEFT), (MODERATOR, RIGHT)]),
        (5, []),
    )
    assert told(shots) == [[], [0], [1], [], [0], []]
    roles = [role for roles in cast(shots) for role in roles]
    assert roles[0].confidence > DOUBTFUL  # alone in the shot
    assert roles[0].doubt is None
    assert roles[1].confidence < roles[0].confidence  # beside him


def test_whoever_comes_first_is_not_therefore_the_player() -> None:
    shots = edit((30, [(MODERATOR, CLOSE)]), (15, [(GUEST, CENTRE)]), *[(20, [(PLAYER, CENTRE)])] * 3)
    assert told(shots) == [[], [], [0], [0], [0]]


def test_always_beside_each_other_the_larger_is_the_player_and_that_is_doubtful() -> None:
    shots = edit(*[(20, [(MODERATOR, LEFT), (PLAYER, (0.5, 0.1, 0.95, 1.0))])] * 3)
    assert told(shots) == [[1], [1], [1]]
    for (role,) in cast(shots):
        assert role.confidence < 0.6
    (role,) = cast(edit((20, [(MODERATOR, LEFT), (PLAYER, RIGHT)])))[0]
    # The detector's 0.9, an even chance, and half of the attention elsewhere: 0.9 * 0.5 * 0.75.
    assert role.confidence == pytest.approx(0.3375)
    assert role.doubt == "somebody else is nearly as much in view in this video"


def test_who_looks_a_little_like_the_player_is_doubtful() -> None:
    """A shot whose light makes the player look half like somebody else is told, and said to be unsure."""
    shots = edit(*[(20, [(PLAYER, CENTRE)])] * 4)
    odd = Track()
    for pts in shots[3].people:
        odd.see(pts, np.array(CENTRE, np.float32), 0.9, True, 0.82 * looks_of(PLAYER, 3) + 0.18 * looks_of(GUEST, 0))
    shots[3].tracks[:] = [odd]
    near = [role for roles in cast(shots)[:3] for role in roles]
    assert all(role.confidence > 0.8 for role in near)
    more = Track()
    for pts in shots[3].people:
        more.see(pts, np.array(CENTRE, np.float32), 0.9, True, (looks_of(PLAYER, 3) + looks_of(GUEST, 0)) / 2)
    shots[3].tracks[:] = [more]
    for role in cast(shots)[3]:
        assert role.confidence < DOUBTFUL
        assert role.doubt == "looks unlike the player in the rest of the video"


def test_one_shot_of_one_person_is_as_sure_as_the_detector() -> None:
    (roles,) = cast(edit((10, [(PLAYER, CENTRE)])))
    assert [(role.confidence, role.doubt) for role in roles] == [(pytest.approx(0.9), None)]


def test_twins_in_view_at_once_are_two_people() -> None:
    shots = edit((10, [(PLAYER, LEFT), (PLAYER, RIGHT)]), (20, [(PLAYER, CENTRE)]))
    assert [len(roles) for roles in told(shots)] == [1, 1]


def test_beside_somebody_the_box_is_less_sure() -> None:
    alone, beside = cast(
        edit((10, [(PLAYER, CENTRE)]), (30, [(PLAYER, CENTRE)]), (10, [(MODERATOR, LEFT), (PLAYER, RIGHT)]))
    )[1:]
    # The same in all else, half of the attention elsewhere: 3/4.
    assert beside[0].confidence == pytest.approx(0.75 * alone[0].confidence, rel=0.02)


@pytest.mark.parametrize("box", [(0.45, 0.4, 0.55, 0.65), (0.3, 0.2, 0.7, 0.45)])
def test_too_small_is_nobody(box: Box) -> None:
    assert told(edit((10, [(PLAYER, box)]), (10, []))) == [[], []]


def test_nobody() -> None:
    assert cast([]) == []
    assert told(edit((10, []), (5, []))) == [[], []]
    assert told(edit((10, [(PLAYER, CENTRE)]), face=False)) == [[]]


people = st.lists(
    st.tuples(
        st.integers(1, 8), st.lists(st.tuples(st.integers(1, 4), st.sampled_from([CENTRE, LEFT, RIGHT])), max_size=3)
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(people)
def test_never_two_at_once(shots: list[tuple[int, list[View]]]) -> None:
    """However strange the edit, at each look at most one box is the player's, and confidence is a share."""
    watched = edit(*shots)
    found = cast(watched)
    assert len(found) == len(watched)
    for roles in found:
        seen = [pts for role in roles for pts in role.track.boxes]
        assert len(seen) == len(set(seen))
        for role in roles:
            assert isinstance(role, Role)
            assert 0 <= role.confidence <= 0.9 + 1e-6
            assert (role.doubt is None) == (role.confidence >= DOUBTFUL)
