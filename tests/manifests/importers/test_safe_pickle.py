"""What a pickle may hold, from every writer, and what it may not."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
import tracemalloc
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from manifests.errors import BadInput
from manifests.importers.safe_pickle import load_pickle

arrays = hnp.arrays(
    st.sampled_from(
        [np.float16, np.float32, np.float64, np.int64, np.uint8, np.bool_, np.dtype(">i4"), np.dtype("U3")]
    ),
    hnp.array_shapes(min_dims=0, max_dims=4, max_side=5, min_side=0),
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)
contents = st.recursive(
    leaves | arrays,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.dictionaries(st.integers(), inner, max_size=3).map(OrderedDict)
    ),
    max_leaves=12,
)


def _same(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return type(a) is type(b) and a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(_same, a, b))
    return type(a) is type(b) and (a == b or a != a)


def _loaded(tmp_path: Path, data: bytes) -> object:
    path = tmp_path / "x.pkl"
    path.write_bytes(data)
    return load_pickle(path)


@pytest.mark.parametrize("protocol", range(6))
@given(content=contents)
def test_plain_containers_and_arrays_come_back(
    tmp_path_factory: pytest.TempPathFactory, protocol: int, content: object
):
    assert _same(content, _loaded(tmp_path_factory.getbasetemp(), pickle.dumps(content, protocol)))


@pytest.mark.parametrize("protocol", range(6))
def test_scalars_fortran_order_and_shared_things(tmp_path: Path, protocol: int):
    array = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    shared = [1, (array, {2, 3})]
    shared.append(shared)
    content = {
        "a": np.float32(0.1),
        "b": np.int64(-4),
        "array": array,
        "x": shared,
        "y": shared,
        "raw": bytearray(b"ab"),
    }
    back = _loaded(tmp_path, pickle.dumps(content, protocol))
    assert isinstance(back, dict)
    assert (back["a"], back["b"]) == (np.float32(0.1), -4)
    assert type(back["a"]) is np.float32
    np.testing.assert_array_equal(back["array"], array)
    assert back["x"] is back["y"] is back["x"][2]
    np.testing.assert_array_equal(back["x"][1][0], array)
    assert back["x"][1][1] == {2, 3}
    assert back["raw"] == b"ab"


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(("core", "other"), [(b"numpy._core", b"numpy.core"), (b"numpy.core", b"numpy._core")])
def test_both_generations_of_numpy_are_read(tmp_path: Path, protocol: int, core: bytes, other: bytes):
    array = np.arange(12, dtype="<f4").reshape(3, 4)
    data = pickle.dumps({"a": array}, protocol)
    for submodule in (b"multiarray", b"numeric"):
        old, new = core + b"." + submodule, other + b"." + submodule
        # Text in a pickle of protocol 4 and 5 has its length before it, and the frame's length stands before both.
        data = data.replace(bytes([len(old)]) + old, bytes([len(new)]) + new).replace(b"c" + old, b"c" + new)
    if protocol >= 4:
        data = data[:3] + struct.pack("<Q", len(data) - 11) + data[11:]
    back = _loaded(tmp_path, data)
    assert isinstance(back, dict)
    np.testing.assert_array_equal(back["a"], array)


def test_the_true_files_of_python_2_are_read(tmp_path: Path):
    # Written by hand as Python 2 and NumPy 1 would: protocol 2, the array's bytes as a short string.
    stream = io.BytesIO()
    stream.write(b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x02\x85")
    stream.write(b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89")
    stream.write(b"U\x08" + np.array([1.5, -250.25], "<f4").tobytes() + b"tb.")
    np.testing.assert_array_equal(_loaded(tmp_path, stream.getvalue()), np.float32([1.5, -250.25]))


class _Evil:
    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> tuple[object, ...]:
        return self.call[0], tuple(self.call[1:])


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("content", "named"),
    [
        (_Evil(os.system, "touch /tmp/owned"), f"{os.name}.system"),
        (_Evil(eval, "1"), "eval"),
        (_Evil(getattr, 1, "real"), "getattr"),
        (Path("x"), "Path"),
        ([{"a": _Evil(np.load, "x")}], "load"),
        (np.ma.masked_array([1]), "numpy.ma"),
        (np.random.default_rng(0), "numpy.random"),
    ],
)
def test_anything_that_is_called_is_refused_and_named(tmp_path: Path, protocol: int, content: object, named: str):
    with pytest.raises(BadInput, match=r"is refused: it names .*") as caught:
        _loaded(tmp_path, pickle.dumps(content, protocol))
    assert named in str(caught.value)
    assert "x.pkl" in str(caught.value)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "content",
    [
        np.array([{"a": 1}], dtype=object),
        np.zeros(2, dtype=[("a", "i4"), ("b", "f8")]),
        np.dtype("f4"),
        np.ndarray,
        [OrderedDict],
        np.array(["2020-01-01"], dtype="M8[D]"),
    ],
)
def test_objects_records_and_types_are_refused(tmp_path: Path, protocol: int, content: object):
    with pytest.raises(BadInput, match="is refused"):
        _loaded(tmp_path, pickle.dumps(content, protocol))


def test_a_type_with_forged_flags_gives_no_pointers(tmp_path: Path):
    # numpy.dtype("f8") that is then told to be of objects: NumPy's own rebuilder would believe it.
    stream = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01K\x01\x85"
    stream += b"cnumpy\ndtype\nX\x02\x00\x00\x00O8K\x00K\x01\x87R(K\x03X\x01\x00\x00\x00|NNNK\x08K\x08K\x00tb\x89"
    stream += b"C\x08AAAAAAAAtb."
    with pytest.raises(BadInput, match="holds an array of object"):
        _loaded(tmp_path, stream)


@pytest.mark.parametrize("cut", [0, 1, 10, 60, 150])
def test_a_truncated_pickle(tmp_path: Path, cut: int):
    data = pickle.dumps({"annotations": [np.arange(50.0)]})
    with pytest.raises(BadInput, match="not a readable pickle"):
        _loaded(tmp_path, data[:cut])


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04Nr\xff\xff\xff\x7f.",  # LONG_BINPUT: remember None as number 2,147,483,647
        b"(p2147483647\n.",
        b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b"few.",  # BYTEARRAY8 of a tebibyte
        b"\x80\x04\x8e" + (1 << 34).to_bytes(8, "little") + b"few.",  # BINBYTES8 of 16 GiB
    ],
)
def test_a_bomb_reserves_nothing(tmp_path: Path, data: bytes):
    tracemalloc.start()
    with pytest.raises(BadInput):
        _loaded(tmp_path, data)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("protocol", range(6))
def test_things_that_stand_in_many_places(tmp_path: Path, protocol: int):
    shared = [1.5, "x"]
    content = {"a": [shared] * 3, "b": {str(i): (i, shared) for i in range(600)}}
    assert _loaded(tmp_path, pickle.dumps(content, protocol)) == content


@given(data=st.binary(max_size=80))
def test_noise_is_read_or_refused_never_a_traceback(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    with contextlib.suppress(BadInput):
        _loaded(tmp_path_factory.getbasetemp(), data)


@given(position=st.integers(0, 400), bit=st.integers(0, 7))
def test_a_flipped_bit_too(tmp_path_factory: pytest.TempPathFactory, position: int, bit: int):
    data = bytearray(
        pickle.dumps({"split": {"a": ["b"]}, "annotations": [{"keypoint": np.ones((1, 2, 3, 2), np.float16)}]})
    )
    data[position % len(data)] ^= 1 << bit
    with contextlib.suppress(BadInput):
        _loaded(tmp_path_factory.getbasetemp(), bytes(data))
