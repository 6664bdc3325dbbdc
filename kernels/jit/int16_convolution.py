"""CONV_2D, FULLY_CONNECTED and DEPTHWISE_CONV_2D on int16 codes with int8 weights, and the product of int16 panels.

Products of pairs are summed in int32, over so many taps at a time (``chunk``) as fit; these sums are added up in
int64. Where the accumulator is int32, which wraps, the upper half of that is dropped. Where all of a sum fits int32
and few bits follow the point (``exact_in_float64``), it stays in registers and is scaled in float64, without rounding.
"""

from __future__ import annotations

from typing import Any

from .addressing import float64_view, fragment, helper, int16_view, int32_view, int64_view, read_block
from .codes import zero_run
from .layouts import fields
from .panels import blocks_of_part, fill_panel, panels_of_part
from .vector_scaling import scale_and_clamp
from .vectors import (
    LANES,
    PAIRED,
    at_least,
    at_most,
    constant_float64,
    constant_int32,
    constant_int64,
    constant_pairs,
    dot_pairs,
    interleave,
    load_first_int16,
    load_int16,
    load_int64,
    load_pairs,
    multiply_wide_and_round,
    narrow_to_int16,
    narrow_to_int32,
    splat_int16,
    splat_int32,
    splat_pair,
    store_first_int16,
    store_int16,
    store_int64,
    widen,
)

CONV_2D_INT16 = fields("conv_2d_int16")

TILE = 6
"""Rows computed at a time."""


def conv_2d_int16(block: Any) -> None:
    """Convolve: input (N, H, W, C), filter packed as that of ``conv_2d``, output (N, OH, OW, O)."""
    p = read_block(block, CONV_2D_INT16)
    source = int16_view(p.input, p.input_size)
    multiply_image(p, source, multiply_int16_or_small_panel, finish_product)


