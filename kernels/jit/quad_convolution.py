"""CONV_2D and FULLY_CONNECTED on 8-bit codes by products of quads: ``conv_2d`` of :mod:`.convolution` otherwise.

Panels hold the codes as they are, as uint8: one of int8 with its top bit flipped. What zero points add to the sums of
products is in the bias, ``- input_zero_point * sum(weights)``, since taps outside the image hold the zero point. Where
the weights keep a zero point (uint8's are less 128, to fit int8), it is taken off with the sum of the codes of a
row. The filter is packed as int8 ``[groups][blocks of 16][depth/4][16][4]``.
"""

from __future__ import annotations

from typing import Any

from .addressing import fragment, helper, int8_view, int32_view, read_block, uint8_view
from .layouts import fields
from .panels import blocks_of_part, fill_panel, panels_of_part
from .quads import BYTES, load_bytes, splat_byte, store_bytes, tile_1x1, tile_1x4, tile_6x4, tile_12x1, tile_12x2
from .requantize import finish_row, load_requantization
from .vectors import LANES, load_int32, splat_int32

CONV_2D_QUADS = fields("conv_2d_quads")


def conv_2d_quads(block: Any) -> None:
    """Convolve: input (N, H, W, C), packed filter, output (N, OH, OW, O)."""
    p = read_block(block, CONV_2D_QUADS)
    blocks = -(-(p.output_channels // p.groups) // LANES)
    rows = p.batches * p.output_height * p.output_width
    source = uint8_view(p.input, p.input_size)
    panels = (rows + p.panel_rows - 1) // p.panel_rows
    first_panel, last_panel = panels_of_part(p, panels)
    first_block, last_block = blocks_of_part(p, panels, blocks)
    for group in range(p.groups):
        for panel in range(first_panel, last_panel):
            first = panel * p.panel_rows
            count = min(p.panel_rows, rows - first)
            fill_panel(p, group, first, count, source, uint8_view(p.panel, p.panel_size), copy_bytes, clear_bytes)
            sum_rows(p, count)
            block = first_block
            while block < last_block:
                block += multiply_panel(p, group, block, min(last_block - block, 4), first, count)


@helper
def copy_bytes(p: Any, source: Any, start: Any, panel: Any, position: Any, count: Any) -> None:
    """Copy a run of codes as uint8. May write up to 63 bytes beyond it."""
    flip = splat_byte(p.sign_flip)
    done = 0
    while done < count and start + done + BYTES <= p.input_size:
        store_bytes(panel, position + done, load_bytes(source, start + done) ^ flip)
        done += BYTES
    while done < count:
        panel[position + done] = source[start + done] ^ p.sign_flip
        done += 1


@helper
def clear_bytes(p: Any, panel: Any, position: Any, count: Any) -> None:
    """Write the input's zero point. May write up to 63 bytes beyond."""
    for done in range(0, count, BYTES):
        store_bytes(panel, position + done, splat_byte(p.input_zero_point))


@fragment
def sum_rows(p: Any, rows: Any) -> None:
    """Compute what the weights' zero point takes from the sums of each row; the depth's filling counts for nothing."""
    if p.filter_zero_point != 0:
        panel, terms = uint8_view(p.panel, p.panel_size), int32_view(p.row_terms, p.panel_rows)
        for row in range(rows):
            total = 0
            for k in range(p.taps):
                total += int(panel[row * p.depth + k])
            terms[row] = -p.filter_zero_point * total


@helper
def multiply_panel(p: Any, group: Any, block: Any, blocks: Any, first: Any, rows: Any) -> Any:
    """Multiply the panel with some blocks of a group's channels, at most ``blocks``, and return how many."""
    group_channels = p.output_channels // p.groups
    index = group * -(-group_channels // LANES) + block
    output = first * p.output_step + group * group_channels + block * LANES
    channels = group_channels - block * LANES
    panel, packed = uint8_view(p.panel, p.panel_size), int8_view(p.filter, (index + blocks) * p.depth * LANES)
    bias, sums = int32_view(p.bias, (index + blocks) * LANES), int32_view(p.sums, p.sums_size)
    step, start, channel = p.depth * LANES, index * p.depth * LANES, index * LANES
    width = 4 if blocks == 4 else min(blocks, 2)
    row = 0
    while row < rows:
        left = rows - row
        if width == 4 and left > 2:
            height = 6
            tile_6x4(panel, row * p.depth, p.depth, packed, start, step, bias, channel, sums)
        elif width == 4:
            height = 1
            tile_1x4(panel, row * p.depth, p.depth, packed, start, step, bias, channel, sums)
        elif width == 2:
            height = 12
            tile_12x2(panel, row * p.depth, p.depth, packed, start, step, bias, channel, sums)
        elif left > 2:
            height = 12
            tile_12x1(panel, row * p.depth, p.depth, packed, start, step, bias, channel, sums)
        else:
            height = 1
            tile_1x1(panel, row * p.depth, p.depth, packed, start, step, bias, channel, sums)
        finish_tile(p, row, min(height, left), index, width, output + row * p.output_step, channels)
        row += height
    return width


@fragment
def finish_tile(p: Any, first: Any, rows: Any, index: Any, blocks: Any, output: Any, channels: Any) -> None:
    """Requantize and store the sums of a tile, of which blocks beyond the channels count for nothing."""
    sums, terms = int32_view(p.sums, p.sums_size), int32_view(p.row_terms, p.panel_rows)
    for j in range(min(blocks, -(-channels // LANES))):
        constants = load_requantization(p, (index + j) * LANES)
        stored = min(LANES, channels - j * LANES)
        for row in range(rows):
            total = load_int32(sums, (row * blocks + j) * LANES)
            if p.filter_zero_point != 0:
                total = total + splat_int32(terms[first + row])
            position = output + row * p.output_step + j * LANES
            finish_row(p, total, (index + j) * LANES, constants, position, stored)
