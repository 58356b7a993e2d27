"""Small datasets for annotation: real clips of a few frames each, and proposals made by hand."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from manifests.tables import TABLES, Row, from_rows
from manifests.workspace import Workspace, open_workspace
from tests.manifests import samples

N_FRAMES = 50


def proposal(clip_id: str, start: int, end: int, label: str, score: float = 0.5, **changes: object) -> Row:
    proposal_id = f"{clip_id}-{start}-{end}-{label}"
    return samples.proposal(
        proposal_id, clip_id, start=start, end=end, label=label, score=score, model_version="by-hand-1", **changes
    )


def table(name: str, rows: list[Row]) -> pa.Table:
    return from_rows(TABLES[name], rows)


@contextmanager
def dataset(folder: Path, clip_ids: list[str], proposals: list[Row]) -> Iterator[Workspace]:
    """A dataset with one real clip file for each id (all the same picture), and one clip that was not kept."""
    with open_workspace(folder, create=True) as workspace:
        clips = folder / "clips" / "v1"
        clips.mkdir(parents=True)
        for clip_id in clip_ids:
            if not (clips / "picture.mp4").exists():
                _film(clips / "picture.mp4")
            (clips / f"{clip_id}.mp4").hardlink_to(clips / "picture.mp4")
        rows = [samples.clip(clip_id, n_frames=N_FRAMES) for clip_id in clip_ids]
        rows.append(samples.clip("not-kept", kept=False, reason="nobody", path=None, sha256=None, n_frames=0))
        workspace.write("clips", table("clips", rows))
        workspace.write("proposals", table("proposals", proposals))
        yield workspace


def _film(path: Path) -> None:
    source = f"testsrc=size=64x48:rate=25:duration={N_FRAMES / 25}"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p"]
    command += ["-g", "10", str(path)]
    subprocess.run(command, check=True)
