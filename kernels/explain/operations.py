"""The operations that narrated steps consist of, on Python's integers and floats.

Each is a function of the step's operands by name. The names are what ``q31 explain --json`` gives, so that a program
can compute every step again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

Number: TypeAlias = "int | float"
Operand: TypeAlias = "int | float | str | Sequence[int | float]"

HIGHEST = 2**31 - 1


def wrap(x: int, bits: int) -> int:
    """Return the signed number of so many bits that has the same lower bits."""
    return (x + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def half_away(x: float) -> int:
    """Round to the nearest integer, halves away from zero."""
    whole = math.trunc(x)
    return whole + (int(math.copysign(1, x)) if abs(x - whole) >= 0.5 else 0)


def _real_multiplier(input_scale: float, filter_scale: float, output_scale: float, precision: str) -> float:
    if precision == "float32":
        return float(np.float32(input_scale) * np.float32(filter_scale)) / output_scale
    return input_scale * filter_scale / output_scale


def _quantize_multiplier(real_multiplier: float) -> tuple[int, int]:
    fraction, shift = math.frexp(real_multiplier)
    mantissa = half_away(fraction * 2.0**31)
    if mantissa == 2**31:
        mantissa, shift = 2**30, shift + 1
    return (0, 0) if shift < -31 or not mantissa else (mantissa, shift)


def _high_multiply(a: int, b: int) -> int:
    return min((a * b + 2**30) >> 31, HIGHEST)


def rounding_divide_by_pot(x: int, exponent: int) -> int:
    """Divide by ``2**exponent``, rounding to nearest, halves away from zero."""
    remainder = x & (2**exponent - 1)
    threshold = ((2**exponent - 1) >> 1) + (x < 0)
    return (x >> exponent) + (remainder > threshold)


def _round_float64(x: float) -> int:
    return half_away(x) if -(2.0**31) - 0.5 < x < 2.0**31 - 0.5 else -(2**31)


def _reciprocal_q31(x: int, integer_bits: int) -> int:
    """Return the Q0.31 mantissa of 1/x, as gemmlowp's three Newton-Raphson steps on [1/2, 1] give it."""
    length = x.bit_length()
    half = ((x << (32 - length) if length <= 32 else x >> (length - 32)) - 2**31 + 2**31 - 1 + 1) >> 1

    def left_by_2(raw: int) -> int:
        return max(-(2**31), min(raw << 2, HIGHEST))

    estimate = wrap(round(48 / 17 * 2**29) + _high_multiply(half, round(-32 / 17 * 2**29)), 32)
    for _ in range(3):
        error = 2**29 - _high_multiply(half, estimate)
        estimate = wrap(estimate + left_by_2(_high_multiply(estimate, error)), 32)
    return max(-(2**31), min(estimate << 1, HIGHEST))


def saturating_sum(terms: Sequence[int], low: int, high: int) -> int:
    """Add terms one after the other, held between ``low`` and ``high`` after each."""
    total = 0
    for term in terms:
        total = max(low, min(total + term, high))
    return total


OPERATIONS: Mapping[str, Callable[..., int | float | tuple[int, int]]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide_float32": lambda a, b: float(np.float32(a) / np.float32(b)),
    "divide_half_up": lambda a, b: (a + b // 2) // b,
    "divide_half_away": lambda a, b: (1 if a >= 0 else -1) * ((abs(a) + b // 2) // b),
    "sum": sum,
    "saturating_sum": saturating_sum,
    "maximum": max,
    "minimum": min,
    "wrap": wrap,
    "wrap_int32": lambda x: wrap(x, 32),
    "wrap_int64": lambda x: wrap(x, 64),
    "shift_left": lambda x, by: x << by,
    "clamp": lambda x, low, high: max(low, min(x, high)),
    "look_up": lambda index, table: table[index],
    "real_multiplier": _real_multiplier,
    "quantize_multiplier": _quantize_multiplier,
    "high_multiply": _high_multiply,
    "rounding_divide_by_pot": rounding_divide_by_pot,
    "single_rounding_multiply": lambda x, multiplier, shift: (x * multiplier + (1 << (30 - shift))) >> (31 - shift),
    "reciprocal_q31": _reciprocal_q31,
    "reduce_multiplier": lambda multiplier: (multiplier + 2**15) >> 16 if multiplier < 0x7FFF0000 else 0x7FFF,
    "multiply_by_15_bits": lambda x, multiplier, shift: (x * multiplier + (1 << (14 - shift))) >> (15 - shift),
    "multiply_float64": lambda x, real_multiplier: float(x) * real_multiplier,
    "round_half_away": _round_float64,
}
"""Name -> function of a step's operands. ``sum``, ``maximum`` and ``minimum`` take one: the list of ``terms``."""


def compute(operation: str, operands: Mapping[str, Operand]) -> int | float | tuple[int, int]:
    """Return the result of an operation; ``terms`` is passed by position."""
    function = OPERATIONS[operation]
    if "terms" in operands:
        others = {name: operand for name, operand in operands.items() if name != "terms"}
        return function(operands["terms"], **others)
    return function(**operands)
