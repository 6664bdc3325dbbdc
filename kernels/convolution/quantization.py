"""What the quantized convolutions share: checks of scales and zero points, accumulator type, requantization."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...schema import ActivationFunctionType, TensorType
from ..activation_range import quantized_activation_range, type_range
from ..checks import checked_multipliers, require_quantized, require_symmetric
from ..fixed_point import (
    multiply_by_quantized_multiplier,
    multiply_in_float64,
    multiply_int64_by_quantized_multiplier,
    output_codes,
)
from ..operator import Node, TensorSpec
from ..profiles import NarrowAccumulator, Precision, Profile, Rounding
from .accumulation import narrow_accumulator
from .prepared import Requantization

INT8_LIKE = (TensorType.INT8, TensorType.INT4)
"""Types whose codes arrive in ``evaluate`` as int8."""

_LARGEST_SHIFT_INT64 = 14
_BIAS_TOLERANCE = 0.02  # of an output step per step of the bias


def legacy_scale(spec: TensorSpec) -> np.float32:
    """Return the scale in the reference's ``params.scale``: 0 unless the tensor has exactly one."""
    return spec.scale if len(spec.quantization.scale) == 1 else np.float32(0)


def legacy_zero_point(spec: TensorSpec) -> int:
    """Return the zero point in the reference's ``params.zero_point``: 0 unless the tensor has exactly one scale."""
    return spec.zero_point if len(spec.quantization.scale) == 1 else 0


def require_per_tensor(node: Node, spec: TensorSpec, symmetric: bool = True) -> None:
    """Check that an activation has one usable scale and a zero point that its type holds; ``symmetric`` int16 has 0."""
    scales = len(spec.quantization.scale)
    node.require(scales == 1, f"one scale of {spec.name!r}, not {scales}")
    require_quantized(node, spec)
    if spec.type is TensorType.INT16 and symmetric:
        require_symmetric(node, spec)


def filter_scales(node: Node, spec: TensorSpec, channels: int) -> np.ndarray:
    """Return a filter's scales, float32 (1,) or (channels,), checked against its shape."""
    scales, dimension = np.array(spec.quantization.scale, np.float32), spec.quantization.quantized_dimension
    node.require(len(scales) in (1, channels), f"1 or {channels} scales for the filter, not {len(scales)}")
    node.require(bool(np.all(np.isfinite(scales) & (scales >= 0))), "filter scales that are finite and not negative")
    if len(scales) > 1:
        size = spec.shape[dimension] if 0 <= dimension < len(spec.shape) else None
        node.require(size == len(scales), f"{len(scales)} channels in dimension {dimension} of the filter, not {size}")
    return scales


def filter_zero_point(node: Node, spec: TensorSpec) -> int:
    """Return the zero point of a filter of one scale, checked against its type."""
    low, high = type_range(spec.type)
    zero_point = legacy_zero_point(spec)
    node.require(low <= zero_point <= high, f"a filter zero point in [{low}, {high}], not {zero_point}")
    return zero_point


def require_symmetric_filter(node: Node, spec: TensorSpec) -> None:
    """Check that every zero point of a filter is 0."""
    node.require(not any(spec.quantization.zero_point), "filter zero points of 0")


def require_bias(node: Node, bias: TensorSpec | None, channels: int, types: Sequence[TensorType]) -> None:
    """Check type and length of a bias that may be left out."""
    if bias is None:
        return
    names = " or ".join(t.name.lower() for t in types)
    node.require(bias.type in types, f"a bias of type {names}")
    node.require(math.prod(bias.shape) == channels, f"a bias of {channels} elements")


def require_bias_scale(node: Node, source: TensorSpec, weights: TensorSpec, bias: TensorSpec | None) -> None:
    """Check that the bias's scale is that of the accumulator, to 2 % of an output step.

    Notes
    -----
    Source: ``GetQuantizedConvolutionMultipler`` in ``kernels/kernel_util.cc``; only per-tensor filters are checked.
    """
    if bias is None:
        return
    product = float(source.scale) * float(weights.scale)
    difference = abs(product - float(legacy_scale(bias))) / float(node.output().scale)
    node.require(
        difference <= _BIAS_TOLERANCE,
        f"a bias scale of {product:g} (input scale times filter scale), not {float(legacy_scale(bias)):g}",
    )


