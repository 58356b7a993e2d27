"""Who the player is: of all the people in a video, the one whom the interview is about.

A moderator may fill the picture in a shot of his own and still be a moderator. So the tracks of all shots are grouped into
persons by what they look like; tracks that are in view at the same time are never one person. At each look the attention goes
to those in view, by size, closeness to the middle, and face; a look that shows one person alone gives all of it to them,
however large the picture shows them. The player is the person with the most attention over the whole video.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from collector.appearance import differences
from collector.people import Track, Watched

__all__ = ["DOUBTFUL", "Role", "cast", "is_fit"]

DOUBTFUL = 0.5  # confidence below which a role says what is in doubt
_MAYBE = 0.05  # confidence below which a track is somebody else's
_SURE = 0.5  # median confidence of a person's detections; things taken for people stay below
_HEIGHT = 0.3  # of the picture must a player fill; passers-by in a park don't
_FACE_SHARE = 0.3  # of a player's looks must show a face
_MOST_TRACKS = 3000  # that are compared, the longest; their number squared is what grouping costs

# Measured on tracks of eight people through simulated cameras (benchmarks/casting).
_SAME = 0.21  # difference in appearance at which two tracks are as likely one person as two
_SCALE = 0.02  # change of the difference that changes these odds by a factor of e
_MOST_ODDS = 4.0  # logarithm of the odds that looks alone may reach
_LEAD = 3.0  # power of the second's share of attention that counts against the first
_FULL = 0.35  # prominence from which a person alone gets all of a look's attention
_GROUPED = 2.0  # logarithm of the odds that a track is right in its group, looks apart
_APART = 1e9  # difference of tracks that can't be one person

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Role:
    """A track that is the player's, or may be.

    Attributes:
        confidence: 0 to 1, how sure that is: how far the second is behind in the video, how much more this track looks like the
            player than like anybody else, how much of the picture is others', and the detector's own confidence.
        doubt: what is most in doubt, in words; None where the confidence is at least `DOUBTFUL`.
    """

    track: Track
    confidence: float
    doubt: str | None


def cast(shots: Sequence[Watched]) -> list[list[Role]]:
    """Find the player.

    Args:
        shots: all shots of a video, watched.

    Returns:
        For each shot the tracks that may be the player's; no two of them are in view at once. None where nobody may be.
    """
    seen = [(number, track) for number, shot in enumerate(shots) for track in shot.tracks if _is_person(track)]
    seen = sorted(sorted(seen, key=lambda one: -len(one[1].boxes))[:_MOST_TRACKS], key=lambda one: one[0])
    roles: list[list[Role]] = [[] for _ in shots]
    if not seen:
        return roles
    tracks = [track for _, track in seen]
    together = _together(seen)
    apart = _differences(tracks)
    person = _grouped(apart, together)
    share, attention = _attention(tracks)
    fit = np.array([is_fit([track]) for track in tracks])
    totals = np.array([attention[person == who].sum() * fit[person == who].any() for who in range(person.max() + 1)])
    player = int(totals.argmax())
    if totals[player] == 0:
        return roles
    rival = float(np.delete(totals, player).max(initial=0.0))
    leads = float(1 / (1 + (rival / totals[player]) ** _LEAD))
    odds = _odds(apart, together, person, player, tracks)
    for number in range(len(shots)):
        here = [index for index, (of, _) in enumerate(seen) if of == number]
        mine = [tracks[index] for index in here if person[index] == player]
        fits = np.where(person == player, bool(mine) and is_fit(mine), fit)
        for index in sorted(here, key=lambda index: (person[index] != player, -odds[index][0])):
            role = _role(tracks[index], float(share[index]), leads, *odds[index])
            taken = any(other.track.boxes.keys() & role.track.boxes.keys() for other in roles[number])
            if fits[index] and not taken and role.confidence >= _MAYBE:
                roles[number].append(role)
    return roles


def _is_person(track: Track) -> bool:
    return bool(np.median(track.confidence) >= _SURE)


def is_fit(tracks: Sequence[Track]) -> bool:
    """Whether this is how a player is shown: large enough, and with a face."""
    heights = [box[3] - box[1] for track in tracks for box in track.boxes.values()]
    return bool(np.median(heights) >= _HEIGHT) and _face_share(tracks) >= _FACE_SHARE


def _face_share(tracks: Sequence[Track]) -> float:
    return float(np.mean([face for track in tracks for face in track.faces]))


def _together(seen: list[tuple[int, Track]]) -> npt.NDArray[np.bool_]:
    """(n, n) whether two tracks are in view at the same time."""
    together = np.zeros((len(seen), len(seen)), bool)
    for a, (shot, track) in enumerate(seen):
        for b in range(a + 1, len(seen)):
            if seen[b][0] != shot:
                break
            together[a, b] = together[b, a] = not track.boxes.keys().isdisjoint(seen[b][1].boxes)
    return together


def _differences(tracks: list[Track]) -> Numbers:
    """(n, n) how different tracks look; 1 where nothing tells."""
    looks = np.stack([track.appearance for track in tracks])
    apart = np.nan_to_num(differences(looks, looks), nan=1.0).astype(np.float64)
    np.fill_diagonal(apart, 0.0)
    return (apart + apart.T) / 2


def _grouped(apart: Numbers, together: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """(n,) the number of the person that each track is taken for, by average linkage."""
    if len(apart) == 1:
        return np.zeros(1, np.int64)
    # So far apart that no average of a group with it comes near.
    tree = linkage(squareform(np.where(together, _APART, apart), checks=False), "average")
    return np.asarray(fcluster(tree, _SAME, "distance"), np.int64) - 1


def _prominence(track: Track) -> dict[int, float]:
    """At each look of a track size times closeness to the middle, more where the track shows a face."""
    boxes = np.stack(list(track.boxes.values())).astype(np.float64)
    size = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    off_centre = np.abs((boxes[:, 0] + boxes[:, 2]) / 2 - 0.5)
    prominence = size * (1 - off_centre) * (0.25 + 0.75 * _face_share([track]))
    return dict(zip(track.boxes, prominence.tolist(), strict=True))


def _attention(tracks: list[Track]) -> tuple[Numbers, Numbers]:
    """(n,) mean share of the attention that each track has at its looks, and (n,) its attention in all.

    A look's attention is one, or less where all are small and aside.
    """
    prominence = [_prominence(track) for track in tracks]
    total: dict[int, float] = {}
    most: dict[int, float] = {}
    for one in prominence:
        for pts, value in one.items():
            total[pts] = total.get(pts, 0.0) + value
            most[pts] = max(most.get(pts, 0.0), value)
    shares = [np.array([value / max(total[pts], 1e-9) for pts, value in one.items()]) for one in prominence]
    given = [np.array([min(1.0, most[pts] / _FULL) for pts in one]) for one in prominence]
    return (
        np.array([share.mean() for share in shares]),
        np.array([float(share @ one) for share, one in zip(shares, given, strict=True)]),
    )


def _odds(
    apart: Numbers, together: npt.NDArray[np.bool_], person: npt.NDArray[np.int64], player: int, tracks: list[Track]
) -> list[tuple[float, str]]:
    """For each track the logarithm of the odds that it is the player's, by its looks, and what they would mean if low."""
    length = np.array([len(track.boxes) for track in tracks], np.float64)
    n_people = int(person.max()) + 1
    # (tracks, people) evidence for each to be each: mean difference from their other tracks, as log odds.
    weight = length[:, None] * (person[:, None] == np.arange(n_people))
    with np.errstate(invalid="ignore"):
        mean = (apart @ weight) / (weight.sum(axis=0) - weight)
    evidence = np.clip((_SAME - mean) / _SCALE, -_MOST_ODDS, _MOST_ODDS)
    found = []
    for index in range(len(tracks)):
        is_player = evidence[index, player]
        mine = person[index] == player
        if mine and np.isnan(is_player):
            found.append((np.inf, ""))  # the only track of the player: it is who he is
            continue
        if not mine and (together[index] & (person == player)).any():
            found.append((-np.inf, ""))
            continue
        rivals = np.delete(evidence[index], player)
        rival = float(np.nanmax(rivals)) if (~np.isnan(rivals)).any() else -np.inf
        stranger = is_player + (_GROUPED if mine else -_GROUPED)
        if stranger <= is_player - rival:
            found.append((float(stranger), "looks unlike the player in the rest of the video"))
        else:
            found.append((float(is_player - rival), "somebody else in the video looks alike"))
    return found


def _role(track: Track, share: float, leads: float, odds: float, if_odds: str) -> Role:
    """A track with its confidence."""
    factors = [
        (float(np.mean(track.confidence)), "hard to make out"),
        (leads, "somebody else is nearly as much in view in this video"),
        (float(1 / (1 + np.exp(-odds))), if_odds),
        ((1 + share) / 2, "somebody else is as much in the picture"),
    ]
    confidence = float(np.prod([factor for factor, _ in factors]))
    return Role(track, confidence, min(factors)[1] if confidence < DOUBTFUL else None)
