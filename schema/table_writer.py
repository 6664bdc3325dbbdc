"""Flatbuffer tables, vectors and strings from Python values: a thin layer over ``flatbuffers.Builder``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import flatbuffers
import numpy as np
from flatbuffers import number_types

_FLAGS = {
    "?": number_types.BoolFlags,
    "b": number_types.Int8Flags,
    "B": number_types.Uint8Flags,
    "i": number_types.Int32Flags,
    "I": number_types.Uint32Flags,
    "q": number_types.Int64Flags,
    "Q": number_types.Uint64Flags,
    "f": number_types.Float32Flags,
}


class Field(NamedTuple):
    """A field of a table: ``format`` is a :mod:`struct` code, or ``"O"`` for an offset (0: the field is absent)."""

    slot: int
    format: str
    value: int | float
    default: int | float = 0


class TableWriter:
    """Writes a flatbuffer from its leaves to its root. Every method but ``finish`` returns the offset of its object."""

    def __init__(self, size: int) -> None:
        self._builder = flatbuffers.Builder(size)

    def table(self, fields: Iterable[Field]) -> int:
        """Write a table; scalars equal to their default are left out, as everywhere in flatbuffers."""
        present = [item for item in fields if item.value != item.default]
        builder = self._builder
        builder.StartObject(max((item.slot for item in present), default=-1) + 1)
        for slot, code, value, default in present:
            if code == "O":
                builder.PrependUOffsetTRelativeSlot(slot, value, 0)
            else:
                builder.PrependSlot(_FLAGS[code], slot, value, default)
        return int(builder.EndObject())

    def string(self, text: str) -> int:
        """Write a string."""
        return int(self._builder.CreateString(text))

    def optional_string(self, text: str) -> int:
        """Write a string; 0 for an empty one."""
        return self.string(text) if text else 0

    def data(self, data: bytes | memoryview, alignment: int = 16) -> int:
        """Write a vector of bytes."""
        builder, size = self._builder, len(data)
        builder.StartVector(1, size, alignment)
        builder.head -= size
        builder.Bytes[builder.head : builder.head + size] = data
        return int(builder.EndVector())

    def vector(self, values: Sequence[int | float | bool], dtype: str, alignment: int = 4) -> int:
        """Write a vector of numbers; ``dtype`` as NumPy writes it, little-endian."""
        array = np.array(values, dtype=dtype)
        if array.dtype.kind in "iu" and array.tolist() != list(values):
            raise OverflowError(f"a value does not fit into {array.dtype}: {list(values)}")
        builder = self._builder
        builder.StartVector(array.itemsize, array.size, max(alignment, array.itemsize))
        builder.head -= array.nbytes
        builder.Bytes[builder.head : builder.head + array.nbytes] = array.tobytes()
        return int(builder.EndVector())

    def optional_vector(self, values: Sequence[int | float | bool], dtype: str) -> int:
        """Write a vector of numbers; 0 for an empty one."""
        return self.vector(values, dtype) if values else 0

    def offsets(self, offsets: Sequence[int]) -> int:
        """Write a vector of offsets to tables."""
        builder = self._builder
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return int(builder.EndVector())

    def optional_offsets(self, offsets: Sequence[int]) -> int:
        """Write a vector of offsets to tables; 0 for an empty one."""
        return self.offsets(offsets) if offsets else 0

    def finish(self, root: int, identifier: bytes) -> bytes:
        """Return the flatbuffer with its root table and file identifier."""
        self._builder.Finish(root, file_identifier=identifier)
        return bytes(self._builder.Output())
