"""FULLY_CONNECTED of float32 activations, quantized with zero points, by weights that the file holds sparse.

The reference takes the part of the zero points off in float32, before the products are added. So sums of codes as they
are are wanted: what the zero points took off is added again, exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import float32_view, fragment, helper, int16_view, int32_view, read_block
from .hybrid import nudge_zero_point, quantize_run, store_clamped
from .int16_convolution import multiply_image, multiply_int16_panel
from .layouts import fields
from .vectors import (
    LANES,
    constant_float32,
    constant_int32,
    float32_from_int32,
    narrow_to_int32,
    splat_float32,
    splat_int32,
)

HYBRID_SPARSE = fields("hybrid_sparse")


def hybrid_sparse(block: Any) -> None:
    """Multiply rows with the weights, packed as those of ``conv_2d``."""
    p = read_block(block, HYBRID_SPARSE)
    codes = int16_view(p.codes, p.input_size + LANES)
    quantize_rows(p, codes)
    multiply_image(p, codes, multiply_int16_panel, finish_sparse)


@fragment
def quantize_rows(p: Any, codes: Any) -> None:
    """Quantize each row to codes less their zero point; write scales and zero points."""
    size = p.input_size // p.batches
    scales, zero_points = float32_view(p.scales, p.batches), int32_view(p.zero_points, p.batches)
    for row in range(p.batches):
        scales[row] = quantize_run(p, p.input, row * size, size, p.whole, codes, row * size)
        zero_points[row] = zero_point_of(float32_view(p.ends, 2))


@helper
def zero_point_of(ends: Any) -> Any:
    """Return the zero point of a row whose range is known."""
    low, high = ends[0], ends[1]
    if low == high:
        return np.int32(0)
    step = np.float64(np.float32(high - low)) / 255.0
    return nudge_zero_point(np.float64(low) / step, np.float64(high) / step)


@helper
def finish_sparse(p: Any, sums: Any, row: Any, channel: Any, position: Any, channels: Any) -> None:
    """Take the part of the zero points off the bias, add the scaled sums, and store."""
    zero_point = int32_view(p.zero_points, p.batches)[row]
    row_sums = constant_int32(int32_view(p.row_sums, channel + LANES), channel)
    products = narrow_to_int32(sums) + row_sums * splat_int32(zero_point)
    scale, offset = splat_float32(float32_view(p.scales, p.batches)[row]), splat_float32(np.float32(zero_point))
    filter_scale = constant_float32(float32_view(p.filter_scale, channel + LANES), channel)
    factor = scale * filter_scale
    offset_factor = factor * offset if p.one_scale else scale * offset * filter_scale
    bias = constant_float32(float32_view(p.bias, channel + LANES), channel)
    start = bias - offset_factor * float32_from_int32(row_sums)
    store_clamped(p, start + float32_from_int32(products) * factor, position, channels)
