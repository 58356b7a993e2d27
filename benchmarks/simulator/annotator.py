"""A simulated annotator at work on one clip: what is played, looked at and done, and what is submitted. Nobody real is in it.

Whoever is shown proposals looks at each one and leaves it, deletes it, renames it or moves its ends; what lies between is
played on, and what is noticed there is drawn. Who copies doesn't look; who yields looks, sees that a proposal is wrong and leaves it
all the same. Without proposals, everything is played and drawn. What an annotator takes for the truth is off by the same errors
(benchmarks/simulator/crowd.py) either way; but fast playing makes more go unnoticed, and a proposal draws the eye.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from annotate.matching import match
from annotate.opinions import Opinion, Segment
from benchmarks.simulator.crowd import Kind, invented, overlap, seen

__all__ = ["COSTS", "Costs", "Manner", "Shown", "Work", "annotate"]

SLOW = 0.5  # speed of Label Studio's page as `annotate push` makes it, for which `Kind.misses` is given
_TOUCHES = 0.1  # temporal IoU from which a proposal is seen to be meant for a gesture
_POINTED = 0.5  # what is left of the chance to miss a gesture, where a proposal points at it
_TOLERATED_S = 0.25  # a boundary that is off by less is left
_FRAMES_OF_A_CLIP = 500  # for which `Kind.invents` is given

# The keystroke-level model: seconds for a key or a button, for pointing, for making up one's mind.
_K, _P, _M = 0.2, 1.1, 1.35
_CLICK = _P + _K


@dataclass(frozen=True)
class Costs:
    """Seconds of one action, playing not counted; made of the keystroke-level model's operators (Card, Moran, Newell,
    Communications of the ACM 23, 1980), of which which action has which is our reading of Label Studio's page.

    Attributes:
        decide: to make up one's mind about a proposal that was played.
        delete: click it, press a key.
        rename_top: click it, choose among five, press a key.
        rename: click it, read through the groups, click a label.
        move: see how far a boundary is off, drag it, go some frames to and fro; and what is played again around it.
        draw: choose the label among 32, and place two boundaries.
        submit: a task: the button, and a page that loads.
    """

    decide: float = _M
    delete: float = _CLICK + _K
    rename_top: float = _CLICK + _M + _K
    rename: float = _CLICK + 2 * _M + _CLICK
    move: float = _M + 2 * _CLICK + 4 * _K + 1 / SLOW
    draw: float = 2 * _M + _CLICK + 2 * (_M + 2 * _CLICK + 4 * _K + 1 / SLOW)
    submit: float = _CLICK + 2.0


COSTS = Costs()


@dataclass
class Work:
    """What was done: seconds that played, and how often each action was taken."""

    played: float = 0.0
    decide: int = 0
    delete: int = 0
    rename_top: int = 0
    rename: int = 0
    move: int = 0
    draw: int = 0
    submit: int = 0

    def __iadd__(self, other: Self) -> Self:
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))
        return self

    def seconds(self, *, actions: float = 1.0, playing: float = 1.0) -> float:
        """How long it took, with actions and playing so many times as slow as they are taken to be."""
        acted: float = sum(getattr(self, one.name) * getattr(COSTS, one.name) for one in fields(COSTS))
        return playing * self.played + actions * acted


@dataclass(frozen=True)
class Manner:
    """How a crowd is told to work.

    Attributes:
        close: speed at which a proposal is played; 1 is as filmed.
        speed: at which what lies between proposals is played.
        top_keys: the five likeliest labels of a proposal have a key each; else a label is looked for among all.
    """

    close: float = SLOW
    speed: float = SLOW
    top_keys: bool = False


@dataclass(frozen=True)
class Shown:
    """A task: a clip, and what its annotators are shown.

    Attributes:
        truth: its gestures.
        difficulty: of each; everybody's errors rise with it; 1 on average.
        proposals: rows like those of the proposals table.
        skipped: frames `[start, end)` that are not played.
    """

    n_frames: int
    fps: float
    truth: tuple[Segment, ...]
    difficulty: tuple[float, ...]
    proposals: tuple[Mapping[str, Any], ...] = ()
    skipped: tuple[tuple[int, int], ...] = ()


def annotate(task: Shown, name: str, who: Kind, manner: Manner, rng: np.random.Generator) -> tuple[Opinion, Work]:
    """What an annotator submits for a task, and the work that it was."""
    work = Work(submit=1)
    speed = np.full(task.n_frames, manner.speed, dtype=np.float64)
    for start, end in task.skipped:
        speed[start:end] = np.inf
    marks, settled = _reviewed(task, who, manner, speed, work, rng)
    if not who.spams:
        for place, segment in enumerate(task.truth):
            if place in settled or any(overlap(segment, mark) for mark in marks):
                continue
            passing = float(np.median(speed[segment.start : segment.end]))
            misses = who.misses * task.difficulty[place] * passing / SLOW
            if np.isfinite(passing) and rng.random() >= min(0.98, misses):
                marks.append(seen(segment, *_errors(who, task.difficulty[place]), task.n_frames, rng))
                work.draw += 1
        work.played = float((1 / speed).sum() / task.fps)
    for _ in range(int(rng.poisson(who.invents * task.n_frames / _FRAMES_OF_A_CLIP))):
        marks.append(invented(task.n_frames, rng))
        work.draw += 1
    marks.sort(key=lambda mark: (mark.start, mark.end, mark.label))
    return Opinion(name, "gesture" if marks else "nothing", tuple(marks), lead_time_s=work.seconds()), work


def _reviewed(
    task: Shown,
    who: Kind,
    manner: Manner,
    speed: npt.NDArray[np.float64],
    work: Work,
    rng: np.random.Generator,
) -> tuple[list[Segment], set[int]]:
    """What comes of the proposals, and the gestures that are done with. `speed` is set where a proposal was played."""
    marks: list[Segment] = []
    settled: set[int] = set()
    places = [(row["start"], row["end"]) for row in task.proposals]
    # Of several proposals for one gesture the closest is mended, and the others are wrong.
    meant = {j: i for i, j in match([(s.start, s.end) for s in task.truth], places, _TOUCHES)}
    for number, row in enumerate(task.proposals):
        as_it_is = Segment(row["start"], row["end"], row["label"], from_proposal=row["proposal_id"])
        if rng.random() < who.copies:
            marks.append(as_it_is)
            continue
        if who.spams:
            continue
        speed[row["start"] : row["end"]] = manner.close
        work.decide += 1
        if number in meant:
            place = meant[number]
            settled.add(place)
            hard = task.difficulty[place]
            if rng.random() >= min(0.98, _POINTED * who.misses * hard * manner.close / SLOW):
                wanted = seen(task.truth[place], *_errors(who, hard), task.n_frames, rng)
                marks.append(_mended(row, wanted, who, manner, task.fps, work, rng))
                continue
        if rng.random() < who.yields:
            marks.append(as_it_is)
        else:
            work.delete += 1
    return marks, settled


def _mended(
    row: Mapping[str, Any], wanted: Segment, who: Kind, manner: Manner, fps: float, work: Work, rng: np.random.Generator
) -> Segment:
    """A proposal as the annotator leaves it who would have drawn `wanted`."""
    label = row["label"]
    if wanted.label != label and rng.random() >= who.yields:
        label = wanted.label
        if manner.top_keys and label in row["top_labels"]:
            work.rename_top += 1
        else:
            work.rename += 1
    ends = [row["start"], row["end"]]
    for i, there in enumerate((wanted.start, wanted.end)):
        if abs(ends[i] - there) > _TOLERATED_S * fps and rng.random() >= who.yields:
            ends[i] = there
            work.move += 1
    if ends[0] >= ends[1]:  # one end was moved past the other, which nobody leaves so
        ends = [wanted.start, wanted.end]
        work.move += 1
    return Segment(ends[0], ends[1], label, from_proposal=row["proposal_id"])


def _errors(who: Kind, hard: float) -> tuple[float, float]:
    """Chance of another label, and deviation of a boundary."""
    return min(0.95, who.confuses * hard), who.jitter
