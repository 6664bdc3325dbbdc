"""Lowering of convolutions to Winograd's algorithm, where that is faster.

Taps of 3x3 (``kernels/jit/winograd.py``) or 7 in a line (``kernels/jit/winograd_line.py``).
"""

from __future__ import annotations

import math

import numpy as np

from ..operator import Instruction, Output, Scratch
from ..padding import Window
from .packing import LANES, TILE, WHOLE, pack_filter, round_up
from .product_lowering import Product, centered_weights, code_fields, code_reach
from .requantization import requantization_fields

LEAST_CHANNELS = 16
"""Channels of input and output, below which the transformations take longer than they spare."""

LEAST_TILES = 9
"""Tiles of 2x2 outputs, below which the larger filter takes longer to fetch than is spared."""

_ELEMENTS = 16  # of a transformed tile
_TILES = {(3, 3): (2, 2), (1, 7): (1, 4), (7, 1): (4, 1)}  # by taps
_LARGEST_SUM = 2.0**29  # four times that fits int32, which is what elements of 3x3 taps add up to
_PANEL_BYTES = 1 << 18  # stays in the L2 cache beside a part of the filter
_LARGEST_PANEL = 48  # tiles
_APART = 32  # int16: elements of a tile lie in different sets of the L1 cache, whatever the depth
_LINE_CODES = 10  # that a tile of outputs in a line is computed from
_TWICE_G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]], np.int16)


def lower_by_winograd(product: Product) -> Instruction | None:
    """Return the instruction; None where the product is of another form, too small or the tier has a better way."""
    from ..jit import isa  # asks LLVM, which only compiled code needs

    if isa.QUADS or not _is_of_this_form(product) or _is_small(product):
        return None
    centered = centered_weights(product.weights, product.filter_zero_point)
    reach = code_reach(centered, (1, 2, 3))
    requantization = requantization_fields(product.requantization, product.bias, reach, product.groups)
    if requantization is None or np.any(reach >= _LARGEST_SUM):
        return None
    batches, window = product.image[0], product.window
    depth = round_up(product.image[3], LANES)
    rows = _panel_rows(batches * math.prod(_tiles(window)), depth)
    step = rows * depth + _APART
    tile_height, tile_width = _tile(window)
    square = tile_height == tile_width
    kernel = "conv_2d_winograd" if square else "conv_2d_winograd_line"
    codes = _ELEMENTS if square else _LINE_CODES
    transform = transform_square if square else transform_line
    return Instruction(
        kernel,
        {
            **({} if square else {"tile_height": tile_height, "tile_width": tile_width}),
            **requantization,
            **code_fields(product.source, product.input_index, product.input_zero_point),
            **WHOLE,
            "output": Output(0, math.prod(product.output_shape)),
            "filter": pack_elements(transform(centered), depth),
            "batches": batches,
            "input_channels": product.image[3],
            "output_channels": len(product.weights),
            "output_step": len(product.weights),
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
            "patch": Scratch(codes * product.image[3] + LANES),  # whole vectors are read
            "sums": Scratch(4 * _ELEMENTS * LANES * rows),
        },
    )


def _is_of_this_form(product: Product) -> bool:
    window = product.window
    steps = (window.stride_height, window.stride_width, window.dilation_height, window.dilation_width)
    ours = (window.filter_height, window.filter_width) in _TILES
    return ours and steps == (1, 1, 1, 1) and product.groups == 1 and not product.transposed


def _is_small(product: Product) -> bool:
    tiles = product.image[0] * math.prod(_tiles(product.window))
    return min(product.image[3], len(product.weights)) < LEAST_CHANNELS or tiles < LEAST_TILES


def _tile(window: Window) -> tuple[int, int]:
    """Return the outputs of a tile in each direction."""
    return _TILES[window.filter_height, window.filter_width]


def _tiles(window: Window) -> tuple[int, int]:
    """Return how many tiles there are in each direction."""
    height, width = _tile(window)
    return -(-window.output_height // height), -(-window.output_width // width)


def _panel_rows(tiles: int, depth: int) -> int:
    """Return how many tiles are transformed at a time: panels of about one size that fit the cache."""
    most = max(TILE, min(_LARGEST_PANEL, _PANEL_BYTES // (2 * _ELEMENTS * depth)))
    return round_up(-(-tiles // -(-tiles // most)), TILE)


def transform_square(weights: np.ndarray) -> np.ndarray:
    """Return ``2G g (2G)'`` of int16 (O, 3, 3, C) as int16 (O, 4, 4, C)."""
    return np.einsum("ia,oabc,jb->oijc", _TWICE_G, weights, _TWICE_G, optimize=True).astype(np.int16)


def transform_line(weights: np.ndarray) -> np.ndarray:
    """Return the factors of a tile's 16 products, twice as large, (O, 16, C), of (O, 1, 7, C) or (O, 7, 1, C)."""
    taps = weights.reshape(len(weights), 7, -1)
    even, odd = taps[:, 0:6:2], taps[:, 1:6:2]
    threes = [np.einsum("ia,oac->oic", _TWICE_G, three) for three in (even, even + odd, odd)]
    return np.concatenate([*threes, np.repeat(2 * taps[:, 6:], 4, axis=1)], axis=1).astype(np.int16)


def pack_elements(transformed: np.ndarray, depth: int) -> np.ndarray:
    """Pack the 16 elements of (O, ..., C) as [blocks of 16 channels][16][depth / 2][16][2], filled with zeros."""
    padded = np.zeros((len(transformed), _ELEMENTS, 1, depth), np.int16)
    padded[..., : transformed.shape[-1]] = transformed.reshape(len(transformed), _ELEMENTS, 1, -1)
    return pack_filter(padded, 1, _ELEMENTS * depth, 2).reshape(-1, _ELEMENTS, depth // 2, LANES, 2)
