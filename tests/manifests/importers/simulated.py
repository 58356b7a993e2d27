"""Simulated recordings: random, in no way those of the data sets whose formats they are written in."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from manifests.importers.recording import Outgoing, Recording, Span, poses_of
from manifests.poses import Poses, Unit
from manifests.taxonomy import LABELS

FPS = Fraction(25)


def poses(name: str, skeleton: str, joints: int, n_frames: int, seed: int, unit: Unit = "pixel") -> Poses:
    """Random poses on the grid that a release keeps: a tenth of the joints unseen, frames 0 and 1 of nobody."""
    random = np.random.default_rng(seed)
    dims = 2 if unit == "pixel" else 3
    positions = random.integers(16, 16 * 1200, (n_frames, joints, dims)) / 16
    if unit != "pixel":
        positions = random.normal(0, 1, positions.shape).astype(np.float32)
    confidence = random.integers(1, 257, (n_frames, joints)) / 256 if unit == "pixel" else np.ones((n_frames, joints))
    unseen = random.random(confidence.shape) < 0.1
    unseen[:2] = True
    positions[unseen] = 0
    return poses_of(name, skeleton, positions, np.where(unseen, 0, confidence), unit)


def recording(
    name: str = "0001",
    skeleton: str = "openpose137",
    joints: int = 137,
    n_frames: int = 40,
    seed: int = 0,
    **changes: object,
) -> Recording:
    """A recording of two gestures."""
    unit: Unit = "metre" if skeleton.startswith("kinect") else "pixel"
    made = Recording(
        name=name,
        person="P0001",
        fps=FPS,
        n_frames=n_frames,
        poses=poses(name, skeleton, joints, n_frames, seed, unit),
        gestures=(Span(3, 10, "touching_neck"), Span(10, n_frames, "illustrative")),
        width=1280,
        height=720,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@st.composite
def spans(draw: st.DrawFn, n_frames: int, labels: tuple[str, ...] = LABELS, most: int = 6) -> tuple[Span, ...]:
    """Up to `most` different stretches of a recording, sorted as readers sort them."""
    ends = st.tuples(st.integers(0, n_frames), st.integers(0, n_frames)).filter(lambda pair: pair[0] != pair[1])
    drawn = draw(st.lists(st.tuples(ends, st.sampled_from(labels)), max_size=most, unique=True))
    unique = {(min(pair), max(pair), label) for pair, label in drawn}
    return tuple(Span(start, end, label) for start, end, label in sorted(unique))


def outgoing(*recordings: Recording, labels: tuple[str, ...] = LABELS) -> Outgoing:
    return Outgoing(recordings, labels)


def assert_same(a: Recording, b: Recording) -> None:
    """Equal in all that formats keep; poses value by value."""
    assert replace(a, poses=None, clip_id="", video_id="") == replace(b, poses=None, clip_id="", video_id="")
    assert (a.poses is None) == (b.poses is None)
    if a.poses is not None and b.poses is not None:
        assert (a.poses.skeleton, a.poses.unit) == (b.poses.skeleton, b.poses.unit)
        np.testing.assert_array_equal(a.poses.confidence, b.poses.confidence)
        seen = a.poses.confidence > 0
        np.testing.assert_array_equal(a.poses.positions[seen], b.poses.positions[seen])
