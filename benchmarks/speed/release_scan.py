"""Windows and scans of a release's poses beside raw Arrow of the same numbers: python -m benchmarks.speed.release_scan.

The poses are simulated: joints that walk at random, with a confidence that is noise, so they pack worse than an estimator's. All
sides are measured in one run, in turn, by CPU seconds of this process, which other programs on the machine disturb least.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from manifests.pose_index import PoseIndex
from manifests.pose_shards import write_shards
from manifests.poses import Poses, write_poses

__all__ = ["main"]

_FRAMES = 5_000  # of a clip
_WINDOWS = 300
_ROUNDS = 3


def main() -> None:
    """Run it and print a line a figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=12)
    parser.add_argument("--joints", type=int, default=133)
    parser.add_argument("--folder", type=Path, help="where to put it; by default a temporary folder")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="release-scan-", dir=options.folder))
    try:
        _run(folder, options.clips, options.joints)
    finally:
        shutil.rmtree(folder)


def _run(folder: Path, clips: int, joints: int) -> None:
    random = np.random.default_rng(0)
    files, raw = {}, folder / "raw.arrow"
    schema = pa.schema([pa.field("keypoints", pa.list_(pa.float32(), joints * 3))])
    with pa.OSFile(str(raw), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for i in range(clips):
            keypoints = walk(random, _FRAMES, joints)
            files[f"c{i:04d}"] = folder / f"c{i:04d}.parquet"
            boxes = np.tile(np.array([1, 2, 3, 4], np.float32), (_FRAMES, 1))
            write_poses(Poses(f"c{i:04d}", f"simulated{joints}", keypoints, boxes), files[f"c{i:04d}"])
            flat = pa.FixedSizeListArray.from_arrays(pa.array(keypoints.reshape(-1)), joints * 3)
            writer.write_batch(pa.record_batch([flat], schema=schema))
    write_shards(files, folder / "poses", quiet=True)
    shards = sorted((folder / "poses").glob("*.parquet"))
    packed, bytes_ = sum(path.stat().st_size for path in shards), clips * _FRAMES * joints * 12
    print(f"{bytes_ / 1e6:.0f} MB of keypoints; release {packed / bytes_:.2f}, Arrow {raw.stat().st_size / bytes_:.2f}")

    def scan_release() -> float:
        index = PoseIndex(shards)
        return sum(float(index.read(clip).keypoints[0, 0, 0]) for clip in index.clips())

    def scan_arrow() -> float:
        with pa.OSFile(str(raw), "rb") as source:
            reader = pa.ipc.open_file(source)
            batches = (reader.get_batch(i)["keypoints"].flatten() for i in range(reader.num_record_batches))
            return sum(float(np.asarray(batch).reshape(-1, joints, 3)[0, 0, 0]) for batch in batches)

    ours = min(_cpu(scan_release) for _ in range(_ROUNDS))
    theirs = min(_cpu(scan_arrow) for _ in range(_ROUNDS))
    print(f"scan, packed bytes to contiguous frames: {bytes_ / 1e6 / ours:.0f} MB/s of CPU; ", end="")
    print(f"raw Arrow {bytes_ / 1e6 / theirs:.0f} MB/s; ratio {theirs / ours:.2f}")
    index = PoseIndex(shards)
    index.read("c0000", 0, 64)
    seconds = [_cpu(_window(index, random, clips)) for _ in range(_WINDOWS)]
    print(
        f"window of 64 frames: median {np.median(seconds) * 1e3:.2f} ms of CPU, p95 {np.quantile(seconds, 0.95) * 1e3:.2f}"
    )


def walk(random: np.random.Generator, frames: int, joints: int) -> npt.NDArray[np.float32]:
    """(frames, joints, 3) simulated joints that walk at random, with a confidence that is noise."""
    keypoints = np.empty((frames, joints, 3), np.float32)
    steps = random.standard_normal((frames, joints, 2), dtype=np.float32) * 0.7
    keypoints[..., :2] = np.cumsum(steps, axis=0) + random.uniform(200, 600, (1, joints, 2))
    keypoints[..., 2] = random.uniform(0.5, 1, (frames, joints))
    return keypoints


def _window(index: PoseIndex, random: np.random.Generator, clips: int) -> Callable[[], object]:
    clip, start = f"c{int(random.integers(clips)):04d}", int(random.integers(_FRAMES - 64))
    return lambda: index.read(clip, start, start + 64)


def _cpu(do: Callable[[], object]) -> float:
    began = time.process_time()
    do()
    return time.process_time() - began


if __name__ == "__main__":
    main()
