"""The spotter on real streams of other people's: talks with phases of gesturing, and repeated commands with action points.

    python -m benchmarks.real_streams gesture_phase gesture_phase.npz --steps 150 --seeds 3
    python -m benchmarks.real_streams msrc12 msrc12_streams.npz --steps 800 --out work

gesture_phase (Madeo, Wagner, Peres 2014, UCI): seven talks by three people; a gesture is what is not rest. One person is left out at
a time. msrc12 (Fothergill et al., CHI 2012): a gesture is known by one point in time; the spotter learns the second around it, and a
detection is right if its middle lies within a third of a second of a point of its class (as in that work). A fifth of the people test.

Both files hold plain arrays, as named where they are read. The spotter is trained end to end, without a pre-trained encoder.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from manifests.errors import BadInput
from models.augment import Augment
from models.spot.detect import detect
from models.spot.metrics import (
    Segments,
    average_precision,
    average_recall,
    greedy_hits,
    lenient_found,
    strict_found,
    top_by_clip,
)
from models.spot.spotter import SpotSettings, Spotter
from models.spot.streams import Streams
from models.spot.train import train_spot
from models.store import Item, Recording, hold_store

__all__ = ["gesture_phase", "msrc12", "point_hits", "read_gesture_phase", "read_msrc12", "segment_scores"]

Ints = npt.NDArray[np.int64]
_FPS = 30.0
_POINT = 0.333  # seconds
_AROUND = 0.5  # seconds on either side of an action point that the spotter learns


@dataclass(frozen=True)
class _Tested:
    """True segments and detections of the tested clips; clips are numbered as in the streams."""

    true: Segments
    found: Segments


def read_gesture_phase(path: Path | str) -> Streams:
    """Seven talks: arrays x (frames, 6, 3), off (talks + 1), subj (talks), frame_label (frames; 0 is rest).

    Raises:
        BadInput: the file is not this one.
    """
    x, off, subject, label = _arrays(path, "x", "off", "subj", "frame_label")
    spans = []
    for talk, (start, end) in enumerate(pairwise(off)):
        moving = np.concatenate([[0], label[start:end] > 0, [0]]).astype(np.int8)
        edges = np.flatnonzero(np.diff(moving)).reshape(-1, 2)
        spans += [(talk, int(a), int(b)) for a, b in edges]
    return _streams(x, off, subject, "points6", spans, np.zeros(len(spans), dtype=np.int64), ("gesture",))


def read_msrc12(path: Path | str) -> Streams:
    """Streams of commands: arrays keypoint (frames, 20, 3), offset, subject, event_stream, event_frame, event_class, classes.

    Raises:
        BadInput: the file is not this one.
    """
    names = ("keypoint", "offset", "subject", "event_stream", "event_frame", "event_class", "classes")
    points, off, subject, stream, frame, label, classes = _arrays(path, *names)
    reach = round(_AROUND * _FPS)
    length = np.diff(off)[stream]
    inside = (frame >= 0) & (frame < length)
    spans = [
        (int(s), max(int(f) - reach, 0), min(int(f) + reach, int(n)))
        for s, f, n in zip(stream[inside], frame[inside], length[inside], strict=True)
    ]
    labels = label[inside].astype(np.int64)
    return _streams(points, off, subject, "kinect20", spans, labels - labels.min(), tuple(map(str, classes)))


def _arrays(path: Path | str, *names: str) -> list[npt.NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return [file[name] for name in names]
    except (KeyError, ValueError, OSError) as error:
        raise BadInput(f"{path}: not the file that is expected ({error}).") from error


def _streams(
    points: npt.NDArray[Any],
    off: npt.NDArray[Any],
    subject: npt.NDArray[Any],
    skeleton: str,
    spans: list[tuple[int, int, int]],
    labels: Ints,
    classes: tuple[str, ...],
) -> Streams:
    recordings = []
    for index in range(len(off) - 1):
        part = np.asarray(points[int(off[index]) : int(off[index + 1])], dtype=np.float32)
        item = Item(f"{index}", 0, len(part))
        recordings.append(Recording(part, np.ones(part.shape[:2], np.float32), f"{subject[index]}", (item,)))
    where = np.array(spans, dtype=np.int64).reshape(-1, 3)
    store = hold_store(recordings, skeleton)
    every = np.arange(len(recordings))
    return Streams(store, every, np.full(len(every), _FPS), where[:, 0], where[:, 1:], labels, classes)


def segment_scores(true: Segments, found: Segments) -> dict[str, float]:
    """map (mean over classes and tIoU 0.1 to 0.7), map_tiou_0.5, and ar_10 and ar_100: average recall of the 10 and the 100
    surest detections of a clip, whatever their class."""
    found, precision = found.by_score(), {}
    labels = np.unique(true.label)
    for tiou in [round(0.1 * k, 1) for k in range(1, 8)]:
        hits = greedy_hits(true, found, tiou)
        each = []
        for label in labels:
            mine = hits[found.label == label]
            count = np.array([float((true.label == label).sum())])
            each.append(average_precision(mine, np.ones((1, len(mine))), count)[0])
        precision[tiou] = float(np.mean(each))
    return {
        "map": float(np.mean(list(precision.values()))),
        "map_tiou_0.5": precision[0.5],
        "ar_10": float(average_recall(true, top_by_clip(found, 10)).mean()),
        "ar_100": float(average_recall(true, top_by_clip(found, 100)).mean()),
    }


def gesture_phase(streams: Streams, settings: SpotSettings) -> dict[str, float]:
    """`segment_scores` over the talks of all three people, each by a spotter that knows the others; and frame_f1: of frames,
    by the score with the best on the people learned from."""
    parts, hits = [], np.zeros(3)
    for person in np.unique(streams.store.people):
        test = np.flatnonzero(streams.store.people == person)
        train = np.flatnonzero(streams.store.people != person)
        with TemporaryDirectory() as folder:
            spotter, _ = train_spot(streams, folder, settings, train=train, quiet=True)
        known, asked = _detected(spotter, streams, train), _detected(spotter, streams, test)
        best = max(np.linspace(0.05, 0.9, 18), key=lambda least: _f1(_frames(streams, train, known.found, least)))
        hits += _frames(streams, test, asked.found, best)
        parts.append(asked)
    true, found = (_joined([getattr(part, name) for part in parts]) for name in ("true", "found"))
    return {**segment_scores(true, found), "frame_f1": _f1(hits)}


def msrc12(streams: Streams, settings: SpotSettings, out: Path) -> dict[str, float]:
    """`segment_scores` and f1_strict at tIoU 0.3, of the second around a point; point_f1 (over all points) and point_f1_mean
    (mean over classes)."""
    seed = settings.training.seed
    people = np.unique(streams.store.people)
    tested = np.random.default_rng(seed).permutation(people)[: len(people) // 5]
    test = np.isin(streams.store.people, tested)
    spotter, _ = train_spot(streams, out, settings, train=np.flatnonzero(~test))
    # Its scores are chances, calibrated on people held out of the training: what is likelier right than wrong counts.
    asked = _detected(spotter, streams, np.flatnonzero(test))
    given = asked.found[asked.found.score >= 0.5]
    right = point_hits(asked.true, given)
    labels = np.unique(asked.true.label)
    each = [
        2 * right[asked.true.label == k].sum() / ((asked.true.label == k).sum() + (given.label == k).sum())
        for k in labels
    ]
    total = len(asked.true) + len(given)
    return {
        **segment_scores(asked.true, asked.found),
        "point_f1": float(2 * right.sum() / total),
        "point_f1_mean": float(np.mean(each)),
        "f1_strict": float(2 * strict_found(asked.true, given).sum() / total),
        "recall_any_score": float(lenient_found(asked.true, asked.found, 0.3).mean()),
    }


def _settings(arguments: argparse.Namespace, seed: int) -> SpotSettings:
    # Classes such as "push right" tell the sides apart, so nothing is mirrored.
    usual = SpotSettings(augment=Augment(turn=25, hide_joint=0.03))
    training = replace(usual.training, steps=arguments.steps, seed=seed, precision=arguments.precision)
    return replace(usual, training=replace(training, accelerator="cpu"))


def _detected(spotter: Spotter, streams: Streams, items: Ints) -> _Tested:
    rows = np.isin(streams.owner, items)
    true = Segments(streams.owner[rows], streams.span[rows], streams.label[rows], np.ones(int(rows.sum())))
    parts = []
    for item in items:
        found = detect(spotter, streams.store, int(item), float(streams.fps[item]))
        span = np.round(found.span).astype(np.int64)
        span[:, 1] = np.maximum(span[:, 1], span[:, 0] + 1)
        parts.append(Segments(np.full(len(found), item), span, found.label, found.score))
    return _Tested(true, _joined(parts))


def _joined(parts: list[Segments]) -> Segments:
    return Segments(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("clip", "span", "label", "score"))
    )


def _frames(streams: Streams, items: Ints, found: Segments, least: float) -> npt.NDArray[np.float64]:
    """Frames of gestures that are covered, covered frames that are of none, and gestures' frames that are not covered."""
    counts = np.zeros(3)
    for item in items:
        true, given = (np.zeros(int(streams.store.lengths[item]), dtype=bool) for _ in range(2))
        for start, end in streams.of(int(item))[0]:
            true[start:end] = True
        for start, end in found.span[(found.clip == item) & (found.score >= least)]:
            given[start:end] = True
        counts += [(true & given).sum(), (given & ~true).sum(), (true & ~given).sum()]
    return counts


