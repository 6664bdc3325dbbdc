"""Lowering of convolutions of 3x3 taps to Winograd's algorithm (``kernels/jit/winograd.py``), where that is faster."""

from __future__ import annotations

import math

import numpy as np

from ..operator import Instruction, Output, Scratch
from ..padding import Window
from .packing import LANES, TILE, WHOLE, pack_filter, round_up
from .product_lowering import Product, code_fields, code_reach
from .requantization import requantization_fields

LEAST_CHANNELS = 16
"""Channels of input and output, below which the transformations take longer than they spare."""

LEAST_TILES = 9
"""Tiles of 2x2 outputs, below which the larger filter takes longer to fetch than is spared."""

_ELEMENTS = 16  # of a transformed tile
_LARGEST_SUM = 2.0**29  # four times that fits int32
_PANEL_BYTES = 1 << 18  # stays in the L2 cache beside a part of the filter
_LARGEST_PANEL = 48  # tiles
_APART = 32  # int16: elements of a tile lie in different sets of the L1 cache, whatever the depth
_TWICE_G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]], np.int16)


def lower_by_winograd(product: Product) -> Instruction | None:
    """Return the instruction; None where the product is of another form, too small or the tier has a better way."""
    from ..jit import isa  # asks LLVM, which only compiled code needs

    if isa.QUADS or not _is_of_this_form(product) or _is_small(product):
        return None
    centered = product.weights.astype(np.int16) - np.int16(product.filter_zero_point)
    reach = code_reach(centered, (1, 2, 3))
    requantization = requantization_fields(product.requantization, product.bias, reach, product.groups)
    if requantization is None or np.any(reach >= _LARGEST_SUM):
        return None
    batches, window = product.image[0], product.window
    depth = round_up(product.image[3], LANES)
    rows = _panel_rows(batches * math.prod(_tiles(window)), depth)
    step = rows * depth + _APART
    return Instruction(
        "conv_2d_winograd",
        {
            **requantization,
            **code_fields(product.source, product.input_index, product.input_zero_point),
            **WHOLE,
            "output": Output(0, math.prod(product.output_shape)),
            "filter": pack_transformed(centered, depth),
            "batches": batches,
            "input_channels": product.image[3],
            "output_channels": len(product.weights),
            "input_height": window.input_height,
            "input_width": window.input_width,
            "output_height": window.output_height,
            "output_width": window.output_width,
            "padding_top": window.padding_top,
            "padding_left": window.padding_left,
            "tile_rows": _tiles(window)[0],
            "tile_columns": _tiles(window)[1],
            "depth": depth,
            "panel": Scratch(2 * _ELEMENTS * step),
            "panel_rows": rows,
            "panel_step": step,
            "patch": Scratch(_ELEMENTS * product.image[3] + LANES),  # whole vectors are read
            "sums": Scratch(4 * _ELEMENTS * LANES * rows),
        },
    )


def _is_of_this_form(product: Product) -> bool:
    window = product.window
    taps = (window.filter_height, window.filter_width)
    steps = (window.stride_height, window.stride_width, window.dilation_height, window.dilation_width)
    return taps == (3, 3) and steps == (1, 1, 1, 1) and product.groups == 1 and not product.transposed


def _is_small(product: Product) -> bool:
    tiles = product.image[0] * math.prod(_tiles(product.window))
    return min(product.image[3], len(product.weights)) < LEAST_CHANNELS or tiles < LEAST_TILES


def _tiles(window: Window) -> tuple[int, int]:
    """Return how many tiles of 2x2 outputs there are in each direction."""
    return -(-window.output_height // 2), -(-window.output_width // 2)


def _panel_rows(tiles: int, depth: int) -> int:
    """Return how many tiles are transformed at a time: panels of about one size that fit the cache."""
    most = max(TILE, min(_LARGEST_PANEL, _PANEL_BYTES // (2 * _ELEMENTS * depth)))
    return round_up(-(-tiles // -(-tiles // most)), TILE)


def pack_transformed(weights: np.ndarray, depth: int) -> np.ndarray:
    """Pack ``2G g (2G)'`` of int16 (O, 3, 3, C) as [blocks of 16 channels][16][depth / 2][16][2], filled with zeros."""
    transformed = np.einsum("ia,oabc,jb->oijc", _TWICE_G, weights, _TWICE_G, optimize=True).astype(np.int16)
    padded = np.zeros((*transformed.shape[:3], depth), np.int16)
    padded[..., : weights.shape[3]] = transformed
    packed = pack_filter(padded, 1, _ELEMENTS * depth, 2)
    return packed.reshape(-1, _ELEMENTS, depth // 2, LANES, 2)
