"""`mgcollect pose` beside a plain loop over Ultralytics' `YOLO.track(imgsz=640)`: frames a second, and how far joints lie apart.

    python -m benchmarks.speed.poses --seconds 300

Interviews in 720p, those of the demo's three talkers, each over and over, are fetched and segmented by the real commands, once:
as many seconds as asked for together, of which clips show the player in a part. Then both sides estimate the same clips, in
turn, each in a process of its own that counts from its models being loaded: the loop as Ultralytics sets its threads, one
track a clip, keypoints kept; and the stage of `mgcollect pose`, one worker, from clips on disk to Parquet on disk. The loop
takes its time, so it may be given a share of each clip (`--loop-share`). Other programs only ever slow a side down, so of
several rounds the fastest one of each side counts.

Joints are compared where the loop is sure of them (0.5 or more), in frames where it has somebody whose box continues the
player's; a distance is a share of the height of the loop's box.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.speed.talkers import pieces
from benchmarks.speed.unsteady_site import UnsteadySite, numbers
from collector.people import iou
from collector.poses import EstimatePoses
from collector.weights import find_weights, import_ultralytics
from collector.yolo import JOINTS, share_cores
from manifests.poses import read_poses
from manifests.tables import Row, rows_of
from manifests.workspace import open_workspace

__all__ = ["Deviation", "compare"]

_CONTINUES = 0.3  # IoU of a box with the one before, to be the same person
_SURE = 0.5
_TALKERS = 3
_PIECE_S = 20.0  # a little less than the shortest of the demo's interviews lasts

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Deviation:
    """How the stage's poses of one clip differ from the loop's.

    Attributes:
        frames: in which both have the player.
        missed, extra: frames in which only the loop has the player; only the stage.
        other: frames in which the stage's box lies nearer to another person of the loop's than to the player.
        apart: distance of each joint that the loop is sure of, as a share of the height of the player's box.
    """

    frames: int
    missed: int
    extra: int
    other: int
    apart: Floats


def compare(people: list[tuple[Floats, Floats]], keypoints: Floats, boxes: Floats, start: Floats) -> Deviation:
    """Compare the loop's people of each frame, boxes (n, 4) and joints (n, 17, 3), with the stage's player; all in pixels.

    Args:
        keypoints, boxes: (frames, 17, 3) and (frames, 4) of the stage, NaN where it has nobody; may be longer than `people`.
        start: (4,) the box at which the player's track begins.
    """
    box, apart = start, [np.zeros(0, np.float32)]
    both = missed = extra = other = 0
    for (theirs, joints), ours, points in zip(people, boxes, keypoints, strict=False):
        overlap = iou(np.stack([box, start]), theirs) if len(theirs) else np.zeros((2, 1))
        best = overlap[0] if overlap[0].max() >= _CONTINUES else overlap[1]
        there, seen = bool(best.max() >= _CONTINUES), bool(np.isfinite(ours).all())
        missed, extra = missed + (there and not seen), extra + (seen and not there)
        if not there:
            continue
        who = int(best.argmax())
        box = theirs[who]
        if seen:
            both += 1
            other += int(iou(ours[None], theirs)[0].argmax() != who)
            distance = np.linalg.norm(points[:, :2] - joints[who, :, :2], axis=1) / (box[3] - box[1])
            apart.append(distance[joints[who, :, 2] >= _SURE])
    return Deviation(both, missed, extra, other, np.concatenate(apart))


def _prepare(folder: Path, seconds: float, weights: str) -> Path:
    """A dataset with clips of interviews of so many seconds together, by the real commands; one that is there stays."""
    dataset, players = folder / "dataset", folder / "players.csv"
    if not (dataset / "tables" / "clips.parquet").exists():
        films = [_again_and_again(film, seconds / _TALKERS) for film in pieces(folder, _TALKERS, _PIECE_S)]
        with UnsteadySite(films) as site:
            rows = [f"Simulated Player {number},{site.address(number)}" for number in numbers(_TALKERS)]
            players.write_text("\n".join(["name,urls", *rows, ""]), encoding="utf-8")
            for stage, *more in (["fetch", "--player-list", str(players)], ["segment", "--weights", weights]):
                command = [sys.executable, "-m", "mgcollect.main", stage, "--dataset", str(dataset), "--quiet", *more]
                subprocess.run(command, check=True)
    return dataset


def _again_and_again(film: Path, seconds: float) -> Path:
    out = film.with_stem(f"{film.stem}-for-{seconds:g}")
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-stream_loop", "-1", "-i", str(film)]
    subprocess.run([*command, "-t", f"{seconds:g}", "-c", "copy", str(out)], check=True)
    return out


def _clips(dataset: Path) -> list[Row]:
    with open_workspace(dataset) as workspace:
        return [row for row in rows_of(workspace.read("clips")) if row["kept"]]


def _loop(dataset: Path, out: Path, weights: str, share: float) -> tuple[int, float, float]:
    """Ultralytics' loop over all clips: frames, seconds on the clock and of processors."""
    model = import_ultralytics().YOLO(find_weights(weights).path)
    model.predict(np.zeros((720, 1280, 3), np.uint8), imgsz=640, device="cpu", verbose=False)
    frames, start, cpu = 0, time.monotonic(), _cpu_s()
    for clip in _clips(dataset):
        found: dict[str, Any] = {}
        results = model.track(dataset / clip["path"], imgsz=640, stream=True, device="cpu", verbose=False)
        for index, result in enumerate(results):
            if index >= share * clip["n_frames"]:
                break
            frames += 1
            found[f"boxes{index}"] = result.boxes.xyxy.numpy()
            found[f"joints{index}"] = result.keypoints.data.numpy()
        np.savez(out / clip["clip_id"], **found)
        model.predictor = None  # the next clip's people are others
    return frames, time.monotonic() - start, _cpu_s() - cpu


