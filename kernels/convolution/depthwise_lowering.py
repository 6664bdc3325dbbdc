"""Lowering of DEPTHWISE_CONV_2D on 8-bit codes to the tier's kernel: lines of two rows, or of four."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ..operator import Field, Instruction, Node, Output, Scratch
from ..padding import Window
from .packing import (
    LANES,
    LARGEST_SCRATCH,
    WHOLE,
    bias_or_zeros,
    line_fields,
    pack_depthwise_filter,
    pad_channels,
    round_up,
    window_fields,
)
from .prepared import QuantizedDepthwiseConv2D
from .product_lowering import code_fields, code_reach
from .requantization import requantization_fields, wrap32

_QUAD = 4  # rows of a line
_SLACK = 64  # bytes of a vector, written beyond a line's end


def lower_lines(prepared: QuantizedDepthwiseConv2D, node: Node) -> Instruction | None:
    """Lower a depth multiplier of 1; None where no kernel holds it."""
    from ..jit.isa import QUADS  # asks LLVM, which only compiled code needs

    window, image = prepared.window, node.input(0).shape
    weights = (node.value(1).astype(np.int16) - np.int16(prepared.filter_zero_point))[0]
    bias, channels = bias_or_zeros(node, np.dtype(np.int32)), weights.shape[2]
    requantization = requantization_fields(prepared.requantization, bias, code_reach(weights, (0, 1)), groups=1)
    if requantization is None:
        return None
    shared: dict[str, Field] = {
        "output": Output(0, math.prod(prepared.output_shape)),
        **code_fields(node.input(0), 0, prepared.input_zero_point),
        **window_fields(window, image[0]),
        **requantization,
    }
    lines = quad_line_fields(window, channels) if QUADS and np.all(np.abs(weights + 0.5) < 128) else None
    if lines is not None:
        zero_point = shared["input_zero_point"]
        assert isinstance(zero_point, int)
        sums = weights.sum(axis=(0, 1), dtype=np.int64)
        start = np.asarray(requantization["bias"]) - pad_channels(zero_point * sums)
        packed = _pack_quads(weights.astype(np.int8), lines["variants"], lines["quads"])
        own: dict[str, Field] = {"filter": packed, "filter_step": packed.shape[3] * _QUAD, "bias": wrap32(start)}
        return Instruction("depthwise_conv_2d_quads", {**shared, **lines, **own})
    column = _as_column(window) if image[0] == 1 else None
    if column is not None:
        window, weights = _column_of_pairs(column), _pair_taps(weights)
        shared = {**shared, **window_fields(window, image[0])}
    lines = line_fields(window, channels)
    if lines is None:
        return None
    if column is not None:
        lines["row_width"] = 1
    packed = pack_depthwise_filter(weights, -(-window.filter_height // 2))
    return Instruction("depthwise_conv_2d", {**shared, **lines, "filter": packed, "filter_step": packed.shape[2] * 2})


def _as_column(window: Window) -> Window | None:
    """Return the window of an image of one column or one row, without padding, as that of a column; else None."""
    if (window.padding_top, window.padding_bottom, window.padding_left, window.padding_right) != (0, 0, 0, 0):
        return None
    if (window.input_width, window.filter_width) == (1, 1):
        return window
    if (window.input_height, window.filter_height) != (1, 1):
        return None
    return replace(
        window,
        input_height=window.input_width,
        output_height=window.output_width,
        filter_height=window.filter_width,
        stride_height=window.stride_width,
        dilation_height=window.dilation_width,
    )


def _column_of_pairs(column: Window) -> Window:
    """Return a column's window as that of one line, whose pixels are pairs of the column's."""
    return replace(
        column,
        input_height=column.dilation_height + 1,
        input_width=column.input_height,
        output_height=1,
        output_width=column.output_height,
        filter_height=2,
        filter_width=-(-column.filter_height // 2),
        stride_height=1,
        stride_width=column.stride_height,
        dilation_width=2 * column.dilation_height,
    )


def _pair_taps(weights: np.ndarray) -> np.ndarray:
    """Return the taps of a column's filter (FH, 1, channels) or a row's as (2, pairs of taps, channels)."""
    taps = weights.reshape(-1, weights.shape[2])
    padded = np.pad(taps, ((0, len(taps) % 2), (0, 0)))
    return padded.reshape(-1, 2, weights.shape[2]).transpose(1, 0, 2)


def quad_line_fields(window: Window, channels: int) -> dict[str, Field] | None:
    """Return the fields ``QUAD_LINES`` of ``kernels/jit/layouts.py``; None where they are too large."""
    quads = -(-window.filter_height // _QUAD)
    serves_two = window.stride_height == window.dilation_height == 1 and quads == -(
        -(window.filter_height + 1) // _QUAD
    )
    line_width = (window.output_width - 1) * window.stride_width + (window.filter_width - 1) * window.dilation_width + 1
    line_size = _QUAD * line_width * channels + _SLACK
    ring = _QUAD * (quads - 1) * window.dilation_height + 1  # lines from the one an output starts at to its last
    if ring * line_size > LARGEST_SCRATCH:
        return None
    return {
        "channels": channels,
        "variants": 2 if serves_two else 1,
        "quads": quads,
        "ring": ring,
        "kept": Scratch(8 * ring),
        "lines": Scratch(ring * line_size),
        "line_width": line_width,
        "line_size": line_size,
        **WHOLE,
    }


def _pack_quads(weights: np.ndarray, variants: Field, quads: Field) -> np.ndarray:
    """Pack int8 (FH, FW, channels) as [variants][quads][FW][channels, whole vectors][4]."""
    assert isinstance(variants, int) and isinstance(quads, int)
    height, width, channels = weights.shape
    padded = np.zeros((variants, _QUAD * quads, width, round_up(channels, LANES)), np.int8)
    for variant in range(variants):
        padded[variant, variant : variant + height, :, :channels] = weights
    return np.ascontiguousarray(padded.reshape(variants, quads, _QUAD, width, -1).transpose(0, 1, 3, 4, 2))
