"""What lowering the convolutions shares: packed filters, padded channels, and the fields of windows and panels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..operator import Field, Node, Scratch
from ..padding import Window

LANES = 16
"""Channels of a vector (``kernels/jit/vectors.py``)."""

TILE = 6
"""Rows of a panel that the kernels compute at a time."""

LARGEST_SCRATCH = 1 << 26
"""Bytes; what would need more stays with ``evaluate``."""

PIXEL = Window(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1)
"""The window of a fully-connected layer, seen as a convolution of images of one pixel."""

WHOLE: Mapping[str, Field] = {"part": 0, "parts": 1}
"""Fields of a kernel whose work can be divided; the engine gives each thread a part."""

_PANEL_BYTES = 1 << 17  # stays in the L2 cache beside a block of the filter
_LARGEST_PANEL = 96  # rows
_VECTOR_BYTES = 64  # of the widest


def has_constants(node: Node) -> bool:
    """Whether filter and bias are known, and the image has elements."""
    specs = (node.input(1), node.optional_input(2))
    return all(spec is None or spec.value is not None for spec in specs) and math.prod(node.input(0).shape) > 0


def bias_or_zeros(node: Node, dtype: np.dtype) -> np.ndarray:
    """Return the bias (channels,), or as many zeros where it is left out."""
    filter_shape = node.input(1).shape
    channels = filter_shape[3] if node.name == "DEPTHWISE_CONV_2D" else filter_shape[0]
    return np.zeros(channels, dtype) if node.optional_input(2) is None else node.value(2).reshape(channels)


def transposed_constants(node: Node, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the filter of TRANSPOSE_CONV with its taps reversed, and the bias or zeros.

    None where they are not known, or the image is empty.
    """
    weights, bias = node.input(1).value, node.optional_input(3)
    if weights is None or (bias is not None and bias.value is None) or math.prod(node.input(2).shape) == 0:
        return None
    sums = np.zeros(len(weights), dtype) if bias is None or bias.value is None else bias.value.reshape(-1)
    return weights[:, ::-1, ::-1], sums


def window_fields(window: Window, batches: int) -> dict[str, Field]:
    """Return the fields ``WINDOW`` and ``batches`` of a layout."""
    fields = {name: value for name, value in vars(window).items() if name not in ("padding_bottom", "padding_right")}
    return {"batches": batches, **fields}


