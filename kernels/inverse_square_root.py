"""The reciprocal of a square root in fixed point, as L2_NORMALIZATION, RSQRT and the LSTM have it."""

from __future__ import annotations

import math

import numpy as np

from .fixed_point import INT32_MAX, rounding_divide_by_pot
from .fixed_point import saturating_rounding_doubling_high_multiply as multiply
from .gemmlowp import constant, saturating_left_shift

_NEWTON_STEPS = 5


def inverse_square_root(x: int) -> tuple[int, int]:
    """Return ``1 / sqrt(x)`` of an int32 as a Q0.31 multiplier and a shift, not positive; 0 counts as 1.

    Notes
    -----
    Source: ``GetInvSqrtQuantizedMultiplierExp`` in ``kernels/internal/quantization_util.h``: Newton-Raphson steps in
    Q3.28 from 1.
    """
    if x <= 1:
        return INT32_MAX, 0
    shift = 11
    while x >= 1 << 29:
        x, shift = x >> 2, shift + 1
    pairs = (31 - x.bit_length()) // 2 - 1
    x, shift = x << (2 * pairs), shift - pairs
    half = rounding_divide_by_pot(x >> 1, 1)
    root = np.int32(1 << 28)
    for _ in range(_NEWTON_STEPS):
        cube = saturating_left_shift(multiply(multiply(root, root), root), 6)
        root = np.int32(saturating_left_shift(multiply(constant(1.5, 3), root) - multiply(half, cube), 3))
    multiplier = multiply(root, constant(math.sqrt(0.5), 0))
    if shift < 0:
        return int(saturating_left_shift(multiplier, -shift)), 0
    return int(multiplier), -shift
