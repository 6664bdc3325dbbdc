"""The parameter block of every compiled kernel: which module defines it, and its fields in order.

A block is a row of int64 values, one per field: an address, an integer, or the bits of a float64. A kernel reads
them by name through :func:`fields`; ``lower`` fills them by name. Nothing here imports numba, so that kernels
loaded from the cache of object code do not need it.
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Layout:
    """The module under ``kernels.jit`` that defines a kernel, and the names of its fields in order."""

    module: str
    fields: tuple[str, ...]


def _layout(module: str, fields: str) -> Layout:
    return Layout(module, tuple(fields.split()))


LAYOUTS: dict[str, Layout] = {
    "walk": _layout("walk", "table rows"),
    "lookup8": _layout("lookup", "input output table size"),
}


def fields(kernel: str) -> Any:
    """Return a named tuple of field positions, for use as a compile-time constant in a kernel."""
    names = LAYOUTS[kernel].fields
    return namedtuple(f"{kernel}_fields", names)(*range(len(names)))
