"""Models of one operator each, whose scales, zero points and types can be changed."""

from __future__ import annotations

from typing import Any

import numpy as np

from q31.schema import ActivationFunctionType, Padding, Quantization, TensorType, write
from q31.schema.builder import GraphBuilder
from q31.schema.options import (
    AddOptions,
    Conv2DOptions,
    DepthwiseConv2DOptions,
    FullyConnectedOptions,
    Pool2DOptions,
    SoftmaxOptions,
)

KINDS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "AVERAGE_POOL_2D", "SOFTMAX")
_SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    "CONV_2D": ((1, 7, 7, 3), (4, 3, 3, 3), (1, 4, 4, 4)),
    "DEPTHWISE_CONV_2D": ((1, 6, 6, 3), (1, 3, 3, 6), (1, 6, 6, 6)),
    "FULLY_CONNECTED": ((2, 12), (5, 12), (2, 5)),
    "ADD": ((1, 4, 5, 3), (1, 4, 5, 3), (1, 4, 5, 3)),
    "AVERAGE_POOL_2D": ((1, 5, 5, 2), (), (1, 3, 3, 2)),
    "SOFTMAX": ((2, 10), (), (2, 10)),
}
_OPTIONS: dict[str, Any] = {
    "CONV_2D": Conv2DOptions(padding=Padding.SAME, stride_w=2, stride_h=2),
    "DEPTHWISE_CONV_2D": DepthwiseConv2DOptions(padding=Padding.SAME, stride_w=1, stride_h=1, depth_multiplier=2),
    "FULLY_CONNECTED": FullyConnectedOptions(),
    "ADD": AddOptions(),
    "AVERAGE_POOL_2D": Pool2DOptions(
        padding=Padding.SAME,
        stride_w=2,
        stride_h=2,
        filter_width=3,
        filter_height=3,
        fused_activation_function=ActivationFunctionType.RELU6,
    ),
    "SOFTMAX": SoftmaxOptions(beta=1.0),
}
PARAMETERS: dict[str, float] = {
    "input_scale": 0.05,
    "input_zero_point": -5,
    "input2_scale": 0.031,
    "input2_zero_point": 11,
    "filter_scale": 0.013,
    "filter_zero_point": 0,
    "output_scale": 0.083,
    "output_zero_point": 7,
    "beta": 1.0,
}


def model_of(kind: str, type: TensorType = TensorType.INT8, **changes: float) -> bytes:
    """Return a model of one operator; filters of int8 have a scale for each channel, the first ``filter_scale``."""
    given = {**PARAMETERS, **changes}
    shift = 128 if type is TensorType.UINT8 else 0
    builder, generator = GraphBuilder(), np.random.default_rng(5)
    x_shape, second_shape, y_shape = _SHAPES[kind]

    def quantization(name: str) -> Quantization:
        return Quantization((given[f"{name}_scale"],), (int(given[f"{name}_zero_point"]) + shift,))

    inputs = [builder.tensor("x", type, x_shape, quantization("input"))]
    fed = list(inputs)
    if kind == "ADD":
        inputs.append(builder.tensor("second", type, second_shape, quantization("input2")))
        fed = list(inputs)
    elif second_shape:
        axis = {"DEPTHWISE_CONV_2D": 3}.get(kind, 0)
        channels = second_shape[axis]
        codes = generator.integers(-127, 128, second_shape) + shift
        per_channel = type is TensorType.INT8 and kind != "FULLY_CONNECTED"
        scales = [
            given["filter_scale"] * (1 + (place % channels) / 3) for place in range(channels if per_channel else 1)
        ]
        zero = int(given["filter_zero_point"]) + shift
        filters = Quantization(tuple(scales), (zero,) * len(scales), quantized_dimension=axis)
        inputs.append(builder.tensor("w", type, second_shape, filters, value=codes))
        bias = Quantization(tuple(given["input_scale"] * scale for scale in scales), (0,) * len(scales))
        inputs.append(
            builder.tensor("b", TensorType.INT32, (channels,), bias, value=generator.integers(-900, 900, channels))
        )
    target = quantization("output")
    if kind == "AVERAGE_POOL_2D":
        target = quantization("input")
    elif kind == "SOFTMAX":
        target = Quantization((1 / 256,), (shift - 128,))
    y = builder.tensor("y", type, y_shape, target)
    options = SoftmaxOptions(beta=given["beta"]) if kind == "SOFTMAX" else _OPTIONS[kind]
    builder.operator(kind, inputs, [y], options, version=3 if kind in ("CONV_2D", "DEPTHWISE_CONV_2D") else 1)
    return write(builder.build(fed, [y]))
