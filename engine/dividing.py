"""Which instructions several threads divide among them, and from what size on it pays.

A row of a table that is divided has to be taken part by part, and what one thread wrote comes to another by way of a
farther cache. Before that, workers that sleep have to be woken, while they come only some tens of microseconds later,
and a worker whom other processes keep from its processor is waited for. So there is a least time for an operator, and
one for all that a stretch divides, estimated from how much there is to do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ..kernels.operator import Instruction

LEAST_NANOSECONDS = 10_000
"""What an instruction takes on one thread, below which it is not divided."""

LEAST_NANOSECONDS_OF_STRETCH = 400_000
"""What all divisible instructions of a stretch take on one thread, below which it has no need of others."""

_WINDOW = ("batches", "output_height", "output_width")
_PRODUCT = (*_WINDOW, "output_channels", "depth")
_LINES = (*_WINDOW, "channels", "filter_height", "filter_width")

_DIVISIBLE: Mapping[str, tuple[tuple[str, ...], float]] = {
    "conv_2d": (_PRODUCT, 50),
    "conv_2d_winograd": (_PRODUCT, 11),  # of the products of the nine taps, 100
    "conv_2d_winograd_line": (_PRODUCT, 12),
    "matrix_vector8": (("rows", "output_channels", "depth"), 40),
    "conv_2d_quads": (_PRODUCT, 200),
    "conv_2d_tiles": (_PRODUCT, 400),
    "conv_2d_int16": (_PRODUCT, 40),
    "float_conv_2d": (_PRODUCT, 25),
    "hybrid_conv_2d": (_PRODUCT, 40),
    "hybrid_sparse": (_PRODUCT, 20),
    "hybrid_transpose_conv": (_PRODUCT, 20),
    "depthwise_conv_2d": (_LINES, 12),
    "depthwise_conv_2d_quads": (_LINES, 24),
    "depthwise_conv_2d_int16": (_LINES, 6),
    "float_depthwise_conv_2d": ((*_WINDOW, "output_channels", "filter_height", "filter_width"), 4),
    "max_pool_bytes": (_LINES, 20),
    "average_pool_bytes": (_LINES, 10),
    "resize_bilinear_bytes": ((*_WINDOW, "channels"), 2),
    "turned_copy": (("boxes", "rows", "columns"), 4),
    "lookup8": (("size",), 8),
    "lookup_pair8": (("sizes",), 1),
    "weighted_sum8": (("sizes",), 4),
    "product8": (("sizes",), 2.5),
    "scaled_sum8": (("size",), 2),
    "greater8": (("sizes",), 4),
    "softmax8": (("rows", "depth"), 0.4),
    "softmax8_of_few": (("rows", "depth"), 0.2),
    "dequantize_bytes": (("size",), 2),
    "dequantize16": (("size",), 8),
    "quantize8": (("size",), 4),
    "quantize16": (("size",), 4),
}
"""Kernels with the fields ``part`` and ``parts``: the fields whose product says how much they do, and how much of it is
done in a nanosecond, about, as a thread was measured to do with layers of networks."""


def divisible_nanoseconds(instruction: Instruction) -> float:
    """Return about how long an instruction takes on one thread; 0 where it cannot be divided or is too small to be."""
    if instruction.kernel not in _DIVISIBLE:
        return 0.0
    names, rate = _DIVISIBLE[instruction.kernel]
    time = math.prod(_number(instruction, name) for name in names) / rate
    return time if time >= LEAST_NANOSECONDS else 0.0


def _number(instruction: Instruction, field: str) -> int:
    """Return a field's number, or the product of its numbers."""
    value = instruction.fields[field]
    assert isinstance(value, int | np.ndarray)
    return int(np.prod(value))
