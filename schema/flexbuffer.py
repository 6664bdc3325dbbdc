"""Verified reading of FlexBuffers, the schemaless bytes in which custom operators keep their options.

The layout is that of https://flatbuffers.dev/flatbuffers_internals ("FlexBuffers"): the root is found from the end
of the bytes, and offsets point backwards. Errors are :class:`ModelError`.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any

from .errors import ModelError

_NULL, _INT, _UINT, _FLOAT, _KEY, _STRING, _INDIRECT_INT, _INDIRECT_UINT, _INDIRECT_FLOAT, _MAP, _VECTOR = range(11)
_FIRST_TYPED, _STRING_VECTOR, _FIRST_TUPLE, _LAST_TUPLE, _BLOB, _BOOL, _BOOL_VECTOR = 11, 15, 16, 24, 25, 26, 36

_INDIRECT = {_INDIRECT_INT: _INT, _INDIRECT_UINT: _UINT, _INDIRECT_FLOAT: _FLOAT}
_CODES = {_INT: {1: "b", 2: "h", 4: "i", 8: "q"}, _UINT: {1: "B", 2: "H", 4: "I", 8: "Q"}, _FLOAT: {4: "f", 8: "d"}}

_DEEPEST = 32


def flexbuffer_map(data: bytes | None) -> dict[str, Any]:
    """Return the map at the root of FlexBuffer bytes: what ``custom_options`` of most custom operators hold.

    Numbers, booleans, strings, bytes, None, lists and dicts stand for the format's types. No bytes at all, ``None`` or
    empty, are an empty map.

    Raises
    ------
    ModelError
        The bytes are malformed, or their root is not a map.
    """
    if not data:
        return {}
    value = flexbuffer_value(data)
    if not isinstance(value, dict):
        raise ModelError(f"FlexBuffer: expected a map at the root; got {type(value).__name__}")
    return value


def flexbuffer_value(data: bytes) -> Any:
    """Return the value at the root of FlexBuffer bytes, of any type.

    Raises
    ------
    ModelError
        The bytes are malformed.
    """
    data = bytes(data)
    if len(data) < 3:
        raise ModelError(f"FlexBuffer: {len(data)} bytes are too few for a value")
    width = data[-1]
    if width not in (1, 2, 4, 8) or len(data) < 2 + width:
        raise ModelError(f"FlexBuffer: a root of {width} bytes, in {len(data)} bytes in all")
    return _Reader(data).value(len(data) - 2 - width, width, data[-2], 0)


class _Reader:
    """Reads values; each byte may be visited a few times, because parts may be shared, but not over and over."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = 8 * len(data) + 1024

    def value(self, position: int, width: int, packed: int, depth: int) -> Any:
        """Return the value whose number or offset, ``width`` bytes wide, is at ``position``."""
        kind = packed >> 2
        if depth > _DEEPEST:
            raise ModelError(f"FlexBuffer: values nested more than {_DEEPEST} deep")
        if kind == _NULL:
            return None
        if kind == _BOOL:
            return self._number(_UINT, position, width) != 0
        if kind in _CODES:
            return self._number(kind, position, width)
        start, inner = self._target(position, width), 1 << (packed & 3)
        if kind in _INDIRECT:
            return self._number(_INDIRECT[kind], start, inner)
        if kind == _KEY:
            return self._key(start)
        if kind == _STRING:
            return self._text(self._sized(start, inner))
        if kind == _BLOB:
            return self._sized(start, inner)
        if kind == _MAP:
            return self._map(start, inner, depth)
        if kind == _VECTOR:
            return self._vector(start, inner, self._size(start, inner), depth)
        element, count = self._element(kind, start, inner)
        return [self.value(start + i * inner, inner, element << 2, depth + 1) for i in range(count)]

    def _element(self, kind: int, start: int, width: int) -> tuple[int, int]:
        """Return element type and count of a typed vector, whose elements have no types of their own."""
        if kind == _BOOL_VECTOR:
            element, count = _BOOL, self._size(start, width)
        elif _FIRST_TYPED <= kind < _STRING_VECTOR:
            element, count = kind - _FIRST_TYPED + _INT, self._size(start, width)
        elif _FIRST_TUPLE <= kind <= _LAST_TUPLE:
            element, count = (kind - _FIRST_TUPLE) % 3 + _INT, (kind - _FIRST_TUPLE) // 3 + 2
        else:
            raise ModelError(f"FlexBuffer: {kind} is not a type that can be read")
        self._bytes(start, count * width)
        return element, count

    def _map(self, start: int, width: int, depth: int) -> dict[str, Any]:
        count = self._size(start, width)
        keys_place = start - 3 * width
        keys_width = self._number(_UINT, start - 2 * width, width)
        if keys_width not in (1, 2, 4, 8):
            raise ModelError(f"FlexBuffer: a map whose keys are {keys_width} bytes wide")
        keys = self._target(keys_place, width)
        if self._size(keys, keys_width) != count:
            raise ModelError(f"FlexBuffer: a map of {count} values has another number of keys")
        self._bytes(keys, count * keys_width)
        names = [self._key(self._target(keys + i * keys_width, keys_width)) for i in range(count)]
        if any(first.encode() >= second.encode() for first, second in pairwise(names)):
            raise ModelError("FlexBuffer: the keys of a map are not sorted, or one is there twice")
        return dict(zip(names, self._vector(start, width, count, depth), strict=True))

    def _vector(self, start: int, width: int, count: int, depth: int) -> list[Any]:
        types = self._bytes(start, count * (width + 1))[count * width :]
        return [self.value(start + i * width, width, packed, depth + 1) for i, packed in enumerate(types)]

    def _key(self, start: int) -> str:
        end = self._data.find(b"\0", start)
        if end < 0:
            raise ModelError(f"FlexBuffer: the key at byte {start} has no end")
        return self._text(self._bytes(start, end - start))

    def _text(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise ModelError(f"FlexBuffer: {data[:40]!r} is not UTF-8") from None

    def _sized(self, start: int, width: int) -> bytes:
        return self._bytes(start, self._size(start, width))

    def _size(self, start: int, width: int) -> int:
        return int(self._number(_UINT, start - width, width))

    def _target(self, position: int, width: int) -> int:
        offset = self._number(_UINT, position, width)
        if offset > position:
            raise ModelError(f"FlexBuffer: offset {offset} at byte {position} leads before the first byte")
        return int(position - offset)

    def _number(self, kind: int, position: int, width: int) -> Any:
        code = _CODES[kind].get(width)
        if code is None:
            raise ModelError(f"FlexBuffer: a floating-point number of {width} bytes")
        return struct.unpack("<" + code, self._bytes(position, width))[0]

    def _bytes(self, position: int, size: int) -> bytes:
        if position < 0 or position + size > len(self._data):
            raise ModelError(f"FlexBuffer: {size} bytes at {position} lie outside its {len(self._data)}")
        self._left -= size + 1
        if self._left < 0:
            raise ModelError("FlexBuffer: the same bytes are referred to over and over")
        return self._data[position : position + size]
