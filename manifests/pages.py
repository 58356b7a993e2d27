"""The values of a binary column of a Parquet file, each read alone: what Parquet allows and pyarrow's reader does not offer.

A column of a row group is a run of pages, and each page is a header (Thrift's compact protocol) and its compressed values.
`release build` puts each block of poses into a page of its own, so that one block costs one page, however large the row group
is. Where a page holds several values, or is encoded in another way, `value_pages` says None, and pyarrow reads the column.

https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

__all__ = ["Page", "page_values", "value_pages"]

_ZSTD = pa.Codec("zstd")
_TYPE, _SIZE, _COMPRESSED, _DATA_HEADER = 1, 2, 3, 5  # fields of a page's header,
_COUNT, _ENCODING = 1, 2  # and of the data page's header in it
_DATA_PAGE, _PLAIN = 0, 0
_HEADER = 128  # bytes in which a header without statistics ends
_LENGTH = 4  # bytes before a plain value that say how long it is


@dataclass(frozen=True, slots=True)
class Page:
    """Where one value lies.

    Attributes:
        start: of its compressed bytes in the file.
        compressed, size: how many they are, and how many they become.
    """

    start: int
    compressed: int
    size: int


def value_pages(file: int, chunk: Any, levels: tuple[int, int]) -> list[Page] | None:
    """The pages of a column chunk, one value each; None where they can't be read here.

    Args:
        file: descriptor of the open file.
        chunk: pyarrow's metadata of the column in a row group.
        levels: the column's maximal definition and repetition level.
    """
    if levels != (0, 0) or chunk.compression != "ZSTD" or chunk.has_dictionary_page:
        return None
    pages, at = [], chunk.data_page_offset
    end = at + chunk.total_compressed_size
    try:
        while at < end:
            header, length = _struct(os.pread(file, _HEADER, at), 0)
            data = header[_DATA_HEADER]
            if header[_TYPE] != _DATA_PAGE or (data[_COUNT], data[_ENCODING]) != (1, _PLAIN):
                return None
            if header[_SIZE] < _LENGTH or header[_COMPRESSED] <= 0:
                return None
            pages.append(Page(at + length, header[_COMPRESSED], header[_SIZE]))
            at += length + header[_COMPRESSED]
    except (KeyError, IndexError, ValueError, TypeError):  # longer, or other than a header of ours
        return None
    return pages if at == end else None


def page_values(file: int, pages: Sequence[Page]) -> list[pa.Buffer]:
    """The values of pages that lie one after the other, read at one go.

    Raises:
        OSError: one doesn't unpack to what its header says.
    """
    if not pages:
        return []
    first, last = pages[0].start, pages[-1].start + pages[-1].compressed
    packed = pa.py_buffer(os.pread(file, last - first, first))
    return [_value_of(packed.slice(page.start - first, page.compressed), page.size) for page in pages]


def _value_of(packed: pa.Buffer, size: int) -> pa.Buffer:
    page = _ZSTD.decompress(packed, size)
    if int.from_bytes(page[:_LENGTH], "little") != size - _LENGTH:
        raise OSError("a page is not as long as its value")
    return page.slice(_LENGTH)


def _struct(data: bytes, at: int) -> tuple[dict[int, Any], int]:
    """A struct in Thrift's compact protocol: field number -> number or struct, and where it ends; other fields are skipped."""
    fields: dict[int, Any] = {}
    number = 0
    while kind_byte := data[at]:
        at += 1
        delta, kind = kind_byte >> 4, kind_byte & 0x0F
        if delta:
            number += delta
        else:
            number, at = _signed(data, at)
        fields[number], at = _value(data, at, kind)
    return fields, at + 1


def _value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in (1, 2):  # the kind itself is the truth value
        return kind == 1, at
    if kind == 3:
        return data[at], at + 1
    if kind in (4, 5, 6):
        return _signed(data, at)
    if kind == 7:
        return None, at + 8
    if kind == 8:
        length, at = _unsigned(data, at)
        return None, at + length
    if kind == 12:
        return _struct(data, at)
    raise ValueError(f"a page header holds a field of kind {kind}, which the format doesn't have there")


def _signed(data: bytes, at: int) -> tuple[int, int]:
    value, at = _unsigned(data, at)
    return (value >> 1) ^ -(value & 1), at


def _unsigned(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
