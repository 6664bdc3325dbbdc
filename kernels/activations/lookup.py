"""Functions of one 8-bit code as a table of 256, and the operators that are nothing else in 8 bits.

LOGISTIC and TANH: int8 and uint8 by a table filled in float32, int16 by interpolation in a table (module
``sigmoid_int16``), float32 by the function itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...schema import TensorType
from ..activation_range import type_range
from ..checks import require_arity, require_quantized, require_same_type
from ..fixed_point import int32_from_float, round_half_away
from ..libm import expf, tanhf
from ..operator import Input, Instruction, Kernel, Node, Output, Prepared, TensorSpec
from ..profiles import Profile
from .sigmoid_int16 import InterpolatedSigmoid, evaluate_interpolated, prepare_logistic_int16, prepare_tanh_int16

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
    """A float32 function applied to each element."""

    function: Function


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


def layout_table(codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Lay the values of all 256 codes out by the codes' unsigned bytes."""
    table = np.empty(256, values.dtype)
    table[codes.astype(np.uint8)] = values
    return table


def tabulate(evaluate: Callable[[Any, np.ndarray], Any], prepared: Any, source: TensorSpec) -> np.ndarray:
    """Tabulate an operator's own ``evaluate`` over the 256 codes of an 8-bit tensor."""
    low, high = type_range(source.type)
    codes = np.arange(low, high + 1).astype(source.dtype)
    return layout_table(codes, evaluate(prepared, codes))


def lower_table(table: np.ndarray, node: Node) -> Instruction:
    """Lower a function of one 8-bit code to ``lookup8``."""
    size = int(np.prod(node.input(0).shape, dtype=np.int64))
    return Instruction("lookup8", {"input": Input(0, size), "output": Output(0, size), "table": table, "size": size})


def lower_by_tabulating(evaluate: Callable[[Any, np.ndarray], Any], prepared: Any, node: Node) -> Instruction | None:
    """Lower any operator that maps 8-bit codes one by one; other types stay with ``evaluate``."""
    if node.input(0).type not in (TensorType.INT8, TensorType.UINT8):
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
    if source.type is TensorType.FLOAT32:
        return FloatFunction((source.shape,), logistic_with_cutoffs)
    require_quantized(node, source, target)
    if source.type is TensorType.INT16:
        return prepare_logistic_int16(node)
    node.require(target.scale == np.float32(1 / 256), f"an output scale of 1/256, not {target.scale}")
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
    if source.type is TensorType.FLOAT32:
        return FloatFunction((source.shape,), tanhf)
    require_quantized(node, source, target)
    if source.type is TensorType.INT16:
        return prepare_tanh_int16(node)
    return Lookup((source.shape,), build_table(tanhf, source, target))


def evaluate(prepared: Activation, x: np.ndarray) -> np.ndarray:
    """Look each code up, or apply the function in float32. Shape and type of the result are those of ``x``."""
    if isinstance(prepared, Lookup):
        return np.asarray(prepared.table[x.view(np.uint8)])
    if isinstance(prepared, InterpolatedSigmoid):
        return evaluate_interpolated(prepared, x)
    return prepared.function(x)


def lower(prepared: Activation, node: Node) -> Instruction | None:
    """Lower the 8-bit forms to ``lookup8``."""
    return lower_table(prepared.table, node) if isinstance(prepared, Lookup) else None


_TYPES = (TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16)

KERNELS = (
    Kernel("LOGISTIC", (1, 3), _TYPES, prepare_logistic, evaluate, lower),
    Kernel("TANH", (1, 3), _TYPES, prepare_tanh, evaluate, lower),
)
