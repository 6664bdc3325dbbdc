"""SQUARED_DIFFERENCE: float32 and int32 as they are, int8 rescaled to a common scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from ...schema import TensorType
from ..activation_range import type_range
from ..broadcast import broadcast_shape
from ..checks import checked_multiplier, require_arity, require_quantized, require_same_type
from ..fixed_point import multiply_by_quantized_multiplier, output_codes
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile, Rounding
from .pairs import lower_pairs

_SPARE_BITS = 7


@dataclass(frozen=True)
class PlainSquaredDifference(Prepared):
    """SQUARED_DIFFERENCE of numbers that are not quantized; int32 wraps."""


@dataclass(frozen=True)
class QuantizedSquaredDifference(Prepared):
    """SQUARED_DIFFERENCE of int8 codes.

    Both operands get 7 spare bits and are rescaled to twice the larger scale; the square is rescaled to the output.
    """

    input1_zero_point: int
    input1_multiplier: int
    input1_shift: int
    input2_zero_point: int
    input2_multiplier: int
    input2_shift: int
    output_zero_point: int
    output_multiplier: int
    output_shift: int
    output_min: int
    output_max: int
    rounding: Rounding


def prepare(node: Node, profile: Profile) -> PlainSquaredDifference | QuantizedSquaredDifference:
    """Prepare SQUARED_DIFFERENCE.

    Notes
    -----
    Source: ``SquaredDifferencePrepare`` in ``kernels/squared_difference.cc``.
    """
    require_arity(node, 2)
    first, second, output = tensors = node.input(0), node.input(1), node.output()
    require_same_type(node, *tensors)
    shape = broadcast_shape(node, first.shape, second.shape)
    if first.type is not TensorType.INT8:
        return PlainSquaredDifference((shape,))
    require_quantized(node, *tensors)
    rounding = profile.rounding_of(node.name)
    with np.errstate(all="ignore"):
        twice_max_scale = 2 * float(max(first.scale, second.scale))
        square = twice_max_scale * twice_max_scale
        divisor = float(np.float32(1 << 2 * _SPARE_BITS) * output.scale)
    node.require(divisor > 0, "an output scale of more than 0")
    return QuantizedSquaredDifference(
        (shape,),
        first.zero_point,
        *checked_multiplier(node, float(first.scale) / twice_max_scale, rounding),
        second.zero_point,
        *checked_multiplier(node, float(second.scale) / twice_max_scale, rounding),
        output.zero_point,
        *checked_multiplier(node, square / divisor, rounding),
        *type_range(output.type),
        rounding,
    )


def _rescaled(x: np.ndarray, zero_point: int, multiplier: int, shift: int, rounding: Rounding) -> np.ndarray:
    shifted = (x.astype(np.int32) - np.int32(zero_point)) << _SPARE_BITS
    return multiply_by_quantized_multiplier(shifted, multiplier, shift, rounding)


def evaluate(prepared: PlainSquaredDifference | QuantizedSquaredDifference, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the square of the difference, with broadcasting; the result has the type of the operands.

    Notes
    -----
    Source: ``SquaredDifference`` in ``kernels/squared_difference.cc``.
    """
    p = prepared
    with np.errstate(all="ignore"):
        if isinstance(p, PlainSquaredDifference):
            difference = a - b
            return np.asarray(difference * difference)
    first = _rescaled(a, p.input1_zero_point, p.input1_multiplier, p.input1_shift, p.rounding)
    second = _rescaled(b, p.input2_zero_point, p.input2_multiplier, p.input2_shift, p.rounding)
    difference = np.asarray(first - second)
    codes = multiply_by_quantized_multiplier(difference * difference, p.output_multiplier, p.output_shift, p.rounding)
    return output_codes(codes, p.output_zero_point, p.output_min, p.output_max, a.dtype)


def lower(prepared: PlainSquaredDifference | QuantizedSquaredDifference, node: Node) -> Instruction | None:
    """Lower codes to a table, which takes some milliseconds to make."""
    if isinstance(prepared, PlainSquaredDifference):
        return None
    return lower_pairs(node, prepared.output_shape, partial(evaluate, prepared), least=_LEAST)


_LEAST = 2048

KERNELS = (
    Kernel(
        "SQUARED_DIFFERENCE",
        (1, 2),
        (TensorType.FLOAT32, TensorType.INT32, TensorType.INT8),
        prepare,
        evaluate,
        lower,
    ),
)
