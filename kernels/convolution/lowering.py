"""Lowering of CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED: packed filters and constants for the compiled kernels.

Lowered are the 8-bit forms with a constant filter and bias. The rest stays with ``evaluate``.
"""

from __future__ import annotations

import math
from dataclasses import fields as dataclass_fields
from typing import Any

import numpy as np

from ...schema import TensorType
from ..operator import Field, Input, Instruction, Node, Output, Scratch
from ..padding import Window
from ..profiles import Rounding
from .prepared import QuantizedConv2D, QuantizedDepthwiseConv2D, QuantizedFullyConnected, Requantization

_LANES = 16
_TILE = 6
_PANEL_BYTES = 1 << 17  # stays in the L2 cache beside a block of the filter
_LARGEST_PANEL = 96  # rows
_LARGEST_SCRATCH = 1 << 26
_OVERRUN = 64  # kernels write whole vectors into their scratch

_EIGHT_BIT = (TensorType.INT8, TensorType.UINT8)
_PIXEL = Window(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1)


def lower_conv_2d(prepared: Any, node: Node) -> Instruction | None:
    """Lower CONV_2D to ``conv_2d``."""
    if not (isinstance(prepared, QuantizedConv2D) and _is_lowerable(node)):
        return None
    weights, bias = _constants(node, prepared.filter_zero_point)
    return _lower_product(prepared, node, node.input(0).shape, prepared.window, prepared.groups, weights, bias)


def lower_fully_connected(prepared: Any, node: Node) -> Instruction | None:
    """Lower FULLY_CONNECTED to ``conv_2d``: a 1x1 convolution of ``batch`` images of one pixel."""
    if not (isinstance(prepared, QuantizedFullyConnected) and _is_lowerable(node)):
        return None
    weights, bias = _constants(node, prepared.filter_zero_point)
    weights = weights.reshape(prepared.units, 1, 1, prepared.depth)
    return _lower_product(prepared, node, (prepared.batch, 1, 1, prepared.depth), _PIXEL, 1, weights, bias)


