"""MUL: floats, integers and complex64 as they are; int8, uint8 and int16 codes with one rescaling of the product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import ActivationFunctionType, TensorType
from ...schema.options import MulOptions
from ..activation_range import quantized_activation_range
from ..broadcast import broadcast_shape
from ..checks import (
    checked_multiplier,
    options_of,
    require_arity,
    require_quantized,
    require_same_type,
    require_symmetric,
)
from ..convolution.prepared import Requantization
from ..convolution.requantization import narrow_requantization
from ..fixed_point import multiply_by_quantized_multiplier, output_codes, rounding_divide_by_pot
from ..gemmlowp import INT16_MAX
from ..operator import Field, Instruction, Kernel, Node, Prepared
from ..profiles import Profile, Rounding
from .complex_parts import multiply_complex
from .lowering import (
    broadcast_fields,
    byte_fields,
    flip_of,
    is_lowerable,
    lower_float_arithmetic,
    rescaling_fields,
    sized,
    stays_along_rows,
)
from .plain import PlainArithmetic, evaluate_plain, prepare_plain

_EIGHT_BIT = (TensorType.INT8, TensorType.UINT8)
_QUANTIZED = (*_EIGHT_BIT, TensorType.INT16)
_TYPES = (
    TensorType.FLOAT32,
    TensorType.FLOAT16,
    TensorType.COMPLEX64,
    TensorType.INT32,
    TensorType.INT64,
    TensorType.UINT32,
    *_QUANTIZED,
)


@dataclass(frozen=True)
class ComplexProduct(Prepared):
    """MUL of complex numbers, which has no fused activation."""


@dataclass(frozen=True)
class QuantizedProduct(Prepared):
    """MUL of codes: ``(a - input1_zero_point) * (b - input2_zero_point)``, rescaled to the output."""

    input1_zero_point: int
    input2_zero_point: int
    output_zero_point: int
    output_multiplier: int
    output_shift: int
    activation_min: int
    activation_max: int
    rounding: Rounding


@dataclass(frozen=True)
class FractionProduct(Prepared):
    """MUL of int16 codes that stand for numbers in [-1, 1), whatever the scales, to codes of 8 bits in 128ths."""

    output_zero_point: int
    activation_min: int
    activation_max: int
    output_dtype: np.dtype


Product = PlainArithmetic | ComplexProduct | QuantizedProduct | FractionProduct


def prepare(node: Node, profile: Profile) -> Product:
    """Prepare MUL.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/mul.cc``.
    """
    require_arity(node, 2)
    first, second, output = tensors = node.input(0), node.input(1), node.output()
    options = options_of(node, MulOptions)
    if first.type is second.type is TensorType.INT16 and output.type in _EIGHT_BIT:
        return _prepare_fractions(node, options.fused_activation_function)
    require_same_type(node, *tensors)
    shape = broadcast_shape(node, first.shape, second.shape)
    if first.type is TensorType.COMPLEX64:
        node.require(options.fused_activation_function is ActivationFunctionType.NONE, "no activation")
        return ComplexProduct((shape,))
    unquantized_int16 = first.type is TensorType.INT16 and not output.quantized
    if first.type not in _QUANTIZED or unquantized_int16:
        return prepare_plain(node, shape, options.fused_activation_function)
    require_quantized(node, *tensors)
    if first.type is TensorType.INT16:
        require_symmetric(node, *tensors)
    rounding = profile.rounding_of(node.name)
    real = profile.multiplier_precision(node.name).dtype
    with np.errstate(over="ignore", under="ignore"):
        real_multiplier = real(first.scale) * real(second.scale) / real(output.scale)
    return QuantizedProduct(
        (shape,),
        first.zero_point,
        second.zero_point,
        output.zero_point,
        *checked_multiplier(node, real_multiplier, rounding),
        *quantized_activation_range(options.fused_activation_function, output),
        rounding,
    )


def _prepare_fractions(node: Node, activation: ActivationFunctionType) -> FractionProduct:
    first, second, output = node.input(0), node.input(1), node.output()
    node.require(first.shape == second.shape, "two shapes alike, where int16 is multiplied to codes of 8 bits")
    if activation is not ActivationFunctionType.NONE:
        require_quantized(node, output)
    limits = quantized_activation_range(activation, output)
    return FractionProduct((first.shape,), output.zero_point, *limits, output.dtype)


def _evaluate_fractions(prepared: FractionProduct, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply numbers in Q0.15 and round to 128ths, halves away from zero.

    Notes
    -----
    Source: ``Mul`` of int16 to uint8 in ``kernels/internal/reference/mul.h``, and to int8 in
    ``reference/integer_ops/mul.h``.
    """
    doubled_high = np.minimum((a.astype(np.int64) * b + (1 << 14)) >> 15, INT16_MAX)
    codes = rounding_divide_by_pot(doubled_high, 8) + np.int64(prepared.output_zero_point)
    return np.clip(codes, prepared.activation_min, prepared.activation_max).astype(prepared.output_dtype)


