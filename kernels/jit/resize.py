"""Image resizing."""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import float32_view, helper, int8_view, int16_view, int64_view, read_block, uint8_view
from .byte_vectors import load_codes, pair_codes, saturate, splat_codes, splat_pair_of, store_codes
from .dividing import rows_of_part
from .layouts import fields
from .vectors import LANES, dot_pairs, splat_int32

RESIZE_NEAREST_NEIGHBOR = fields("resize_nearest_neighbor")
RESIZE_BILINEAR = fields("resize_bilinear_float32")
RESIZE_BILINEAR_BYTES = fields("resize_bilinear_bytes")

ONE = np.float32(1)
HALF = np.float32(0.5)


def resize_nearest_neighbor(block: Any) -> None:
    """Copy the pixel at (rows[y], columns[x]) to (y, x); a pixel is ``pixel`` bytes."""
    p = read_block(block, RESIZE_NEAREST_NEIGHBOR)
    rows = int64_view(p.rows, p.output_height)
    columns = int64_view(p.columns, p.output_width)
    source = uint8_view(p.input, p.batches * p.input_height * p.input_width * p.pixel)
    target = uint8_view(p.output, p.batches * p.output_height * p.output_width * p.pixel)
    to = 0
    for batch in range(p.batches):
        for y in range(p.output_height):
            row = (batch * p.input_height + rows[y]) * p.input_width
            for x in range(p.output_width):
                from_ = (row + columns[x]) * p.pixel
                for i in range(p.pixel):
                    target[to + i] = source[from_ + i]
                to += p.pixel


@helper
def to_float(code: Any) -> Any:
    """Widen an element to float32."""
    return np.float32(code)


@helper
def to_integer(code: Any) -> Any:
    """Widen a code to int64."""
    return np.int64(code)


@helper
def round_float(total: Any) -> Any:
    """Add the reference's rounding offset of a float, which makes -0 a 0."""
    return total + np.float32(0)


@helper
def round_to_code(total: Any) -> Any:
    """Add a half and cut off the rest."""
    return np.int32(total + HALF)


@helper
def round_20_bits(total: Any) -> Any:
    """Drop 20 fractional bits, rounding halves away from zero."""
    if total > 0:
        return (total + (1 << 19)) >> 20
    return -(((1 << 19) - total) >> 20)


@helper
def interpolate(p: Any, source: Any, target: Any, rows: Any, columns: Any, one: Any, widen: Any, narrow: Any) -> None:
    """Weigh the four pixels around each output pixel by the distances from the first; sum in the reference's order."""
    lower_rows = int64_view(p.lower_rows, p.output_height)
    upper_rows = int64_view(p.upper_rows, p.output_height)
    lower_columns = int64_view(p.lower_columns, p.output_width)
    upper_columns = int64_view(p.upper_columns, p.output_width)
    to = 0
    for batch in range(p.batches):
        for y in range(p.output_height):
            above = (batch * p.input_height + lower_rows[y]) * p.input_width
            below = (batch * p.input_height + upper_rows[y]) * p.input_width
            down, up = rows[y], one - rows[y]
            for x in range(p.output_width):
                above_left = (above + lower_columns[x]) * p.channels
                below_left = (below + lower_columns[x]) * p.channels
                above_right = (above + upper_columns[x]) * p.channels
                below_right = (below + upper_columns[x]) * p.channels
                right, left = columns[x], one - columns[x]
                for c in range(p.channels):
                    total = widen(source[above_left + c]) * up * left
                    total = total + widen(source[below_left + c]) * down * left
                    total = total + widen(source[above_right + c]) * up * right
                    total = total + widen(source[below_right + c]) * down * right
                    target[to + c] = narrow(total)
                to += p.channels


@helper
def input_elements(p: Any) -> Any:
    """Return the number of elements of the input."""
    return p.batches * p.input_height * p.input_width * p.channels


@helper
def output_elements(p: Any) -> Any:
    """Return the number of elements of the output."""
    return p.batches * p.output_height * p.output_width * p.channels


