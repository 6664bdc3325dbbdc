"""ADD, SUB, MUL, MAXIMUM and MINIMUM of codes of 8 bits, 16 at a time, with broadcasting.

The output is walked row by row, as in :mod:`.elementwise`. Codes are unsigned bytes here, those of int8 with their top
bit flipped, and so are the limits of the clamp; ``output_zero_point`` goes with them.
"""

from __future__ import annotations

from typing import Any

from .addressing import fragment, helper, int16_view, int64_view, read_block, uint8_view
from .byte_vectors import (
    WIDE,
    greater_bytes,
    greater_codes,
    lesser_codes,
    load_bytes,
    load_codes,
    load_first_codes,
    pair_codes,
    pair_with_zeros,
    saturate,
    splat_bytes,
    splat_codes,
    splat_pair_of,
    store_bytes,
    store_codes,
    store_first_codes,
)
from .copies import box_offset, box_size
from .dividing import elements_of_part, rows_of_part
from .layouts import fields
from .vectors import LANES, dot_pairs, multiply_high, splat_int32, splat_pair

WEIGHTED_SUM8 = fields("weighted_sum8")
PRODUCT8 = fields("product8")
GREATER8 = fields("greater8")


def weighted_sum8(block: Any) -> None:
    """ADD and SUB as ``(bias + weight1 * code1 + weight2 * code2) >> right_shift``, where that is exact.

    A weight is ``2**15`` times its upper part, plus its lower part: ``weights`` has the upper two, then the lower two.
    """
    p = read_block(block, WEIGHTED_SUM8)
    weights = int16_view(p.weights, 4)
    upper, lower, bias = splat_pair(weights, 0), splat_pair(weights, 2), splat_int32(p.bias)
    combine_rows(p, weigh, (upper, lower, bias))


@helper
def weigh(p: Any, first: Any, second: Any, constants: Any) -> Any:
    """Return the weighted sum of codes, as bytes that are not clamped yet."""
    upper, lower, bias = constants
    pairs = pair_codes(first, second)
    total = dot_pairs(bias, pairs, lower) + (dot_pairs(splat_int32(0), pairs, upper) << splat_int32(15))
    return saturate(total >> splat_int32(p.right_shift))


def product8(block: Any) -> None:
    """MUL: the product of codes less their zero points, requantized in the form ``NARROW`` of :mod:`.requantize`."""
    p = read_block(block, PRODUCT8)
    constants = (
        splat_pair_of(p.input1_zero_point, 0),
        splat_pair_of(p.input2_zero_point, 0),
        splat_int32(p.bias),
        splat_int32(p.doubled_multiplier),
        splat_int32(p.offset),
        splat_int32(p.sign_mask),
        splat_int32(p.exponent),
    )
    combine_rows(p, multiply, constants)


@helper
def multiply(p: Any, first: Any, second: Any, constants: Any) -> Any:
    """Return the products of codes, as bytes that are not clamped yet.

    The product's sign stands for that of the rounded product: where that is 0, one less does not matter.
    """
    zero1, zero2, bias, multiplier, offset, sign_mask, exponent = constants
    product = dot_pairs(splat_int32(0), pair_with_zeros(first) - zero1, pair_with_zeros(second) - zero2)
    scaled = multiply_high(product + bias, multiplier)
    below = (product >> splat_int32(31)) & sign_mask
    return saturate((scaled + (offset + below)) >> exponent)


def greater8(block: Any) -> None:
    """MAXIMUM, and with other bits flipped MINIMUM: the greater of two codes, of which the second may stay."""
    p = read_block(block, GREATER8)
    if int64_view(p.sizes, p.rank)[p.rank - 1] >= WIDE:
        take_greater_of_rows(p)
    else:
        combine_rows(p, take_greater, 0)


