"""DIV: float32 and int32 as they are; int8, uint8 and int16 by a reciprocal in fixed point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import InputError, TensorType
from ...schema.options import DivOptions
from ..activation_range import quantized_activation_range
from ..broadcast import broadcast_shape
from ..checks import checked_multiplier, options_of, require_arity, require_quantized, require_same_type
from ..fixed_point import INT32_MAX, output_codes
from ..fixed_point import saturating_rounding_doubling_high_multiply as multiply
from ..gemmlowp import reciprocal
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile
from .lowering import lower_float_arithmetic
from .pairs import lower_pairs
from .plain import PlainArithmetic, evaluate_plain, prepare_plain
from .shifts import multiply_with_any_shift


@dataclass(frozen=True)
class QuantizedQuotient(Prepared):
    """DIV of codes.

    ``wraps_shifts``: a dividend that is small beside its divisor is shifted right by more than 31, which the
    reference's arithmetic does not have: the quotient is then -1, 0 or 1, or nonsense. ``litert`` reproduces that.
    """

    input1_zero_point: int
    input2_zero_point: int
    output_zero_point: int
    output_multiplier: int
    output_shift: int
    activation_min: int
    activation_max: int
    wraps_shifts: bool


def prepare(node: Node, profile: Profile) -> PlainArithmetic | QuantizedQuotient:
    """Prepare DIV.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/div.cc``: the real multiplier is a float32.
    """
    require_arity(node, 2)
    first, second, output = tensors = node.input(0), node.input(1), node.output()
    require_same_type(node, *tensors)
    shape = broadcast_shape(node, first.shape, second.shape)
    activation = options_of(node, DivOptions).fused_activation_function
    if first.type in (TensorType.FLOAT32, TensorType.INT32):
        return prepare_plain(node, shape, activation)
    require_quantized(node, *tensors)
    with np.errstate(all="ignore"):
        product = second.scale * output.scale
        node.require(bool(product > 0), "scales whose product is a float32 number")
        real_multiplier = first.scale / product
    return QuantizedQuotient(
        (shape,),
        first.zero_point,
        second.zero_point,
        output.zero_point,
        *checked_multiplier(node, real_multiplier),
        *quantized_activation_range(activation, output),
        wraps_shifts=profile.reproduces_quirks,
    )


def _divide_integers(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Divide int32 as C does, cutting the fraction off. The least integer divided by -1 saturates."""
    a, b = a.astype(np.int64), b.astype(np.int64)
    magnitude = np.abs(a) // np.abs(b)
    quotient = np.where((a < 0) != (b < 0), -magnitude, magnitude)
    return np.asarray(np.minimum(quotient, INT32_MAX)).astype(np.int32)


def leading_sign_bits(x: np.ndarray) -> np.ndarray:
    """Return how far int32 can be shifted left without loss: 31 for 0 and -1."""
    magnitude = np.where(x < 0, ~x, x)
    return 31 - np.frexp(magnitude.astype(np.float64))[1].astype(np.int64)


def evaluate(prepared: PlainArithmetic | QuantizedQuotient, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Divide, with broadcasting; the result has the type of the operands.

    Raises
    ------
    InputError
        Where a divisor other than a float32 is 0, or its code is the zero point, as in the reference.

    Notes
    -----
    Source: ``DivElementwise`` and ``Div`` in ``kernels/internal/reference/div.h``.
    """
    zero = prepared.input2_zero_point if isinstance(prepared, QuantizedQuotient) else 0
    if a.dtype != np.float32 and np.any(b == zero):
        raise InputError("DIV: a divisor is 0")
    if isinstance(prepared, PlainArithmetic):
        with np.errstate(all="ignore"):
            return evaluate_plain(np.divide if a.dtype == np.float32 else _divide_integers, prepared, a, b)
    return _evaluate_quantized(prepared, a, b)


def _evaluate_quantized(prepared: QuantizedQuotient, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    dividend = a.astype(np.int32) - np.int32(prepared.input1_zero_point)
    divisor = b.astype(np.int32) - np.int32(prepared.input2_zero_point)
    dividend = np.where(divisor < 0, -dividend, dividend)
    inverse, inverse_shift = reciprocal(np.abs(divisor), 31)
    headroom = leading_sign_bits(dividend)
    quotient = multiply((dividend.astype(np.int64) << headroom).astype(np.int32), inverse)
    shift = prepared.output_shift - inverse_shift - headroom
    codes = multiply_with_any_shift(quotient, prepared.output_multiplier, shift, prepared.wraps_shifts)
    return output_codes(codes, prepared.output_zero_point, prepared.activation_min, prepared.activation_max, a.dtype)


def lower(prepared: PlainArithmetic | QuantizedQuotient, node: Node) -> Instruction | None:
    """Lower float32; and 8-bit codes that are divided by constants, none of which is 0."""
    if isinstance(prepared, PlainArithmetic):
        bounds = float(prepared.activation_min), float(prepared.activation_max)
        return lower_float_arithmetic(node, prepared.output_shape, *bounds)
    zero, divisors = prepared.input2_zero_point, node.input(1).value
    if divisors is None or np.any(divisors == zero):
        return None
    other = divisors.flat[0] if divisors.size else 0  # in place of a divisor that does not occur

    def divide(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return _evaluate_quantized(prepared, a, np.where(b == zero, other, b))

    return lower_pairs(node, prepared.output_shape, divide, least=_LEAST)


_LEAST = 2048  # elements, for which it pays to make a table

KERNELS = (
    Kernel(
        "DIV",
        (1, 2),
        (TensorType.FLOAT32, TensorType.INT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16),
        prepare,
        evaluate,
        lower,
    ),
)
