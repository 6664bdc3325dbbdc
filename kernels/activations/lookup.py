"""Functions of one 8-bit code as a table of 256, and the operators that are nothing else in 8 bits.

LOGISTIC and TANH: int8 and uint8 by a table filled in float32, int16 by interpolation in a table (module
``sigmoid_int16``), floats by the function itself in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...schema import TensorType
from ...schema.deferred import dataclass
from .. import gemmlowp
from ..activation_range import type_range
from ..checks import require_arity, require_quantized, require_same_type
from ..fixed_point import (
    int32_from_float,
    multiply_by_quantized_multiplier,
    quantize_multiplier,
    round_half_away,
    rounding_divide_by_pot,
)
from ..libm import address, expf, tanhf
from ..narrow_floats import NARROW, through_float32
from ..operator import Field, Input, Instruction, Kernel, Node, Output, Prepared, TensorSpec
from ..profiles import Profile
from .sigmoid_int16 import InterpolatedSigmoid, evaluate_interpolated, prepare_logistic_int16, prepare_tanh_int16

_FLOATS = (TensorType.FLOAT32, *NARROW)

Function = Callable[[np.ndarray], np.ndarray]

_LOGISTIC_IS_ONE = np.float32(16.619047164916992)
_LOGISTIC_IS_EXP = np.float32(-9)


@dataclass(frozen=True)
class Lookup(Prepared):
    """A function of one code as a table.

    ``table`` has the output code of each input code, laid out by the code's unsigned byte (so that code -1 is
    entry 255).
    """

    table: np.ndarray


@dataclass(frozen=True)
class FloatFunction(Prepared):
    """A function applied to each float, computed in float32: ``"logistic"`` or ``"tanh"``."""

    function: str


def logistic(x: np.ndarray) -> np.ndarray:
    """Return ``1 / (1 + exp(-x))`` in float32."""
    one = np.float32(1)
    with np.errstate(over="ignore"):
        return one / (one + expf(-x))


def logistic_with_cutoffs(x: np.ndarray) -> np.ndarray:
    """Return the logistic function as float32 tensors get it: 1 above 16.6, exp(x) below -9.

    Notes
    -----
    Source: ``Logistic`` in ``kernels/internal/reference/logistic.h``.
    """
    result = np.where(x < _LOGISTIC_IS_EXP, expf(x), logistic(x))
    return np.where(x > _LOGISTIC_IS_ONE, np.float32(1), result)


def build_table(function: Function, source: TensorSpec, target: TensorSpec) -> np.ndarray:
    """Tabulate a float32 function over the 256 codes of an 8-bit tensor.

    Notes
    -----
    Source: ``LUTPopulate`` in ``kernels/internal/common.h``: the output is *multiplied* by the float32 inverse
    of its scale, not divided by the scale.
    """
    low, high = type_range(source.type)
    codes = np.arange(low, high + 1, dtype=np.int32)
    with np.errstate(all="ignore"):
        real = source.scale * (codes - source.zero_point).astype(np.float32)
        scaled = function(real) * (np.float32(1) / target.scale)
        quantized = round_half_away(scaled) + np.float32(target.zero_point)
    return layout_table(codes, _code_from_float(quantized, target))


def _code_from_float(quantized: np.ndarray, target: TensorSpec) -> np.ndarray:
    """Convert whole float32 numbers to codes, clamped.

    The reference converts to int32, then clamps, and C leaves undefined what a number beyond int32 or a NaN becomes.
    In the reference's binary int8 saturates and has 0 for a NaN; uint8 has its least code for both.
    """
    limits = type_range(target.type)
    if target.type is TensorType.INT8:
        return np.clip(np.nan_to_num(quantized), *limits).astype(np.int8)
    return np.clip(int32_from_float(quantized), *limits).astype(target.dtype)


def build_fixed_point_table(
    function: Callable[[np.ndarray, int], np.ndarray], node: Node, profile: Profile, fractional_bits: int
) -> np.ndarray:
    """Tabulate a function that gemmlowp has in fixed point over the codes of an int8 tensor: TFLM's kernels.

    Parameters
    ----------
    function : from Q4.27 to Q0.31.
    fractional_bits : of the output: 8 with the least code as its zero (LOGISTIC), or 7 (TANH).

    Notes
    -----
    Source: ``micro/kernels/logistic_common.cc``, ``tanh.cc`` and ``kernels/internal/reference/integer_ops/`` of
    tflite-micro. Codes from the radius on saturate.
    """
    codes = np.arange(-128, 128, dtype=np.int32)
    integer_bits = 4
    multiplier, shift = quantize_multiplier(float(node.input(0).scale) * (1 << (31 - integer_bits)))
    radius = math.floor(min(((1 << integer_bits) - 1) * 2.0 ** (31 - integer_bits - shift), 2.0**31))
    centered = codes - np.int32(node.input(0).zero_point)
    inside = np.abs(centered) < radius
    shift = min(shift, 30)  # with a greater one no code is inside
    scaled = multiply_by_quantized_multiplier(
        np.where(inside, centered, 0), multiplier, shift, profile.rounding_of(node.name)
    )
    values = rounding_divide_by_pot(function(scaled, integer_bits), 31 - fractional_bits)
    values = np.clip(values - (128 if fractional_bits == 8 else 0), -128, 127)
    values = np.where(inside, values, np.where(centered > 0, 127, -128))
    return layout_table(codes, values.astype(np.int8))


def layout_table(codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Lay the values of all codes, 256 or 65536, out by the codes' unsigned numbers."""
    table = np.empty(len(codes), values.dtype)
    table[codes.astype(np.uint8 if len(codes) == 256 else np.uint16)] = values
    return table


