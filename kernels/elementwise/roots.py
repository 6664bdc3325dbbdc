"""SQRT and RSQRT: float32; int8 and int16 codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import InputError, TensorType
from ..activation_range import type_range
from ..activations.interpolation import Interpolated, build_interpolated, evaluate_interpolated
from ..activations.lookup import lower_table
from ..checks import checked_multiplier, require_arity, require_quantized, require_same_type, require_symmetric
from ..fixed_point import int32_from_float, multiply_by_quantized_multiplier, output_codes
from ..gemmlowp import INT16_MAX
from ..inverse_square_root import inverse_square_roots
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile, Rounding
from .shifts import multiply_with_any_shift

_SPARE_BITS = 20  # of a reciprocal square root before the output's multiplier


@dataclass(frozen=True)
class FloatRoot(Prepared):
    """SQRT or RSQRT in float32."""


@dataclass(frozen=True)
class QuantizedSqrt(Prepared):
    """SQRT of codes, in float32."""

    input_scale: np.float32
    input_zero_point: int
    output_scale: np.float32
    output_zero_point: int
    output_min: int
    output_max: int


@dataclass(frozen=True)
class QuantizedRsqrt(Prepared):
    """RSQRT of int8 codes: a reciprocal root in fixed point, then ``multiplier`` and ``shift`` of both scales.

    ``wraps_shifts``: output scales so large that the right shift passes 31 give nonsense in the reference, a defect
    that ``litert`` reproduces.
    """

    input_zero_point: int
    multiplier: int
    shift: int
    output_zero_point: int
    output_min: int
    output_max: int
    rounding: Rounding
    wraps_shifts: bool


def _require_not_negative(name: str, x: np.ndarray, zero_point: int) -> None:
    if np.any(x < zero_point):
        raise InputError(f"{name} is defined for codes of at least the zero point {zero_point}; got {x.min()}")


def prepare_sqrt(node: Node, profile: Profile) -> FloatRoot | QuantizedSqrt:
    """Prepare SQRT.

    Notes
    -----
    Source: ``kernels/elementwise.cc``.
    """
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    require_same_type(node, source, target)
    if source.type is TensorType.FLOAT32:
        return FloatRoot((source.shape,))
    require_quantized(node, source, target)
    if source.type is TensorType.INT16:
        require_symmetric(node, source, target)
    return QuantizedSqrt(
        (source.shape,), source.scale, source.zero_point, target.scale, target.zero_point, *type_range(target.type)
    )


def evaluate_sqrt(prepared: FloatRoot | QuantizedSqrt, x: np.ndarray) -> np.ndarray:
    """Return the square root; of codes it is cut off, not rounded. The result has shape and type of ``x``.

    Raises
    ------
    InputError
        Where a code is negative, as in the reference.
    """
    with np.errstate(all="ignore"):
        if isinstance(prepared, FloatRoot):
            return np.asarray(np.sqrt(x))
        _require_not_negative("SQRT", x, prepared.input_zero_point)
        centered = (x.astype(np.int32) - np.int32(prepared.input_zero_point)).astype(np.float32)
        codes = int32_from_float(np.sqrt(prepared.input_scale * centered) / prepared.output_scale)
    return output_codes(codes, prepared.output_zero_point, prepared.output_min, prepared.output_max, x.dtype)


def prepare_rsqrt(node: Node, profile: Profile) -> FloatRoot | QuantizedRsqrt | Interpolated:
    """Prepare RSQRT.

    Notes
    -----
    Source: ``GenericPrepare`` and ``SetRsqrtOutputMultiplier`` in ``kernels/elementwise.cc``.
    """
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    require_same_type(node, source, target)
    if source.type is TensorType.FLOAT32:
        return FloatRoot((source.shape,))
    require_quantized(node, source, target)
    if source.type is TensorType.INT16:
        require_symmetric(node, source, target)
        with np.errstate(over="ignore"):
            greatest = np.float32(INT16_MAX) * target.scale
        table = build_interpolated(lambda x: np.where(x <= 0, greatest, np.float32(1) / np.sqrt(x)), source, target)
        return Interpolated((source.shape,), table)
    with np.errstate(all="ignore"):
        product = float(np.sqrt(source.scale) * target.scale)
    node.require(product > 0, "scales whose product is a float32 number")
    rounding = profile.rounding_of(node.name)
    multiplier, shift = checked_multiplier(node, 1.0 / product, rounding)
    return QuantizedRsqrt(
        (source.shape,),
        source.zero_point,
        multiplier,
        shift,
        target.zero_point,
        *type_range(target.type),
        rounding,
        wraps_shifts=profile.reproduces_quirks,
    )


def evaluate_rsqrt(prepared: FloatRoot | QuantizedRsqrt | Interpolated, x: np.ndarray) -> np.ndarray:
    """Return the reciprocal of the square root; code 0 gives the greatest code.

    Raises
    ------
    InputError
        Where a code is negative, as in the reference.

    Notes
    -----
    Source: ``RsqrtEval`` in ``kernels/elementwise.cc``.
    """
    if isinstance(prepared, FloatRoot):
        with np.errstate(all="ignore"):
            return np.asarray(np.float32(1) / np.sqrt(x))
    zero_point = prepared.input_zero_point if isinstance(prepared, QuantizedRsqrt) else 0
    _require_not_negative("RSQRT", x, zero_point)
    if isinstance(prepared, Interpolated):
        return evaluate_interpolated(prepared, x)
    return _rsqrt_table(prepared)[x.astype(np.int32) - zero_point]


def _rescale(prepared: QuantizedRsqrt, x: np.ndarray) -> np.ndarray:
    shift = prepared.shift - _SPARE_BITS
    if shift < -31:
        return multiply_with_any_shift(x, prepared.multiplier, shift, prepared.wraps_shifts)
    return multiply_by_quantized_multiplier(x, prepared.multiplier, shift, prepared.rounding)


def _rsqrt_table(prepared: QuantizedRsqrt) -> np.ndarray:
    """Return the output codes of the code differences 0 to 255."""
    multipliers, shifts = inverse_square_roots(np.arange(1, 256))
    ones = multiply_by_quantized_multiplier(1, multipliers, shifts + _SPARE_BITS, prepared.rounding)
    limits = prepared.output_min, prepared.output_max
    codes = output_codes(_rescale(prepared, ones), prepared.output_zero_point, *limits, np.int8)
    return np.append(np.int8(prepared.output_max), codes)


def lower_rsqrt(prepared: FloatRoot | QuantizedRsqrt | Interpolated, node: Node) -> Instruction | None:
    """Lower codes of 8 bits to a table where none is negative."""
    if not isinstance(prepared, QuantizedRsqrt) or prepared.input_zero_point != type_range(TensorType.INT8)[0]:
        return None
    codes = np.arange(256, dtype=np.uint8).view(np.int8)
    return lower_table(_rsqrt_table(prepared)[codes.astype(np.int32) - prepared.input_zero_point], node)


_TYPES = (TensorType.FLOAT32, TensorType.INT8, TensorType.INT16)

KERNELS = (
    Kernel("SQRT", (1, 2), _TYPES, prepare_sqrt, evaluate_sqrt),
    Kernel("RSQRT", (1, 3), _TYPES, prepare_rsqrt, evaluate_rsqrt, lower_rsqrt),
)
