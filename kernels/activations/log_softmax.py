"""LOG_SOFTMAX over the last axis: float32; int8 and uint8 in gemmlowp's fixed point."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...schema import TensorType
from ..activation_range import type_range
from ..checks import checked_multiplier, require_arity, require_quantized, require_same_type
from ..fixed_point import (
    INT32_MAX,
    INT32_MIN,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    rounding_divide_by_pot,
)
from ..fixed_point import saturating_rounding_doubling_high_multiply as multiply
from ..gemmlowp import constant, exp_on_negative_values, one_over_one_plus_x, saturating_left_shift
from ..libm import expf, logf
from ..operator import Field, Input, Instruction, Kernel, Node, Output, Prepared
from ..profiles import Profile, Rounding
from .softmax import ACCUMULATION_INTEGER_BITS, SCALED_DIFF_INTEGER_BITS

_OUTPUT_INTEGER_BITS = 4
_LARGEST = {Rounding.DOUBLE: float(INT32_MAX), Rounding.SINGLE: float((1 << 30) - 1)}


@dataclass(frozen=True)
class FloatLogSoftmax(Prepared):
    """LOG_SOFTMAX in float32: ``x - max - log(sum(exp(x - max)))``."""


@dataclass(frozen=True)
class QuantizedLogSoftmax(Prepared):
    """LOG_SOFTMAX of 8-bit codes.

    Parameters
    ----------
    input_multiplier, input_left_shift : bring a difference of codes to Q5.26.
    reverse_multiplier, reverse_shift : bring Q5.26 to a difference of codes.
    diff_min : differences below it count as exp(-infinity).
    exponentials : int32 (256,), Q12.19: entry ``i`` is exp of the difference ``-i``, 0 below ``diff_min``.
    output_zero_point, output_min, output_max : a logarithm of 0 is the zero point, which is the greatest code.
    """

    input_multiplier: int
    input_left_shift: int
    reverse_multiplier: int
    reverse_shift: int
    diff_min: int
    exponentials: np.ndarray
    output_zero_point: int
    output_min: int
    output_max: int
    rounding: Rounding


def prepare(node: Node, profile: Profile) -> FloatLogSoftmax | QuantizedLogSoftmax:
    """Prepare LOG_SOFTMAX; the output scale must be 1/16, its zero point the greatest code.

    Notes
    -----
    Source: ``LogSoftmaxPrepare`` in ``kernels/activations.cc``, ``PreprocessLogSoftmaxScalingExp`` in
    ``kernels/internal/quantization_util.cc``.
    """
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    require_same_type(node, source, target)
    node.require(len(source.shape) >= 1, "an input of rank 1 or more")
    if source.type is TensorType.FLOAT32:
        return FloatLogSoftmax((source.shape,))
    require_quantized(node, source, target)
    least, greatest = type_range(target.type)
    node.require(target.scale == np.float32(1 / 16), f"an output scale of 1/16, not {target.scale}")
    node.require(target.zero_point == greatest, f"output zero point {greatest}, not {target.zero_point}")
    rounding = profile.rounding_of(node.name)
    fractional_bits = 31 - SCALED_DIFF_INTEGER_BITS
    real_multiplier = min(float(source.scale) * (1 << fractional_bits), _LARGEST[rounding])
    multiplier, left_shift = checked_multiplier(node, real_multiplier, rounding)
    node.require(multiplier > 0 and left_shift >= 0, f"an input scale above 2**-27, not {source.scale}")
    radius = math.floor(((1 << SCALED_DIFF_INTEGER_BITS) - 1) * 2.0 ** (fractional_bits - left_shift))
    diff_min = -min(radius, 256)
    differences = -np.arange(256, dtype=np.int32)
    scaled = multiply_by_quantized_multiplier(np.maximum(differences, diff_min), multiplier, left_shift, rounding)
    exponentials = rounding_divide_by_pot(
        exp_on_negative_values(scaled, SCALED_DIFF_INTEGER_BITS), ACCUMULATION_INTEGER_BITS
    )
    return QuantizedLogSoftmax(
        (source.shape,),
        multiplier,
        left_shift,
        *quantize_multiplier(2.0 ** (31 - left_shift) / multiplier),
        diff_min,
        np.where(differences >= diff_min, exponentials, 0).astype(np.int32),
        target.zero_point,
        least,
        greatest,
        rounding,
    )


def _add(a: Any, b: Any) -> np.ndarray:
    """Add int32, wrapping."""
    return (np.asarray(a, np.int64) + np.asarray(b, np.int64)).astype(np.int32)


def log_at_least_one(raw: Any, input_integer_bits: int, output_integer_bits: int) -> np.ndarray:
    """Return log(a) for a >= 1, between two formats of int32.

    The argument is split into a power of 2 and a factor around 1, of which a rational function gives the logarithm.
    There are two such splits, half a power apart, and the one with the smaller factor is taken.

    Notes
    -----
    Source: ``log_x_for_x_greater_than_or_equal_to_1_impl`` in ``kernels/internal/common.h``.
    """
    raw = np.asarray(raw, np.int32)
    accumulation_bits = output_integer_bits + 1
    unit = np.int64(1) << (31 - accumulation_bits)
    root = math.sqrt(math.sqrt(2.0))
    quarter = unit >> 2

    headroom_a = 31 - np.frexp(raw.astype(np.float64))[1].astype(np.int64)
    normalized = (raw.astype(np.int64) << headroom_a).astype(np.int32)
    factor_a = saturating_left_shift(multiply(normalized, constant(math.sqrt(0.5), 0)), 1)
    power_a = (input_integer_bits - headroom_a - 1) * unit + quarter

    scaled_b = multiply(raw, constant(math.sqrt(0.5), 0))
    headroom_b = 31 - np.frexp(scaled_b.astype(np.float64))[1].astype(np.int64)
    factor_b = np.clip(raw.astype(np.int64) << headroom_b, INT32_MIN, INT32_MAX).astype(np.int32)
    power_b = (input_integer_bits - headroom_b) * unit - quarter

    factor = np.minimum(factor_a, factor_b)
    power = np.clip(np.maximum(power_a, power_b), INT32_MIN, INT32_MAX).astype(np.int32)

    center = constant(1 / root, 0)
    total = factor.astype(np.int64) + center
    middle = ((total + np.where(total >= 0, 1, -1)) / 2).astype(np.int64).astype(np.int32)  # half, away from zero
    difference = _add(factor, -center)
    q = _add(difference, difference)
    q_squared = multiply(q, q)
    numerator = _add(multiply(q, factor), multiply(multiply(q, q_squared), constant(11 / 240 * root, 0)))
    inner = _add(_add(constant(2 / root - root, 0), q), multiply(constant(root / 20, 0), q_squared))
    denominator_minus_one = _add(multiply(middle, inner), multiply(constant(root / 4, 0), q))
    scaled_numerator = rounding_divide_by_pot(numerator, accumulation_bits)
    fraction = multiply(scaled_numerator, one_over_one_plus_x(denominator_minus_one))
    logarithm = _add(multiply(power, constant(math.log(2), 0)), fraction)
    return saturating_left_shift(logarithm, 1)


def evaluate(prepared: FloatLogSoftmax | QuantizedLogSoftmax, x: np.ndarray) -> np.ndarray:
    """Apply LOG_SOFTMAX over the last axis; the result has shape and type of ``x``."""
    if x.size == 0:
        return np.zeros(x.shape, x.dtype)
    if isinstance(prepared, FloatLogSoftmax):
        return evaluate_float(x)
    return evaluate_8_bit(prepared, x)


def evaluate_float(x: np.ndarray) -> np.ndarray:
    """Apply LOG_SOFTMAX in float32; the sum runs left to right.

    Notes
    -----
    Source: ``LogSoftmax`` in ``kernels/internal/reference/log_softmax.h``.
    """
    greatest = np.fmax.reduce(x, axis=-1, keepdims=True, initial=np.finfo(np.float32).min)
    with np.errstate(all="ignore"):
        difference = x - greatest
        total = np.add.accumulate(expf(difference), axis=-1)[..., -1:]
        return np.asarray(difference - logf(total))


def evaluate_8_bit(prepared: QuantizedLogSoftmax, x: np.ndarray) -> np.ndarray:
    """Apply LOG_SOFTMAX in fixed point.

    Notes
    -----
    Source: ``LogSoftmax`` in ``kernels/internal/reference/integer_ops/log_softmax.h``, and the uint8 form in
    ``kernels/internal/reference/softmax.h``. Differences so large that the output would leave Q5.26 saturate.
    """
    p = prepared
    codes = x.astype(np.int32)
    difference = codes - codes.max(axis=-1, keepdims=True)
    total = p.exponentials[-difference].sum(axis=-1, keepdims=True, dtype=np.int64).astype(np.int32)
    log_total = log_at_least_one(total, ACCUMULATION_INTEGER_BITS, SCALED_DIFF_INTEGER_BITS)
    lowest = multiply_by_quantized_multiplier(
        _add(log_total, INT32_MIN), p.reverse_multiplier, p.reverse_shift, p.rounding
    )
    limit = np.maximum(p.diff_min - 1, lowest)
    scaled = multiply_by_quantized_multiplier(difference, p.input_multiplier, p.input_left_shift, p.rounding)
    dropped_bits = 31 - SCALED_DIFF_INTEGER_BITS - _OUTPUT_INTEGER_BITS
    logarithms = rounding_divide_by_pot(_add(scaled, -log_total), dropped_bits)
    result = np.clip(_add(logarithms, p.output_zero_point), p.output_min, p.output_max)
    return np.where(difference > limit, result, p.output_min).astype(x.dtype)


_LONGEST_ROW = (1 << (31 - 19)) - 1  # exponentials are at most 2**19, and their sum must fit int32


def lower(prepared: FloatLogSoftmax | QuantizedLogSoftmax, node: Node) -> Instruction | None:
    """Lower codes to ``log_softmax8``."""
    source, p = node.input(0), prepared
    size = math.prod(source.shape)
    if isinstance(p, FloatLogSoftmax) or size == 0 or source.shape[-1] > _LONGEST_ROW:
        return None
    differences = -np.arange(256, dtype=np.int32)
    fields: dict[str, Field] = {
        "input": Input(0, size),
        "output": Output(0, size),
        "rows": size // source.shape[-1],
        "depth": source.shape[-1],
        "sign_flip": 128 if source.type is TensorType.INT8 else 0,
        "exponentials": p.exponentials,
        "scaled": multiply_by_quantized_multiplier(differences, p.input_multiplier, p.input_left_shift, p.rounding),
        "diff_min": p.diff_min,
        "reverse_multiplier": p.reverse_multiplier,
        "reverse_shift": p.reverse_shift,
        "single": int(p.rounding is Rounding.SINGLE),
        "output_zero_point": p.output_zero_point,
        "output_min": p.output_min,
        "output_max": p.output_max,
    }
    return Instruction("log_softmax8", fields)


_TYPES = (TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8)

KERNELS = (Kernel("LOG_SOFTMAX", (1, 2), _TYPES, prepare, evaluate, lower),)
