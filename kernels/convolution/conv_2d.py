"""CONV_2D: quantized (int8, uint8, int16 with int8 weights), float32, and hybrid (float32 with int8 weights)."""

from __future__ import annotations

import numpy as np

from ...schema import TensorType
from ...schema.options import Conv2DOptions
from ..activation_range import clamp_float, float_activation_range
from ..checks import options_of, require_arity_between
from ..operator import Kernel, Node, TensorSpec
from ..padding import Window, compute_window
from ..profiles import Profile
from .accumulation import conv_2d_terms, saturates, saturating_sum, wrapped
from .hybrid import evaluate_hybrid_conv_2d, prepare_hybrid_scales
from .lowering import lower_conv_2d
from .prepared import FloatConv2D, HybridConv2D, QuantizedConv2D
from .quantization import (
    INT8_LIKE,
    filter_zero_point,
    prepare_quantized,
    requantize,
    require_bias,
    require_symmetric_filter,
)
from .reading import read_as, reading_of_filter
from .taps import accumulate_conv_2d, accumulate_float_conv_2d, add_bias

_SUPPORTED = (
    "float32 with float32, int8 or uint8 weights, int8 and int16 with int8 weights, uint8 with uint8 weights, "
    "uint8 weights of float32 in one group"
)
_READ_OTHERWISE = {
    TensorType.UINT8: (*INT8_LIKE, TensorType.INT16),
    TensorType.INT16: (TensorType.UINT8, TensorType.INT16),
}
"""Weights that the reference reads in another type."""


def _prepare_window(node: Node, options: Conv2DOptions, source: TensorSpec, weights: TensorSpec) -> tuple[Window, int]:
    """Check the shapes; return the window and the number of groups."""
    node.require(len(source.shape) == 4 and len(weights.shape) == 4, "input and filter of rank 4")
    channels, filters, depth = source.shape[3], weights.shape[0], weights.shape[3]
    node.require(depth > 0 and filters > 0 and channels > 0, "at least one channel in input, filter and output")
    node.require(channels % depth == 0, "input channels that are a multiple of the filter's")
    groups = channels // depth
    node.require(filters % groups == 0, f"output channels that are a multiple of the {groups} groups")
    window = compute_window(
        node,
        options.padding,
        image=(source.shape[1], source.shape[2]),
        filter_size=(weights.shape[1], weights.shape[2]),
        stride=(options.stride_h, options.stride_w),
        dilation=(options.dilation_h_factor, options.dilation_w_factor),
    )
    return window, groups


def prepare(node: Node, profile: Profile) -> QuantizedConv2D | FloatConv2D | HybridConv2D:
    """Prepare CONV_2D.

    The inputs are the image (N, H, W, C), the filter (O, FH, FW, C / groups) and the bias (O,), which may be left
    out. The output is (N, OH, OW, O).

    Notes
    -----
    Source of the checks: ``Prepare`` in ``kernels/conv.cc``.
    """
    require_arity_between(node, 2, 3)
    options = options_of(node, Conv2DOptions)
    source, weights, bias = node.input(0), node.input(1), node.optional_input(2)
    node.require(node.output().type is source.type, "input and output of one type")
    window, groups = _prepare_window(node, options, source, weights)
    filters = weights.shape[0]
    shapes = ((source.shape[0], window.output_height, window.output_width, filters),)
    activation = options.fused_activation_function

    if source.type is TensorType.FLOAT32:
        require_bias(node, bias, filters, (TensorType.FLOAT32,))
        low, high = float_activation_range(activation)
        if weights.type is TensorType.FLOAT32:
            return FloatConv2D(shapes, window, groups, low, high)
        if weights.type in INT8_LIKE:
            scales = prepare_hybrid_scales(node, weights, filters)
            asymmetric = groups > 1 or bool(np.any(scales != scales[0]))
            return HybridConv2D(shapes, window, groups, scales, asymmetric, profile.reproduces_quirks, low, high)
        if weights.type is TensorType.UINT8 and groups == 1:
            first = prepare_hybrid_scales(node, weights, filters)[:1]
            quirks, zero_point = profile.reproduces_quirks, filter_zero_point(node, weights)
            return HybridConv2D(shapes, window, groups, first, False, quirks, low, high, zero_point)
        raise node.unsupported(_SUPPORTED)

    proper = weights.type in ((TensorType.UINT8,) if source.type is TensorType.UINT8 else INT8_LIKE)
    if not proper and not (profile.reproduces_quirks and weights.type in _READ_OTHERWISE.get(source.type, ())):
        raise node.unsupported(_SUPPORTED)
    if source.type is not TensorType.UINT8:
        require_symmetric_filter(node, weights)
    zero_point, requantization = prepare_quantized(
        node, profile, source, weights, bias, filters, activation, options.quantized_bias_type
    )
    reading = reading_of_filter(source, weights)
    node.require(reading is None or len(weights.quantization.scale) == 1, "one scale for the filter")
    return QuantizedConv2D(shapes, window, groups, source.zero_point, zero_point, requantization, reading)


def accumulate(prepared: QuantizedConv2D, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """Return the accumulators (N, OH, OW, O), int32 or int64, before requantization.

    Each is the sum of ``(x - input_zero_point) * (w - filter_zero_point)`` over the taps inside the image, plus the
    bias. int32 sums wrap.
    """
    dtype, narrow = prepared.requantization.accumulator, prepared.requantization.narrow
    if prepared.reading is not None:
        weights = read_as(weights, prepared.reading.weights, weights.shape)
    x = x.astype(dtype) - dtype.type(prepared.input_zero_point)
    weights = weights.astype(dtype) - dtype.type(prepared.filter_zero_point)
    if saturates(narrow):
        terms = conv_2d_terms(prepared.window, prepared.groups, x, weights)
        return saturating_sum(narrow, terms, prepared.output_shape, dtype, bias)
    return wrapped(narrow, add_bias(accumulate_conv_2d(prepared.window, prepared.groups, x, weights), bias))


def _evaluate_float(prepared: FloatConv2D, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """Sum in float32 in the order row, column, channel of the filter; then the bias; then the clamp.

    Notes
    -----
    Source: ``Conv`` in ``kernels/internal/reference/conv.h``.
    """
    total = add_bias(accumulate_float_conv_2d(prepared.window, prepared.groups, x, weights), bias)
    return clamp_float(total, prepared.activation_min, prepared.activation_max)


def evaluate(
    prepared: QuantizedConv2D | FloatConv2D | HybridConv2D,
    x: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray | None = None,
) -> np.ndarray:
    """Convolve (N, H, W, C) with (O, FH, FW, C / groups) into (N, OH, OW, O)."""
    if isinstance(prepared, QuantizedConv2D):
        return requantize(prepared.requantization, accumulate(prepared, x, weights, bias))
    with np.errstate(all="ignore"):
        if isinstance(prepared, HybridConv2D):
            return evaluate_hybrid_conv_2d(prepared, x, weights, bias)
        return _evaluate_float(prepared, x, weights, bias)


KERNELS = (
    Kernel(
        "CONV_2D",
        (1, 8),
        (TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16),
        prepare,
        evaluate,
        lower_conv_2d,
    ),
)
