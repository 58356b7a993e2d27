"""Measure a pose estimator's noise on real clips, to give to the simulated one.

    python -m benchmarks.simulator.fit_noise DATASET

reads every clip's COCO-17 poses from a dataset's `tables/poses/` and prints the rows that stand in `noise_table.py`. Nobody knows
the truth of real clips, so this measures what needs none:

- quick: the deviation of third differences in time over the root of 20, which is the error's own deviation where it is new in
  every frame. They cancel any movement that is a parabola over four frames (0.16 s), so little of it is the person's.
- whole: the deviation of what remains about a moving parabola of 15 frames. It has slower errors in it too, but also the
  person's movement, and nothing tells the two apart: an upper bound.
- confidence: mean and deviation, between and within clips, of its logit; correlation from one frame to the next.
- drop-outs: joints seen most of the time whose confidence falls under 0.3, and frames without the person.

Lengths are shares of the root of the person's box's area, the scale that COCO's keypoint similarity uses too.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.signal import savgol_filter

from benchmarks.simulator.noise_table import BANDS, GROUP_OF_JOINT, PART_OF_JOINT, Confidence, Spread
from manifests.errors import BadInput
from manifests.poses import Poses, read_poses

__all__ = ["Fit", "fit", "main", "measure_confidence", "measure_spread"]

Floats = npt.NDArray[np.float64]

_WINDOW = 15  # frames of the moving parabola
_EDGE = 5  # frames left out at both ends of a run, where a person comes or goes
_SEEN = 0.5  # a joint whose median confidence in a clip is higher counts as seen there
_DROPPED = 0.3


@dataclass(frozen=True)
class _Run:
    """Frames in a row in which the person was found: positions in units of the box's scale, and confidences."""

    clip: str
    places: Floats  # (frames, 17, 2)
    confidence: Floats  # (frames, 17)


@dataclass(frozen=True)
class Fit:
    """What was measured.

    Attributes:
        spread: (part, band) to its noise.
        confidence: (group, "seen" or "unseen") to its confidence.
        drop_outs: share of the seen joints' frames with confidence under 0.3.
        drop_frames: mean length of such a run, in frames.
        lost: frames without the person inside clips that have them before and after.
        frames: all frames looked at.
    """

    spread: dict[tuple[str, int], Spread]
    confidence: dict[tuple[str, str], Confidence]
    drop_outs: float
    drop_frames: float
    lost: int
    frames: int


def fit(clips: list[Poses]) -> Fit:
    """Measure the noise of clips with COCO-17 poses.

    Raises:
        BadInput: there is no clip, a clip has another skeleton, or none has 30 frames in a row with a person.
    """
    for clip in clips:
        if clip.skeleton != "coco17":
            raise BadInput(f"{clip.clip_id}: its skeleton is {clip.skeleton}; the noise is fitted to coco17 only.")
    runs = [run for clip in clips for run in _runs(clip)]
    if not runs:
        raise BadInput("No clip has 30 frames in a row with a person in it. Pose more clips first (mgcollect pose).")
    dropped, lengths, seen_frames = 0, [], 0
    for run in runs:
        for joint in range(17):
            c = run.confidence[:, joint]
            if np.median(c) > _SEEN:
                low = c < _DROPPED
                seen_frames += len(c)
                dropped += int(low.sum())
                lengths += _lengths(low)
    lost = sum(_lost_inside(clip.seen) for clip in clips)
    return Fit(
        spread=measure_spread(runs),
        confidence=measure_confidence(runs),
        drop_outs=dropped / max(seen_frames, 1),
        drop_frames=float(np.mean(lengths)) if lengths else 0.0,
        lost=lost,
        frames=sum(len(run.places) for run in runs),
    )


def measure_spread(runs: list[_Run]) -> dict[tuple[str, int], Spread]:
    """Quick and whole error of each part of the body in each band of confidence that has a hundred frames."""
    thirds: dict[tuple[str, int], list[Floats]] = {}
    slows: dict[tuple[str, int], list[Floats]] = {}
    for run in runs:
        x = run.places
        third = (x[3:] - 3 * x[2:-1] + 3 * x[1:-2] - x[:-3]) / np.sqrt(20)
        slow = x - savgol_filter(x, _WINDOW, 2, axis=0)
        band = np.searchsorted(BANDS, run.confidence, side="right")
        # Joints that the estimator pins to the picture's edge do not move at all and say nothing of its noise.
        free = np.abs(np.diff(x, axis=0, prepend=np.nan)).sum(axis=2) > 0
        for joint, part in enumerate(PART_OF_JOINT):
            for number in range(len(BANDS) + 1):
                there = free[:, joint] & (band[:, joint] == number)
                thirds.setdefault((part, number), []).append(third[there[1:-2], joint].ravel())
                slows.setdefault((part, number), []).append(slow[there, joint].ravel())
    return {
        key: _spread(np.concatenate(thirds[key]), np.concatenate(slows[key]))
        for key in thirds
        if sum(map(len, thirds[key])) >= 200
    }