def tabulate(evaluate: Callable[[Any, np.ndarray], Any], prepared: Any, source: TensorSpec) -> np.ndarray:
    """Tabulate an operator's own ``evaluate`` over all codes of a tensor of 8 or 16 bits."""
    low, high = type_range(source.type)
    codes = np.arange(low, high + 1).astype(source.dtype)
    return layout_table(codes, evaluate(prepared, codes))


def lower_table(table: np.ndarray, node: Node) -> Instruction:
    """Lower a function of one code to ``lookup8`` or ``lookup16``; input and output have the table's type."""
    size = int(np.prod(node.input(0).shape, dtype=np.int64))
    width = table.itemsize
    fields: dict[str, Field] = {"input": Input(0, width * size), "output": Output(0, width * size)}
    fields |= {"table": table, "size": size}
    if width == 1:
        return Instruction("lookup8", {**fields, "part": 0, "parts": 1})
    return Instruction("lookup16", fields)


def lower_elements(kernel: str, node: Node, **own: Field) -> Instruction | None:
    """Lower a function of one float32 to a kernel with fields of its ``own``; other types stay with ``evaluate``."""
    size = int(np.prod(node.input(0).shape, dtype=np.int64))
    if node.input(0).type is not TensorType.FLOAT32:
        return None
    return Instruction(kernel, {"input": Input(0, 4 * size), "output": Output(0, 4 * size), "size": size, **own})


def lower_function(kernel: str, field: str, function: str, node: Node) -> Instruction | None:
    """Lower a function of one float32 to a kernel that calls ``function`` of the C library, where there is one."""
    found = address(function)
    return None if found is None else lower_elements(kernel, node, **{field: found})


def lower_by_tabulating(evaluate: Callable[[Any, np.ndarray], Any], prepared: Any, node: Node) -> Instruction | None:
    """Lower any operator that maps codes of 8 or 16 bits one by one; other types stay with ``evaluate``.

    The table of 16 bits is as large as a core's cache, and takes some milliseconds to fill.
    """
    if node.input(0).type not in (TensorType.INT8, TensorType.UINT8, TensorType.INT16):
        return None
    return lower_table(tabulate(evaluate, prepared, node.input(0)), node)


Activation = Lookup | FloatFunction | InterpolatedSigmoid


def prepare_logistic(node: Node, profile: Profile) -> Activation:
    """Prepare LOGISTIC; the output scale must be 1/256 in 8 bits, 1/32768 in 16.

    Notes
    -----
    Source: ``SigmoidPrepare`` in ``kernels/activations.cc``.
    """
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    require_same_type(node, source, target)
    if source.type in _FLOATS:
        return FloatFunction((source.shape,), "logistic")
    require_quantized(node, source, target)
    if source.type is TensorType.INT16:
        return prepare_logistic_int16(node)
    node.require(target.scale == np.float32(1 / 256), f"an output scale of 1/256, not {target.scale}")
    if source.type is TensorType.INT8 and profile.algorithm_of(node.name) == "gemmlowp":
        node.require(target.zero_point == -128, f"output zero point -128, not {target.zero_point}")
        return Lookup((source.shape,), build_fixed_point_table(gemmlowp.logistic, node, profile, 8))
    return Lookup((source.shape,), build_table(logistic, source, target))


def prepare_tanh(node: Node, profile: Profile) -> Activation:
    """Prepare TANH; the output scale must be 1/32768 in 16 bits.

    Notes
    -----
    Source: ``TanhPrepare`` in ``kernels/activations.cc``.
    """
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    require_same_type(node, source, target)
    if source.type in _FLOATS:
        return FloatFunction((source.shape,), "tanh")
    require_quantized(node, source, target)
    if source.type is TensorType.INT16:
        return prepare_tanh_int16(node)
    if source.type is TensorType.INT8 and profile.algorithm_of(node.name) == "gemmlowp":
        return Lookup((source.shape,), build_fixed_point_table(gemmlowp.tanh, node, profile, 7))
    return Lookup((source.shape,), build_table(tanhf, source, target))


_FLOAT_FUNCTIONS: dict[str, Function] = {"logistic": logistic_with_cutoffs, "tanh": tanhf}


def evaluate(prepared: Activation, x: np.ndarray) -> np.ndarray:
    """Look each code up, or apply the function in float32. Shape and type of the result are those of ``x``."""
    if isinstance(prepared, Lookup):
        return np.asarray(prepared.table[x.view(np.uint8)])
    if isinstance(prepared, InterpolatedSigmoid):
        return evaluate_interpolated(prepared, x)
    return through_float32(_FLOAT_FUNCTIONS[prepared.function], x)


def lower(prepared: Activation, node: Node) -> Instruction | None:
    """Lower codes to a table, float32 to calls of the C library."""
    if isinstance(prepared, Lookup):
        return lower_table(prepared.table, node)
    if isinstance(prepared, InterpolatedSigmoid):
        return lower_by_tabulating(evaluate, prepared, node)
    if node.input(0).type is not TensorType.FLOAT32:
        return None
    if prepared.function == "logistic":
        return lower_function("logistic_float32", "exponential", "expf", node)
    return lower_function("apply_float32", "function", "tanhf", node)


_TYPES = (*_FLOATS, TensorType.INT8, TensorType.UINT8, TensorType.INT16)

KERNELS = (
    Kernel("LOGISTIC", (1, 3), _TYPES, prepare_logistic, evaluate, lower),
    Kernel("TANH", (1, 3), _TYPES, prepare_tanh, evaluate, lower),
)
