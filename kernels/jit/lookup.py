"""Table lookup of 8-bit codes."""

from __future__ import annotations

from typing import Any

from .addressing import read_block, uint8_view
from .layouts import fields

LOOKUP8 = fields("lookup8")


def lookup8(block: Any) -> None:
    """``output[i] = table[input[i]]``: bytes index the table, so it is laid out by unsigned code."""
    p = read_block(block, LOOKUP8)
    source = uint8_view(p.input, p.size)
    table = uint8_view(p.table, 256)
    target = uint8_view(p.output, p.size)
    for i in range(p.size):
        target[i] = table[source[i]]
