"""Fixed-point arithmetic: from a real multiplier to Q0.31 and a shift, and the three ways to apply it.

Everything here works on arrays and broadcasts. Integers wrap as the reference's int32 does.
The rules are those of TFLite's ``kernels/internal/quantization_util.cc`` and ``common.h``, which follow
gemmlowp's ``fixedpoint.h``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .profiles import Rounding

INT32_MIN = -(2**31)
INT32_MAX = 2**31 - 1


def round_half_away(x: Any) -> Any:
    """Round to the nearest integer, halves away from zero (C's ``round``), keeping the floating-point type.

    Parameters
    ----------
    x : float32 or float64 array or scalar.

    Notes
    -----
    ``x - trunc(x)`` is exact, which ``floor(abs(x) + 0.5)`` is not: 0.49999997f + 0.5f rounds to 1.
    """
    truncated = np.trunc(x)
    return truncated + np.where(np.abs(x - truncated) >= 0.5, np.copysign(1, x), 0).astype(np.asarray(x).dtype)


def int32_from_float(x: Any) -> np.ndarray:
    """Convert float32 to int32, cutting the fraction off, as C does on x86: NaN and what does not fit give INT32_MIN.

    Notes
    -----
    C leaves those cases undefined; the instruction ``cvttss2si`` decides them.
    """
    x = np.asarray(x, np.float32)
    fits = (x >= np.float32(-(2.0**31))) & (x < np.float32(2.0**31))
    return np.where(fits, np.where(fits, x, 0).astype(np.int32), np.int32(INT32_MIN))


def quantize_multiplier(real_multiplier: float) -> tuple[int, int]:
    """Write a real multiplier as ``multiplier * 2**(shift - 31)`` with ``multiplier`` in [2**30, 2**31).

    Parameters
    ----------
    real_multiplier : a non-negative float64.

    Returns
    -------
    (multiplier, shift) : the Q0.31 mantissa and the exponent; a positive shift is to the left.
        (0, 0) where the multiplier is zero or below 2**-32.

    Notes
    -----
    Source: ``QuantizeMultiplier`` in ``kernels/internal/quantization_util.cc``.
    """
    multipliers, shifts = quantize_multipliers([real_multiplier])
    return int(multipliers[0]), int(shifts[0])


def quantize_multipliers(real_multipliers: Any) -> tuple[np.ndarray, np.ndarray]:
    """Apply :func:`quantize_multiplier` to each of several (per-channel) multipliers; returns two int32 arrays."""
    fractions, shifts = np.frexp(np.asarray(real_multipliers, np.float64).ravel())
    multipliers = round_half_away(fractions * 2.0**31).astype(np.int64)
    rounded_up = multipliers == 2**31  # the fraction became 1
    multipliers, shifts = np.where(rounded_up, 2**30, multipliers), shifts + rounded_up
    vanishes = (multipliers == 0) | (shifts < -31)
    return np.where(vanishes, 0, multipliers).astype(np.int32), np.where(vanishes, 0, shifts).astype(np.int32)


def saturating_rounding_doubling_high_multiply(a: Any, b: Any) -> np.ndarray:
    """Return the high 32 bits of ``2 * a * b``, rounded; the one overflowing product saturates (int32).

    Notes
    -----
    Source: gemmlowp ``SaturatingRoundingDoublingHighMul``. The C code divides ``a*b + nudge`` by 2**31
    truncating towards zero with a nudge that depends on the sign; ``floor((a*b + 2**30) / 2**31)`` is the
    same number for both signs.
    """
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    return np.minimum((product + (1 << 30)) >> 31, INT32_MAX).astype(np.int32)


def rounding_divide_by_pot(x: Any, exponent: Any) -> np.ndarray:
    """Divide int32 by ``2**exponent``, rounding to nearest, halves away from zero (gemmlowp ``RoundingDivideByPOT``).

    Parameters
    ----------
    x : int32 array.
    exponent : int array, 0 to 31.
    """
    x = np.asarray(x, np.int64)
    exponent = np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    remainder = x & mask
    threshold = (mask >> 1) + (x < 0)
    return ((x >> exponent) + (remainder > threshold)).astype(np.int32)


def multiply_by_quantized_multiplier(
    x: Any, multiplier: Any, shift: Any, rounding: Rounding = Rounding.DOUBLE
) -> np.ndarray:
    """Multiply int32 by a Q0.31 multiplier and a power of two, the step called requantization.

    Parameters
    ----------
    x : int32 array of accumulators.
    multiplier, shift : int32, from :func:`quantize_multiplier`; arrays broadcast (per-channel on the last axis).
    rounding : DOUBLE or SINGLE.

    Returns
    -------
    int32 array.

    Notes
    -----
    Source: ``MultiplyByQuantizedMultiplier`` in ``kernels/internal/common.h``. Under double rounding a left
    shift comes first and wraps as int32 does.
    """
    x = np.asarray(x, np.int32)
    multiplier = np.asarray(multiplier, np.int64)
    shift = np.asarray(shift, np.int64)
    if rounding is Rounding.SINGLE:
        total_shift = 31 - shift
        return ((x * multiplier + (np.int64(1) << (total_shift - 1))) >> total_shift).astype(np.int32)
    shifted = (x.astype(np.int64) << np.maximum(shift, 0)).astype(np.int32)
    high = saturating_rounding_doubling_high_multiply(shifted, multiplier)
    return rounding_divide_by_pot(high, np.maximum(-shift, 0))


def reduce_multiplier(multiplier: Any) -> np.ndarray:
    """Round a Q0.31 multiplier to the 15 bits that int64 accumulators are multiplied with."""
    multiplier = np.asarray(multiplier, np.int64)
    return np.where(multiplier < 0x7FFF0000, (multiplier + (1 << 15)) >> 16, 0x7FFF)


def multiply_int64_by_quantized_multiplier(x: Any, multiplier: Any, shift: Any) -> np.ndarray:
    """Requantize an int64 accumulator (the int16x8 kernels) with the multiplier cut to 15 bits.

    Parameters
    ----------
    x : int64 array of accumulators, within +-2**47.
    multiplier, shift : int32, from :func:`quantize_multiplier`.

    Returns
    -------
    int32 array.

    Notes
    -----
    Source: the ``int64_t`` overload of ``MultiplyByQuantizedMultiplier``. It rounds once, and its bits differ
    from the int32 form's because 16 bits of the multiplier are rounded away first. Multipliers of 2**14 and more
    shift by a negative count, which C leaves undefined and x86 takes modulo 64.
    """
    total_shift = 15 - np.asarray(shift, np.int64)
    half = np.int64(1) << ((total_shift - 1) & 63)
    with np.errstate(over="ignore"):
        return ((np.asarray(x, np.int64) * reduce_multiplier(multiplier) + half) >> (total_shift & 63)).astype(np.int32)


def multiply_in_float64(x: Any, real_multiplier: Any) -> np.ndarray:
    """Requantize in float64: ``round_half_away(float64(x) * real_multiplier)`` as int32.

    Notes
    -----
    Source: the reference FULLY_CONNECTED of LiteRT since April 2025
    (``kernels/internal/reference/integer_ops/fully_connected.h``).
    """
    rounded = round_half_away(np.asarray(x, np.float64) * np.asarray(real_multiplier, np.float64))
    fits = (rounded >= -(2.0**31)) & (rounded < 2.0**31)
    return np.where(fits, rounded, -(2.0**31)).astype(np.int32)  # what C leaves undefined, x86 makes INT32_MIN


def output_codes(x: Any, zero_point: int, low: int, high: int, dtype: Any) -> np.ndarray:
    """Make output codes of rescaled int32 values: add the zero point, which wraps, clamp to [low, high], convert."""
    with np.errstate(over="ignore"):
        codes = np.asarray(x, np.int32) + np.int32(zero_point)
    return np.asarray(np.minimum(np.maximum(codes, np.int32(low)), np.int32(high))).astype(dtype)
