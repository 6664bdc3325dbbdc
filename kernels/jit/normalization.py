"""L2_NORMALIZATION and LOG_SOFTMAX of 8-bit codes, row by row, in the fixed point of ``kernels/gemmlowp.py``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .addressing import helper, int32_view, read_block, uint8_view
from .arg_max import greatest_code
from .layouts import fields
from .softmax import (
    ACCUMULATION_INTEGER_BITS,
    INT32_MAX,
    INT32_MIN,
    bit_length,
    multiply,
    one_over_one_plus_x,
    saturate,
)

L2_NORMALIZATION8 = fields("l2_normalization8")
LOG_SOFTMAX8 = fields("log_softmax8")

ROOT = math.sqrt(math.sqrt(2.0))
LOG_INTEGER_BITS = 5
DROPPED_BITS = 31 - LOG_INTEGER_BITS - 4  # the output's scale is 1/16
UNIT = 1 << (31 - LOG_INTEGER_BITS - 1)


def _constant(real: float, integer_bits: int) -> int:
    return round(real * 2.0 ** (31 - integer_bits))


SQUARE_ROOT_OF_HALF = _constant(math.sqrt(0.5), 0)
THREE_HALVES = _constant(1.5, 3)
LOG_2 = _constant(math.log(2), 0)
CENTER = _constant(1 / ROOT, 0)
CUBIC = _constant(11 / 240 * ROOT, 0)
INNER = _constant(2 / ROOT - ROOT, 0)
TWENTIETH = _constant(ROOT / 20, 0)
QUARTER = _constant(ROOT / 4, 0)


@helper
def wrap(x: Any) -> Any:
    """Cut to int32, kept as int64."""
    return np.int64(np.int32(x))


@helper
def divide_by_power(x: Any, exponent: Any) -> Any:
    """Divide by a power of 2, halves away from zero."""
    below = np.int64(1) if x < 0 and exponent > 0 else np.int64(0)
    return (x + ((np.int64(1) << exponent) >> 1) - below) >> exponent


@helper
def requantize(x: Any, multiplier: Any, shift: Any, single: Any) -> Any:
    """Multiply by a Q0.31 multiplier and a power of 2, rounding once or twice."""
    if single:
        total_shift = 31 - shift
        return wrap((x * multiplier + (np.int64(1) << (total_shift - 1))) >> total_shift)
    return divide_by_power(multiply(wrap(x << max(shift, 0)), multiplier), max(-shift, 0))


@helper
def inverse_square_root(x: Any) -> Any:
    """Return ``1 / sqrt(x)`` as a multiplier and a shift, as ``kernels/inverse_square_root.py`` does."""
    shift = np.int64(11)
    x = max(x, np.int64(1))
    is_one = x == 1
    while x >= 1 << 29:
        x >>= 2
        shift += 1
    pairs = (31 - bit_length(x)) // 2 - 1
    x <<= 2 * pairs
    shift -= pairs
    half = ((x >> 1) + 1) >> 1
    root = np.int64(1 << 28)
    for _ in range(5):
        cube = saturate(multiply(multiply(root, root), root) << 6)
        root = saturate((multiply(np.int64(THREE_HALVES), root) - multiply(half, cube)) << 3)
    multiplier = multiply(root, np.int64(SQUARE_ROOT_OF_HALF))
    if is_one:
        return np.int64(INT32_MAX), np.int64(0)
    return saturate(multiplier << max(-shift, 0)), -max(shift, 0)


def l2_normalization8(block: Any) -> None:
    """Divide each row by its length: codes times ``factor`` are requantized with its reciprocal and ``shift``."""
    p = read_block(block, L2_NORMALIZATION8)
    source, target = uint8_view(p.input, p.rows * p.depth), uint8_view(p.output, p.rows * p.depth)
    for row in range(p.rows):
        at = row * p.depth
        total = np.int64(0)
        for i in range(p.depth):
            x = centered(p, source[at + i])
            total += x * x
        multiplier, shift = inverse_square_root(wrap(total))
        for i in range(p.depth):
            x = requantize(centered(p, source[at + i]) * p.factor, multiplier, shift + p.shift, p.single)
            target[at + i] = min(max(x + p.output_zero_point, p.code_min), p.code_max) & 0xFF


@helper
def centered(p: Any, code: Any) -> Any:
    """Return a code less its zero point."""
    return np.int64(code ^ np.uint8(p.sign_flip)) - p.input_zero_point


@helper
def logarithm(raw: Any) -> Any:
    """Return the logarithm of a number of at least 1, Q12.19 to Q5.26, as ``kernels/activations/log_softmax.py``."""
    headroom_a = 31 - bit_length(raw)
    factor_a = saturate(multiply(raw << headroom_a, np.int64(SQUARE_ROOT_OF_HALF)) << 1)
    power_a = (ACCUMULATION_INTEGER_BITS - headroom_a - 1) * UNIT + (UNIT >> 2)
    headroom_b = 31 - bit_length(multiply(raw, np.int64(SQUARE_ROOT_OF_HALF)))
    factor_b = saturate(raw << headroom_b)
    power_b = (ACCUMULATION_INTEGER_BITS - headroom_b) * UNIT - (UNIT >> 2)
    factor, power = min(factor_a, factor_b), saturate(max(power_a, power_b))
    middle = (factor + CENTER + 1) >> 1
    q = wrap(2 * wrap(factor - CENTER))
    squared = multiply(q, q)
    numerator = wrap(multiply(q, factor) + multiply(multiply(q, squared), np.int64(CUBIC)))
    inner = wrap(wrap(INNER + q) + multiply(np.int64(TWENTIETH), squared))
    denominator_minus_one = wrap(multiply(middle, inner) + multiply(np.int64(QUARTER), q))
    scaled_numerator = divide_by_power(numerator, LOG_INTEGER_BITS + 1)
    fraction = multiply(scaled_numerator, one_over_one_plus_x(denominator_minus_one))
    return saturate(wrap(multiply(power, np.int64(LOG_2)) + fraction) << 1)


def log_softmax8(block: Any) -> None:
    """LOG_SOFTMAX over rows; ``exponentials`` and ``scaled`` are by the difference to the row's greatest code.

    A sum of exponentials must fit int32.
    """
    p = read_block(block, LOG_SOFTMAX8)
    source, target = uint8_view(p.input, p.rows * p.depth), uint8_view(p.output, p.rows * p.depth)
    exponentials, scaled = int32_view(p.exponentials, 256), int32_view(p.scaled, 256)
    for row in range(p.rows):
        at = row * p.depth
        greatest = greatest_code(source, at, p.depth, p.sign_flip)
        total = np.int64(0)
        for i in range(p.depth):
            total += np.int64(exponentials[greatest - np.int64(source[at + i] ^ np.uint8(p.sign_flip))])
        log_total = logarithm(total)
        lowest = requantize(wrap(log_total + INT32_MIN), p.reverse_multiplier, p.reverse_shift, p.single)
        least = max(p.diff_min - 1, lowest)
        for i in range(p.depth):
            difference = greatest - np.int64(source[at + i] ^ np.uint8(p.sign_flip))
            x = divide_by_power(wrap(np.int64(scaled[difference]) - log_total), DROPPED_BITS)
            code = min(max(x + p.output_zero_point, p.output_min), p.output_max)
            target[at + i] = (code if -difference > least else p.output_min) & 0xFF
