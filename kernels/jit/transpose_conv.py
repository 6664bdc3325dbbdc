"""TRANSPOSE_CONV: the products of the convolutions, over panels with zeros where no input falls.

The taps of a row in a panel, and so of the packed filter, run backwards: so the inputs that reach a place of the output
come in the order row, column, channel of the input, which is the order in which the reference adds up floats.
"""

from __future__ import annotations

from typing import Any

from .addressing import float32_view, fragment, int16_view, read_block, uint8_view
from .codes import center_run, zero_run
from .convolution import multiply_panel
from .float_convolution import clear_floats, copy_floats, multiply_float_panel
from .int16_convolution import copy_run, finish_product, multiply_int16_panel
from .layouts import fields
from .vectors import LANES

TRANSPOSE_CONV = fields("transpose_conv")
TRANSPOSE_CONV_INT16 = fields("transpose_conv_int16")
FLOAT_TRANSPOSE_CONV = fields("float_transpose_conv")


def transpose_conv(block: Any) -> None:
    """Convolve: input (N, H, W, C), filter packed as that of ``conv_2d``, output (N, OH, OW, O).

    The window is that of the convolution which is transposed: ``output_height`` is the height of the input here.
    """
    p = read_block(block, TRANSPOSE_CONV)
    blocks = -(-p.output_channels // LANES)
    rows = p.batches * p.input_height * p.input_width
    source = uint8_view(p.input, p.input_size)
    matrix = int16_view(p.panel, p.panel_rows * p.depth + LANES)
    for panel in range((rows + p.panel_rows - 1) // p.panel_rows):
        first = panel * p.panel_rows
        count = min(p.panel_rows, rows - first)
        gather_rows(p, first, count, source, matrix, center_run, zero_run)
        for index in range(blocks):
            channels = min(LANES, p.output_channels - index * LANES)
            multiply_panel(p, index, count, first * p.output_channels + index * LANES, channels)


def transpose_conv_int16(block: Any) -> None:
    """Convolve int16 codes, with a filter packed as that of ``conv_2d_int16``."""
    p = read_block(block, TRANSPOSE_CONV_INT16)
    rows = p.batches * p.input_height * p.input_width
    source = int16_view(p.input, p.input_size)
    matrix = int16_view(p.panel, p.panel_rows * p.depth + LANES)
    for panel in range((rows + p.panel_rows - 1) // p.panel_rows):
        first = panel * p.panel_rows
        count = min(p.panel_rows, rows - first)
        gather_rows(p, first, count, source, matrix, copy_run, zero_run)
        for index in range(-(-p.output_channels // LANES)):
            channels = min(LANES, p.output_channels - index * LANES)
            multiply_int16_panel(p, matrix, index, first, count, index * LANES, channels, finish_product)


def float_transpose_conv(block: Any) -> None:
    """Convolve float32, with a filter packed as that of ``float_conv_2d``."""
    p = read_block(block, FLOAT_TRANSPOSE_CONV)
    rows = p.batches * p.input_height * p.input_width
    source = float32_view(p.input, p.input_size)
    matrix = float32_view(p.panel, p.panel_rows * p.depth + LANES)
    for panel in range((rows + p.panel_rows - 1) // p.panel_rows):
        first = panel * p.panel_rows
        count = min(p.panel_rows, rows - first)
        gather_rows(p, first, count, source, matrix, copy_floats, clear_floats)
        for index in range(-(-p.output_channels // LANES)):
            channels = min(LANES, p.output_channels - index * LANES)
            multiply_float_panel(p, matrix, index, count, first * p.output_channels + index * LANES, channels)


@fragment
def gather_rows(p: Any, first: Any, count: Any, source: Any, panel: Any, copy: Any, clear: Any) -> None:
    """Gather the inputs that reach some places of the output, tap by tap from the last to the first."""
    position = 0
    for place in range(first, first + count):
        batch = place // (p.input_height * p.input_width)
        y = place // p.input_width % p.input_height + p.padding_top
        x = place % p.input_width + p.padding_left
        for row in range(p.filter_height):
            above = y - (p.filter_height - 1 - row) * p.dilation_height
            source_y = above // p.stride_height
            in_column = source_y * p.stride_height == above and 0 <= source_y < p.output_height
            for column in range(p.filter_width):
                before = x - (p.filter_width - 1 - column) * p.dilation_width
                source_x = before // p.stride_width
                if in_column and source_x * p.stride_width == before and 0 <= source_x < p.output_width:
                    pixel = (batch * p.output_height + source_y) * p.output_width + source_x
                    copy(p, source, pixel * p.input_channels, panel, position, p.input_channels)
                else:
                    clear(panel, position, p.input_channels)
                position += p.input_channels
        position = (place - first + 1) * p.depth
