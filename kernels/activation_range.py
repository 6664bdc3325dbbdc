"""The clamp that a fused activation becomes: in output codes, or in float32."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ..schema import ActivationFunctionType, ModelError, TensorType
from .fixed_point import int32_from_float, round_half_away
from .operator import TensorSpec

_BOUNDS: dict[ActivationFunctionType, tuple[float | None, float | None]] = {
    ActivationFunctionType.NONE: (None, None),
    ActivationFunctionType.RELU: (0.0, None),
    ActivationFunctionType.RELU_N1_TO_1: (-1.0, 1.0),
    ActivationFunctionType.RELU6: (0.0, 6.0),
}


@cache
def type_range(tensor_type: TensorType) -> tuple[int, int]:
    """Return the least and greatest code of an integer type (int4 and int2 included)."""
    if tensor_type is TensorType.UINT4:
        return 0, 15
    if tensor_type in (TensorType.INT4, TensorType.INT2):
        bits = 4 if tensor_type is TensorType.INT4 else 2
        return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    info = np.iinfo(TensorSpec("", tensor_type, ()).dtype)
    return int(info.min), int(info.max)


def quantize_code(real: float, output: TensorSpec) -> int:
    """Return the code of a real number: ``zero_point + round(float32(real) / scale)``, not clamped.

    2**31 passes the reference's check, being the float32 next to the greatest int32, and becomes the least one.

    Raises
    ------
    ModelError
        Where the scale is so small that the code does not fit 32 bits.
    """
    with np.errstate(all="ignore"):
        code = round_half_away(np.float32(real) / output.scale)
    if not abs(code) <= 2.0**31:
        raise ModelError(f"the scale {output.scale} of tensor {output.name!r} is too small for a fused activation")
    return int(np.asarray(output.zero_point + int(int32_from_float(code)), np.int64).astype(np.int32))


def quantized_activation_range(activation: ActivationFunctionType, output: TensorSpec) -> tuple[int, int]:
    """Return the clamp [low, high] of a fused activation in codes of the output tensor.

    Notes
    -----
    Source: ``CalculateActivationRangeQuantized`` in ``kernels/kernel_util.cc``; the division is in float32.
    TANH and SIGN_BIT do not clamp, as there.
    """
    low, high = type_range(output.type)
    real_low, real_high = _BOUNDS.get(activation, (None, None))
    if real_low is not None:
        low = max(low, quantize_code(real_low, output))
    if real_high is not None:
        high = min(high, quantize_code(real_high, output))
    return low, high


def float_activation_range(activation: ActivationFunctionType) -> tuple[np.float32, np.float32]:
    """Return the clamp of a fused activation in float32; without one, the finite range of float32.

    Notes
    -----
    Source: ``CalculateActivationRange`` in ``kernels/kernel_util.h``: so an infinite sum leaves as +-FLT_MAX.
    """
    largest = np.finfo(np.float32).max
    real_low, real_high = _BOUNDS.get(activation, (None, None))
    return (
        -largest if real_low is None else np.float32(real_low),
        largest if real_high is None else np.float32(real_high),
    )


def clamp_float(x: np.ndarray, low: Any, high: Any) -> np.ndarray:
    """Clamp as C++'s ``std::min(std::max(x, low), high)`` does: a NaN stays a NaN."""
    x = np.where(x < low, low, x)
    return np.where(high < x, high, x)
