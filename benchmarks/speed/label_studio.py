"""A project of many clips pushed to a real Label Studio, annotated, and pulled by the real commands: rate, growth and memory.

    python -m benchmarks.speed.label_studio --clips 200 800 3400

The clips are one simulated film of two seconds under many names, with two proposals each; a scripted annotator accepts, moves
and rejects them in every fourth. Memory is that of the command and all that it starts; Label Studio, which is another program, is
not in it. Each size has a project of its own on one server.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from annotate.local_server import LocalLabelStudio
from annotate.project import open_project, tasks_of
from annotate.server import DOCUMENT_ROOT, KEY, ONCE, URL, Server, connect
from benchmarks.speed.processes import Watched, watch
from manifests.ids import clip_id, proposal_id, video_id
from manifests.tables import TABLES, Row, from_rows
from manifests.taxonomy import LABELS
from manifests.workspace import open_workspace

__all__ = ["main"]

_FRAMES, _FPS = 50, 25
_EVERY = 4  # of the clips one is annotated
_COMMANDS = ("push", "push again", "pull", "pull again")


def main() -> None:
    """Run it and print a line for each command and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, nargs="+", default=[200, 800, 3_400])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mgcollect-label-studio-") as name:
        root = Path(name)
        film = root / "film.mp4"
        _film(film)
        with LocalLabelStudio(root / "server", document_root=root, port=0) as studio:
            for count in options.clips:
                dataset = root / f"d{count}"
                _fill(dataset, film, count)
                for what, took in _measured(dataset, studio, count):
                    rate = f"{count / took.seconds:.0f} clips/s"
                    print(f"{count:,} clips, {what}: {took.seconds:.1f} s ({rate}), {took.peak_mib} MiB", flush=True)


def _measured(dataset: Path, studio: LocalLabelStudio, count: int) -> list[tuple[str, Watched]]:
    address = studio.address()
    environment = {URL: address.url, KEY: address.token, DOCUMENT_ROOT: str(studio.document_root)}
    title = f"{count} clips"
    found = []
    for what in _COMMANDS:
        if what == "pull":
            with connect(studio.address("annotator-1")) as server:
                _annotate(server, title)
        command = [sys.executable, "-m", "mgcollect.main", "annotate", what.split()[0], "--quiet"]
        command += ["--dataset", str(dataset), "--project", title]
        found.append((what, watch(command, environment={**os.environ, **environment}, log=dataset / "log")))
    with open_workspace(dataset) as workspace:
        rows = workspace.read("annotations").num_rows
    wanted = 2 * len(range(0, count, _EVERY))
    if rows != wanted:
        raise RuntimeError(f"{wanted} gestures were submitted and {rows} pulled")
    return found


def _annotate(server: Server, title: str) -> None:
    """Accept what is proposed in every fourth task, in the order in which they were made."""
    for task in tasks_of(server, open_project(server, title).id)[::_EVERY]:
        ((prediction, _),) = task.predictions.values()
        result = server.client.predictions.get(id=prediction).result
        server.client.annotations.create(id=task.task_id, result=result, request_options=ONCE)


def _fill(folder: Path, film: Path, count: int) -> None:
    """A dataset of so many kept clips, with files, and two proposals each."""
    clips: list[Row] = []
    proposals: list[Row] = []
    video = video_id(f"simulated:{count}")
    with open_workspace(folder, create=True):
        (folder / "clips" / video).mkdir(parents=True)
    for i in range(count):
        clip = clip_id(video, i * 90_000, (i + 2) * 90_000, "1/90000")
        path = f"clips/{video}/{clip}.mp4"
        (folder / path).hardlink_to(film)
        clips.append(_clip(clip, video, path, i))
        for start, label in ((2, LABELS[i % len(LABELS)]), (26, LABELS[(i + 7) % len(LABELS)])):
            proposals.append(_proposal(clip, start, start + 20, label))
    with open_workspace(folder) as workspace:
        workspace.write("clips", from_rows(TABLES["clips"], clips))
        workspace.write("proposals", from_rows(TABLES["proposals"], proposals))


def _clip(clip: str, video: str, path: str, i: int) -> Row:
    nothing: Row = dict.fromkeys(TABLES["clips"].schema.names)
    return nothing | {
        "clip_id": clip,
        "video_id": video,
        "player_id": f"P{i % 332:04d}",
        "start_pts": i * 90_000,
        "end_pts": (i + 2) * 90_000,
        "time_base": "1/90000",
        "start_s": float(i),
        "end_s": float(i + 2),
        "shot": 0,
        "fps_num": _FPS,
        "fps_den": 1,
        "n_frames": _FRAMES,
        "width": 64,
        "height": 48,
        "path": path,
        "sha256": f"{i:064x}",
        "player_share": 1.0,
        "people": 1.0,
        "kept": True,
        "made_by": "simulated",
    }


def _proposal(clip: str, start: int, end: int, label: str) -> Row:
    return {
        "proposal_id": proposal_id(clip, start, end, label, "simulated"),
        "clip_id": clip,
        "start": start,
        "end": end,
        "label": label,
        "score": 0.5,
        "top_labels": [label],
        "top_scores": [0.5],
        "model_version": "simulated",
        "made_by": "simulated",
    }


def _film(path: Path) -> None:
    source = f"testsrc=size=64x48:rate={_FPS}:duration={_FRAMES / _FPS}"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p", str(path)]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
