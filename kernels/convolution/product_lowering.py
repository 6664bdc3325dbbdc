"""Lowering of 8-bit products to the tier's kernel: sums of pairs (``conv_2d``) or of quads (``conv_2d_quads``).

Where there are few rows and AVX2 without better, it is ``matrix_vector8``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from ...schema import TensorType
from ...schema.deferred import dataclass
from ..operator import Field, Input, Instruction, Output, Scratch, TensorSpec
from ..padding import Window
from .packing import (
    LANES,
    LARGEST_SCRATCH,
    TILE,
    WHOLE,
    pack_filter,
    pack_squares,
    pad_channels,
    panel_fields,
    round_up,
    transposed_fields,
    window_fields,
)
from .prepared import Requantization
from .requantization import requantization_fields, wrap32

QUAD_TILE, SQUARE = 12, 32
"""Rows of a panel that the kernels of quads and of tiles compute at a time, at most."""

_QUAD_SUMS, _SQUARE_SUMS = 24, 64
"""Vectors of sums of their largest tile."""

_FEW_ROWS = 2
"""What ``matrix_vector8`` is for, at most."""

_CONFIG_BYTES = 64
_LEAST_TAPS, _LEAST_ROWS = 48, 4  # below which tiles are mostly filling

_MOST_TAPS = 1 << 16  # products of a row's sum and a zero point stay within int32


@dataclass(frozen=True)
class Product:
    """A product of receptive fields and a filter.

    Parameters
    ----------
    weights : int8 or uint8 (O, FH, FW, C / groups).
    bias : int32 (O,).
    input_index, source : which input the image is, and its description; ``image`` is its shape as NHWC.
    window : that of the opposite convolution, where ``transposed``.
    """

    weights: np.ndarray
    filter_zero_point: int
    bias: np.ndarray
    input_index: int
    source: TensorSpec
    image: tuple[int, ...]
    input_zero_point: int
    window: Window
    groups: int
    requantization: Requantization
    output_shape: tuple[int, ...]
    transposed: bool = False


def lower_product(product: Product, tiles: bool = True) -> Instruction | None:
    """Return the instruction of the tier, without tiles where not wanted; None where no kernel holds the product."""
    from ..jit import isa  # asks LLVM, which only compiled code needs

    centered = centered_weights(product.weights, product.filter_zero_point)
    reach = code_reach(centered, (1, 2, 3))
    requantization = requantization_fields(product.requantization, product.bias, reach, product.groups)
    taps = math.prod(centered.shape[1:])
    if requantization is None:
        return None
    if tiles and isa.TILES and taps <= _MOST_TAPS and _fills_tiles(product, taps):
        return _lower_by_tiles(product, requantization, taps)
    if isa.QUADS and taps <= _MOST_TAPS:
        return _lower_by_quads(product, requantization, taps)
    if isa.TIER == "avx2" and taps <= _MOST_TAPS and product.image[0] <= _FEW_ROWS and _is_matrix_vector(product):
        return _lower_matrix_vector(product, requantization, taps)
    panel = _panel(product, round_up(taps, 2), itemsize=2, tile=TILE)
    if panel is None:
        return None
    packed = pack_filter(centered, product.groups, round_up(taps, 2), 2)
    fields = {**_shared(product), **_output_step(product), **panel, **requantization, "filter": packed}
    return Instruction("conv_2d", fields)


def _is_matrix_vector(product: Product) -> bool:
    """Whether each image is one receptive field, as it is."""
    window = product.window
    whole = (window.filter_height, window.filter_width) == (window.input_height, window.input_width)
    unpadded = (window.padding_top, window.padding_left, window.padding_bottom, window.padding_right) == (0, 0, 0, 0)
    dense = (window.dilation_height, window.dilation_width) == (1, 1)
    return whole and unpadded and dense and product.groups == 1 and not product.transposed


def _lower_matrix_vector(product: Product, requantization: Mapping[str, Field], taps: int) -> Instruction | None:
    depth = round_up(taps, 4)
    if depth == 0 or 2 * depth > LARGEST_SCRATCH:
        return None
    fields = {
        **_shared(product),
        **requantization,
        **_byte_filter(product, requantization, taps, depth),
        "rows": product.image[0],
        "inner": taps,
        "depth": depth,
        "codes": Scratch(2 * depth),
        **WHOLE,
    }
    return Instruction("matrix_vector8", fields)


def _fills_tiles(product: Product, taps: int) -> bool:
    rows = math.prod(product.output_shape) // max(len(product.weights), 1)
    return product.groups == 1 and len(product.weights) > LANES and taps >= _LEAST_TAPS and rows >= _LEAST_ROWS


def _lower_by_quads(product: Product, requantization: Mapping[str, Field], taps: int) -> Instruction | None:
    fields = _byte_fields(product, requantization, taps, round_up(taps, 4), QUAD_TILE, _QUAD_SUMS)
    return None if fields is None else Instruction("conv_2d_quads", fields)


def _lower_by_tiles(product: Product, requantization: Mapping[str, Field], taps: int) -> Instruction | None:
    fields = _byte_fields(product, requantization, taps, round_up(taps, 64), SQUARE, _SQUARE_SUMS)
    if fields is None:
        return None
    bias = np.asarray(fields["bias"])
    whole = np.pad(bias, (0, -len(bias) % SQUARE))
    packed = pack_squares(np.asarray(fields["filter"]))
    return Instruction("conv_2d_tiles", {**fields, "filter": packed, "bias": whole, "config": Scratch(_CONFIG_BYTES)})


def _byte_fields(
    product: Product, requantization: Mapping[str, Field], taps: int, depth: int, tile: int, sums: int
) -> dict[str, Field] | None:
    """Return the fields ``BYTE_PRODUCT`` of ``kernels/jit/layouts.py``, the filter packed by quads."""
    panel = _panel(product, depth, itemsize=1, tile=tile)
    if panel is None:
        return None
    rows, size = panel["panel_rows"], panel["panel"]
    assert isinstance(rows, int) and isinstance(size, Scratch)
    return {
        **_shared(product),
        **_output_step(product),
        **panel,
        **requantization,
        **_byte_filter(product, requantization, taps, depth),
        "panel_size": size.size,
        "taps": taps,
        "row_terms": Scratch(4 * rows),
        "sums": Scratch(4 * LANES * sums),
        "sums_size": LANES * sums,
    }


def _byte_filter(product: Product, requantization: Mapping[str, Field], taps: int, depth: int) -> dict[str, Field]:
    """Return the filter, int8 packed by quads, what is left of its zero point, and what the sums start from."""
    shift = 128 if product.weights.dtype == np.uint8 else 0
    weights = (product.weights.astype(np.int16) - np.int16(shift)).astype(np.int8)
    left = product.filter_zero_point - shift
    code_of_zero = code_fields(product.source, product.input_index, product.input_zero_point)["input_zero_point"]
    assert isinstance(code_of_zero, int)
    totals = weights.reshape(len(weights), -1).sum(axis=1, dtype=np.int64)
    start = np.asarray(requantization["bias"]) + pad_channels(code_of_zero * (left * taps - totals), product.groups)
    return {
        "filter": pack_filter(weights, product.groups, depth, 4),
        "bias": wrap32(start),
        "filter_zero_point": left,
    }


def _panel(product: Product, depth: int, itemsize: int, tile: int) -> dict[str, Field] | None:
    if product.transposed:
        return transposed_fields(product.window, product.image, depth, itemsize, tile)
    panel = panel_fields(product.window, product.image, product.groups, depth, itemsize, tile)
    return None if panel is None else {**panel, **window_fields(product.window, product.image[0])}


def _shared(product: Product) -> dict[str, Field]:
    return {
        "output": Output(0, math.prod(product.output_shape)),
        "output_channels": len(product.weights),
        **code_fields(product.source, product.input_index, product.input_zero_point),
    }


def centered_weights(weights: np.ndarray, zero_point: int) -> np.ndarray:
    """Return weights less their zero point, int16."""
    centered = weights.astype(np.int16)
    if zero_point:
        centered -= np.int16(zero_point)
    return centered


def _output_step(product: Product) -> dict[str, Field]:
    """Return how far apart the output's pixels are; the engine may put them further apart, among those of others."""
    return {"output_step": len(product.weights)}


def code_fields(source: TensorSpec, index: int, zero_point: int) -> dict[str, Field]:
    """Return where the codes are and how to center them (``kernels/jit/codes.py``)."""
    sign_flip = 128 if source.type is TensorType.INT8 else 0
    size = math.prod(source.shape)
    return {
        "input": Input(index, size),
        "input_size": size,
        "sign_flip": sign_flip,
        "input_zero_point": zero_point + sign_flip,
    }


def code_reach(weights: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Return what the magnitude of a sum of products with codes of 8 bits does not pass; float64 (channels,).

    ``axes`` are those of the weights, less their zero point, that an accumulator sums over.
    """
    return np.abs(weights, dtype=np.int16).sum(axis=axes, dtype=np.int64) * 255.0