def _f1(counts: npt.NDArray[np.float64]) -> float:
    right, wrong, missed = counts
    return float(2 * right / max(2 * right + wrong + missed, 1))


def point_hits(true: Segments, given: Segments) -> npt.NDArray[np.bool_]:
    """(true,) which points a detection of their class has its middle near; each detection counts once, the surest first."""
    right = np.zeros(len(true), dtype=bool)
    given = given.by_score()
    for clip, span, label in zip(given.clip, given.span, given.label, strict=True):
        apart = np.abs(true.span.mean(1) - span.mean())
        open_ = (true.clip == clip) & (true.label == label) & ~right & (apart <= _POINT * _FPS)
        if open_.any():
            right[np.flatnonzero(open_)[apart[open_].argmin()]] = True
    return right


def _results(arguments: argparse.Namespace) -> Iterator[dict[str, float]]:
    for seed in range(arguments.seeds):
        settings = _settings(arguments, seed)
        if arguments.which == "gesture_phase":
            yield gesture_phase(read_gesture_phase(arguments.file), settings)
        else:
            yield msrc12(read_msrc12(arguments.file), settings, Path(arguments.out) / f"seed{seed}")


def main() -> None:
    """Print each seed's figures, then their mean and range."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=["gesture_phase", "msrc12"])
    parser.add_argument("file")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--precision", choices=["32-true", "bf16-mixed"], default="32-true", help="of the training")
    parser.add_argument("--out", default="work", help="where msrc12's spotters are kept; a killed run goes on")
    rows = []
    for row in _results(parser.parse_args()):
        rows.append(row)
        print(", ".join(f"{name} {value:.3f}" for name, value in row.items()), flush=True)
    for name in rows[0]:
        values = [row[name] for row in rows]
        print(f"{name}: {np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f}, {len(values)} seeds)")


if __name__ == "__main__":
    main()
