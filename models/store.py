"""A prepared store of poses: one flat file of frames that is memory-mapped, and a table of what lies where.

store/
├── store.json       format version, skeleton, dimensions, classes, digest, who made it
├── items.parquet    one row an item: name, start, end (rows of poses.f32), label, person, part
└── poses.f32        little-endian float32 (frames, joints, dims + 1): positions, then confidence from 0 to 1

Items are clips, or gestures within clips; they may overlap. Frames are written as they come and read where they are wanted, so
neither preparing nor training holds a corpus in memory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from manifests.errors import BadInput, SchemaMismatch, explain_write_errors
from manifests.parquet import replacing, write_text
from manifests.provenance import made_by
from models.skeletons import Skeleton, skeleton

__all__ = ["SEEN", "STORE_FORMAT", "Item", "PoseStore", "Recording", "hold_store", "open_store", "write_store"]

STORE_FORMAT = 1
SEEN = 0.05  # confidence above which a joint counts as seen
_MARKER = "store.json"
_ITEMS = "items.parquet"
_POSES = "poses.f32"

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Item:
    """A stretch of a recording that is one sample.

    Attributes:
        name: what a score or an embedding is filed under.
        start: first frame of the recording.
        end: one past its last frame.
        label: class index, -1 if unknown.
        part: part of the split it belongs to, such as "train"; empty if none.
    """

    name: str
    start: int
    end: int
    label: int = -1
    part: str = ""


@dataclass(frozen=True)
class Recording:
    """Unbroken poses of one person.

    Attributes:
        positions: (frames, columns, 2 or 3) in the source's joints and units; y points up unless the store says otherwise.
        confidence: (frames, columns) from 0 to 1; 0 where a joint wasn't seen.
        person: pseudonym; empty if unknown.
        items: the stretches that are samples.
    """

    positions: Floats
    confidence: Floats
    person: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class PoseStore:
    """An open store. Get one from `open_store`.

    Attributes:
        path: its folder.
        skeleton: the joints, in the canonical order of `skeleton.joints`.
        poses: (frames, joints, dims + 1) float32, memory-mapped unless the store is held in memory.
        starts: (items,) first row of each item.
        ends: (items,) one past the last row.
        labels: (items,) class index, -1 if unknown.
        people: (items,) pseudonym, empty if unknown.
        parts: (items,) part of the split, empty if none.
        names: (items,)
        classes: names of the classes; empty if there are none.
        y_down: whether y grows downwards, as in pictures.
        in_body_frame: whether positions come with their origin between the shoulders and about a shoulder width as unit.
        gapless: whether every joint was seen in every frame.
        digest: sha256 of the frames and the items.
    """

    path: Path
    skeleton: Skeleton
    poses: Floats
    starts: Ints
    ends: Ints
    labels: Ints
    people: npt.NDArray[np.str_]
    parts: npt.NDArray[np.str_]
    names: npt.NDArray[np.str_]
    classes: tuple[str, ...]
    y_down: bool
    in_body_frame: bool
    gapless: bool
    digest: str

    @property
    def dims(self) -> int:
        """2 or 3."""
        return self.poses.shape[2] - 1

    @property
    def lengths(self) -> Ints:
        """(items,) frames of each."""
        return self.ends - self.starts

    def __len__(self) -> int:
        return len(self.starts)

    def where(self, part: str) -> Ints:
        """Indices of the items of one part of the split.

        Raises:
            BadInput: none belongs to it.
        """
        found = np.flatnonzero(self.parts == part)
        if not len(found):
            known = ", ".join(sorted({str(name) for name in self.parts if name})) or "none"
            raise BadInput(f"{self.path}: no item belongs to part {part!r}. Parts there: {known}.")
        return found


@dataclass
class _Columns:
    """What is gathered while recordings are written."""

    name: list[str] = field(default_factory=list)
    start: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)
    label: list[int] = field(default_factory=list)
    person: list[str] = field(default_factory=list)
    part: list[str] = field(default_factory=list)


def write_store(
    recordings: Iterable[Recording],
    out: Path | str,
    skeleton_name: str,
    *,
    classes: Sequence[str] = (),
    y_down: bool = False,
    in_body_frame: bool = False,
) -> PoseStore:
    """Write recordings one after the other and open the store.

    Args:
        recordings: consumed one at a time; none is kept in memory.
        out: a new or existing folder; a store there is replaced.
        skeleton_name: the joint set of the recordings' columns.

    Raises:
        BadInput: there is no recording, one has other joints or dimensions, or an item lies outside its recording.
        CannotWrite: the folder is read-only or its disk full.
    """
    out, joint_set, columns = Path(out), skeleton(skeleton_name), _Columns()
    checksum, frames, dims, gapless = hashlib.sha256(), 0, 0, True
    with replacing(out / _POSES) as temporary, temporary.open("wb") as file:
        for recording in recordings:
            block = _block(recording, joint_set)
            dims = dims or block.shape[-1] - 1
            if block.shape[-1] - 1 != dims:
                raise BadInput(f"A recording has {block.shape[-1] - 1} dimensions, those before it {dims}.")
            with explain_write_errors(temporary):
                file.write(data := block.tobytes())
            checksum.update(data)
            gapless &= bool((block[..., -1] > SEEN).all())
            _add_items(columns, recording, frames)
            frames += len(block)
    if not columns.name:
        (out / _POSES).unlink()
        raise BadInput("There is no recording to prepare: the source has no clip with poses.")
    items = pa.table(vars(columns))
    with replacing(out / _ITEMS) as temporary:
        pq.write_table(items, temporary, compression="zstd")
    checksum.update(json.dumps(items.to_pydict()).encode())
    info = {
        "format": STORE_FORMAT,
        "skeleton": skeleton_name,
        "frames": frames,
        "dims": dims,
        "classes": list(classes),
        "y_down": y_down,
        "in_body_frame": in_body_frame,
        "gapless": gapless,
        "digest": checksum.hexdigest(),
        "made_by": made_by(),
    }
    write_text(out / _MARKER, json.dumps(info, indent=2) + "\n")
    return open_store(out)


def hold_store(
    recordings: Sequence[Recording],
    skeleton_name: str,
    *,
    classes: Sequence[str] = (),
    y_down: bool = False,
    in_body_frame: bool = False,
) -> PoseStore:
    """A store in memory, for a few recordings that are looked at once. As `write_store`, without a folder or a digest.

    Raises:
        BadInput: as `write_store`.
    """
    joint_set, columns, blocks, frames = skeleton(skeleton_name), _Columns(), [], 0
    for recording in recordings:
        blocks.append(_block(recording, joint_set))
        _add_items(columns, recording, frames)
        frames += len(blocks[-1])
    if not columns.name:
        raise BadInput("There is no recording to prepare: the source has no clip with poses.")
    poses = np.concatenate(blocks)
    return _store(
        Path(),
        joint_set,
        poses,
        vars(columns),
        {
            "classes": classes,
            "y_down": y_down,
            "in_body_frame": in_body_frame,
            "gapless": (poses[..., -1] > SEEN).all(),
            "digest": "",
        },
    )


def _block(recording: Recording, joint_set: Skeleton) -> Floats:
    both = np.concatenate([recording.positions, recording.confidence[..., None]], axis=-1, dtype="<f4")
    chosen = joint_set.select(both)
    if not np.isfinite(chosen).all():
        raise BadInput(f"{_called(recording)} holds NaN or infinity; an unseen joint is confidence 0.")
    return chosen


def _called(recording: Recording) -> str:
    return f"The recording of {recording.items[0].name!r}" if recording.items else "A recording"


def _add_items(columns: _Columns, recording: Recording, offset: int) -> None:
    for item in recording.items:
        if not 0 <= item.start < item.end <= len(recording.positions):
            raise BadInput(
                f"Item {item.name!r} is frames [{item.start}, {item.end}), "
                f"but its recording has {len(recording.positions)}."
            )
        columns.name.append(item.name)
        columns.start.append(offset + item.start)
        columns.end.append(offset + item.end)
        columns.label.append(item.label)
        columns.person.append(recording.person)
        columns.part.append(item.part)


def open_store(path: Path | str) -> PoseStore:
    """Open a store that `write_store` wrote.

    Raises:
        BadInput: there is none, or it is damaged.
        SchemaMismatch: it is of another format version.
    """
    path = Path(path)
    try:
        info = json.loads((path / _MARKER).read_text(encoding="utf-8"))
        if info["format"] != STORE_FORMAT:
            raise SchemaMismatch(
                f"{path}: a store of format {info['format']}; this mgcollect reads format {STORE_FORMAT}. Prepare it anew."
            )
        items = pq.read_table(path / _ITEMS).to_pydict()
        joint_set = skeleton(info["skeleton"])
        shape = (int(info["frames"]), len(joint_set.joints), int(info["dims"]) + 1)
        poses = np.memmap(path / _POSES, dtype="<f4", mode="r", shape=shape)
    except FileNotFoundError as error:
        raise BadInput(f"{path}: no prepared poses here ({Path(error.filename).name} is missing).") from error
    except (ValueError, KeyError, TypeError, pa.ArrowInvalid) as error:
        raise BadInput(f"{path}: the prepared poses are damaged ({error}). Prepare them anew.") from error
    return _store(path, joint_set, poses, items, info)


def _store(
    path: Path, joint_set: Skeleton, poses: Floats, items: dict[str, list[Any]], info: Mapping[str, Any]
) -> PoseStore:
    return PoseStore(
        path=path,
        skeleton=joint_set,
        poses=poses,
        starts=np.array(items["start"], dtype=np.int64),
        ends=np.array(items["end"], dtype=np.int64),
        labels=np.array(items["label"], dtype=np.int64),
        people=np.array(items["person"], dtype=np.str_),
        parts=np.array(items["part"], dtype=np.str_),
        names=np.array(items["name"], dtype=np.str_),
        classes=tuple(info["classes"]),
        y_down=bool(info["y_down"]),
        in_body_frame=bool(info["in_body_frame"]),
        gapless=bool(info["gapless"]),
        digest=str(info["digest"]),
    )
