"""A simulated crowd: clips with known gestures, faulty proposals, and annotators of several kinds. Nobody real is in it.

Gestures differ in difficulty, and everybody's errors rise with it, so that annotators err together, as people do; no label
model is told so. An error of label goes to a class of the same body part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from annotate.opinions import Opinion, Segment
from manifests.taxonomy import CLASSES, LABELS, by_label

__all__ = ["CROWDS", "KINDS", "Crowd", "Kind", "invented", "overlap", "seen", "simulate_crowd"]

N_FRAMES = 500
_GESTURES = 3.0  # a clip, on average
_LENGTHS = (12, 60)


@dataclass(frozen=True)
class Kind:
    """A kind of annotator.

    Attributes:
        misses: share of the gestures of mean difficulty not found.
        confuses: share of those given another label.
        jitter: standard deviation of a boundary, in frames.
        invents: gestures a clip that aren't there.
        copies: share of the proposals submitted as they stand, without looking.
        yields: chance of leaving a proposal as it is although it looked wrong; only `annotator.annotate` knows of it.
        spams: answers without looking at all.
    """

    misses: float
    confuses: float
    jitter: float
    invents: float
    copies: float
    yields: float = 0.0
    spams: bool = False


KINDS = {
    "careful": Kind(misses=0.08, confuses=0.08, jitter=2.5, invents=0.1, copies=0.05, yields=0.05),
    "hasty": Kind(misses=0.30, confuses=0.22, jitter=5.0, invents=0.3, copies=0.15, yields=0.15),
    "anchored": Kind(misses=0.35, confuses=0.15, jitter=4.0, invents=0.1, copies=0.85, yields=0.4),
    "spammer": Kind(misses=1.0, confuses=1.0, jitter=0.0, invents=2.0, copies=0.3, spams=True),
}

CROWDS: dict[str, dict[str, int]] = {
    "mostly careful": {"careful": 14, "hasty": 4, "anchored": 2},
    "mixed": {"careful": 8, "hasty": 5, "anchored": 4, "spammer": 3},
    "anchored": {"careful": 6, "hasty": 2, "anchored": 12},
    "spammed": {"careful": 8, "hasty": 4, "anchored": 2, "spammer": 6},
}


@dataclass(frozen=True)
class Crowd:
    """What a simulated crowd said, and what is true.

    Attributes:
        truth: the gestures of each clip.
        proposals: rows like those of the proposals table, by clip.
        opinions: by clip.
        kind_of: the kind of each annotator.
    """

    truth: dict[str, tuple[Segment, ...]]
    proposals: dict[str, list[dict[str, Any]]]
    opinions: dict[str, list[Opinion]]
    kind_of: dict[str, str]


def simulate_crowd(kinds: Mapping[str, int], *, clips: int = 200, per_clip: int = 5, seed: int = 0) -> Crowd:
    """Let a crowd annotate simulated clips of 500 frames, each clip by annotators drawn at random.

    Args:
        kinds: how many annotators of each of `KINDS`.
        per_clip: annotators that see a clip.
    """
    rng = np.random.default_rng(seed)
    kind_of = {f"A{i:02d}": kind for i, kind in enumerate((k for k, n in kinds.items() for _ in range(n)), start=1)}
    frequency = rng.dirichlet(np.full(len(LABELS), 0.5))
    crowd = Crowd({}, {}, {}, kind_of)
    for number in range(clips):
        clip = f"c{number:04d}"
        truth = _gestures(rng, frequency)
        difficulty = {segment: float(rng.gamma(2.0, 0.5)) for segment in truth}  # 1 on average
        shown = _proposals(clip, truth, difficulty, rng)
        crowd.truth[clip], crowd.proposals[clip] = tuple(truth), shown
        who = sorted(rng.choice(sorted(kind_of), size=per_clip, replace=False).tolist())
        crowd.opinions[clip] = [_says(name, KINDS[kind_of[name]], truth, difficulty, shown, rng) for name in who]
    return crowd


def _gestures(rng: np.random.Generator, frequency: Any) -> list[Segment]:
    found, at = [], int(rng.integers(0, 40))
    for _ in range(int(rng.poisson(_GESTURES))):
        length = int(rng.integers(*_LENGTHS))
        if at + length > N_FRAMES:
            break
        found.append(Segment(at, at + length, str(rng.choice(LABELS, p=frequency))))
        at += length + int(rng.integers(15, 120))
    return found


def _proposals(
    clip: str, truth: Sequence[Segment], difficulty: Mapping[Segment, float], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """A middling model: it finds three of four gestures, calls two of three of these right, and invents one a clip."""
    noticed = [segment for segment in truth if rng.random() > min(0.95, 0.25 * difficulty[segment])]
    proposed = [seen(segment, min(0.95, 0.33 * difficulty[segment]), 5.0, N_FRAMES, rng) for segment in noticed]
    proposed += [invented(N_FRAMES, rng) for _ in range(int(rng.poisson(1.0)))]
    return [
        {"proposal_id": f"{clip}-{i}", "clip_id": clip, "start": s.start, "end": s.end, "label": s.label}
        for i, s in enumerate(proposed)
    ]


def _says(
    who: str,
    kind: Kind,
    truth: Sequence[Segment],
    difficulty: Mapping[Segment, float],
    shown: Sequence[Mapping[str, Any]],
    rng: np.random.Generator,
) -> Opinion:
    copied = [
        Segment(row["start"], row["end"], row["label"], from_proposal=row["proposal_id"])
        for row in shown
        if rng.random() < kind.copies
    ]
    found = list(copied)
    for segment in [] if kind.spams else truth:
        hard = difficulty[segment]
        if rng.random() < min(0.98, kind.misses * hard):
            continue
        mark = seen(segment, min(0.95, kind.confuses * hard), kind.jitter, N_FRAMES, rng)
        if not any(overlap(mark, other) for other in copied):  # what was copied stands there already
            near = next((row for row in shown if overlap(mark, Segment(row["start"], row["end"], row["label"]))), None)
            found.append(replace(mark, from_proposal=near["proposal_id"] if near else None))
    found += [invented(N_FRAMES, rng) for _ in range(int(rng.poisson(kind.invents)))]
    return Opinion(
        who, "gesture" if found else "nothing", tuple(sorted(found, key=lambda s: (s.start, s.end, s.label)))
    )


def seen(segment: Segment, confuses: float, jitter: float, n_frames: int, rng: np.random.Generator) -> Segment:
    """A gesture as somebody marks it: boundaries off by `jitter` frames (a standard deviation), perhaps another label."""
    by = rng.normal(0, jitter, size=2).round().astype(int)
    start = int(np.clip(segment.start + by[0], 0, n_frames - 2))
    end = int(np.clip(segment.end + by[1], start + 1, n_frames))
    label = _neighbour(segment.label, rng) if rng.random() < confuses else segment.label
    return Segment(start, end, label)


def invented(n_frames: int, rng: np.random.Generator) -> Segment:
    """A gesture that isn't there, in a clip of so many frames (at least 60)."""
    length = int(rng.integers(*_LENGTHS))
    start = int(rng.integers(0, n_frames - length))
    return Segment(start, start + length, str(rng.choice(LABELS)))


def overlap(a: Segment, b: Segment) -> bool:
    """Whether more than half of the shorter one is in both."""
    shared = min(a.end, b.end) - max(a.start, b.start)
    return 2 * shared > min(a.end - a.start, b.end - b.start)


def _neighbour(label: str, rng: np.random.Generator) -> str:
    part = by_label(label).body_part
    others = [c.label for c in CLASSES if c.body_part == part and c.label != label]
    return str(rng.choice(others or [other for other in LABELS if other != label]))
