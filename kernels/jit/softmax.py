"""SOFTMAX of 8-bit codes, in the fixed point of ``kernels/gemmlowp.py``, and of 16-bit codes, by tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import fragment, helper, int16_view, int32_view, read_block, uint8_view
from .arg_max import greatest_code
from .byte_vectors import HAS_SHUFFLES, WIDE, load_bytes, look_up_anew, splat_bytes, store_bytes
from .layouts import fields

SOFTMAX8 = fields("softmax8")
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


@helper
def bit_length(x: Any) -> Any:
    """Return the number of bits of a non-negative number."""
    bits = 0
    for step in (32, 16, 8, 4, 2, 1):
        more = x >> step > 0
        x = x >> step if more else x
        bits = bits + step if more else bits
    return bits + x


def softmax8(block: Any) -> None:
    """SOFTMAX over rows; ``exponentials`` and ``terms`` are by the difference to the row's greatest code.

    In a long row the quotient of every code is computed once.
    """
    p = read_block(block, SOFTMAX8)
    source, target = uint8_view(p.input, p.rows * p.depth), uint8_view(p.output, p.rows * p.depth)
    quotients = uint8_view(p.quotients, 256)
    for row in range(p.rows):
        at = row * p.depth
        greatest, scale, bits = prepare_row(p, at)
        exponent = bits - 32 + ACCUMULATION_INTEGER_BITS + 31 - 8
        if p.depth >= _LONG_ROW:
            tabulate(p, quotients, greatest, scale, exponent)
            look_up_row(quotients, source, target, at, p.depth)
        else:
            for i in range(p.depth):
                difference = greatest - np.int64(source[at + i] ^ np.uint8(p.sign_flip))
                target[at + i] = min(quotient(p, difference, scale, exponent), 255) ^ p.sign_flip


_LONG_ROW = 64


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
        greatest, scale, bits = prepare_row(p, at)
        exponent = bits - 32 + ACCUMULATION_INTEGER_BITS + 31 - 16
        for i in range(p.depth):
            difference = greatest - np.int64(source[at + i] ^ np.uint8(p.sign_flip))
            target[at + i] = np.int16(min(quotient(p, difference, scale, exponent), (1 << 16) - 1) - (1 << 15))


@fragment
def prepare_row(p: Any, at: Any) -> Any:
    """Return the row's greatest code, one over the sum of its exponentials, and the bits of that sum."""
    source, terms = uint8_view(p.input, p.rows * p.depth), int32_view(p.terms, 256)
    greatest = greatest_code(source, at, p.depth, p.sign_flip)
    total: Any = 0
    for i in range(p.depth):
        total += np.int64(terms[greatest - np.int64(source[at + i] ^ np.uint8(p.sign_flip))])
    bits = bit_length(total)
    normalized = total << (32 - bits) if bits <= 32 else total >> (bits - 32)
    return greatest, one_over_one_plus_x(normalized - (1 << 31)), bits


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
