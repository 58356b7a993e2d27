"""How long it takes to compare a dataset's recordings with each other, and what is found: `mgcollect duplicates` after decoding.

The recordings are simulated, as curves of movement: somebody who moves now more, now less, of whom one in twenty is an excerpt
of another, with noise. Decoding, which takes by far the longest, is not in the figures.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from collector.duplicates import compare
from collector.movement import RATE, Floats

__all__ = ["main", "recording"]

_COPIES = 20  # one recording in so many


def recording(seed: int, seconds: int = 420) -> Floats:
    """(samples, 9) curves of a simulated talker: four sources of movement with pauses, each seen by some of the blocks."""
    rng = np.random.default_rng(seed)
    steps = gaussian_filter1d(rng.normal(size=(seconds * RATE, 4)), rng.uniform(0.6, 1.4), axis=0)
    lively = np.clip(gaussian_filter1d(rng.normal(size=(seconds * RATE, 4)), 2 * RATE, axis=0) * 8, 0.05, 3)
    seen = rng.exponential(1.0, (4, 9)) * (rng.random((4, 9)) < 0.6)
    noise = rng.normal(0, 0.05, (seconds * RATE, 9))
    return np.asarray(120 + np.cumsum(steps * lively, axis=0) @ seen + noise, np.float32)


def main() -> None:
    """Print one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=400)
    wanted = parser.parse_args().recordings
    copies = wanted // _COPIES
    with tempfile.TemporaryDirectory() as folder:
        for number in range(wanted):
            original = number - (wanted - copies)
            curves = recording(number if original < 0 else original)
            if original >= 0:
                rng = np.random.default_rng(10**6 + number)
                start, length = (int(rng.uniform(*span)) * RATE for span in ((0, 200), (60, 220)))
                part = curves[start : start + length]
                curves = np.asarray(part * 1.1 + rng.normal(0, 0.15, part.shape), np.float32)
            np.save(Path(folder, f"{number:06d}.npy"), curves)
        started, processor = time.perf_counter(), time.process_time()
        names = [f"{number:06d}" for number in range(wanted)]
        links = list(compare(lambda name: np.load(Path(folder, f"{name}.npy"), allow_pickle=False), names, quiet=False))
    found = {(int(link.one), int(link.other)) for link in links}
    planted = {(number, wanted - copies + number) for number in range(copies)}
    print(
        f"{wanted} simulated recordings of 7 minutes, {copies} excerpts of others: {len(found & planted)} found, "
        f"{len(found - planted)} false links; {time.perf_counter() - started:.0f} s, {time.process_time() - processor:.0f} s "
        f"of processor time; most memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB"
    )


if __name__ == "__main__":
    main()
