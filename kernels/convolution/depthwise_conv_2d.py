"""DEPTHWISE_CONV_2D: quantized (int8, uint8, int16 with int8 weights), float32, and hybrid (float32, int8 weights)."""

from __future__ import annotations

import numpy as np

from ...schema import TensorType
from ...schema.options import DepthwiseConv2DOptions
from ..activation_range import clamp_float, float_activation_range
from ..checks import options_of, require_arity_between
from ..operator import Kernel, Node, TensorSpec
from ..padding import Window, compute_window
from ..profiles import Profile
from .accumulation import depthwise_conv_2d_terms, saturates, saturating_sum, wrapped
from .hybrid import evaluate_hybrid_depthwise_conv_2d, prepare_hybrid_scales
from .lowering import lower_depthwise_conv_2d
from .prepared import FloatDepthwiseConv2D, HybridDepthwiseConv2D, QuantizedDepthwiseConv2D
from .quantization import prepare_quantized, requantize, require_bias
from .reading import read_as, reading_of_filter
from .taps import accumulate_depthwise_conv_2d, add_bias

_WEIGHTS = {
    TensorType.FLOAT32: (TensorType.FLOAT32, TensorType.INT8),
    TensorType.INT8: (TensorType.INT8, TensorType.INT4),
    TensorType.UINT8: (TensorType.UINT8,),
    TensorType.INT16: (TensorType.INT8,),
}
_SUPPORTED = "float32 with float32 or int8 weights, int8 and int16 with int8 weights, uint8 with uint8 weights"
_READ_OTHERWISE = (TensorType.UINT8, TensorType.INT16)
_LARGEST_STRIDE = 0xFFFF
_LARGEST_MULTIPLIER = 0x7FFF  # the reference holds it in an int16


def _prepare_window(
    node: Node, options: DepthwiseConv2DOptions, source: TensorSpec, weights: TensorSpec
) -> tuple[Window, int]:
    """Check the shapes; return the window and the depth multiplier, which the shapes give, not the option."""
    node.require(len(source.shape) == 4 and len(weights.shape) == 4, "input and filter of rank 4")
    node.require(weights.shape[0] == 1, "a filter with 1 as first dimension")
    channels, filters = source.shape[3], weights.shape[3]
    node.require(channels > 0 and filters > 0, "at least one channel in input and filter")
    node.require(filters % channels == 0, "filter channels that are a multiple of the input's")
    node.require(filters // channels <= _LARGEST_MULTIPLIER, f"a depth multiplier of at most {_LARGEST_MULTIPLIER}")
    node.require(max(options.stride_h, options.stride_w) <= _LARGEST_STRIDE, f"strides of at most {_LARGEST_STRIDE}")
    window = compute_window(
        node,
        options.padding,
        image=(source.shape[1], source.shape[2]),
        filter_size=(weights.shape[1], weights.shape[2]),
        stride=(options.stride_h, options.stride_w),
        dilation=(options.dilation_h_factor, options.dilation_w_factor),
    )
    return window, filters // channels


def prepare(node: Node, profile: Profile) -> QuantizedDepthwiseConv2D | FloatDepthwiseConv2D | HybridDepthwiseConv2D:
    """Prepare DEPTHWISE_CONV_2D.

    The inputs are the image (N, H, W, C), the filter (1, FH, FW, C * multiplier) and the bias (C * multiplier,),
    which may be left out. The output is (N, OH, OW, C * multiplier).

    Notes
    -----
    Source of the checks: ``Prepare`` in ``kernels/depthwise_conv.cc``.
    """
    require_arity_between(node, 2, 3)
    options = options_of(node, DepthwiseConv2DOptions)
    source, weights, bias = node.input(0), node.input(1), node.optional_input(2)
    node.require(node.output().type is source.type, "input and output of one type")
    otherwise = profile.reproduces_quirks and source.type is TensorType.INT16 and weights.type in _READ_OTHERWISE
    if weights.type not in _WEIGHTS.get(source.type, ()) and not otherwise:
        raise node.unsupported(_SUPPORTED)
    window, multiplier = _prepare_window(node, options, source, weights)
    filters = weights.shape[3]
    shapes = ((source.shape[0], window.output_height, window.output_width, filters),)
    activation = options.fused_activation_function

    if source.type is TensorType.FLOAT32:
        require_bias(node, bias, filters, (TensorType.FLOAT32,))
        low, high = float_activation_range(activation)
        if weights.type is TensorType.FLOAT32:
            return FloatDepthwiseConv2D(shapes, window, multiplier, low, high)
        scales = prepare_hybrid_scales(node, weights, filters)
        node.require(len(scales) == filters, f"{filters} scales for the filter, one per channel")
        return HybridDepthwiseConv2D(shapes, window, multiplier, scales, profile.reproduces_quirks, low, high)

    filter_zero_point, requantization = prepare_quantized(node, profile, source, weights, bias, filters, activation)
    reading = reading_of_filter(source, weights)
    node.require(reading is None or len(weights.quantization.scale) == 1, "one scale for the filter")
    zero_points = source.zero_point, filter_zero_point
    return QuantizedDepthwiseConv2D(shapes, window, multiplier, *zero_points, requantization, reading)


def accumulate(
    prepared: QuantizedDepthwiseConv2D, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """Return the accumulators (N, OH, OW, C * multiplier), int32 or int64, before requantization.

    Each is the sum of ``(x - input_zero_point) * (w - filter_zero_point)`` over the taps inside the image, plus the
    bias. int32 sums wrap.
    """
    dtype, narrow = prepared.requantization.accumulator, prepared.requantization.narrow
    if prepared.reading is not None:
        weights = read_as(weights, prepared.reading.weights, weights.shape)
    x = x.astype(dtype) - dtype.type(prepared.input_zero_point)
    weights = weights.astype(dtype) - dtype.type(prepared.filter_zero_point)
    if saturates(narrow):
        terms = depthwise_conv_2d_terms(prepared.window, x, weights)
        return saturating_sum(narrow, terms, prepared.output_shape, dtype, bias)
    return wrapped(narrow, add_bias(accumulate_depthwise_conv_2d(prepared.window, x, weights), bias))


def _evaluate_float(
    prepared: FloatDepthwiseConv2D, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """Sum in float32 in the order row, column of the filter; then the bias; then the clamp.

    Notes
    -----
    Source: ``DepthwiseConv`` in ``kernels/internal/reference/depthwiseconv_float.h``.
    """
    total = add_bias(accumulate_depthwise_conv_2d(prepared.window, x, weights), bias)
    return clamp_float(total, prepared.activation_min, prepared.activation_max)


def evaluate(
    prepared: QuantizedDepthwiseConv2D | FloatDepthwiseConv2D | HybridDepthwiseConv2D,
    x: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray | None = None,
) -> np.ndarray:
    """Convolve each channel of (N, H, W, C) with its filters into (N, OH, OW, C * multiplier)."""
    if isinstance(prepared, QuantizedDepthwiseConv2D):
        return requantize(prepared.requantization, accumulate(prepared, x, weights, bias))
    with np.errstate(all="ignore"):
        if isinstance(prepared, HybridDepthwiseConv2D):
            return evaluate_hybrid_depthwise_conv_2d(prepared, x, weights, bias)
        return _evaluate_float(prepared, x, weights, bias)


KERNELS = (Kernel("DEPTHWISE_CONV_2D", (1, 6), tuple(_WEIGHTS), prepare, evaluate, lower_depthwise_conv_2d),)
