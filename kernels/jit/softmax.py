"""SOFTMAX of 8-bit codes, in the fixed point of ``kernels/gemmlowp.py``, and of 16-bit codes, by tables."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from .addressing import fragment, helper, int16_view, int32_view, int64_view, read_block, uint8_view
from .arg_max import greatest_code
from .byte_vectors import HAS_SHUFFLES, WIDE, load_bytes, look_up_anew, splat_bytes, store_bytes
from .dividing import rows_of_part
from .layouts import fields
from .vector_types import define
from .vectors import LANES, choose_below, load_int32, multiply_rounded, splat_int32, store_int32

SOFTMAX8 = fields("softmax8")
SOFTMAX8_OF_FEW = fields("softmax8_of_few")
SOFTMAX8_TO_16 = fields("softmax8_to_16")
SOFTMAX16 = fields("softmax16")

INT32_MAX = 2**31 - 1
INT32_MIN = -(2**31)
F48_OVER_17 = 1515870810  # Q2.29
MINUS_32_OVER_17 = -1010580540
ONE = 1 << 29
ACCUMULATION_INTEGER_BITS = 12


@helper
def multiply(a: Any, b: Any) -> Any:
    """Multiply fixed-point numbers: the high half of the doubled product, rounded. INT32_MIN squared does not occur."""
    return (a * b + (1 << 30)) >> 31


@helper
def saturate(x: Any) -> Any:
    """Clamp to int32."""
    return min(max(x, INT32_MIN), INT32_MAX)


@helper
def one_over_one_plus_x(x: Any) -> Any:
    """Return 1 / (1 + x) for x in [0, 1], Q0.31, by Newton-Raphson."""
    half_denominator = (x + INT32_MAX + 1) >> 1
    y = F48_OVER_17 + multiply(half_denominator, MINUS_32_OVER_17)
    for _ in range(3):
        y += saturate(multiply(y, ONE - multiply(half_denominator, y)) << 2)
    return saturate(y << 1)


def _generate_bit_length(builder: ir.IRBuilder, kind: Any, x: Any) -> Any:
    return builder.sub(ir.Constant(kind, 64), builder.ctlz(x, ir.Constant(ir.IntType(1), 0)))


bit_length = define(types.int64(types.int64), _generate_bit_length, lambda x: int(x).bit_length())
"""``bit_length(x)``: the number of bits of a number that is not negative."""


def softmax8(block: Any) -> None:
    """SOFTMAX over long rows; ``exponentials`` and ``terms`` are by the difference to the row's greatest code.

    The quotient of every code is computed once a row.
    """
    p = read_block(block, SOFTMAX8)
    source, target = uint8_view(p.input, p.rows * p.depth), uint8_view(p.output, p.rows * p.depth)
    quotients = uint8_view(p.quotients, 256)
    first, end = rows_of_part(p, p.rows)
    for row in range(first, end):
        at = row * p.depth
        greatest, normalized, bits = add_row(p, at)
        scale = one_over_one_plus_x(normalized - (1 << 31))
        tabulate(p, quotients, greatest, scale, bits + _EXPONENT - 8)
        look_up_row(quotients, source, target, at, p.depth)


def softmax8_of_few(block: Any) -> None:
    """SOFTMAX over short rows, of 16 at a time the reciprocals of the sums together."""
    p = read_block(block, SOFTMAX8_OF_FEW)
    source, target = uint8_view(p.input, p.rows * p.depth), uint8_view(p.output, p.rows * p.depth)
    row, end = rows_of_part(p, p.rows)
    sums, scales = int32_view(p.sums, 2 * LANES), int32_view(p.sums + 4 * LANES, LANES)
    greatest, exponents = int64_view(p.ends, LANES), int64_view(p.ends + 8 * LANES, LANES)
    while row < end:
        count = min(end - row, LANES)
        for i in range(count):
            greatest[i], normalized, bits = add_row(p, (row + i) * p.depth)
            sums[i] = np.int32(normalized >> 1)
            exponents[i] = bits + _EXPONENT - 8
        store_int32(scales, 0, reciprocals(load_int32(sums, 0)))
        for i in range(count):
            at, scale, exponent = (row + i) * p.depth, np.int64(scales[i]), exponents[i]
            for j in range(at, at + p.depth):
                difference = greatest[i] - np.int64(source[j] ^ np.uint8(p.sign_flip))
                target[j] = min(quotient(p, difference, scale, exponent), 255) ^ p.sign_flip
        row += count


@helper
def reciprocals(halves: Any) -> Any:
    """Return what :func:`one_over_one_plus_x` returns, by half of 1 + x; in int32, of which nothing goes beyond."""
    y = splat_int32(F48_OVER_17) + multiply_rounded(halves, splat_int32(MINUS_32_OVER_17))
    one = splat_int32(ONE)
    for _ in range(3):
        y = y + (multiply_rounded(y, one - multiply_rounded(halves, y)) << splat_int32(2))
    return choose_below(y, splat_int32(1 << 30), y << splat_int32(1), splat_int32(INT32_MAX))


_EXPONENT = ACCUMULATION_INTEGER_BITS - 1


@fragment
def tabulate(p: Any, quotients: Any, greatest: Any, scale: Any, exponent: Any) -> None:
    """Write the quotient of each code up to the greatest; where they are ``falling``, 0 is followed by 0."""
    for i in range(0, 256, WIDE):
        store_bytes(quotients, i, splat_bytes(p.sign_flip))
    for difference in range(greatest + 1):
        code = min(quotient(p, difference, scale, exponent), 255)
        if code == 0 and p.falling:
            break
        quotients[(greatest - difference) ^ p.sign_flip] = code ^ p.sign_flip


@fragment
def look_up_row(table: Any, source: Any, target: Any, at: Any, depth: Any) -> None:
    """Put a long row through a table."""
    if HAS_SHUFFLES:
        i = 0
        while i < depth:
            i = min(i, depth - WIDE)
            store_bytes(target, at + i, look_up_anew(table, load_bytes(source, at + i)))
            i += WIDE
    else:
        for i in range(depth):
            target[at + i] = table[source[at + i]]


def softmax8_to_16(block: Any) -> None:
    """Do the same with outputs of 16 bits."""
    p = read_block(block, SOFTMAX8_TO_16)
    source = uint8_view(p.input, p.rows * p.depth)
    target = int16_view(p.output, p.rows * p.depth)
    for row in range(p.rows):
        at = row * p.depth
        greatest, normalized, bits = add_row(p, at)
        scale, exponent = one_over_one_plus_x(normalized - (1 << 31)), bits + _EXPONENT - 16
        for i in range(p.depth):
            difference = greatest - np.int64(source[at + i] ^ np.uint8(p.sign_flip))
            target[at + i] = np.int16(min(quotient(p, difference, scale, exponent), (1 << 16) - 1) - (1 << 15))


@fragment
def add_row(p: Any, at: Any) -> Any:
    """Return the row's greatest code, the sum of its exponentials as 32 bits of which the first is 1, and its bits."""
    source, terms = uint8_view(p.input, p.rows * p.depth), int32_view(p.terms, 256)
    greatest = greatest_code(source, at, p.depth, p.sign_flip)
    total: Any = 0
    for i in range(p.depth):
        total += np.int64(terms[greatest - np.int64(source[at + i] ^ np.uint8(p.sign_flip))])
    bits = bit_length(total)
    normalized = total << (32 - bits) if bits <= 32 else total >> (bits - 32)
    return greatest, normalized, bits


