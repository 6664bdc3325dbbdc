"""The reciprocal of a square root in fixed point, as L2_NORMALIZATION, RSQRT and the LSTM have it."""

from __future__ import annotations

import math

import numpy as np

from .fixed_point import INT32_MAX, rounding_divide_by_pot
from .fixed_point import saturating_rounding_doubling_high_multiply as multiply
from .gemmlowp import constant, saturating_left_shift

_NEWTON_STEPS = 5


def inverse_square_root(x: int) -> tuple[int, int]:
    """Return ``1 / sqrt(x)`` of an int32 as a Q0.31 multiplier and a shift, not positive; 0 counts as 1."""
    multipliers, shifts = inverse_square_roots(np.array([x]))
    return int(multipliers[0]), int(shifts[0])


def inverse_square_roots(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Do the same of several numbers.

    Notes
    -----
    Source: ``GetInvSqrtQuantizedMultiplierExp`` in ``kernels/internal/quantization_util.h``: Newton-Raphson steps in
    Q3.28 from 1.
    """
    is_one = x <= 1
    x = np.maximum(x.astype(np.int64), 1)
    bits = np.frexp(x.astype(np.float64))[1].astype(np.int64)
    halvings = np.maximum((bits - 28) // 2, 0)  # until there are fewer than 30 bits
    pairs = (31 - (bits - 2 * halvings)) // 2 - 1
    x, shift = x >> 2 * halvings << 2 * pairs, 11 + halvings - pairs
    half = rounding_divide_by_pot(x >> 1, 1)
    root: np.ndarray = np.full(x.shape, 1 << 28, np.int32)
    for _ in range(_NEWTON_STEPS):
        cube = saturating_left_shift(multiply(multiply(root, root), root), 6)
        root = saturating_left_shift(multiply(constant(1.5, 3), root) - multiply(half, cube), 3)
    multiplier = saturating_left_shift(multiply(root, constant(math.sqrt(0.5), 0)), np.maximum(-shift, 0))
    return np.where(is_one, INT32_MAX, multiplier), np.where(is_one, 0, -np.maximum(shift, 0))
