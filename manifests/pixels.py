"""The pixels of a release: none unless they are asked for, and then the clips as they were cut, or with hidden faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from manifests.errors import BadInput
from manifests.ids import file_sha256
from manifests.workspace import Workspace

__all__ = ["ClipFile", "Pixels", "released_pixels", "with_files"]

Pixels = Literal["none", "clips", "blurred"]
_SHOWN = 3
_WAYS = ("by_keypoints", "by_neighbours", "by_box", "whole_frames")


@dataclass(frozen=True)
class ClipFile:
    """A file to be released.

    Attributes:
        path: where it is.
        place: where in the release it goes.
        sha256: of its bytes.
    """

    path: Path
    place: str
    sha256: str


def released_pixels(
    workspace: Workspace, clips: pa.Table, pixels: Pixels
) -> tuple[dict[str, ClipFile], dict[str, Any]]:
    """The files to release of the kept clips, and what a reader must know of them.

    Returns:
        clip_id -> file; and "pixels", with the number of frames by how the face was found where faces are hidden.

    Raises:
        BadInput: a clip has no file, or not the one that its row names, or, with "blurred", no version with a hidden face of
            the clip as it is now.
    """
    if pixels == "none":
        return {}, {"pixels": pixels}
    rows = clips.select(["clip_id", "video_id", "path", "sha256", "n_frames"]).to_pylist()
    described: dict[str, Any] = {"pixels": pixels}
    sources = {row["clip_id"]: (row["path"], row["sha256"]) for row in rows}
    if pixels == "blurred":
        blurred = workspace.read("blurred")
        blurred = blurred.filter(pc.is_in(blurred["clip_id"], value_set=clips["clip_id"].combine_chunks()))
        frames = {row["clip_id"]: row["n_frames"] for row in rows}
        sources = {
            row["clip_id"]: (row["path"], row["sha256"])
            for row in blurred.to_pylist()
            if row["n_frames"] == frames[row["clip_id"]] == sum(row[way] for way in _WAYS)
        }
        if unhidden := sorted(frames.keys() - sources.keys()):
            raise BadInput(
                f"{_shown(unhidden)} no version with a hidden face, so nothing was released. Run the same command again, "
                "and see in `mgcollect status` why blurring failed."
            )
        described |= {way: int(pc.sum(blurred[way]).as_py() or 0) for way in _WAYS}
        described["clips_with_others_hidden"] = int(pc.sum(blurred["others_hidden"]).as_py() or 0)
    files = {
        row["clip_id"]: ClipFile(
            workspace.path_of(sources[row["clip_id"]][0]),
            f"clips/{row['video_id']}/{row['clip_id']}.mp4",
            sources[row["clip_id"]][1],
        )
        for row in rows
    }
    wrong = [clip for clip, file in files.items() if not file.path.is_file() or file_sha256(file.path) != file.sha256]
    if wrong:
        raise BadInput(f"{_shown(wrong)} lost or changed the file that the table names. Run `mgcollect segment` again.")
    return files, described


def with_files(clips: pa.Table, files: Mapping[str, ClipFile]) -> pa.Table:
    """The clips table as a release has it: `path` and `sha256` are of the released files, `path` is empty where there is none."""
    ids = clips["clip_id"].to_pylist()
    paths = [files[clip].place if clip in files else None for clip in ids]
    sums = [
        files[clip].sha256 if clip in files else had for clip, had in zip(ids, clips["sha256"].to_pylist(), strict=True)
    ]
    for name, values in (("path", paths), ("sha256", sums)):
        place = clips.schema.get_field_index(name)
        clips = clips.set_column(place, clips.schema.field(name), pa.array(values, pa.string()))
    return clips


def _shown(clips: list[str]) -> str:
    some = ", ".join(clips[:_SHOWN]) + (f" and {len(clips) - _SHOWN} more" if len(clips) > _SHOWN else "")
    return f"{len(clips)} clips ({some}) have" if len(clips) > 1 else f"Clip {some} has"
