"""CONV_2D and FULLY_CONNECTED on 8-bit codes by tiles: :mod:`.quad_convolution`, multiplied 32 by 32.

The depth of a panel's row is a multiple of 64. The bias has whole squares of 32 channels.
"""

from __future__ import annotations

from typing import Any

from .addressing import helper, read_block, uint8_view
from .layouts import fields
from .panels import blocks_of_part, fill_panel, panels_of_part
from .quad_convolution import clear_bytes, copy_bytes, finish_tile, sum_rows
from .tiles import TILE_ROWS, load_config, multiply_square, release_tiles, write_config
from .vectors import LANES

CONV_2D_TILES = fields("conv_2d_tiles")

SQUARE = 2 * LANES
"""Channels of a square."""


def conv_2d_tiles(block: Any) -> None:
    """Convolve: input (N, H, W, C), packed filter, output (N, OH, OW, O)."""
    p = read_block(block, CONV_2D_TILES)
    squares = -(-p.output_channels // SQUARE)
    rows = p.batches * p.output_height * p.output_width
    source, matrix = uint8_view(p.input, p.input_size), uint8_view(p.panel, p.panel_size)
    panels = (rows + p.panel_rows - 1) // p.panel_rows
    first_panel, last_panel = panels_of_part(p, panels)
    first_square, last_square = blocks_of_part(p, panels, squares)
    for panel in range(first_panel, last_panel):
        first = panel * p.panel_rows
        count = min(p.panel_rows, rows - first)
        fill_panel(p, 0, first, count, source, matrix, copy_bytes, clear_bytes)
        sum_rows(p, count)
        pairs = -(-count // (2 * TILE_ROWS))
        tile_rows = -(-count // (2 * pairs))  # as few as cover the panel's rows evenly
        write_config(p.config, tile_rows)
        load_config(p.config)
        for square in range(first_square, last_square):
            for pair in range(pairs):
                multiply_pair(p, square, first, 2 * pair * tile_rows, tile_rows, count)
    release_tiles()


@helper
def multiply_pair(p: Any, square: Any, first: Any, row: Any, tile_rows: Any, rows: Any) -> None:
    """Multiply two tiles of rows, from ``row`` of the panel on, by a square's channels, and store."""
    multiply_square(
        p.panel + row * p.depth,
        p.depth,
        tile_rows,
        p.filter + square * SQUARE * p.depth,
        p.depth,
        p.bias + 4 * SQUARE * square,
        p.sums,
    )
    channel = square * SQUARE
    output = (first + row) * p.output_step + channel
    finish_tile(p, row, min(2 * tile_rows, rows - row), 2 * square, 2, output, p.output_channels - channel)
