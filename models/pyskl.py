"""Read a pickle in the format of pyskl without trusting it.

A pickle can call anything it names. This reader knows only what NumPy arrays and plain containers need, refuses every other
name, and then checks what it got, annotation by annotation.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from manifests.errors import BadInput

__all__ = ["PysklClip", "PysklSet", "read_pyskl"]

_MULTIARRAY = np.ndarray(0).__reduce__()[0]  # numpy's own rebuilder, under whichever module name this version has
_SCALAR = np.float64(0).__reduce__()[0]
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
    ("builtins", "frozenset"): frozenset,
    ("builtins", "slice"): slice,
    ("_codecs", "encode"): lambda text, encoding: str(text).encode("latin1" if encoding != "utf-8" else encoding),
}
for _module in ("numpy.core.multiarray", "numpy._core.multiarray"):
    _ALLOWED[_module, "_reconstruct"] = _MULTIARRAY
    _ALLOWED[_module, "scalar"] = _SCALAR
for _module in ("numpy.core.numeric", "numpy._core.numeric"):
    _ALLOWED[_module, "_frombuffer"] = np.zeros(1).__reduce_ex__(5)[0]


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise BadInput(f"it calls {module}.{name}, which a file of poses has no need of") from None


@dataclass(frozen=True)
class PysklClip:
    """One annotation.

    Attributes:
        name: its `frame_dir`.
        positions: (people, frames, columns, 2 or 3) float32.
        confidence: (people, frames, columns) float32; where the file gives none, 1 and 0 for a joint at the exact origin.
        label: class index; -1 where the file gives none.
        person: `subject` as text; empty where the file gives none.
    """

    name: str
    positions: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    label: int
    person: str


@dataclass(frozen=True)
class PysklSet:
    """A whole file: its clips, and which names belong to which part (train, test, …)."""

    clips: tuple[PysklClip, ...]
    split: dict[str, tuple[str, ...]]


def read_pyskl(path: Path | str) -> PysklSet:
    """Read and check a pyskl pickle.

    Raises:
        FileNotFoundError: there is no such file.
        BadInput: it is no pickle, calls something other than NumPy, or an annotation is not as pyskl writes it.
    """
    data = Path(path).read_bytes()
    try:
        content = _Unpickler(io.BytesIO(data)).load()
    except BadInput as error:
        raise BadInput(f"{path} is refused: {error}. Export it anew with NumPy arrays and plain lists only.") from None
    except Exception as error:
        # A damaged pickle can raise nearly anything while it is rebuilt.
        raise BadInput(f"{path}: not a readable pickle ({type(error).__name__}: {error}). Export it anew.") from error
    if not isinstance(content, dict) or not isinstance(content.get("annotations"), list):
        raise BadInput(f"{path}: no dictionary with a list `annotations`, as pyskl writes it.")
    clips = tuple(_clip(item, f"{path}, annotation {row}") for row, item in enumerate(content["annotations"]))
    if not clips:
        raise BadInput(f"{path} holds no annotation.")
    return PysklSet(clips, _split(content.get("split", {}), {clip.name for clip in clips}, str(path)))


def _clip(item: Any, where: str) -> PysklClip:
    if not isinstance(item, dict) or "keypoint" not in item:
        raise BadInput(f"{where}: no dictionary with `keypoint`.")
    positions = _floats(item["keypoint"], f"{where}, keypoint")
    if positions.ndim != 4 or positions.shape[-1] not in (2, 3) or 0 in positions.shape:
        raise BadInput(f"{where}, keypoint: shape {positions.shape} is not people × frames × joints × 2 or 3.")
    if "keypoint_score" in item:
        confidence = _floats(item["keypoint_score"], f"{where}, keypoint_score")
        if confidence.shape != positions.shape[:3]:
            raise BadInput(f"{where}, keypoint_score: shape {confidence.shape}, but keypoint is {positions.shape}.")
    else:
        confidence = (positions != 0).any(-1).astype(np.float32)
    finite = np.isfinite(positions).all(-1) & np.isfinite(confidence)
    return PysklClip(
        name=str(item.get("frame_dir", where)),
        positions=np.where(finite[..., None], positions, np.float32(0)),
        confidence=np.where(finite, confidence, np.float32(0)),
        label=_label(item.get("label"), where),
        person=str(item["subject"]) if "subject" in item else "",
    )


def _floats(value: Any, where: str) -> npt.NDArray[np.float32]:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        found = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
        raise BadInput(f"{where}: {found} where an array of numbers is expected.")
    return value.astype(np.float32)


def _label(value: Any, where: str) -> int:
    if value is None:
        return -1
    if isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 0:
        return int(value)
    raise BadInput(f"{where}, label: {value!r} is not a class index.")


def _split(split: Any, names: set[str], where: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(split, dict):
        raise BadInput(f"{where}, split: no dictionary of lists.")
    parts: dict[str, tuple[str, ...]] = {}
    for part, members in split.items():
        if not isinstance(members, list | tuple):
            raise BadInput(f"{where}, split {part!r}: no list of names.")
        parts[str(part)] = tuple(str(member) for member in members)
        if unknown := set(parts[str(part)]) - names:
            raise BadInput(
                f"{where}, split {part!r}: {len(unknown)} names have no annotation, such as {min(unknown)!r}."
            )
    return parts
