"""A release as its readers see it: Parquet tables, checksums, and poses of any clip read alone.

release/
├── README.md            what it is; loads with `datasets.load_dataset(folder, "gestures")`
├── DATASHEET.md         how it came to be, and whom it is of
├── CHANGES              from the version before
├── LICENSE              the terms that the publisher chose
├── SHA256SUMS           of every other file
├── croissant.json       all of it in words for machines
├── plots/               classes, gestures and people
├── meta/info.json       version, schema versions, counts, path template, the labels of its taxonomy, its history
├── data/<table>/00000-of-00001.parquet
└── clips/<video_id>/<clip_id>.mp4, where it was built with pixels
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from manifests.errors import BadInput, SchemaMismatch
from manifests.parquet import read_parquet, row_count
from manifests.pose_index import PoseIndex
from manifests.poses import Poses
from manifests.tables import TABLES, empty
from manifests.taxonomy import LABELS

__all__ = ["INFO", "RELEASED", "RELEASE_FORMAT", "SUMS", "Release", "open_release"]

RELEASE_FORMAT = 1
INFO = "meta/info.json"
SUMS = "SHA256SUMS"
RELEASED = ("players", "videos", "clips", "poses", "proposals", "annotations", "gestures", "splits")


class Release:
    """An open release. Get one from `open_release`.

    Attributes:
        path: its folder.
        info: what meta/info.json says.
    """

    def __init__(self, path: Path, info: dict[str, Any]) -> None:
        self.path = path
        self.info = info

    def __reduce__(self) -> tuple[type[Release], tuple[Path, dict[str, Any]]]:
        # Open files don't travel to another process, which opens its own.
        return Release, (self.path, self.info)

    @property
    def version(self) -> str:
        """Its version, such as "1.0.0"."""
        return str(self.info["version"])

    @property
    def labels(self) -> tuple[str, ...]:
        """Its taxonomy: the labels that gestures may have, in the order of their class index; the 32 unless it says so."""
        return tuple(self.info.get("taxonomy", LABELS))

    @cached_property
    def digest(self) -> str:
        """sha256 of its list of checksums: the same for the same bytes, whatever the folder is called."""
        return hashlib.sha256((self.path / SUMS).read_bytes()).hexdigest()

    def shards(self, name: str) -> list[Path]:
        """The table's files, in order."""
        return sorted((self.path / "data" / name).glob("*.parquet"))

    def table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """One table whole. For poses, `poses` reads one clip alone.

        Raises:
            SchemaMismatch: another schema version.
            BadInput: a damaged file.
        """
        parts = [read_parquet(TABLES[name], shard, columns) for shard in self.shards(name)]
        if not parts:
            schema = empty(TABLES[name])
            return schema.select(columns) if columns else schema
        return pa.concat_tables(parts)

    def rows(self, name: str) -> int:
        """How many rows a table has, by its files' footers.

        Raises:
            SchemaMismatch: another schema version.
            BadInput: a damaged file.
        """
        return sum(row_count(TABLES[name], shard) for shard in self.shards(name))

    def clips_with_poses(self) -> Iterator[str]:
        """clip_id of every clip that has poses, in the order in which they lie: who reads them so reads each file once."""
        return self._poses.clips()

    def poses(self, clip_id: str) -> Poses:
        """One clip's poses; only the row groups that hold the clip are read.

        Raises:
            KeyError: the release holds no poses of that clip.
            BadInput: a damaged file.
        """
        return self._poses.read(clip_id)

    def window(self, clip_id: str, start: int, end: int) -> Poses:
        """Frames `[start, end)` of a clip's poses; only the blocks around them are read.

        Raises:
            KeyError: the release holds no poses of that clip.
            ValueError: the window is empty, or reaches outside the clip.
            BadInput: a damaged file.
        """
        return self._poses.read(clip_id, start, end)

    @cached_property
    def _poses(self) -> PoseIndex:
        return PoseIndex(self.shards("poses"))


def open_release(path: Path | str) -> Release:
    """Open a release's folder.

    Raises:
        BadInput: there is none, or its description is damaged.
        SchemaMismatch: it has another format version.
    """
    path = Path(path)
    described = path / INFO
    if not described.exists():
        raise BadInput(
            f"{path}: no release here (it has no {INFO}). Build one with `mgcollect release build --version 1.0.0`."
        )
    try:
        info = json.loads(described.read_text(encoding="utf-8"))
        found = int(info["format"])
        info["version"]
        taxonomy = info.get("taxonomy", [])
        if not isinstance(taxonomy, list) or not all(isinstance(label, str) for label in taxonomy):
            raise TypeError("taxonomy is no list of labels")
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{described} is damaged ({error}). Get the release anew.") from error
    if found != RELEASE_FORMAT:
        raise SchemaMismatch(
            f"{path}: the release has format {found}, made by {info.get('made_by', 'an unknown program')}; this mgcollect "
            f"reads format {RELEASE_FORMAT}. Use the mgcollect that made it, or ask its publisher for a newer one."
        )
    return Release(path, info)
