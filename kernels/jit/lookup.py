"""Table lookup of codes of 8 and 16 bits."""

from __future__ import annotations

from typing import Any

from .addressing import fragment, int16_view, read_block, uint8_view, uint16_view
from .byte_vectors import HAS_SHUFFLES, WIDE, load_bytes, look_up, store_bytes
from .dividing import elements_of_part
from .layouts import fields

LOOKUP8 = fields("lookup8")
LOOKUP16 = fields("lookup16")


def lookup8(block: Any) -> None:
    """``output[i] = table[input[i]]``: bytes index the table, so it is laid out by unsigned code."""
    p = read_block(block, LOOKUP8)
    first, end = elements_of_part(p, p.size)
    look_up_run(
        uint8_view(p.table, 256), uint8_view(p.input, p.size), first, uint8_view(p.output, p.size), first, end - first
    )


@fragment
def look_up_run(table: Any, source: Any, from_: Any, target: Any, to: Any, count: Any) -> None:
    """Put a run of bytes through a table. Of the last vector, some are looked up twice."""
    if HAS_SHUFFLES and count >= WIDE:
        for i in range(0, count - WIDE, WIDE):
            store_bytes(target, to + i, look_up(table, load_bytes(source, from_ + i)))
        last = count - WIDE
        store_bytes(target, to + last, look_up(table, load_bytes(source, from_ + last)))
    else:
        for i in range(count):
            target[to + i] = table[source[from_ + i]]


def lookup16(block: Any) -> None:
    """``output[i] = table[input[i]]`` of 16-bit codes."""
    p = read_block(block, LOOKUP16)
    source = uint16_view(p.input, p.size)
    table = int16_view(p.table, 1 << 16)
    target = int16_view(p.output, p.size)
    for i in range(p.size):
        target[i] = table[source[i]]
