"""RELU, RELU6, RELU_N1_TO_1, RELU_0_TO_1 and LEAKY_RELU: float32, int8, uint8, and int16 where the reference has it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...schema import TensorType
from ...schema.options import LeakyReluOptions
from ..activation_range import clamp_float, type_range
from ..checks import (
    checked_multiplier,
    options_of,
    require_arity,
    require_quantized,
    require_same_type,
    require_symmetric,
)
from ..elementwise.lowering import lower_float_leaky_relu
from ..fixed_point import int32_from_float, multiply_by_quantized_multiplier, output_codes, round_half_away
from ..operator import Field, Input, Instruction, Kernel, Node, Output, Prepared, TensorSpec
from ..profiles import Profile, Rounding
from .lookup import lower_by_tabulating

_BOUNDS = {
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
    "RELU_0_TO_1": (0.0, 1.0),
}


@dataclass(frozen=True)
class FloatRelu(Prepared):
    """A clamp of float32 to [activation_min, activation_max]; RELU's upper bound is infinity."""

    activation_min: np.float32
    activation_max: np.float32


@dataclass(frozen=True)
class QuantizedRelu(Prepared):
    """A rescaling of codes from the input's scale to the output's, then a clamp."""

    input_zero_point: int
    multiplier: int
    shift: int
    output_zero_point: int
    activation_min: int
    activation_max: int
    rounding: Rounding


@dataclass(frozen=True)
class FloatLeakyRelu(Prepared):
    """x where it is positive, else x * alpha, in float32."""

    alpha: np.float32


@dataclass(frozen=True)
class QuantizedLeakyRelu(Prepared):
    """A rescaling of codes, with one multiplier from zero up and another, times the magnitude of alpha, below.

    ``negative_alpha``: what is below is negated after rescaling.
    """

    input_zero_point: int
    identity_multiplier: int
    identity_shift: int
    alpha_multiplier: int
    alpha_shift: int
    negative_alpha: bool
    output_zero_point: int
    activation_min: int
    activation_max: int
    rounding: Rounding


def _checked_tensors(node: Node) -> tuple[TensorSpec, TensorSpec]:
    """Return input and output after the checks that all of these operators share."""
    require_arity(node, 1)
    source, target = node.input(0), node.output()
    require_same_type(node, source, target)
    if source.type is not TensorType.FLOAT32:
        require_quantized(node, source, target)
    if source.type is TensorType.INT16:
        require_symmetric(node, source, target)
    return source, target


def _scale_ratio(node: Node, profile: Profile, factor: np.float32 | None = None) -> np.floating[Any]:
    """Return input scale, times a factor, over output scale, left to right in the profile's precision."""
    real = profile.multiplier_precision(node.name).dtype
    scale, output_scale = real(node.input(0).scale), real(node.output().scale)
    with np.errstate(over="ignore", under="ignore"):
        return (scale if factor is None else scale * real(factor)) / output_scale


def _bound_code(real: float, target: TensorSpec) -> int:
    """Return the code of a bound; a bound that does not fit int32 becomes the least int32, as in C on x86."""
    with np.errstate(all="ignore"):
        code = int32_from_float(round_half_away(np.float32(real) / target.scale))
        return int(np.asarray(np.int32(target.zero_point) + np.asarray(code)).astype(np.int32))


def prepare(node: Node, profile: Profile) -> FloatRelu | QuantizedRelu:
    """Prepare RELU, RELU6, RELU_N1_TO_1 or RELU_0_TO_1.

    The algorithm ``"no rescaling"`` clamps the input's codes: it takes the output to be quantized as the input is.

    Notes
    -----
    Source: ``ReluPrepare`` and ``QuantizedReluX`` in ``kernels/activations.cc``.
    """
    source, target = _checked_tensors(node)
    if profile.algorithm_of(node.name) == "no rescaling":
        node, target = replace(node, outputs=(source,)), source
    low, high = _BOUNDS[node.name]
    if source.type is TensorType.FLOAT32:
        return FloatRelu((source.shape,), np.float32(low), np.float32(np.inf if high is None else high))
    rounding = profile.rounding_of(node.name)
    least, greatest = type_range(target.type)
    return QuantizedRelu(
        (source.shape,),
        source.zero_point,
        *checked_multiplier(node, _scale_ratio(node, profile), rounding),
        target.zero_point,
        max(least, _bound_code(low, target)),
        greatest if high is None else min(greatest, _bound_code(high, target)),
        rounding,
    )