def panel_fields(
    window: Window, image: tuple[int, ...], groups: int, depth: int, itemsize: int, tile: int = TILE
) -> dict[str, Field] | None:
    """Return the fields of a kernel with panels (``kernels/jit/panels.py``); None where one row is too large, or empty.

    ``depth`` is the length of a row in the panel, whose elements have ``itemsize`` bytes; the kernel reads rows in
    tiles of up to ``tile``.
    """
    if depth == 0:
        return None
    positions = image[0] * window.output_height * window.output_width
    rows = round_up(max(1, min(_LARGEST_PANEL, _PANEL_BYTES // (itemsize * depth), positions)), tile)
    size = itemsize * rows * depth + _VECTOR_BYTES  # whole vectors are written, the last beyond the end
    if size > LARGEST_SCRATCH:
        return None
    one_tap = (window.filter_height, window.filter_width, window.stride_height, window.stride_width) == (1, 1, 1, 1)
    return {
        "input_channels": image[3],
        "groups": groups,
        "depth": depth,
        "panel": Scratch(size),
        "panel_rows": rows,
        "contiguous": int(one_tap and groups == 1 and depth == image[3]),
        "transposed": 0,
        **WHOLE,
    }


def line_fields(window: Window, channels: int) -> dict[str, Field] | None:
    """Return the fields of a kernel with lines (``kernels/jit/depthwise.py``); None where they are too large."""
    pairs = -(-window.filter_height // 2)
    line_width = (window.output_width - 1) * window.stride_width + (window.filter_width - 1) * window.dilation_width + 1
    line_size = 2 * line_width * channels + 2 * LANES  # whole vectors are written, the last beyond the line's end
    ring = 2 * (pairs - 1) * window.dilation_height + 1  # lines from the one an output starts at to its last
    if 2 * ring * line_size > LARGEST_SCRATCH:
        return None
    return {
        "channels": channels,
        "row_width": window.input_width,
        "pairs": pairs,
        "ring": ring,
        "kept": Scratch(8 * ring),
        "lines": Scratch(2 * ring * line_size),
        "line_width": line_width,
        "sums": Scratch(4 * LANES * window.output_width),
        "line_size": line_size,
        **WHOLE,
    }


def transposed_fields(
    window: Window, image: tuple[int, ...], depth: int, itemsize: int, tile: int = TILE
) -> dict[str, Field] | None:
    """Return the fields of window and panel for TRANSPOSE_CONV, whose ``window`` is that of its opposite."""
    turned = replace(
        window,
        input_height=window.output_height,
        input_width=window.output_width,
        output_height=window.input_height,
        output_width=window.input_width,
    )
    panel = panel_fields(turned, image, 1, depth, itemsize, tile)
    if panel is None:
        return None
    return {**panel, **window_fields(turned, image[0]), "contiguous": 0, "transposed": 1}


def as_grouped_filter(weights: np.ndarray) -> np.ndarray:
    """Turn a depthwise filter (1, FH, FW, C * multiplier) into that of a convolution with C groups, (O, FH, FW, 1)."""
    return weights.transpose(3, 1, 2, 0)


def pack_filter(weights: np.ndarray, groups: int, depth: int, step: int) -> np.ndarray:
    """Pack (O, FH, FW, C) as [groups][blocks of 16 channels][depth / step][16][step], filled up with zeros.

    The memory is aligned as kernels need it, so that it is not copied once more.
    """
    channels = len(weights) // groups
    blocks = -(-channels // LANES)
    rows = np.ascontiguousarray(weights).reshape(groups, channels, -1)
    if rows.shape != (groups, blocks * LANES, depth):
        padded = np.zeros((groups, blocks * LANES, depth), weights.dtype)
        padded[:, :channels, : rows.shape[2]] = rows
        rows = padded
    # A step is moved as one number: NumPy moves elements one by one, which takes twenty times as long.
    steps = rows.view(f"u{step * weights.itemsize}").reshape(groups, blocks, LANES, depth // step)
    raw = np.empty(rows.nbytes + _VECTOR_BYTES, np.uint8)
    start = -raw.ctypes.data % _VECTOR_BYTES
    packed = raw[start : start + rows.nbytes].view(steps.dtype).reshape(groups, blocks, depth // step, LANES)
    packed[...] = steps.transpose(0, 1, 3, 2)
    return packed.view(weights.dtype).reshape(groups, blocks, depth // step, LANES, step)


def pack_squares(packed: np.ndarray) -> np.ndarray:
    """Pack squares, [groups][blocks / 2][depth / 64][2][16][16][4], of a filter packed by steps of 4.

    Its depth is a multiple of 64. An odd last block gets one of zeros beside it.
    """
    groups, blocks, steps = packed.shape[:3]
    padded = np.zeros((groups, round_up(blocks, 2), *packed.shape[2:]), packed.dtype)
    padded[:, :blocks] = packed
    parts = padded.reshape(groups, -1, 2, steps // 16, 16, LANES, 4)
    return np.ascontiguousarray(parts.transpose(0, 1, 3, 2, 4, 5, 6))


def pack_depthwise_filter(weights: np.ndarray, pairs: int) -> np.ndarray:
    """Pack int16 (FH, FW, channels) as [pairs of rows][FW][channels][2], filled up with zeros."""
    height, width, channels = weights.shape
    padded = np.zeros((2 * pairs, width, round_up(channels, LANES)), np.int16)
    padded[:height, :, :channels] = weights
    return np.ascontiguousarray(padded.reshape(pairs, 2, width, -1).transpose(0, 2, 3, 1))


def pad_channels(values: np.ndarray, groups: int = 1) -> np.ndarray:
    """Fill each group's channels, the last axis, up with zeros to whole vectors; one dimension."""
    if values.shape[-1] % (groups * LANES) == 0:
        return values.reshape(-1)
    rows = values.reshape(-1, groups, values.shape[-1] // groups)
    padded = np.zeros((*rows.shape[:2], round_up(rows.shape[2], LANES)), values.dtype)
    padded[..., : rows.shape[2]] = rows
    return padded.ravel()


def round_up(size: int, step: int) -> int:
    """Return the least multiple of ``step`` that is not below ``size``."""
    return -(-size // step) * step