def _stage(dataset: Path, out: Path, weights: str, device: str | None) -> tuple[int, float, float]:
    """The stage over all clips, likewise."""
    stage = EstimatePoses(str(dataset), str(out), find_weights(weights), device=device, threads=share_cores(1))
    stage.setup()
    frames, start, cpu = 0, time.monotonic(), _cpu_s()
    for clip in _clips(dataset):
        list(stage.process(clip))
        frames += clip["n_frames"]
    return frames, time.monotonic() - start, _cpu_s() - cpu


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _deviations(dataset: Path, loop: Path, stage: Path) -> list[tuple[Row, Deviation]]:
    found = []
    for clip in _clips(dataset):
        poses = read_poses(stage / f"{clip['clip_id']}.parquet")
        with np.load(loop / f"{clip['clip_id']}.npz") as kept:
            people = [
                (kept[f"boxes{n}"], kept[f"joints{n}"].reshape(-1, JOINTS, 3)) for n in range(len(kept.files) // 2)
            ]
        start = np.asarray(clip["player_box"], np.float32)
        found.append((clip, compare(people, poses.keypoints, poses.boxes, start)))
    return found


def _tell(name: str, found: list[Deviation]) -> None:
    apart = np.concatenate([one.apart for one in found]) * 100
    counts = f"{sum(one.frames for one in found)} frames, {sum(one.missed for one in found)} missed"
    counts += f", {sum(one.extra for one in found)} extra, {sum(one.other for one in found)} another person"
    print(
        f"{name}: joints {apart.mean():.2f} % of the height apart, 95th percentile {np.percentile(apart, 95):.1f}; {counts}"
    )


def main() -> None:
    """Measure both sides in turn, and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--weights", default="yolo11n-pose.pt")
    parser.add_argument("--loop-share", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="of the stage; the loop always takes the CPU")
    parser.add_argument("--folder", type=Path, help="keep film, dataset and poses there")
    parser.add_argument("--side", choices=["loop", "stage"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mgcollect-poses-") as name:
        folder: Path = options.folder or Path(name)
        loop, stage = folder / "loop", folder / "stage"
        if options.side:
            if options.side == "loop":
                took = _loop(folder / "dataset", loop, options.weights, options.loop_share)
            else:
                took = _stage(folder / "dataset", stage, options.weights, options.device)
            print(json.dumps(took))
            return
        loop.mkdir(parents=True, exist_ok=True)
        stage.mkdir(exist_ok=True)
        dataset = _prepare(folder, options.seconds, options.weights)
        fastest = {"loop": 0.0, "stage": 0.0}
        for _ in range(options.rounds):
            rates = {}
            for side in ("loop", "stage"):
                frames, seconds, cpu_s = _run(folder, side, options)
                rates[side] = frames / seconds, frames / cpu_s
                fastest[side] = max(fastest[side], frames / seconds)
                print(
                    f"{side}: {frames} frames, {frames / seconds:.1f} a second, {1000 * cpu_s / frames:.1f} ms of processors each"
                )
            clock, cpu = (rates["stage"][n] / rates["loop"][n] for n in (0, 1))
            print(
                f"the stage is {clock:.1f} times as fast on the clock, {cpu:.1f} times in time of processors",
                flush=True,
            )
        print(f"by the fastest round of each side: {fastest['stage'] / fastest['loop']:.1f} times as fast on the clock")
        found = _deviations(dataset, loop, stage)
        _tell("all clips", [one for _, one in found])
        if shared := [one for clip, one in found if clip["people"] >= 1.5]:
            _tell("clips with two people", shared)
        _tell("the worst clip", [max((one for _, one in found if len(one.apart)), key=lambda one: one.apart.mean())])


def _run(folder: Path, side: str, options: argparse.Namespace) -> tuple[int, float, float]:
    command = [sys.executable, "-m", "benchmarks.speed.poses", "--side", side, "--folder", str(folder)]
    command += ["--weights", options.weights, "--loop-share", str(options.loop_share), "--device", options.device]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    frames, seconds, cpu_s = json.loads(done.stdout.splitlines()[-1])
    return frames, seconds, cpu_s


if __name__ == "__main__":
    main()
