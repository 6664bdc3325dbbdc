"""SOFTMAX over the last axis: floats in float32; int8 and uint8 in gemmlowp's fixed point; int16 by two tables."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...schema import TensorType
from ...schema.deferred import dataclass
from ...schema.options import SoftmaxOptions
from ..checks import (
    checked_multiplier,
    options_of,
    require_arity,
    require_quantized,
    require_same_type,
    require_symmetric,
)
from ..fixed_point import INT32_MAX, multiply_by_quantized_multiplier, round_half_away, rounding_divide_by_pot
from ..fixed_point import saturating_rounding_doubling_high_multiply as multiply
from ..gemmlowp import INT16_MAX, INT16_MIN, exp_on_negative_values, reciprocal
from ..libm import address, expf
from ..operator import Field, Input, Instruction, Kernel, Node, Output, Prepared, Scratch
from ..profiles import Profile, Rounding

SCALED_DIFF_INTEGER_BITS = 5
ACCUMULATION_INTEGER_BITS = 12

_FLOATS = (TensorType.FLOAT32, TensorType.FLOAT16)
_8_BIT = (TensorType.INT8, TensorType.UINT8)


@dataclass(frozen=True)
class FloatSoftmax(Prepared):
    """SOFTMAX in float32: ``exp((x - max) * beta) / sum``."""

    beta: np.float32


@dataclass(frozen=True)
class QuantizedSoftmax(Prepared):
    """SOFTMAX of 8-bit codes.

    Parameters
    ----------
    input_multiplier, input_left_shift : bring a difference of codes to Q5.26, times beta.
    diff_min : differences below it count as exp(-infinity).
    exponentials : int32 (256,), Q0.31: entry ``i`` is exp of the difference ``-i``, 0 below ``diff_min``.
    output_dtype : int8, uint8 or int16; its least value means 0, and its range means 1.
    """

    input_multiplier: int
    input_left_shift: int
    diff_min: int
    exponentials: np.ndarray
    output_dtype: np.dtype


@dataclass(frozen=True)
class Int16Softmax(Prepared):
    """SOFTMAX of int16 codes by tables of 513 samples.

    Parameters
    ----------
    input_multiplier, input_shift : bring a difference of codes to steps of 10/65535.
    exp_table : exp over [-10, 0]; reciprocal_table : 1 / (1 + x) over [0, 1]; both int16 Q0.15.
    """

    input_multiplier: int
    input_shift: int
    exp_table: np.ndarray
    reciprocal_table: np.ndarray
    rounding: Rounding


Softmax = FloatSoftmax | QuantizedSoftmax | Int16Softmax


def prepare(node: Node, profile: Profile) -> Softmax:
    """Prepare SOFTMAX.

    Notes
    -----
    Source: ``SoftmaxPrepare`` in ``kernels/activations.cc``.
    """
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    node.require(len(source.shape) >= 1, "an input of rank 1 or more")
    beta = np.float32(options_of(node, SoftmaxOptions).beta)
    if source.type in _FLOATS:
        require_same_type(node, source, target)
        return FloatSoftmax((source.shape,), beta)
    node.require(math.isfinite(beta) and float(beta) >= 0, f"a beta that is finite and not negative, not {beta}")
    allowed = (source.type, TensorType.INT16)
    node.require(target.type in allowed, f"an output of {source.type.name.lower()} or int16")
    require_quantized(node, source, target)
    if source.type is TensorType.INT16:
        return _prepare_int16(node, profile, beta)
    if target.type is TensorType.INT8:
        node.require(target.zero_point == -128, f"output zero point -128, not {target.zero_point}")
        _require_near(node, 1 / 256)
    return _prepare_8_bit(node, profile, beta)


def _require_near(node: Node, scale: float) -> None:
    given = float(node.output().scale)
    node.require(abs(given - scale) <= 0.001 * scale, f"an output scale of {scale}, not {given}")


def _prepare_8_bit(node: Node, profile: Profile, beta: np.float32) -> QuantizedSoftmax:
    """Prepare the fixed-point form.

    Notes
    -----
    Source: ``PreprocessSoftmaxScaling`` and ``CalculateInputRadius`` in ``kernels/internal/quantization_util.cc``.
    The reference ends its process where the multiplier is not above 1; here a smaller one works as well.
    """
    rounding = profile.rounding_of(node.name)
    fractional_bits = 31 - SCALED_DIFF_INTEGER_BITS
    largest = float((1 << 30) - 1 if rounding is Rounding.SINGLE else INT32_MAX)
    real_multiplier = min(float(beta) * float(node.input(0).scale) * (1 << fractional_bits), largest)
    multiplier, left_shift = checked_multiplier(node, real_multiplier, rounding)
    radius = math.floor(((1 << SCALED_DIFF_INTEGER_BITS) - 1) * 2.0 ** (fractional_bits - left_shift))
    diff_min = -min(radius, 256)
    differences = -np.arange(256, dtype=np.int32)
    scaled = multiply_by_quantized_multiplier(np.maximum(differences, diff_min), multiplier, left_shift, rounding)
    exponentials = exp_on_negative_values(scaled, SCALED_DIFF_INTEGER_BITS)
    exponentials = np.where(differences >= diff_min, exponentials, 0).astype(np.int32)
    shape = node.input(0).shape
    return QuantizedSoftmax((shape,), multiplier, left_shift, diff_min, exponentials, node.output().dtype)


def build_int16_table(function: Callable[[float], float], input_min: float, input_max: float) -> np.ndarray:
    """Tabulate a function at 513 points for :func:`look_up_int16`; the output is Q0.15.

    Notes
    -----
    Source: ``LUTPopulate`` for int16 in ``kernels/internal/common.h``, in float64. Each entry is moved by half the
    error that linear interpolation would make in the middle of its interval.
    """
    step = (input_max - input_min) / 512
    output_scale = 2.0 / 65535
    inverse_scale = 65536.0 / (output_scale * INT16_MAX - output_scale * INT16_MIN)
    table = np.empty(513, np.int16)
    for i in range(512):
        sample = round_half_away(np.float64(function(input_min + i * step) * inverse_scale))
        middle = round_half_away(np.float64(function(input_min + i * step + step / 2) * inverse_scale))
        following = function(input_min + (i + 1) * step) * inverse_scale
        interpolated = round_half_away(np.float64((following + sample) / 2))
        bias = round_half_away(np.float64((interpolated - middle) / 2))
        table[i] = min(max(sample - bias, INT16_MIN), INT16_MAX)
    table[512] = min(max(round_half_away(np.float64(function(input_max) * inverse_scale)), INT16_MIN), INT16_MAX)
    return table


def look_up_int16(table: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Interpolate in a table of 513 samples: the upper 9 bits of an int16 select, the lower 7 interpolate; int32.

    Notes
    -----
    Source: ``LUTLookup`` for int16 in ``kernels/internal/common.h``.
    """
    x = np.asarray(x, np.int32)
    index = 256 + (x >> 7)
    base = table[index]
    slope = (table[index + 1] - base).astype(np.int32)  # an int16, so a jump over more than half the range wraps
    return (base + ((slope * (x & 127) + 64) >> 7)).astype(np.int16).astype(np.int32)


