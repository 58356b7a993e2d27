"""Build, verify and read back a release of the paper's size, or a share of it: python -m benchmarks.speed.release_scale.

The corpus is simulated: people, clips and gestures in the numbers of iMiGUE-3K's abstract, poses that walk at random. It says
how long things take and how much memory and disk they need, and nothing about people.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.speed.release_scan import walk
from manifests.checks import verify
from manifests.ids import clip_id, gesture_id, video_id
from manifests.poses import Poses, write_poses
from manifests.release import Release, open_release
from manifests.release_build import Content, write_release
from manifests.splits import splits_of
from manifests.subjects import draw_people
from manifests.tables import TABLES, Row, from_rows
from manifests.taxonomy import LABELS

__all__ = ["main"]

_PEOPLE, _CLIPS, _FRAMES, _GESTURES = 332, 3_400, 37_000_000, 60_000
_FPS = 25
_WINDOWS = 500


def main() -> None:
    """Run it and print a line a step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=0.1, help="of the paper's size")
    parser.add_argument("--joints", type=int, default=17, help="17 as in coco17, 133 as in COCO-WholeBody")
    parser.add_argument("--folder", type=Path, help="where to put it; by default a temporary folder")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="release-scale-", dir=options.folder))
    try:
        _run(folder, options.share, options.joints)
    finally:
        shutil.rmtree(folder)


def _run(folder: Path, share: float, joints: int) -> None:
    random = np.random.default_rng(0)
    with _timed("simulate"):
        content = _simulated(folder / "poses", random, share, joints)
    with _timed("split"):
        tables = content.tables
        parts = draw_people(tables["gestures"], tables["players"], tables["videos"])
        tables["splits"] = splits_of(tables, parts)
    with _timed("build"):
        path = write_release(content, folder / "release", "1.0.0", quiet=True).path
    _say_memory("up to here")
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    print(f"{size / 1e9:.2f} GB on disk")
    with _timed("verify"):
        report = verify(path)
    print(f"{len(report.findings)} findings, {len(report.warnings)} warnings")
    release = open_release(path)
    clips = release.table("clips", ["clip_id", "n_frames"]).to_pylist()
    with _timed("scan keypoints, unpacked"):
        read = sum(release.poses(clip).keypoints.nbytes for clip in release.clips_with_poses())
    print(f"{read / 1e9:.2f} GB of keypoints")
    seconds = _random_windows(release, clips, random)
    print(
        f"window of 64 frames: median {np.median(seconds) * 1e3:.2f} ms, p95 {np.quantile(seconds, 0.95) * 1e3:.2f} ms"
    )
    _say_memory("all")


def _simulated(folder: Path, random: np.random.Generator, share: float, joints: int) -> Content:
    folder.mkdir(parents=True)
    n_clips = max(round(_CLIPS * share), 4)
    n_people, n_frames = max(round(_PEOPLE * share), 2), round(_FRAMES / _CLIPS)
    rows: dict[str, list[Row]] = {name: [] for name in ("players", "videos", "clips", "gestures")}
    files: dict[str, Path] = {}
    people = [f"P{i:04d}" for i in range(1, n_people + 1)]
    rows["players"] = [
        {"player_id": one, "gender": None, "country": None, "birth_year": None, "opt_out": False} for one in people
    ]
    for i in range(n_clips):
        video, clip = _rows_of(i, people[i % n_people], n_frames)
        rows["videos"].append(video)
        rows["clips"].append(clip)
        rows["gestures"] += _gestures(clip, random, round(_GESTURES / _CLIPS))
        files[clip["clip_id"]] = folder / f"{clip['clip_id']}.parquet"
        boxes = np.tile(np.array([100, 100, 500, 700], np.float32), (n_frames, 1))
        write_poses(
            Poses(clip["clip_id"], f"simulated{joints}", walk(random, n_frames, joints), boxes), files[clip["clip_id"]]
        )
    tables = {name: from_rows(TABLES[name], some) for name, some in rows.items()}
    tables |= {name: from_rows(TABLES[name], []) for name in ("proposals", "annotations")}
    return Content(tables, files, note="Simulated: poses walk at random.")


def _rows_of(i: int, person: str, n_frames: int) -> tuple[Row, Row]:
    url = f"simulated:{i}"
    maker, base, seconds = "simulated", f"1/{_FPS}", n_frames / _FPS
    video: Row = dict.fromkeys(TABLES["videos"].schema.names) | {
        "video_id": video_id(url),
        "player_id": person,
        "source_url": url,
        "outcome": ("win", "lose")[i % 2],
        "duration_s": seconds,
        "fps": float(_FPS),
        "variable_fps": False,
        "width": 1280,
        "height": 720,
        "bytes": 0,
        "sha256": "",
        "found_by": [],
        "checked_at": datetime(1970, 1, 1, tzinfo=UTC),
        "availability": "unknown",
        "made_by": maker,
    }
    clip: Row = dict.fromkeys(TABLES["clips"].schema.names) | {
        "clip_id": clip_id(video["video_id"], 0, n_frames, base),
        "video_id": video["video_id"],
        "player_id": person,
        "start_pts": 0,
        "end_pts": n_frames,
        "time_base": base,
        "start_s": 0.0,
        "end_s": seconds,
        "shot": 0,
        "fps_num": _FPS,
        "fps_den": 1,
        "n_frames": n_frames,
        "width": 1280,
        "height": 720,
        "player_share": 1.0,
        "people": 1.0,
        "kept": True,
        "made_by": maker,
    }
    return video, clip


def _gestures(clip: Row, random: np.random.Generator, many: int) -> Iterator[Row]:
    starts = np.sort(random.choice(clip["n_frames"] - 100, many, replace=False))
    for start in starts.tolist():
        end, label = start + int(random.integers(8, 100)), LABELS[int(random.integers(len(LABELS)))]
        yield {
            "gesture_id": gesture_id(clip["clip_id"], start, end, label),
            "clip_id": clip["clip_id"],
            "video_id": clip["video_id"],
            "player_id": clip["player_id"],
            "start": start,
            "end": end,
            "label": label,
            "description": None,
            "n_annotators": 2,
            "agreement": 1.0,
            "adjudicated": False,
            "made_by": "simulated",
        }


def _random_windows(release: Release, clips: list[Row], random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Seconds of each of many windows, anywhere; the first of a shard, which reads its footer, is among them."""
    seconds = []
    for _ in range(_WINDOWS):
        clip = clips[int(random.integers(len(clips)))]
        start = int(random.integers(clip["n_frames"] - 64))
        began = time.perf_counter()
        release.window(clip["clip_id"], start, start + 64)
        seconds.append(time.perf_counter() - began)
    return np.asarray(seconds)


def _say_memory(what: str) -> None:
    print(f"most memory, {what}: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB", flush=True)


@contextmanager
def _timed(what: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    print(f"{what}: {time.perf_counter() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
