"""Cases of CONV_2D, DEPTHWISE_CONV_2D and TRANSPOSE_CONV."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from ...schema import Padding, TensorType
from ...schema.options import Conv2DOptions, DepthwiseConv2DOptions, TransposeConvOptions
from .case import Case, constant, result, single_operator, tensor
from .products import (
    bias_of,
    filter_of,
    float_bias,
    float_source,
    float_weights,
    given,
    output_of,
    source_of,
    weights_of,
)
from .strategies import (
    activations,
    arrays,
    images,
    paddings,
    sides,
)

FLOAT32, INT8, UINT8, INT16 = TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16
INT4, INT32, INT64 = TensorType.INT4, TensorType.INT32, TensorType.INT64


@st.composite
def _geometry(draw: DrawFn, dilated: bool = True) -> dict[str, Any]:
    """Strides, dilations and padding under the names of the options."""
    options = {
        "padding": draw(paddings()),
        "stride_h": draw(st.integers(1, 4)),
        "stride_w": draw(st.integers(1, 4)),
        "fused_activation_function": draw(activations()),
    }
    if dilated and draw(st.integers(0, 2)) == 0:
        options |= {"dilation_h_factor": draw(st.integers(1, 3)), "dilation_w_factor": draw(st.integers(1, 3))}
    return options


@st.composite
def _window(draw: DrawFn, shape: tuple[int, ...], options: dict[str, Any]) -> tuple[int, int]:
    """A filter's height and width; with VALID padding it fits into the image."""
    sizes = []
    for size, dilation in ((shape[1], "dilation_h_factor"), (shape[2], "dilation_w_factor")):
        reach = (size - 1) // options.get(dilation, 1) + 1 if options["padding"] is Padding.VALID else 5
        sizes.append(draw(sides(1, min(reach, 5))))
    return sizes[0], sizes[1]


