"""`python -m benchmarks.simulator`: write a simulated dataset, draw sheets of gestures, measure speed and difficulty."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from benchmarks.simulator.corpus import simulate, write_dataset
from benchmarks.simulator.difficulty import measure
from benchmarks.simulator.estimator import N_JOINTS
from benchmarks.simulator.sheets import draw_sheet
from manifests.errors import MgcollectError
from manifests.taxonomy import LABELS

__all__ = ["main"]


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulator", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    write = commands.add_parser("write", help="write a simulated dataset to a new folder")
    write.add_argument("folder", type=Path)
    write.add_argument("--people", type=int, default=20)
    write.add_argument("--videos", type=int, default=40)
    write.add_argument("--minutes", type=float, default=5.0, help="mean length of a video")
    write.add_argument("--gestures-per-minute", type=float, default=9.0)
    write.add_argument("--seed", type=int, default=0)
    write.add_argument("--noise", type=float, default=1.0, help="factor on the estimator's errors; 0 is a perfect one")
    write.add_argument("--skeleton", choices=sorted(N_JOINTS), default="coco17")
    sheet = commands.add_parser("sheet", help="draw stick figures of some classes")
    sheet.add_argument("picture", type=Path)
    sheet.add_argument("labels", nargs="*", choices=[*LABELS, []], help="classes; all without")
    sheet.add_argument("--seed", type=int, default=0)
    commands.add_parser("speed", help="frames a second of processor time, on one core")
    difficulty = commands.add_parser("difficulty", help="how well plain methods recognise the gestures")
    difficulty.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    arguments = _arguments(argv)
    try:
        match arguments.command:
            case "write":
                _write(arguments)
            case "sheet":
                draw_sheet(arguments.labels or LABELS, arguments.picture, arguments.seed)
            case "difficulty":
                for score in measure(arguments.seed):
                    print(score)
            case _:
                _speed()
    except MgcollectError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _write(arguments: argparse.Namespace) -> None:
    videos = simulate(
        people=arguments.people,
        videos=arguments.videos,
        skeleton=arguments.skeleton,
        seed=arguments.seed,
        minutes=arguments.minutes,
        gestures_per_minute=arguments.gestures_per_minute,
        noise=arguments.noise,
    )
    shown = tqdm(videos, total=arguments.videos, desc="simulate", unit="video", disable=None)
    frames = write_dataset(arguments.folder, iter(shown))
    print(f"{arguments.folder}: {arguments.videos} simulated videos of {arguments.people} people, {frames:,} frames")


def _speed() -> None:
    for skeleton in N_JOINTS:
        videos = simulate(people=8, videos=9, minutes=7, skeleton=skeleton)
        next(videos)  # the first one pays for imports and allocation
        start, frames = time.process_time(), 0
        for video in videos:
            frames += len(video.poses.keypoints)
        print(f"{skeleton}: {frames / (time.process_time() - start):,.0f} frames a second ({frames:,} frames)")


if __name__ == "__main__":
    sys.exit(main())
