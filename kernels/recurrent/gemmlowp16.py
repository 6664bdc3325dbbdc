"""gemmlowp's logistic function and hyperbolic tangent on int16, as the LSTM of LiteRT has them.

A number in format ``Qm.n`` has ``m`` integer bits and ``n = 15 - m`` fractional ones. The functions are those of
module ``gemmlowp``, whose int32 forms round differently; the constants are theirs, rounded to 16 bits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..gemmlowp import INT16_MAX, INT16_MIN
from ..gemmlowp import constant as constant32

_LAST_EXPONENT = 4  # of the constants exp(-2**exponent)


def _constant(real: float, integer_bits: int) -> int:
    return (constant32(real, integer_bits) + (1 << 15)) >> 16 if real >= 0 else -_constant(-real, integer_bits)


def multiply(a: Any, b: Any) -> np.ndarray:
    """Multiply int16 numbers; their integer bits add up (``SaturatingRoundingDoublingHighMul``)."""
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    return np.minimum((product + (1 << 14)) >> 15, INT16_MAX)


def _shift_left(x: Any, amount: int) -> np.ndarray:
    return np.clip(np.asarray(x, np.int64) << amount, INT16_MIN, INT16_MAX)


def _divide(x: np.ndarray, exponent: int) -> np.ndarray:
    """Divide by ``2**exponent``, halves away from zero."""
    half = 1 << (exponent - 1)
    return np.sign(x) * ((np.abs(x) + half) >> exponent)


def _exp_near_zero(x: np.ndarray) -> np.ndarray:
    """Return exp(a) for a in [-1/4, 0), Q0.15 to Q0.15."""
    x = x + (1 << 12)
    x2 = multiply(x, x)
    x3, x4 = multiply(x2, x), multiply(x2, x2)
    tail = _divide(multiply(_divide(x4, 2) + x3, _constant(1 / 3, 0)) + x2, 1)
    center = _constant(math.exp(-1 / 8), 0)
    return np.clip(center + multiply(center, x + tail), INT16_MIN, INT16_MAX)


def exp_on_negative_values(raw: np.ndarray, integer_bits: int) -> np.ndarray:
    """Return exp(a) for a <= 0, Q``integer_bits`` to Q0.15."""
    fractional_bits = 15 - integer_bits
    quarter = 1 << (fractional_bits - 2)
    part = (raw & (quarter - 1)) - quarter
    result = _exp_near_zero(_shift_left(part, integer_bits))
    remainder = part - raw
    for exponent in range(-2, min(integer_bits, _LAST_EXPONENT + 1)):
        chosen = (remainder & (1 << (fractional_bits + exponent))) != 0
        result = np.where(chosen, multiply(result, _constant(math.exp(-(2.0**exponent)), 0)), result)
    if integer_bits > _LAST_EXPONENT + 1:
        result = np.where(raw < -(1 << (fractional_bits + _LAST_EXPONENT + 1)), 0, result)
    return np.where(raw == 0, INT16_MAX, result)


def _reciprocal_of_half_denominator(raw: np.ndarray) -> np.ndarray:
    """Return 2 / (1 + a) for a in [0, 1], Q0.15 to Q2.13."""
    half_denominator = (raw + INT16_MAX + 1) >> 1
    x = _constant(48 / 17, 2) + multiply(half_denominator, _constant(-32 / 17, 2))
    for _ in range(3):
        error = (1 << 13) - multiply(half_denominator, x)
        x = x + _shift_left(multiply(x, error), 2)
    return x


def logistic(raw: Any, integer_bits: int) -> np.ndarray:
    """Return 1 / (1 + exp(-a)), int16 in Q``integer_bits`` to Q0.15."""
    raw = np.asarray(raw, np.int64)
    inverse = _reciprocal_of_half_denominator(exp_on_negative_values(-np.abs(raw), integer_bits))
    positive = _shift_left(inverse, 1)
    return np.where(raw == 0, 1 << 14, np.where(raw > 0, positive, INT16_MAX - positive)).astype(np.int16)


def tanh(raw: Any, integer_bits: int) -> np.ndarray:
    """Return tanh(a), int16 in Q``integer_bits`` to Q0.15."""
    raw = np.asarray(raw, np.int64)
    inverse = _reciprocal_of_half_denominator(exp_on_negative_values(-np.abs(raw), integer_bits + 1))
    magnitude = _shift_left(inverse - (1 << 13), 2)
    return np.where(raw == 0, 0, np.where(raw < 0, -magnitude, magnitude)).astype(np.int16)
