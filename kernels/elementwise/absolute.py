"""ABS: float32 and integers as they are; int8 and int16 codes with one rescaling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..activation_range import type_range
from ..activations.lookup import lower_by_tabulating
from ..checks import checked_multiplier, require_arity, require_quantized, require_same_type, require_symmetric
from ..fixed_point import multiply_by_quantized_multiplier, output_codes
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile, Rounding


@dataclass(frozen=True)
class PlainAbs(Prepared):
    """ABS of numbers that are not quantized."""


@dataclass(frozen=True)
class QuantizedAbs(Prepared):
    """ABS of codes: ``|x - input_zero_point|``, rescaled unless both scales are equal."""

    input_zero_point: int
    rescales: bool
    multiplier: int
    shift: int
    output_zero_point: int
    output_min: int
    output_max: int
    rounding: Rounding


def prepare(node: Node, profile: Profile) -> PlainAbs | QuantizedAbs:
    """Prepare ABS.

    Notes
    -----
    Source: ``GenericPrepare`` in ``kernels/elementwise.cc``; the ratio of the scales is a float32.
    """
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    require_same_type(node, source, target)
    unquantized_int16 = source.type is TensorType.INT16 and not source.quantized
    if source.type in (TensorType.FLOAT32, TensorType.INT32) or unquantized_int16:
        return PlainAbs((source.shape,))
    require_quantized(node, source, target)
    if source.type is TensorType.INT16:
        require_symmetric(node, source, target)
    rounding = profile.rounding_of(node.name)
    with np.errstate(all="ignore"):
        ratio = source.scale / target.scale
    return QuantizedAbs(
        (source.shape,),
        source.zero_point,
        bool(source.scale != target.scale),
        *checked_multiplier(node, ratio, rounding),
        target.zero_point,
        *type_range(target.type),
        rounding,
    )


def evaluate(prepared: PlainAbs | QuantizedAbs, x: np.ndarray) -> np.ndarray:
    """Drop the sign; the least integer stays. The result has shape and type of ``x``.

    Notes
    -----
    Source: ``AbsEval`` and ``AbsEvalQuantized`` in ``kernels/elementwise.cc``.
    """
    if isinstance(prepared, PlainAbs):
        return np.asarray(np.abs(x))
    magnitude = np.abs(x.astype(np.int32) - np.int32(prepared.input_zero_point))
    if prepared.rescales:
        magnitude = multiply_by_quantized_multiplier(magnitude, prepared.multiplier, prepared.shift, prepared.rounding)
    return output_codes(magnitude, prepared.output_zero_point, prepared.output_min, prepared.output_max, x.dtype)


def lower(prepared: PlainAbs | QuantizedAbs, node: Node) -> Instruction | None:
    """Lower int8 to a table."""
    return lower_by_tabulating(evaluate, prepared, node)


KERNELS = (
    Kernel(
        "ABS",
        (1, 3),
        (TensorType.FLOAT32, TensorType.INT8, TensorType.INT16, TensorType.INT32),
        prepare,
        evaluate,
        lower,
    ),
)
