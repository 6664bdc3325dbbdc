"""Lowering of the convolutions and FULLY_CONNECTED: packed filters and constants for the compiled kernels.

Lowered are the forms with a constant filter and bias, most where input and output have one type. The rest
stays with ``evaluate``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...schema import TensorType
from ..operator import Instruction, Node
from ..padding import Window
from .depthwise_lowering import lower_lines
from .float_lowering import (
    lower_float_conv_2d,
    lower_float_depthwise_conv_2d,
    lower_float_fully_connected,
    lower_float_transpose_conv,
)
from .fully_connected_lowering import is_uint8_to_int16, lower_by_int16_weights, lower_uint8_to_int16
from .hybrid_lowering import (
    lower_hybrid_conv_2d,
    lower_hybrid_depthwise_conv_2d,
    lower_hybrid_fully_connected,
    lower_hybrid_transpose_conv,
)
from .int16_lowering import (
    is_int16,
    lower_int16_depthwise_conv_2d,
    lower_int16_product,
    lower_int16_transpose_conv,
)
from .packing import (
    PIXEL,
    as_grouped_filter,
    bias_or_zeros,
    has_constants,
    transposed_constants,
)
from .prepared import (
    EmptyFullyConnected,
    FloatConv2D,
    FloatDepthwiseConv2D,
    FloatFullyConnected,
    FloatTransposeConv,
    HybridConv2D,
    HybridDepthwiseConv2D,
    HybridFullyConnected,
    HybridTransposeConv,
    QuantizedConv2D,
    QuantizedDepthwiseConv2D,
    QuantizedFullyConnected,
    QuantizedTransposeConv,
)
from .product_lowering import Product, lower_product
from .sparse_weights import wrapping_pairs
from .winograd_lowering import lower_by_winograd

_EIGHT_BIT = (TensorType.INT8, TensorType.UINT8)


def lower_conv_2d(prepared: Any, node: Node) -> Instruction | None:
    """Lower CONV_2D to ``conv_2d``, or to that of other types."""
    if _is_left_to_evaluate(prepared):
        return None
    if isinstance(prepared, FloatConv2D):
        return lower_float_conv_2d(prepared, node)
    if isinstance(prepared, HybridConv2D):
        return lower_hybrid_conv_2d(prepared, node)
    if isinstance(prepared, QuantizedConv2D) and is_int16(node):
        weights = _centered_weights(node, prepared.filter_zero_point)
        image, window = node.input(0).shape, prepared.window
        return lower_int16_product(prepared.requantization, node, image, window, prepared.groups, weights)
    if not (isinstance(prepared, QuantizedConv2D) and _is_lowerable(node)):
        return None
    product = _product(prepared, node, node.input(0).shape, prepared.window, prepared.groups, node.value(1))
    return lower_by_winograd(product) or lower_product(product)


def lower_fully_connected(prepared: Any, node: Node) -> Instruction | None:
    """Lower FULLY_CONNECTED to the same: a 1x1 convolution of ``batch`` images of one pixel."""
    if isinstance(prepared, EmptyFullyConnected) or _is_left_to_evaluate(prepared):
        return None
    if math.prod(node.input(0).shape) != prepared.batch * prepared.depth:  # what is no whole row is left out
        return None
    if isinstance(prepared, FloatFullyConnected):
        return lower_float_fully_connected(prepared, node)
    if isinstance(prepared, HybridFullyConnected):
        return lower_hybrid_fully_connected(prepared, node)
    if is_uint8_to_int16(node):
        return lower_uint8_to_int16(prepared, node)
    if node.input(1).type is TensorType.INT16:
        return lower_by_int16_weights(prepared, node)
    if isinstance(prepared, QuantizedFullyConnected) and is_int16(node):
        weights = _centered_weights(node, prepared.filter_zero_point).reshape(prepared.units, 1, 1, prepared.depth)
        image = (prepared.batch, 1, 1, prepared.depth)
        return lower_int16_product(prepared.requantization, node, image, PIXEL, 1, weights)
    if not (isinstance(prepared, QuantizedFullyConnected) and _is_lowerable(node)):
        return None
    if prepared.wraps and np.any(wrapping_pairs(node.value(1))):
        return None
    weights = node.value(1).reshape(prepared.units, 1, 1, prepared.depth)
    return lower_product(_product(prepared, node, (prepared.batch, 1, 1, prepared.depth), PIXEL, 1, weights))


def lower_depthwise_conv_2d(prepared: Any, node: Node) -> Instruction | None:
    """Lower DEPTHWISE_CONV_2D to a depthwise kernel, or to a convolution with a group for each input channel."""
    if _is_left_to_evaluate(prepared):
        return None
    if isinstance(prepared, FloatDepthwiseConv2D):
        return lower_float_depthwise_conv_2d(prepared, node)
    if isinstance(prepared, HybridDepthwiseConv2D):
        return lower_hybrid_depthwise_conv_2d(prepared, node)
    if isinstance(prepared, QuantizedDepthwiseConv2D) and is_int16(node):
        return lower_int16_depthwise_conv_2d(prepared, node)
    if not (isinstance(prepared, QuantizedDepthwiseConv2D) and _is_lowerable(node)):
        return None
    window, image = prepared.window, node.input(0).shape
    if prepared.depth_multiplier > 1:
        return lower_product(_product(prepared, node, image, window, image[3], as_grouped_filter(node.value(1))))
    return lower_lines(prepared, node)


def lower_transpose_conv(prepared: Any, node: Node) -> Instruction | None:
    """Lower TRANSPOSE_CONV to ``conv_2d`` over panels of its own kind, or to that of other types."""
    if isinstance(prepared, FloatTransposeConv):
        return lower_float_transpose_conv(prepared, node)
    if isinstance(prepared, HybridTransposeConv):
        return lower_hybrid_transpose_conv(prepared, node)
    source, constants = node.input(2), transposed_constants(node, np.dtype(np.int32))
    if not isinstance(prepared, QuantizedTransposeConv) or constants is None or _is_left_to_evaluate(prepared):
        return None
    weights, sums = constants
    if source.type is TensorType.INT16:
        centered = weights.astype(np.int16) - np.int16(prepared.filter_zero_point)
        return lower_int16_transpose_conv(prepared, node, centered, sums)
    if source.type not in _EIGHT_BIT:
        return None
    return lower_product(
        Product(
            weights=weights,
            filter_zero_point=prepared.filter_zero_point,
            bias=sums,
            input_index=2,
            source=source,
            image=source.shape,
            input_zero_point=prepared.input_zero_point,
            window=prepared.window,
            groups=1,
            requantization=prepared.requantization,
            output_shape=prepared.output_shape,
            transposed=True,
        )
    )


def _product(
    prepared: QuantizedConv2D | QuantizedDepthwiseConv2D | QuantizedFullyConnected,
    node: Node,
    image: tuple[int, ...],
    window: Window,
    groups: int,
    weights: np.ndarray,
) -> Product:
    return Product(
        weights=weights,
        filter_zero_point=prepared.filter_zero_point,
        bias=bias_or_zeros(node, np.dtype(np.int32)),
        input_index=0,
        source=node.input(0),
        image=image,
        input_zero_point=prepared.input_zero_point,
        window=window,
        groups=groups,
        requantization=prepared.requantization,
        output_shape=prepared.output_shape,
    )


def _is_left_to_evaluate(prepared: Any) -> bool:
    """Whether tensors are read in other types than their own, or the accumulator is a narrower one."""
    narrow = getattr(getattr(prepared, "requantization", None), "narrow", None)
    return narrow is not None or getattr(prepared, "reading", None) is not None


def _is_lowerable(node: Node) -> bool:
    """Whether activations have 8 bits and filter and bias are constants."""
    return node.input(0).type in _EIGHT_BIT and node.output().type in _EIGHT_BIT and has_constants(node)


def _centered_weights(node: Node, filter_zero_point: int) -> np.ndarray:
    """Return the filter less its zero point, int16."""
    return node.value(1).astype(np.int16) - np.int16(filter_zero_point)
