"""`python -m benchmarks.crowd`: which rule of consensus finds most of the truth in simulated crowds.

Prints F1 against the known truth (temporal IoU at least 0.5, same label), its mean over seeds, and the label model's gain over
the majority with a 95 % interval over seeds (Student's t).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from scipy.stats import t as student_t

from annotate.consensus import agreed_gestures
from annotate.matching import match
from annotate.weigh import weigh
from benchmarks.simulator.crowd import CROWDS, simulate_crowd

__all__ = ["Comparison", "compare", "f1_against_truth", "main", "right"]


class Labelled(Protocol):
    """A stretch of frames with a label."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def label(self) -> str: ...


@dataclass(frozen=True)
class Comparison:
    """The rules in one simulated crowd; F1 from 0 to 1, means over seeds.

    Attributes:
        gain: of the label model over the majority, with the ends of its 95 % interval.
    """

    crowd: str
    per_clip: int
    clips: int
    seeds: int
    majority: float
    dawid_skene: float
    gain: tuple[float, float, float]


def f1_against_truth(
    truth: Mapping[str, Sequence[Labelled]], found: Mapping[str, Sequence[Labelled]], tiou: float = 0.5
) -> float:
    """F1 of all clips' gestures, the same by place and label."""
    marked = sum(len(known) + len(found.get(clip, ())) for clip, known in truth.items())
    return 2 * right(truth, found, tiou) / marked


def right(truth: Mapping[str, Sequence[Labelled]], found: Mapping[str, Sequence[Labelled]], tiou: float = 0.5) -> int:
    """How many gestures were found, the same by place and label."""
    count = 0
    for clip, known in truth.items():
        said = found.get(clip, ())
        pairs = match([(s.start, s.end) for s in known], [(s.start, s.end) for s in said], tiou)
        count += sum(known[i].label == said[j].label for i, j in pairs)
    return count


def compare(crowd: str, *, per_clip: int = 5, clips: int = 200, seeds: Sequence[int] = range(10)) -> Comparison:
    """Compare the rules in one of `CROWDS`, a crowd for each seed."""
    scores = np.array([_scores(crowd, per_clip, clips, seed) for seed in seeds])
    majority, believed = scores.mean(axis=0)
    gains = scores[:, 1] - scores[:, 0]
    half = float(student_t.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / np.sqrt(len(gains)))
    mean = float(gains.mean())
    return Comparison(
        crowd, per_clip, clips, len(gains), float(majority), float(believed), (mean, mean - half, mean + half)
    )


def _scores(crowd: str, per_clip: int, clips: int, seed: int) -> tuple[float, float]:
    simulated = simulate_crowd(CROWDS[crowd], clips=clips, per_clip=per_clip, seed=seed)
    weighed, _ = weigh(simulated.opinions, proposals=simulated.proposals)
    voted = {clip: agreed_gestures(of_clip) for clip, of_clip in simulated.opinions.items()}
    believed = {clip: [one for one in found if one.is_gesture] for clip, found in weighed.items()}
    return f1_against_truth(simulated.truth, voted), f1_against_truth(simulated.truth, believed)


def main(argv: Sequence[str] | None = None) -> int:
    """Compare the rules in all crowds; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd", description=__doc__)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", type=Path, help="a JSON file to write as well")
    arguments = parser.parse_args(argv)
    found = []
    for crowd in CROWDS:
        for per_clip in (2, 3, 5):
            one = compare(crowd, per_clip=per_clip, clips=arguments.clips, seeds=range(arguments.seeds))
            found.append(one)
            gain = "{:+.3f} ({:+.3f} to {:+.3f})".format(*one.gain)
            print(f"{crowd}, {per_clip} a clip: majority {one.majority:.3f}, label model {one.dawid_skene:.3f}, {gain}")
    if arguments.out:
        arguments.out.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
