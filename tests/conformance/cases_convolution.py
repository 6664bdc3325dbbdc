"""Cases of CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.case import Case, Operand, constant, result, single_operator, tensor
from conformance.strategies import (
    activations,
    arrays,
    biases,
    extreme_scales,
    float32,
    float_arrays,
    images,
    multipliers,
    paddings,
    per_channel,
    per_tensor,
    requantized,
    scales,
    sides,
)
from q31.schema import Padding, Quantization, TensorType
from q31.schema.options import Conv2DOptions, DepthwiseConv2DOptions, FullyConnectedOptions, TransposeConvOptions

FLOAT32, INT8, UINT8, INT16 = TensorType.FLOAT32, TensorType.INT8, TensorType.UINT8, TensorType.INT16
INT4, INT32, INT64 = TensorType.INT4, TensorType.INT32, TensorType.INT64


def _activation_scales() -> SearchStrategy[float]:
    return st.one_of(scales(), scales(), extreme_scales())


@st.composite
def _source(draw: DrawFn, tensor_type: TensorType) -> Quantization:
    return draw(per_tensor(tensor_type, _activation_scales()))


@st.composite
def _filter(
    draw: DrawFn, tensor_type: TensorType, channels: int, dimension: int, each_channel: bool | None
) -> Quantization:
    if each_channel is None:
        each_channel = draw(st.booleans())
    if each_channel and channels > 1:
        return draw(per_channel(channels, dimension, scales(2.0**-14, 2.0**-2)))
    return draw(per_tensor(tensor_type, scales(2.0**-14, 2.0**-2), None if tensor_type is UINT8 else 0))


@st.composite
def _output(draw: DrawFn, tensor_type: TensorType, source: Quantization, weights: Quantization) -> Quantization:
    """An output scale such that the multipliers reach from far below 1 to above it."""
    ordinary = multipliers(2.0**-12, 2.0**-2)
    if tensor_type is INT16:  # whose sums are larger, and whose multipliers int64 arithmetic limits to below 2**14
        chosen = st.one_of(ordinary, ordinary, multipliers(2.0**-22, 2.0**-4), multipliers(2.0**-36, 2.0**13))
    else:
        chosen = st.one_of(ordinary, ordinary, multipliers(2.0**-16, 2.0**3), multipliers(2.0**-36, 2.0**29))
    return draw(requantized(tensor_type, max(weights.scale) * source.scale[0], chosen))


@st.composite
def _bias(
    draw: DrawFn,
    bias_type: TensorType,
    channels: int,
    source: Quantization,
    weights: Quantization,
    optional: bool = False,
    variable: bool = True,
) -> tuple[Operand | None, list[np.ndarray]]:
    """A bias, with the value it takes at run time where it is no constant; its scale is that of the accumulator."""
    if optional and draw(st.integers(0, 3)) == 0:
        return None, []
    scale = float32(source.scale[0] * weights.scale[0])
    quantization = Quantization(scale=(scale,), zero_point=(0,)) if scale > 0 else Quantization()
    value = draw(biases(channels, np.int64 if bias_type is INT64 else np.int32))
    if bias_type is INT64 and draw(st.booleans()):
        value = value << 8
    if variable and draw(st.integers(0, 9)) == 0:
        return tensor(bias_type, value.shape, quantization), [value]
    return constant(value, quantization), []


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
def _weights(draw: DrawFn, tensor_type: TensorType, shape: tuple[int, ...], quantization: Quantization) -> Operand:
    value = draw(arrays(tensor_type, shape, quantization.zero_point[0]))
    return constant(value, quantization, tensor_type)


@st.composite
def conv_2d(
    draw: DrawFn,
    tensor_type: TensorType,
    weights_type: TensorType,
    bias_type: TensorType = INT32,
    each_channel: bool | None = None,
    grouped: bool = False,
    **options: Any,
) -> Case:
    groups = draw(st.integers(2, 4)) if grouped else 1
    shape = draw(images(channels=groups * draw(st.integers(1, 4)) if grouped else None))
    geometry = draw(_geometry())
    filters = groups * draw(st.one_of(st.integers(1, 5), st.sampled_from([8, 16, 17])))
    source = draw(_source(tensor_type))
    quantization = draw(_filter(weights_type, filters, 0, each_channel))
    weights = draw(_weights(weights_type, (filters, *draw(_window(shape, geometry)), shape[3] // groups), quantization))
    bias, given = draw(_bias(bias_type, filters, source, quantization))
    return single_operator(
        "CONV_2D",
        Conv2DOptions(**geometry, **options),
        inputs=[tensor(tensor_type, shape, source), weights, bias],
        outputs=[result(tensor_type, draw(_output(tensor_type, source, quantization)))],
        arrays=[draw(arrays(tensor_type, shape, source.zero_point[0])), *given],
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
    source = draw(_source(tensor_type))
    quantization = draw(_filter(weights_type, channels, 3, each_channel))
    weights = draw(_weights(weights_type, (1, *draw(_window(shape, geometry)), channels), quantization))
    bias, given = draw(_bias(bias_type, channels, source, quantization))
    return single_operator(
        "DEPTHWISE_CONV_2D",
        DepthwiseConv2DOptions(**geometry, depth_multiplier=multiplier),
        inputs=[tensor(tensor_type, shape, source), weights, bias],
        outputs=[result(tensor_type, draw(_output(tensor_type, source, quantization)))],
        arrays=[draw(arrays(tensor_type, shape, source.zero_point[0])), *given],
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
    source = draw(_source(tensor_type))
    quantization = draw(_filter(weights_type, filters, 0, each_channel))
    weights = draw(_weights(weights_type, (filters, *window, shape[3]), quantization))
    bias, given = draw(_bias(bias_type, filters, source, quantization, optional=True))
    return single_operator(
        "TRANSPOSE_CONV",
        TransposeConvOptions(**geometry, **options),
        inputs=[constant(output_shape), weights, tensor(tensor_type, shape, source), bias],
        outputs=[result(tensor_type, draw(_output(tensor_type, source, quantization)))],
        arrays=[draw(arrays(tensor_type, shape, source.zero_point[0])), *given],
        version=5 if options else 4,
    )


@st.composite
def _rows(draw: DrawFn, depth: int) -> tuple[tuple[int, ...], bool]:
    """An input shape of ``depth`` columns, whichever way it is folded, and keep_num_dims."""
    keep = draw(st.booleans())
    batch = draw(st.integers(1, 9))
    if keep or draw(st.booleans()):
        return draw(st.sampled_from([(batch, depth), (1, batch, depth), (batch, 2, depth), (depth,)])), keep
    return draw(st.sampled_from([(batch, depth), (batch, 1, depth, 1), (depth, batch)])), keep


def _depths(high: int = 40) -> SearchStrategy[int]:
    return st.one_of(st.integers(1, high), st.sampled_from([15, 16, 17, 32, 64, 65, 130]))


@st.composite
def fully_connected(
    draw: DrawFn,
    tensor_type: TensorType,
    weights_type: TensorType,
    bias_type: TensorType = INT32,
    each_channel: bool | None = None,
    output_type: TensorType | None = None,
    signed_zero_point: bool = False,
    **options: Any,
) -> Case:
    depth = draw(_depths())
    shape, keep = draw(_rows(depth))
    units = draw(st.one_of(st.integers(1, 5), st.sampled_from([8, 16, 17])))
    source = draw(_source(tensor_type))
    quantization = draw(_filter(weights_type, units, 0, each_channel))
    if signed_zero_point:
        quantization = Quantization(quantization.scale[:1], (draw(st.integers(-128, 127)),))
    weights = draw(_weights(weights_type, (units, depth), quantization))
    output_type = output_type or tensor_type
    to_int16 = (tensor_type, output_type) == (UINT8, INT16)
    bias, given = draw(_bias(bias_type, units, source, quantization, optional=not to_int16))
    output = draw(_output(output_type, source, quantization))
    return single_operator(
        "FULLY_CONNECTED",
        FullyConnectedOptions(fused_activation_function=draw(activations()), keep_num_dims=keep, **options),
        inputs=[tensor(tensor_type, shape, source), weights, bias],
        outputs=[result(output_type, output)],
        arrays=[draw(arrays(tensor_type, shape, source.zero_point[0])), *given],
        version=11 if options else 7,
    )


# Float32 activations, with float32 or (hybrid) int8 weights


@st.composite
def _float_weights(draw: DrawFn, shape: tuple[int, ...], dimension: int, hybrid: bool, each_channel: bool) -> Operand:
    if not hybrid:
        return constant(draw(float_arrays(shape, special=True)))
    return draw(_weights(INT8, shape, draw(_filter(INT8, shape[dimension], dimension, each_channel))))


@st.composite
def _float_bias(draw: DrawFn, channels: int, special: bool, optional: bool) -> Operand | None:
    if optional and draw(st.booleans()):
        return None
    return constant(draw(float_arrays((channels,), special=special)))


@st.composite
def _float_source(draw: DrawFn, shape: tuple[int, ...], hybrid: bool) -> np.ndarray:
    value = draw(float_arrays(shape, special=not hybrid))
    if hybrid and draw(st.integers(0, 3)) == 0:
        # Quotients at and just below one half are where the reference's roundings part.
        steps = np.random.default_rng(draw(st.integers(0, 2**32))).integers(-254, 255, shape)
        value = (steps * np.float32(0.5)).astype(np.float32)
        value.flat[0] = 127
        value = np.where(draw(st.booleans()), value, np.nextafter(value, np.float32(0))).astype(np.float32)
    if hybrid and draw(st.integers(0, 7)) == 0:
        value[0] = 0
    return value


@st.composite
def float_conv_2d(draw: DrawFn, hybrid: bool = False, each_channel: bool = True, grouped: bool = False) -> Case:
    groups = draw(st.integers(2, 3)) if grouped else 1
    shape = draw(images(channels=groups * draw(st.integers(1, 4)) if grouped else None))
    geometry = draw(_geometry())
    filters = groups * draw(st.one_of(st.integers(1, 5), st.sampled_from([8])))
    size = (filters, *draw(_window(shape, geometry)), shape[3] // groups)
    return single_operator(
        "CONV_2D",
        Conv2DOptions(**geometry),
        inputs=[
            tensor(FLOAT32, shape),
            draw(_float_weights(size, 0, hybrid, each_channel)),
            draw(_float_bias(filters, not hybrid, False)),
        ],
        outputs=[result(FLOAT32)],
        arrays=[draw(_float_source(shape, hybrid))],
        version=5,
    )


@st.composite
def float_depthwise_conv_2d(draw: DrawFn, hybrid: bool = False) -> Case:
    shape = draw(images())
    geometry = draw(_geometry())
    multiplier = draw(st.sampled_from([1, 1, 2, 3]))
    # The hybrid kernel wants a scale for each channel, of which there must be two to be called per-channel.
    channels = shape[3] * multiplier
    return single_operator(
        "DEPTHWISE_CONV_2D",
        DepthwiseConv2DOptions(**geometry, depth_multiplier=multiplier),
        inputs=[
            tensor(FLOAT32, shape),
            draw(_float_weights((1, *draw(_window(shape, geometry)), channels), 3, hybrid, True)),
            draw(_float_bias(channels, not hybrid, False)),
        ],
        outputs=[result(FLOAT32)],
        arrays=[draw(_float_source(shape, hybrid))],
        version=6,
    )


@st.composite
def float_transpose_conv(draw: DrawFn) -> Case:
    shape = draw(images(high=5))
    filters = draw(st.integers(1, 5))
    output_shape, geometry, window = draw(_transposed(shape, filters))
    return single_operator(
        "TRANSPOSE_CONV",
        TransposeConvOptions(**geometry),
        inputs=[
            constant(output_shape),
            draw(_float_weights((filters, *window, shape[3]), 0, False, False)),
            tensor(FLOAT32, shape),
            draw(_float_bias(filters, True, True)),
        ],
        outputs=[result(FLOAT32)],
        arrays=[draw(_float_source(shape, False))],
        version=3,
    )


@st.composite
def float_fully_connected(draw: DrawFn, hybrid: bool = False, each_channel: bool = True, **options: Any) -> Case:
    depth = draw(st.one_of(_depths(), st.sampled_from([2500, 9000])) if hybrid else _depths())
    shape, keep = draw(_rows(depth))
    units = draw(st.one_of(st.integers(1, 5), st.sampled_from([8, 16, 17])))
    return single_operator(
        "FULLY_CONNECTED",
        FullyConnectedOptions(fused_activation_function=draw(activations()), keep_num_dims=keep, **options),
        inputs=[
            tensor(FLOAT32, shape),
            draw(_float_weights((units, depth), 0, hybrid, each_channel)),
            draw(_float_bias(units, True, True)),
        ],
        outputs=[result(FLOAT32)],
        arrays=[draw(_float_source(shape, hybrid))],
        version=9,
    )


CASES: dict[str, SearchStrategy[Case]] = {
    "CONV_2D int8 per-tensor": conv_2d(INT8, INT8, each_channel=False),
    "CONV_2D int8 per-channel": conv_2d(INT8, INT8, each_channel=True),
    "CONV_2D int8 grouped": conv_2d(INT8, INT8, grouped=True),
    "CONV_2D int8 with int4 weights": conv_2d(INT8, INT4),
    "CONV_2D uint8": conv_2d(UINT8, UINT8, each_channel=False),
    "CONV_2D uint8 grouped": conv_2d(UINT8, UINT8, each_channel=False, grouped=True),
    "CONV_2D int16 with int64 bias": conv_2d(INT16, INT8, INT64),
    "CONV_2D int16 with int32 bias": conv_2d(INT16, INT8, INT32, quantized_bias_type=INT32),
    "CONV_2D float32": float_conv_2d(),
    "CONV_2D float32 grouped": float_conv_2d(grouped=True),
    "CONV_2D hybrid per-tensor": float_conv_2d(hybrid=True, each_channel=False),
    "CONV_2D hybrid per-channel": float_conv_2d(hybrid=True),
    "CONV_2D hybrid grouped": float_conv_2d(hybrid=True, grouped=True),
    "DEPTHWISE_CONV_2D int8 per-tensor": depthwise_conv_2d(INT8, INT8, each_channel=False),
    "DEPTHWISE_CONV_2D int8 per-channel": depthwise_conv_2d(INT8, INT8, each_channel=True),
    "DEPTHWISE_CONV_2D int8 with int4 weights": depthwise_conv_2d(INT8, INT4),
    "DEPTHWISE_CONV_2D uint8": depthwise_conv_2d(UINT8, UINT8, each_channel=False),
    "DEPTHWISE_CONV_2D int16": depthwise_conv_2d(INT16, INT8, INT64),
    "DEPTHWISE_CONV_2D float32": float_depthwise_conv_2d(),
    "DEPTHWISE_CONV_2D hybrid": float_depthwise_conv_2d(hybrid=True),
    "TRANSPOSE_CONV int8": transpose_conv(INT8, INT8),
    "TRANSPOSE_CONV uint8": transpose_conv(UINT8, UINT8, each_channel=False),
    "TRANSPOSE_CONV int16 with int64 bias": transpose_conv(INT16, INT8, INT64),
    "TRANSPOSE_CONV int16 with int32 bias": transpose_conv(INT16, INT8, INT32, quantized_bias_type=INT32),
    "TRANSPOSE_CONV float32": float_transpose_conv(),
    "FULLY_CONNECTED int8 per-tensor": fully_connected(INT8, INT8, each_channel=False),
    "FULLY_CONNECTED int8 per-channel": fully_connected(INT8, INT8, each_channel=True),
    "FULLY_CONNECTED int8 with filter zero point": fully_connected(
        INT8, INT8, each_channel=False, signed_zero_point=True
    ),
    "FULLY_CONNECTED int8 with int4 weights": fully_connected(INT8, INT4),
    "FULLY_CONNECTED uint8": fully_connected(UINT8, UINT8, each_channel=False),
    "FULLY_CONNECTED uint8 to int16": fully_connected(UINT8, UINT8, each_channel=False, output_type=INT16),
    "FULLY_CONNECTED int16 with int64 bias": fully_connected(INT16, INT8, INT64),
    "FULLY_CONNECTED int16 with int32 bias": fully_connected(INT16, INT8, INT32, quantized_bias_type=INT32),
    "FULLY_CONNECTED float32": float_fully_connected(),
    "FULLY_CONNECTED hybrid per-tensor": float_fully_connected(hybrid=True, each_channel=False),
    "FULLY_CONNECTED hybrid per-channel": float_fully_connected(hybrid=True),
    "FULLY_CONNECTED hybrid asymmetric": float_fully_connected(hybrid=True, asymmetric_quantize_inputs=True),
}
