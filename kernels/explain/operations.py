"""The operations that narrated steps consist of, on Python's integers and floats.

Each is a function of the step's operands by name. The names are what ``q31 explain --json`` gives, so that a program
can compute every step again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

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


def _float32(x: Any) -> float:
    with np.errstate(all="ignore"):
        return float(np.float32(x))


def _wrapping_product(terms: Sequence[int], bits: int) -> int:
    product = 1
    for term in terms:
        product = wrap(product * term, bits)
    return product


def _divide_truncating(a: int, b: int) -> int:
    return (1 if (a < 0) == (b < 0) else -1) * (abs(a) // abs(b))


def _saturating_shift_left(x: int, by: int, bits: int) -> int:
    return max(-(2 ** (bits - 1)), min(x << by, 2 ** (bits - 1) - 1))


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


def _multiply_by_15_bits(x: int, multiplier: int, shift: int) -> int:
    """Multiply in int64, where distances of shifts count modulo 64."""
    half = wrap(1 << ((14 - shift) & 63), 64)
    return wrap(x * multiplier + half, 64) >> ((15 - shift) & 63)


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


def _inverse_square_root(x: int) -> tuple[int, int]:
    from ..inverse_square_root import inverse_square_root

    mantissa, shift = inverse_square_root(x)
    return int(mantissa), int(shift)


def _log_q5_26(x: int) -> int:
    """Return the logarithm in Q5.26 of a number of at least 1 in Q12.19."""
    from ..activations.log_softmax import log_at_least_one

    return int(log_at_least_one(x, 12, 5))


def _logistic_int16(x: int, integer_bits: int) -> int:
    from ..recurrent.gemmlowp16 import logistic

    return int(logistic(x, integer_bits))


def _tanh_int16(x: int, integer_bits: int) -> int:
    from ..recurrent.gemmlowp16 import tanh

    return int(tanh(x, integer_bits))


OPERATIONS: Mapping[str, Callable[..., int | float | tuple[int, int]]] = {
    "copy": lambda x: x,
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "negate": lambda x: -x,
    "absolute": lambda x: abs(x),
    "add_float32": lambda a, b: _float32(np.float32(a) + np.float32(b)),
    "subtract_float32": lambda a, b: _float32(np.float32(a) - np.float32(b)),
    "multiply_float32": lambda a, b: _float32(np.float32(a) * np.float32(b)),
    "divide_float32": lambda a, b: _float32(np.float32(a) / np.float32(b)),
    "divide_float64": lambda a, b: a / b,
    "square_root_float32": lambda x: _float32(np.sqrt(np.float32(x))),
    "as_float32": _float32,
    "truncate_float": lambda x: int(x) if -(2.0**31) <= x < 2.0**31 else -(2**31),
    "divide_truncating": _divide_truncating,
    "floor_divide": lambda a, b: a // b,
    "floor_modulo": lambda a, b: a % b,
    "xor": lambda a, b: a ^ b,
    "and": lambda a, b: a & b,
    "divide_half_up": lambda a, b: (a + b // 2) // b,
    "divide_half_away": lambda a, b: (1 if a >= 0 else -1) * ((abs(a) + b // 2) // b),
    "sum": sum,
    "saturating_sum": saturating_sum,
    "wrap": wrap,
    "wrapping_product": _wrapping_product,
    "maximum": max,
    "minimum": min,
    "index_of_maximum": lambda terms: list(terms).index(max(terms)),
    "index_of_minimum": lambda terms: list(terms).index(min(terms)),
    "equal": lambda a, b: int(a == b),
    "not_equal": lambda a, b: int(a != b),
    "greater": lambda a, b: int(a > b),
    "greater_equal": lambda a, b: int(a >= b),
    "less": lambda a, b: int(a < b),
    "less_equal": lambda a, b: int(a <= b),
    "sign": lambda x: -1 if x < 0 else 1,
    "modulo": lambda x, by: x % by,
    "wrap_int8": lambda x: wrap(x, 8),
    "wrap_int16": lambda x: wrap(x, 16),
    "wrap_int32": lambda x: wrap(x, 32),
    "wrap_int64": lambda x: wrap(x, 64),
    "shift_left": lambda x, by: x << by,
    "shift_right": lambda x, by: x >> by,
    "saturating_shift_left": _saturating_shift_left,
    "clamp": lambda x, low, high: min(max(x, low), high),
    "look_up": lambda index, table: table[index],
    "real_multiplier": _real_multiplier,
    "quantize_multiplier": _quantize_multiplier,
    "high_multiply_int16": lambda a, b: min((a * b + 2**14) >> 15, 2**15 - 1),
    "inverse_square_root": _inverse_square_root,
    "logistic_int16": _logistic_int16,
    "tanh_int16": _tanh_int16,
    "log_q5_26": _log_q5_26,
    "rounding_divide_by_pot": rounding_divide_by_pot,
    "reciprocal_q31": _reciprocal_q31,
    "reduce_multiplier": lambda multiplier: (multiplier + 2**15) >> 16 if multiplier < 0x7FFF0000 else 0x7FFF,
    "multiply_by_15_bits": _multiply_by_15_bits,
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
