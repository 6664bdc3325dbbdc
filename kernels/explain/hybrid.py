"""FULLY_CONNECTED and convolutions of float32 activations with int8 weights: codes made anew, integers, and float32."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ...schema import ActivationFunctionType
from ..convolution import hybrid
from ..convolution.hybrid_matmul import HybridBatchMatMul, matrix_indices
from ..convolution.prepared import HybridConv2D, HybridDepthwiseConv2D, HybridFullyConnected
from ..operator import Node, Shape
from .narration import Narration, NotNarratedError
from .products import taps

Arrays = Sequence[np.ndarray | None]
Layer: TypeAlias = "HybridConv2D | HybridDepthwiseConv2D | HybridFullyConnected"


@dataclass(frozen=True)
class _Codes:
    """What quantizing a row or an image anew gave."""

    codes: np.ndarray
    scale: float
    zero_point: int


def _quantize(n: Narration, x: np.ndarray, asymmetric: bool, quirks: bool, what: str) -> _Codes:
    """Narrate the scale and the zero point of the floats of a row or an image (1, n)."""
    if not np.all(np.isfinite(x)):
        raise NotNarratedError
    if asymmetric:
        codes, _, zero_point = hybrid.quantize_asymmetric(x, quirks)
        return _Codes(codes[0], *_asymmetric(n, x, what, int(zero_point[0])))
    codes, _ = hybrid.quantize_symmetric(x, quirks)
    largest = float(np.max(np.abs(x), initial=np.float32(0)))
    if largest == 0:
        return _Codes(codes[0], n.step("scale of the codes", "copy", x=1.0, note=f"{what} is all zeros"), 0)
    n.step("largest magnitude", "copy", x=largest, note=f"of the {x.size} values of {what}")
    return _Codes(codes[0], n.step("scale of the codes", "divide_float32", a=largest, b=127.0), 0)


def _asymmetric(n: Narration, x: np.ndarray, what: str, zero_point: int) -> tuple[float, int]:
    low, high = float(np.min(x, initial=np.float32(0))), float(np.max(x, initial=np.float32(0)))
    if low == high:
        return n.step("scale of the codes", "copy", x=1.0, note=f"{what} is all zeros"), 0
    n.step("least value, or 0", "copy", x=low, note=f"of the {x.size} values of {what}")
    n.step("greatest value, or 0", "copy", x=high)
    width = n.step("range", "subtract_float32", a=high, b=low)
    step = n.step("step", "divide_float64", a=width, b=255.0)
    scale = n.step("scale of the codes", "as_float32", x=step)
    nearer_low = 128 + abs(low / step) < 127 + abs(high / step)
    end, code = (low, -128) if nearer_low else (high, 127)
    note = f"from the {'lower' if nearer_low else 'upper'} end of the range, which loses less"
    steps = n.step("steps to that end", "divide_float64", a=end, b=step, note=note)
    place = n.step("zero point, exact", "subtract", a=code, b=steps)
    rounded = n.step("zero point, rounded", "round_half_away", x=place)
    return scale, int(n.step("zero point", "clamp", x=rounded, low=-128, high=127))


def explain_fully_connected(
    n: Narration, prepared: HybridFullyConnected, node: Node, arrays: Arrays, at: Shape
) -> None:
    """Narrate an output value of the hybrid FULLY_CONNECTED."""
    p, x, given = prepared, arrays[0], arrays[1]
    assert x is not None and given is not None
    if (p.sparse and p.asymmetric) or p.activation is not ActivationFunctionType.NONE:
        raise NotNarratedError
    weights, bias = hybrid.weights_as_read(p, given), arrays[2] if len(arrays) > 2 else None
    row, unit = divmod(int(np.ravel_multi_index(at, p.output_shape)), p.units)
    rows = x.reshape(-1)[: p.batch * p.depth].reshape(p.batch, p.depth)
    start = 0.0 if bias is None else float(bias.reshape(-1)[unit])
    n.exact = float(rows[row].astype(np.float64) @ weights[unit].astype(np.float64)) * _scale(p, unit) + start
    if not np.any(rows):
        total = n.step("bias", "copy", x=start, note="all activations are zeros: there are no products")
        _clamp(n, total, p)
        return
    codes = _quantize(n, rows[row][None], p.asymmetric, p.quirks, f"row {row}")
    triples = list(zip(rows[row].tolist(), codes.codes.tolist(), weights[unit].tolist(), strict=True))
    columns = ("activation", "code", "weight", "product")
    n.table(f"row {row}: {len(triples)} products", columns, [(a, c, w, c * w) for a, c, w in triples])
    total = n.step("sum of products", "sum", terms=[code * weight for _, code, weight in triples])
    total = _mistakes(n, total, codes.codes, weights[unit : unit + 1], p.quirks)
    if p.asymmetric:
        weight_sum = int(hybrid.row_sums(weights[unit : unit + 1], p.quirks)[0])
        moved = n.step("zero point by the weights' sum", "multiply", a=codes.zero_point, b=weight_sum)
        total = n.step("accumulator", "subtract", a=total, b=moved)
    total = n.step("as int32", "wrap_int32", x=total)
    scale = n.step("product of the scales", "multiply_float32", a=_scale(p, unit), b=codes.scale)
    number = n.step("accumulator in float32", "as_float32", x=total)
    real = n.step("rescaled", "multiply_float32", a=number, b=scale)
    total = n.step("plus the bias", "add_float32", a=start, b=real)
    _clamp(n, total, p)


def _scale(p: Layer, channel: int) -> float:
    return float(p.filter_scale[channel if len(p.filter_scale) > 1 else 0])


def _mistakes(n: Narration, total: int, codes: np.ndarray, weights: np.ndarray, quirks: bool) -> int:
    """Narrate the products that the reference's SSE code gives the wrong sign."""
    if not quirks:
        return total
    wrong = int(np.minimum(codes.astype(np.int64), 0) @ hybrid.mistaken_weights(weights)[0].reshape(-1))
    if not wrong:
        return total
    note = "a defect: weights of -128 by negative codes get the wrong sign"
    twice = n.step("twice the mistaken products", "multiply", a=2, b=wrong, note=note)
    return int(n.step("sum, mistaken", "subtract", a=total, b=twice))


