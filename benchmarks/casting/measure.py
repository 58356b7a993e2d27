"""How often the player is the player, over many simulated edits, beside choosing in each shot who is largest and most central.

    python -m benchmarks.casting.measure --people FOLDER --edits 10

The folder holds films of one person each; give the films of people who look alike, or stand before the same wall, names that
begin alike up to a "_". Every look of every edit is judged: right if the look's player, or that there is none, was told.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.casting.interviews import KINDS, Film, Interview, draw, film, read_film
from collector.casting import DOUBTFUL, cast, is_fit
from collector.frames import Timeline, read_timeline
from collector.people import Finder, Track, Watched, watch
from collector.shots import find_shots
from collector.stretches import Limits
from collector.weights import DEFAULT, find_weights
from collector.yolo import load_pose_model, share_cores

__all__ = [
    "RULES",
    "Judged",
    "by_video",
    "calibration",
    "judge",
    "largest_and_most_central",
    "measure",
    "table",
    "watch_edit",
]


@dataclass
class Judged:
    """Looks by how they were judged.

    Attributes:
        right: the player's box where the player is in view, or none where they aren't.
        wrong: somebody else's box.
        missed: none, though the player is in view.
        sureness: (confidence, whether it was right) of each look for which a box was given.
    """

    right: int = 0
    wrong: int = 0
    missed: int = 0
    sureness: list[tuple[float, bool]] = field(default_factory=list)

    @property
    def looks(self) -> int:
        return self.right + self.wrong + self.missed

    def add(self, other: Judged) -> None:
        """Add what was judged elsewhere."""
        self.right += other.right
        self.wrong += other.wrong
        self.missed += other.missed
        self.sureness += other.sureness


Roles = list[list[tuple[Track, float]]]  # by shot: a track taken for the player's, and how surely


def watch_edit(
    interview: Interview, films: dict[str, Film], finder: Finder, folder: Path
) -> tuple[Timeline, list[Watched]]:
    """Film an edit and watch it as `mgcollect segment` does: every shot as it was found."""
    path = film(interview, films, folder / "edit.mp4")
    timeline = read_timeline(path)
    return timeline, [watch(path, timeline, shot, finder) for shot in find_shots(path, timeline)]


def by_video(shots: Sequence[Watched]) -> Roles:
    """The player as `mgcollect segment` finds them."""
    return [
        [(role.track, role.confidence) for role in roles if role.confidence >= Limits.min_confidence]
        for roles in cast(shots)
    ]


def largest_and_most_central(shots: Sequence[Watched]) -> Roles:
    """The rule to beat: in each shot by itself, who is large, central, shows a face and stays."""
    chosen: Roles = []
    for shot in shots:
        fit = [track for track in shot.tracks if is_fit([track]) and np.median(track.confidence) >= 0.5]
        chosen.append([(max(fit, key=_prominence), 1.0)] if fit else [])
    return chosen


def _prominence(track: Track) -> float:
    boxes = np.stack(list(track.boxes.values()))
    size = np.sqrt((boxes[:, 2:] - boxes[:, :2]).prod(axis=1))
    off_centre = np.abs((boxes[:, 0] + boxes[:, 2]) / 2 - 0.5)
    return float((size * (1 - off_centre)).sum() * (0.25 + 0.75 * np.mean(track.faces)))


RULES: dict[str, Callable[[Sequence[Watched]], Roles]] = {
    "over the video": by_video,
    "shot by shot": largest_and_most_central,
}


def judge(interview: Interview, timeline: Timeline, shots: Sequence[Watched], roles: Roles) -> Judged:
    """Compare the tracks that were taken for the player's with the truth, look by look."""
    judged = Judged()
    for shot, tracks in zip(shots, roles, strict=True):
        for pts in shot.people:
            truth = interview.shot_at(timeline.seconds(pts))
            in_view = interview.player in truth.people
            told = [(track.boxes[pts], sure) for track, sure in tracks if pts in track.boxes]
            if told:
                box, sure = told[0]
                right = in_view and truth.person_at(float(box[0] + box[2]) / 2) == interview.player
                judged.right += right
                judged.wrong += not right
                judged.sureness.append((sure, right))
            else:
                judged.right += not in_view
                judged.missed += in_view
    return judged


def measure(films: dict[str, Film], finder: Finder, edits: int, seed: int = 0) -> dict[str, dict[str, Judged]]:
    """Judge both rules on so many edits of each kind: rule, then kind."""
    judged: dict[str, dict[str, Judged]] = {rule: defaultdict(Judged) for rule in RULES}
    for kind in KINDS:
        for number in range(edits):
            interview = draw(kind, sorted(films), seed + number)
            with tempfile.TemporaryDirectory(prefix="mgcollect-") as folder:
                timeline, shots = watch_edit(interview, films, finder, Path(folder))
            for rule, choose in RULES.items():
                judged[rule][kind].add(judge(interview, timeline, shots, choose(shots)))
    return judged


def table(judged: dict[str, dict[str, Judged]]) -> str:
    """The shares by kind of edit, in Markdown."""
    lines = ["| edit | rule | looks | right | somebody else | missed |", "|---|---|---|---|---|---|"]
    for kind in [*KINDS, "all"]:
        for rule, by_kind in judged.items():
            one = Judged()
            for other in by_kind.values() if kind == "all" else [by_kind[kind]]:
                one.add(other)
            shares = " | ".join(
                f"{100 * count / max(1, one.looks):.1f} %" for count in (one.right, one.wrong, one.missed)
            )
            lines.append(f"| {kind} | {rule} | {one.looks:,} | {shares} |")
    return "\n".join(lines)


def calibration(judged: dict[str, Judged]) -> str:
    """Of the boxes given with a confidence, how many were right."""
    pairs = np.array([pair for one in judged.values() for pair in one.sureness], np.float64).reshape(-1, 2)
    lines = ["| confidence | looks | right |", "|---|---|---|"]
    for low, high in pairwise((0.0, 0.25, DOUBTFUL, 0.6, 0.7, 0.8, 0.9, 1.01)):
        inside = pairs[(pairs[:, 0] >= low) & (pairs[:, 0] < high)]
        if len(inside):
            lines.append(f"| {low:.2f} to {min(high, 1):.2f} | {len(inside):,} | {100 * inside[:, 1].mean():.1f} % |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=Path, required=True, help="folder of films, one person each")
    parser.add_argument("--edits", type=int, default=10, help="edits of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", default=DEFAULT)
    arguments = parser.parse_args()
    finder = load_pose_model(find_weights(arguments.weights).path, None, share_cores(1))
    films = {path.stem: read_film(path, finder) for path in sorted(arguments.people.iterdir())}
    judged = measure(films, finder, arguments.edits, arguments.seed)
    print(table(judged), calibration(judged["over the video"]), sep="\n\n")


if __name__ == "__main__":
    main()
