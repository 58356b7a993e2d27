"""Poses on disk: blocks of 64 frames, so that a window of one clip is read alone.

A row of the table holds up to 64 frames of a clip's player. `keypoints` are float32, ordered (joint, [x, y, confidence],
frame), or [x, y, z, confidence] where `dims` is 3, then transposed byte by byte: first the lowest byte of every number, then
the next, up to the highest. Neighbours in time lie side by side and share their high bytes, so zstd halves them. To read
without this module:

    numpy.frombuffer(keypoints, "u1").reshape(4, -1).T.copy().view("<f4").reshape(n_joints, dims + 1, n_frames)

`unit` says what the coordinates are. "pixel": of the clip, y downwards, kept to 1/16 pixel (no estimator is that good, and
the zero bits pack well). "metre": of a depth camera or a lifted pose, y upwards, kept exactly. "arbitrary": whatever an
imported data set was normalised to, y upwards, kept exactly. "body": origin between the shoulders and about a shoulder width as
unit, y upwards, kept exactly, where a set has taken its positions so already and the shoulders aren't among its joints.
Confidence is 0 to 1, kept to 1/256. A joint that was not seen has confidence 0; what its coordinates are then means nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from manifests.parquet import read_parquet, write_parquet
from manifests.tables import TABLES, Row, from_rows

__all__ = [
    "BLOCK",
    "UNITS",
    "Poses",
    "Unit",
    "boxes_around",
    "pack",
    "poses_from",
    "read_poses",
    "table_from",
    "unpack",
    "write_poses",
]

Unit = Literal["pixel", "metre", "arbitrary", "body"]
UNITS: tuple[Unit, ...] = ("pixel", "metre", "arbitrary", "body")
BLOCK = 64
_PIXEL = 16  # steps a pixel
_CONFIDENCE = 256

Floats = npt.NDArray[np.float32]
Buffer = Any  # bytes, or whatever else NumPy reads bytes from


@dataclass(frozen=True)
class Poses:
    """The player's poses over a clip, or over a window of it.

    Attributes:
        clip_id: whose frames these are.
        skeleton: the joint set, such as "coco17".
        keypoints: (frames, joints, 3) float32: x and y in pixels, confidence from 0 to 1; or (frames, joints, 4) with z
            before the confidence.
        boxes: (frames, 4) float32: x0, y0, x1, y1 in the unit of the keypoints; NaN where the player isn't seen.
        first_frame: the clip's frame that row 0 is.
        made_by: tool and weights.
        unit: "pixel" (two dimensions, y downwards), "metre", "arbitrary" or "body" (y upwards).
    """

    clip_id: str
    skeleton: str
    keypoints: Floats
    boxes: Floats
    first_frame: int = 0
    made_by: str = ""
    unit: Unit = "pixel"

    @property
    def dims(self) -> int:
        """2 or 3."""
        return self.keypoints.shape[2] - 1

    @property
    def positions(self) -> Floats:
        """(frames, joints, dims) the coordinates, without the confidence."""
        return self.keypoints[..., :-1]

    @property
    def confidence(self) -> Floats:
        """(frames, joints) from 0 to 1."""
        return self.keypoints[..., -1]

    @property
    def seen(self) -> npt.NDArray[np.bool_]:
        """(frames,) whether the player was found."""
        return np.asarray(np.isfinite(self.boxes).all(axis=1))


def boxes_around(keypoints: Floats) -> Floats:
    """(frames, joints, dims + 1) to (frames, 4): the extent in x and y of the joints that were seen; NaN where none was."""
    seen = keypoints[..., -1:] > 0
    low = np.where(seen, keypoints[..., :2], np.inf).min(axis=1, initial=np.inf)
    high = np.where(seen, keypoints[..., :2], -np.inf).max(axis=1, initial=-np.inf)
    boxes = np.concatenate([low, high], axis=1)
    return np.where(np.isfinite(boxes), boxes, np.nan).astype(np.float32)


def pack(keypoints: Floats, unit: Unit = "pixel") -> bytes:
    """(frames, joints, dims + 1) to the bytes of one block; pixels are rounded to 1/16, confidence to 1/256."""
    rounded = np.array(keypoints, dtype="<f4")
    if unit == "pixel":
        rounded[..., :-1] = np.round(rounded[..., :-1] * _PIXEL) / _PIXEL
    rounded[..., -1] = np.round(rounded[..., -1] * _CONFIDENCE) / _CONFIDENCE
    numbers = np.ascontiguousarray(rounded.transpose(1, 2, 0)).reshape(-1)
    return numbers.view("u1").reshape(-1, 4).T.tobytes()


def unpack(blob: Buffer, n_frames: int, n_joints: int, dims: int = 2) -> Floats:
    """The bytes of one block to (frames, joints, dims + 1) float32, a view whose frames lie side by side."""
    planes = np.frombuffer(blob, "u1").reshape(4, -1)
    # Four passes over whole planes are five times as fast as one that picks four bytes from far apart for each number.
    numbers = planes[0].astype("<u4")
    for byte in (1, 2, 3):
        numbers |= planes[byte].astype("<u4") << np.uint32(8 * byte)
    points = numbers.view("<f4").reshape(n_joints, dims + 1, n_frames).transpose(2, 0, 1)
    return np.asarray(points, dtype=np.float32)


def table_from(poses: Poses) -> pa.Table:
    """A whole clip's poses as rows of the poses table.

    Raises:
        ValueError: keypoints and boxes differ in length, a keypoint is not finite, or pixels have three dimensions.
    """
    if len(poses.keypoints) != len(poses.boxes):
        raise ValueError(f"{len(poses.keypoints)} frames of keypoints, {len(poses.boxes)} of boxes")
    if not np.isfinite(poses.keypoints).all():
        raise ValueError("keypoints hold NaN or infinity; an unseen joint is confidence 0")
    if poses.unit not in UNITS or poses.dims not in ((2,) if poses.unit == "pixel" else (2, 3)):
        raise ValueError(f"{poses.dims} dimensions of unit {poses.unit!r}; pixels have 2, others 2 or 3")
    rows = [_row(poses, block) for block in range((len(poses.keypoints) + BLOCK - 1) // BLOCK)]
    return from_rows(TABLES["poses"], rows)


def write_poses(poses: Poses, path: Path | str) -> None:
    """Write a whole clip's poses as one Parquet file.

    Raises:
        ValueError: as `table_from`.
        CannotWrite: the folder is read-only or its disk full.
    """
    write_parquet(TABLES["poses"], table_from(poses), path)


def _row(poses: Poses, block: int) -> Row:
    part = slice(block * BLOCK, (block + 1) * BLOCK)
    keypoints = poses.keypoints[part]
    return {
        "clip_id": poses.clip_id,
        "block": block,
        "n_frames": len(keypoints),
        "skeleton": poses.skeleton,
        "n_joints": keypoints.shape[1],
        "dims": poses.dims,
        "unit": poses.unit,
        "keypoints": pack(keypoints, poses.unit),
        "boxes": poses.boxes[part].reshape(-1),
        "made_by": poses.made_by,
    }


def read_poses(path: Path | str, clip_id: str | None = None) -> Poses:
    """Read one clip's poses from a file of one clip, or, with `clip_id`, from a table of many.

    Raises:
        FileNotFoundError: there is no such file.
        KeyError: the table holds no such clip.
        SchemaMismatch, BadInput: as `read_parquet`.
    """
    filters = None if clip_id is None else [("clip_id", "=", clip_id)]
    table = read_parquet(TABLES["poses"], path, filters=filters)
    if table.num_rows == 0:
        raise KeyError(f"{path}: no poses of clip {clip_id}")
    return poses_from(table)


def poses_from(table: pa.Table) -> Poses:
    """The poses that rows of one clip hold, in the order of their blocks."""
    rows = table.sort_by("block").to_pylist()
    blocks = [unpack(row["keypoints"], row["n_frames"], row["n_joints"], row["dims"]) for row in rows]
    boxes = [np.asarray(row["boxes"], dtype=np.float32).reshape(-1, 4) for row in rows]
    first = rows[0]
    return Poses(
        clip_id=first["clip_id"],
        skeleton=first["skeleton"],
        keypoints=np.concatenate(blocks),
        boxes=np.concatenate(boxes),
        first_frame=first["block"] * BLOCK,
        made_by=first["made_by"],
        unit=first["unit"],
    )
