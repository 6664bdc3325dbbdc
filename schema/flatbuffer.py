"""Verified reading of flatbuffers: no field is read before its place is known to lie in the file.

The layout is that of https://flatbuffers.dev/internals. Errors are :class:`ModelError` and begin with the place,
``subgraphs[0].tensors[3].shape``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, TypeAlias

from .errors import ModelError

_UINT32 = struct.Struct("<I")
_INT32 = struct.Struct("<i")
_SCALARS = {code: struct.Struct(f"<{code}") for code in "?bBHiIqQf"}

# Which fields a table has: a class of slot numbers, or the names themselves, slot 0 first.
Names: TypeAlias = "type | tuple[str, ...]"

MAXIMUM_TABLES = 1_000_000


class Flatbuffer:
    """A file as verified reading sees it.

    Objects may share their parts, so a small file can describe a huge tree. An honest one visits each byte
    about once; ``charge`` ends the reading of the others.
    """

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.size = len(data)
        self._tables = 0
        self._bytes_left = 8 * len(data) + 65536
        self._vtables: dict[int, tuple[int, ...]] = {}

    def root(self, names: Names) -> Table:
        """Return the root table."""
        if self.size < 8:
            raise ModelError(f"the file has {self.size} bytes, too few for a model")
        (position,) = _UINT32.unpack_from(self.data, 0)
        return Table(self, position, "", names)

    def charge(self, size: int, place: str) -> None:
        """Count ``size`` bytes as visited."""
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise ModelError(f"{place}: the file refers to the same bytes over and over")

    def count_table(self, size: int, place: str) -> None:
        """Count a table as visited."""
        self._tables += 1
        if self._tables > MAXIMUM_TABLES:
            raise ModelError(f"{place}: the file has more than {MAXIMUM_TABLES} tables")
        self.charge(size, place)

    def target(self, position: int, place: str) -> int:
        """Follow the offset stored at ``position``; at least four bytes are where it leads."""
        (offset,) = _UINT32.unpack_from(self.data, position)
        if offset == 0 or position + offset > self.size - 4:
            raise ModelError(f"{place}: offset {offset} at byte {position} leads out of the file of {self.size} bytes")
        return int(position + offset)

    def vtable(self, position: int, place: str) -> tuple[int, ...]:
        """Return a vtable: the size of the table itself, then where each field lies in it (0: absent)."""
        found = self._vtables.get(position)
        if found is not None:
            return found
        if position < 0 or position > self.size - 4:
            raise ModelError(f"{place}: the vtable at byte {position} lies outside the file of {self.size} bytes")
        (size,) = struct.unpack_from("<H", self.data, position)
        if size < 4 or size % 2 or position + size > self.size:
            raise ModelError(f"{place}: the vtable at byte {position} has an impossible size, {size} bytes")
        vtable = struct.unpack_from(f"<{size // 2 - 1}H", self.data, position + 2)
        self._vtables[position] = vtable
        return vtable


class Table:
    """A table: each method reads the field of a slot, or gives the default where the file leaves it out."""

    __slots__ = ("_buffer", "_names", "_position", "_size", "_vtable", "place")

    def __init__(self, buffer: Flatbuffer, position: int, place: str, names: Names) -> None:
        if position > buffer.size - 4:
            raise ModelError(f"{place or 'root table'}: byte {position} lies outside the file of {buffer.size} bytes")
        (back,) = _INT32.unpack_from(buffer.data, position)
        vtable = buffer.vtable(position - back, place or "root table")
        self._size = vtable[0]
        if self._size < 4 or position + self._size > buffer.size:
            raise ModelError(
                f"{place or 'root table'}: {self._size} bytes at {position} exceed the file of {buffer.size} bytes"
            )
        self._buffer = buffer
        self._position = position
        self._vtable = vtable
        self._names = names
        self.place = place
        buffer.count_table(self._size + 4, place)

    def where(self, slot: int) -> str:
        """Return the place of a field, for messages."""
        if isinstance(self._names, tuple):
            name = self._names[slot]
        else:
            name = next(name for name, number in vars(self._names).items() if number == slot).lower()
        return f"{self.place}.{name}" if self.place else name

    def has(self, slot: int) -> bool:
        """Whether the file has the field."""
        return slot + 1 < len(self._vtable) and self._vtable[slot + 1] != 0

    def scalar(self, slot: int, code: str, default: int | float = 0) -> int | float:
        """Read a number; ``code`` as in :mod:`struct`."""
        scalar = _SCALARS[code]
        position = self._field(slot, scalar.size)
        return scalar.unpack_from(self._buffer.data, position)[0] if position else default

    def integer(self, slot: int, code: str, default: int = 0) -> int:
        """Read an integer."""
        return int(self.scalar(slot, code, default))

    def boolean(self, slot: int) -> bool:
        """Read a boolean that is false by default."""
        return bool(self.scalar(slot, "?", False))

    def string(self, slot: int) -> str:
        """Read a string."""
        start, size = self._vector(slot, 1)
        if not start:
            return ""
        self._buffer.charge(size, self.place)
        data = bytes(self._buffer.data[start : start + size + 1])
        if len(data) <= size or data[size]:
            raise ModelError(f"{self.where(slot)}: the string is not ended by a zero byte")
        try:
            return data[:size].decode("utf-8")
        except UnicodeDecodeError:
            raise ModelError(f"{self.where(slot)}: the string is not UTF-8") from None

    def data(self, slot: int) -> memoryview | None:
        """Return a vector of bytes without copying it; None where the file leaves it out."""
        start, size = self._vector(slot, 1)
        return self._buffer.data[start : start + size] if start else None

    def copied_data(self, slot: int) -> bytes | None:
        """Return a vector of bytes as a copy."""
        view = self.data(slot)
        return None if view is None else self.copy(view)

    def copy(self, view: memoryview) -> bytes:
        """Return a copy of a part of the file."""
        self._buffer.charge(len(view), self.place)
        return bytes(view)

    def numbers(self, slot: int, code: str) -> tuple[Any, ...]:
        """Read a vector of numbers."""
        size = _SCALARS[code].size
        start, count = self._vector(slot, size)
        if not start:
            return ()
        self._buffer.charge(count * size, self.place)
        return struct.unpack_from(f"<{count}{code}", self._buffer.data, start)

    def table(self, slot: int, names: Names, place: str | None = None) -> Table | None:
        """Return a table; None where the file leaves it out. ``place``: the field's own where it is not given."""
        position = self._target(slot)
        return Table(self._buffer, position, place or self.where(slot), names) if position else None

    def tables(self, slot: int, names: Names) -> Iterator[Table]:
        """Iterate over a vector of tables."""
        start, count = self._vector(slot, 4)
        if not start:
            return
        place, buffer = self.where(slot), self._buffer
        buffer.charge(4 * count, place)
        for index in range(count):
            item = f"{place}[{index}]"
            yield Table(buffer, buffer.target(start + 4 * index, item), item, names)

    def _field(self, slot: int, size: int) -> int:
        """Return where a field lies, or 0 where the file leaves it out: no field lies at byte 0."""
        if slot + 1 >= len(self._vtable):
            return 0
        offset = self._vtable[slot + 1]
        if offset == 0:
            return 0
        if offset < 4 or offset + size > self._size:
            raise ModelError(f"{self.where(slot)}: the field lies outside its table of {self._size} bytes")
        return self._position + offset

    def _target(self, slot: int) -> int:
        """Return where the object of an offset field lies, or 0 where the file leaves it out."""
        position = self._field(slot, 4)
        if not position:
            return 0
        (offset,) = _UINT32.unpack_from(self._buffer.data, position)
        if offset == 0 or position + offset > self._buffer.size - 4:
            return self._buffer.target(position, self.where(slot))
        return int(position + offset)

    def _vector(self, slot: int, element_size: int) -> tuple[int, int]:
        """Return where the elements of a vector start and how many there are; (0, 0) where the file leaves it out."""
        position = self._target(slot)
        if not position:
            return 0, 0
        (count,) = _UINT32.unpack_from(self._buffer.data, position)
        start = position + 4
        if start + count * element_size > self._buffer.size:
            raise ModelError(
                f"{self.where(slot)}: {count} elements from byte {start} exceed the file of {self._buffer.size} bytes"
            )
        return start, count