def _spread(third: Floats, slow: Floats) -> Spread:
    core = 1.4826 * float(np.median(np.abs(third)))

    def deviation(a: Floats) -> float:
        # Cuts and leaps are held down, or one of them would outweigh everything else.
        most = 8 * 1.4826 * np.median(np.abs(a))
        return round(float(np.sqrt(np.mean(np.minimum(np.abs(a), most) ** 2))), 5)

    return Spread(frames=len(third) // 2, quick=deviation(third), core=round(core, 5), whole=deviation(slow))


def measure_confidence(runs: list[_Run]) -> dict[tuple[str, str], Confidence]:
    """Logit of the confidence of each group of joints, seen and unseen."""
    found: dict[tuple[str, str], list[tuple[float, float, float, int]]] = {}
    for run in runs:
        for joint, group in enumerate(GROUP_OF_JOINT):
            c = np.clip(run.confidence[:, joint], 1 / 512, 1 - 1 / 512)
            logit = np.log(c / (1 - c))
            away = logit - logit.mean()
            keeps = float((away[1:] * away[:-1]).mean() / max((away * away).mean(), 1e-9))
            state = "seen" if np.median(c) > _SEEN else "unseen"
            found.setdefault((group, state), []).append((float(logit.mean()), float(logit.std()), keeps, len(c)))
    return {
        key: Confidence(
            clips=len(rows),
            frames=sum(row[3] for row in rows),
            mean=round(float(np.mean([row[0] for row in rows])), 2),
            between=round(float(np.std([row[0] for row in rows])), 2),
            within=round(float(np.sqrt(np.mean([row[1] ** 2 for row in rows]))), 2),
            keeps=round(float(np.average([row[2] for row in rows], weights=[row[1] ** 2 + 1e-9 for row in rows])), 2),
        )
        for key, rows in found.items()
    }


def _runs(clip: Poses) -> list[_Run]:
    runs = []
    edges = np.flatnonzero(np.diff(np.concatenate([[0], clip.seen.astype(np.int8), [0]])))
    for start, end in zip(edges[::2] + _EDGE, edges[1::2] - _EDGE, strict=True):
        if end - start < 2 * _WINDOW:
            continue
        boxes = clip.boxes[start:end].astype(np.float64)
        scale = float(np.median(np.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))))
        keypoints = clip.keypoints[start:end].astype(np.float64)
        runs.append(_Run(clip.clip_id, keypoints[:, :, :2] / scale, keypoints[:, :, 2]))
    return runs


def _lengths(low: npt.NDArray[np.bool_]) -> list[int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], low.astype(np.int8), [0]])))
    return [int(length) for length in edges[1::2] - edges[::2]]


def _lost_inside(seen: npt.NDArray[np.bool_]) -> int:
    there = np.flatnonzero(seen)
    return 0 if len(there) == 0 else int((~seen[there[0] : there[-1] + 1]).sum())


def main(dataset: Path) -> None:
    """Print the rows of `noise_table.py` as measured on a dataset.

    Raises:
        BadInput: it holds no poses.
    """
    files = sorted((dataset / "tables" / "poses").glob("*.parquet"))
    if not files:
        raise BadInput(f"{dataset}: no poses there (tables/poses/*.parquet). Run mgcollect pose on a dataset first.")
    result = fit([read_poses(file) for file in files])
    print(f"# {len(files)} clips, {result.frames} frames with the person; frames lost in between: {result.lost}")
    print(f"DROP_OUTS, DROP_FRAMES = {result.drop_outs:.5f}, {result.drop_frames:.1f}")
    for key, confidence in sorted(result.confidence.items()):
        print(f"    {key}: {confidence},")
    for band_key, spread in sorted(result.spread.items()):
        print(f"    {band_key}: {spread},")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
