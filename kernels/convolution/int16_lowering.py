"""Lowering of the convolutions of int16 activations with a constant int8 filter and a constant bias."""

from __future__ import annotations

import math

import numpy as np

from ...schema import TensorType
from ..fixed_point import reduce_multiplier
from ..operator import Field, Input, Instruction, Node, Output, Scratch
from ..padding import Window
from ..profiles import Rounding
from .packing import (
    TILE,
    as_grouped_filter,
    bias_or_zeros,
    has_constants,
    line_fields,
    pack_depthwise_filter,
    pack_filter,
    pad_channels,
    panel_fields,
    round_up,
    transposed_fields,
    window_fields,
)
from .prepared import QuantizedDepthwiseConv2D, QuantizedTransposeConv, Requantization
from .requantization import rounding_constants

_LARGEST_CODE = 1 << 15
_MOST_BITS = 35  # after the point: those of a code and of the number that keeps it positive are 18 more
SAFE_TERMS = 256
"""The sum of so many products of int16 codes and weights within +-255 fits int32."""


def is_int16(node: Node) -> bool:
    """Whether activations are int16, and filter and bias constants."""
    return node.input(0).type is TensorType.INT16 and node.output().type is TensorType.INT16 and has_constants(node)


def lower_int16_product(
    requantization: Requantization,
    node: Node,
    image: tuple[int, ...],
    window: Window,
    groups: int,
    weights: np.ndarray,
) -> Instruction | None:
    """Lower a convolution of ``image`` (N, H, W, C) with ``weights`` (O, FH, FW, C / groups) to ``conv_2d_int16``.

    ``weights`` are int16, their zero point subtracted.
    """
    largest = _largest_sums(weights, (1, 2, 3))
    bias = bias_or_zeros(node, np.dtype(np.int64))
    constants = wide_requantization_fields(requantization, bias, largest, groups, in_registers=True)
    depth = round_up(math.prod(weights.shape[1:]), 2)
    panel = panel_fields(window, image, groups, depth, itemsize=2)
    if constants is None or panel is None:
        return None
    fields: dict[str, Field] = {
        "filter": pack_filter(weights, groups, depth, 2),
        "output_channels": len(weights),
        "chunk": _chunk(depth, largest),
        "sums": Scratch(8 * TILE * 16),
        **panel,
        **_tensor_fields(node, image[0] * window.output_height * window.output_width * len(weights)),
        **window_fields(window, image[0]),
        **constants,
    }
    return Instruction("conv_2d_int16", fields)


