"""Functions of Eigen, the linear algebra library behind some of the reference's kernels, in float32.

They are polynomials and quotients of polynomials; what follows keeps their coefficients and the order of their
operations, without fused multiply-add, as the reference's binary has them. ``kernels/jit/eigen.py`` has the same for
compiled kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .jit.eigen_coefficients import (
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


def horner(x: np.ndarray, coefficients: Sequence[float]) -> np.ndarray:
    """Evaluate a polynomial by Horner's rule, the coefficient of the highest power first."""
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result = result * x + np.float32(coefficient)
    return result


def eigen_tanh(x: np.ndarray) -> np.ndarray:
    """Return tanh of float32: an odd polynomial over an even one, on a range at whose ends it is 1.

    Notes
    -----
    Source: ``ptanh_float`` in Eigen's ``GenericPacketMathFunctions.h``.
    """
    x = np.clip(x, -TANH_IS_ONE, TANH_IS_ONE)
    square = x * x
    numerator = (square * x) * horner(square, TANH_NUMERATOR) + x
    return np.asarray(numerator / horner(square, TANH_DENOMINATOR))


def eigen_exp(x: np.ndarray) -> np.ndarray:
    """Return exp of float32 that is not positive: ``2**m * exp(r)``, exp(r) by a polynomial of degree 6.

    Notes
    -----
    Source: ``pexp_float`` in Eigen's ``GenericPacketMathFunctions.h``.
    """
    exponent = np.floor(np.maximum(x, EXP_IS_ZERO) * LOG2_E + np.float32(0.5))
    rest = -exponent * LN_2_LOW + (-exponent * LN_2_HIGH + x)
    square = rest * rest
    curve = rest * horner(square, EXP_ODD) + horner(square, EXP_EVEN)
    significand = curve * square + (rest + np.float32(1))
    power = np.nan_to_num(exponent).astype(np.int32)
    return np.where(x < EXP_IS_ZERO, np.float32(0), np.ldexp(significand, power))


def _rounding_error_of_square(x: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Return ``x * x - square``, which is exact: Dekker's product by Veltkamp's halves of ``x``."""
    scaled = x * np.float32(4097)
    high = scaled + (x - scaled)
    low = x - high
    return np.asarray(low * low + (low * high + (high * low + (high * high - square))))


def eigen_erfc(x: np.ndarray, exp: Callable[[np.ndarray], np.ndarray] = eigen_exp) -> np.ndarray:
    """Return ``1 - erf(x)`` of float32.

    Up to 1 it is a polynomial; beyond, ``exp(-x**2)`` times a quotient of polynomials in ``1 / x**2``.

    Parameters
    ----------
    x : float32.
    exp : the exponential function, :func:`eigen_exp` or the C library's.

    Notes
    -----
    Source: ``generic_fast_erfc`` in Eigen's ``SpecialFunctionsImpl.h`` and ``twoprod_low`` in
    ``GenericPacketMathDoubleWord.h``.
    """
    x = np.clip(x, -ERFC_IS_CONSTANT, ERFC_IS_CONSTANT)
    square, one = x * x, np.float32(1)
    small = x * horner(square, ERFC_SMALL) + one
    power = exp(-square)
    power = power - power * _rounding_error_of_square(x, square)
    inverse = one / square
    quotient = horner(inverse, ERFC_NUMERATOR) / (x * horner(inverse, ERFC_DENOMINATOR))
    large = power * quotient + np.where(x < 0, np.float32(2), np.float32(0))
    return np.where(square > one, large, small)
