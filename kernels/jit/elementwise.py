"""ADD, SUB, MUL, MAXIMUM, MINIMUM and PRELU of codes of 8 and 16 bits with broadcasting.

The output is walked row by row. Along a row each operand either advances with the output or stays (step 0); between
rows it follows its strides, 0 where it is broadcast. A code is read as :mod:`.codes` says, int8 with its top bit
flipped. Codes of 16 bits are read as they are.

One rescaling is ``(x * multiplier + rounding + (x & sign_mask)) >> right_shift`` as in :mod:`.requantize`, here of
a scalar; LLVM makes vectors of the loops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import fragment, helper, int16_view, int64_view, read_block, uint8_view
from .copies import box_offset, box_size
from .layouts import fields

ADD8 = fields("add8")
ADD16 = fields("add16")
MUL8 = fields("mul8")
MUL16 = fields("mul16")
PRELU8 = fields("prelu8")
PRELU16 = fields("prelu16")
GREATER16 = fields("greater16")


@helper
def rescale(x: Any, multiplier: Any, rounding: Any, sign_mask: Any, right_shift: Any) -> Any:
    """Rescale an int32, kept as int64; the result fits int32."""
    return (x * np.int64(np.int32(multiplier)) + rounding + (x & sign_mask)) >> right_shift


@helper
def to_number(p: Any, scaled: Any) -> Any:
    """Add the output's zero point (wrapping) and clamp."""
    code = np.int32(np.int32(scaled) + np.int32(p.output_zero_point))
    return min(max(code, np.int32(p.activation_min)), np.int32(p.activation_max))


@helper
def to_code(p: Any, scaled: Any) -> Any:
    """Do the same, and cut to a byte."""
    return to_number(p, scaled) & 0xFF


@helper
def to_code16(p: Any, scaled: Any) -> Any:
    """Do the same, and cut to 16 bits."""
    return np.int16(to_number(p, scaled))


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
def rescaled_sum(p: Any, first: Any, second: Any) -> Any:
    """Add two rescaled operands of ADD and rescale to the output."""
    x = np.int64(np.int32(first + second))
    return rescale(x, p.output_multiplier, p.output_rounding, p.output_sign_mask, p.output_right_shift)


def add8(block: Any) -> None:
    """ADD, and SUB with ``negation`` -1."""
    p = read_block(block, ADD8)
    first, second = uint8_view(p.input1, p.input1_size), uint8_view(p.input2, p.input2_size)
    add_rows(p, first, second, uint8_view(p.output, box_size(int64_view(p.sizes, p.rank), p.rank)), to_code)


def add16(block: Any) -> None:
    """ADD and SUB of 16 bits."""
    p = read_block(block, ADD16)
    first, second = int16_view(p.input1, p.input1_size), int16_view(p.input2, p.input2_size)
    add_rows(p, first, second, int16_view(p.output, box_size(int64_view(p.sizes, p.rank), p.rank)), to_code16)


@fragment
def add_rows(p: Any, first: Any, second: Any, target: Any, code: Any) -> None:
    """Add row by row; ``code`` makes the output code of a sum on the output's scale."""
    sizes = int64_view(p.sizes, p.rank)
    strides1 = int64_view(p.input1_strides, p.rank)
    strides2 = int64_view(p.input2_strides, p.rank)
    last = p.rank - 1
    run = sizes[last]
    for row in range(box_size(sizes, last)):
        at1 = box_offset(row, sizes, strides1, last)
        at2 = box_offset(row, sizes, strides2, last)
        to = row * run
        if strides2[last] == 0:
            addend = scaled_input2(p, second[at2])
            for i in range(run):
                target[to + i] = code(p, rescaled_sum(p, scaled_input1(p, first[at1 + i]), addend))
        elif strides1[last] == 0:
            addend = scaled_input1(p, first[at1])
            for i in range(run):
                target[to + i] = code(p, rescaled_sum(p, addend, scaled_input2(p, second[at2 + i])))
        else:
            for i in range(run):
                a, b = scaled_input1(p, first[at1 + i]), scaled_input2(p, second[at2 + i])
                target[to + i] = code(p, rescaled_sum(p, a, b))


@helper
def rescaled_product(p: Any, first: Any, second: Any) -> Any:
    """Multiply two centered codes and rescale to the output."""
    x = np.int64(np.int32(np.int32(first * second) << np.int32(p.output_left_shift)))
    return rescale(x, p.output_multiplier, p.output_rounding, p.output_sign_mask, p.output_right_shift)


@helper
def centered_input1(p: Any, code: Any) -> Any:
    """Return a code of the first operand of MUL less its zero point."""
    return np.int32((np.int32(code) ^ np.int32(p.sign_flip)) - np.int32(p.input1_zero_point))


