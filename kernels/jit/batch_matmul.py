"""BATCH_MATMUL: for each product of matrices, both factors are packed as the convolutions have them, then multiplied.

``offsets1`` and ``offsets2`` say where the matrices of each product start; strides let rows and columns change places.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import float32_view, fragment, helper, int8_view, int16_view, int32_view, int64_view, read_block
from .convolution import multiply_panel
from .float_convolution import multiply_float_panel
from .int16_convolution import finish_codes, multiply_int16_panel, multiply_rows
from .layouts import fields
from .vectors import LANES, load_int64, narrow_to_int32, splat_int32, store_first_int32, store_int32, widen

BATCH_MATMUL8 = fields("batch_matmul8")
BATCH_MATMUL8_TO_32 = fields("batch_matmul8_to_32")
BATCH_MATMUL16 = fields("batch_matmul16")
BATCH_MATMUL_FLOAT32 = fields("batch_matmul_float32")

TILE = 6


@helper
def less_first(p: Any, code: Any) -> Any:
    """Return a code of the first factor less its zero point."""
    return np.int16(np.int32(code) - np.int32(p.input1_zero_point))


@helper
def less_second(p: Any, code: Any) -> Any:
    """Return a code of the second factor less its zero point."""
    return np.int16(np.int32(code) - np.int32(p.input2_zero_point))


@helper
def itself(p: Any, x: Any) -> Any:
    """Return a number as it is."""
    return x


@fragment
def pack_second(p: Any, source: Any, start: Any, packed: Any, step: Any, number: Any) -> None:
    """Pack a matrix of the second factor as ``[blocks of 16][depth / step][16][step]``, filled up with zeros."""
    for index in range(-(-p.columns // LANES)):
        for k in range(p.depth):
            target = (index * p.depth + k // step * step) * LANES + k % step
            at = start + k * p.depth_stride2 + index * LANES * p.column_stride2
            inside = min(LANES, p.columns - index * LANES) if k < p.inner else 0
            for lane in range(inside):
                packed[target + lane * step] = number(p, source[at + lane * p.column_stride2])
            for lane in range(inside, LANES):
                packed[target + lane * step] = 0


@fragment
def gather_first(p: Any, source: Any, start: Any, count: Any, panel: Any, number: Any) -> None:
    """Gather rows of the first factor, filled up with zeros."""
    for row in range(count):
        at = start + row * p.row_stride1
        for k in range(p.inner):
            panel[row * p.depth + k] = number(p, source[at + k * p.depth_stride1])
        for k in range(p.inner, p.depth):
            panel[row * p.depth + k] = 0


def batch_matmul8(block: Any) -> None:
    """Multiply int8 codes."""
    p = read_block(block, BATCH_MATMUL8)
    blocks = -(-p.columns // LANES)
    first, second = int8_view(p.input1, p.input1_size), int8_view(p.input2, p.input2_size)
    offsets1, offsets2 = int64_view(p.offsets1, p.batches), int64_view(p.offsets2, p.batches)
    panel, packed = int16_view(p.panel, p.panel_rows * p.depth), int16_view(p.filter, blocks * p.depth * LANES)
    for batch in range(p.batches):
        if batch == 0 or offsets2[batch] != offsets2[batch - 1]:
            pack_second(p, second, offsets2[batch], packed, 2, less_second)
        for part in range((p.rows + p.panel_rows - 1) // p.panel_rows):
            row = part * p.panel_rows
            count = min(p.panel_rows, p.rows - row)
            gather_first(p, first, offsets1[batch] + row * p.row_stride1, count, panel, less_first)
            for index in range(blocks):
                channels = min(LANES, p.columns - index * LANES)
                multiply_panel(p, index, count, (batch * p.rows + row) * p.columns + index * LANES, channels)


def batch_matmul8_to_32(block: Any) -> None:
    """Multiply int8 codes as they are; the int32 sums, which wrap, are the output."""
    p = read_block(block, BATCH_MATMUL8_TO_32)
    blocks = -(-p.columns // LANES)
    first, second = int8_view(p.input1, p.input1_size), int8_view(p.input2, p.input2_size)
    offsets1, offsets2 = int64_view(p.offsets1, p.batches), int64_view(p.offsets2, p.batches)
    panel, packed = int16_view(p.panel, p.panel_rows * p.depth), int16_view(p.filter, blocks * p.depth * LANES)
    for batch in range(p.batches):
        if batch == 0 or offsets2[batch] != offsets2[batch - 1]:
            pack_second(p, second, offsets2[batch], packed, 2, itself)
        for part in range((p.rows + p.panel_rows - 1) // p.panel_rows):
            row = part * p.panel_rows
            count = min(p.panel_rows, p.rows - row)
            gather_first(p, first, offsets1[batch] + row * p.row_stride1, count, panel, itself)
            for index in range(blocks):
                channels = min(LANES, p.columns - index * LANES)
                position = (batch * p.rows + row) * p.columns + index * LANES
                multiply_int16_panel(p, panel, index, 0, count, position, channels, store_sums)


@helper
def store_sums(p: Any, sums: Any, row: Any, channel: Any, position: Any, channels: Any) -> None:
    """Store the lower halves of the first ``channels`` of 16 int64 sums."""
    output = int32_view(p.output, position + channels)
    if channels >= LANES:
        store_int32(output, position, narrow_to_int32(sums))
    else:
        store_first_int32(output, position, narrow_to_int32(sums), channels)


def batch_matmul_float32(block: Any) -> None:
    """Multiply float32; sums run along the depth."""
    p = read_block(block, BATCH_MATMUL_FLOAT32)
    blocks = -(-p.columns // LANES)
    first, second = float32_view(p.input1, p.input1_size), float32_view(p.input2, p.input2_size)
    offsets1, offsets2 = int64_view(p.offsets1, p.batches), int64_view(p.offsets2, p.batches)
    panel = float32_view(p.panel, p.panel_rows * p.depth + LANES)
    packed = float32_view(p.filter, blocks * p.depth * LANES)
    for batch in range(p.batches):
        if batch == 0 or offsets2[batch] != offsets2[batch - 1]:
            pack_second(p, second, offsets2[batch], packed, 1, itself)
        for part in range((p.rows + p.panel_rows - 1) // p.panel_rows):
            row = part * p.panel_rows
            count = min(p.panel_rows, p.rows - row)
            gather_first(p, first, offsets1[batch] + row * p.row_stride1, count, panel, itself)
            for index in range(blocks):
                channels = min(LANES, p.columns - index * LANES)
                multiply_float_panel(
                    p, panel, index, count, (batch * p.rows + row) * p.columns + index * LANES, channels
                )


def batch_matmul16(block: Any) -> None:
    """Multiply int16 codes by int16 or int8 codes.

    A code of the first factor is ``256 * high + low``, and each has a row of the panel: products with int16 codes are
    then small enough to be added up in int32. Of a constant second factor ``filter`` is ``packed`` beforehand.
    """
    p = read_block(block, BATCH_MATMUL16)
    blocks = -(-p.columns // LANES)
    offsets1, offsets2 = int64_view(p.offsets1, p.batches), int64_view(p.offsets2, p.batches)
    panel, packed = int16_view(p.panel, p.panel_rows * p.depth), int16_view(p.filter, blocks * p.depth * LANES)
    for batch in range(p.batches):
        if not p.packed and (batch == 0 or offsets2[batch] != offsets2[batch - 1]):
            if p.narrow:
                pack_second(p, int8_view(p.input2, p.input2_size), offsets2[batch], packed, 2, itself)
            else:
                pack_second(p, int16_view(p.input2, p.input2_size), offsets2[batch], packed, 2, itself)
        half = p.panel_rows // 2
        for part in range((p.rows + half - 1) // half):
            row = part * half
            count = min(half, p.rows - row)
            gather_halves(p, offsets1[batch] + row * p.row_stride1, count, panel)
            for index in range(blocks):
                multiply_halves(p, panel, index, count, batch * p.rows + row)


@fragment
def gather_halves(p: Any, start: Any, count: Any, panel: Any) -> None:
    """Gather rows of the first factor, each as two: the codes' high bytes, signed, and their low ones, unsigned."""
    source = int16_view(p.input1, p.input1_size)
    for row in range(count):
        high = 2 * row * p.depth
        low = high + p.depth
        for k in range(p.depth):
            code = np.int16(0)
            if k < p.inner:
                code = source[start + row * p.row_stride1 + k * p.depth_stride1]
            panel[high + k] = code >> 8
            panel[low + k] = code & 0xFF


@fragment
def multiply_halves(p: Any, panel: Any, index: Any, count: Any, first: Any) -> None:
    """Multiply the panel with one block of 16 columns, put the halves together, and store codes."""
    sums = int64_view(p.sums, TILE * LANES)
    channels = min(LANES, p.columns - index * LANES)
    for tile in range(0, 2 * count, TILE):
        rows = min(TILE, 2 * count - tile)
        multiply_rows(p, panel, index, tile, rows)
        for i in range(rows // 2):
            high, low = load_int64(sums, 2 * i * LANES), load_int64(sums, (2 * i + 1) * LANES)
            position = (first + tile // 2 + i) * p.columns + index * LANES
            finish_codes(p, (high << widen(splat_int32(8))) + low, index * LANES, position, channels)
