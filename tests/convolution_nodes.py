"""Nodes of the convolution family, built in a line, and a plain-Python twin of their accumulators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from q31.kernels.convolution import conv_2d, depthwise_conv_2d, fully_connected, transpose_conv
from q31.kernels.operator import Kernel, Node, TensorSpec
from q31.kernels.profiles import LITERT, Profile
from q31.schema import Padding, Quantization, TensorType

KERNELS: dict[str, Kernel] = {
    kernel.name: kernel
    for module in (conv_2d, depthwise_conv_2d, fully_connected, transpose_conv)
    for kernel in module.KERNELS
}

_OF_DTYPE = {
    "float32": TensorType.FLOAT32,
    "int8": TensorType.INT8,
    "uint8": TensorType.UINT8,
    "int16": TensorType.INT16,
    "int32": TensorType.INT32,
    "int64": TensorType.INT64,
}


def quantization(scale: float | Sequence[float], zero_point: int = 0, dimension: int = 0) -> Quantization:
    """Return per-tensor quantization of one scale, per-channel of several."""
    scales = (scale,) if isinstance(scale, float | int) else tuple(scale)
    return Quantization(tuple(float(np.float32(s)) for s in scales), (zero_point,) * len(scales), dimension)


def spec(array: np.ndarray, quantized: Quantization | None = None, tensor_type: TensorType | None = None) -> TensorSpec:
    """Return the tensor that an array is the value of."""
    tensor_type = tensor_type or _OF_DTYPE[array.dtype.name]
    return TensorSpec("t", tensor_type, array.shape, quantized or Quantization(), array)


def output(tensor_type: TensorType, quantized: Quantization | None = None) -> TensorSpec:
    """Return an output of unknown shape."""
    return TensorSpec("output", tensor_type, (), quantized or Quantization())


def node(name: str, options: Any, inputs: Sequence[TensorSpec | None], result: TensorSpec) -> Node:
    """Return a node of one output."""
    return Node(name, KERNELS[name].versions[1], options, tuple(inputs), (result,))


def run(
    name: str, options: Any, inputs: Sequence[TensorSpec | None], result: TensorSpec, profile: Profile = LITERT
) -> np.ndarray:
    """Prepare and evaluate; the inputs cannot be written to."""
    kernel = KERNELS[name]
    prepared = kernel.prepare(node(name, options, inputs, result), profile)
    arrays = [None if item is None or item.value is None else item.value.copy() for item in inputs]
    for array in arrays:
        if array is not None:
            array.flags.writeable = False
    value = kernel.evaluate(prepared, *arrays)
    assert isinstance(value, np.ndarray)
    assert value.shape == prepared.output_shapes[0]
    assert value.dtype == result.dtype
    return value


def naive_conv_2d(
    x: np.ndarray,
    weights: np.ndarray,
    options: Any,
    zero_points: tuple[int, int] = (0, 0),
    depthwise: bool = False,
) -> np.ndarray:
    """Convolve with loops over every index, Python integers, and a test of every tap against the image's border.

    ``zero_points`` are those of the input and the filter.
    """
    batches, height, width, channels = x.shape
    filters, rows, columns, depth = weights.shape
    if depthwise:
        filters = depth
    sizes = []
    for size, taps, stride, dilation in (
        (height, rows, options.stride_h, options.dilation_h_factor),
        (width, columns, options.stride_w, options.dilation_w_factor),
    ):
        reach = (taps - 1) * dilation + 1
        if options.padding is Padding.SAME:
            count = (size + stride - 1) // stride
            before = max(0, (count - 1) * stride + reach - size) // 2
        else:
            count, before = (size - reach) // stride + 1, 0
        sizes.append((count, before))
    (out_height, top), (out_width, left) = sizes
    sums = np.zeros((batches, out_height, out_width, filters), np.object_)
    for n, oy, ox, o in np.ndindex(sums.shape):
        for fy, fx in np.ndindex(rows, columns):
            y = oy * options.stride_h - top + fy * options.dilation_h_factor
            column = ox * options.stride_w - left + fx * options.dilation_w_factor
            if not (0 <= y < height and 0 <= column < width):
                continue
            if depthwise:
                pairs = [(o // (filters // channels), weights[0, fy, fx, o])]
            else:
                first = o // (filters // (channels // depth)) * depth
                pairs = [(first + c, weights[o, fy, fx, c]) for c in range(depth)]
            for c, weight in pairs:
                sums[n, oy, ox, o] += (int(x[n, y, column, c]) - zero_points[0]) * (int(weight) - zero_points[1])
    return sums
