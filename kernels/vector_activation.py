"""Fused activations of whole vectors of float32, which are no clamps only: those of recurrent and hybrid layers."""

from __future__ import annotations

import numpy as np

from ..schema import ActivationFunctionType


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
