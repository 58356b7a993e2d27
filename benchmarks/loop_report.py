"""The report on the annotation loop: minutes a correct gesture in each arm, over seeds, and the cost model that they rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.stats import t as student_t

from benchmarks.loop_rounds import LoopSize
from benchmarks.simulator.annotator import COSTS, Work
from benchmarks.simulator.crowd import CROWDS, KINDS

__all__ = ["Scored", "page", "spread"]


@dataclass(frozen=True)
class Scored:
    """An arm's outcome with one seed.

    Attributes:
        source: whose proposals were shown; "" nobody's.
        speed: at which the crowd played what lies between proposals.
        film: seconds of clips.
        work: of all annotators together.
        known, said, right: true gestures, agreed ones, and how many of these are true (label, and tIoU of 0.5).
        right_closely: the same at 0.7.
        shown: proposals.
        learned: agreed gestures that the spotter had learned from.
    """

    arm: str
    source: str
    seed: int
    speed: float
    film: float
    work: Work
    known: int
    said: int
    right: int
    right_closely: int
    shown: int
    learned: int

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Self:
        """From what `asdict` made of it."""
        return cls(**{**row, "work": Work(**row["work"])})

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.known + self.said)

    @property
    def f1_closely(self) -> float:
        return 2 * self.right_closely / (self.known + self.said)

    def minutes(self, **costs: float) -> float:
        """Annotators' minutes a correct gesture; `costs` as `Work.seconds` takes them."""
        return self.work.seconds(**costs) / 60 / max(self.right, 1)


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean over seeds, and half of its 95 % interval (Student's t); NaN with one seed."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, float("nan")
    return mean, float(student_t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))


def page(scored: Sequence[Scored], size: LoopSize, sees: str = "the poses alone") -> str:
    """The report as Markdown; `sees` says what the spotters look at."""
    seeds = sorted({one.seed for one in scored})
    arms = list(dict.fromkeys(one.arm for one in scored))
    of: dict[tuple[str, int], Scored] = {(one.arm, one.seed): one for one in scored}
    first = [one for one in arms if not of[one, seeds[0]].source]
    rows = []
    for arm in arms:
        # Against the same crowd, shown nothing: at the page's half speed, and at the speed of this arm.
        ours = [name for name in first if (":" in name) == (":" in arm)]
        slow = ours[0]
        alike = next((name for name in ours if of[name, seeds[0]].speed == of[arm, seeds[0]].speed), slow)

        def less(other: str, arm: str = arm) -> str:
            return _said([100 * (1 - of[arm, seed].minutes() / of[other, seed].minutes()) for seed in seeds], 0)

        mine = [of[arm, seed] for seed in seeds]
        rows.append(
            [
                arm,
                f"{np.mean([60 * one.shown / one.film for one in mine]):.1f}",
                _said([one.minutes() for one in mine], 2),
                _said([one.f1 for one in mine], 3),
                f"{np.mean([one.f1_closely for one in mine]):.3f}",
                "" if arm == slow else _said([of[arm, seed].f1 - of[slow, seed].f1 for seed in seeds], 3),
                "" if arm == slow else less(slow),
                "" if arm == alike else less(alike),
                _changed(mine, [of[slow, seed] for seed in seeds]) if arm != slow else "",
            ]
        )
    head = (
        *(
            "the crowd is shown, and plays at",
            "proposals a minute",
            "minutes a correct gesture",
            "F1",
            "F1 at tIoU 0.7",
        ),
        *("F1 more than shown nothing, half speed", "% less time than that", "% less than shown nothing, same speed"),
        "% less than at half speed if actions take half, twice as long",
    )
    learned = sorted({one.learned for one in scored if one.learned})
    film = np.mean([one.film for one in scored if one.arm == arms[0]]) / 60
    known = np.mean([one.known for one in scored if one.arm == arms[0]])
    return (
        "\n\n".join(
            [
                "# What a correct gesture costs (simulated)",
                f"**People, poses and annotators are simulated.** {len(seeds)} seeds ({_words(seeds)}). In each, "
                f"{size.people[0]} and {size.people[1]} people were annotated in two rounds (the spotters learned from "
                f"{_words(learned)} agreed gestures, in {_words(size.steps)} steps, and see {sees}), "
                f"and every arm then on {size.people[2]} others: {film:.0f} minutes, {known:.0f} gestures, {size.per_clip} of "
                f"{sum(CROWDS[size.crowd].values())} annotators a clip "
                f"(“{size.crowd}”). ± is half of a 95 % interval over seeds (Student's t); differences are taken seed by seed.",
                _table(head, rows),
                "## The cost model",
                _costs(),
                _kinds(size),
            ]
        )
        + "\n"
    )


def _costs() -> str:
    words = {
        "decide": "make up one's mind about a proposal that was played",
        "delete": "delete one",
        "rename_top": "give it another label by one of five keys",
        "rename": "give it another label out of 32",
        "move": "move one of its ends",
        "draw": "draw a gesture: label and both ends",
        "submit": "submit a task and wait for the next",
    }
    lines = [f"- {text}: {getattr(COSTS, name):.2f} s" for name, text in words.items()]
    return (
        "Playing takes the clip's length over the speed, and an end that is placed is played again, a second of film at half speed. "
        "The rest is made of the keystroke-level model's operators (Card, Moran, Newell 1980: key or button 0.2 s, pointing 1.1 s, making "
        "up one's mind 1.35 s); which of them an action needs is our assumption.\n\n" + "\n".join(lines)
    )


def _kinds(size: LoopSize) -> str:
    lines = []
    for name, count in CROWDS[size.crowd].items():
        kind = KINDS[name]
        lines.append(
            f"- {count} {name}: misses {kind.misses:.0%} of gestures of mean difficulty at half speed (twice as many at natural "
            f"speed, half as many under a proposal), mislabels {kind.confuses:.0%}, ends off by {kind.jitter:g} frames, invents "
            f"{kind.invents:g} in 500 frames, leaves {kind.copies:.0%} of proposals without a look, and {kind.yields:.0%} of those "
            "that looked wrong"
        )
    return "Annotators, all assumptions; an end within a quarter of a second is left:\n\n" + "\n".join(lines)


def _changed(mine: Sequence[Scored], slow: Sequence[Scored]) -> str:
    found = [
        np.mean([100 * (1 - a.minutes(actions=by) / b.minutes(actions=by)) for a, b in zip(mine, slow, strict=True)])
        for by in (0.5, 2.0)
    ]
    return ", ".join(f"{one:.0f}" for one in found)


def _said(values: Sequence[float], digits: int) -> str:
    mean, half = spread(values)
    return f"{mean:.{digits}f}" + (f" ± {half:.{digits}f}" if np.isfinite(half) else "")


def _words(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])