def _clamp(n: Narration, total: float, p: Layer) -> None:
    low, high = float(p.activation_min), float(p.activation_max)
    n.scale = 0.0
    if n.exact is not None:
        n.exact = max(low, min(n.exact, high))
    bounds: dict[str, Any] = {name: bound for name, bound in (("low", low), ("high", high)) if np.isfinite(bound)}
    if len(bounds) == 2:
        n.step("output", "clamp", x=total, **bounds)
    elif "low" in bounds:
        n.step("output", "maximum", terms=[total, low])
    else:
        n.step("output", "copy", x=total)


def explain_conv_2d(n: Narration, prepared: HybridConv2D, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of the hybrid CONV_2D, whose codes are made image by image."""
    p, x, given = prepared, arrays[0], arrays[1]
    assert x is not None and given is not None
    weights = hybrid.weights_as_read(p, given)
    batch, y, column, channel = at
    codes = _quantize(n, x[batch].reshape(1, -1), p.asymmetric, p.quirks, f"image {batch}")
    image, depth = codes.codes.reshape(x.shape[1:]), weights.shape[3]
    first = channel // (len(weights) // p.groups) * depth
    places = [
        ((source_y, source_x, first + k), (channel, tap_y, tap_x, k))
        for tap_y, tap_x, source_y, source_x, inside in taps(p.window, y, column)
        if inside
        for k in range(depth)
    ]
    total = _products(n, x[batch], image, weights, places, codes.zero_point)
    if not p.asymmetric and len(weights) % hybrid.GEMM_ROWS:
        own = np.array([image[place] for place, _ in places], np.int64)
        mistaken = hybrid.mistaken_weights(weights)
        wrong = int(np.minimum(own, 0) @ np.array([mistaken[place] for _, place in places], np.int64)) if places else 0
        if wrong and p.quirks:
            note = "a defect: weights of -128 by negative codes get the wrong sign"
            twice = n.step("twice the mistaken products", "multiply", a=2, b=wrong, note=note)
            total = n.step("sum, mistaken", "subtract", a=total, b=twice)
    number = n.step("accumulator in float32", "as_float32", x=total)
    if p.asymmetric:
        real = n.step("times the filter's scale", "multiply_float32", a=number, b=_scale(p, channel))
        real = n.step("times the codes' scale", "multiply_float32", a=real, b=codes.scale)
    else:
        scale = n.step("product of the scales", "multiply_float32", a=codes.scale, b=_scale(p, 0))
        real = n.step("rescaled", "multiply_float32", a=number, b=scale)
    _finish(n, p, arrays, channel, real)


def explain_depthwise_conv_2d(
    n: Narration, prepared: HybridDepthwiseConv2D, node: Node, arrays: Arrays, at: Shape
) -> None:
    """Narrate an output value of the hybrid DEPTHWISE_CONV_2D."""
    p, x, weights = prepared, arrays[0], arrays[1]
    assert x is not None and weights is not None
    batch, y, column, channel = at
    codes = _quantize(n, x[batch].reshape(1, -1), True, p.quirks, f"image {batch}")
    places = [
        ((source_y, source_x, channel // p.depth_multiplier), (0, tap_y, tap_x, channel))
        for tap_y, tap_x, source_y, source_x, inside in taps(p.window, y, column)
        if inside
    ]
    total = _products(n, x[batch], codes.codes.reshape(x.shape[1:]), weights, places, codes.zero_point)
    number = n.step("accumulator in float32", "as_float32", x=total)
    scale = n.step("product of the scales", "multiply_float32", a=_scale(p, channel), b=codes.scale)
    _finish(n, p, arrays, channel, n.step("rescaled", "multiply_float32", a=number, b=scale))


def _products(
    n: Narration,
    floats: np.ndarray,
    image: np.ndarray,
    weights: np.ndarray,
    places: Sequence[tuple[Shape, Shape]],
    zero_point: int,
) -> int:
    """Narrate the products under the window; what is outside the image counts as 0."""
    rows = []
    exact = 0.0
    for source, tap in places:
        centred, weight = int(image[source]) - zero_point, int(weights[tap])
        exact += float(floats[source]) * weight
        rows.append((str(list(source)), float(floats[source]), centred, weight, centred * weight))
    columns = ("input at", "activation", "code - zero point", "weight", "product")
    n.table(f"receptive field: {len(rows)} products inside the image, zero point {zero_point}", columns, rows)
    n.exact = exact
    total = n.step("sum of products", "sum", terms=[row[-1] for row in rows])
    return int(n.step("as int32", "wrap_int32", x=total))


def _finish(n: Narration, p: Layer, arrays: Arrays, channel: int, real: float) -> None:
    bias = arrays[2] if len(arrays) > 2 else None
    assert n.exact is not None
    n.exact *= _scale(p, channel)
    if bias is not None:
        own = float(bias.reshape(-1)[channel])
        n.exact += own
        real = n.step("plus the bias", "add_float32", a=real, b=own)
    _clamp(n, real, p)


def explain_batch_matmul(n: Narration, prepared: HybridBatchMatMul, node: Node, arrays: Arrays, at: Shape) -> None:
    """Narrate an output value of the hybrid BATCH_MATMUL, whose rows are quantized one by one."""
    p, x, y = prepared, arrays[0], arrays[1]
    assert x is not None and y is not None
    x = np.ascontiguousarray(x.swapaxes(-1, -2) if p.adjoint_x else x).reshape(p.x_shape)
    y = np.ascontiguousarray(y if p.adjoint_y else y.swapaxes(-1, -2))
    y = y.reshape(*p.y_shape[:3], p.y_shape[4], p.y_shape[3])
    rows, depth, columns = *x.shape[3:], y.shape[3]
    batch = np.broadcast_shapes(x.shape[:3], y.shape[:3])
    *matrix, row, column = np.unravel_index(int(np.ravel_multi_index(at, p.output_shape)), (*batch, rows, columns))
    place = tuple(int(i) for i in matrix)
    own = np.ravel_multi_index(tuple(min(i, size - 1) for i, size in zip(place, x.shape[:3], strict=True)), x.shape[:3])
    flat = x.reshape(-1, depth)
    number = int(own) * rows + int(row)
    weights = np.broadcast_to(y, (*batch, *y.shape[3:]))[place][int(column)]
    codes = _quantize(n, flat[number][None], p.asymmetric, p.quirks, f"row {number}")
    triples = list(zip(flat[number].tolist(), codes.codes.tolist(), weights.tolist(), strict=True))
    title = f"row {number}: {len(triples)} products"
    n.table(title, ("activation", "code", "weight", "product"), [(a, c, w, c * w) for a, c, w in triples])
    scale, zero_point = codes.scale, codes.zero_point
    other = int(matrix_indices(p, x.shape, batch)[place]) * rows + int(row)
    if other != number:
        _, scales, *offsets = _requantized(flat[other][None], p)
        note = f"a defect: that of row {other}, for indices along several axes are added without their strides"
        scale = n.step("scale that is taken", "copy", x=float(scales[0]), note=note)
        zero_point = int(offsets[0][0]) if offsets else 0
    factor = p.scale[int(column) if p.per_channel else 0]
    n.exact = float(flat[number].astype(np.float64) @ weights.astype(np.float64)) * float(factor)
    total = n.step("sum of products", "sum", terms=[code * weight for _, code, weight in triples])
    total = n.step("as int32", "wrap_int32", x=total)
    own_y = int(matrix_indices(p, y.shape, batch)[place])
    weight_sum = int(hybrid.row_sums(y.reshape(-1, depth), p.quirks).reshape(-1, columns)[own_y, int(column)])
    moved = n.step("zero point by the weights' sum", "multiply_float32", a=float(weight_sum), b=float(zero_point))
    number_ = n.step("sum in float32", "as_float32", x=total)
    difference = n.step("accumulator", "subtract_float32", a=number_, b=moved)
    whole = n.step("as int32", "truncate_float", x=difference)
    scale = n.step("product of the scales", "multiply_float32", a=scale, b=float(factor))
    whole = n.step("accumulator in float32", "as_float32", x=whole)
    n.scale = 0.0
    n.step("output", "multiply_float32", a=scale, b=whole)


def _requantized(x: np.ndarray, p: HybridBatchMatMul) -> tuple[np.ndarray, ...]:
    return (hybrid.quantize_asymmetric if p.asymmetric else hybrid.quantize_symmetric)(x, p.quirks)