@fragment
def multiply_image(p: Any, source: Any, multiply: Any, finish: Any) -> None:
    """Convolve int16 codes.

    ``multiply`` is :func:`multiply_int16_panel` or another; ``finish(p, sums, row, channel, position, channels)``
    stores a vector of int64 sums.
    """
    group_channels = p.output_channels // p.groups
    blocks = -(-group_channels // LANES)
    rows = p.batches * p.output_height * p.output_width
    matrix = int16_view(p.panel, p.panel_rows * p.depth + LANES)
    panels = (rows + p.panel_rows - 1) // p.panel_rows
    first_panel, last_panel = panels_of_part(p, panels)
    first_block, last_block = blocks_of_part(p, panels, blocks)
    for group in range(p.groups):
        for panel in range(first_panel, last_panel):
            first = panel * p.panel_rows
            count = min(p.panel_rows, rows - first)
            fill_panel(p, group, first, count, source, matrix, copy_run, zero_run)
            for index in range(first_block, last_block):
                channels = min(LANES, group_channels - index * LANES)
                output = group * group_channels + index * LANES
                multiply(p, matrix, group * blocks + index, first, count, output, channels, finish)


@fragment
def multiply_int16_or_small_panel(
    p: Any, matrix: Any, block: Any, first: Any, count: Any, output: Any, channels: Any, finish: Any
) -> None:
    """Multiply the panel with one block of 16 channels, in the way that the size of sums asks for."""
    if p.exact_in_float64:
        multiply_small_panel(p, matrix, block, first, count, output, channels)
    else:
        multiply_int16_panel(p, matrix, block, first, count, output, channels, finish)


@helper
def multiply_small_panel(p: Any, matrix: Any, block: Any, first: Any, count: Any, output: Any, channels: Any) -> None:
    """Multiply the panel with one block of 16 channels, where sums fit int32."""
    channel = block * LANES
    row, step = 0, p.output_channels
    while count - row > 2:
        c0, c1, c2, c3, c4, c5 = sum_tile(p, matrix, block, row, 0, p.depth)
        rows, position = min(TILE, count - row), (first + row) * step + output
        finish_small(p, c0, channel, position, channels)
        finish_small(p, c1, channel, position + step, channels)
        finish_small(p, c2, channel, position + 2 * step, channels)
        if rows > 3:
            finish_small(p, c3, channel, position + 3 * step, channels)
        if rows > 4:
            finish_small(p, c4, channel, position + 4 * step, channels)
        if rows > 5:
            finish_small(p, c5, channel, position + 5 * step, channels)
        row += TILE
    while row < count:
        total = sum_row(p, matrix, block, row, 0, p.depth)
        finish_small(p, total, channel, (first + row) * step + output, channels)
        row += 1


@fragment
def multiply_int16_panel(
    p: Any, matrix: Any, block: Any, first: Any, count: Any, output: Any, channels: Any, finish: Any
) -> None:
    """Multiply the panel's rows ``first`` to ``first + count - 1`` of the output with one block of 16 channels."""
    for row in range(0, count, TILE):
        multiply_rows(p, matrix, block, row, min(TILE, count - row))
        for i in range(min(TILE, count - row)):
            sums = load_int64(int64_view(p.sums, TILE * LANES), i * LANES)
            position = (first + row + i) * p.output_channels + output
            finish(p, sums, first + row + i, block * LANES, position, channels)


@helper
def multiply_rows(p: Any, matrix: Any, block: Any, row: Any, rows: Any) -> None:
    """Multiply some rows of the panel with one block of 16 channels, into ``p.sums``."""
    start = 0
    while start < p.depth:
        stop = min(start + p.chunk, p.depth)
        if rows > 2:
            add_tile(p, matrix, block, row, start, stop)
        else:
            for i in range(rows):
                add_row(p, matrix, block, row + i, start, stop, i)
        start = stop


@fragment
def add_tile(p: Any, matrix: Any, block: Any, row: Any, start: Any, stop: Any) -> None:
    """Add a chunk of 6 rows of products to their sums. Rows the panel lacks give sums that nobody reads."""
    c0, c1, c2, c3, c4, c5 = sum_tile(p, matrix, block, row, start, stop)
    add_to_sums(p, 0, c0, start)
    add_to_sums(p, 1, c1, start)
    add_to_sums(p, 2, c2, start)
    add_to_sums(p, 3, c3, start)
    add_to_sums(p, 4, c4, start)
    add_to_sums(p, 5, c5, start)


@fragment
def sum_tile(p: Any, matrix: Any, block: Any, row: Any, start: Any, stop: Any) -> Any:
    """Return the sums of a chunk of 6 rows of products."""
    depth = p.depth
    packed = int16_view(p.filter + 2 * block * depth * LANES, depth * LANES)
    c0 = c1 = c2 = c3 = c4 = c5 = splat_int32(0)
    upper, lower = row * depth, (row + 3) * depth
    for k in range(start, stop, 2):
        weights = load_pairs(packed, k * LANES)
        c0 = dot_pairs(c0, splat_pair(matrix, upper + k), weights)
        c1 = dot_pairs(c1, splat_pair(matrix, upper + k + depth), weights)
        c2 = dot_pairs(c2, splat_pair(matrix, upper + k + 2 * depth), weights)
        c3 = dot_pairs(c3, splat_pair(matrix, lower + k), weights)
        c4 = dot_pairs(c4, splat_pair(matrix, lower + k + depth), weights)
        c5 = dot_pairs(c5, splat_pair(matrix, lower + k + 2 * depth), weights)
    return c0, c1, c2, c3, c4, c5


@fragment
def add_row(p: Any, matrix: Any, block: Any, row: Any, start: Any, stop: Any, index: Any) -> None:
    """Add a chunk of one row to its sums."""
    add_to_sums(p, index, sum_row(p, matrix, block, row, start, stop), start)


@fragment
def sum_row(p: Any, matrix: Any, block: Any, row: Any, start: Any, stop: Any) -> Any:
    """Return the sums of a chunk of one row: four of them till the end, so that they need not wait for each other."""
    packed = int16_view(p.filter, (block + 1) * p.depth * LANES)
    c0 = c1 = c2 = c3 = splat_int32(0)
    r = row * p.depth
    f = block * p.depth * LANES
    k = start
    while k + 8 <= stop:
        c0 = dot_pairs(c0, splat_pair(matrix, r + k), load_pairs(packed, f + k * LANES))
        c1 = dot_pairs(c1, splat_pair(matrix, r + k + 2), load_pairs(packed, f + k * LANES + PAIRED))
        c2 = dot_pairs(c2, splat_pair(matrix, r + k + 4), load_pairs(packed, f + k * LANES + 2 * PAIRED))
        c3 = dot_pairs(c3, splat_pair(matrix, r + k + 6), load_pairs(packed, f + k * LANES + 3 * PAIRED))
        k += 8
    while k < stop:
        c0 = dot_pairs(c0, splat_pair(matrix, r + k), load_pairs(packed, f + k * LANES))
        k += 2
    return (c0 + c1) + (c2 + c3)


@helper
def add_to_sums(p: Any, index: Any, chunk: Any, start: Any) -> None:
    """Add int32 sums to the int64 sums of a row; the first chunk's start them."""
    totals = int64_view(p.sums, TILE * LANES)
    if start == 0:
        store_int64(totals, index * LANES, widen(chunk))
    else:
        store_int64(totals, index * LANES, load_int64(totals, index * LANES) + widen(chunk))


@helper
def load_codes(p: Any, source: Any, position: Any) -> Any:
    """Load 16 codes. Lanes that would lie beyond the source mean nothing."""
    if position + LANES <= p.input_size:
        codes = load_int16(source, position)
    else:
        codes = load_first_int16(source, position, p.input_size - position)
    return codes


@helper
def copy_run(p: Any, source: Any, start: Any, target: Any, position: Any, count: Any) -> None:
    """Copy a run of codes. Up to 15 elements beyond it are written too."""
    for done in range(0, count, LANES):
        store_int16(target, position + done, load_codes(p, source, start + done))


@helper
def finish_product(p: Any, sums: Any, row: Any, channel: Any, position: Any, channels: Any) -> None:
    """Store a product's codes."""
    finish_codes(p, sums, channel, position, channels)


@helper
def finish_codes(p: Any, sums: Any, channel: Any, position: Any, channels: Any) -> None:
    """Add the bias, requantize, clamp, and store the first ``channels`` of 16 codes."""
    total = sums + constant_int64(int64_view(p.bias, channel + LANES), channel)
    if p.in_float64:
        if not p.in_int64:
            total = widen(narrow_to_int32(total))
        factors = constant_float64(float64_view(p.real_multiplier, channel + LANES), channel)
        scaled = multiply_wide_and_round(total, factors)
    else:
        if not p.in_int64:
            left_shift = constant_int32(int32_view(p.left_shift, channel + LANES), channel)
            total = widen(narrow_to_int32(total) << left_shift)
        product = total * constant_int64(int64_view(p.multiplier, channel + LANES), channel)
        product = product + constant_int64(int64_view(p.rounding, channel + LANES), channel)
        product = product + (total & constant_int64(int64_view(p.sign_mask, channel + LANES), channel))
        scaled = narrow_to_int32(product >> constant_int64(int64_view(p.right_shift, channel + LANES), channel))
    codes = at_most(at_least(scaled, splat_int32(p.activation_min)), splat_int32(p.activation_max))
    store_int16_codes(p, codes, position, channels)


@helper
def finish_small(p: Any, total: Any, channel: Any, position: Any, channels: Any) -> None:
    """Do the same with sums that fit int32, bias included, where their products with the factors are exact in float64.

    ``(total * multiplier + 2**(shift - 1)) >> shift`` is the floor of ``total * factor + 0.5``, and a clamp to integers
    may come before that.
    """
    total = total + constant_int32(int32_view(p.bias, channel + LANES), channel)
    factors = constant_float64(float64_view(p.real_multiplier, channel + LANES), channel)
    codes = scale_and_clamp(total, factors, p.activation_min, p.activation_max)
    store_int16_codes(p, codes, position, channels)


@helper
def store_int16_codes(p: Any, codes: Any, position: Any, channels: Any) -> None:
    """Store the first ``channels`` of 16 codes."""
    output = int16_view(p.output, position + channels)
    if channels >= LANES:
        store_int16(output, position, narrow_to_int16(codes))
    else:
        store_first_int16(output, position, narrow_to_int16(codes), channels)


@fragment
def sum_taps(p: Any, source: Any, batch: Any, y: Any, x: Any, channel: Any) -> Any:
    """Sum the products of the taps inside the image, for 16 channels of one output position, two rows at a time."""
    packed = int16_view(p.filter, p.pairs * p.filter_width * p.filter_step)
    total = splat_int32(0)
    for pair in range(p.pairs):
        first = y * p.stride_height - p.padding_top + 2 * pair * p.dilation_height
        second = first + p.dilation_height
        for filter_x in range(p.filter_width):
            input_x = x * p.stride_width - p.padding_left + filter_x * p.dilation_width
            if 0 <= input_x < p.input_width:
                upper = lower = splat_int16(0)
                line = batch * p.input_height
                if 0 <= first < p.input_height:
                    pixel = (line + first) * p.input_width + input_x
                    upper = load_codes(p, source, pixel * p.output_channels + channel)
                if 0 <= second < p.input_height:
                    pixel = (line + second) * p.input_width + input_x
                    lower = load_codes(p, source, pixel * p.output_channels + channel)
                tap = (pair * p.filter_width + filter_x) * p.filter_step + 2 * channel
                total = dot_pairs(total, interleave(upper, lower), constant_pairs(packed, tap))
    return total
