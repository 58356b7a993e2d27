"""Shots found by us and by PySceneDetect's command, both in one run: which cuts, and how long each takes.

    python -m benchmarks.speed.shots
    python -m benchmarks.speed.shots --encoder fixed --shots 12 --size 640x360 --rounds 1

Each side is a whole process, in turn, and its CPU time is that of all processes it starts. `scenedetect` runs with
`detect-adaptive list-scenes`.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.interview import Interview, make_interview

__all__ = ["ENCODERS", "Found", "compare"]

ENCODERS = {
    "x264": ("-c:v", "libx264", "-preset", "veryfast"),
    "fixed": ("-c:v", "libx264", "-preset", "veryfast", "-x264-params", "scenecut=0:keyint=50"),
    "long": ("-c:v", "libx264", "-preset", "veryfast", "-x264-params", "scenecut=0:keyint=500:bframes=8:open-gop=1"),
    "no-b": ("-c:v", "libx264", "-preset", "ultrafast"),
    "x265": ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error"),
    "vp9": ("-c:v", "libvpx-vp9", "-b:v", "0", "-crf", "36", "-deadline", "realtime", "-cpu-used", "8"),
    "mpeg2": ("-c:v", "mpeg2video", "-q:v", "5", "-bf", "2", "-sc_threshold", "1000000000"),
}
_OURS = (
    "import json, sys; import numpy as np; from collector.frames import read_timeline; from collector.shots import find_shots; "
    "t = read_timeline(sys.argv[1]); print(json.dumps([int(np.searchsorted(t.pts, s.start_pts)) for s in find_shots(sys.argv[1], t)]))"
)


@dataclass(frozen=True)
class Found:
    """What one side found, and the median of what it took."""

    right: int
    missed: tuple[int, ...]
    false: tuple[int, ...]
    wall_s: float
    cpu_s: float


def compare(path: Path, interview: Interview, rounds: int) -> tuple[Found, Found]:
    """Ours, then theirs."""
    taken: tuple[list[tuple[float, float]], list[tuple[float, float]]] = ([], [])
    scenes = path.with_name(f"{path.stem}-Scenes.csv")
    theirs = [str(Path(sys.executable).with_name("scenedetect")), "-q", "-i", str(path), "-o", str(path.parent)]
    for _ in range(rounds):
        ours, *took = _run([sys.executable, "-c", _OURS, str(path)])
        taken[0].append((took[0], took[1]))
        _, *took = _run([*theirs, "detect-adaptive", "list-scenes"])
        taken[1].append((took[0], took[1]))
    with scenes.open(newline="") as file:
        starts = [int(row[1]) - 1 for row in csv.reader(file) if row and row[0].isdigit()]
    truth = set(interview.cuts)
    sides = []
    for cuts, times in ((set(json.loads(ours)[1:]), taken[0]), (set(starts[1:]), taken[1])):
        wall, cpu = (statistics.median(column) for column in zip(*times, strict=True))
        sides.append(Found(len(cuts & truth), tuple(sorted(truth - cuts)), tuple(sorted(cuts - truth)), wall, cpu))
    return sides[0], sides[1]


def _run(command: list[str]) -> tuple[str, float, float]:
    """What a process prints, and its wall and CPU seconds with those of its children."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return printed, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", choices=ENCODERS, default=[], action="append", help="x264 unless given")
    parser.add_argument("--shots", type=int, default=52)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    width, height = map(int, asked.size.split("x"))
    for encoder in asked.encoder or ["x264"]:
        with tempfile.TemporaryDirectory(prefix="mgcollect-") as folder:
            path = Path(folder, f"{encoder}.mkv")
            interview = make_interview(
                path, ENCODERS[encoder], shots=asked.shots, size=(width, height), seed=asked.seed
            )
            ours, theirs = compare(path, interview, asked.rounds)
        print(f"{encoder}: {interview.n_frames} frames, {len(interview.cuts)} cuts, flashes {interview.flashes}")
        for name, side in (("ours", ours), ("scenedetect", theirs)):
            print(f"  {name}: {side.right} right, missed {side.missed}, false {side.false}", end="; ")
            print(f"{side.wall_s:.2f} s wall, {side.cpu_s:.2f} s CPU")
        print(f"  faster: wall {theirs.wall_s / ours.wall_s:.2f}, CPU {theirs.cpu_s / ours.cpu_s:.2f}", flush=True)


if __name__ == "__main__":
    main()
