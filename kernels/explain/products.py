"""CONV_2D, DEPTHWISE_CONV_2D, TRANSPOSE_CONV and FULLY_CONNECTED on codes: one accumulator, product by product."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np

from ..convolution.batch_matmul import BatchMatMul, QuantizedBatchMatMul
from ..convolution.prepared import (
    QuantizedConv2D,
    QuantizedDepthwiseConv2D,
    QuantizedFullyConnected,
    QuantizedTransposeConv,
    Requantization,
)
from ..convolution.reading import Reading, read_as
from ..convolution.shuffled import ShuffledFullyConnected, weights_in_rows
from ..convolution.sparse_weights import wrapping_pairs
from ..operator import Node, Shape, TensorSpec
from ..padding import Window
from ..profiles import NarrowAccumulator, Overflow
from .narration import Narration
from .requantization import (
    explain_code,
    explain_fifteen_bits,
    explain_multiplier,
    explain_requantization,
    explain_rescaling,
)

Place: TypeAlias = "tuple[int, ...]"
Pair: TypeAlias = "tuple[Place, Place | None, int, int]"
"""Place in the filter, place in the input (None: padding), input code, filter code."""

Convolution: TypeAlias = "QuantizedConv2D | QuantizedDepthwiseConv2D | QuantizedTransposeConv | QuantizedFullyConnected"


def taps(window: Window, y: int, x: int) -> Iterator[tuple[int, int, int, int, bool]]:
    """Yield for each tap of a window its place, that in the image, and whether that is inside."""
    for tap_y in range(window.filter_height):
        for tap_x in range(window.filter_width):
            source_y = y * window.stride_height - window.padding_top + tap_y * window.dilation_height
            source_x = x * window.stride_width - window.padding_left + tap_x * window.dilation_width
            inside = 0 <= source_y < window.input_height and 0 <= source_x < window.input_width
            yield tap_y, tap_x, source_y, source_x, inside


def explain_conv_2d(
    n: Narration, prepared: QuantizedConv2D, node: Node, arrays: Sequence[np.ndarray | None], at: Shape
) -> None:
    """Narrate an output value of CONV_2D."""
    x, weights, bias = _three(arrays)
    if prepared.reading is not None:
        weights = read_as(weights, prepared.reading.weights, weights.shape)
    batch, y, column, channel = at
    depth = weights.shape[3]
    first = channel // (len(weights) // prepared.groups) * depth
    pairs: list[Pair] = []
    for tap_y, tap_x, source_y, source_x, inside in taps(prepared.window, y, column):
        for k in range(depth):
            place = (batch, source_y, source_x, first + k)
            code = int(x[place]) if inside else prepared.input_zero_point
            filter_place = (channel, tap_y, tap_x, k)
            pairs.append((filter_place, place if inside else None, code, int(weights[filter_place])))
    _explain(n, prepared, node.input(0), node.input(1), pairs, bias, channel)


def explain_depthwise_conv_2d(
    n: Narration, prepared: QuantizedDepthwiseConv2D, node: Node, arrays: Sequence[np.ndarray | None], at: Shape
) -> None:
    """Narrate an output value of DEPTHWISE_CONV_2D."""
    x, weights, bias = _three(arrays)
    if prepared.reading is not None:
        weights = read_as(weights, prepared.reading.weights, weights.shape)
    batch, y, column, channel = at
    pairs: list[Pair] = []
    for tap_y, tap_x, source_y, source_x, inside in taps(prepared.window, y, column):
        place = (batch, source_y, source_x, channel // prepared.depth_multiplier)
        code = int(x[place]) if inside else prepared.input_zero_point
        filter_place = (0, tap_y, tap_x, channel)
        pairs.append((filter_place, place if inside else None, code, int(weights[filter_place])))
    _explain(n, prepared, node.input(0), node.input(1), pairs, bias, channel)


def explain_transpose_conv(
    n: Narration, prepared: QuantizedTransposeConv, node: Node, arrays: Sequence[np.ndarray | None], at: Shape
) -> None:
    """Narrate an output value of TRANSPOSE_CONV: what the inputs scatter to its place."""
    weights, x = arrays[1], arrays[2]
    bias = arrays[3] if len(arrays) > 3 else None
    assert weights is not None and x is not None
    batch, y, column, channel = at
    window = prepared.window
    pairs: list[Pair] = []
    for source_y in range(x.shape[1]):
        for source_x in range(x.shape[2]):
            tap_y = y + window.padding_top - source_y * window.stride_height
            tap_x = column + window.padding_left - source_x * window.stride_width
            if 0 <= tap_y < window.filter_height and 0 <= tap_x < window.filter_width:
                for k in range(x.shape[3]):
                    place, filter_place = (batch, source_y, source_x, k), (channel, tap_y, tap_x, k)
                    pairs.append((filter_place, place, int(x[place]), int(weights[filter_place])))
    _explain(n, prepared, node.input(2), node.input(1), pairs, bias, channel)


def explain_fully_connected(
    n: Narration, prepared: QuantizedFullyConnected, node: Node, arrays: Sequence[np.ndarray | None], at: Shape
) -> None:
    """Narrate an output value of FULLY_CONNECTED."""
    x, weights, bias = _three(arrays)
    reading = prepared.reading or Reading()
    codes = read_as(x, reading.activations, (prepared.batch, prepared.depth))
    weights = read_as(weights, reading.weights, (prepared.units, prepared.depth))
    bias = None if bias is None else read_as(bias, reading.bias, (prepared.units,))
    row, unit = divmod(int(np.ravel_multi_index(at, prepared.output_shape)), prepared.units)
    pairs: list[Pair] = [
        ((unit, k), (row, k), int(codes[row, k]), int(weights[unit, k])) for k in range(prepared.depth)
    ]
    _explain(n, prepared, node.input(0), node.input(1), pairs, bias, unit)


def explain_shuffled(
    n: Narration, prepared: ShuffledFullyConnected, node: Node, arrays: Sequence[np.ndarray | None], at: Shape
) -> None:
    """Narrate an output value of FULLY_CONNECTED whose uint8 weights are shuffled: both are read as int8."""
    x, weights, bias = _three(arrays)
    codes = (x.reshape(prepared.batch, prepared.depth) ^ np.uint8(128)).view(np.int8)
    rows = weights_in_rows(prepared, weights)
    row, unit = divmod(int(np.ravel_multi_index(at, prepared.output_shape)), prepared.units)
    pairs: list[Pair] = [((unit, k), (row, k), int(codes[row, k]), int(rows[unit, k])) for k in range(prepared.depth)]
    n.table("shuffled weights: codes with their sign bit flipped have zero points of 0", ("row", "unit"), [(row, unit)])
    shape = (prepared.batch, prepared.depth, prepared.units)
    plain = QuantizedFullyConnected((prepared.output_shape,), *shape, 0, 0, prepared.requantization)
    _explain(n, plain, node.input(0), node.input(1), pairs, bias, unit)


def explain_batch_matmul(
    n: Narration, prepared: BatchMatMul, node: Node, arrays: Sequence[np.ndarray | None], at: Shape
) -> None:
    """Narrate an output value of BATCH_MATMUL of codes: a row by a column."""
    x, y, _ = _three(arrays)
    x, y = x.swapaxes(-1, -2) if prepared.adjoint_x else x, y.swapaxes(-1, -2) if prepared.adjoint_y else y
    row = np.broadcast_to(x, (*prepared.output_shape[:-2], *x.shape[-2:]))[at[:-1]]
    column = np.broadcast_to(y, (*prepared.output_shape[:-2], *y.shape[-2:]))[at[:-2]][:, at[-1]]
    quantized = prepared if isinstance(prepared, QuantizedBatchMatMul) else None
    zero_points = (quantized.x_zero_point, quantized.y_zero_point) if quantized else (0, 0)
    rows = [
        (int(a), int(a) - zero_points[0], int(b), int(b) - zero_points[1])
        for a, b in zip(row.tolist(), column.tolist(), strict=True)
    ]
    terms = [left * right for _, left, _, right in rows]
    columns = ("x", "x - zero point", "y", "y - zero point", "product")
    title = f"row by column: {len(rows)} products, zero points {zero_points[0]} and {zero_points[1]}"
    n.table(title, columns, [(*one, term) for one, term in zip(rows, terms, strict=True)])
    scales = [float(node.input(0).scale), float(node.input(1).scale)]
    step = scales[0] * scales[1]
    if quantized is None:
        n.scale = 0.0
        total = n.step("accumulator", "sum", terms=terms)
        n.step("as int32", "wrap_int32", x=total, note="codes are multiplied as they are, zero points included")
        return
    p = quantized
    total = _sum(n, "accumulator", terms, 64 if x.dtype == np.int16 else 32, p.narrow, step)
    n.exact = max((p.output_min - n.zero_point) * n.scale, min(total * step, (p.output_max - n.zero_point) * n.scale))
    explain_multiplier(n, "multiplier and shift", p.multiplier * 2.0 ** (p.shift - 31))
    if x.dtype == np.int16:
        scaled = explain_fifteen_bits(n, total, p.multiplier, p.shift, n.scale)
    else:
        scaled = explain_rescaling(n, "rescaled", total, p.multiplier, p.shift, p.rounding, n.scale)
    explain_code(n, scaled, p.output_zero_point, p.output_min, p.output_max)


def _three(arrays: Sequence[np.ndarray | None]) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    x, weights = arrays[0], arrays[1]
    assert x is not None and weights is not None
    return x, weights, arrays[2] if len(arrays) > 2 else None


def _explain(
    n: Narration,
    prepared: Convolution,
    source: TensorSpec,
    filters: TensorSpec,
    pairs: Sequence[Pair],
    bias: np.ndarray | None,
    channel: int,
) -> None:
    """Narrate products, sum, bias and requantization."""
    requantization: Requantization = prepared.requantization
    input_zero_point, filter_zero_point = prepared.input_zero_point, prepared.filter_zero_point
    rows = []
    for filter_place, place, code, weight in pairs:
        left, right = code - input_zero_point, weight - filter_zero_point
        where = "padding" if place is None else str(list(place))
        rows.append((str(list(filter_place)), where, code, left, weight, right, left * right))
    columns = ("filter at", "input at", "input", "input - zero point", "weight", "weight - zero point", "product")
    n.table(
        f"receptive field: {len(rows)} products, zero points {input_zero_point} and {filter_zero_point}", columns, rows
    )
    bits = 8 * requantization.accumulator.itemsize
    scales = np.broadcast_to(np.array(filters.quantization.scale, np.float32), len(requantization.multiplier))
    input_scale, filter_scale = float(source.scale), float(scales[channel])
    step = input_scale * filter_scale
    narrow = requantization.narrow
    total = _sum(n, "sum of products", [row[-1] for row in rows], bits, narrow, step)
    if isinstance(prepared, QuantizedFullyConnected) and prepared.wraps and narrow is None:
        total = _lost_pairs(n, total, pairs)
    if bias is not None:
        total = n.step(
            "accumulator",
            "add",
            a=total,
            b=int(bias.reshape(-1)[channel]),
            note="plus the bias",
            real=(total + int(bias.reshape(-1)[channel])) * step,
        )
        total = _overflown(n, total, bits, narrow)
    exact = total * step
    if narrow is not None:  # what no accumulator has lost anything of
        exact = (sum(row[-1] for row in rows) + (0 if bias is None else int(bias.reshape(-1)[channel]))) * step
    low = (requantization.activation_min - n.zero_point) * n.scale
    high = (requantization.activation_max - n.zero_point) * n.scale
    n.exact = max(low, min(exact, high))
    explain_requantization(n, requantization, channel, total, (input_scale, filter_scale))


def _lost_pairs(n: Narration, total: int, pairs: Sequence[Pair]) -> int:
    """Narrate the reference's defect with sparse weights: pairs of products, eight apart, are added in int16."""
    codes = np.array([[pair[2] for pair in pairs], [pair[3] for pair in pairs]])
    least = wrapping_pairs(codes)
    lost = int(least[0] @ least[1])
    if not lost:
        return total
    note = f"a defect: {lost} pairs of (-128 * -128) leave int16, in which they are added"
    return int(n.step("sum, wrapped", "subtract", a=total, b=2**16 * lost, note=note))


