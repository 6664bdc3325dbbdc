"""What an operator's run hits: ties at one half, saturation, extreme zero points, the largest shifts, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...engine.trace import TracedOperator
from ...kernels.convolution.prepared import Requantization
from ...kernels.elementwise.add_sub import QuantizedSum
from ...kernels.elementwise.mul import QuantizedProduct
from ...kernels.fixed_point import (
    multiply_by_quantized_multiplier,
    multiply_in_float64,
    multiply_int64_by_quantized_multiplier,
    reduce_multiplier,
)
from ...kernels.pooling.pool_2d import Pool2D
from ...kernels.profiles import Rounding
from ...kernels.quantize.quantize import Requantize
from ...kernels.reduce.mean import QuantizedMean
from .cut import CODES, limits

LARGEST_RIGHT_SHIFT = -31
LARGEST_LEFT_SHIFT, LARGEST_LEFT_SHIFT_INT64 = 30, 14
"""Of int32 accumulators one more is possible; it leaves only -1 without overflow."""

MEANINGS = {
    "tie_positive": "accumulators above 0 whose exact product with multiplier and shift ends in one half, not clamped",
    "tie_negative": "the same, below 0",
    "high_multiply_tie_positive": "the doubling high multiply drops exactly one half of a product above 0, not clamped",
    "high_multiply_tie_negative": "the same, below 0",
    "right_shift_tie_positive": "the rounding right shift drops exactly one half of a number above 0, not clamped",
    "right_shift_tie_negative": "the same, below 0",
    "saturation_low": "outputs that the clamp raised",
    "saturation_high": "outputs that the clamp lowered",
    "largest_right_shift": "outputs whose shift is -31 (of ADD and SUB: one of three shifts)",
    "largest_left_shift": "outputs whose shift is 30 (14 of int64 accumulators), nothing overflowing",
    "left_shift": "outputs whose shift is above 0",
    "input_zero_point_lowest": "outputs of an operator whose input's zero point is the type's least code",
    "input_zero_point_highest": "... the greatest code",
    "filter_zero_point_lowest": "... whose uint8 filter's zero point is 0",
    "filter_zero_point_highest": "... is 255",
    "output_zero_point_lowest": "... whose output's zero point is the type's least code",
    "output_zero_point_highest": "... the greatest code",
    "operands_lowest": "every operand is the type's least code",
    "operands_highest": "every operand is the type's greatest code",
    "all_codes": "every code of the input's type occurs",
    "all_pairs": "every pair of codes occurs",
    "accumulator_bound_high": "accumulators as great as any input can make them",
    "accumulator_bound_low": "accumulators as low as any input can make them",
    "output_lowest_code": "outputs that are the type's least code",
    "output_highest_code": "outputs that are the type's greatest code",
}
"""Name of a hit -> what is counted."""


def hits(operator: TracedOperator, free: Sequence[int]) -> dict[str, int]:
    """Return what a run hits and how many outputs do, by the names of :data:`MEANINGS`.

    ``free`` are the places of the inputs that are no constants.
    """
    found: dict[str, int] = {}
    node, prepared, output = operator.node, operator.prepared, operator.outputs[0]
    if node is None or prepared is None or output is None:
        return found
    _count_operands(operator, free, found)
    if node.outputs[0].type in CODES:
        low, high = limits(node.outputs[0].type)
        found["output_lowest_code"] = int(np.sum(output == low))
        found["output_highest_code"] = int(np.sum(output == high))
        _count_zero_points(operator, output.size, found)
    _count_arithmetic(operator, prepared, found)
    return {name: count for name, count in found.items() if count}


def _count_operands(operator: TracedOperator, free: Sequence[int], found: dict[str, int]) -> None:
    assert operator.node is not None
    codes = []
    for place in free:
        array, spec = operator.inputs[place], operator.node.inputs[place]
        if array is not None and array.size and spec is not None and spec.type in CODES:
            codes.append((array, *limits(spec.type)))
    if not codes or len(codes) != len(free):
        return
    count = sum(array.size for array, _, _ in codes)
    found["operands_lowest"] = count if all(np.all(array == low) for array, low, _ in codes) else 0
    found["operands_highest"] = count if all(np.all(array == high) for array, _, high in codes) else 0
    if not all(high - low == 255 for _, low, high in codes):
        return
    if len(codes) == 1 and len(np.unique(codes[0][0])) == 256:
        found["all_codes"] = 256
    if len(codes) == 2:
        first, second = (array.astype(np.int64) for array, _, _ in codes)
        if np.broadcast_shapes(first.shape, second.shape) == operator.outputs[0].shape:  # type: ignore[union-attr]
            found["all_pairs"] = len(np.unique(first * 512 + second))
            found["all_pairs"] = found["all_pairs"] if found["all_pairs"] == 2**16 else 0


def _count_zero_points(operator: TracedOperator, count: int, found: dict[str, int]) -> None:
    assert operator.node is not None
    inputs = [spec for spec in operator.node.inputs if spec is not None and spec.type in CODES]
    product = hasattr(operator.prepared, "requantization")
    weights = operator.node.input(1) if product else None
    named = [("output", operator.node.outputs[0])]
    named += [("filter" if spec is weights else "input", spec) for spec in inputs]
    for name, spec in named:
        if len(spec.quantization.scale) != 1 or (name == "filter" and limits(spec.type)[0] < 0):
            continue  # signed filters are symmetric
        for end, code in zip(("lowest", "highest"), limits(spec.type), strict=True):
            key = f"{name}_zero_point_{end}"
            found[key] = max(found.get(key, 0), count if spec.zero_point == code else 0)


def _count_arithmetic(operator: TracedOperator, prepared: Any, found: dict[str, int]) -> None:
    between = operator.intermediates()
    if isinstance(getattr(prepared, "requantization", None), Requantization):
        own = prepared.requantization
        clamp = (own.output_zero_point, own.activation_min, own.activation_max)
        _count_requantization(between["accumulator"], own, clamp, found)
    elif isinstance(prepared, (QuantizedSum, QuantizedProduct)) and "accumulator" in between:
        if getattr(prepared, "ignores_left_shift", False):
            return
        clamp = (prepared.output_zero_point, prepared.activation_min, prepared.activation_max)
        own = _requantization(prepared.output_multiplier, prepared.output_shift, prepared.rounding)
        _count_requantization(between["accumulator"], own, clamp, found)
        if isinstance(prepared, QuantizedSum) and LARGEST_RIGHT_SHIFT in (prepared.input1_shift, prepared.input2_shift):
            found["largest_right_shift"] = between["accumulator"].size
    elif isinstance(prepared, QuantizedMean) and "accumulator" in between:
        clamp = (prepared.output_zero_point, prepared.output_min, prepared.output_max)
        own = _requantization(prepared.multiplier, prepared.shift, prepared.rounding)
        _count_requantization(between["accumulator"], own, clamp, found)
    elif isinstance(prepared, Requantize) and operator.inputs[0] is not None:
        centered = operator.inputs[0].astype(np.int32) - prepared.input_zero_point
        clamp = (prepared.output_zero_point, prepared.code_min, prepared.code_max)
        own = _requantization(prepared.multiplier, prepared.shift, prepared.rounding)
        _count_requantization(centered, own, clamp, found)
    elif isinstance(prepared, Pool2D) and "count" in between:
        sums, counts = between["accumulator"], between["count"]
        ties = (2 * sums) % (2 * counts) == counts
        found["tie_positive"], found["tie_negative"] = int(np.sum(ties & (sums > 0))), int(np.sum(ties & (sums < 0)))


def _requantization(multiplier: int, shift: int, rounding: Rounding) -> Requantization:
    one = np.array([multiplier], np.int32), np.array([shift], np.int32)
    real = np.array([multiplier / 2**31 * 2.0**shift])
    return Requantization(real, *one, rounding, np.dtype(np.int32), 0, 0, 0, np.dtype(np.int8))


def _count_requantization(
    accumulator: np.ndarray, own: Requantization, clamp: tuple[int, int, int], found: dict[str, int]
) -> None:
    """Count ties, saturation and shifts; multipliers broadcast along the last axis."""
    zero_point, low, high = clamp
    acc = accumulator.astype(np.int64)
    shift = np.broadcast_to(own.shift, acc.shape if acc.ndim else (1,)).astype(np.int64)
    multiplier = np.broadcast_to(own.multiplier, shift.shape).astype(np.int64)
    wide = own.accumulator == np.int64
    overflows = (shift > 0) & (np.abs(acc) >= np.int64(1) << (31 - np.clip(shift, 0, 31))) & (not wide)
    if own.rounding is Rounding.FLOAT64:
        scaled = multiply_in_float64(accumulator, own.real_multiplier)
        product = acc * np.float64(own.real_multiplier)
        tie, overflows = np.abs(product - np.trunc(product)) == 0.5, np.zeros_like(overflows)
    elif wide:
        scaled = multiply_int64_by_quantized_multiplier(accumulator, own.multiplier, own.shift)
        tie = _ends_in_half(acc * reduce_multiplier(multiplier), 15 - shift)
    else:
        scaled = multiply_by_quantized_multiplier(accumulator, own.multiplier, own.shift, own.rounding)
        tie = _ends_in_half(acc * multiplier, 31 - shift)
    code = scaled.astype(np.int64) + zero_point
    inside = (code >= low) & (code <= high) & ~overflows
    counted = {"tie": tie}
    if own.rounding is Rounding.DOUBLE and not wide:
        shifted = acc << np.maximum(shift, 0)
        counted["high_multiply_tie"] = _ends_in_half(shifted * multiplier, np.full_like(shift, 31))
        lifted = (shifted * multiplier + (1 << 30)) >> 31
        counted["right_shift_tie"] = _ends_in_half(lifted, np.maximum(-shift, 0))
    for name, where in counted.items():
        found[f"{name}_positive"] = int(np.sum(where & inside & (acc > 0)))
        found[f"{name}_negative"] = int(np.sum(where & inside & (acc < 0)))
    found["saturation_low"], found["saturation_high"] = int(np.sum(code < low)), int(np.sum(code > high))
    found["left_shift"] = int(np.sum(shift > 0))
    found["largest_right_shift"] = int(np.sum(shift == LARGEST_RIGHT_SHIFT))
    largest = LARGEST_LEFT_SHIFT_INT64 if wide else LARGEST_LEFT_SHIFT
    found["largest_left_shift"] = int(np.sum((shift == largest) & ~overflows))


def _ends_in_half(x: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Whether the bits that a right shift drops are one and zeros."""
    bits = np.clip(bits, 0, 62)
    mask = (np.int64(1) << bits) - 1
    result: np.ndarray = (bits > 0) & ((x & mask) == (mask + 1) >> 1)
    return result
