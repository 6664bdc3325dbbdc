"""Hash tables: between int64 and strings, filled once, and looked up by the operators HASHTABLE_*.

They are resources like variables: HASHTABLE gives a handle, by which the others find the table.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ..schema import ModelError, TensorType

if TYPE_CHECKING:
    from ..schema.options import HashtableOptions

Arrays: TypeAlias = tuple[np.ndarray, ...]

_TYPES = ((TensorType.INT64, TensorType.STRING), (TensorType.STRING, TensorType.INT64))
_DTYPES = {TensorType.INT64: np.dtype(np.int64), TensorType.STRING: np.dtype(object)}


@dataclass
class HashTable:
    """A table and the types of its keys and values; ``entries`` are None until it is filled."""

    key_type: TensorType
    value_type: TensorType
    entries: dict[Any, Any] | None = field(default=None)

    def require(self, name: str, keys: np.ndarray, values: np.ndarray) -> None:
        """Raise ModelError unless these arrays are of the table's types."""
        if keys.dtype != _DTYPES[self.key_type] or values.dtype != _DTYPES[self.value_type]:
            types = f"{self.key_type.name.lower()} to {self.value_type.name.lower()}"
            raise ModelError(f"{name}: the table is of {types}; got {keys.dtype} and {values.dtype}")


Tables: TypeAlias = MutableMapping[str, HashTable]


def make(options: HashtableOptions, tables: Tables) -> Arrays:
    """Return the handle of a table, which is made unless it is there.

    Notes
    -----
    Source: ``kernels/hashtable.cc``.
    """
    types = options.key_dtype, options.value_dtype
    if types not in _TYPES:
        names = " to ".join(one.name.lower() for one in types)
        raise ModelError(f"HASHTABLE: expected a table of int64 to string, or of string to int64; got {names}")
    handle = f"table {options.table_id}"
    tables.setdefault(handle, HashTable(*types))
    return (np.array([handle], object),)


def _require_arity(name: str, arrays: Arrays, count: int) -> None:
    if len(arrays) != count:
        raise ModelError(f"{name}: expected {count} inputs, got {len(arrays)}")


def _table(name: str, arrays: Arrays, tables: Tables) -> HashTable:
    handle = arrays[0]
    key = handle.reshape(-1)[0] if handle.dtype == object and handle.size == 1 else None
    if not isinstance(key, str) or key not in tables:
        raise ModelError(f"{name}: expected the handle of a hash table as input 0")
    return tables[key]


def fill(arrays: Arrays, tables: Tables) -> Arrays:
    """Fill a table with keys and values, unless it is filled; of a key's values the first is kept.

    Notes
    -----
    Source: ``kernels/hashtable_import.cc``, ``experimental/resource/static_hashtable.cc``.
    """
    _require_arity("HASHTABLE_IMPORT", arrays, 3)
    table, keys, values = _table("HASHTABLE_IMPORT", arrays, tables), *arrays[1:]
    table.require("HASHTABLE_IMPORT", keys, values)
    if keys.shape != values.shape:
        raise ModelError(f"HASHTABLE_IMPORT: expected a value for each key; got {keys.shape} and {values.shape}")
    if table.entries is None:
        table.entries = {}
        for key, value in zip(keys.reshape(-1).tolist(), values.reshape(-1).tolist(), strict=True):
            table.entries.setdefault(key, value)
    return ()


def find(arrays: Arrays, tables: Tables) -> Arrays:
    """Look up keys of any shape; those that are not there have the default, the first element of input 2.

    Notes
    -----
    Source: ``kernels/hashtable_find.cc``, ``experimental/resource/static_hashtable.cc``.
    """
    _require_arity("HASHTABLE_FIND", arrays, 3)
    table, keys, default = _table("HASHTABLE_FIND", arrays, tables), *arrays[1:]
    table.require("HASHTABLE_FIND", keys, default)
    if table.entries is None:
        raise ModelError("HASHTABLE_FIND: the table is not filled yet")
    if not default.size:
        raise ModelError("HASHTABLE_FIND: expected a default; got an empty tensor")
    other = default.reshape(-1).tolist()[0]
    found = np.empty(keys.size, default.dtype)
    found[:] = [table.entries.get(key, other) for key in keys.reshape(-1).tolist()]
    return (found.reshape(keys.shape),)


def size(arrays: Arrays, tables: Tables) -> Arrays:
    """Return how many keys a table has, int64 (1,).

    Notes
    -----
    Source: ``kernels/hashtable_size.cc``.
    """
    _require_arity("HASHTABLE_SIZE", arrays, 1)
    return (np.array([len(_table("HASHTABLE_SIZE", arrays, tables).entries or ())], np.int64),)
