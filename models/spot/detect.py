"""Run a spotter over clips of any length: window by window, so that memory does not grow with the clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from manifests.poses import Poses
from manifests.segments import temporal_iou
from models.skeletons import skeleton
from models.spot.candidates import TOP, Candidate, Detections, suppress
from models.spot.chunks import chunks
from models.spot.spotter import Spotter
from models.store import Item, PoseStore, Recording, hold_store

__all__ = ["default_device", "detect", "spot"]

Floats = npt.NDArray[np.float64]

_FRAMES = 1024  # of a window
_MARGIN = 256  # frames at either end that belong to the windows beside, where those exist
_AT_ONCE = 4  # windows
_SAME = 0.5  # overlap from which two detections at a seam are one
_LEAST = 0.005  # probability below which a detection isn't kept


def spot(
    spotter: Spotter,
    poses: Poses,
    fps: float,
    *,
    recall: float | None = None,
    worth: float = 0.05,
    device: str = "cpu",
) -> list[Candidate]:
    """Candidate gestures of a clip, in order of time.

    Args:
        poses: of any known skeleton, a whole clip or a window of it; frames count from its first.
        fps: frames a second.
        recall: share of each class's gestures that should be found: candidates below their class's threshold for it are left
            out, and those that are less likely right than `worth`. None gives all.
        worth: chance of being right that is worth an annotator's look. Of rare classes a wished recall can ask for a hundred
            wrong candidates for each right one.

    Raises:
        BadInput: nobody knows the skeleton, or the poses have another number of joints than it.
    """
    confidence = np.where(poses.seen[:, None], poses.confidence, np.float32(0))
    item = Item(poses.clip_id, 0, len(confidence))
    # A joint set that the models don't know is said so before anything is built.
    store = hold_store(
        [Recording(poses.positions, confidence, "", (item,))],
        skeleton(poses.skeleton).name,
        y_down=poses.unit == "pixel",
    )
    found = detect(spotter, store, 0, fps, device=device)
    least = (
        np.zeros(len(spotter.classes)) if recall is None else np.maximum(spotter.calibration.thresholds(recall), worth)
    )
    kept = found.score >= least[found.label]
    return _candidates(Detections(found.span[kept], found.scores[kept]), len(confidence), spotter.classes)


def default_device() -> str:
    """CUDA if there is any, else the CPU."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def detect(spotter: Spotter, store: PoseStore, item: int, fps: float, *, device: str = "cpu") -> Detections:
    """Detections in one clip of a store, by falling score."""
    step = fps / spotter.network.settings.rate
    parts = list(_windows(spotter, store, item, step, device))
    return _sorted(_joined(parts))


@torch.inference_mode()
def _windows(spotter: Spotter, store: PoseStore, item: int, step: float, device: str) -> Iterator[Detections]:
    """Detections of each window, in order of time; each with its middle in the window's own part."""
    network = spotter.network.to(device)
    network.eval()
    length = int(store.lengths[item])
    longest = _up(_FRAMES, network.multiple)
    frames = min(longest, _up(int(np.ceil(length / step)), network.multiple))
    # A window's edges move on by whole points, so that the points of all windows lie on one grid.
    overlap = 2 * _MARGIN if frames == longest else 0
    firsts = np.arange(0, max(length / step - overlap, 1), frames - overlap) * step
    middles, _ = network.points(frames)
    stride = network.settings.stride
    for at in range(0, len(firsts), _AT_ONCE):
        some = firsts[at : at + _AT_ONCE]
        batch, inside = chunks(store, np.full(len(some), item), some, np.full(len(some), step), frames)
        logits, apart = (part.float().cpu() for part in network(batch.to(device)))
        for row, first in enumerate(some):
            own_low = 0.0 if at + row == 0 else _MARGIN / stride
            own_high = np.inf if at + row == len(firsts) - 1 else (frames - _MARGIN) / stride
            span = torch.stack([middles - apart[row, :, 0], middles + apart[row, :, 1]], dim=1)
            middle = span.mean(1)
            mine = (middle >= own_low) & (middle < own_high) & (middles < inside[row] / stride)
            # As frames of the clip; ends that reach beyond it are cut.
            places = (span[mine] * stride * step + first).numpy().astype(np.float64).clip(0, length)
            scores = logits[row, mine].sigmoid().numpy().astype(np.float64)
            long_enough = places[:, 1] - places[:, 0] > step
            yield spotter.calibration.apply(suppress(Detections(places[long_enough], scores[long_enough])), _LEAST)


def _joined(parts: Sequence[Detections]) -> Detections:
    """One list; of two detections on both sides of a seam that are one gesture, the surer stays."""
    kept: list[Detections] = []
    for part in parts:
        if kept and len(kept[-1]) and len(part):
            before = kept[-1]
            same = temporal_iou(before.span, part.span) >= _SAME
            surer = before.score[:, None] >= part.score[None]
            kept[-1] = _rows(before, ~(same & ~surer).any(1))
            part = _rows(part, ~(same & surer).any(0))
        kept.append(part)
    return Detections(np.concatenate([part.span for part in kept]), np.concatenate([part.scores for part in kept]))


def _rows(found: Detections, chosen: Any) -> Detections:
    return Detections(found.span[chosen], found.scores[chosen])


def _sorted(found: Detections) -> Detections:
    order = np.lexsort((found.span[:, 1], found.span[:, 0], -found.score))
    return Detections(found.span[order], found.scores[order])


def _up(number: int, multiple: int) -> int:
    return max(-(-number // multiple), 1) * multiple


def _candidates(found: Detections, n_frames: int, classes: Sequence[str]) -> list[Candidate]:
    candidates: dict[tuple[int, int, str], Candidate] = {}
    for span, scores in zip(found.span, found.scores, strict=True):
        start = int(np.clip(round(span[0]), 0, n_frames - 1))
        end = int(np.clip(round(span[1]), start + 1, n_frames))
        top = np.argsort(-scores, kind="stable")[:TOP]
        top = top[scores[top] > 0]
        candidate = Candidate(start, end, tuple(classes[i] for i in top), tuple(float(scores[i]) for i in top))
        # Two may differ by less than a frame; the surer came first.
        candidates.setdefault((start, end, candidate.labels[0]), candidate)
    return [candidates[place] for place in sorted(candidates)]
