"""TRANSPOSE_CONV: quantized (int8, uint8, int16 with int8 weights), float32, and hybrid (float32 with int8 weights)."""

from __future__ import annotations

import math

import numpy as np

from ...schema import TensorType
from ...schema.options import TransposeConvOptions
from ..activation_range import clamp_float, float_activation_range
from ..checks import options_of, require_arity_between
from ..operator import Kernel, Node, Shape, TensorSpec
from ..padding import Window, compute_window
from ..profiles import Profile
from .accumulation import saturates, saturating_sum, scatter_terms, wrapped
from .hybrid import evaluate_hybrid_transpose_conv, prepare_hybrid_scales
from .lowering import lower_transpose_conv
from .prepared import FloatTransposeConv, HybridTransposeConv, QuantizedTransposeConv
from .quantization import prepare_quantized, requantize, require_bias
from .taps import add_bias, scatter, scatter_float

_WEIGHTS = {
    TensorType.FLOAT32: TensorType.FLOAT32,
    TensorType.INT8: TensorType.INT8,
    TensorType.UINT8: TensorType.UINT8,
    TensorType.INT16: TensorType.INT8,
}
_SUPPORTED = "float32, int8, uint8 with weights of the same type, float32 and int16 with int8 weights"
_LARGEST_SIZE = 2**31 - 1


def _output_shape(node: Node, source: TensorSpec, weights: TensorSpec) -> Shape:
    """Return the output's shape, which input 0 gives, checked against input and filter."""
    given = node.input(0)
    node.require(given.type is TensorType.INT32 and given.shape == (4,), "an output shape of 4 int32 values")
    shape = tuple(int(size) for size in node.value(0))
    fits = min(shape[1:]) > 0 and math.prod(shape) <= _LARGEST_SIZE
    node.require(fits, f"a positive output shape, not {shape}")
    node.require(shape[0] == source.shape[0], f"output batch {shape[0]} equal to the input's")
    node.require(shape[3] == weights.shape[0], f"{shape[3]} output channels, as many as filters")
    return shape


def _prepare_window(
    node: Node, options: TransposeConvOptions, source: TensorSpec, weights: TensorSpec, shape: Shape
) -> Window:
    """Return the window of the convolution that is transposed: it would turn the output back into the input."""
    window = compute_window(
        node,
        options.padding,
        image=(shape[1], shape[2]),
        filter_size=(weights.shape[1], weights.shape[2]),
        stride=(options.stride_h, options.stride_w),
    )
    size = (window.output_height, window.output_width)
    node.require(source.shape[1:3] == size, f"an input of {size[0]}x{size[1]} for an output of {shape[1]}x{shape[2]}")
    return window


def prepare(node: Node, profile: Profile) -> QuantizedTransposeConv | FloatTransposeConv | HybridTransposeConv:
    """Prepare TRANSPOSE_CONV.

    The inputs are the output's shape (4 int32 values), the filter (O, FH, FW, C), the image (N, H, W, C) and the
    bias (O,), which may be left out. The output is (N, OH, OW, O).

    Notes
    -----
    Source of the checks: ``Prepare`` in ``kernels/transpose_conv.cc``.
    """
    require_arity_between(node, 3, 4)
    options = options_of(node, TransposeConvOptions)
    weights, source, bias = node.input(1), node.input(2), node.optional_input(3)
    node.require(node.output().type is source.type, "input and output of one type")
    hybrid = source.type is TensorType.FLOAT32 and weights.type is TensorType.INT8
    if weights.type is not _WEIGHTS.get(source.type) and not hybrid:
        raise node.unsupported(_SUPPORTED)
    node.require(len(source.shape) == 4 and len(weights.shape) == 4, "input and filter of rank 4")
    node.require(source.shape[3] == weights.shape[3], "input and filter of the same number of channels")
    empty = hybrid or min(source.shape[1:]) == 0
    node.require(not empty or math.prod(source.shape) > 0, "an input that is not empty, but for its batch")
    shape = _output_shape(node, source, weights)
    window = _prepare_window(node, options, source, weights, shape)
    filters, activation = shape[3], options.fused_activation_function
    if source.type is TensorType.FLOAT32:
        require_bias(node, bias, filters, (TensorType.FLOAT32,))
        if hybrid:
            scales, limits = prepare_hybrid_scales(node, weights, filters), float_activation_range(activation)
            return HybridTransposeConv((shape,), window, scales, profile.reproduces_quirks, *limits)
        return FloatTransposeConv((shape,), window, *float_activation_range(activation))
    filter_zero_point, requantization = prepare_quantized(
        node, profile, source, weights, bias, filters, activation, options.quantized_bias_type
    )
    return QuantizedTransposeConv((shape,), window, source.zero_point, filter_zero_point, requantization)


def accumulate(
    prepared: QuantizedTransposeConv, weights: np.ndarray, x: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """Return the accumulators (N, OH, OW, O), int32 or int64, before requantization; int32 wraps."""
    dtype, narrow = prepared.requantization.accumulator, prepared.requantization.narrow
    x = x.astype(dtype) - dtype.type(prepared.input_zero_point)
    weights = weights.astype(dtype) - dtype.type(prepared.filter_zero_point)
    if saturates(narrow):
        return saturating_sum(narrow, scatter_terms(prepared.window, x, weights), prepared.output_shape, dtype, bias)
    return wrapped(narrow, add_bias(scatter(prepared.window, x, weights), bias))


def _evaluate_float(
    prepared: FloatTransposeConv, weights: np.ndarray, x: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """Scatter in float32 in the order row, column, channel of the input; then the bias; then the clamp.

    Notes
    -----
    Source: ``TransposeConv`` in ``kernels/internal/reference/reference_ops.h``.
    """
    total = scatter_float(prepared.window, x, weights)
    total = total if bias is None else add_bias(total, bias)
    return clamp_float(total, prepared.activation_min, prepared.activation_max)


def evaluate(
    prepared: QuantizedTransposeConv | FloatTransposeConv | HybridTransposeConv,
    output_shape: np.ndarray,
    weights: np.ndarray,
    x: np.ndarray,
    bias: np.ndarray | None = None,
) -> np.ndarray:
    """Scatter (N, H, W, C) through (O, FH, FW, C) into (N, OH, OW, O)."""
    if isinstance(prepared, QuantizedTransposeConv):
        return requantize(prepared.requantization, accumulate(prepared, weights, x, bias))
    with np.errstate(all="ignore"):
        if isinstance(prepared, HybridTransposeConv):
            return evaluate_hybrid_transpose_conv(prepared, weights, x, bias)
        return _evaluate_float(prepared, weights, x, bias)


KERNELS = (
    Kernel("TRANSPOSE_CONV", (1, 5), tuple(_WEIGHTS), prepare, evaluate, lower_transpose_conv, values=(0,), selector=2),
)