@st.composite
def conv_2d(
    draw: DrawFn,
    tensor_type: TensorType,
    weights_type: TensorType,
    bias_type: TensorType = INT32,
    each_channel: bool | None = None,
    grouped: bool = False,
    symmetric: bool = False,
    deep: bool = False,
    **options: Any,
) -> Case:
    """A convolution of any geometry; ``deep``: as networks have, 3x3 taps or 7 in a line, and many channels."""
    groups = draw(st.integers(2, 4)) if grouped else 1
    shape = draw(images(channels=groups * draw(st.integers(1, 4)) if grouped else None))
    geometry = draw(_geometry(dilated=not deep))
    filters = groups * draw(st.one_of(st.integers(1, 5), st.sampled_from([8, 16, 17])))
    if deep:
        taps_of_depth = draw(st.sampled_from([(3, 3), (3, 3), (1, 7), (7, 1)]))
        sides = (draw(st.integers(max(5, least), 9)) for least in taps_of_depth)
        shape = (shape[0], *sides, draw(st.sampled_from([16, 17, 32, 40])))
        geometry |= {"stride_h": 1, "stride_w": 1}
        filters = draw(st.sampled_from([16, 19, 32]))
    source = draw(source_of(tensor_type))
    quantization = draw(filter_of(weights_type, filters, 0, each_channel))
    quantization = replace(quantization, zero_point=(0,)) if symmetric else quantization
    size = (filters, *(taps_of_depth if deep else draw(_window(shape, geometry))), shape[3] // groups)
    weights, taps = given(draw, draw(weights_of(weights_type, size, quantization)))
    bias, sums = draw(bias_of(bias_type, filters, source, quantization))
    return single_operator(
        "CONV_2D",
        Conv2DOptions(**geometry, **options),
        inputs=[tensor(tensor_type, shape, source), weights, bias],
        outputs=[result(tensor_type, draw(output_of(tensor_type, source, quantization)))],
        arrays=[draw(arrays(tensor_type, shape, source.zero_point[0])), *taps, *sums],
        version=8 if options else 6,
    )


@st.composite
def depthwise_conv_2d(
    draw: DrawFn,
    tensor_type: TensorType,
    weights_type: TensorType,
    bias_type: TensorType = INT32,
    each_channel: bool | None = None,
) -> Case:
    shape = draw(images())
    geometry = draw(_geometry())
    multiplier = draw(st.sampled_from([1, 1, 1, 2, 3, 8]))
    channels = shape[3] * multiplier
    source = draw(source_of(tensor_type))
    quantization = draw(filter_of(weights_type, channels, 3, each_channel))
    size = (1, *draw(_window(shape, geometry)), channels)
    weights, taps = given(draw, draw(weights_of(weights_type, size, quantization)))
    bias, sums = draw(bias_of(bias_type, channels, source, quantization))
    return single_operator(
        "DEPTHWISE_CONV_2D",
        DepthwiseConv2DOptions(**geometry, depth_multiplier=multiplier),
        inputs=[tensor(tensor_type, shape, source), weights, bias],
        outputs=[result(tensor_type, draw(output_of(tensor_type, source, quantization)))],
        arrays=[draw(arrays(tensor_type, shape, source.zero_point[0])), *taps, *sums],
        version=6,
    )


@st.composite
def _transposed_size(draw: DrawFn, size: int, taps: int, stride: int, padding: Padding) -> int:
    """One of the output sizes from which the convolution that is transposed gives ``size``."""
    if padding is Padding.SAME:
        return size * stride - draw(st.integers(0, stride - 1))
    return (size - 1) * stride + taps + draw(st.integers(0, stride - 1))


@st.composite
def _transposed(draw: DrawFn, shape: tuple[int, ...], filters: int) -> tuple[np.ndarray, dict[str, Any], tuple]:
    geometry = draw(_geometry(dilated=False))
    window = draw(sides(1, 4)), draw(sides(1, 4))
    sizes = [
        draw(_transposed_size(size, taps, geometry[stride], geometry["padding"]))
        for size, taps, stride in zip(shape[1:3], window, ("stride_h", "stride_w"), strict=True)
    ]
    return np.array([shape[0], *sizes, filters], np.int32), geometry, window


@st.composite
def transpose_conv(
    draw: DrawFn,
    tensor_type: TensorType,
    weights_type: TensorType,
    bias_type: TensorType = INT32,
    each_channel: bool | None = None,
    **options: Any,
) -> Case:
    shape = draw(images(high=5))
    filters = draw(st.one_of(st.integers(1, 5), st.sampled_from([8, 17])))
    output_shape, geometry, window = draw(_transposed(shape, filters))
    source = draw(source_of(tensor_type))
    quantization = draw(filter_of(weights_type, filters, 0, each_channel))
    weights, taps = given(draw, draw(weights_of(weights_type, (filters, *window, shape[3]), quantization)))
    bias, sums = draw(bias_of(bias_type, filters, source, quantization, optional=True))
    return single_operator(
        "TRANSPOSE_CONV",
        TransposeConvOptions(**geometry, **options),
        inputs=[constant(output_shape), weights, tensor(tensor_type, shape, source), bias],
        outputs=[result(tensor_type, draw(output_of(tensor_type, source, quantization)))],
        arrays=[*taps, draw(arrays(tensor_type, shape, source.zero_point[0])), *sums],
        version=5 if options else 4,
    )


@st.composite
def float_conv_2d(
    draw: DrawFn,
    hybrid: bool = False,
    each_channel: bool = True,
    grouped: bool = False,
    weights_type: TensorType = INT8,
) -> Case:
    groups = draw(st.integers(2, 3)) if grouped else 1
    shape = draw(images(channels=groups * draw(st.integers(1, 4)) if grouped else None))
    geometry = draw(_geometry())
    filters = groups * draw(st.one_of(st.integers(1, 5), st.sampled_from([8])))
    size = (filters, *draw(_window(shape, geometry)), shape[3] // groups)
    weights, taps = given(draw, draw(float_weights(size, 0, hybrid, each_channel, weights_type)))
    return single_operator(
        "CONV_2D",
        Conv2DOptions(**geometry),
        inputs=[
            tensor(FLOAT32, shape),
            weights,
            draw(float_bias(filters, not hybrid, False)),
        ],
        outputs=[result(FLOAT32)],
        arrays=[draw(float_source(shape, hybrid)), *taps],
        version=5,
    )


@st.composite
def float_depthwise_conv_2d(draw: DrawFn, hybrid: bool = False) -> Case:
    shape = draw(images())
    geometry = draw(_geometry())
    multiplier = draw(st.sampled_from([1, 1, 2, 3]))
    # The hybrid kernel wants a scale for each channel, of which there must be two to be called per-channel.
    channels = shape[3] * multiplier
    size = (1, *draw(_window(shape, geometry)), channels)
    weights, taps = given(draw, draw(float_weights(size, 3, hybrid, True)))
    return single_operator(
        "DEPTHWISE_CONV_2D",
        DepthwiseConv2DOptions(**geometry, depth_multiplier=multiplier),
        inputs=[
            tensor(FLOAT32, shape),
            weights,
            draw(float_bias(channels, not hybrid, False)),
        ],
        outputs=[result(FLOAT32)],
        arrays=[draw(float_source(shape, hybrid)), *taps],
        version=6,
    )


@st.composite
def float_transpose_conv(draw: DrawFn, hybrid: bool = False, each_channel: bool = True) -> Case:
    shape = draw(images(high=5))
    filters = draw(st.integers(1, 5))
    output_shape, geometry, window = draw(_transposed(shape, filters))
    weights, taps = given(draw, draw(float_weights((filters, *window, shape[3]), 0, hybrid, each_channel)))
    return single_operator(
        "TRANSPOSE_CONV",
        TransposeConvOptions(**geometry),
        inputs=[
            constant(output_shape),
            weights,
            tensor(FLOAT32, shape),
            draw(float_bias(filters, not hybrid, True)),
        ],
        outputs=[result(FLOAT32)],
        arrays=[*taps, draw(float_source(shape, hybrid))],
        version=5 if hybrid else 3,
    )


CASES: dict[str, SearchStrategy[Case]] = {
    "CONV_2D int8 per-tensor": conv_2d(INT8, INT8, each_channel=False),
    "CONV_2D int8 per-channel": conv_2d(INT8, INT8, each_channel=True),
    "CONV_2D int8 deep": conv_2d(INT8, INT8, deep=True),
    "CONV_2D uint8 deep": conv_2d(UINT8, UINT8, each_channel=False, deep=True),
    "CONV_2D int8 grouped": conv_2d(INT8, INT8, grouped=True),
    "CONV_2D int4-weights int8": conv_2d(INT8, INT4),
    "CONV_2D uint8": conv_2d(UINT8, UINT8, each_channel=False),
    "CONV_2D uint8 grouped": conv_2d(UINT8, UINT8, each_channel=False, grouped=True),
    "CONV_2D int16 with int64 bias": conv_2d(INT16, INT8, INT64),
    "CONV_2D int16 with int32 bias": conv_2d(INT16, INT8, INT32, quantized_bias_type=INT32),
    "CONV_2D float32": float_conv_2d(),
    "CONV_2D float32 grouped": float_conv_2d(grouped=True),
    "CONV_2D hybrid per-tensor": float_conv_2d(hybrid=True, each_channel=False),
    "CONV_2D hybrid per-channel": float_conv_2d(hybrid=True),
    "CONV_2D hybrid grouped": float_conv_2d(hybrid=True, grouped=True),
    "CONV_2D hybrid int4": float_conv_2d(hybrid=True, weights_type=INT4),
    "CONV_2D hybrid int4 per-tensor": float_conv_2d(hybrid=True, each_channel=False, weights_type=INT4),
    "CONV_2D hybrid uint8": float_conv_2d(hybrid=True, each_channel=False, weights_type=UINT8),
    "CONV_2D int4-weights int16": conv_2d(INT16, INT4, INT64),
    "CONV_2D int4-weights int16 with int32 bias": conv_2d(INT16, INT4, INT32, quantized_bias_type=INT32),
    "CONV_2D int16 grouped": conv_2d(INT16, INT8, INT64, grouped=True, quantized_bias_type=INT64),
    "CONV_2D int16 by uint8": conv_2d(INT16, UINT8, INT64, each_channel=False, symmetric=True),
    "CONV_2D int16 by int16": conv_2d(INT16, INT16, INT64, each_channel=False),
    "CONV_2D uint8 by int4": conv_2d(UINT8, INT4, each_channel=False),
    "CONV_2D uint8 by int8": conv_2d(UINT8, INT8, each_channel=False),
    "CONV_2D uint8 by int16": conv_2d(UINT8, INT16, each_channel=False, grouped=True),
    "DEPTHWISE_CONV_2D int16 by uint8": depthwise_conv_2d(INT16, UINT8, INT64, each_channel=False),
    "DEPTHWISE_CONV_2D int16 by int16": depthwise_conv_2d(INT16, INT16, INT64, each_channel=False),
    "DEPTHWISE_CONV_2D int8 per-tensor": depthwise_conv_2d(INT8, INT8, each_channel=False),
    "DEPTHWISE_CONV_2D int8 per-channel": depthwise_conv_2d(INT8, INT8, each_channel=True),
    "DEPTHWISE_CONV_2D int4-weights int8": depthwise_conv_2d(INT8, INT4),
    "DEPTHWISE_CONV_2D uint8": depthwise_conv_2d(UINT8, UINT8, each_channel=False),
    "DEPTHWISE_CONV_2D int16": depthwise_conv_2d(INT16, INT8, INT64),
    "DEPTHWISE_CONV_2D float32": float_depthwise_conv_2d(),
    "DEPTHWISE_CONV_2D hybrid": float_depthwise_conv_2d(hybrid=True),
    "TRANSPOSE_CONV int8": transpose_conv(INT8, INT8),
    "TRANSPOSE_CONV uint8": transpose_conv(UINT8, UINT8, each_channel=False),
    "TRANSPOSE_CONV int16 with int64 bias": transpose_conv(INT16, INT8, INT64),
    "TRANSPOSE_CONV int16 with int32 bias": transpose_conv(INT16, INT8, INT32, quantized_bias_type=INT32),
    "TRANSPOSE_CONV float32": float_transpose_conv(),
    "TRANSPOSE_CONV hybrid": float_transpose_conv(hybrid=True),
    "TRANSPOSE_CONV hybrid per-tensor": float_transpose_conv(hybrid=True, each_channel=False),
}