def resize_bilinear_float32(block: Any) -> None:
    """Interpolate float32."""
    p = read_block(block, RESIZE_BILINEAR)
    source = float32_view(p.input, input_elements(p))
    target = float32_view(p.output, output_elements(p))
    rows = float32_view(p.row_distances, p.output_height)
    columns = float32_view(p.column_distances, p.output_width)
    interpolate(p, source, target, rows, columns, ONE, to_float, round_float)


def resize_bilinear_uint8(block: Any) -> None:
    """Interpolate uint8 in float32."""
    p = read_block(block, RESIZE_BILINEAR)
    source = uint8_view(p.input, input_elements(p))
    target = uint8_view(p.output, output_elements(p))
    rows = float32_view(p.row_distances, p.output_height)
    columns = float32_view(p.column_distances, p.output_width)
    interpolate(p, source, target, rows, columns, ONE, to_float, round_to_code)


def resize_bilinear_int8(block: Any) -> None:
    """Interpolate int8 in 10-bit fixed point."""
    p = read_block(block, RESIZE_BILINEAR)
    source = int8_view(p.input, input_elements(p))
    target = int8_view(p.output, output_elements(p))
    rows = int64_view(p.row_distances, p.output_height)
    columns = int64_view(p.column_distances, p.output_width)
    interpolate(p, source, target, rows, columns, 1024, to_integer, round_20_bits)


def resize_bilinear_bytes(block: Any) -> None:
    """Interpolate int8 of at least 16 channels, first between rows, then between columns: in int32 that is exact.

    Codes are read as bytes, 128 higher; so is the sum, as the four weights add up to 1. The last 16 channels begin as
    early as they must.
    """
    p = read_block(block, RESIZE_BILINEAR_BYTES)
    source, target = uint8_view(p.input, input_elements(p)), uint8_view(p.output, output_elements(p))
    lower_rows, upper_rows = int64_view(p.lower_rows, p.output_height), int64_view(p.upper_rows, p.output_height)
    lower_columns = int64_view(p.lower_columns, p.output_width)
    upper_columns = int64_view(p.upper_columns, p.output_width)
    rows, columns = int64_view(p.row_distances, p.output_height), int64_view(p.column_distances, p.output_width)
    flip, zero, half = splat_codes(128), splat_int32(128 << 20), splat_int32(1 << 19)
    none, ten, twenty, sign = splat_int32(0), splat_int32(10), splat_int32(20), splat_int32(31)
    first, end = rows_of_part(p, p.batches * p.output_height)
    for row in range(first, end):
        batch = row // p.output_height
        y = row - batch * p.output_height
        above = (batch * p.input_height + lower_rows[y]) * p.input_width
        below = (batch * p.input_height + upper_rows[y]) * p.input_width
        vertical = splat_pair_of(1024 - rows[y], rows[y])
        to = row * p.output_width * p.channels
        for x in range(p.output_width):
            above_left, below_left = (above + lower_columns[x]) * p.channels, (below + lower_columns[x]) * p.channels
            above_right, below_right = (above + upper_columns[x]) * p.channels, (below + upper_columns[x]) * p.channels
            horizontal = splat_int32(columns[x])
            c = 0
            while c < p.channels:
                c = min(c, p.channels - LANES)
                a, b = load_codes(source, above_left + c) ^ flip, load_codes(source, below_left + c) ^ flip
                left = dot_pairs(none, pair_codes(a, b), vertical)
                a, b = load_codes(source, above_right + c) ^ flip, load_codes(source, below_right + c) ^ flip
                right = dot_pairs(none, pair_codes(a, b), vertical)
                total = (left << ten) + (right - left) * horizontal
                rounded = (total + half + ((total - zero) >> sign)) >> twenty  # halves away from zero
                store_codes(target, to + c, saturate(rounded) ^ flip)
                c += LANES
            to += p.channels


def resize_bilinear_int16(block: Any) -> None:
    """Interpolate int16 in 10-bit fixed point."""
    p = read_block(block, RESIZE_BILINEAR)
    source = int16_view(p.input, input_elements(p))
    target = int16_view(p.output, output_elements(p))
    rows = int64_view(p.row_distances, p.output_height)
    columns = int64_view(p.column_distances, p.output_width)
    interpolate(p, source, target, rows, columns, 1024, to_integer, round_20_bits)
