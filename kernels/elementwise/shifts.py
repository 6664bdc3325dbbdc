"""Requantization of a single number by shifts that leave 32-bit arithmetic, which the reference lets happen."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..fixed_point import (
    INT32_MAX,
    INT32_MIN,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_multiply,
)


def rounding_divide_by_wrapping_pot(x: Any, exponent: Any) -> np.ndarray:
    """Divide int32 by ``2**exponent`` as the reference's binary does where the exponent is not within 0 to 31.

    Notes
    -----
    A defect that the profile ``litert`` reproduces: ``RoundingDivideByPOT`` of gemmlowp's ``fixedpoint.h`` builds a
    mask of ``exponent`` ones, and C leaves undefined what a shift beyond 31, or a negative one, does. On x86 the
    distance counts modulo 32, that of the mask, which is built in 64 bits and cut to 32, modulo 64: a mask of 32 ones
    and more leaves a remainder that never rounds what is negative, always the rest.
    """
    x, exponent = np.asarray(x, np.int32), np.asarray(exponent, np.int32)
    mask = (~(np.int64(-1) << (exponent.astype(np.int64) & 63))).astype(np.int32)
    remainder, threshold = x & mask, (mask >> np.int32(1)) + (x < 0)
    return ((x >> (exponent & np.int32(31))) + (remainder > threshold)).astype(np.int32)


def multiply_with_any_shift(x: Any, multiplier: int, shift: Any, wraps: bool) -> np.ndarray:
    """Multiply int32 by a Q0.31 multiplier, then by ``2**shift``, of which only right shifts are expected.

    Parameters
    ----------
    x : int32 array.
    shift : int array; not limited.
    wraps : whether a shift outside -31 to 0 gives what the reference's binary gives; otherwise a long right shift
        gives 0, as it does in arithmetic, and a left shift saturates.
    """
    high = saturating_rounding_doubling_high_multiply(x, multiplier)
    shift = np.asarray(shift, np.int64)
    if wraps:
        return rounding_divide_by_wrapping_pot(high, -shift)
    left = np.clip(high.astype(np.int64) << np.clip(shift, 0, 31), INT32_MIN, INT32_MAX).astype(np.int32)
    right = rounding_divide_by_pot(high, np.clip(-shift, 0, 31))
    return np.where(shift > 0, left, np.where(shift < -31, 0, right)).astype(np.int32)
