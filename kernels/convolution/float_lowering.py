"""Lowering of the float32 convolutions with a constant filter and bias."""

from __future__ import annotations

import math

import numpy as np

from ..operator import Field, Input, Instruction, Node, Output
from ..padding import Window
from .packing import (
    LANES,
    PIXEL,
    WHOLE,
    as_grouped_filter,
    bias_or_zeros,
    has_constants,
    pack_filter,
    pad_channels,
    panel_fields,
    round_up,
    transposed_constants,
    transposed_fields,
    window_fields,
)
from .prepared import FloatConv2D, FloatDepthwiseConv2D, FloatFullyConnected, FloatTransposeConv

_FLOAT32 = np.dtype(np.float32)


def lower_float_conv_2d(prepared: FloatConv2D, node: Node) -> Instruction | None:
    """Lower CONV_2D to ``float_conv_2d``."""
    if not has_constants(node):
        return None
    return _lower_product(prepared, node, node.input(0).shape, prepared.window, prepared.groups, node.value(1))


def lower_float_fully_connected(prepared: FloatFullyConnected, node: Node) -> Instruction | None:
    """Lower FULLY_CONNECTED to the same: a 1x1 convolution of ``batch`` images of one pixel."""
    if not has_constants(node):
        return None
    weights = node.value(1).reshape(prepared.units, 1, 1, prepared.depth)
    return _lower_product(prepared, node, (prepared.batch, 1, 1, prepared.depth), PIXEL, 1, weights)


def lower_float_depthwise_conv_2d(prepared: FloatDepthwiseConv2D, node: Node) -> Instruction | None:
    """Lower DEPTHWISE_CONV_2D to ``float_depthwise_conv_2d``, or to a group for each input channel."""
    if not has_constants(node):
        return None
    image, weights = node.input(0).shape, node.value(1)
    if prepared.depth_multiplier > 1:
        return _lower_product(prepared, node, image, prepared.window, image[3], as_grouped_filter(weights))
    channels = weights.shape[3]
    fields: dict[str, Field] = {
        "filter": pad_channels(weights),
        "filter_step": round_up(channels, LANES),
        **WHOLE,
        **_shared_fields(prepared, node, channels, groups=1),
        **window_fields(prepared.window, image[0]),
    }
    return Instruction("float_depthwise_conv_2d", fields)


def lower_float_transpose_conv(prepared: FloatTransposeConv, node: Node) -> Instruction | None:
    """Lower TRANSPOSE_CONV to ``float_conv_2d`` over panels of its own kind."""
    constants = transposed_constants(node, _FLOAT32)
    if constants is None:
        return None
    weights, bias = constants
    source, depth = node.input(2), math.prod(weights.shape[1:])
    panel = transposed_fields(prepared.window, source.shape, depth, itemsize=4)
    if panel is None or not np.all(np.isfinite(weights)):
        return None
    fields: dict[str, Field] = {
        "input": Input(2, 4 * math.prod(source.shape)),
        "input_size": math.prod(source.shape),
        "output": Output(0, 4 * math.prod(prepared.output_shape)),
        "output_channels": len(weights),
        "filter": pack_filter(weights, 1, depth, 1),
        "bias": pad_channels(bias),
        "activation_min": float(prepared.activation_min),
        "activation_max": float(prepared.activation_max),
        **panel,
    }
    return Instruction("float_conv_2d", fields)


def _lower_product(
    prepared: FloatConv2D | FloatDepthwiseConv2D | FloatFullyConnected,
    node: Node,
    image: tuple[int, ...],
    window: Window,
    groups: int,
    weights: np.ndarray,
) -> Instruction | None:
    depth = math.prod(weights.shape[1:])
    panel = panel_fields(window, image, groups, depth, itemsize=4)
    if panel is None or not np.all(np.isfinite(weights)):  # a panel has zeros beside the image: 0 * inf is not 0
        return None
    fields: dict[str, Field] = {
        "filter": pack_filter(weights, groups, depth, 1),
        **panel,
        **_shared_fields(prepared, node, len(weights), groups),
        **window_fields(window, image[0]),
    }
    return Instruction("float_conv_2d", fields)


def _shared_fields(
    prepared: FloatConv2D | FloatFullyConnected | FloatDepthwiseConv2D, node: Node, channels: int, groups: int
) -> dict[str, Field]:
    size = math.prod(node.input(0).shape)
    return {
        "input": Input(0, 4 * size),
        "input_size": size,
        "output": Output(0, 4 * math.prod(prepared.output_shape)),
        "output_channels": channels,
        "bias": pad_channels(bias_or_zeros(node, _FLOAT32), groups),
        "activation_min": float(prepared.activation_min),
        "activation_max": float(prepared.activation_max),
    }
