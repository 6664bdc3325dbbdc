"""CONV_2D and FULLY_CONNECTED on 8-bit codes: a matrix product over panels of centered activations.

The rows of the product are output positions, its depth is the filter's taps and input channels (OHWI order), its
columns are output channels. A *panel* is some rows of the left matrix, gathered from the image, widened to int16
and centered: that one step deals with padding, stride, dilation, zero points and both 8-bit types. The right
matrix, the filter less its zero point, was packed by ``lower`` as int16 ``[groups][blocks of 16][depth/2][16][2]``.
"""

from __future__ import annotations

from typing import Any

from .addressing import fragment, helper, int16_view, int32_view, read_block, uint8_view
from .codes import center_run, zero_run
from .layouts import fields
from .panels import blocks_of_part, fill_panel, panels_of_part
from .requantize import finish_row, finish_rows, load_requantization
from .vectors import LANES, PAIRED, constant_int32, dot_pairs, load_pairs, prefetch, splat_int32, splat_pair

CONV_2D = fields("conv_2d")

TILE = 6
"""Rows computed at a time: with 6, accumulators and operands fit 16 vector registers of 8 channels too."""


def conv_2d(block: Any) -> None:
    """Convolve: input (N, H, W, C), packed filter, output (N, OH, OW, O)."""
    p = read_block(block, CONV_2D)
    group_channels = p.output_channels // p.groups
    blocks = -(-group_channels // LANES)
    rows = p.batches * p.output_height * p.output_width
    source = uint8_view(p.input, p.input_size)
    matrix = int16_view(p.panel, p.panel_rows * p.depth + LANES)
    panels = (rows + p.panel_rows - 1) // p.panel_rows
    first_panel, last_panel = panels_of_part(p, panels)
    first_block, last_block = blocks_of_part(p, panels, blocks)
    for group in range(p.groups):
        for panel in range(first_panel, last_panel):
            first = panel * p.panel_rows
            count = min(p.panel_rows, rows - first)
            fill_panel(p, group, first, count, source, matrix, center_run, zero_run)
            for index in range(first_block, last_block):
                channels = min(LANES, group_channels - index * LANES)
                output = first * p.output_step + group * group_channels + index * LANES
                multiply_panel(p, group * blocks + index, count, output, channels)


@helper
def multiply_panel(p: Any, block: Any, rows: Any, output: Any, channels: Any) -> None:
    """Multiply the panel with one block of 16 channels, requantize and store."""
    row = 0
    while row + TILE <= rows or rows - row > 2:
        multiply_tile(p, block, row, min(TILE, rows - row), output + row * p.output_step, channels)
        row += TILE
    while row < rows:
        multiply_row(p, block, row, output + row * p.output_step, channels)
        row += 1


@fragment
def multiply_tile(p: Any, block: Any, row: Any, rows: Any, output: Any, channels: Any) -> None:
    """Multiply 6 rows of the panel; the first ``rows`` of them are stored."""
    channel = block * LANES
    bias = constant_int32(int32_view(p.bias, channel + LANES), channel)
    c0 = c1 = c2 = c3 = c4 = c5 = bias
    depth = p.depth
    upper = int16_view(p.panel + 2 * row * depth, TILE * depth)
    lower = int16_view(p.panel + 2 * (row + 3) * depth, 3 * depth)
    weights_of = int16_view(p.filter + 2 * block * depth * LANES, depth * LANES)
    ahead = depth * LANES if row == 0 else 0
    for k in range(0, depth, 2):
        prefetch(weights_of, ahead + k * LANES)  # weights that few rows use come from afar: the next block's
        weights = load_pairs(weights_of, k * LANES)
        c0 = dot_pairs(c0, splat_pair(upper, k), weights)
        c1 = dot_pairs(c1, splat_pair(upper, k + depth), weights)
        c2 = dot_pairs(c2, splat_pair(upper, k + 2 * depth), weights)
        c3 = dot_pairs(c3, splat_pair(lower, k), weights)
        c4 = dot_pairs(c4, splat_pair(lower, k + depth), weights)
        c5 = dot_pairs(c5, splat_pair(lower, k + 2 * depth), weights)
    step = p.output_step
    constants = load_requantization(p, channel)
    finish_rows(p, c0, c1, rows, channel, constants, output, step, channels)
    if rows > 2:
        finish_rows(p, c2, c3, rows - 2, channel, constants, output + 2 * step, step, channels)
    if rows > 4:
        finish_rows(p, c4, c5, rows - 4, channel, constants, output + 4 * step, step, channels)


@fragment
def multiply_row(p: Any, block: Any, row: Any, output: Any, channels: Any) -> None:
    """Multiply one row of the panel: four sums, so that they need not wait for each other."""
    panel = int16_view(p.panel, (row + 1) * p.depth)
    packed = int16_view(p.filter, (block + 1) * p.depth * LANES)
    channel = block * LANES
    c0 = constant_int32(int32_view(p.bias, channel + LANES), channel)
    c1 = c2 = c3 = splat_int32(0)
    r = row * p.depth
    f = block * p.depth * LANES
    k = 0
    while k + 8 <= p.depth:
        c0 = dot_pairs(c0, splat_pair(panel, r + k), load_pairs(packed, f + k * LANES))
        c1 = dot_pairs(c1, splat_pair(panel, r + k + 2), load_pairs(packed, f + k * LANES + PAIRED))
        c2 = dot_pairs(c2, splat_pair(panel, r + k + 4), load_pairs(packed, f + k * LANES + 2 * PAIRED))
        c3 = dot_pairs(c3, splat_pair(panel, r + k + 6), load_pairs(packed, f + k * LANES + 3 * PAIRED))
        k += 8
    while k < p.depth:
        c0 = dot_pairs(c0, splat_pair(panel, r + k), load_pairs(packed, f + k * LANES))
        k += 2
    total = (c0 + c1) + (c2 + c3)
    finish_row(p, total, channel, load_requantization(p, channel), output, channels)
