"""ADD, SUB and MUL on numbers that are not quantized: one operation, then the fused activation's clamp."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...schema import ActivationFunctionType, TensorType
from ..activation_range import clamp_float, float_activation_range, type_range
from ..operator import Node, Prepared, Shape


@dataclass(frozen=True)
class PlainArithmetic(Prepared):
    """Two operands, broadcast, in their own type: float32 or an integer type that wraps.

    ``activation_min`` and ``activation_max`` are the fused activation's clamp; that of float32 without an activation
    is its finite range, so that infinities leave as the greatest float32.
    """

    activation_min: int | np.float32
    activation_max: int | np.float32


_INTEGER_BOUNDS = {
    ActivationFunctionType.RELU: (0, None),
    ActivationFunctionType.RELU_N1_TO_1: (-1, 1),
    ActivationFunctionType.RELU6: (0, 6),
}


def integer_activation_range(activation: ActivationFunctionType, tensor_type: TensorType) -> tuple[int, int]:
    """Return the clamp of a fused activation on integers that are not quantized.

    Notes
    -----
    Source: ``CalculateActivationRange`` in ``kernels/kernel_util.h``.
    """
    least, greatest = type_range(tensor_type)
    low, high = _INTEGER_BOUNDS.get(activation, (None, None))
    if low is not None and least == 0:
        low %= greatest + 1  # the reference writes -1 into an unsigned number
    return least if low is None else low, greatest if high is None else high


def prepare_plain(node: Node, shape: Shape, activation: ActivationFunctionType) -> PlainArithmetic:
    """Prepare float32 or unquantized integers; the caller has checked types and shapes."""
    if node.input(0).type is TensorType.FLOAT32:
        return PlainArithmetic((shape,), *float_activation_range(activation))
    return PlainArithmetic((shape,), *integer_activation_range(activation, node.input(0).type))


def evaluate_plain(
    operation: Callable[[Any, Any], Any], prepared: PlainArithmetic, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """Apply ``operation`` to the broadcast operands and clamp; integers wrap as two's complement."""
    with np.errstate(over="ignore", invalid="ignore"):
        result = np.asarray(operation(a, b))
    if a.dtype == np.float32:
        return clamp_float(result, np.float32(prepared.activation_min), np.float32(prepared.activation_max))
    return np.asarray(np.clip(result, prepared.activation_min, prepared.activation_max), a.dtype)