def accumulate(prepared: QuantizedProduct, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the products of the codes less their zero points, int32, broadcast."""
    return (a.astype(np.int32) - np.int32(prepared.input1_zero_point)) * (
        b.astype(np.int32) - np.int32(prepared.input2_zero_point)
    )


def evaluate(prepared: Product, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply with broadcasting; the result has the type of the operands, or of fractions the output's.

    Notes
    -----
    Source: ``MulElementwise`` in ``kernels/internal/reference/integer_ops/mul.h`` and ``reference/mul.h``.
    """
    if isinstance(prepared, PlainArithmetic):
        return evaluate_plain(np.multiply, prepared, a, b)
    if isinstance(prepared, ComplexProduct):
        return multiply_complex(a, b)
    if isinstance(prepared, FractionProduct):
        return _evaluate_fractions(prepared, a, b)
    codes = multiply_by_quantized_multiplier(
        accumulate(prepared, a, b), prepared.output_multiplier, prepared.output_shift, prepared.rounding
    )
    return output_codes(codes, prepared.output_zero_point, prepared.activation_min, prepared.activation_max, a.dtype)


def lower(prepared: Product, node: Node) -> Instruction | None:
    """Lower codes and float32; of codes, an operand that stays along the rows becomes the second."""
    if isinstance(prepared, PlainArithmetic):
        bounds = float(prepared.activation_min), float(prepared.activation_max)
        return lower_float_arithmetic(node, prepared.output_shape, *bounds)
    if not isinstance(prepared, QuantizedProduct) or not is_lowerable(node, prepared.output_shape):
        return None
    narrow = _lower_narrow(prepared, node)
    if narrow is not None:
        return narrow
    shape = prepared.output_shape
    own: dict[str, Field] = {
        "output_left_shift": max(prepared.output_shift, 0) if prepared.rounding is Rounding.DOUBLE else 0,
        "output_zero_point": prepared.output_zero_point,
        "activation_min": prepared.activation_min,
        "activation_max": prepared.activation_max,
    }
    rescaling = rescaling_fields("output", prepared.output_multiplier, prepared.output_shift, prepared.rounding)
    zero_points = (prepared.input1_zero_point, prepared.input2_zero_point)
    swap = stays_along_rows(node.input(0).shape, node.input(1).shape, shape)
    return Instruction(sized("mul", node), {**own, **rescaling, **broadcast_fields(node, shape, zero_points, swap)})


def _lower_narrow(prepared: QuantizedProduct, node: Node) -> Instruction | None:
    """Lower codes of 8 bits to ``product8``, where a product is requantized in 32 bits, like a small accumulator."""
    fields = byte_fields(node, prepared.output_shape, (prepared.activation_min, prepared.activation_max))
    if fields is None:
        return None
    flip = flip_of(node)
    requantization = Requantization(
        np.zeros(1),
        np.array([prepared.output_multiplier], np.int32),
        np.array([prepared.output_shift], np.int32),
        prepared.rounding,
        np.dtype(np.int32),
        prepared.output_zero_point + flip,
        prepared.activation_min,
        prepared.activation_max,
        node.output().dtype,
    )
    narrow = narrow_requantization(requantization, _LARGEST_PRODUCT)
    if narrow is None:
        return None
    zero_points: dict[str, Field] = {
        "input1_zero_point": prepared.input1_zero_point + flip,
        "input2_zero_point": prepared.input2_zero_point + flip,
    }
    return Instruction("product8", {**fields, **zero_points, **narrow})


_LARGEST_PRODUCT = 255.0 * 255


KERNELS = (Kernel("MUL", (1, 7), _TYPES, prepare, evaluate, lower),)
