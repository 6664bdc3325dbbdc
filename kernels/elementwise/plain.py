"""ADD, SUB and MUL on numbers that are not quantized: one operation, then the fused activation's clamp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...schema import ActivationFunctionType, TensorType
from ...schema.deferred import dataclass
from ..activation_range import clamp_float, float_activation_range, type_range
from ..operator import Node, Prepared, Shape


@dataclass(frozen=True)
class PlainArithmetic(Prepared):
    """Two operands, broadcast, in their own type: float32, float16 or an integer type that wraps.

    ``activation_min`` and ``activation_max`` are the fused activation's clamp; that of floats without an activation
    is their finite range, so that infinities leave as the greatest float.
    """

    activation_min: int | np.floating[Any]
    activation_max: int | np.floating[Any]


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
    """Prepare floats or unquantized integers; the caller has checked types and shapes."""
    dtype = node.input(0).dtype
    if dtype.kind == "f":
        low, high = (
            np.clip(bound, np.finfo(dtype).min, np.finfo(dtype).max) for bound in float_activation_range(activation)
        )
        return PlainArithmetic((shape,), dtype.type(low), dtype.type(high))
    return PlainArithmetic((shape,), *integer_activation_range(activation, node.input(0).type))


def evaluate_plain(
    operation: Callable[[Any, Any], Any], prepared: PlainArithmetic, a: np.ndarray, b: np.ndarray
) -> np.ndarray:
    """Apply ``operation`` to the broadcast operands and clamp; integers wrap as two's complement."""
    with np.errstate(over="ignore", invalid="ignore"):
        result = np.asarray(operation(a, b))
    if isinstance(prepared.activation_min, np.floating):
        return clamp_float(result, prepared.activation_min, prepared.activation_max)
    return np.asarray(np.clip(result, prepared.activation_min, prepared.activation_max), a.dtype)
