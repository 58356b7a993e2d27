"""Pre-training and what it is worth on five public sets: `python -m models.public_sets FOLDER --out results`.

FOLDER holds `kinder_gator.pkl` and `msrc12_streams.npz`, which are learnt from without their labels, and `msr_action3d.pkl`,
`utkinect.pkl` and `natops.pkl`, whose split is measured on; the pickles in pyskl's format. Every figure is a file of its own in
the results, so that a run that was killed goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.mgfm import MGFM
from models.prepare import prepare_pyskl
from models.pretrain import PretrainSettings, load_encoder, pretrain
from models.recognise import RecogniseSettings
from models.settings import load_settings
from models.store import Item, PoseStore, Recording, open_store, write_store
from models.transfer import Gain, kept_hits, measure_hits, transfer

__all__ = ["ACTION_SETS", "MEASURED", "action_set", "action_set_average", "measured_store", "pretraining_stores"]

MEASURED = {"msr_action3d": "msr20", "utkinect": "kinect20", "natops": "natops8"}

# MSR Action3D's three overlapping sets of eight actions (Li, Zhang, Liu, CVPRW 2010, table 1), by the actions' numbers from 1.
ACTION_SETS = {
    "AS1": (2, 3, 5, 6, 10, 13, 18, 20),
    "AS2": (1, 4, 7, 8, 9, 11, 12, 14),
    "AS3": (6, 14, 15, 16, 17, 18, 19, 20),
}


def pretraining_stores(folder: Path, out: Path) -> list[PoseStore]:
    """The two sets that are learnt from: whole trials and whole streams, no labels.

    Raises:
        FileNotFoundError: one is not in the folder.
    """
    stores = [
        _prepared(out / "kinder_gator") or prepare_pyskl(folder / "kinder_gator.pkl", out / "kinder_gator", "kinect20")
    ]
    streams = _prepared(out / "msrc12_streams")
    if streams is None:
        streams = write_store(_streams(folder / "msrc12_streams.npz"), out / "msrc12_streams", "kinect20")
    return [*stores, streams]


def measured_store(name: str, folder: Path, out: Path) -> PoseStore:
    """One of the sets that are measured on, with its parts "train" and "test".

    Raises:
        FileNotFoundError: it is not in the folder.
    """
    # The archive that NATOPS comes from has taken its positions relative to the body already.
    return _prepared(out / name) or prepare_pyskl(
        folder / f"{name}.pkl", out / name, MEASURED[name], in_body_frame=name == "natops"
    )


def action_set(store: PoseStore, name: str, part: str) -> npt.NDArray[np.int64]:
    """Items of one part of MSR Action3D whose action belongs to AS1, AS2 or AS3."""
    items = store.where(part)
    return items[np.isin(store.labels[items] + 1, ACTION_SETS[name])]


def action_set_average(
    store: PoseStore, encoder: MGFM, settings: RecogniseSettings, seeds: Sequence[int], cells: Path | None = None
) -> float:
    """Accuracy of fine-tuning on each of MSR Action3D's three sets alone, averaged over sets and seeds."""
    found = []
    for name in ACTION_SETS:
        train, test = (action_set(store, name, part) for part in ("train", "test"))
        for seed in seeds:
            find = partial(
                measure_hits, store, encoder, "fine_tune", train=train, test=test, settings=settings, seed=seed
            )
            found.append(kept_hits(cells / f"{name}-{seed}.json" if cells else None, find).mean())
    return float(np.mean(found))


def _prepared(path: Path) -> PoseStore | None:
    return open_store(path) if (path / "store.json").exists() else None


def _streams(path: Path) -> Iterator[Recording]:
    with np.load(path, allow_pickle=False) as content:
        positions, offset = content["keypoint"], content["offset"]
        names, people = content["stream"].tolist(), content["subject"].tolist()
    for name, person, start, end in zip(names, people, offset[:-1], offset[1:], strict=True):
        stream = positions[start:end].astype(np.float32)
        seen = np.ones(stream.shape[:2], np.float32)
        yield Recording(stream, seen, f"msrc12-{person}", (Item(name, 0, len(stream)),))


def main() -> None:
    """Pre-train, measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--sets", nargs="*", choices=[*MEASURED], default=[*MEASURED])
    parser.add_argument(
        "--pretrain", nargs="*", default=["training.minutes=10", "training.steps=1000000"], help="settings"
    )
    parser.add_argument("--recognise", nargs="*", default=[], help="settings")
    options = parser.parse_args()
    settings = load_settings(PretrainSettings, None, options.pretrain)
    pretrain(pretraining_stores(options.folder, options.out / "poses"), options.out / "mgfm", settings)
    encoder, _ = load_encoder(options.out / "mgfm")
    tuning = load_settings(RecogniseSettings, None, options.recognise)
    print("| set | measure | pre-trained | not | gain |\n|---|---|---|---|---|")
    for name in options.sets:
        store = measured_store(name, options.folder, options.out / "poses")
        cells = options.out / "cells" / name
        for gain in transfer(store, encoder, settings=tuning, seeds=range(options.seeds), cells=cells):
            share = f" with {gain.fraction:.0%}" if gain.measure == "fine_tune" else ""
            shown = (f"{100 * value:.1f} ({100 * low:.1f} to {100 * high:.1f})" for value, low, high in _columns(gain))
            print(f"| {name} | {gain.measure}{share} | {' | '.join(shown)} |", flush=True)
        if name == "msr_action3d":
            average = action_set_average(store, encoder, tuning, range(options.seeds), cells)
            print(f"| {name} | AS1 to AS3, fine_tune with 100% | {100 * average:.1f} | | |", flush=True)


def _columns(gain: Gain) -> tuple[tuple[float, float, float], ...]:
    return gain.value, gain.without, gain.difference


if __name__ == "__main__":
    main()