def _prepare_int16(node: Node, profile: Profile, beta: np.float32) -> Int16Softmax:
    source, target = node.input(0), node.output()
    require_symmetric(node, source, target)
    _require_near(node, 1 / 32768)
    rounding = profile.rounding_of(node.name)
    real = profile.multiplier_precision(node.name).dtype
    with np.errstate(over="ignore", under="ignore"):
        real_multiplier = float(real(source.scale) * real(beta)) / (10.0 / 65535.0)
    return Int16Softmax(
        (source.shape,),
        *checked_multiplier(node, real_multiplier, rounding),
        build_int16_table(math.exp, 10.0 / 65535 * (INT16_MIN - INT16_MAX), 0.0),
        build_int16_table(lambda x: 1.0 / (1.0 + x), 0.0, 1.0 / 65535 * (INT16_MAX - INT16_MIN)),
        rounding,
    )


def evaluate(prepared: Softmax, x: np.ndarray) -> np.ndarray:
    """Apply SOFTMAX over the last axis; the result has the shape of ``x``."""
    if x.size == 0:
        return np.zeros(x.shape, prepared.output_dtype if isinstance(prepared, QuantizedSoftmax) else x.dtype)
    if isinstance(prepared, FloatSoftmax):
        return evaluate_float(prepared, x)
    if isinstance(prepared, Int16Softmax):
        return evaluate_int16(prepared, x)
    return evaluate_8_bit(prepared, x)


def evaluate_float(prepared: FloatSoftmax, x: np.ndarray) -> np.ndarray:
    """Apply SOFTMAX in float32: the sum runs left to right, and each element is divided by it.

    float16 rounds each exponential before it is divided, not the sum of them.

    Notes
    -----
    Source: ``Softmax`` in ``kernels/internal/reference/softmax.h``.
    """
    dtype, lowest = x.dtype, np.finfo(x.dtype).min
    x = x.astype(np.float32, copy=False)
    greatest = np.fmax.reduce(x, axis=-1, keepdims=True, initial=lowest)  # a NaN never wins a comparison
    with np.errstate(all="ignore"):
        exponentials = expf((x - greatest) * prepared.beta)
        total = np.add.accumulate(exponentials, axis=-1)[..., -1:]
        return np.asarray(exponentials.astype(dtype).astype(np.float32) / total, dtype)


