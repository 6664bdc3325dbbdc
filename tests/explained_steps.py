"""The operations of ``q31 explain``'s steps, defined a second time: what a step of the JSON says is held to these.

They are written for the tests alone, from what docs/explain.md says, in Python's integers; numbers of float32 are
rounded by ``struct``. The iterative functions are held to their real values, within what their iterations reach.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np


def float32(x: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", x))[0])
    except OverflowError:
        return math.copysign(math.inf, x)


def high_multiply(a: int, b: int, bits: int = 32) -> int:
    """gemmlowp's own way: a nudge by the sign, and a division that truncates."""
    half, one = 2 ** (bits - 2), 2 ** (bits - 1)
    if a == b == -one:
        return one - 1
    product = a * b
    nudged = product + (half if product >= 0 else 1 - half)
    return (1 if nudged >= 0 else -1) * (abs(nudged) // one)


def divide_by_pot(x: int, exponent: int) -> int:
    """To nearest, halves away from zero, by comparing twice the rest with the divisor."""
    quotient, rest = divmod(abs(x), 2**exponent)
    return (1 if x >= 0 else -1) * (quotient + (2 * rest >= 2**exponent and exponent > 0))


def nearest(x: float) -> int:
    if not -(2.0**31) - 0.5 < x < 2.0**31 - 0.5:
        return -(2**31)
    return int(math.copysign(math.floor(abs(x)) + (abs(x) - math.floor(abs(x)) >= 0.5), x))


def signed(x: int, bits: int) -> int:
    return int.from_bytes((x % 2**bits).to_bytes(bits // 8, "little"), "little", signed=True)


def multiplier_and_shift(real_multiplier: float) -> list[int]:
    if real_multiplier == 0:
        return [0, 0]
    shift = math.floor(math.log2(real_multiplier)) + 1
    while real_multiplier / 2.0**shift >= 1:
        shift += 1
    while real_multiplier / 2.0**shift < 0.5:
        shift -= 1
    scaled = real_multiplier / 2.0**shift * 2.0**31
    mantissa = math.floor(scaled) + (scaled - math.floor(scaled) >= 0.5)
    mantissa, shift = (2**30, shift + 1) if mantissa == 2**31 else (mantissa, shift)
    return [0, 0] if shift < -31 else [mantissa, shift]


def truncated(a: int, b: int) -> int:
    return (
        int(math.copysign(abs(a) // abs(b), a * b))
        if abs(a) < 2**53
        else (1 if a * b >= 0 else -1) * (abs(a) // abs(b))
    )


def by_15_bits(x: int, multiplier: int, shift: int) -> int:
    """A rounding right shift, by int64 that wraps; distances count modulo 64."""
    total = 15 - shift
    half = 2 ** ((total - 1) % 64)
    return signed(x * multiplier + half, 64) // 2 ** (total % 64)


def saturated(x: int, bits: int) -> int:
    return min(max(x, -(2 ** (bits - 1))), 2 ** (bits - 1) - 1)


OWN: dict[str, Callable[..., Any]] = {
    "copy": lambda x: x,
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "negate": lambda x: 0 - x,
    "absolute": lambda x: x if x >= 0 else -x,
    "add_float32": lambda a, b: float32(a + b),
    "subtract_float32": lambda a, b: float32(a - b),
    "multiply_float32": lambda a, b: float32(a * b),
    "divide_float32": lambda a, b: float32(float32(a) / float32(b)),
    "divide_float64": lambda a, b: a / b,
    "square_root_float32": lambda x: float32(math.sqrt(x)),
    "as_float32": float32,
    "truncate_float": lambda x: math.trunc(x) if -(2.0**31) <= x < 2.0**31 else -(2**31),
    "divide_truncating": truncated,
    "floor_divide": lambda a, b: divmod(a, b)[0],
    "floor_modulo": lambda a, b: a - b * divmod(a, b)[0],
    "xor": lambda a, b: (a | b) - (a & b),
    "and": lambda a, b: (a + b) - (a | b),
    "divide_half_up": lambda a, b: math.floor((a + b // 2) / b),
    "divide_half_away": lambda a, b: (1 if a >= 0 else -1) * ((abs(a) + b // 2) // b),
    "sum": lambda terms: sum(terms),
    "saturating_sum": lambda terms, low, high: functools.reduce(lambda a, b: min(max(a + b, low), high), terms, 0),
    "wrap": lambda x, bits: (x + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1),
    "wrapping_product": lambda terms, bits: functools.reduce(lambda a, b: signed(a * b, bits), terms, 1),
    "maximum": lambda terms: sorted(terms)[-1],
    "minimum": lambda terms: sorted(terms)[0],
    "index_of_maximum": lambda terms: next(i for i, x in enumerate(terms) if all(x >= y for y in terms)),
    "index_of_minimum": lambda terms: next(i for i, x in enumerate(terms) if all(x <= y for y in terms)),
    "equal": lambda a, b: 1 if a == b else 0,
    "not_equal": lambda a, b: 0 if a == b else 1,
    "greater": lambda a, b: 1 if b < a else 0,
    "greater_equal": lambda a, b: 0 if a < b else 1,
    "less": lambda a, b: 1 if a < b else 0,
    "less_equal": lambda a, b: 0 if b < a else 1,
    "sign": lambda x: 1 if x >= 0 else -1,
    "modulo": lambda x, by: x - by * (x // by),
    "wrap_int8": lambda x: signed(x, 8),
    "wrap_int16": lambda x: signed(x, 16),
    "wrap_int32": lambda x: signed(x, 32),
    "wrap_int64": lambda x: signed(x, 64),
    "shift_left": lambda x, by: x * 2**by,
    "shift_right": lambda x, by: x // 2**by,
    "saturating_shift_left": lambda x, by, bits: saturated(x * 2**by, bits),
    "clamp": lambda x, low, high: sorted((low, x, high))[1] if low <= high else high,
    "look_up": lambda index, table: table[index],
    "real_multiplier": lambda input_scale, filter_scale, output_scale, precision: (
        (float32(input_scale * filter_scale) if precision == "float32" else input_scale * filter_scale) / output_scale
    ),
    "quantize_multiplier": multiplier_and_shift,
    "rounding_divide_by_pot": divide_by_pot,
    "high_multiply_int16": lambda a, b: high_multiply(a, b, 16),
    "reduce_multiplier": lambda multiplier: min((multiplier + 2**15) // 2**16, 0x7FFF),
    "multiply_by_15_bits": by_15_bits,
    "multiply_float64": lambda x, real_multiplier: float(x) * real_multiplier,
    "round_half_away": nearest,
}
"""Operation -> what it is, of its operands by name."""

NEAR: dict[str, Callable[..., tuple[float, float]]] = {
    "reciprocal_q31": lambda x, integer_bits: (2.0 ** (31 + x.bit_length() - 1) / x, 8),
    "log_q5_26": lambda x: (math.log(max(x, 1) / 2**19) * 2**26, 2**11),
    "logistic_int16": lambda x, integer_bits: (2**15 / (1 + math.exp(-x * 2.0 ** (integer_bits - 15))), 24),
    "tanh_int16": lambda x, integer_bits: (2**15 * math.tanh(x * 2.0 ** (integer_bits - 15)), 24),
}
"""Operation -> the real number that its result is near, and how near."""


def recompute(step: dict[str, Any]) -> None:
    """Hold a step of the JSON to a definition of its own, and its text to its result."""
    operation, operands, result = step["operation"], step["operands"], step["result"]
    if operation == "inverse_square_root":
        mantissa, shift = result
        real = 1 / math.sqrt(max(operands["x"], 1))
        assert abs(mantissa * 2.0 ** (shift - 31) - real) < 4e-6 * real + 2**-31, step
    elif operation in NEAR:
        real, within = NEAR[operation](**operands)
        assert abs(result - real) <= within, step
    else:
        assert OWN[operation](**operands) == result, step
    shown = result if not isinstance(result, list) else result[0]
    with np.errstate(over="ignore"):
        assert any(text in step["text"] for text in (repr(shown), str(shown), str(np.float32(shown)))), step
