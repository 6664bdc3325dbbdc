"""HARD_SWISH, ``x * min(max(x + 3, 0), 6) / 6``: float32, int8, uint8."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..activation_range import type_range
from ..checks import checked_multiplier, require_arity, require_quantized, require_same_type
from ..fixed_point import INT32_MAX
from ..gemmlowp import INT16_MAX, INT16_MIN, multiply_int16, rounding_divide_int16_by_pot
from ..operator import Field, Input, Instruction, Kernel, Node, Output, Prepared
from ..profiles import Profile
from .lookup import lower_by_tabulating

_HIGH_RESOLUTION_BITS = 7


@dataclass(frozen=True)
class FloatHardSwish(Prepared):
    """HARD_SWISH in float32."""


@dataclass(frozen=True)
class QuantizedHardSwish(Prepared):
    """HARD_SWISH of 8-bit codes, in int16 arithmetic.

    Parameters
    ----------
    output_multiplier, output_exponent : from 1/128 of the input's scale to the output's; int16 Q0.15, exponent <= 0.
    reluish_multiplier, reluish_exponent : from 1/128 of the input's scale to the one on which 3.0 is 32768.
    """

    input_zero_point: int
    output_multiplier: int
    output_exponent: int
    reluish_multiplier: int
    reluish_exponent: int
    output_zero_point: int
    output_min: int
    output_max: int


def _int16_multiplier(node: Node, real: np.float32) -> tuple[int, int]:
    """Return a real multiplier as int16 Q0.15 and an exponent.

    Notes
    -----
    Source: ``DownScaleInt32ToInt16Multiplier`` in ``kernels/internal/common.h``: it saturates instead of rounding up
    to 32768.
    """
    multiplier, exponent = checked_multiplier(node, real)
    return INT16_MAX if multiplier >= INT32_MAX - (1 << 15) else (multiplier + (1 << 15)) >> 16, exponent


def prepare(node: Node, profile: Profile) -> FloatHardSwish | QuantizedHardSwish:
    """Prepare HARD_SWISH; an output scale finer than 1/128 of the input's is refused, as in the reference.

    Notes
    -----
    Source: ``HardSwishPrepare`` in ``kernels/activations.cc``; all real multipliers are float32.
    """
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    require_same_type(node, source, target)
    if source.type is TensorType.FLOAT32:
        return FloatHardSwish((source.shape,))
    require_quantized(node, source, target)
    with np.errstate(over="ignore", under="ignore"):
        high_resolution_scale = np.float32(1 / 128) * source.scale
        output_multiplier, output_exponent = _int16_multiplier(node, high_resolution_scale / target.scale)
        node.require(output_exponent <= 0, "an output scale of at least 1/128 of the input scale")
        reluish_scale = np.float32(3) / np.float32(32768)
        reluish_multiplier, reluish_exponent = _int16_multiplier(node, high_resolution_scale / reluish_scale)
    return QuantizedHardSwish(
        (source.shape,),
        source.zero_point,
        output_multiplier,
        output_exponent,
        reluish_multiplier,
        reluish_exponent,
        target.zero_point,
        *type_range(target.type),
    )


def _saturating_left_shift(x: np.ndarray, amount: int) -> np.ndarray:
    return np.clip(x.astype(np.int64) << amount, INT16_MIN, INT16_MAX).astype(np.int16)


def _reluish(prepared: QuantizedHardSwish, x: np.ndarray) -> np.ndarray:
    """Return min(max(x + 3, 0), 6) / 6 as int16 Q0.15, of input codes at 1/128 of their scale."""
    exponent = prepared.reluish_exponent
    if exponent > 0:  # all but one bit of the left shift comes first, so that saturation shows in the last one only
        x = _saturating_left_shift(x, exponent - 1)
    x = multiply_int16(x, np.int16(prepared.reluish_multiplier))
    if exponent > 0:
        x = _saturating_left_shift(x, 1)
    if exponent < 0:
        x = rounding_divide_int16_by_pot(x, -exponent)
    return ((x.astype(np.int32) + (1 << 15)) >> 1).astype(np.int16)


def evaluate(prepared: FloatHardSwish | QuantizedHardSwish, x: np.ndarray) -> np.ndarray:
    """Apply HARD_SWISH; the result has shape and type of ``x``.

    Notes
    -----
    Source: ``HardSwish`` in ``kernels/internal/reference/hard_swish.h``.
    """
    if isinstance(prepared, FloatHardSwish):
        return _evaluate_float(x)
    centered = x.astype(np.int16) - np.int16(prepared.input_zero_point)
    high_resolution = (centered.astype(np.int32) << _HIGH_RESOLUTION_BITS).astype(np.int16)
    on_output_scale = multiply_int16(high_resolution, np.int16(prepared.output_multiplier))
    product = _reluish(prepared, high_resolution).astype(np.int32) * on_output_scale
    # C's division truncates towards zero, which cancels the bias of the rounding multiplications.
    preshift = (np.sign(product) * (np.abs(product) >> 15)).astype(np.int16)
    codes = rounding_divide_int16_by_pot(preshift, -prepared.output_exponent) + np.int16(prepared.output_zero_point)
    return np.asarray(np.clip(codes, prepared.output_min, prepared.output_max), x.dtype)


def _evaluate_float(x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        shifted = x + np.float32(3)
        clamped = np.where(shifted > 0, shifted, np.float32(0))  # a NaN becomes 0 here, but x is one too
        clamped = np.where(clamped < 6, clamped, np.float32(6))
        return np.asarray((x * clamped) / np.float32(6))


def lower(prepared: FloatHardSwish | QuantizedHardSwish, node: Node) -> Instruction | None:
    """Lower the 8-bit forms to a table, float32 to ``hard_swish_float32``."""
    if isinstance(prepared, FloatHardSwish):
        size = math.prod(prepared.output_shape)
        fields: dict[str, Field] = {"input": Input(0, 4 * size), "output": Output(0, 4 * size), "size": size}
        return Instruction("hard_swish_float32", fields)
    return lower_by_tabulating(evaluate, prepared, node)


KERNELS = (
    Kernel("HARD_SWISH", (1, 1), (TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8), prepare, evaluate, lower),
)
