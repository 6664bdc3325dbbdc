"""Activations of one float32, as :mod:`q31.kernels.vector_activation` has them of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import float_field, float_of_bits, helper

ONE = np.float32(1)
LOGISTIC_IS_ZERO = np.float32(-104.0)
TANH_IS_ONE = np.float32(7.90738964080810547)

CLAMP, TANH, SIGN_BIT = 1, 2, 3
"""Kinds of activations; 0 is none."""


@helper
def squared_exp(x: Any) -> Any:
    """Return the exponential as the square of that of half the number, which is a polynomial."""
    half = np.float32(x * np.float32(0.5))
    power = np.floor(np.float32(np.float32(half * np.float32(1.44269504088896341)) + np.float32(0.5)))
    rest = np.float32(power * np.float32(-0.693359375)) + half
    rest = np.float32(np.float32(power * np.float32(2.12194440e-4)) + rest)
    square = np.float32(rest * rest)
    even = np.float32(square * np.float32(4.1898667812347412109375e-2)) + np.float32(0.49999141693115234375)
    odd = np.float32(square * np.float32(8.33471305668354034423828125e-3)) + np.float32(0.16666877269744873046875)
    inner = np.float32(np.float32(rest * odd) + even)
    mantissa = np.float32(np.float32(square * inner) + np.float32(rest + ONE))
    exponential = np.float32(mantissa * power_of_two(power))
    return np.float32(0) if x < LOGISTIC_IS_ZERO else np.float32(exponential * exponential)


@helper
def power_of_two(power: Any) -> Any:
    """Return two to a whole power of a float32, at least to -100; for a NaN, any number."""
    bounded = power if power > np.float32(-100) else np.float32(-100)
    return float_of_bits(np.int32(np.int32(np.int32(bounded) + np.int32(127)) << np.int32(23)))


@helper
def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent as a quotient of two polynomials."""
    x = TANH_IS_ONE if x > TANH_IS_ONE else -TANH_IS_ONE if x < -TANH_IS_ONE else x
    square = np.float32(x * x)
    above = np.float32(1.394553628e-8)
    above = np.float32(np.float32(above * square) + np.float32(2.102733560e-5))
    above = np.float32(np.float32(above * square) + np.float32(3.520756727e-3))
    above = np.float32(np.float32(above * square) + np.float32(1.340216100e-1))
    below = np.float32(8.015776984e-7)
    below = np.float32(np.float32(below * square) + np.float32(3.326951409e-4))
    below = np.float32(np.float32(below * square) + np.float32(2.597254514e-2))
    below = np.float32(np.float32(below * square) + np.float32(4.673548340e-1))
    below = np.float32(np.float32(below * square) + ONE)
    cube = np.float32(square * x)
    return np.float32(np.float32(cube * above) + x) / below


@helper
def activate(p: Any, x: Any) -> Any:
    """Apply the activation of ``p``, whose fields are ``activation``, ``activation_min`` and ``activation_max``."""
    if p.activation == CLAMP:  # a NaN becomes the lower bound
        low, high = np.float32(float_field(p.activation_min)), np.float32(float_field(p.activation_max))
        x = high if high < x else x
        x = x if low < x else low
    elif p.activation == TANH:
        x = tanh(x)
    elif p.activation == SIGN_BIT:
        x = np.float32(np.signbit(x))
    return x
