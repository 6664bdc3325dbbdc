"""Table lookup of 8-bit codes."""

from __future__ import annotations

from typing import Any

from .addressing import int64_view, uint8_view
from .layouts import fields

LOOKUP8 = fields("lookup8")


def lookup8(block: Any) -> None:
    """``output[i] = table[input[i]]``: bytes index the table, so it is laid out by unsigned code."""
    p = int64_view(block, len(LOOKUP8))
    size = p[LOOKUP8.size]
    source = uint8_view(p[LOOKUP8.input], size)
    table = uint8_view(p[LOOKUP8.table], 256)
    target = uint8_view(p[LOOKUP8.output], size)
    for i in range(size):
        target[i] = table[source[i]]
