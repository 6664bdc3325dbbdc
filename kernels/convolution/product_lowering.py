"""Lowering of 8-bit products to the tier's kernel: sums of pairs (``conv_2d``) or of quads (``conv_2d_quads``)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..operator import Field, Input, Instruction, Output, Scratch, TensorSpec
from ..padding import Window
from .packing import LANES, TILE, pack_filter, pad_channels, panel_fields, round_up, transposed_fields, window_fields
from .prepared import Requantization
from .requantization import requantization_fields, wrap32

QUAD_TILE = 12
"""Rows of a panel that the kernel of quads computes at a time, at most."""

_QUAD_SUMS = 24
"""Vectors of sums of its largest tile."""

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


def lower_product(product: Product) -> Instruction | None:
    """Return the instruction, by quads where the tier has them; None where no kernel holds the product."""
    from ..jit.isa import QUADS  # asks LLVM, which only compiled code needs

    centered = product.weights.astype(np.int16) - np.int16(product.filter_zero_point)
    reach = code_reach(centered, (1, 2, 3))
    requantization = requantization_fields(product.requantization, product.bias, reach, product.groups)
    taps = math.prod(centered.shape[1:])
    if requantization is None:
        return None
    if QUADS and taps <= _MOST_TAPS:
        return _lower_by_quads(product, requantization, taps)
    panel = _panel(product, round_up(taps, 2), itemsize=2, tile=TILE)
    if panel is None:
        return None
    packed = pack_filter(centered, product.groups, round_up(taps, 2), 2)
    return Instruction("conv_2d", {**_shared(product), **panel, **requantization, "filter": packed})


def _lower_by_quads(product: Product, requantization: Mapping[str, Field], taps: int) -> Instruction | None:
    depth = round_up(taps, 4)
    panel = _panel(product, depth, itemsize=1, tile=QUAD_TILE)
    if panel is None:
        return None
    shift = 128 if product.weights.dtype == np.uint8 else 0
    weights = (product.weights.astype(np.int16) - np.int16(shift)).astype(np.int8)
    shared, left = _shared(product), product.filter_zero_point - shift
    code_of_zero, rows, size = shared["input_zero_point"], panel["panel_rows"], panel["panel"]
    assert isinstance(code_of_zero, int) and isinstance(rows, int) and isinstance(size, Scratch)
    sums = weights.reshape(len(weights), -1).sum(axis=1, dtype=np.int64)
    start = np.asarray(requantization["bias"]) + pad_channels(code_of_zero * (left * taps - sums), product.groups)
    return Instruction(
        "conv_2d_quads",
        {
            **shared,
            **panel,
            **requantization,
            "filter": pack_filter(weights, product.groups, depth, 4),
            "bias": wrap32(start),
            "panel_size": size.size,
            "taps": taps,
            "filter_zero_point": left,
            "row_terms": Scratch(4 * rows),
            "sums": Scratch(4 * LANES * _QUAD_SUMS),
            "sums_size": LANES * _QUAD_SUMS,
        },
    )


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
