"""GELU in float32, by the functions of ``kernels/eigen.py``: the same operations in the same order.

The loops have no calls, so LLVM makes vectors of them, which changes no bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import call_float, float32_view, float_field, helper, read_block
from .eigen_coefficients import (
    ERFC_DENOMINATOR,
    ERFC_IS_CONSTANT,
    ERFC_NUMERATOR,
    ERFC_SMALL,
    EXP_EVEN,
    EXP_IS_ZERO,
    EXP_ODD,
    LN_2_HIGH,
    LN_2_LOW,
    LOG2_E,
    TANH_DENOMINATOR,
    TANH_IS_ONE,
    TANH_NUMERATOR,
)
from .float_arithmetic import clamp
from .layouts import fields

GELU_FLOAT32 = fields("gelu_float32")
GELU_APPROXIMATE_FLOAT32 = fields("gelu_approximate_float32")

ZERO, HALF, ONE, TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
MINUS_INVERSE_SQRT_2 = np.float32(-float(np.sqrt(0.5)))
SQRT_2_OVER_PI = np.float32(np.sqrt(2 / np.pi))
CUBE = np.float32(0.044715)
SPLIT = np.float32(4097)
LANES = 4
"""Floats that Eigen computes together."""


@helper
def horner(x: Any, coefficients: Any) -> Any:
    """Evaluate a polynomial, the coefficient of the highest power first."""
    result = np.float32(coefficients[0])
    for coefficient in coefficients[1:]:
        result = result * x + np.float32(coefficient)
    return result


@helper
def tanh(x: Any) -> Any:
    """Return tanh."""
    x = clamp(x, -TANH_IS_ONE, TANH_IS_ONE)
    square = x * x
    return ((square * x) * horner(square, TANH_NUMERATOR) + x) / horner(square, TANH_DENOMINATOR)


@helper
def exp(x: Any) -> Any:
    """Return exp of a number that is not positive."""
    steps = (EXP_IS_ZERO if x < EXP_IS_ZERO else x) * LOG2_E + HALF
    steps = steps if steps == steps else ZERO  # a NaN comes back with ``rest``
    whole = np.int32(steps)
    power = np.int32(whole - np.int32(np.float32(whole) > steps))
    exponent = np.float32(power)
    rest = -exponent * LN_2_LOW + (-exponent * LN_2_HIGH + x)
    square = rest * rest
    curve = rest * horner(square, EXP_ODD) + horner(square, EXP_EVEN)
    significand = curve * square + (rest + ONE)
    # Exact in float64, so that a result below the normal numbers is rounded once.
    scaled = np.float64(significand) * float_field((np.int64(power) + 1023) << 52)
    return ZERO if x < EXP_IS_ZERO else np.float32(scaled)


@helper
def erfc(x: Any, square: Any, power: Any) -> Any:
    """Return ``1 - erf(x)`` of a number within the bounds, from its square and ``exp(-square)``."""
    small = x * horner(square, ERFC_SMALL) + ONE
    scaled = x * SPLIT
    high = scaled + (x - scaled)
    low = x - high
    power = power - power * (low * low + (low * high + (high * low + (high * high - square))))
    inverse = ONE / square
    quotient = horner(inverse, ERFC_NUMERATOR) / (x * horner(inverse, ERFC_DENOMINATOR))
    large = power * quotient + (TWO if x < ZERO else ZERO)
    return large if square > ONE else small


def gelu_float32(block: Any) -> None:
    """GELU by erfc; for what is left over of fours the exponential is the C library's."""
    p = read_block(block, GELU_FLOAT32)
    source, target = float32_view(p.input, p.size), float32_view(p.output, p.size)
    fours = p.size // LANES * LANES
    for i in range(fours):
        x = clamp(source[i] * MINUS_INVERSE_SQRT_2, -ERFC_IS_CONSTANT, ERFC_IS_CONSTANT)
        target[i] = (HALF * source[i]) * erfc(x, x * x, exp(-(x * x)))
    for i in range(fours, p.size):
        x = clamp(source[i] * MINUS_INVERSE_SQRT_2, -ERFC_IS_CONSTANT, ERFC_IS_CONSTANT)
        target[i] = (HALF * source[i]) * erfc(x, x * x, call_float(p.exponential, -(x * x)))


def gelu_approximate_float32(block: Any) -> None:
    """GELU by tanh."""
    p = read_block(block, GELU_APPROXIMATE_FLOAT32)
    source, target = float32_view(p.input, p.size), float32_view(p.output, p.size)
    for i in range(p.size):
        x = source[i]
        target[i] = (HALF * x) * (ONE + tanh(SQRT_2_OVER_PI * (x + CUBE * ((x * x) * x))))
