"""How many clips a second become tensors: a prepared store beside pyskl's pipeline on a pickle of the same clips.

pyskl's side is written anew from its steps (PoseDataset, PreNormalize2D or 3D, GenSkeFeat, UniformSample(100), PoseDecode,
FormatGCNInput(1), Collect, ToTensor), without its registry. It keeps what costs most there: which people are in each frame is
asked frame by frame (UniformSample), and in three dimensions whether a frame is empty (PreNormalize3D). With `--lean` it leaves
that out, which says what a pipeline of samples could do at best. Both sides end in batches of the same shape, run in turn in one
process on one thread, and seconds of the processor count. The clips are simulated walks.
"""

from __future__ import annotations

import argparse
import copy
import pickle
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import threadpool_limits

from manifests.importers.safe_pickle import load_pickle
from models.data import Windows, draw_windows, windows
from models.prepare import prepare_pyskl
from models.store import PoseStore

__all__ = ["main", "pyskl_sample", "write_clips"]

Floats = npt.NDArray[np.float32]
_FRAMES, _BATCH, _ROUNDS = 100, 128, 5
_SKELETONS = {2: ("coco17", 17), 3: ("kinect25", 25)}
_SIZE = (720, 1280)
_SPINE, _SHOULDERS, _HIP = 20, (8, 4), 0  # of kinect25, by which poses in 3D are turned upright


def write_clips(path: Path, clips: int, dims: int) -> None:
    """A pickle in pyskl's format: simulated clips of 60 to 240 frames, one person each."""
    random = np.random.default_rng(0)
    joints, annotations = _SKELETONS[dims][1], []
    for number in range(clips):
        frames = int(random.integers(60, 241))
        place = random.normal(size=(1, 1, joints, dims)) + random.normal(
            scale=0.02, size=(1, frames, joints, dims)
        ).cumsum(1)
        annotation: dict[str, Any] = {"frame_dir": f"{number:06d}", "label": number % 32, "total_frames": frames}
        if dims == 2:
            place = place * 100 + np.array(_SIZE[::-1]) / 2
            annotation["keypoint_score"] = random.uniform(0.5, 1, (1, frames, joints)).astype(np.float32)
        annotations.append(annotation | {"img_shape": _SIZE, "keypoint": place.astype(np.float32)})
    with path.open("wb") as file:
        pickle.dump(
            {"split": {"train": [item["frame_dir"] for item in annotations]}, "annotations": annotations},
            file,
            protocol=4,
        )


def pyskl_sample(
    annotation: dict[str, Any], random: np.random.Generator, *, lean: bool = False
) -> dict[str, torch.Tensor]:
    """One sample as pyskl's pipeline for graph networks makes it: (1, 1, 100, joints, 3).

    Args:
        lean: leave out what is asked of each frame.
    """
    sample = copy.deepcopy(annotation)
    positions = sample["keypoint"]
    if positions.shape[-1] == 2:
        height, width = sample["img_shape"]
        positions[..., 0] = (positions[..., 0] - width / 2) / (width / 2)
        positions[..., 1] = (positions[..., 1] - height / 2) / (height / 2)
        positions = np.concatenate([positions, sample["keypoint_score"][..., None]], axis=-1)
    else:
        if not lean:
            positions = positions[
                :, [not np.isclose(positions[0, frame], 0).all() for frame in range(positions.shape[1])]
            ]
        positions = _upright(positions)
    if not lean:
        _changes_of_people(positions)
    chosen = positions[:, _uniform(positions.shape[1], random)].astype(np.float32)
    formatted = np.ascontiguousarray(chosen.reshape(1, 1, *chosen.shape[1:]).transpose(1, 0, 2, 3, 4))
    return {"keypoint": torch.from_numpy(formatted), "label": torch.tensor([sample["label"]])}


def _uniform(frames: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """A frame drawn in each of 100 equal parts of the clip; a short clip goes round."""
    if frames < _FRAMES:
        return (random.integers(frames) + np.arange(_FRAMES)) % frames
    edges = np.arange(_FRAMES + 1) * frames // _FRAMES
    return np.asarray(edges[:-1] + random.integers(np.diff(edges)))


def _changes_of_people(positions: Floats) -> list[bool]:
    """Of each frame, whether more or fewer people are in one beside it."""
    people, frames = positions.shape[:2]
    there = []
    for frame in range(frames):
        count = people
        while count and np.all(np.abs(positions[count - 1, frame]) < 1e-5):
            count -= 1
        there.append(count)
    changes = [False] * frames
    for frame in range(1, frames):
        if there[frame] != there[frame - 1]:
            changes[frame - 1] = changes[frame] = True
    return changes


def _upright(positions: Floats) -> Floats:
    """Centred on the first frame's spine, turned so that the spine points up and the shoulders lie along x."""
    centred = positions - positions[:, :1, _SPINE : _SPINE + 1]
    for axis, (bottom, top) in ((np.array([0, 0, 1.0]), (_HIP, _SPINE)), (np.array([1.0, 0, 0]), _SHOULDERS)):
        centred = np.einsum("mtvc,dc->mtvd", centred, _turn(centred[0, 0, top] - centred[0, 0, bottom], axis))
    return np.asarray(centred, dtype=np.float32)


def _turn(start: npt.NDArray[Any], end: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The rotation that takes one direction to another (Rodrigues)."""
    start = start / np.linalg.norm(start)
    axis, cosine = np.cross(start, end), float(start @ end)
    x, y, z = axis
    skew = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + skew + skew @ skew / (1 + cosine))


def _theirs(
    annotations: list[dict[str, Any]], order: npt.NDArray[np.int64], random: np.random.Generator, lean: bool
) -> None:
    for start in range(0, len(order), _BATCH):
        samples = [pyskl_sample(annotations[row], random, lean=lean) for row in order[start : start + _BATCH]]
        {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}


def _ours(store: PoseStore, order: npt.NDArray[np.int64], random: np.random.Generator) -> None:
    for start in range(0, len(order), _BATCH):
        items = order[start : start + _BATCH]
        windows(store, items, *draw_windows(store, items, Windows(longest=100_000), random), _FRAMES)


def _rate(function: Callable[[], None], clips: int) -> float:
    started = time.process_time()
    function()
    return clips / (time.process_time() - started)


def _row(clips: int, dims: int, lean: bool) -> str:
    name, joints = _SKELETONS[dims]
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        pickled = Path(folder, "clips.pkl")
        write_clips(pickled, clips, dims)
        store = prepare_pyskl(pickled, Path(folder, "store"), name)
        annotations = load_pickle(pickled)["annotations"]
        random = np.random.default_rng(0)
        rates = []
        for _ in range(_ROUNDS):
            order = random.permutation(clips)
            ours = _rate(partial(_ours, store, order, random), clips)
            rates.append((ours, _rate(partial(_theirs, annotations, order, random, lean), clips)))
    ratios = sorted(one / other for one, other in rates)
    ours, theirs = (statistics.median(side) for side in zip(*rates, strict=True))
    return (
        f"| {clips:,} of {joints} joints in {dims}D | {ours:,.0f} | {theirs:,.0f} | "
        f"{statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f}) |"
    )


def main() -> None:
    """Print one row of Markdown for two dimensions and one for three."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--lean", action="store_true", help="pyskl's steps at their best")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| clips | ours, clips/s | pyskl's steps | ratio (least to most of the rounds) |\n|---|---|---|---|")
    for dims in _SKELETONS:
        print(_row(options.clips, dims, options.lean), flush=True)


if __name__ == "__main__":
    main()
