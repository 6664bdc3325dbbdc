"""Fixed-point arithmetic against the same rules written with Python's integers and fractions, and by hand."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q31.kernels.fixed_point import (
    INT32_MAX,
    INT32_MIN,
    multiply_by_quantized_multiplier,
    multiply_in_float64,
    multiply_int64_by_quantized_multiplier,
    output_codes,
    quantize_multiplier,
    quantize_multipliers,
    round_half_away,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_multiply,
)
from q31.kernels.profiles import Rounding

int32s = st.one_of(
    st.integers(INT32_MIN, INT32_MAX), st.sampled_from([INT32_MIN, INT32_MAX, -1, 0, 1]), st.integers(-300, 300)
)
mantissas = st.one_of(st.integers(2**30, INT32_MAX), st.sampled_from([2**30, INT32_MAX]))


def wrap(value: int, bits: int = 32) -> int:
    return (value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


def half_away(value: Fraction) -> int:
    return int(math.copysign(math.floor(abs(value) + Fraction(1, 2)), value)) if value else 0


def truncating_high_multiply(a: int, b: int) -> int:
    """As the C code has it: a nudge that depends on the sign, and a division that truncates."""
    if a == b == INT32_MIN:
        return INT32_MAX
    product = a * b
    nudged = product + (2**30 if product >= 0 else 1 - 2**30)
    return int(math.copysign(abs(nudged) >> 31, nudged))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.5, 1), (-0.5, -1), (1.5, 2), (2.5, 3), (-2.5, -3), (0.49999997, 0), (-0.49999997, 0), (8388609.0, 8388609)],
)
def test_halves_round_away_from_zero_and_nothing_below_a_half_does(value, expected):
    for dtype in (np.float32, np.float64):
        rounded = round_half_away(dtype(value))
        assert rounded == expected
        assert np.asarray(rounded).dtype == dtype


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        (1.0, (2**30, 1)),
        (0.5, (2**30, 0)),
        (0.25, (2**30, -1)),
        (3.0, (3 * 2**29, 2)),
        (0.0, (0, 0)),
        (2.0**-33, (0, 0)),
        (2.0**-32, (2**30, -31)),
        (1.0 - 2.0**-40, (2**30, 1)),  # the mantissa rounds up to 1
        (0.5 + 2.0**-32, (2**30 + 1, 0)),  # a half of the last place rounds away from zero
    ],
)
def test_quantize_multiplier(real, expected):
    assert quantize_multiplier(real) == expected


@given(st.floats(2.0**-31, 2.0**31))
def test_a_quantized_multiplier_is_within_half_of_its_last_place(real):
    multiplier, shift = quantize_multiplier(real)
    assert 2**30 <= multiplier <= INT32_MAX
    assert abs(Fraction(multiplier) * Fraction(2) ** (shift - 31) - Fraction(real)) <= Fraction(2) ** (shift - 32)


def test_quantize_multipliers_takes_each_by_itself():
    multiplier, shift = quantize_multipliers([0.5, 3.0, 0.0])
    assert multiplier.tolist() == [2**30, 3 * 2**29, 0]
    assert shift.tolist() == [0, 2, 0]
    assert multiplier.dtype == shift.dtype == np.int32


@given(int32s, int32s)
def test_doubling_high_multiply_is_that_of_gemmlowp(a, b):
    assert int(saturating_rounding_doubling_high_multiply(a, b)) == truncating_high_multiply(a, b)


@given(int32s, st.integers(0, 31))
def test_rounding_divide_by_pot_rounds_halves_away_from_zero(x, exponent):
    assert int(rounding_divide_by_pot(x, exponent)) == half_away(Fraction(x, 2**exponent))


@given(int32s, mantissas, st.integers(-31, 30))
def test_double_rounding_shifts_left_with_wrap_multiplies_and_shifts_right(x, multiplier, shift):
    high = truncating_high_multiply(wrap(x << max(shift, 0)), multiplier)
    expected = half_away(Fraction(high, 2 ** max(-shift, 0)))
    assert int(multiply_by_quantized_multiplier(x, multiplier, shift)) == expected


@given(int32s, mantissas, st.integers(-31, 0))
def test_single_rounding_rounds_once_with_halves_upwards(x, multiplier, shift):
    exact = Fraction(x * multiplier) * Fraction(2) ** (shift - 31)
    got = int(multiply_by_quantized_multiplier(x, multiplier, shift, Rounding.SINGLE))
    assert got == math.floor(exact + Fraction(1, 2))


@given(st.integers(-(2**47), 2**47), mantissas, st.integers(-31, 0))
def test_the_int64_form_keeps_15_bits_of_the_multiplier(x, multiplier, shift):
    reduced = min((multiplier + 2**15) >> 16, 0x7FFF)
    exact = Fraction(x * reduced) * Fraction(2) ** (shift - 15)
    expected = wrap(math.floor(exact + Fraction(1, 2)))
    assert int(multiply_int64_by_quantized_multiplier(x, multiplier, shift)) == expected


def test_the_three_roundings_differ():
    # -2 * 0.25: away from zero by the right shift, upwards by the single rounding.
    multiplier, shift = quantize_multiplier(0.25)
    assert int(multiply_by_quantized_multiplier(-2, multiplier, shift)) == -1
    assert int(multiply_by_quantized_multiplier(-2, multiplier, shift, Rounding.SINGLE)) == 0
    # -1 * 0.5: upwards by the doubling high multiply, away from zero in float64.
    multiplier, shift = quantize_multiplier(0.5)
    assert int(multiply_by_quantized_multiplier(-1, multiplier, shift)) == 0
    assert int(multiply_in_float64(-1, 0.5)) == -1


def test_multipliers_broadcast_over_the_last_axis():
    multiplier, shift = quantize_multipliers([1.0, 0.5, 0.25])
    x = np.array([[8, 8, 8], [-16, -16, -16]], np.int32)
    assert multiply_by_quantized_multiplier(x, multiplier, shift).tolist() == [[8, 4, 2], [-16, -8, -4]]


@pytest.mark.parametrize("real", [2.0**20, -(2.0**20)])
def test_a_float64_product_beyond_int32_becomes_its_minimum(real):
    assert multiply_in_float64(np.array([2**20, 1], np.int32), real).tolist() == [INT32_MIN, int(real)]


def test_output_codes_wrap_before_they_are_clamped():
    x = np.array([INT32_MAX, INT32_MIN, 300, -5], np.int32)
    assert output_codes(x, 3, -128, 127, np.int8).tolist() == [-128, -128, 127, -2]
    assert output_codes(x, -3, -128, 127, np.int8).tolist() == [127, 127, 127, -8]