def accumulate(prepared: QuantizedSoftmax, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the exponentials of 8-bit codes (int32 Q0.31) and their sum over the last axis (int64 Q12.19)."""
    codes = x.astype(np.int32)
    exponentials = prepared.exponentials[codes.max(axis=-1, keepdims=True) - codes]
    terms = rounding_divide_by_pot(exponentials, ACCUMULATION_INTEGER_BITS)
    return exponentials, terms.sum(axis=-1, keepdims=True, dtype=np.int64)


def evaluate_8_bit(prepared: QuantizedSoftmax, x: np.ndarray) -> np.ndarray:
    """Apply SOFTMAX in fixed point.

    Notes
    -----
    Source: the quantized ``Softmax`` in ``kernels/internal/reference/softmax.h``. The reference ends its process
    where the sum reaches 512 (8-bit output), on a check of the last shift; here the shift goes on.
    """
    exponentials, total = accumulate(prepared, x)
    scale, bits_over_unit = reciprocal(total, ACCUMULATION_INTEGER_BITS)
    limits = np.iinfo(prepared.output_dtype)
    exponent = bits_over_unit + 31 - limits.bits
    unsaturated = rounding_divide_by_pot(multiply(scale, exponentials), exponent)
    return np.clip(unsaturated.astype(np.int64) + limits.min, limits.min, limits.max).astype(prepared.output_dtype)


def _int16_exponentials(prepared: Int16Softmax, difference: np.ndarray) -> np.ndarray:
    """Return the exponentials (int32 Q0.15) of codes less their row's greatest."""
    scaled = multiply_by_quantized_multiplier(
        difference, prepared.input_multiplier, prepared.input_shift, prepared.rounding
    )
    return look_up_int16(prepared.exp_table, np.clip(scaled.astype(np.int64) + INT16_MAX, INT16_MIN, INT16_MAX))


def evaluate_int16(prepared: Int16Softmax, x: np.ndarray) -> np.ndarray:
    """Apply SOFTMAX to int16 codes by table.

    Notes
    -----
    Source: ``SoftmaxInt16`` in ``kernels/internal/reference/softmax.h``.
    """
    codes = x.astype(np.int32)
    exponentials = _int16_exponentials(prepared, codes - codes.max(axis=-1, keepdims=True))
    total = exponentials.sum(axis=-1, keepdims=True, dtype=np.int64)
    headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
    shifted = ((total << np.maximum(headroom - 1, 0)) + (1 << 13)) >> 14
    scale = look_up_int16(prepared.reciprocal_table, np.clip(shifted - (1 << 15) - (1 << 16), INT16_MIN, INT16_MAX))
    right_shift = 31 - headroom
    product = exponentials.astype(np.int64) * scale
    result = (product + (np.int64(1) << (right_shift - 1))) >> right_shift
    return np.clip(result, 0, INT16_MAX).astype(np.int16)


def lower(prepared: Softmax, node: Node) -> Instruction | None:
    """Lower all but float16 and empty tensors."""
    source, target = node.input(0), node.output()
    size = math.prod(source.shape)
    if size == 0:
        return None
    fields: dict[str, Field] = {
        "input": Input(0, source.dtype.itemsize * size),
        "output": Output(0, target.dtype.itemsize * size),
        "rows": size // source.shape[-1],
        "depth": source.shape[-1],
    }
    if isinstance(prepared, FloatSoftmax):
        exponential = address("expf") if source.type is TensorType.FLOAT32 else None
        if exponential is None:
            return None
        return Instruction("softmax_float32", {**fields, "beta": float(prepared.beta), "exponential": exponential})
    if isinstance(prepared, Int16Softmax):
        if source.shape[-1] >= 1 << 16:  # a row's sum may not fit the kernel's int32
            return None
        exponentials = _int16_exponentials(prepared, -np.arange(1 << 16, dtype=np.int32)).astype(np.int16)
        tables = {"exponentials": exponentials, "reciprocals": prepared.reciprocal_table}
        return Instruction("softmax16", {**fields, **tables})
    fields |= {
        "sign_flip": 128 if source.type is TensorType.INT8 else 0,
        "exponentials": prepared.exponentials,
        "terms": rounding_divide_by_pot(prepared.exponentials, ACCUMULATION_INTEGER_BITS),
    }
    if target.type is not source.type:
        return Instruction("softmax8_to_16", fields)
    whole = {"part": 0, "parts": 1}
    if source.shape[-1] < _LONG_ROW:
        of_rows: dict[str, Field] = {"sums": Scratch(2 * 4 * _LANES), "ends": Scratch(2 * 8 * _LANES)}
        return Instruction("softmax8_of_few", {**fields, **of_rows, **whole})
    falling = int(np.all(np.diff(prepared.exponentials.astype(np.int64)) <= 0))
    return Instruction("softmax8", {**fields, "falling": falling, "quotients": Scratch(256), **whole})


_LANES = 16  # of kernels/jit/vectors.py
_LONG_ROW = 64

_TYPES = (*_FLOATS, *_8_BIT, TensorType.INT16)

KERNELS = (Kernel("SOFTMAX", (1, 3), _TYPES, prepare, evaluate, lower),)