def lower_int16_depthwise_conv_2d(prepared: QuantizedDepthwiseConv2D, node: Node) -> Instruction | None:
    """Lower DEPTHWISE_CONV_2D to ``depthwise_conv_2d_int16``, or to a group for each input channel."""
    image, weights, window = node.input(0).shape, node.value(1).astype(np.int16), prepared.window
    if prepared.depth_multiplier > 1:
        grouped = as_grouped_filter(weights)
        return lower_int16_product(prepared.requantization, node, image, window, image[3], grouped)
    largest = _largest_sums(weights, (0, 1, 2))
    bias = bias_or_zeros(node, np.dtype(np.int64))
    constants = wide_requantization_fields(prepared.requantization, bias, largest, groups=1, in_registers=True)
    lines = line_fields(window, weights.shape[3])
    if constants is None or lines is None or np.any(largest >= 2.0**31):
        return None
    packed = pack_depthwise_filter(weights[0], -(-window.filter_height // 2))
    fields: dict[str, Field] = {
        "filter": packed,
        "filter_step": packed.shape[2] * 2,
        **lines,
        **_tensor_fields(node, math.prod(prepared.output_shape)),
        **window_fields(window, image[0]),
        **constants,
    }
    return Instruction("depthwise_conv_2d_int16", fields)


def lower_int16_transpose_conv(
    prepared: QuantizedTransposeConv, node: Node, weights: np.ndarray, bias: np.ndarray
) -> Instruction | None:
    """Lower TRANSPOSE_CONV to ``conv_2d_int16``; ``weights`` are centered, their taps reversed."""
    source = node.input(2)
    largest = _largest_sums(weights, (1, 2, 3))
    constants = wide_requantization_fields(prepared.requantization, bias, largest, groups=1, in_registers=True)
    depth = round_up(math.prod(weights.shape[1:]), 2)
    panel = transposed_fields(prepared.window, source.shape, depth, itemsize=2)
    if constants is None or panel is None:
        return None
    fields: dict[str, Field] = {
        "filter": pack_filter(weights, 1, depth, 2),
        "output_channels": len(weights),
        "chunk": _chunk(depth, largest),
        "sums": Scratch(8 * TILE * 16),
        **panel,
        **_tensor_fields(node, math.prod(prepared.output_shape), index=2),
        **constants,
    }
    return Instruction("conv_2d_int16", fields)


def _chunk(depth: int, largest: np.ndarray) -> int:
    """Return how many products may be added up in int32."""
    return depth if bool(np.all(largest < 2.0**31)) else SAFE_TERMS


def _largest_sums(weights: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Return a bound of each channel's sum, float64; ``axes`` are those of the weights that it runs over."""
    return np.sum(np.abs(weights.astype(np.float64)), axis=axes) * _LARGEST_CODE


def _tensor_fields(node: Node, output_size: int, index: int = 0) -> dict[str, Field]:
    size = math.prod(node.input(index).shape)
    return {"input": Input(index, 2 * size), "input_size": size, "output": Output(0, 2 * output_size)}


def wide_requantization_fields(
    requantization: Requantization, bias: np.ndarray, largest: np.ndarray, groups: int, in_registers: bool = False
) -> dict[str, Field] | None:
    """Return bias and the fields ``WIDE_REQUANTIZATION``; None where a product might not fit its int32.

    ``largest`` is what the magnitude of a channel's sum does not pass. ``in_registers``: the kernel scales sums that
    fit int32 in float64 where that is exact; the bias is int32 then.
    """
    bias = bias.astype(np.int64)
    sums = largest + np.abs(bias.astype(np.float64))
    in_float64 = requantization.rounding is Rounding.FLOAT64
    in_int64 = requantization.accumulator == np.int64
    if in_float64:
        reached = sums if in_int64 else np.minimum(sums, 2.0**31)
        if np.any(reached * requantization.real_multiplier >= 2.0**31 - 1):
            return None
    multiplier = requantization.multiplier.astype(np.int64)
    left_shift, right_shift, rounding, sign_mask = rounding_constants(requantization)
    if in_int64:  # rounds once, and 15 bits of the multiplier count
        multiplier, sign_mask = reduce_multiplier(multiplier), np.zeros_like(sign_mask)
        right_shift = 15 - requantization.shift.astype(np.int64)
        rounding = np.int64(1) << np.maximum(right_shift - 1, 0)
    real_multiplier, exact = requantization.real_multiplier, False
    if in_registers and in_int64 and not in_float64:
        factors = np.ldexp(multiplier.astype(np.float64), -right_shift.astype(np.int32))
        narrow = (sums < 2.0**31) & (sums * factors < 2.0**31 - 1)  # the result of the shift wraps in int32
        exact = bool(np.all(narrow & (right_shift >= 1) & (right_shift <= _MOST_BITS)))
    if exact:
        real_multiplier, bias = factors, bias.astype(np.int32)
    return {
        "bias": pad_channels(bias, groups),
        "multiplier": pad_channels(multiplier, groups),
        "left_shift": pad_channels(left_shift.astype(np.int32), groups),
        "right_shift": pad_channels(right_shift, groups),
        "rounding": pad_channels(rounding, groups),
        "sign_mask": pad_channels(sign_mask, groups),
        "real_multiplier": pad_channels(real_multiplier, groups),
        "in_float64": int(in_float64),
        "in_int64": int(in_int64),
        "exact_in_float64": int(exact),
        "activation_min": requantization.activation_min,
        "activation_max": requantization.activation_max,
    }
