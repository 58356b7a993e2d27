"""Read a pickle without trusting it: plain containers and NumPy arrays of numbers or text, and nothing else.

A pickle is a program that may call whatever it names. Here it names things in vain: every name but those of plain containers
and of NumPy's own rebuilders is refused, and even those never reach NumPy. Stand-ins take their place, which note the type,
the shape and the bytes; arrays are made of them afterwards with `numpy.frombuffer`. (NumPy's rebuilders would take a type
with forged flags, and then bytes for pointers.)
"""

from __future__ import annotations

import math
import mmap
import pickle  # only its Unpickler, with every name replaced or refused
import pickletools
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from manifests.errors import BadInput

__all__ = ["load_pickle"]

_REMEMBERS = ("PUT", "BINPUT", "LONG_BINPUT")
_KINDS = "biufcSU"  # numbers and text; no Python objects, no records


def load_pickle(path: Path | str) -> Any:
    """The content of a pickle of protocol 0 to 5, written by NumPy 1 or 2.

    Raises:
        FileNotFoundError: there is no such file.
        BadInput: it is damaged, or holds anything but numbers, text, plain containers and arrays of numbers or text.
    """
    with Path(path).open("rb") as file:
        try:
            _check_room(file)
            # latin1: how pickles of Python 2 keep bytes.
            return _settled(_Unpickler(file, encoding="latin1").load(), {})
        except _Refused as error:
            raise BadInput(
                f"{path} is refused: it {error}. Export it anew with NumPy arrays and plain containers only."
            ) from None
        except Exception as error:
            # A damaged pickle can raise nearly anything while it is rebuilt.
            raise BadInput(
                f"{path}: not a readable pickle ({type(error).__name__}: {error}). Export it anew."
            ) from error


def _check_room(file: BinaryIO) -> None:
    """See that a pickle asks for no more room than it fills, before anything is rebuilt.

    What a pickle remembers goes into an array as long as the largest number that it gives, so ten bytes could ask for 64 GB;
    and a length beyond the file's end is reserved before it is missed.
    """
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for step, (code, argument, _) in enumerate(pickletools.genops(cast(BinaryIO, content))):
            if code.name in _REMEMBERS and int(argument or 0) > step:
                raise _Refused(f"remembers its thing number {argument} at its step {step}")


class _Refused(Exception):
    """What the file asks for and doesn't get."""


class _Type:
    """Stands for `numpy.dtype`."""

    def __init__(self, name: str, *_: object) -> None:
        self.dtype = np.dtype(str(name))
        if self.dtype.kind not in _KINDS:
            raise _Refused(f"holds an array of {self.dtype}")

    def __setstate__(self, state: Any) -> None:
        # (version, byte order, then what only records and objects have)
        self.dtype = np.dtype(f"{state[1]}{self.dtype.str[1:]}")


class _Array:
    """Stands for an array that `_reconstruct` makes empty and fills later."""

    def __init__(self, *_: object) -> None:
        self.array: npt.NDArray[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        self.array = _from_buffer(data, kind, shape, "F" if fortran else "C")


class _Nothing:
    """Stands for `numpy.ndarray`, which is only ever named as the class to make."""


def _from_buffer(data: Any, kind: _Type, shape: Any, order: str, *_: object) -> npt.NDArray[Any]:
    """Stands for NumPy's `_frombuffer`, and makes every array."""
    if isinstance(data, str):
        data = data.encode("latin1")
    if not isinstance(data, bytes | bytearray):
        raise _Refused("holds an array of Python objects")
    dtype = kind.dtype
    if isinstance(shape, int):
        shape = (shape,)
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(data)} bytes for an array of shape {shape} and type {dtype}")
    if not data:
        return np.empty(shape, dtype)
    # A copy, so that the array can be written to.
    return np.frombuffer(data, dtype).reshape(shape, order="F" if order == "F" else "C").copy(order="K")


def _scalar(kind: _Type, data: Any) -> Any:
    """Stands for `numpy.core.multiarray.scalar`."""
    return _from_buffer(data, kind, (1,), "C")[0]


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Stands for `_codecs.encode`, by which protocols 0 to 2 keep bytes."""
    if encoding != "latin1":
        raise _Refused(f"encodes text as {encoding}")
    return text.encode("latin1")


def _bytes() -> bytes:
    """Stands for `bytes`, by which protocols 0 to 2 keep empty ones; never given a length to reserve."""
    return b""


def _bytearray(data: Any = b"", *_: object) -> bytearray:
    """Stands for `bytearray`; never given a length to reserve."""
    return bytearray(_encode(data) if isinstance(data, str) else b"".join([data]))


_BUILTINS = {"set": set, "frozenset": frozenset, "bytes": _bytes, "bytearray": _bytearray}
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Nothing,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): OrderedDict,
    **{(module, name): kind for module in ("builtins", "__builtin__") for name, kind in _BUILTINS.items()},
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _Refused(f"names {module}.{name}") from None


def _settled(value: Any, done: dict[int, tuple[Any, Any]]) -> Any:
    """`value` with arrays in place of their stand-ins; lists and dictionaries are changed in place.

    `done` holds what was met and what it became: things may stand in many places, and lists in themselves. It keeps the old
    ones alive, so that no new one gets their id.
    """
    if id(value) in done:
        return done[id(value)][1]
    if isinstance(value, _Array):
        if value.array is None:
            raise ValueError("an array without content")
        return value.array
    if isinstance(value, _Type | _Nothing) or callable(value):
        raise _Refused("holds a type or a function where data should be")
    if isinstance(value, list):
        done[id(value)] = value, value
        value[:] = [_settled(item, done) for item in value]
    elif isinstance(value, dict):
        done[id(value)] = value, value
        for key in value:
            value[key] = _settled(value[key], done)
    elif isinstance(value, tuple):
        settled = tuple(_settled(item, done) for item in value)
        done[id(value)] = value, settled
        return settled
    return value
