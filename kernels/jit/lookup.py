"""Table lookup of codes of 8 and 16 bits."""

from __future__ import annotations

from typing import Any

from .addressing import int16_view, read_block, uint8_view, uint16_view
from .layouts import fields

LOOKUP8 = fields("lookup8")
LOOKUP16 = fields("lookup16")


def lookup8(block: Any) -> None:
    """``output[i] = table[input[i]]``: bytes index the table, so it is laid out by unsigned code."""
    p = read_block(block, LOOKUP8)
    source = uint8_view(p.input, p.size)
    table = uint8_view(p.table, 256)
    target = uint8_view(p.output, p.size)
    for i in range(p.size):
        target[i] = table[source[i]]


def lookup16(block: Any) -> None:
    """``output[i] = table[input[i]]`` of 16-bit codes."""
    p = read_block(block, LOOKUP16)
    source = uint16_view(p.input, p.size)
    table = int16_view(p.table, 1 << 16)
    target = int16_view(p.output, p.size)
    for i in range(p.size):
        target[i] = table[source[i]]
