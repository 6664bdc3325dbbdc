"""gemmlowp's fixed-point functions on int32: exponential, reciprocal, logistic, and the int16 primitives.

A number in format ``Qm.n`` is an int32 with ``m`` integer bits and ``n = 31 - m`` fractional ones; the value is
``raw / 2**n``. Everything here works on arrays of raw values and follows gemmlowp's ``fixedpoint/fixedpoint.h``,
whose constants are real numbers written in Q0.31 or Q2.29; multiplying two numbers is
:func:`.fixed_point.saturating_rounding_doubling_high_multiply`, and the integer bits add up.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .fixed_point import INT32_MAX, INT32_MIN, rounding_divide_by_pot
from .fixed_point import saturating_rounding_doubling_high_multiply as multiply

INT16_MIN = -(2**15)
INT16_MAX = 2**15 - 1


def constant(real: float, integer_bits: int) -> int:
    """Return a real constant in the format with so many integer bits."""
    return round(real * 2.0 ** (31 - integer_bits))


def saturating_left_shift(raw: Any, amount: Any) -> np.ndarray:
    """Multiply int32 by ``2**amount``, saturating (gemmlowp ``SaturatingRoundingMultiplyByPOT``, positive exponent)."""
    return np.clip(np.asarray(raw, np.int64) << amount, INT32_MIN, INT32_MAX).astype(np.int32)


def exp_between_negative_one_quarter_and_zero(raw: Any) -> np.ndarray:
    """Return exp(a) for a in [-1/4, 0), Q0.31 to Q0.31: a Taylor polynomial around -1/8."""
    x = (np.asarray(raw, np.int64) + (1 << 28)).astype(np.int32)
    x2 = multiply(x, x)
    x3 = multiply(x2, x)
    x4 = multiply(x2, x2)
    x4_over_4 = rounding_divide_by_pot(x4, 2)
    cubic = multiply(x4_over_4 + x3, constant(1 / 3, 0)) + x2
    tail = rounding_divide_by_pot(cubic, 1)
    at_center = constant(math.exp(-1 / 8), 0)
    return multiply(at_center, x + tail) + np.int32(at_center)


def exp_on_negative_values(raw: Any, integer_bits: int) -> np.ndarray:
    """Return exp(a) for a <= 0, Q``integer_bits`` to Q0.31 (exp(0) is the largest number below 1).

    The argument is split into a part in [-1/4, 0) and multiples of 1/4, whose exponentials are constants.

    Parameters
    ----------
    raw : int32 array, not positive.
    integer_bits : 0 to 5; gemmlowp's clamp for more is not needed here.
    """
    raw = np.asarray(raw, np.int32)
    fractional_bits = 31 - integer_bits
    quarter = 1 << (fractional_bits - 2)
    part = (raw & np.int32(quarter - 1)) - np.int32(quarter)
    result = exp_between_negative_one_quarter_and_zero(saturating_left_shift(part, integer_bits))
    remainder = part - raw
    for exponent in range(-2, integer_bits):
        factor = constant(math.exp(-(2.0**exponent)), 0)
        chosen = (remainder & np.int32(1 << (fractional_bits + exponent))) != 0
        result = np.where(chosen, multiply(result, factor), result)
    return np.where(raw == 0, np.int32(INT32_MAX), result)


def _reciprocal_of_half_denominator(raw: Any) -> np.ndarray:
    """Return 2 / (1 + a) for a in [0, 1], Q0.31 to Q2.29, by three Newton-Raphson steps."""
    total = np.asarray(raw, np.int64) + INT32_MAX
    half_denominator = ((total + 1) >> 1).astype(np.int32)  # total is never negative
    one = np.int32(1 << 29)
    x = np.int32(constant(48 / 17, 2)) + multiply(half_denominator, constant(-32 / 17, 2))
    for _ in range(3):
        error = one - multiply(half_denominator, x)
        x = x + saturating_left_shift(multiply(x, error), 2)
    return x


def one_over_one_plus_x(raw: Any) -> np.ndarray:
    """Return 1 / (1 + a) for a in [0, 1], Q0.31 to Q0.31 (``one_over_one_plus_x_for_x_in_0_1``)."""
    return saturating_left_shift(_reciprocal_of_half_denominator(raw), 1)


def one_minus_x_over_one_plus_x(raw: Any) -> np.ndarray:
    """Return (1 - a) / (1 + a) for a in [0, 1], Q0.31 to Q0.31 (``one_minus_x_over_one_plus_x_for_x_in_0_1``)."""
    return saturating_left_shift(_reciprocal_of_half_denominator(raw) - np.int32(1 << 29), 2)


def reciprocal(x: Any, integer_bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Return 1/x of a positive fixed-point number as a Q0.31 scale and the bits it is too large by.

    Parameters
    ----------
    x : int64 array, positive, with ``31 - integer_bits`` fractional bits.

    Returns
    -------
    (scale, bits_over_unit) : ``1/x = scale * 2**-bits_over_unit``, ``scale`` in (1/2, 1] as int32 Q0.31.

    Notes
    -----
    Source: ``GetReciprocal`` in ``kernels/internal/common.h``. That one takes an int32; here a sum that left 32
    bits is still a number.
    """
    x = np.asarray(x, np.int64)
    bit_length = np.frexp(x.astype(np.float64))[1].astype(np.int64)  # sums stay far below 2**53: exact
    normalized = np.where(bit_length <= 32, x << np.maximum(32 - bit_length, 0), x >> np.maximum(bit_length - 32, 0))
    return one_over_one_plus_x(normalized - (1 << 31)), bit_length - 32 + integer_bits


def logistic(raw: Any, integer_bits: int) -> np.ndarray:
    """Return 1 / (1 + exp(-a)), Q``integer_bits`` to Q0.31."""
    raw = np.asarray(raw, np.int32)
    positive = one_over_one_plus_x(exp_on_negative_values(-np.abs(raw), integer_bits))
    result = np.where(raw > 0, positive, np.int32(INT32_MAX) - positive)
    return np.where(raw == 0, np.int32(1 << 30), result)


def tanh(raw: Any, integer_bits: int) -> np.ndarray:
    """Return tanh(a), Q``integer_bits`` (at most 4) to Q0.31."""
    raw = np.asarray(raw, np.int32)
    magnitude = one_minus_x_over_one_plus_x(exp_on_negative_values(-np.abs(raw), integer_bits + 1))
    return np.where(raw == 0, np.int32(0), np.where(raw < 0, -magnitude, magnitude))


def multiply_int16(a: Any, b: Any) -> np.ndarray:
    """Return the high 16 bits of ``2 * a * b``, rounded, saturating: the multiplication of Q0.15."""
    product = np.asarray(a, np.int32) * np.asarray(b, np.int32)
    return np.minimum((product + (1 << 14)) >> 15, INT16_MAX).astype(np.int16)


def rounding_divide_int16_by_pot(x: Any, exponent: int) -> np.ndarray:
    """Divide int16 by ``2**exponent``, halves away from zero, as gemmlowp's template does on 16-bit integers.

    From an exponent of 16 on its mask has no bit left to compare with: what is not negative gives 1, the rest -1.
    """
    x = np.asarray(x, np.int16)
    if exponent < 16:
        return rounding_divide_by_pot(x, exponent).astype(np.int16)
    return np.where(x < 0, np.int16(-1), np.int16(1))
