"""Boxes turned by 90 degrees: neighbours in the input lie a stride apart in the output, and the other way round.

Elements of 1, 2 or 4 bytes are moved in blocks, as many rows of 16 bytes as a row has elements, which are turned in
registers; two blocks of rows at a time where there are so many. Offsets and strides are in bytes, rows and columns
count elements.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from .addressing import fragment, helper, int64_view, read_block, uint8_view
from .copies import box_offset
from .dividing import rows_of_part
from .layouts import fields
from .vector_types import define, emit_lanes, emit_load, emit_store

TURNED_COPY = fields("turned_copy")

ROW = 16
"""Bytes of a block's row."""

STRIP = 64
"""Rows whose parts of the input are turned before those of other rows: as many bytes as a line of the cache."""

_VIEW = types.CPointer(types.uint8)


def _interleaved(builder: ir.IRBuilder, rows: list[Any], parts: int) -> list[Any]:
    """Interleave each row with the one half a block away; as often as halving ends at 1, that turns the block.

    A vector may hold rows of several blocks, each in a part of its own.
    """
    half, lanes = len(rows) // 2, rows[0].type.count
    size = lanes // parts
    turned = []
    for i in range(half):
        for start in (0, half):
            within = [start + n // 2 + n % 2 * lanes for n in range(size)]
            chosen = [part * size + lane for part in range(parts) for lane in within]
            turned.append(emit_lanes(builder, rows[i], rows[i + half], chosen))
    return turned


def _define_turn(unit: int, parts: int) -> Any:
    """Return ``turn(source, from, step_in, target, to, step_out, count)``.

    Element j of the row i ``step_in`` after the first becomes element i of row j; the first ``count`` rows are stored.
    """
    size = ROW // unit

    def generate(
        builder: ir.IRBuilder, kind: Any, source: Any, from_: Any, step_in: Any, target: Any, to: Any, step: Any, n: Any
    ) -> Any:
        word = from_.type
        vector = ir.VectorType(ir.IntType(8 * unit), size)
        rows = []
        for _ in range(size * parts):
            rows.append(emit_load(builder, vector, source, from_))
            from_ = builder.add(from_, step_in)
        if parts == 2:
            pairs = zip(rows[:size], rows[size:], strict=True)
            rows = [emit_lanes(builder, low, high, [*range(2 * size)]) for low, high in pairs]
        for _ in range(size.bit_length() - 1):
            rows = _interleaved(builder, rows, parts)
        for number, row in enumerate(rows):
            with builder.if_then(builder.icmp_signed(">", n, ir.Constant(word, number)), likely=True):
                emit_store(builder, row.type, target, to, row)
            to = builder.add(to, step)
        return ir.Constant(ir.IntType(8).as_pointer(), None)

    def python(source: Any, from_: Any, step_in: Any, target: Any, to: Any, step_out: Any, count: Any) -> None:
        rows = np.stack([source[from_ + i * step_in : from_ + i * step_in + ROW] for i in range(size * parts)])
        turned = rows.reshape(size * parts, size, unit).transpose(1, 0, 2).reshape(size, ROW * parts)
        for j in range(count):
            target[to + j * step_out : to + j * step_out + ROW * parts] = turned[j]

    word = types.int64
    return define(types.void(_VIEW, word, word, _VIEW, word, word, word), generate, python)


turn_bytes, turn_pairs, turn_words = (_define_turn(unit, 1) for unit in (1, 2, 4))
turn_two_of_bytes, turn_two_of_pairs, turn_two_of_words = (_define_turn(unit, 2) for unit in (1, 2, 4))


def turned_copy(block: Any) -> None:
    """Copy a box; the elements of a row are neighbours in the input, those of a column in the output.

    A box has at least a block's rows; of less than a block's columns, the last rows are copied element by element
    where a block would lie beyond the input.
    """
    p = read_block(block, TURNED_COPY)
    if p.unit == 1:
        turn_strips(p, turn_bytes, turn_two_of_bytes, 1)
    elif p.unit == 2:
        turn_strips(p, turn_pairs, turn_two_of_pairs, 2)
    else:
        turn_strips(p, turn_words, turn_two_of_words, 4)


@fragment
def turn_strips(p: Any, turn: Any, turn_two: Any, unit: Any) -> None:
    """Turn the strips of this part of the work."""
    source, target = uint8_view(p.input, p.input_size), uint8_view(p.output, p.output_size)
    sizes = int64_view(p.sizes, p.rank)
    input_strides, output_strides = int64_view(p.input_strides, p.rank), int64_view(p.output_strides, p.rank)
    strips = (p.rows + STRIP - 1) // STRIP
    block = ROW // unit
    first, end = rows_of_part(p, p.boxes * strips)
    for number in range(first, end):
        box = number // strips
        row = (number - box * strips) * STRIP
        rows = min(STRIP, p.rows - row)
        if rows < block:  # some of the strip before are turned again
            row, rows = p.rows - block, block
        from_ = p.input_offset + box_offset(box, sizes, input_strides, p.rank) + row * p.row_stride
        to = p.output_offset + box_offset(box, sizes, output_strides, p.rank) + row * unit
        column = 0
        while column < p.columns:
            column = max(min(column, p.columns - block), 0)
            count = min(block, p.columns - column)
            step = 2 * block if rows >= 2 * block and count == block else block
            i = 0
            while i < rows:
                i = min(i, rows - step)
                at, there = from_ + i * p.row_stride + column * unit, to + i * unit + column * p.column_stride
                if step != block:
                    turn_two(source, at, p.row_stride, target, there, p.column_stride, block)
                elif at + max((block - 1) * p.row_stride, 0) + ROW <= p.input_size:
                    turn(source, at, p.row_stride, target, there, p.column_stride, count)
                else:
                    turn_one_by_one(p, source, at, target, there, count, unit)
                i += step
            column += block


@helper
def turn_one_by_one(p: Any, source: Any, from_: Any, target: Any, to: Any, count: Any, unit: Any) -> None:
    """Turn so many columns of a block's rows."""
    for i in range(ROW // unit):
        for j in range(count):
            for byte in range(unit):
                there = to + i * unit + j * p.column_stride + byte
                target[there] = source[from_ + i * p.row_stride + j * unit + byte]
