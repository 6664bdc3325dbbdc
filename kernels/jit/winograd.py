"""CONV_2D of 3x3 taps and stride 1 on 8-bit codes, by Winograd's F(2x2, 3x3): 16 products where 36 would be.

Outputs are computed in *tiles* of 2x2, each from 4x4 codes ``d``. With the matrices ::

    B' = 1  0 -1  0        2G = 2  0  0        A' = 1  1  1  0
         0  1  1  0             1  1  1             0  1 -1 -1
         0 -1  1  0             1 -1  1
         0  1  0 -1             0  0  2

the four sums of a tile are ``A' (G g G' * B' d B) A``, where ``*`` multiplies element by element and adds up over the
channels: for each of the 16 elements that is a product of matrices, tiles by channels by output channels. All of it is
exact in integers: ``lower`` packed the filter as ``2G g (2G)'``, so that the result is four times the sum, and a shift
gives the sum itself. Sums of int32 may wrap on the way, as long as four times the sum does not.

Each row of ``B'`` but the second adds up to zero: the zero point of the codes is in one element of 16, four times.
Codes outside the image are the zero point. The filter is int16 ``[blocks of 16][16 elements][depth/2][16][2]``, the
depth whole vectors of channels, those beyond the last with weights of zero; a panel has the transformed codes of some
tiles, ``[16 elements][tiles][depth]``.
"""

from __future__ import annotations

from typing import Any

from .addressing import fragment, helper, int16_view, int32_view, read_block, uint8_view
from .layouts import fields
from .panels import blocks_of_part, panels_of_part
from .requantize import finish_rows, load_requantization
from .vectors import (
    LANES,
    constant_int32,
    dot_pairs,
    load_int32,
    load_pairs,
    load_uint8,
    prefetch,
    splat_int16,
    splat_int32,
    splat_pair,
    store_int16,
    store_int32,
)

CONV_2D_WINOGRAD = fields("conv_2d_winograd")

ELEMENTS = 16
"""Elements of a transformed tile."""

TILE, SMALL_TILE = 6, 4
"""Rows multiplied at a time: what fits the registers, and what the last rows are multiplied by where that does."""


def conv_2d_winograd(block: Any) -> None:
    """Convolve: input (N, H, W, C), packed filter, output (N, OH, OW, O)."""
    p = read_block(block, CONV_2D_WINOGRAD)
    convolve_tiles(p, transform_tile, finish_panel)


