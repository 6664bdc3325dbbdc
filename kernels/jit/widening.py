"""FULLY_CONNECTED of 8-bit activations with outputs of 16 bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import helper, int16_view, read_block, uint8_view
from .codes import center_run
from .int16_convolution import TILE, finish_product, multiply_int16_panel
from .layouts import fields
from .vectors import LANES

FULLY_CONNECTED8_TO_16 = fields("fully_connected8_to_16")

COLUMNS = 16
"""Columns of a block of the shuffled format."""


def fully_connected8_to_16(block: Any) -> None:
    """Multiply rows of activations, less their zero point, with the packed weights.

    All rows are centered first. What lies between a row's end and ``depth`` meets weights of 0.
    """
    p = read_block(block, FULLY_CONNECTED8_TO_16)
    source = uint8_view(p.input, p.input_size)
    codes = int16_view(p.codes, (p.rows + TILE - 1) // TILE * TILE * p.depth + LANES)
    for row in range(p.rows):
        center_run(p, source, row * p.inner, codes, row * p.depth, p.inner)
    for index in range(-(-p.output_channels // LANES)):
        channels = min(LANES, p.output_channels - index * LANES)
        multiply_int16_panel(p, codes, index, 0, p.rows, index * LANES, channels, finish_product)
    if p.shuffled:
        write_workspace(p, source)


@helper
def write_workspace(p: Any, source: Any) -> None:
    """Write the activations with flipped sign bits, in blocks of 16 columns."""
    workspace = uint8_view(p.workspace, p.input_size)
    for row in range(p.rows):
        for column in range(p.inner):
            place = (column // COLUMNS * p.rows + row) * COLUMNS + column % COLUMNS
            workspace[place] = source[row * p.inner + column] ^ np.uint8(128)
