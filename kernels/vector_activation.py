"""Fused activations of whole vectors of float32, which are no clamps only: those of recurrent and hybrid layers."""

from __future__ import annotations

import numpy as np

from ..schema import ActivationFunctionType
from .libm import expf

LANES = 4
"""Elements that the reference's vectors hold."""


def tanh(x: np.ndarray) -> np.ndarray:
    """Return the hyperbolic tangent as Eigen approximates it: a quotient of two polynomials.

    Notes
    -----
    Source: ``ptanh_float`` in Eigen's ``GenericPacketMathFunctions.h``, without fused multiply-add. Beyond the clamp
    the quotient is 1.
    """
    f = np.float32
    limit = f(7.90738964080810547)
    x = np.where(x > limit, limit, np.where(x < -limit, -limit, x)).astype(f)
    square = x * x
    numerator = _polynomial(square, (1.394553628e-8, 2.102733560e-5, 3.520756727e-3, 1.340216100e-1))
    denominator = _polynomial(square, (8.015776984e-7, 3.326951409e-4, 2.597254514e-2, 4.673548340e-1, 1.0))
    return np.asarray((square * x * numerator + x) / denominator, f)


def logistic(x: np.ndarray, place: int = 0) -> np.ndarray:
    """Return ``1 / (1 + exp(-x))`` as Eigen does: aligned fours by a polynomial, the others by the C library.

    Parameters
    ----------
    x : float32 of any shape, which lie in memory one after the other.
    place : how many float32 lie between an aligned address and the first.

    Notes
    -----
    Source: ``scalar_logistic_op<float>`` in Eigen's ``UnaryFunctors.h``. The polynomial's exponential is that of half
    the number, squared.
    """
    flat = np.minimum(x.ravel(), np.float32(_LOGISTIC_IS_1))
    head = min(-place % LANES, flat.size)
    end = head + (flat.size - head) // LANES * LANES
    ends = (expf(flat[:head]), _squared_exp(flat[head:end]), expf(flat[end:]))
    exponential = np.concatenate(ends)
    return np.asarray((exponential / (np.float32(1) + exponential)).reshape(x.shape), np.float32)


_LOGISTIC_IS_1, _LOGISTIC_IS_0 = 16.6355324, -104.0


def _squared_exp(x: np.ndarray) -> np.ndarray:
    f = np.float32
    half = x * f(0.5)
    power = np.floor(half * f(1.44269504088896341) + f(0.5))
    rest = power * f(2.12194440e-4) + (power * f(-0.693359375) + half)
    square = rest * rest
    even = square * f(4.1898667812347412109375e-2) + f(0.49999141693115234375)
    odd = square * f(8.33471305668354034423828125e-3) + f(0.16666877269744873046875)
    mantissa = square * (rest * odd + even) + (rest + f(1))
    exponential = np.ldexp(mantissa, np.clip(power, -200, 200).astype(np.int32)).astype(f)
    return np.where(x < f(_LOGISTIC_IS_0), f(0), exponential * exponential)


def _polynomial(x: np.ndarray, coefficients: tuple[float, ...]) -> np.ndarray:
    """Evaluate by Horner's rule in float32, the highest power first."""
    total = np.full(x.shape, coefficients[0], np.float32)
    for coefficient in coefficients[1:]:
        total = total * x + np.float32(coefficient)
    return total


def activate(x: np.ndarray, activation: ActivationFunctionType) -> np.ndarray:
    """Apply a fused activation to float32; all of the schema's are taken.

    Notes
    -----
    Source: ``ApplyActivationToVector`` in ``kernels/internal/tensor_utils.h``. ``std::max`` and ``std::min`` give their
    first argument where the other is a NaN, so that a NaN becomes the lower bound.
    """
    zero, one = np.float32(0), np.float32(1)
    if activation is ActivationFunctionType.RELU:
        return np.where(zero < x, x, zero)
    if activation is ActivationFunctionType.RELU_N1_TO_1:
        x = np.where(one < x, one, x)
        return np.where(-one < x, x, -one)
    if activation is ActivationFunctionType.RELU6:
        x = np.where(np.float32(6) < x, np.float32(6), x)
        return np.where(zero < x, x, zero)
    if activation is ActivationFunctionType.TANH:
        return tanh(x)
    if activation is ActivationFunctionType.SIGN_BIT:
        return np.signbit(x).astype(np.float32)
    return x
