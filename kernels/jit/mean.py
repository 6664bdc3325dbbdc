"""MEAN of 8-bit codes over neighbouring axes: the input is (outer, count, inner), the output (outer, inner)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import int32_view, read_block, uint8_view
from .elementwise import rescale, to_code
from .layouts import fields

MEAN8 = fields("mean8")


def mean8(block: Any) -> None:
    """Sum the codes over the middle axis and rescale the sums, less ``zero_points``, the sum of all zero points."""
    p = read_block(block, MEAN8)
    source = uint8_view(p.input, p.outer * p.count * p.inner)
    target = uint8_view(p.output, p.outer * p.inner)
    sums = int32_view(p.sums, p.inner)
    for outer in range(p.outer):
        for i in range(p.inner):
            sums[i] = 0
        for position in range(outer * p.count, (outer + 1) * p.count):
            at = position * p.inner
            for i in range(p.inner):
                sums[i] += np.int32(source[at + i] ^ np.uint8(p.sign_flip))
        for i in range(p.inner):
            shifted = np.int32(np.int64(sums[i]) - p.zero_points) << np.int32(p.output_left_shift)
            x = np.int64(np.int32(shifted))
            scaled = rescale(x, p.output_multiplier, p.output_rounding, p.output_sign_mask, p.output_right_shift)
            target[outer * p.inner + i] = to_code(p, scaled)