@helper
def centered_input2(p: Any, code: Any) -> Any:
    """Return a code of the second operand of MUL less its zero point."""
    return np.int32((np.int32(code) ^ np.int32(p.sign_flip)) - np.int32(p.input2_zero_point))


@helper
def prelu_value(p: Any, first: Any, second: Any) -> Any:
    """Rescale a centered code, or its product with alpha where it is negative."""
    x = np.int64(np.int32(np.int32(first) << np.int32(p.positive_left_shift)))
    positive = rescale(x, p.positive_multiplier, p.positive_rounding, p.positive_sign_mask, p.positive_right_shift)
    negative = rescaled_product(p, first, second)
    return positive if first >= 0 else negative


def mul8(block: Any) -> None:
    """MUL."""
    p = read_block(block, MUL8)
    first, second = uint8_view(p.input1, p.input1_size), uint8_view(p.input2, p.input2_size)
    target = uint8_view(p.output, box_size(int64_view(p.sizes, p.rank), p.rank))
    multiply_rows(p, first, second, target, rescaled_product, to_code)


def mul16(block: Any) -> None:
    """MUL of 16 bits."""
    p = read_block(block, MUL16)
    first, second = int16_view(p.input1, p.input1_size), int16_view(p.input2, p.input2_size)
    target = int16_view(p.output, box_size(int64_view(p.sizes, p.rank), p.rank))
    multiply_rows(p, first, second, target, rescaled_product, to_code16)


def prelu8(block: Any) -> None:
    """PRELU; ``positive`` rescales what is not negative, ``output`` what is multiplied by alpha."""
    p = read_block(block, PRELU8)
    first, second = uint8_view(p.input1, p.input1_size), uint8_view(p.input2, p.input2_size)
    target = uint8_view(p.output, box_size(int64_view(p.sizes, p.rank), p.rank))
    multiply_rows(p, first, second, target, prelu_value, to_code)


def prelu16(block: Any) -> None:
    """PRELU of 16 bits; so has alpha."""
    p = read_block(block, PRELU16)
    first, second = int16_view(p.input1, p.input1_size), int16_view(p.input2, p.input2_size)
    target = int16_view(p.output, box_size(int64_view(p.sizes, p.rank), p.rank))
    multiply_rows(p, first, second, target, prelu_value, to_code16)


@fragment
def multiply_rows(p: Any, first: Any, second: Any, target: Any, value: Any, code: Any) -> None:
    """Multiply row by row; the second operand is the one that may stay along a row, as factors can be swapped."""
    sizes = int64_view(p.sizes, p.rank)
    strides1 = int64_view(p.input1_strides, p.rank)
    strides2 = int64_view(p.input2_strides, p.rank)
    last = p.rank - 1
    run = sizes[last]
    for row in range(box_size(sizes, last)):
        at1 = box_offset(row, sizes, strides1, last)
        at2 = box_offset(row, sizes, strides2, last)
        to = row * run
        if strides2[last] == 0:
            factor = centered_input2(p, second[at2])
            for i in range(run):
                target[to + i] = code(p, value(p, centered_input1(p, first[at1 + i]), factor))
        else:
            for i in range(run):
                a, b = centered_input1(p, first[at1 + i]), centered_input2(p, second[at2 + i])
                target[to + i] = code(p, value(p, a, b))


def greater16(block: Any) -> None:
    """MAXIMUM, and with ``turn`` MINIMUM: of the codes ``^ turn`` the greater is taken."""
    p = read_block(block, GREATER16)
    first, second = int16_view(p.input1, p.input1_size), int16_view(p.input2, p.input2_size)
    target = int16_view(p.output, box_size(int64_view(p.sizes, p.rank), p.rank))
    compare_rows(p, first, second, target, np.int16(p.turn))


@fragment
def compare_rows(p: Any, first: Any, second: Any, target: Any, turn: Any) -> None:
    """Take the greater codes row by row."""
    sizes = int64_view(p.sizes, p.rank)
    strides1 = int64_view(p.input1_strides, p.rank)
    strides2 = int64_view(p.input2_strides, p.rank)
    last = p.rank - 1
    run = sizes[last]
    for row in range(box_size(sizes, last)):
        at1 = box_offset(row, sizes, strides1, last)
        at2 = box_offset(row, sizes, strides2, last)
        to = row * run
        if strides2[last] == 0:
            b = second[at2] ^ turn
            for i in range(run):
                target[to + i] = max(first[at1 + i] ^ turn, b) ^ turn
        else:
            for i in range(run):
                target[to + i] = max(first[at1 + i] ^ turn, second[at2 + i] ^ turn) ^ turn
