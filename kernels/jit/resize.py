"""Image resizing."""

from __future__ import annotations

from typing import Any

from .addressing import int64_view, read_block, uint8_view
from .layouts import fields

RESIZE_NEAREST_NEIGHBOR = fields("resize_nearest_neighbor")


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
