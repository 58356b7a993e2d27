"""An hour of 720p interview fetched, segmented and posed by the real commands, and the most memory that each takes.

    python -m benchmarks.speed.hour_long --seconds 3600

The hour is the demo's real talkers over and over. Memory is that of the command and all that it starts, together, sampled
four times a second; what processes share counts several times, so it is never too little. For how the memory grows with the
length, give several lengths.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.speed.processes import Watched, watch
from benchmarks.speed.talkers import long_film
from benchmarks.speed.unsteady_site import UnsteadySite, numbers

__all__ = ["measure"]

_BOUND_MIB = 2048


def measure(folder: Path, film: Path, stages: list[str], weights: str) -> dict[str, Watched]:
    """Run the commands over one film from loopback, one worker each.

    Args:
        folder: where the dataset is made; one that is there is gone on with.
        weights: as `--weights` takes them.
    """
    dataset, players = folder / "dataset", folder / "players.csv"
    found = {}
    with UnsteadySite([film]) as site:
        [number] = numbers(1)
        players.write_text(f"name,urls\nSimulated Player,{site.address(number)}\n", encoding="utf-8")
        for stage in stages:
            more = ["--player-list", str(players)] if stage == "fetch" else ["--weights", weights]
            command = [sys.executable, "-m", "mgcollect.main", stage, "--dataset", str(dataset), "--quiet", *more]
            found[stage] = watch(command, log=folder / f"{stage}.log")
    return found


def main() -> None:
    """Run it and print what each command took; status 1 where one took more than 2 GiB."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, nargs="+", default=[3600.0])
    parser.add_argument("--stages", nargs="+", default=["fetch", "segment", "pose"])
    parser.add_argument("--weights", default="yolo11n-pose.pt")
    parser.add_argument("--folder", type=Path, help="keep film and dataset there")
    options = parser.parse_args()
    worst = 0
    with tempfile.TemporaryDirectory(prefix="mgcollect-hour-") as name:
        root = options.folder or Path(name)
        for seconds in options.seconds:
            folder = root / f"{seconds:g}"
            folder.mkdir(parents=True, exist_ok=True)
            found = measure(folder, long_film(root, seconds), options.stages, options.weights)
            for stage, took in found.items():
                worst = max(worst, took.peak_mib)
                times = f"{took.seconds:,.0f} s ({took.cpu_s:,.0f} s of processors)"
                print(f"{seconds:,.0f} s of video, {stage}: at most {took.peak_mib:,} MiB, {times}", flush=True)
    sys.exit(worst >= _BOUND_MIB)


if __name__ == "__main__":
    main()