@fragment
def convolve_tiles(p: Any, transform: Any, finish: Any) -> None:
    """Convolve tile by tile.

    ``transform(p, tile, row)`` writes the elements of a tile's codes into a row of the panel; ``finish(p, block, first,
    rows)`` makes outputs of the sums of a block of 16 channels.
    """
    blocks = -(-p.output_channels // LANES)
    tiles = p.batches * p.tile_rows * p.tile_columns
    panels = (tiles + p.panel_rows - 1) // p.panel_rows
    first_panel, last_panel = panels_of_part(p, panels)
    first_block, last_block = blocks_of_part(p, panels, blocks)
    for panel in range(first_panel, last_panel):
        first = panel * p.panel_rows
        count = min(p.panel_rows, tiles - first)
        for row in range(count):
            transform(p, first + row, row)
        for index in range(first_block, last_block):
            multiply_panel(p, index, count)
            finish(p, index, first, count)


@fragment
def transform_tile(p: Any, tile: Any, row: Any) -> None:
    """Write the transformed codes of a tile into a row of the panel."""
    line = tile // p.tile_columns
    batch = line // p.tile_rows
    top = 2 * (line - batch * p.tile_rows) - p.padding_top
    left = 2 * (tile - line * p.tile_columns) - p.padding_left
    start = ((batch * p.input_height + top) * p.input_width + left) * p.input_channels
    line_size = p.input_width * p.input_channels
    last = start + 3 * line_size + 3 * p.input_channels + p.depth  # whole vectors are read
    inside = top >= 0 and left >= 0 and top + 4 <= p.input_height and left + 4 <= p.input_width
    address = p.input + start
    if not inside or last > p.input_size:
        fill_patch(p, batch, top, left)
        address = p.patch
        line_size = 4 * p.input_channels
    transform_codes(p, address, line_size, row)


@fragment
def fill_patch(p: Any, batch: Any, top: Any, left: Any) -> None:
    """Copy the 4x4 codes of a tile that is not wholly inside the image, and write the zero point outside."""
    source = uint8_view(p.input, p.input_size)
    patch = uint8_view(p.patch, ELEMENTS * p.input_channels)
    code = p.input_zero_point ^ p.sign_flip
    for element in range(ELEMENTS):
        y = top + element // 4
        x = left + element % 4
        target = element * p.input_channels
        if 0 <= y < p.input_height and 0 <= x < p.input_width:
            start = ((batch * p.input_height + y) * p.input_width + x) * p.input_channels
            for channel in range(p.input_channels):
                patch[target + channel] = source[start + channel]
        else:
            for channel in range(p.input_channels):
                patch[target + channel] = code


@fragment
def transform_codes(p: Any, address: Any, line_size: Any, row: Any) -> None:
    """Write ``B' d B`` of the tile whose codes start at an address."""
    pixel = p.input_channels
    codes = uint8_view(address, 3 * line_size + 3 * pixel + p.depth)
    panel = int16_view(p.panel, ELEMENTS * p.panel_step)
    flip = splat_int16(p.sign_flip)
    center = splat_int16(4 * p.input_zero_point)
    step = p.panel_step
    for c in range(0, p.depth, LANES):
        a0, a1, a2, a3 = transform_column(codes, c, line_size, flip)
        b0, b1, b2, b3 = transform_column(codes, c + pixel, line_size, flip)
        c0, c1, c2, c3 = transform_column(codes, c + 2 * pixel, line_size, flip)
        d0, d1, d2, d3 = transform_column(codes, c + 3 * pixel, line_size, flip)
        at = row * p.depth + c
        store_row(panel, at, step, a0 - c0, b0 + c0, c0 - b0, b0 - d0)
        store_row(panel, at + 4 * step, step, a1 - c1, b1 + c1 - center, c1 - b1, b1 - d1)
        store_row(panel, at + 8 * step, step, a2 - c2, b2 + c2, c2 - b2, b2 - d2)
        store_row(panel, at + 12 * step, step, a3 - c3, b3 + c3, c3 - b3, b3 - d3)


@helper
def transform_column(codes: Any, position: Any, line_size: Any, flip: Any) -> Any:
    """Return a column of ``B' d`` for 16 channels."""
    first = load_uint8(codes, position) ^ flip
    second = load_uint8(codes, position + line_size) ^ flip
    third = load_uint8(codes, position + 2 * line_size) ^ flip
    fourth = load_uint8(codes, position + 3 * line_size) ^ flip
    return first - third, second + third, third - second, second - fourth


@helper
def store_row(panel: Any, position: Any, step: Any, first: Any, second: Any, third: Any, fourth: Any) -> None:
    """Store 16 channels of four elements."""
    store_int16(panel, position, first)
    store_int16(panel, position + step, second)
    store_int16(panel, position + 2 * step, third)
    store_int16(panel, position + 3 * step, fourth)


@fragment
def multiply_panel(p: Any, block: Any, rows: Any) -> None:
    """Multiply each element of the panel's tiles with that of one block of 16 channels."""
    for element in range(ELEMENTS):
        row = 0
        while row < rows:
            if rows - row > SMALL_TILE:
                multiply_tile(p, block, element, row)
                row += TILE
            else:
                multiply_small_tile(p, block, element, row)
                row += SMALL_TILE


@fragment
def multiply_tile(p: Any, block: Any, element: Any, row: Any) -> None:
    """Multiply 6 rows."""
    panel = int16_view(p.panel, ELEMENTS * p.panel_step)
    f = (block * ELEMENTS + element) * p.depth * LANES
    packed = int16_view(p.filter, f + p.depth * LANES)
    sums = int32_view(p.sums, p.panel_rows * ELEMENTS * LANES)
    c0 = c1 = c2 = c3 = c4 = c5 = splat_int32(0)
    r0 = element * p.panel_step + row * p.depth
    r1 = r0 + p.depth
    r2 = r1 + p.depth
    r3 = r2 + p.depth
    r4 = r3 + p.depth
    r5 = r4 + p.depth
    following = f + p.depth * LANES
    first = row == 0
    for k in range(0, p.depth, 2):
        if first:  # weights come from afar: those of the next element, while these are multiplied
            prefetch(packed, following + k * LANES)
        weights = load_pairs(packed, f + k * LANES)
        c0 = dot_pairs(c0, splat_pair(panel, r0 + k), weights)
        c1 = dot_pairs(c1, splat_pair(panel, r1 + k), weights)
        c2 = dot_pairs(c2, splat_pair(panel, r2 + k), weights)
        c3 = dot_pairs(c3, splat_pair(panel, r3 + k), weights)
        c4 = dot_pairs(c4, splat_pair(panel, r4 + k), weights)
        c5 = dot_pairs(c5, splat_pair(panel, r5 + k), weights)
    s = (row * ELEMENTS + element) * LANES
    step = ELEMENTS * LANES
    store_int32(sums, s, c0)
    store_int32(sums, s + step, c1)
    store_int32(sums, s + 2 * step, c2)
    store_int32(sums, s + 3 * step, c3)
    store_int32(sums, s + 4 * step, c4)
    store_int32(sums, s + 5 * step, c5)


@fragment
def multiply_small_tile(p: Any, block: Any, element: Any, row: Any) -> None:
    """Multiply 4 rows."""
    panel = int16_view(p.panel, ELEMENTS * p.panel_step)
    f = (block * ELEMENTS + element) * p.depth * LANES
    packed = int16_view(p.filter, f + p.depth * LANES)
    sums = int32_view(p.sums, p.panel_rows * ELEMENTS * LANES)
    c0 = c1 = c2 = c3 = splat_int32(0)
    r0 = element * p.panel_step + row * p.depth
    r1 = r0 + p.depth
    r2 = r1 + p.depth
    r3 = r2 + p.depth
    for k in range(0, p.depth, 2):
        weights = load_pairs(packed, f + k * LANES)
        c0 = dot_pairs(c0, splat_pair(panel, r0 + k), weights)
        c1 = dot_pairs(c1, splat_pair(panel, r1 + k), weights)
        c2 = dot_pairs(c2, splat_pair(panel, r2 + k), weights)
        c3 = dot_pairs(c3, splat_pair(panel, r3 + k), weights)
    s = (row * ELEMENTS + element) * LANES
    step = ELEMENTS * LANES
    store_int32(sums, s, c0)
    store_int32(sums, s + step, c1)
    store_int32(sums, s + 2 * step, c2)
    store_int32(sums, s + 3 * step, c3)


@fragment
def finish_panel(p: Any, block: Any, first: Any, rows: Any) -> None:
    """Transform the sums of a block of 16 channels, requantize and store them."""
    channel = block * LANES
    bias = constant_int32(int32_view(p.bias, channel + LANES), channel)
    constants = load_requantization(p, channel)
    channels = min(LANES, p.output_channels - channel)
    line = first // p.tile_columns
    tile_x = first - line * p.tile_columns
    for row in range(rows):
        batch = line // p.tile_rows
        y = 2 * (line - batch * p.tile_rows)
        x = 2 * tile_x
        output = ((batch * p.output_height + y) * p.output_width + x) * p.output_step + channel
        below = output + p.output_width * p.output_step
        y00, y01, y10, y11 = transform_sums(p, row, bias)
        step, left = p.output_step, p.output_width - x
        finish_rows(p, y00, y01, left, channel, constants, output, step, channels)
        if y + 1 < p.output_height:
            finish_rows(p, y10, y11, left, channel, constants, below, step, channels)
        tile_x += 1
        if tile_x == p.tile_columns:
            tile_x = 0
            line += 1


@helper
def transform_sums(p: Any, row: Any, bias: Any) -> Any:
    """Return the four accumulators of a tile, ``A' m A`` over four and the bias."""
    a0, a1 = transform_sum_column(p, row, 0)
    b0, b1 = transform_sum_column(p, row, 1)
    c0, c1 = transform_sum_column(p, row, 2)
    d0, d1 = transform_sum_column(p, row, 3)
    two = splat_int32(2)
    return (
        ((a0 + b0 + c0) >> two) + bias,
        ((b0 - c0 - d0) >> two) + bias,
        ((a1 + b1 + c1) >> two) + bias,
        ((b1 - c1 - d1) >> two) + bias,
    )


@helper
def transform_sum_column(p: Any, row: Any, column: Any) -> Any:
    """Return a column of ``A' m``."""
    sums = int32_view(p.sums, p.panel_rows * ELEMENTS * LANES)
    s = (row * ELEMENTS + column) * LANES
    first = load_int32(sums, s)
    second = load_int32(sums, s + 4 * LANES)
    third = load_int32(sums, s + 8 * LANES)
    fourth = load_int32(sums, s + 12 * LANES)
    return first + second + third, second - third - fourth
