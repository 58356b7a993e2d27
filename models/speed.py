"""How fast the models are on this machine: MG-FM beside MAMP at the same joints and frames, and an hour of poses to embeddings.

Run it by `python -m models.speed`. Both sides of a ratio run in turn in the same process, and medians are printed.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from models.baselines.mamp import MAMP, MAMPSettings
from models.data import Batch
from models.features import features
from models.mgfm import MGFM, network
from models.objectives import Objective, Pretraining
from models.skeletons import skeleton
from models.store import Item, Recording, hold_store

__all__ = ["embedding_seconds", "pretraining_rates", "random_batch"]

_HOUR = 3600 * 30  # frames
_WINDOW = 64


def random_batch(windows: int, frames: int, joints: str = "kinect25", seed: int = 0) -> Batch:
    """Windows of random walks, in three dimensions."""
    rng, joint_set = np.random.default_rng(seed), skeleton(joints)
    shape = (windows, frames, len(joint_set.joints), 3)
    positions = torch.from_numpy(rng.normal(scale=0.02, size=shape).cumsum(1).astype(np.float32))
    valid = torch.ones(shape[:3], dtype=torch.bool)
    return Batch(
        positions,
        valid,
        torch.from_numpy(joint_set.joint_ids),
        torch.zeros(windows, dtype=torch.long),
        torch.arange(windows),
        3,
    )


def pretraining_rates(
    size: str = "base", *, batch_size: int = 8, patch: int = 15, visible: float = 0.25, repeats: int = 5
) -> dict[str, float]:
    """Windows a second of one optimiser step, 120 frames of 25 joints, in 32-bit floats.

    Returns:
        "mgfm" (two views of each window), "mamp", and "ratio".
    """
    batch = random_batch(batch_size, 120)
    settings = replace(network(size), patch=patch)
    ours = Pretraining(settings, Objective(motion=1.0, visible=visible))
    theirs = MAMP(MAMPSettings())
    steps = {"mgfm": _stepper(ours, (batch, batch)), "mamp": _stepper(theirs, batch)}
    times: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(repeats + 1):
        for name, step in steps.items():
            begun = time.perf_counter()
            step()
            if repeat:  # the first one warms up
                times[name].append(time.perf_counter() - begun)
    rates = {name: batch_size / statistics.median(values) for name, values in times.items()}
    return {**rates, "ratio": rates["mgfm"] / rates["mamp"]}


def embedding_seconds(size: str = "base", joints: str = "coco17", frames: int = _HOUR) -> float:
    """Processor seconds that poses in two dimensions, an hour at 30 frames a second if not said, take from stored frames to an
    embedding of every 64 frames."""
    rng, n_joints = np.random.default_rng(0), len(skeleton(joints).joints)
    positions = rng.normal(scale=2.0, size=(frames, n_joints, 2)).cumsum(0).astype(np.float32)
    items = tuple(Item(f"{at}", at, at + _WINDOW) for at in range(0, frames - _WINDOW + 1, _WINDOW))
    seen = np.ones((frames, n_joints), dtype=np.float32)
    store = hold_store([Recording(positions, seen, "somebody", items)], joints)
    encoder = MGFM(network(size))
    begun = time.process_time()
    features(encoder, store, np.arange(len(store)), frames=_WINDOW)
    return time.process_time() - begun


def _stepper(module: nn.Module, batch: object) -> Callable[[], None]:
    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-4)

    def step() -> None:
        optimiser.zero_grad()
        module(batch)["loss"].backward()
        optimiser.step()

    return step


def main() -> None:
    """Print the rates of every size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    for size in ("tiny", "small", "base"):
        rates = pretraining_rates(size)
        print(", ".join(f"{name} {value:.1f}" for name, value in rates.items()), f"({size})")
        print(f"an hour of 17 joints embedded in {embedding_seconds(size):.1f} s of processor time ({size})")


if __name__ == "__main__":
    main()