@fragment
def take_greater_of_rows(p: Any) -> None:
    """Walk long rows, 64 codes at a time; of the last 32, some are computed twice."""
    sizes = int64_view(p.sizes, p.rank)
    strides1, strides2 = int64_view(p.input1_strides, p.rank), int64_view(p.input2_strides, p.rank)
    first, second = uint8_view(p.input1, p.input1_size), uint8_view(p.input2, p.input2_size)
    target = uint8_view(p.output, box_size(sizes, p.rank))
    last, flip = p.rank - 1, splat_bytes(p.sign_flip)
    run, step2 = sizes[last], strides2[last]
    begin, end = elements_of_part(p, run) if last == 0 else (0, run)
    first_row, last_row = (0, 1) if last == 0 else rows_of_part(p, box_size(sizes, last))
    for row in range(first_row, last_row):
        at1, at2 = box_offset(row, sizes, strides1, last), box_offset(row, sizes, strides2, last)
        b = splat_bytes(second[at2]) ^ flip
        c = b
        i = begin
        while i < end:
            if i > run - 2 * WIDE:
                i = min(i, run - WIDE)
                b = b if step2 == 0 else load_bytes(second, at2 + i) ^ flip
                store_bytes(target, row * run + i, greater_bytes(load_bytes(first, at1 + i) ^ flip, b) ^ flip)
                i += WIDE
            else:
                if step2 != 0:
                    b, c = load_bytes(second, at2 + i) ^ flip, load_bytes(second, at2 + i + WIDE) ^ flip
                a = load_bytes(first, at1 + i + WIDE) ^ flip
                store_bytes(target, row * run + i, greater_bytes(load_bytes(first, at1 + i) ^ flip, b) ^ flip)
                store_bytes(target, row * run + i + WIDE, greater_bytes(a, c) ^ flip)
                i += 2 * WIDE


@helper
def take_greater(p: Any, first: Any, second: Any, constants: Any) -> Any:
    """Return the greater codes."""
    return greater_codes(first, second)


@fragment
def combine_rows(p: Any, combine: Any, constants: Any) -> None:
    """Walk the rows of this part of the work, or its part of the only row."""
    first, second = uint8_view(p.input1, p.input1_size), uint8_view(p.input2, p.input2_size)
    target = uint8_view(p.output, box_size(int64_view(p.sizes, p.rank), p.rank))
    sizes = int64_view(p.sizes, p.rank)
    strides1, strides2 = int64_view(p.input1_strides, p.rank), int64_view(p.input2_strides, p.rank)
    last = p.rank - 1
    run, step1, step2 = sizes[last], strides1[last], strides2[last]
    begin, end = elements_of_part(p, run) if last == 0 else (0, run)
    first_row, last_row = (0, 1) if last == 0 else rows_of_part(p, box_size(sizes, last))
    for row in range(first_row, last_row):
        at1 = box_offset(row, sizes, strides1, last) + begin * step1
        at2 = box_offset(row, sizes, strides2, last) + begin * step2
        to, count = row * run + begin, end - begin
        i = 0
        while i < count:
            if count >= LANES:  # of the last vector, some are computed twice
                i = min(i, count - LANES)
                a = load_operand(p, first, at1, i, step1)
                b = load_operand(p, second, at2, i, step2)
                store_codes(target, to + i, clamped(p, combine(p, a, b, constants)))
            else:
                a = load_part(p, first, at1, count, step1)
                b = load_part(p, second, at2, count, step2)
                store_first_codes(target, to, clamped(p, combine(p, a, b, constants)), count)
            i += LANES


@helper
def load_operand(p: Any, view: Any, start: Any, i: Any, step: Any) -> Any:
    """Load the next 16 codes of an operand, or as often the one that it stays at."""
    flip = splat_codes(p.sign_flip)
    if step == 0:
        return splat_codes(view[start]) ^ flip
    return load_codes(view, start + i) ^ flip


@helper
def load_part(p: Any, view: Any, start: Any, count: Any, step: Any) -> Any:
    """Do the same with fewer."""
    flip = splat_codes(p.sign_flip)
    if step == 0:
        return splat_codes(view[start]) ^ flip
    return load_first_codes(view, start, count) ^ flip


@helper
def clamped(p: Any, codes: Any) -> Any:
    """Clamp, and give codes of int8 their top bit back."""
    low, high = splat_codes(p.code_min), splat_codes(p.code_max)
    return lesser_codes(greater_codes(codes, low), high) ^ splat_codes(p.sign_flip)
