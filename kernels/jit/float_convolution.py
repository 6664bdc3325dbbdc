"""CONV_2D, FULLY_CONNECTED and DEPTHWISE_CONV_2D in float32, in the reference's order of operations.

The sums of 16 channels run side by side, each in the order row, column, channel of the filter. Product and sum round
separately: nothing here may be contracted to a fused multiply-add. In a panel a tap outside the image is a 0
whose products, with a finite filter, leave a sum as it is: no sum that starts at 0 is ever -0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import float32_view, float_field, fragment, helper, read_block
from .layouts import fields
from .panels import blocks_of_part, fill_panel, panels_of_part
from .vectors import (
    LANES,
    at_least_float32,
    at_most_float32,
    constant_float32,
    load_first_float32,
    load_float32,
    splat_float32,
    store_first_float32,
    store_float32,
)

FLOAT_CONV_2D = fields("float_conv_2d")
FLOAT_DEPTHWISE_CONV_2D = fields("float_depthwise_conv_2d")

TILE = 6
"""Rows computed at a time."""


def float_conv_2d(block: Any) -> None:
    """Convolve: input (N, H, W, C), packed filter [groups][blocks of 16][depth][16], output (N, OH, OW, O)."""
    p = read_block(block, FLOAT_CONV_2D)
    group_channels = p.output_channels // p.groups
    blocks = -(-group_channels // LANES)
    rows = p.batches * p.output_height * p.output_width
    source = float32_view(p.input, p.input_size)
    matrix = float32_view(p.panel, p.panel_rows * p.depth + LANES)
    panels = (rows + p.panel_rows - 1) // p.panel_rows
    first_panel, last_panel = panels_of_part(p, panels)
    first_block, last_block = blocks_of_part(p, panels, blocks)
    for group in range(p.groups):
        for panel in range(first_panel, last_panel):
            first = panel * p.panel_rows
            count = min(p.panel_rows, rows - first)
            fill_panel(p, group, first, count, source, matrix, copy_floats, clear_floats)
            for index in range(first_block, last_block):
                channels = min(LANES, group_channels - index * LANES)
                output = first * p.output_channels + group * group_channels + index * LANES
                multiply_float_panel(p, matrix, group * blocks + index, count, output, channels)


@helper
def multiply_float_panel(p: Any, matrix: Any, block: Any, rows: Any, output: Any, channels: Any) -> None:
    """Multiply the panel with one block of 16 channels and store. The panel has room for whole tiles."""
    tiles = (rows + TILE - 1) // TILE
    clear_floats(p, matrix, rows * p.depth, (tiles * TILE - rows) * p.depth)
    for tile in range(tiles):
        row = tile * TILE
        multiply_floats(p, matrix, block, row, rows - row, output + row * p.output_channels, channels)


@fragment
def multiply_floats(p: Any, matrix: Any, block: Any, row: Any, rows: Any, output: Any, channels: Any) -> None:
    """Multiply 6 rows of the panel with one block of 16 channels; the first ``rows`` of them are stored."""
    packed = float32_view(p.filter, (block + 1) * p.depth * LANES)
    c0 = c1 = c2 = c3 = c4 = c5 = splat_float32(np.float32(0))
    r0 = row * p.depth
    r1 = r0 + p.depth
    r2 = r1 + p.depth
    r3 = r2 + p.depth
    r4 = r3 + p.depth
    r5 = r4 + p.depth
    f = block * p.depth * LANES
    for k in range(p.depth):
        weights = load_float32(packed, f + k * LANES)
        c0 = c0 + splat_float32(matrix[r0 + k]) * weights
        c1 = c1 + splat_float32(matrix[r1 + k]) * weights
        c2 = c2 + splat_float32(matrix[r2 + k]) * weights
        c3 = c3 + splat_float32(matrix[r3 + k]) * weights
        c4 = c4 + splat_float32(matrix[r4 + k]) * weights
        c5 = c5 + splat_float32(matrix[r5 + k]) * weights
    step = p.output_channels
    channel = block * LANES
    finish_floats(p, c0, channel, output, channels)
    if rows > 1:
        finish_floats(p, c1, channel, output + step, channels)
    if rows > 2:
        finish_floats(p, c2, channel, output + 2 * step, channels)
    if rows > 3:
        finish_floats(p, c3, channel, output + 3 * step, channels)
    if rows > 4:
        finish_floats(p, c4, channel, output + 4 * step, channels)
    if rows > 5:
        finish_floats(p, c5, channel, output + 5 * step, channels)


@helper
def finish_floats(p: Any, total: Any, channel: Any, position: Any, channels: Any) -> None:
    """Add the bias, clamp, and store the first ``channels`` of 16 sums."""
    output = float32_view(p.output, position + channels)
    total = total + constant_float32(float32_view(p.bias, channel + LANES), channel)
    total = at_least_float32(total, splat_float32(np.float32(float_field(p.activation_min))))
    total = at_most_float32(total, splat_float32(np.float32(float_field(p.activation_max))))
    if channels >= LANES:
        store_float32(output, position, total)
    else:
        store_first_float32(output, position, total, channels)


@helper
def load_floats(p: Any, source: Any, position: Any) -> Any:
    """Load 16 elements. Lanes that would lie beyond the source mean nothing."""
    if position + LANES <= p.input_size:
        values = load_float32(source, position)
    else:
        values = load_first_float32(source, position, p.input_size - position)
    return values


@helper
def copy_floats(p: Any, source: Any, start: Any, target: Any, position: Any, count: Any) -> None:
    """Copy a run. Up to 15 elements beyond it are written too."""
    for done in range(0, count, LANES):
        store_float32(target, position + done, load_floats(p, source, start + done))


@helper
def clear_floats(p: Any, target: Any, position: Any, count: Any) -> None:
    """Write zeros. Up to 15 elements beyond them are written too."""
    for done in range(0, count, LANES):
        store_float32(target, position + done, splat_float32(np.float32(0)))


def float_depthwise_conv_2d(block: Any) -> None:
    """Convolve each channel: input (N, H, W, C), filter (FH, FW, whole vectors), output (N, OH, OW, C)."""
    p = read_block(block, FLOAT_DEPTHWISE_CONV_2D)
    for batch in range(p.batches):
        for y in range(p.output_height * p.part // p.parts, p.output_height * (p.part + 1) // p.parts):
            for x in range(p.output_width):
                output = ((batch * p.output_height + y) * p.output_width + x) * p.output_channels
                for channel in range(0, p.output_channels, LANES):
                    total = sum_taps(p, batch, y, x, channel)
                    finish_floats(p, total, channel, output + channel, min(LANES, p.output_channels - channel))


@fragment
def sum_taps(p: Any, batch: Any, y: Any, x: Any, channel: Any) -> Any:
    """Sum the products of the taps inside the image, for 16 channels of one output position."""
    source = float32_view(p.input, p.input_size)
    packed = float32_view(p.filter, p.filter_height * p.filter_width * p.filter_step)
    total = splat_float32(np.float32(0))
    for filter_y in range(p.filter_height):
        input_y = y * p.stride_height - p.padding_top + filter_y * p.dilation_height
        if 0 <= input_y < p.input_height:
            for filter_x in range(p.filter_width):
                input_x = x * p.stride_width - p.padding_left + filter_x * p.dilation_width
                if 0 <= input_x < p.input_width:
                    pixel = (batch * p.input_height + input_y) * p.input_width + input_x
                    tap = (filter_y * p.filter_width + filter_x) * p.filter_step + channel
                    values = load_floats(p, source, pixel * p.output_channels + channel)
                    total = total + values * constant_float32(packed, tap)
    return total
