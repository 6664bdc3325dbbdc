"""Lowering of the hybrid convolutions with a constant filter and bias.

A filter that meets a defect of the reference's SSE product or of its sums of weights stays with ``evaluate``: one with
weights of -128, or longer than some thousand columns.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ...schema import ActivationFunctionType
from ..operator import Field, Input, Instruction, Node, Output, Scratch
from ..padding import Window
from .hybrid import GEMM_ROWS, SIMD_BLOCK, has_mistaken_weights, row_sums_wrap, weights_as_read
from .hybrid_matmul import HybridBatchMatMul
from .packing import (
    LANES,
    LARGEST_SCRATCH,
    PIXEL,
    TILE,
    as_grouped_filter,
    bias_or_zeros,
    has_constants,
    pack_depthwise_filter,
    pack_filter,
    pad_channels,
    panel_fields,
    round_up,
    transposed_constants,
    transposed_fields,
    window_fields,
)
from .prepared import HybridConv2D, HybridDepthwiseConv2D, HybridFullyConnected, HybridTransposeConv

_EXACT_DEPTH = 512  # so many products of two bytes, and as much again for the zero points, are exact in float32


def lower_hybrid_conv_2d(prepared: HybridConv2D, node: Node) -> Instruction | None:
    """Lower CONV_2D to ``hybrid_conv_2d``."""
    if not has_constants(node):
        return None
    weights = weights_as_read(prepared, node.value(1))
    through_sse = prepared.quirks and not prepared.asymmetric and len(weights) % GEMM_ROWS
    if through_sse and has_mistaken_weights(weights):
        return None
    scales = prepared.filter_scale if prepared.asymmetric else prepared.filter_scale[:1]
    return _lower_product(
        prepared, node, node.input(0).shape, prepared.window, prepared.groups, weights, scales, prepared.asymmetric
    )


def lower_hybrid_fully_connected(prepared: HybridFullyConnected, node: Node) -> Instruction | None:
    """Lower FULLY_CONNECTED to the same, a 1x1 convolution of images of one pixel, or to ``hybrid_sparse``."""
    if not has_constants(node) or prepared.activation is not ActivationFunctionType.NONE:
        return None
    weights, bias = weights_as_read(prepared, node.value(1)), bias_or_zeros(node, np.dtype(np.float32))
    if prepared.quirks and has_mistaken_weights(weights):
        return None
    apart = prepared.sparse and prepared.asymmetric  # the part of the zero points
    if prepared.quirks and prepared.asymmetric and not apart and row_sums_wrap(weights):
        return None
    if np.any((bias == 0) & np.signbit(bias)):  # an input of zeros would leave a -0, the kernel adds a 0
        return None
    image = (prepared.batch, 1, 1, prepared.depth)
    filters = weights.reshape(prepared.units, 1, 1, prepared.depth)
    scales = prepared.filter_scale
    product = _lower_product(prepared, node, image, PIXEL, 1, filters, scales, prepared.asymmetric)
    if product is None or not apart:
        return product
    own: dict[str, Field] = {
        "zero_points": Scratch(4 * prepared.batch),
        "row_sums": pad_channels(weights.sum(axis=1, dtype=np.int32)),
        "one_scale": int(len(scales) == 1),
    }
    return Instruction("hybrid_sparse", {**product.fields, **own})


def lower_hybrid_batch_matmul(prepared: HybridBatchMatMul, node: Node) -> Instruction | None:
    """Lower BATCH_MATMUL by one constant matrix to the same as FULLY_CONNECTED.

    The reference subtracts the part of the zero points in float32: up to some depth that is exact, as here.
    """
    x, y = node.input(0), node.input(1)
    depth, columns = prepared.y_shape[3:]
    if y.value is None or math.prod(y.shape[:-2]) != 1 or prepared.adjoint_x or math.prod(x.shape) == 0 or columns == 0:
        return None
    if prepared.quirks and sum(size > 1 for size in prepared.x_shape[:3]) > 1:
        return None
    matrix = y.value.reshape(y.shape[-2:])
    weights = np.ascontiguousarray(matrix if prepared.adjoint_y else matrix.T)
    if prepared.asymmetric and (depth >= _EXACT_DEPTH or (prepared.quirks and row_sums_wrap(weights))):
        return None
    batch = math.prod(x.shape[:-1])
    unbounded = np.float32(-np.inf), np.float32(np.inf)
    settings = (prepared.scale, prepared.asymmetric, prepared.quirks)
    dense = HybridFullyConnected(prepared.output_shapes, batch, depth, columns, *settings, *unbounded)
    stand_in = replace(node, inputs=(x, replace(y, shape=weights.shape, value=weights)))
    filters = weights.reshape(columns, 1, 1, depth)
    return _lower_product(dense, stand_in, (batch, 1, 1, depth), PIXEL, 1, filters, prepared.scale, prepared.asymmetric)


def lower_hybrid_depthwise_conv_2d(prepared: HybridDepthwiseConv2D, node: Node) -> Instruction | None:
    """Lower DEPTHWISE_CONV_2D to ``hybrid_depthwise_conv_2d``, or to a group for each input channel."""
    if not has_constants(node):
        return None
    image, weights, window, scales = node.input(0).shape, node.value(1), prepared.window, prepared.filter_scale
    if prepared.depth_multiplier > 1:
        return _lower_product(prepared, node, image, window, image[3], as_grouped_filter(weights), scales, True)
    channels = weights.shape[3]
    shared = _shared_fields(prepared, image, channels, 1, scales, True, bias_or_zeros(node, np.dtype(np.float32)))
    if shared is None:
        return None
    packed = pack_depthwise_filter(weights[0].astype(np.int16), -(-window.filter_height // 2))
    fields: dict[str, Field] = {
        "filter": packed,
        "filter_step": packed.shape[2] * 2,
        "pairs": len(packed),
        **shared,
        **window_fields(window, image[0]),
    }
    return Instruction("hybrid_depthwise_conv_2d", fields)


def lower_hybrid_transpose_conv(prepared: HybridTransposeConv, node: Node) -> Instruction | None:
    """Lower TRANSPOSE_CONV to ``hybrid_transpose_conv``."""
    constants = transposed_constants(node, np.dtype(np.float32))
    if constants is None:
        return None
    (weights, bias), image = constants, node.input(2).shape
    depth = math.prod(weights.shape[1:])
    panel = transposed_fields(prepared.window, image, depth, itemsize=2)
    shared = _shared_fields(prepared, image, len(weights), 1, prepared.filter_scale, True, bias)
    if panel is None or shared is None:
        return None
    packed = pack_filter(weights.astype(np.float32), 1, depth, 1)
    return Instruction("hybrid_transpose_conv", {"filter": packed, **panel, **shared})


def _lower_product(
    prepared: HybridConv2D | HybridDepthwiseConv2D | HybridFullyConnected,
    node: Node,
    image: tuple[int, ...],
    window: Window,
    groups: int,
    weights: np.ndarray,
    scales: np.ndarray,
    asymmetric: bool,
) -> Instruction | None:
    depth = round_up(math.prod(weights.shape[1:]), 2)
    panel = panel_fields(window, image, groups, depth, itemsize=2)
    bias = bias_or_zeros(node, np.dtype(np.float32))
    shared = _shared_fields(prepared, image, len(weights), groups, scales, asymmetric, bias)
    if panel is None or shared is None:
        return None
    fields: dict[str, Field] = {
        "filter": pack_filter(weights.astype(np.int16), groups, depth, 2),
        "chunk": depth,
        "sums": Scratch(8 * TILE * LANES),
        **panel,
        **shared,
        **window_fields(window, image[0]),
    }
    return Instruction("hybrid_conv_2d", fields)


def _shared_fields(
    prepared: HybridConv2D | HybridDepthwiseConv2D | HybridFullyConnected | HybridTransposeConv,
    image: tuple[int, ...],
    channels: int,
    groups: int,
    scales: np.ndarray,
    asymmetric: bool,
    bias: np.ndarray,
) -> dict[str, Field] | None:
    """Return the fields ``HYBRID``, the bias and the tensors; None where an image's codes are too large."""
    size = math.prod(image)
    transposed = isinstance(prepared, HybridTransposeConv)
    dense = isinstance(prepared, HybridFullyConnected)
    if 2 * (size + LANES) > LARGEST_SCRATCH:
        return None
    return {
        "input": Input(2 if transposed else 0, 4 * size),
        "input_size": size,
        "output": Output(0, 4 * math.prod(prepared.output_shape)),
        "output_channels": channels,
        "bias": pad_channels(bias, groups),
        "filter_scale": pad_channels(np.broadcast_to(scales, channels), groups),
        "activation_min": float(prepared.activation_min),
        "activation_max": float(prepared.activation_max),
        "asymmetric": int(asymmetric),
        "quirks": int(prepared.quirks),
        "whole": size // image[0] // SIMD_BLOCK * SIMD_BLOCK if prepared.quirks else 0,
        "scales_first": int(not (isinstance(prepared, HybridConv2D) and asymmetric)),
        "bound_first": int(dense and prepared.activation_min != -np.inf),
        "codes": Scratch(2 * (size + LANES)),
        "scales": Scratch(4 * image[0]),
        "ends": Scratch(8),
    }
