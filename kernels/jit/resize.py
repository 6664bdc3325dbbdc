"""Image resizing."""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import (
    float32_view,
    fragment,
    helper,
    int8_view,
    int16_view,
    int32_view,
    int64_view,
    read_block,
    uint8_view,
)
from .byte_vectors import load_codes, pair_codes, splat_codes, splat_pair_of
from .dividing import rows_of_part
from .layouts import fields
from .pixels import load_four, store_four
from .saturation import store_first_int8
from .vectors import (
    LANES,
    dot_pairs,
    load_int32,
    narrow_to_int8,
    splat_int32,
    store_int8,
    store_int32,
)

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
    """Interpolate int8, first between rows, then between columns: in int32 that is exact.

    Of each output row, what lies between its two input rows is kept in ``line``, where columns are needed: in ``runs``.
    """
    p = read_block(block, RESIZE_BILINEAR_BYTES)
    rows = int64_view(p.row_distances, p.output_height)
    lower_rows, upper_rows = int64_view(p.lower_rows, p.output_height), int64_view(p.upper_rows, p.output_height)
    width = p.input_width * p.channels
    first, end = rows_of_part(p, p.batches * p.output_height)
    for row in range(first, end):
        batch = row // p.output_height
        y = row - batch * p.output_height
        above = (batch * p.input_height + lower_rows[y]) * width
        below = (batch * p.input_height + upper_rows[y]) * width
        mix_rows(p, above, below, width, rows[y])
        if p.channels <= PIXEL and p.output_width >= PIXEL:
            mix_narrow_columns(p, row * p.output_width * p.channels)
        else:
            mix_columns(p, row * p.output_width * p.channels)


PIXEL = 4
"""Channels of a pixel, of which four fill a vector."""


@fragment
def mix_rows(p: Any, above: Any, below: Any, width: Any, distance: Any) -> None:
    """Interpolate between two rows; the last 16 codes of a row begin as early as they must.

    Codes are read as bytes, 128 higher.
    """
    source, line = uint8_view(p.input, input_elements(p)), int32_view(p.line, width)
    runs = int64_view(p.runs, 2 * p.run_count)
    flip, zero, weights = splat_codes(128), splat_int32(-128 << 10), splat_pair_of(1024 - distance, distance)
    for run in range(p.run_count):
        i, past = runs[2 * run], runs[2 * run + 1]
        while i < past:
            i = min(i, width - LANES)
            pairs = pair_codes(load_codes(source, above + i) ^ flip, load_codes(source, below + i) ^ flip)
            store_int32(line, i, dot_pairs(zero, pairs, weights))
            i += LANES


@helper
def between(left: Any, right: Any, distances: Any) -> Any:
    """Interpolate between columns, and drop 20 fractional bits, rounding halves away from zero."""
    total = (left << splat_int32(10)) + (right - left) * distances
    return narrow_to_int8((total + splat_int32(1 << 19) + (total >> splat_int32(31))) >> splat_int32(20))


@fragment
def mix_columns(p: Any, to: Any) -> None:
    """Interpolate between columns, 16 channels at a time: the last begin as early as they must.

    Of fewer than 16, what lies behind them is overwritten by the next pixel's.
    """
    target, channels = int8_view(p.output, output_elements(p)), p.channels
    line = int32_view(p.line, p.input_width * channels + LANES)
    lower, upper = int64_view(p.lower_columns, p.output_width), int64_view(p.upper_columns, p.output_width)
    columns = int64_view(p.column_distances, p.output_width)
    end = to + p.output_width * channels
    for x in range(p.output_width):
        left, right, distances = lower[x] * channels, upper[x] * channels, splat_int32(columns[x])
        c = 0
        while c < channels:
            c = max(min(c, channels - LANES), 0)
            codes = between(load_int32(line, left + c), load_int32(line, right + c), distances)
            if channels >= LANES or to + LANES <= end:
                store_int8(target, to + c, codes)
            else:
                store_first_int8(target, to, codes, channels)
            c += LANES
        to += channels


@fragment
def mix_narrow_columns(p: Any, to: Any) -> None:
    """Do the same of up to four channels, four pixels at a time: the last begin as early as they must."""
    target, channels = int8_view(p.output, output_elements(p)), p.channels
    width = p.input_width * channels + LANES
    line, spare = int32_view(p.line, width), int8_view(p.line + 4 * width, LANES)
    lower, upper = int64_view(p.lower_columns, p.output_width), int64_view(p.upper_columns, p.output_width)
    distances = int32_view(p.distances, PIXEL * p.output_width)
    x = 0
    while x < p.output_width:
        x = min(x, p.output_width - PIXEL)
        at0, at1, at2, at3 = lower[x], lower[x + 1], lower[x + 2], lower[x + 3]
        left = load_four(line, at0 * channels, at1 * channels, at2 * channels, at3 * channels)
        at0, at1, at2, at3 = upper[x], upper[x + 1], upper[x + 2], upper[x + 3]
        right = load_four(line, at0 * channels, at1 * channels, at2 * channels, at3 * channels)
        codes = between(left, right, load_int32(distances, PIXEL * x))
        if (
            x + PIXEL - 1
        ) * channels + PIXEL <= p.output_width * channels:  # what lies behind a pixel is overwritten by the next
            store_four(target, to + x * channels, channels, codes)
        else:
            store_int8(spare, 0, codes)
            for i in range(PIXEL):
                for c in range(channels):
                    target[to + (x + i) * channels + c] = spare[PIXEL * i + c]
        x += PIXEL


def resize_bilinear_int16(block: Any) -> None:
    """Interpolate int16 in 10-bit fixed point."""
    p = read_block(block, RESIZE_BILINEAR)
    source = int16_view(p.input, input_elements(p))
    target = int16_view(p.output, output_elements(p))
    rows = int64_view(p.row_distances, p.output_height)
    columns = int64_view(p.column_distances, p.output_width)
    interpolate(p, source, target, rows, columns, 1024, to_integer, round_20_bits)