def prepare_accumulator(
    node: Node, source: TensorSpec, bias: TensorSpec | None, channels: int, quantized_bias_type: Any
) -> np.dtype:
    """Check the bias of an integer convolution and return the accumulator's type.

    8-bit activations accumulate in int32. int16 activations accumulate in int64, unless the option
    ``quantized_bias_type`` says INT32.

    Raises
    ------
    ModelError
        Among others for an int32 bias of int16 activations without the option: the reference then reads the int32
        values as int64 and past the end of the buffer, so that there is no result to be equal to.
    """
    if source.type is not TensorType.INT16:
        require_bias(node, bias, channels, (TensorType.INT32,))
        return np.dtype(np.int32)
    if quantized_bias_type == TensorType.FLOAT32:  # the schema's default: not set
        quantized_bias_type = TensorType.INT64
    node.require(
        quantized_bias_type in (TensorType.INT32, TensorType.INT64),
        f"quantized_bias_type INT32 or INT64, not {quantized_bias_type}",
    )
    require_bias(node, bias, channels, (quantized_bias_type,))
    return np.dtype(np.int32 if quantized_bias_type == TensorType.INT32 else np.int64)


def prepare_quantized(
    node: Node,
    profile: Profile,
    source: TensorSpec,
    weights: TensorSpec,
    bias: TensorSpec | None,
    channels: int,
    activation: ActivationFunctionType,
    quantized_bias_type: Any = TensorType.FLOAT32,
) -> tuple[int, Requantization]:
    """Check the quantization of a convolution and derive what follows from it.

    Returns
    -------
    (filter zero point, requantization) : signed filters are symmetric, a zero point that the file gives is not read.

    Notes
    -----
    Source: ``PopulateConvolutionQuantizationParams`` in ``kernels/kernel_util.cc``: legacy uint8 multiplies the
    two scales in float32, everything else in float64.
    """
    require_per_tensor(node, source)
    require_per_tensor(node, node.output())
    unread = node.name == "TRANSPOSE_CONV" and source.type is TensorType.UINT8
    node.require(bias is None or unread or legacy_zero_point(bias) == 0, "a bias zero point of 0")
    accumulator = prepare_accumulator(node, source, bias, channels, quantized_bias_type)
    scales = filter_scales(node, weights, channels)
    zero_point, precision = 0, Precision.FLOAT64
    if source.type is TensorType.UINT8:
        node.require(len(scales) == 1, "one scale for a uint8 filter")
        require_bias_scale(node, source, weights, bias)
        zero_point, precision = filter_zero_point(node, weights), Precision.FLOAT32
    return zero_point, prepare_requantization(
        node,
        source,
        scales,
        channels,
        activation,
        accumulator,
        profile.rounding_of(node.name),
        precision,
        narrow_accumulator(profile, accumulator),
    )


def prepare_requantization(
    node: Node,
    source: TensorSpec,
    scales: np.ndarray,
    channels: int,
    activation: ActivationFunctionType,
    accumulator: np.dtype,
    rounding: Rounding,
    precision: Precision = Precision.FLOAT64,
    narrow: NarrowAccumulator | None = None,
) -> Requantization:
    """Derive the step from accumulator to output code.

    Parameters
    ----------
    source : the input of the operator.
    scales : float32 (1,) or (channels,), the filter's scales.
    precision : the type in which input and filter scale are multiplied; the division is always in float64.

    Notes
    -----
    Source: ``PopulateConvolutionQuantizationParams`` (float64) and ``GetQuantizedConvolutionMultipler`` (float32)
    in ``kernels/kernel_util.cc``.
    """
    output = node.output()
    scales = np.broadcast_to(scales, channels)
    if precision is Precision.FLOAT32:
        with np.errstate(over="ignore"):
            product = (source.scale * scales).astype(np.float64)
    else:
        product = np.float64(source.scale) * scales.astype(np.float64)
    real_multiplier = product / np.float64(output.scale)
    multiplier, shift = checked_multipliers(node, real_multiplier, rounding)
    if accumulator == np.int64 and rounding is not Rounding.FLOAT64:
        within = bool(np.all(shift <= _LARGEST_SHIFT_INT64))
        node.require(within, f"input scale times filter scale under 2**{_LARGEST_SHIFT_INT64} output scales")
    activation_min, activation_max = quantized_activation_range(activation, output)
    return Requantization(
        real_multiplier=real_multiplier,
        multiplier=multiplier,
        shift=shift,
        rounding=rounding,
        accumulator=accumulator,
        output_zero_point=output.zero_point,
        activation_min=activation_min,
        activation_max=activation_max,
        output_dtype=output.dtype,
        narrow=narrow,
    )


def requantize(prepared: Requantization, accumulators: np.ndarray) -> np.ndarray:
    """Turn accumulators (..., channels) into output codes: multiply, round, add the zero point, clamp."""
    if prepared.rounding is Rounding.FLOAT64:
        scaled = multiply_in_float64(accumulators, prepared.real_multiplier)
    elif prepared.accumulator == np.int64:
        scaled = multiply_int64_by_quantized_multiplier(accumulators, prepared.multiplier, prepared.shift)
    else:
        scaled = multiply_by_quantized_multiplier(accumulators, prepared.multiplier, prepared.shift, prepared.rounding)
    low, high = prepared.activation_min, prepared.activation_max
    return output_codes(scaled, prepared.output_zero_point, low, high, prepared.output_dtype)
