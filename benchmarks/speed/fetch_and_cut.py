"""Twenty 12-second 720p links from loopback, fetched and cut into shots, by mgcollect and by video2dataset 1.3.

    python -m venv v2d && v2d/bin/pip install video2dataset==1.3.0 && v2d/bin/pip install pyarrow==17.0.0
    python -m benchmarks.speed.fetch_and_cut --video2dataset "$PWD/v2d/bin/python"

Both start from a list of addresses and end with clips on the disk, and every second counts, that of starting Python too:

- video2dataset: downloads, PySceneDetect's content detector, clips by ffmpeg. "copy" cuts at keyframes only, "exact" encodes
  again. Two processes, a shard of ten links each; its other settings are its defaults.
- mgcollect cut: `mgcollect fetch`, then shots and clips as `mgcollect segment` makes them (frame-exact, each verified by
  decoding; copied where a shot begins and ends at keyframes), of every shot and without looking for the player. `--fixed` gives
  all sides films whose shots don't, of which we copy nothing.
- mgcollect: `mgcollect fetch` and `mgcollect segment`, which also finds the player, and cuts only what shows him.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed.processes import watch
from benchmarks.speed.talkers import pieces
from benchmarks.speed.unsteady_site import UnsteadySite, numbers
from collector.clips import cut
from collector.engine import run_stage
from collector.frames import read_timeline
from collector.shots import find_shots
from manifests.tables import Row, rows_of
from manifests.workspace import open_workspace

__all__ = ["CutShots", "Side"]

_LINKS, _SECONDS, _WORKERS = 20, 12.0, 2
_MGCOLLECT = [sys.executable, "-m", "mgcollect.main"]
_THEIRS = """
import json, sys
from video2dataset import video2dataset
links, out, precision = sys.argv[1:]
video2dataset(
    links, out, output_format="files", input_format="csv", url_col="url",
    config={
        "subsampling": {
            "CutDetectionSubsampler": {
                "cuts_are_clips": True,
                "args": {"cut_detection_mode": "all", "framerates": None, "threshold": 27, "min_scene_len": 15},
            },
            "ClippingSubsampler": {
                "args": {"min_length": 0.0, "max_length": 999999.0, "max_length_strategy": "all", "precision": precision}
            },
        },
        "reading": {
            "yt_args": {"download_size": 720, "download_audio_rate": 44100, "yt_metadata_args": None},
            "timeout": 60,
            "sampler": None,
        },
        "storage": {"number_sample_per_shard": 10, "oom_shard_count": 5, "captions_are_subtitles": False},
        "distribution": {
            "processes_count": 2, "thread_count": 2, "subjob_size": 1000, "distributor": "multiprocessing",
        },
    },
)
"""


@dataclass
class Side:
    """What one side took, round by round, and what it left.

    Attributes:
        links: that it was given.
        seconds, cpu_s: on the clock, and of all processors together.
        failed: links of which it made nothing.
        clips: files that it cut.
    """

    name: str
    links: int
    seconds: list[float]
    cpu_s: list[float]
    failed: int = 0
    clips: int = 0

    @property
    def links_s(self) -> float:
        """Links a second, by the median round."""
        return self.links / statistics.median(self.seconds)


@dataclass(frozen=True)
class CutShots:
    """Stage: a video in, a clip of every shot of it on the disk."""

    root: str
    name: str = "cut"
    table: str = "clips"

    def key(self, item: Row) -> str:
        return str(item["video_id"])

    def fingerprint(self, item: Row) -> str:
        return str(item["sha256"])

    def setup(self) -> None:
        """Nothing to load."""

    def process(self, item: Row) -> Iterator[Row]:
        source = Path(self.root, item["path"])
        timeline = read_timeline(source)
        for number, shot in enumerate(find_shots(source, timeline)):
            out = Path(self.root, "clips", item["video_id"], f"{number}.mp4")
            cut(source, timeline, shot.start_pts, shot.end_pts, out)
        yield from ()


def _cut_all(dataset: Path) -> int:
    with open_workspace(dataset) as workspace:
        videos = list(rows_of(workspace.read("videos")))
        return run_stage(CutShots(str(dataset)), videos, workspace, workers=_WORKERS, quiet=True).exit_code


# --- the sides ---------------------------------------------------------------------------------------------------------


def _ours(side: Side, folder: Path, addresses: list[str], then: Callable[[Path], list[str]]) -> None:
    players, dataset, log = folder / "players.csv", folder / "dataset", folder / "log.txt"
    players.write_text(f"name,urls\nSimulated Player,{'|'.join(addresses)}\n", encoding="utf-8")
    words = ["--dataset", str(dataset), "--workers", str(_WORKERS), "--quiet"]
    fetch = [*_MGCOLLECT, "fetch", "--player-list", str(players), *words]
    took = [watch(fetch, log=log), watch(then(dataset), log=log)]
    side.seconds.append(sum(one.seconds for one in took))
    side.cpu_s.append(sum(one.cpu_s for one in took))
    with open_workspace(dataset) as workspace:
        side.failed = len(addresses) - workspace.read("videos").num_rows
        for stage in ("segment", "cut"):
            side.failed += sum(entry.state == "failed" for entry in workspace.ledger.entries(stage).values())
    side.clips = len(list(dataset.glob("clips/*/*.mp4")))


def _theirs(side: Side, folder: Path, addresses: list[str], python: str, precision: str) -> None:
    links, out = folder / "links.csv", folder / "out"
    links.write_text("\n".join(["url", *addresses]) + "\n", encoding="utf-8")
    took = watch([python, "-c", _THEIRS, str(links), str(out), precision], log=folder / "log.txt")
    side.seconds.append(took.seconds)
    side.cpu_s.append(took.cpu_s)
    stats = [json.loads(path.read_text()) for path in out.glob("*_stats.json")]
    side.failed = len(addresses) - sum(found["successes"] for found in stats)
    side.clips = len(list(out.glob("*/*.mp4")))


def _sides(python: str | None, exact: bool) -> dict[str, Callable[[Side, Path, list[str]], None]]:
    def segment(dataset: Path) -> list[str]:
        return [*_MGCOLLECT, "segment", "--dataset", str(dataset), "--workers", str(_WORKERS), "--quiet"]

    def cut_only(dataset: Path) -> list[str]:
        return [sys.executable, "-m", "benchmarks.speed.fetch_and_cut", "--cut", str(dataset)]

    sides: dict[str, Callable[[Side, Path, list[str]], None]] = {
        "mgcollect cut": lambda side, folder, links: _ours(side, folder, links, cut_only),
        "mgcollect": lambda side, folder, links: _ours(side, folder, links, segment),
    }
    if python:
        sides["video2dataset copy"] = lambda side, folder, links: _theirs(side, folder, links, python, "low")
    if python and exact:
        sides["video2dataset exact"] = lambda side, folder, links: _theirs(side, folder, links, python, "exact")
    return sides


def _has_it(python: str) -> bool:
    try:
        done = subprocess.run([python, "-c", "import video2dataset"], capture_output=True, text=True, check=False)
    except OSError as error:
        print(f"{python}: {error.strerror}. video2dataset is left out.")
        return False
    if done.returncode:
        print(f"{python} can't import video2dataset ({done.stderr.strip().splitlines()[-1]}). It is left out.")
    return done.returncode == 0


def main() -> None:
    """Run all sides in turn, and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video2dataset", metavar="PYTHON", help="the Python that has video2dataset 1.3.0")
    parser.add_argument("--exact", action="store_true", help="also its exact cutting, which takes minutes")
    parser.add_argument("--only", nargs="+", help="sides to run, by name")
    parser.add_argument("--links", type=int, default=_LINKS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fixed", action="store_true", help="films with keyframes at equal distances, not at cuts")
    parser.add_argument("--films", type=Path, help="keep the films there")
    parser.add_argument("--cut", type=Path, metavar="DATASET", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cut:
        sys.exit(_cut_all(options.cut))
    if not options.video2dataset:
        print("video2dataset is left out: name the Python that has it (--video2dataset).")
    python = options.video2dataset if options.video2dataset and _has_it(options.video2dataset) else None
    with tempfile.TemporaryDirectory(prefix="mgcollect-cut-") as name:
        for side in _measure(Path(name), options, _sides(python, options.exact)):
            times = f"{min(side.seconds):.1f} to {max(side.seconds):.1f} s, {statistics.median(side.cpu_s):.1f} cpu-s"
            print(f"{side.name}: {side.links_s:.2f} links/s ({times}), {side.failed} failed, {side.clips} clips")


def _measure(folder: Path, options: Any, sides: dict[str, Callable[[Side, Path, list[str]], None]]) -> list[Side]:
    films = options.films or folder
    films.mkdir(parents=True, exist_ok=True)
    found = {name: Side(name, options.links, [], []) for name in sides if not options.only or name in options.only}
    with UnsteadySite(pieces(films, options.links, _SECONDS, fixed=options.fixed)) as site:
        addresses = [site.address(number) for number in numbers(options.links)]
        for number in range(options.rounds):
            for name, side in found.items():
                place = folder / f"{name}-{number}".replace(" ", "-")
                place.mkdir()
                sides[name](side, place, addresses)
    return list(found.values())


if __name__ == "__main__":
    main()
