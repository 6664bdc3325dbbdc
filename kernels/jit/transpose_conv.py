"""TRANSPOSE_CONV on 8-bit codes: the product of :mod:`.convolution`, over panels with zeros where no input falls."""

from __future__ import annotations

from typing import Any

from .addressing import fragment, int16_view, read_block, uint8_view
from .codes import center_run, zero_run
from .convolution import multiply_panel
from .layouts import fields
from .vectors import LANES

TRANSPOSE_CONV = fields("transpose_conv")


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
        for row in range(count):
            gather_row(p, first + row, row * p.depth, source, matrix)
        for index in range(blocks):
            channels = min(LANES, p.output_channels - index * LANES)
            multiply_panel(p, index, count, first * p.output_channels + index * LANES, channels)


@fragment
def gather_row(p: Any, place: Any, position: Any, source: Any, panel: Any) -> None:
    """Gather the inputs that reach one place of the output, tap by tap."""
    batch = place // (p.input_height * p.input_width)
    y = place // p.input_width % p.input_height + p.padding_top
    x = place % p.input_width + p.padding_left
    for filter_y in range(p.filter_height):
        above = y - filter_y * p.dilation_height
        source_y = above // p.stride_height
        in_column = source_y * p.stride_height == above and 0 <= source_y < p.output_height
        for filter_x in range(p.filter_width):
            before = x - filter_x * p.dilation_width
            source_x = before // p.stride_width
            if in_column and source_x * p.stride_width == before and 0 <= source_x < p.output_width:
                pixel = (batch * p.output_height + source_y) * p.output_width + source_x
                center_run(p, source, pixel * p.input_channels, panel, position, p.input_channels)
            else:
                zero_run(panel, position, p.input_channels)
            position += p.input_channels
