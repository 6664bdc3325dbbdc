"""ADD, SUB and MUL of 8-bit codes with broadcasting.

The output is walked row by row. Along a row each operand either advances with the output or stays (step 0); between
rows it follows its strides, 0 where it is broadcast. A code is read as :mod:`.codes` says, int8 with its top bit
flipped.

One rescaling is ``(x * multiplier + rounding + (x & sign_mask)) >> right_shift`` as in :mod:`.requantize`, here of
a scalar; LLVM makes vectors of the loops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import helper, int64_view, read_block, uint8_view
from .copies import box_offset, box_size
from .layouts import fields

ADD8 = fields("add8")
MUL8 = fields("mul8")


@helper
def rescale(x: Any, multiplier: Any, rounding: Any, sign_mask: Any, right_shift: Any) -> Any:
    """Rescale an int32, kept as int64; the result fits int32."""
    return (x * np.int64(np.int32(multiplier)) + rounding + (x & sign_mask)) >> right_shift


@helper
def to_code(p: Any, scaled: Any) -> Any:
    """Add the output's zero point (wrapping), clamp, and cut to a byte."""
    code = np.int32(np.int32(scaled) + np.int32(p.output_zero_point))
    return min(max(code, np.int32(p.activation_min)), np.int32(p.activation_max)) & 0xFF


@helper
def scaled_input1(p: Any, code: Any) -> Any:
    """Bring a code of the first operand of ADD to the common scale."""
    centered = ((np.int32(code) ^ np.int32(p.sign_flip)) - np.int32(p.input1_zero_point)) << np.int32(p.left_shift)
    x = np.int64(np.int32(centered))
    return np.int32(rescale(x, p.input1_multiplier, p.input1_rounding, p.input1_sign_mask, p.input1_right_shift))


@helper
def scaled_input2(p: Any, code: Any) -> Any:
    """Bring a code of the second operand of ADD to the common scale, negated for SUB (``negation`` is -1)."""
    centered = ((np.int32(code) ^ np.int32(p.sign_flip)) - np.int32(p.input2_zero_point)) << np.int32(p.left_shift)
    x = np.int64(np.int32(centered))
    scaled = np.int32(rescale(x, p.input2_multiplier, p.input2_rounding, p.input2_sign_mask, p.input2_right_shift))
    return np.int32((scaled ^ np.int32(p.negation)) - np.int32(p.negation))


@helper
def sum_code(p: Any, first: Any, second: Any) -> Any:
    """Add two rescaled operands of ADD and make the output code."""
    x = np.int64(np.int32(first + second))
    return to_code(p, rescale(x, p.output_multiplier, p.output_rounding, p.output_sign_mask, p.output_right_shift))


def add8(block: Any) -> None:
    """ADD, and SUB with ``negation`` -1."""
    p = read_block(block, ADD8)
    sizes = int64_view(p.sizes, p.rank)
    strides1 = int64_view(p.input1_strides, p.rank)
    strides2 = int64_view(p.input2_strides, p.rank)
    first = uint8_view(p.input1, p.input1_size)
    second = uint8_view(p.input2, p.input2_size)
    last = p.rank - 1
    run = sizes[last]
    rows = box_size(sizes, last)
    target = uint8_view(p.output, rows * run)
    for row in range(rows):
        at1 = box_offset(row, sizes, strides1, last)
        at2 = box_offset(row, sizes, strides2, last)
        to = row * run
        if strides2[last] == 0:
            addend = scaled_input2(p, second[at2])
            for i in range(run):
                target[to + i] = sum_code(p, scaled_input1(p, first[at1 + i]), addend)
        elif strides1[last] == 0:
            addend = scaled_input1(p, first[at1])
            for i in range(run):
                target[to + i] = sum_code(p, addend, scaled_input2(p, second[at2 + i]))
        else:
            for i in range(run):
                target[to + i] = sum_code(p, scaled_input1(p, first[at1 + i]), scaled_input2(p, second[at2 + i]))


@helper
def product_code(p: Any, first: Any, second: Any) -> Any:
    """Multiply two centered codes and make the output code."""
    x = np.int64(np.int32(np.int32(first * second) << np.int32(p.output_left_shift)))
    return to_code(p, rescale(x, p.output_multiplier, p.output_rounding, p.output_sign_mask, p.output_right_shift))


@helper
def centered_input1(p: Any, code: Any) -> Any:
    """Return a code of the first operand of MUL less its zero point."""
    return np.int32((np.int32(code) ^ np.int32(p.sign_flip)) - np.int32(p.input1_zero_point))


@helper
def centered_input2(p: Any, code: Any) -> Any:
    """Return a code of the second operand of MUL less its zero point."""
    return np.int32((np.int32(code) ^ np.int32(p.sign_flip)) - np.int32(p.input2_zero_point))


def mul8(block: Any) -> None:
    """MUL; the second operand is the one that may stay along a row, as the operands can be swapped."""
    p = read_block(block, MUL8)
    sizes = int64_view(p.sizes, p.rank)
    strides1 = int64_view(p.input1_strides, p.rank)
    strides2 = int64_view(p.input2_strides, p.rank)
    first = uint8_view(p.input1, p.input1_size)
    second = uint8_view(p.input2, p.input2_size)
    last = p.rank - 1
    run = sizes[last]
    rows = box_size(sizes, last)
    target = uint8_view(p.output, rows * run)
    for row in range(rows):
        at1 = box_offset(row, sizes, strides1, last)
        at2 = box_offset(row, sizes, strides2, last)
        to = row * run
        if strides2[last] == 0:
            factor = centered_input2(p, second[at2])
            for i in range(run):
                target[to + i] = product_code(p, centered_input1(p, first[at1 + i]), factor)
        else:
            for i in range(run):
                a, b = centered_input1(p, first[at1 + i]), centered_input2(p, second[at2 + i])
                target[to + i] = product_code(p, a, b)
