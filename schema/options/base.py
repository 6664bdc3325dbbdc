"""What the options tables share: field types, and where each field lies in its flatbuffer table."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar, TypeAlias

from .. import types
from ..deferred import dataclass, field_types
from ..errors import ModelError

# In an annotation these names say how the schema stores the number; to Python it is an int or a float.
Int32: TypeAlias = int
Int64: TypeAlias = int
UInt32: TypeAlias = int
Float32: TypeAlias = float

_SCALARS = {"Int32": "i", "Int64": "q", "UInt32": "I", "Float32": "f", "bool": "?"}
# Enumerations are bytes, except these.
_ENUM_FORMATS = {
    "ReduceWindowFunction": "i",
    "StablehloComparisonDirection": "I",
    "StablehloComparisonType": "I",
    "StablehloPrecisionConfig": "I",
}


class Options:
    """Base of the options tables; fields stand in the order of their slots.

    Floats are rounded to float32, as the file holds them. An absent string or vector is an empty one.
    """

    first_slot: ClassVar[int] = 0

    def __post_init__(self) -> None:
        for field in layout(type(self)):
            if field.format == "f":
                value = getattr(self, field.name)
                rounded = types.as_float32(value) if field.kind == "vector" else types.as_float32((value,))[0]
                object.__setattr__(self, field.name, rounded)


@dataclass(frozen=True)
class NoOptions(Options):
    """Base of the options tables without fields."""


@dataclass(frozen=True)
class FieldLayout:
    """How a field is stored: its slot and its kind.

    ``kind`` is ``"scalar"``, ``"vector"``, ``"string"`` or ``"bytes"``; ``format`` the :mod:`struct` code of a
    scalar or of a vector's element; ``enum`` the enumeration that its values must belong to, or None.
    """

    name: str
    slot: int
    kind: str
    format: str
    default: int | float | bool
    enum: type[IntEnum] | None

    def decode(self, value: int | float | bool, place: str) -> int | float | bool:
        """Return a stored value as the field's type; ModelError where the enumeration lacks it."""
        if self.enum is None:
            return value
        try:
            return self.enum(int(value))
        except ValueError:
            raise ModelError(f"{place}.{self.name}: {value} is not a {self.enum.__name__}") from None


_layouts: dict[type[Options], tuple[FieldLayout, ...]] = {}


def layout(table: type[Options]) -> tuple[FieldLayout, ...]:
    """Return where and how the fields of an options table are stored."""
    found = _layouts.get(table)
    if found is None:
        found = _layouts[table] = tuple(
            _field_layout(name, slot, annotation, default)
            for slot, (name, (annotation, default, _)) in enumerate(field_types(table).items(), table.first_slot)
        )
    return found


def _field_layout(name: str, slot: int, annotation: str, default: Any) -> FieldLayout:
    if annotation in ("str", "bytes"):
        return FieldLayout(name, slot, "string" if annotation == "str" else "bytes", "B", 0, None)
    vector = annotation.startswith("tuple[")
    element = annotation[len("tuple[") : -len(", ...]")] if vector else annotation
    enum = None if element in _SCALARS else getattr(types, element)
    code = _SCALARS[element] if enum is None else _ENUM_FORMATS.get(element, "b")
    return FieldLayout(name, slot, "vector" if vector else "scalar", code, 0 if vector else default, enum)
