"""SOFTMAX of 8-bit codes, in the fixed point of ``kernels/gemmlowp.py``, and of 16-bit codes, by tables."""

from __future__ import annotations

from typing import Any

import numpy as np

from .addressing import fragment, helper, int16_view, int32_view, read_block, uint8_view
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
    while x > 0:
        x >>= 1
        bits += 1
    return bits


def softmax8(block: Any) -> None:
    """SOFTMAX over rows; ``exponentials`` and ``terms`` are by the difference to the row's greatest code."""
    p = read_block(block, SOFTMAX8)
    target = uint8_view(p.output, p.rows * p.depth)
    for row in range(p.rows):
        at = row * p.depth
        greatest, scale, bits = prepare_row(p, at)
        exponent = bits - 32 + ACCUMULATION_INTEGER_BITS + 31 - 8
        for i in range(p.depth):
            target[at + i] = min(quotient(p, at + i, greatest, scale, exponent), 255) ^ p.sign_flip


def softmax8_to_16(block: Any) -> None:
    """Do the same with outputs of 16 bits."""
    p = read_block(block, SOFTMAX8_TO_16)
    target = int16_view(p.output, p.rows * p.depth)
    for row in range(p.rows):
        at = row * p.depth
        greatest, scale, bits = prepare_row(p, at)
        exponent = bits - 32 + ACCUMULATION_INTEGER_BITS + 31 - 16
        for i in range(p.depth):
            target[at + i] = np.int16(min(quotient(p, at + i, greatest, scale, exponent), (1 << 16) - 1) - (1 << 15))


@fragment
def prepare_row(p: Any, at: Any) -> Any:
    """Return the row's greatest code, one over the sum of its exponentials, and the bits of that sum."""
    source, terms = uint8_view(p.input, p.rows * p.depth), int32_view(p.terms, 256)
    greatest: Any = 0
    for i in range(p.depth):
        greatest = max(greatest, np.int64(source[at + i] ^ np.uint8(p.sign_flip)))
    total: Any = 0
    for i in range(p.depth):
        total += np.int64(terms[greatest - np.int64(source[at + i] ^ np.uint8(p.sign_flip))])
    bits = bit_length(total)
    normalized = total << (32 - bits) if bits <= 32 else total >> (bits - 32)
    return greatest, one_over_one_plus_x(normalized - (1 << 31)), bits


@helper
def quotient(p: Any, at: Any, greatest: Any, scale: Any, exponent: Any) -> Any:
    """Return the exponential of one code over their sum, rounded at ``exponent``."""
    source, exponentials = uint8_view(p.input, p.rows * p.depth), int32_view(p.exponentials, 256)
    exponential = exponentials[greatest - np.int64(source[at] ^ np.uint8(p.sign_flip))]
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