def evaluate(prepared: FloatRelu | QuantizedRelu, x: np.ndarray) -> np.ndarray:
    """Clamp; the result has shape and type of ``x``. In float32 a NaN stays, and so does a negative zero.

    Notes
    -----
    Source: ``ReluX`` in ``kernels/internal/reference/reference_ops.h``.
    """
    if isinstance(prepared, FloatRelu):
        return clamp_float(x, prepared.activation_min, prepared.activation_max)
    centered = x.astype(np.int32) - np.int32(prepared.input_zero_point)
    codes = multiply_by_quantized_multiplier(centered, prepared.multiplier, prepared.shift, prepared.rounding)
    return output_codes(codes, prepared.output_zero_point, prepared.activation_min, prepared.activation_max, x.dtype)


def prepare_leaky(node: Node, profile: Profile) -> FloatLeakyRelu | QuantizedLeakyRelu:
    """Prepare LEAKY_RELU.

    Notes
    -----
    Source: ``LeakyReluPrepare`` in ``kernels/activations.cc``.
    """
    source, target = _checked_tensors(node)
    alpha = np.float32(options_of(node, LeakyReluOptions).alpha)
    if source.type is TensorType.FLOAT32:
        return FloatLeakyRelu((source.shape,), alpha)
    rounding = profile.rounding_of(node.name)
    return QuantizedLeakyRelu(
        (source.shape,),
        source.zero_point,
        *checked_multiplier(node, _scale_ratio(node, profile), rounding),
        *checked_multiplier(node, _scale_ratio(node, profile, np.abs(alpha)), rounding),
        bool(alpha < 0),
        target.zero_point,
        *type_range(target.type),
        rounding,
    )


def evaluate_leaky(prepared: FloatLeakyRelu | QuantizedLeakyRelu, x: np.ndarray) -> np.ndarray:
    """Scale what is negative by alpha; the result has shape and type of ``x``.

    Notes
    -----
    Source: ``LeakyRelu`` and ``QuantizeLeakyRelu`` in ``kernels/internal/reference/leaky_relu.h``.
    """
    if isinstance(prepared, FloatLeakyRelu):
        with np.errstate(all="ignore"):
            return np.where(x > 0, x, x * prepared.alpha)
    centered = x.astype(np.int32) - np.int32(prepared.input_zero_point)
    identity = multiply_by_quantized_multiplier(
        centered, prepared.identity_multiplier, prepared.identity_shift, prepared.rounding
    )
    scaled = multiply_by_quantized_multiplier(
        centered, prepared.alpha_multiplier, prepared.alpha_shift, prepared.rounding
    )
    codes = np.where(centered >= 0, identity, -scaled if prepared.negative_alpha else scaled)
    return output_codes(codes, prepared.output_zero_point, prepared.activation_min, prepared.activation_max, x.dtype)


def lower(prepared: FloatRelu | QuantizedRelu, node: Node) -> Instruction | None:
    """Lower codes to a table, float32 to a clamp."""
    if isinstance(prepared, FloatRelu):
        size = math.prod(prepared.output_shape)
        fields: dict[str, Field] = {"input": Input(0, 4 * size), "output": Output(0, 4 * size), "size": size}
        bounds = {"activation_min": float(prepared.activation_min), "activation_max": float(prepared.activation_max)}
        return Instruction("clamp_float32", {**fields, **bounds})
    return lower_by_tabulating(evaluate, prepared, node)


def lower_leaky(prepared: FloatLeakyRelu | QuantizedLeakyRelu, node: Node) -> Instruction | None:
    """Lower codes to a table, float32 to arithmetic with one alpha for all."""
    if isinstance(prepared, FloatLeakyRelu):
        return lower_float_leaky_relu(node, prepared.alpha)
    return lower_by_tabulating(evaluate_leaky, prepared, node)


_8_BIT = (TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8)
_16_BIT = (*_8_BIT, TensorType.INT16)

KERNELS = (
    Kernel("RELU", (1, 3), _16_BIT, prepare, evaluate, lower),
    Kernel("RELU6", (1, 3), _16_BIT, prepare, evaluate, lower),
    Kernel("RELU_N1_TO_1", (1, 1), _8_BIT, prepare, evaluate, lower),
    Kernel("RELU_0_TO_1", (1, 1), _8_BIT, prepare, evaluate, lower),
    Kernel("LEAKY_RELU", (1, 2), _16_BIT, prepare_leaky, evaluate_leaky, lower_leaky),
)
