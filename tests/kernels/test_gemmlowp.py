"""The fixed-point functions, against the real ones; constants and corners, against gemmlowp's source."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from q31.kernels import gemmlowp, libm

ONE = 2.0**31


@pytest.mark.parametrize(
    ("real", "integer_bits", "raw"),
    [
        (math.exp(-1 / 8), 0, 1895147668),
        (1 / 3, 0, 715827883),
        (48 / 17, 2, 1515870810),
        (-32 / 17, 2, -1010580540),
        (math.exp(-0.25), 0, 1672461947),
        (math.exp(-16), 0, 242),
    ],
)
def test_constants_are_gemmlowps(real: float, integer_bits: int, raw: int) -> None:
    assert gemmlowp.constant(real, integer_bits) == raw


@given(st.lists(st.integers(-(2**31), -1), min_size=1))
def test_exp_is_close_to_exp(raw: list[int]) -> None:
    x = np.array(raw)
    assert np.allclose(gemmlowp.exp_on_negative_values(x, 5) / ONE, np.exp(x / 2**26), rtol=0, atol=5e-7)


def test_exp_of_zero_is_the_largest_number_below_one() -> None:
    assert gemmlowp.exp_on_negative_values(np.array([0]), 5).tolist() == [2**31 - 1]


@given(st.lists(st.integers(1, 2**40), min_size=1))
def test_reciprocal_of_any_sum(raw: list[int]) -> None:
    x = np.array(raw)
    scale, bits_over_unit = gemmlowp.reciprocal(x, 12)
    assert np.allclose(scale / ONE * 2.0**-bits_over_unit, 2.0**19 / x, rtol=1e-8)


@given(st.lists(st.integers(-(2**31) + 1, 2**31 - 1), min_size=1))
def test_logistic_and_tanh_are_close(raw: list[int]) -> None:
    x = np.array(raw)
    assert np.allclose(gemmlowp.logistic(x, 4) / ONE, 1 / (1 + np.exp(-x / 2**27)), rtol=0, atol=1e-7)
    assert np.allclose(gemmlowp.tanh(x, 4) / ONE, np.tanh(x / 2**27), rtol=0, atol=2e-7)


@given(st.integers(-(2**15), 2**15 - 1), st.integers(0, 15))
def test_int16_division_rounds_halves_away_from_zero(x: int, exponent: int) -> None:
    quotient = abs(x) / 2**exponent
    expected = int(math.copysign(math.floor(quotient + 0.5), x))
    assert gemmlowp.rounding_divide_int16_by_pot(np.array([x], np.int16), exponent).tolist() == [expected]


def test_int16_multiplication_saturates_once() -> None:
    least = np.array([-(2**15)], np.int16)
    assert gemmlowp.multiply_int16(least, least).tolist() == [2**15 - 1]


def test_c_librarys_functions_are_within_an_ulp_and_keep_special_values() -> None:
    x = np.array([-np.inf, -100, -1, -0.0, 0.0, 1e-30, 1, 88, np.inf, np.nan], np.float32)
    for ours, real in ((libm.expf, np.exp), (libm.tanhf, np.tanh)):
        with np.errstate(all="ignore"):
            expected = real(x.astype(np.float64)).astype(np.float32)
        assert ours(x).dtype == np.float32
        assert np.allclose(ours(x), expected, rtol=2e-7, equal_nan=True)
    assert np.signbit(libm.tanhf(np.float32(-0.0)))
