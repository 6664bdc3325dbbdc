"""Table lookup of codes of 8 and 16 bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import fragment, int16_view, int64_view, read_block, uint8_view, uint16_view
from .byte_vectors import HAS_SHUFFLES, WIDE, load_bytes, look_up, store_bytes
from .copies import box_offset, box_size
from .dividing import elements_of_part, rows_of_part
from .layouts import fields

LOOKUP8 = fields("lookup8")
LOOKUP_PAIR8 = fields("lookup_pair8")
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


def lookup_pair8(block: Any) -> None:
    """``output[i] = table[256 * input2[i] + input1[i]]``, with broadcasting, row by row as in :mod:`.elementwise`."""
    p = read_block(block, LOOKUP_PAIR8)
    sizes = int64_view(p.sizes, p.rank)
    strides1, strides2 = int64_view(p.input1_strides, p.rank), int64_view(p.input2_strides, p.rank)
    first, second = uint8_view(p.input1, p.input1_size), uint8_view(p.input2, p.input2_size)
    target, table = uint8_view(p.output, box_size(sizes, p.rank)), uint8_view(p.table, 1 << 16)
    last = p.rank - 1
    run, step1, step2 = sizes[last], strides1[last], strides2[last]
    begin, end = elements_of_part(p, run) if last == 0 else (0, run)
    first_row, last_row = (0, 1) if last == 0 else rows_of_part(p, box_size(sizes, last))
    for row in range(first_row, last_row):
        at1, at2 = box_offset(row, sizes, strides1, last), box_offset(row, sizes, strides2, last)
        to = row * run
        if step2 == 0 and step1 == 1:
            own = uint8_view(p.table + (np.int64(second[at2]) << 8), 256)
            look_up_run(own, first, at1 + begin, target, to + begin, end - begin)
        else:
            for i in range(begin, end):
                target[to + i] = table[(np.int64(second[at2 + i * step2]) << 8) + np.int64(first[at1 + i * step1])]


def lookup16(block: Any) -> None:
    """``output[i] = table[input[i]]`` of 16-bit codes."""
    p = read_block(block, LOOKUP16)
    source = uint16_view(p.input, p.size)
    table = int16_view(p.table, 1 << 16)
    target = int16_view(p.output, p.size)
    for i in range(p.size):
        target[i] = table[source[i]]