def lower_depthwise_conv_2d(prepared: Any, node: Node) -> Instruction | None:
    """Lower DEPTHWISE_CONV_2D to ``depthwise_conv_2d``."""
    if not (isinstance(prepared, QuantizedDepthwiseConv2D) and _is_lowerable(node)):
        return None
    weights, bias = _constants(node, prepared.filter_zero_point)
    requantization = _requantization_fields(prepared.requantization, weights[0], bias, (0, 1), groups=1)
    window, image, channels = prepared.window, node.input(0).shape, weights.shape[3]
    pairs = -(-window.filter_height // 2)
    line_width = (window.output_width - 1) * window.stride_width + (window.filter_width - 1) * window.dilation_width + 1
    line_size = 2 * line_width * channels + 2 * _LANES  # whole vectors are written, the last beyond the line's end
    ring = 2 * (pairs - 1) * window.dilation_height + 1  # lines from the one an output starts at to its last
    lines = 2 * ring * line_size
    if requantization is None or lines > _LARGEST_SCRATCH:
        return None
    packed = _pack_depthwise_filter(weights[0], pairs)
    own: dict[str, Field] = {
        "output": Output(0, image[0] * window.output_height * window.output_width * channels),
        "filter": packed,
        "bias": _pad_channels(bias, 1),
        "output_channels": channels,
        "depth_multiplier": prepared.depth_multiplier,
        "pairs": pairs,
        "filter_step": packed.shape[2] * 2,
        "ring": ring,
        "kept": Scratch(8 * ring),
        "lines": Scratch(lines),
        "line_width": line_width,
        "line_size": line_size,
    }
    shared = {**_input_fields(node, image, prepared.input_zero_point), **_window_fields(window)}
    return Instruction("depthwise_conv_2d", {**own, **shared, **requantization})


def _lower_product(
    prepared: QuantizedConv2D | QuantizedFullyConnected,
    node: Node,
    image: tuple[int, ...],
    window: Window,
    groups: int,
    weights: np.ndarray,
    bias: np.ndarray,
) -> Instruction | None:
    requantization = _requantization_fields(prepared.requantization, weights, bias, (1, 2, 3), groups)
    depth = _round_up(math.prod(weights.shape[1:]), 2)
    positions = image[0] * window.output_height * window.output_width
    rows = _round_up(max(1, min(_LARGEST_PANEL, _PANEL_BYTES // (2 * depth), positions)), _TILE)
    panel = rows * depth * 2 + _OVERRUN
    if requantization is None or panel > _LARGEST_SCRATCH:
        return None
    one_tap = (window.filter_height, window.filter_width, window.stride_height, window.stride_width) == (1, 1, 1, 1)
    own: dict[str, Field] = {
        "output": Output(0, positions * len(weights)),
        "filter": _pack_filter(weights, groups, depth),
        "bias": _pad_channels(bias, groups),
        "output_channels": len(weights),
        "groups": groups,
        "depth": depth,
        "panel": Scratch(panel),
        "panel_rows": rows,
        "contiguous": int(one_tap and groups == 1 and depth == image[3]),
    }
    shared = {**_input_fields(node, image, prepared.input_zero_point), **_window_fields(window)}
    return Instruction("conv_2d", {**own, **shared, **requantization})


def _is_lowerable(node: Node) -> bool:
    """Whether activations have 8 bits, filter and bias are constants and the output has elements."""
    constants = [node.input(1), node.optional_input(2)]
    return (
        node.input(0).type in _EIGHT_BIT
        and node.output().type in _EIGHT_BIT
        and all(spec is None or spec.value is not None for spec in constants)
        and math.prod(node.input(0).shape) > 0
    )


def _constants(node: Node, filter_zero_point: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the filter less its zero point, int16, and the bias, int32 (channels,)."""
    weights = node.value(1).astype(np.int16) - np.int16(filter_zero_point)
    channels = weights.shape[3] if node.name == "DEPTHWISE_CONV_2D" else weights.shape[0]
    bias = node.value(2).reshape(channels) if node.optional_input(2) is not None else np.zeros(channels, np.int32)
    return weights, bias


def _input_fields(node: Node, image: tuple[int, ...], zero_point: int) -> dict[str, Field]:
    """Return where the codes are and how to center them (``kernels/jit/codes.py``)."""
    sign_flip = 128 if node.input(0).type is TensorType.INT8 else 0
    return {
        "input": Input(0, math.prod(image)),
        "batches": image[0],
        "input_channels": image[3],
        "sign_flip": sign_flip,
        "input_zero_point": zero_point + sign_flip,
    }


def _window_fields(window: Window) -> dict[str, Field]:
    unused = ("padding_bottom", "padding_right")
    return {f.name: getattr(window, f.name) for f in dataclass_fields(window) if f.name not in unused}


def _requantization_fields(
    requantization: Requantization, weights: np.ndarray, bias: np.ndarray, axes: tuple[int, ...], groups: int
) -> dict[str, Field] | None:
    """Return the constants of ``kernels/jit/requantize.py``; None where a product might not fit its int32.

    ``axes`` are those of the weights that an accumulator sums over.
    """
    in_float64 = requantization.rounding is Rounding.FLOAT64
    if in_float64:
        sums = np.sum(np.abs(weights.astype(np.float64)), axis=axes) * 255 + np.abs(bias.astype(np.float64))
        if np.any(np.minimum(sums, 2.0**31) * requantization.real_multiplier >= 2.0**31 - 1):
            return None
    shift = requantization.shift.astype(np.int64)
    if requantization.rounding is Rounding.SINGLE:
        left_shift, right_shift = np.zeros_like(shift), 31 - shift
        rounding, sign_mask = np.int64(1) << (right_shift - 1), np.zeros_like(shift)
    else:
        left_shift, right = np.maximum(shift, 0), np.maximum(-shift, 0)
        right_shift = 31 + right
        rounding = np.int64(1 << 30) + np.where(right > 0, np.int64(1) << (30 + right), 0)
        sign_mask = np.where(right > 0, np.int64(-(2**31)), 0)
    return {
        "multiplier": _pad_channels(requantization.multiplier.astype(np.int32), groups),
        "left_shift": _pad_channels(left_shift.astype(np.int32), groups),
        "right_shift": _pad_channels(right_shift, groups),
        "rounding": _pad_channels(rounding, groups),
        "sign_mask": _pad_channels(sign_mask, groups),
        "real_multiplier": _pad_channels(requantization.real_multiplier, groups),
        "in_float64": int(in_float64),
        "output_zero_point": requantization.output_zero_point,
        "activation_min": requantization.activation_min,
        "activation_max": requantization.activation_max,
    }


def _pack_filter(weights: np.ndarray, groups: int, depth: int) -> np.ndarray:
    """Pack int16 (O, FH, FW, C) as [groups][blocks of 16 channels][depth / 2][16][2], filled up with zeros."""
    channels = len(weights) // groups
    blocks = -(-channels // _LANES)
    rows = weights.reshape(groups, channels, -1)
    padded = np.zeros((groups, blocks * _LANES, depth), np.int16)
    padded[:, :channels, : rows.shape[2]] = rows
    paired = padded.reshape(groups, blocks, _LANES, depth // 2, 2)
    return np.ascontiguousarray(paired.transpose(0, 1, 3, 2, 4))


def _pack_depthwise_filter(weights: np.ndarray, pairs: int) -> np.ndarray:
    """Pack int16 (FH, FW, channels) as [pairs of rows][FW][channels][2], filled up with zeros."""
    height, width, channels = weights.shape
    padded = np.zeros((2 * pairs, width, _round_up(channels, _LANES)), np.int16)
    padded[:height, :, :channels] = weights
    return np.ascontiguousarray(padded.reshape(pairs, 2, width, -1).transpose(0, 2, 3, 1))


def _pad_channels(values: np.ndarray, groups: int) -> np.ndarray:
    """Fill each group's channels up with zeros to whole vectors; one dimension."""
    rows = values.reshape(groups, -1)
    padded = np.zeros((groups, _round_up(rows.shape[1], _LANES)), values.dtype)
    padded[:, : rows.shape[1]] = rows
    return padded.ravel()


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step