@helper
def quotient(p: Any, difference: Any, scale: Any, exponent: Any) -> Any:
    """Return the exponential of a difference over their sum, rounded at ``exponent``."""
    exponential = int32_view(p.exponentials, 256)[difference]
    return (multiply(scale, np.int64(exponential)) + (np.int64(1) << (exponent - 1))) >> exponent


@helper
def interpolate(table: Any, x: Any) -> Any:
    """Interpolate in a table of 513 samples: the upper 9 bits of an int16 select, the lower 7 interpolate."""
    index = 256 + (x >> 7)
    base = np.int64(table[index])
    slope = np.int64(np.int16(np.int64(table[index + 1]) - base))
    return base + ((slope * (x & 127) + 64) >> 7)


def softmax16(block: Any) -> None:
    """SOFTMAX over rows; ``exponentials`` is by the difference to the row's greatest code."""
    p = read_block(block, SOFTMAX16)
    source = int16_view(p.input, p.rows * p.depth)
    target = int16_view(p.output, p.rows * p.depth)
    exponentials = int16_view(p.exponentials, 1 << 16)
    reciprocals = int16_view(p.reciprocals, 513)
    for row in range(p.rows):
        at = row * p.depth
        greatest: Any = -(1 << 15)
        for i in range(p.depth):
            greatest = max(greatest, np.int64(source[at + i]))
        total: Any = 0
        for i in range(p.depth):
            target[at + i] = exponentials[greatest - np.int64(source[at + i])]
            total += np.int64(target[at + i])
        headroom = 32 - bit_length(total)
        shifted = ((total << max(headroom - 1, 0)) + (1 << 13)) >> 14
        scale = interpolate(reciprocals, min(max(shifted - (1 << 15) - (1 << 16), -(1 << 15)), (1 << 15) - 1))
        right_shift = 31 - headroom
        for i in range(p.depth):
            product = np.int64(target[at + i]) * scale
            result = (product + (np.int64(1) << (right_shift - 1))) >> right_shift
            target[at + i] = np.int16(min(max(result, 0), (1 << 15) - 1))
