"""A simulated list of thousands of videos, fetched to its end by the real command, killed on the way if you like.

    python -m benchmarks.speed.fetch_scale --videos 3400 --workers 2
    python -m benchmarks.speed.fetch_scale --videos 400 --workers 2 --kills 20

Short real films from loopback, behind links that are slow, dead, changing or moody (`unsteady_site`). It checks that the counts are the
ones that the links imply, that a second pass with `--retry failed:gone` gets what came back, that nothing finished is asked
for again after a kill, and shows how memory goes: of the driver, and of the largest worker.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.speed.processes import kill_after, watch
from benchmarks.speed.unsteady_site import UnsteadySite, kind_of
from manifests.ids import video_id
from manifests.workspace import open_workspace

__all__ = ["ScaleReport", "simulate"]

_PER_PLAYER = 10
_FAILS = {"dead": "gone", "returns": "gone", "private": "private", "throttled": "throttled"}
_LATEST_KILL_S = {"local": 8.0, "ray": 45.0}  # Ray takes its time to start


@dataclass
class ScaleReport:
    """What a simulated run came to.

    Attributes:
        counts: ok and each kind of failure, after the first pass and after the retry.
        seconds: of each pass, kills and all.
        asked_again: videos that were asked for although an earlier start had finished them.
        lost: videos that were finished before a kill and not after it.
        mixed: videos that are none of the films that were served, whole.
        driver_mib, worker_mib: resident memory while a tenth, two tenths, … of the first pass's time had gone.
    """

    videos: int
    engine: str
    workers: int
    kills: int
    counts: list[dict[str, int]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    asked_again: int = 0
    lost: int = 0
    mixed: int = 0
    driver_mib: list[int] = field(default_factory=list)
    worker_mib: list[int] = field(default_factory=list)

    @property
    def as_expected(self) -> bool:
        """Whether all counts are the ones that the links imply, and nothing was lost or repeated."""
        expected = [_expected(self.videos, returned) for returned in (False, True)]
        return self.counts == expected and not self.asked_again and not self.lost and not self.mixed


def simulate(
    folder: Path, videos: int, *, workers: int = 2, engine: str = "local", kills: int = 0, seed: int = 0
) -> ScaleReport:
    """Fetch a simulated list twice: whole, then what came back meanwhile.

    Args:
        folder: an empty one, for films, list and dataset.
        kills: how often the first pass's driver is killed (SIGKILL) at a random moment, and started anew.
    """
    report = ScaleReport(videos, engine, workers, kills)
    moments = random.Random(seed)
    with _site(folder, videos) as site:
        command = [sys.executable, "-m", "mgcollect.main", "fetch", "--player-list", str(folder / "players.csv")]
        command += ["--dataset", str(folder / "dataset"), "--engine", engine, "--workers", str(workers), "--quiet"]
        started = time.monotonic()
        finished: dict[int, int] = {}  # number, and how often it had been asked for by then
        for _ in range(kills):
            kill_after(command, moments.uniform(0, _LATEST_KILL_S[engine]))
            time.sleep(1)  # for workers to follow their driver; what they have in hand is theirs to lose
            ok = _finished(folder, site, videos)
            report.lost += len(finished.keys() - ok)
            report.asked_again += sum(site.asked[number] != asked for number, asked in finished.items())
            finished = {number: site.asked[number] for number in ok}
        samples = watch(command, good=(0, 1)).samples
        report.seconds.append(time.monotonic() - started)
        report.driver_mib, report.worker_mib = (_tenths(samples, column) for column in (0, 1))
        report.counts.append(_counts(folder))
        report.asked_again += sum(site.asked[number] != asked for number, asked in finished.items())
        site.returned = True
        started = time.monotonic()
        watch([*command, "--retry", "failed:gone"], good=(0, 1))
        report.seconds.append(time.monotonic() - started)
        report.counts.append(_counts(folder))
        whole = {hashlib.sha256(film).hexdigest() for film in site.films}
        with open_workspace(folder / "dataset") as workspace:
            report.mixed = sum(found not in whole for found in workspace.read("videos")["sha256"].to_pylist())
    return report


@contextmanager
def _site(folder: Path, videos: int) -> Iterator[UnsteadySite]:
    """The site, and the list: every other player is found by addresses, the others in a feed that holds strangers too."""
    films = [_film(folder, seconds) for seconds in (1, 2, 3)]
    players = -(-videos // _PER_PLAYER)
    numbers = {p: range(p * _PER_PLAYER, min(videos, (p + 1) * _PER_PLAYER)) for p in range(players)}
    titles = {
        p: [*((number, f"{_name(p)} speaks") for number in mine), (videos + p, "Somebody Else speaks")]
        for p, mine in numbers.items()
    }
    with UnsteadySite(films, titles) as site:
        with (folder / "players.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("name", "urls", "feeds"))
            for p, mine in numbers.items():
                urls = "|".join(f"{site.url}/video/{number}.mp4" for number in mine)
                writer.writerow((_name(p), *((urls, "") if p % 2 == 0 else ("", f"{site.url}/feed/{p}.xml"))))
        yield site


def _name(player: int) -> str:
    return f"Simulated Player {player}"


def _film(folder: Path, seconds: int) -> Path:
    path = folder / f"film{seconds}.mp4"
    picture = ["-f", "lavfi", "-i", f"testsrc=size=320x240:rate=25:duration={seconds}", "-pix_fmt", "yuv420p"]
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *picture, path], check=True)
    return path


def _expected(videos: int, returned: bool) -> dict[str, int]:
    behaves = Counter(map(kind_of, range(videos)))
    counts: Counter[str] = Counter()
    for kind, count in behaves.items():
        counts["ok" if returned and kind == "returns" else _FAILS.get(kind, "ok")] += count
    return dict(sorted(counts.items()))


# --- looking -----------------------------------------------------------------------------------------------------------


def _tenths(samples: list[tuple[int, int, int]], column: int) -> list[int]:
    """The highest value of each tenth, in MiB."""
    n = len(samples)
    parts = [samples[n * i // 10 : n * (i + 1) // 10] for i in range(10)]
    return [max(sample[column] for sample in part) >> 20 for part in parts if part]


def _query(folder: Path, sql: str) -> list[tuple[str, ...]]:
    ledger = folder / "dataset" / "ledger.sqlite"
    if not ledger.exists():
        return []
    with closing(sqlite3.connect(ledger, timeout=60)) as db:
        return db.execute(sql).fetchall()


def _counts(folder: Path) -> dict[str, int]:
    rows = _query(
        folder, "SELECT COALESCE(CASE state WHEN 'failed' THEN kind END, state) FROM items WHERE stage = 'fetch'"
    )
    return dict(sorted(Counter(kind for (kind,) in rows).items()))


def _finished(folder: Path, site: UnsteadySite, videos: int) -> set[int]:
    try:
        ok = {item for (item,) in _query(folder, "SELECT item FROM items WHERE stage = 'fetch' AND state = 'ok'")}
    except sqlite3.OperationalError:  # killed before its tables were made
        return set()
    return {number for number in range(videos) if video_id(f"{site.url}/video/{number}.mp4") in ok}


def _shown(report: ScaleReport) -> str:
    rows = [
        f"{report.videos:,} videos, engine {report.engine}, {report.workers} workers, {report.kills} kills",
        f"first pass {report.seconds[0]:,.0f} s ({report.videos / report.seconds[0]:.1f} videos/s): {report.counts[0]}",
        f"retry of what was gone {report.seconds[1]:,.0f} s: {report.counts[1]}",
        f"lost {report.lost}, mixed {report.mixed}, asked for again {report.asked_again}; counts as expected: {report.as_expected}",
        f"driver, MiB by tenths of the run: {report.driver_mib}",
        f"largest worker, MiB by tenths of the run: {report.worker_mib}",
    ]
    return "\n".join(rows)


def main() -> None:
    """Run it and print the figures; status 1 where a count is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=3400)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", choices=["local", "ray"], default="local")
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the figures there as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mgcollect-scale-") as folder:
        report = simulate(
            Path(folder), options.videos, workers=options.workers, engine=options.engine, kills=options.kills
        )
    print(_shown(report))
    if options.out:
        options.out.write_text(json.dumps(asdict(report), indent=2) + "\n", encoding="utf-8")
    sys.exit(not report.as_expected)


if __name__ == "__main__":
    main()
