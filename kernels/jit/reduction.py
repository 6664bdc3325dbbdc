"""Sums, means and extremes over any axes.

The input is walked as it lies in memory, in runs along which the result's place stays or advances with the input; so
every result gets its elements in the order of the definition. ``sizes`` and ``strides`` are those of the loops around
the runs, ``run_stride`` is 1 or 0.

A code is turned by ``^ turn`` into a number that is added up, or of which the greatest is wanted: the least of codes is
the greatest of their complements.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import float32_view, fragment, helper, int16_view, int32_view, int64_view, read_block, uint8_view
from .byte_vectors import (
    greater_codes,
    load_codes,
    splat_codes,
    store_codes,
    widen_codes,
)
from .copies import box_offset, box_size
from .elementwise import rescale, to_code, to_code16
from .layouts import fields
from .vectors import LANES, splat_int16, splat_int32, store_int32, widen_int16

SUM8 = fields("sum8")
SUM16 = fields("sum16")
SUM_FLOAT32 = fields("sum_float32")
EXTREME8 = fields("extreme8")
EXTREME16 = fields("extreme16")
EXTREME_FLOAT32 = fields("extreme_float32")


def sum8(block: Any) -> None:
    """Add codes of 8 bits and rescale the sums, less ``zero_points``, the sum of all zero points."""
    p = read_block(block, SUM8)
    sums = int32_view(p.sums, p.outputs)
    target = uint8_view(p.output, p.outputs)
    for i in range(p.outputs):
        sums[i] = 0
    if are_columns_of_bytes(p):
        add_columns(p, uint8_view(p.input, p.input_size), sums)
    else:
        walk(p, uint8_view(p.input, p.input_size), sums, add_code)
    for i in range(p.outputs):
        target[i] = to_code(p, rescaled(p, sums[i]))


def sum16(block: Any) -> None:
    """Do the same with codes of 16 bits."""
    p = read_block(block, SUM16)
    sums = int32_view(p.sums, p.outputs)
    target = int16_view(p.output, p.outputs)
    for i in range(p.outputs):
        sums[i] = 0
    walk(p, int16_view(p.input, p.input_size), sums, add_code16)
    for i in range(p.outputs):
        target[i] = to_code16(p, rescaled(p, sums[i]))


def sum_float32(block: Any) -> None:
    """Add, and divide by ``divisor`` where it is not 0. Of ``whole`` tensors the first element is where sums start."""
    p = read_block(block, SUM_FLOAT32)
    source, target = float32_view(p.input, p.input_size), float32_view(p.output, p.outputs)
    for i in range(p.outputs):
        target[i] = np.float32(-0.0) if p.whole else np.float32(0)
    walk(p, source, target, add_float)
    if p.divisor != 0:
        for i in range(p.outputs):
            target[i] = target[i] / np.float32(p.divisor)


def extreme8(block: Any) -> None:
    """Take the greatest or least code of 8 bits."""
    p = read_block(block, EXTREME8)
    target = uint8_view(p.output, p.outputs)
    for i in range(p.outputs):
        target[i] = 0
    if are_columns_of_bytes(p):
        take_greatest_of_columns(p, uint8_view(p.input, p.input_size), target)
    else:
        walk(p, uint8_view(p.input, p.input_size), target, greater_code)
    for i in range(p.outputs):
        target[i] = target[i] ^ np.uint8(p.turn)


def extreme16(block: Any) -> None:
    """Take the greatest or least code of 16 bits."""
    p = read_block(block, EXTREME16)
    target = int16_view(p.output, p.outputs)
    for i in range(p.outputs):
        target[i] = -32768
    walk(p, int16_view(p.input, p.input_size), target, greater_code16)
    for i in range(p.outputs):
        target[i] = target[i] ^ np.int16(p.turn)


def extreme_float32(block: Any) -> None:
    """Take the greatest number, or the least: the first of equals. A NaN is never taken, but where it stands first."""
    p = read_block(block, EXTREME_FLOAT32)
    source, target = float32_view(p.input, p.input_size), float32_view(p.output, p.outputs)
    for i in range(p.outputs):
        target[i] = source[0] if p.whole else np.float32(-_LARGEST) if p.greatest else np.float32(_LARGEST)
    if p.greatest:
        walk(p, source, target, greater_float)
    else:
        walk(p, source, target, lesser_float)


_LARGEST = float(np.finfo(np.float32).max)


@fragment
def walk(p: Any, source: Any, results: Any, combine: Any) -> None:
    """Combine every element with the result it belongs to."""
    sizes, strides = int64_view(p.sizes, p.rank), int64_view(p.strides, p.rank)
    for row in range(box_size(sizes, p.rank)):
        at, to = row * p.run, box_offset(row, sizes, strides, p.rank)
        if p.run_stride == 0:
            result = results[to]
            for i in range(p.run):
                result = combine(p, result, source[at + i])
            results[to] = result
        else:
            for i in range(p.run):
                results[to + i] = combine(p, results[to + i], source[at + i])


@helper
def are_columns_of_bytes(p: Any) -> Any:
    """Whether rows of at least 16 bytes, one behind the other, are reduced to one; or as many rows each time."""
    if p.run_stride != 1 or p.run < LANES or p.rank == 0 or p.rank > 2:
        return False
    strides = int64_view(p.strides, p.rank)
    return strides[p.rank - 1] == 0 and (p.rank == 1 or strides[0] == p.run)


@fragment
def add_columns(p: Any, source: Any, sums: Any) -> None:
    """Add columns up, 32 side by side, each 16 of them not later than where the last 16 begin."""
    rows, run, edge, turn = int64_view(p.sizes, p.rank)[p.rank - 1], p.run, p.run - LANES, splat_codes(p.turn)
    for to in range(0, p.outputs, run):
        for c in range(0, run, 2 * LANES):
            at, past, c0, c1 = to * rows, (to + run) * rows, min(c, edge), min(c + LANES, edge)
            total0, total1 = splat_int32(0), splat_int32(0)
            while at < past:
                part0, part1, end = splat_int16(0), splat_int16(0), min(at + _SHORT_SUM * run, past)
                while at < end:
                    part0 = part0 + widen_codes(load_codes(source, at + c0) ^ turn)
                    part1 = part1 + widen_codes(load_codes(source, at + c1) ^ turn)
                    at += run
                total0, total1 = total0 + widen_int16(part0), total1 + widen_int16(part1)
            store_int32(sums, to + c0, total0)
            store_int32(sums, to + c1, total1)


_SHORT_SUM = 128  # bytes, of which the sum fits int16


@fragment
def take_greatest_of_columns(p: Any, source: Any, target: Any) -> None:
    """Take the greatest of each column, turned, in the same way."""
    rows, run, edge, turn = int64_view(p.sizes, p.rank)[p.rank - 1], p.run, p.run - LANES, splat_codes(p.turn)
    for to in range(0, p.outputs, run):
        for c in range(0, run, 2 * LANES):
            c0, c1 = min(c, edge), min(c + LANES, edge)
            first, second = splat_codes(0), splat_codes(0)
            for at in range(to * rows, (to + run) * rows, run):
                first = greater_codes(first, load_codes(source, at + c0) ^ turn)
                second = greater_codes(second, load_codes(source, at + c1) ^ turn)
            store_codes(target, to + c0, first)
            store_codes(target, to + c1, second)


@helper
def add_code(p: Any, total: Any, code: Any) -> Any:
    """Add a code of 8 bits to an int32."""
    return np.int32(total + np.int32(code ^ np.uint8(p.turn)))


@helper
def add_code16(p: Any, total: Any, code: Any) -> Any:
    """Add a code of 16 bits to an int32, which wraps."""
    return np.int32(total + np.int32(code))


@helper
def add_float(p: Any, total: Any, x: Any) -> Any:
    """Add in float32."""
    return np.float32(total + x)


@helper
def greater_code(p: Any, best: Any, code: Any) -> Any:
    """Return the greater of a result and a code that is turned."""
    return max(best, np.uint8(code ^ np.uint8(p.turn)))


@helper
def greater_code16(p: Any, best: Any, code: Any) -> Any:
    """Do the same with 16 bits."""
    return max(best, np.int16(code ^ np.int16(p.turn)))


@helper
def greater_float(p: Any, best: Any, x: Any) -> Any:
    """Return the greater number; the first where neither is."""
    return x if x > best else best


@helper
def lesser_float(p: Any, best: Any, x: Any) -> Any:
    """Return the lesser number; the first where neither is."""
    return x if x < best else best


@helper
def rescaled(p: Any, total: Any) -> Any:
    """Rescale a sum of codes to the output."""
    shifted = np.int32(np.int64(total) - p.zero_points) << np.int32(p.output_left_shift)
    x = np.int64(np.int32(shifted))
    return rescale(x, p.output_multiplier, p.output_rounding, p.output_sign_mask, p.output_right_shift)