def _sum(
    n: Narration, name: str, products: Sequence[int], bits: int, narrow: NarrowAccumulator | None, step: float
) -> int:
    """Narrate a sum of products in an accumulator of so many bits, or a narrower one that is emulated."""
    real = sum(products) * step
    if narrow is None or narrow.overflow is not Overflow.SATURATE:
        return _overflown(n, n.step(name, "sum", terms=products, real=real), bits, narrow)
    low, high = narrow.lowest, narrow.highest
    note = f"in the reference's order; the accumulator of {narrow.bits} bits saturates after each addition"
    total = n.step(name, "saturating_sum", terms=products, low=low, high=high, note=note, real=real)
    return _overflown(n, total, bits, narrow)


def _overflown(n: Narration, total: int, bits: int, narrow: NarrowAccumulator | None) -> int:
    """Return what the accumulator holds of a sum; says so where that is another number."""
    if narrow is not None:
        if narrow.lowest <= total <= narrow.highest:
            return total
        name, note = f"in {narrow.bits} bits", "the emulated accumulator overflows"
        if narrow.overflow is Overflow.SATURATE:
            return int(n.step(name, "clamp", x=total, low=narrow.lowest, high=narrow.highest, note=note))
        return int(n.step(name, "wrap", x=total, bits=narrow.bits, note=note))
    if -(2 ** (bits - 1)) <= total < 2 ** (bits - 1):
        return total
    return int(n.step(f"as int{bits}", f"wrap_int{bits}", x=total, note="the accumulator overflows"))
