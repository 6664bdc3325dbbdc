"""Hybrid TRANSPOSE_CONV: each product of codes is scaled by itself, and the sum is one of float32.

A row of the panel has a mark where no input falls on a tap: such taps add nothing, no zero by an infinite scale either.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import float32_view, fragment, helper, int16_view, read_block
from .hybrid import quantize_images, store_real
from .int16_convolution import copy_run
from .layouts import fields
from .panels import fill_panel
from .vectors import LANES, constant_float32, splat_float32, splat_int16, store_int16

HYBRID_TRANSPOSE_CONV = fields("hybrid_transpose_conv")

MARK = -32768
"""Is no code less its zero point."""


def hybrid_transpose_conv(block: Any) -> None:
    """Convolve: input (N, H, W, C), filter packed as that of ``float_conv_2d``, output (N, OH, OW, O)."""
    p = read_block(block, HYBRID_TRANSPOSE_CONV)
    codes = int16_view(p.codes, p.input_size + LANES)
    quantize_images(p, codes)
    rows = p.batches * p.output_height * p.output_width
    matrix = int16_view(p.panel, p.panel_rows * p.depth + LANES)
    panels = (rows + p.panel_rows - 1) // p.panel_rows
    for panel in range(panels * p.part // p.parts, panels * (p.part + 1) // p.parts):
        first = panel * p.panel_rows
        count = min(p.panel_rows, rows - first)
        fill_panel(p, 0, first, count, codes, matrix, copy_run, mark_run)
        for row in range(count):
            for channel in range(0, p.output_channels, LANES):
                add_scaled_products(p, matrix, row, first + row, channel)


@fragment
def add_scaled_products(p: Any, matrix: Any, row: Any, place: Any, channel: Any) -> None:
    """Compute 16 channels of one place of the output."""
    weights = float32_view(p.filter, (channel + LANES) * p.depth)
    scale = splat_float32(float32_view(p.scales, p.batches)[place // (p.output_height * p.output_width)])
    filter_scale = constant_float32(float32_view(p.filter_scale, channel + LANES), channel)
    total = splat_float32(np.float32(0))
    for k in range(p.depth):
        code = matrix[row * p.depth + k]
        if code != MARK:
            product = splat_float32(np.float32(code)) * constant_float32(weights, channel * p.depth + k * LANES)
            total = total + product * filter_scale * scale
    channels = min(LANES, p.output_channels - channel)
    store_real(p, total, channel, place * p.output_channels + channel, channels)


@helper
def mark_run(p: Any, target: Any, position: Any, count: Any) -> None:
    """Write marks. Up to 15 elements beyond the run are written too."""
    for done in range(0, count, LANES):
        store_int16(target, position + done, splat_int16(MARK))
