"""Differences in steps of a data type, held to Python's integers."""

from __future__ import annotations

import math
from collections import Counter

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from q31.tools.compare.differences import difference, equal

TYPES = [np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint64, np.bool_]


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    dtype = draw(st.sampled_from(TYPES))
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, max_side=4))
    own = draw(hnp.arrays(dtype, shape))
    other = draw(hnp.arrays(dtype, shape)) if draw(st.booleans()) else own.copy()
    return own, other


@given(pairs())
def test_integers(pair: tuple[np.ndarray, np.ndarray]) -> None:
    own, other = pair
    found = difference(own, other)
    steps = [int(b) - int(a) for a, b in zip(own.ravel(), other.ravel(), strict=True)]
    apart = [one for one in steps if one]
    assert found.count == len(apart) and found.size == own.size and bool(found) == bool(apart) != equal(own, other)
    assert found.maximum == (max(map(abs, apart)) if apart else None) and found.unit == "LSB"
    assert sum(count for _, count in found.histogram) == len(apart)
    exact = Counter(f"{one:+d}" for one in apart if abs(one) <= 8)
    assert {step: count for step, count in found.histogram if ".." not in step} == exact
    for step, count in found.histogram:
        if ".." in step:
            low, high = map(int, step[1:].split(".."))
            sign = -1 if step[0] == "-" else 1
            assert count == sum(low <= one * sign <= high for one in apart)
    if apart:
        assert found.first == np.unravel_index(next(i for i, one in enumerate(steps) if one), own.shape)
        assert found.values == (own[found.first], other[found.first])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ml_dtypes.bfloat16])
def test_floats_are_counted_in_units_of_the_last_place(dtype: type) -> None:
    own = np.array([1.0, -1.0, 0.0, math.nan, math.inf, 2.0], dtype)
    bits = own.view(f"u{own.dtype.itemsize}").copy()
    bits[0] += 3  # away from zero
    bits[1] += 2
    other = bits.view(dtype)
    other[2] = -0.0
    other[5] = math.nan
    found = difference(own, other)
    assert (found.count, found.maximum, found.unit) == (4, 3, "ULP")
    assert dict(found.histogram) == {"-2": 1, "-1": 1, "+3": 1, "NaN": 1}
    assert found.first == (0,)


def test_nan_equals_nan_and_only_that() -> None:
    one = np.array([0x7FC00000, 0x7FC00001], np.uint32).view(np.float32)
    assert equal(one, one[::-1].copy()) and not difference(one, one[::-1].copy())
    found = difference(np.zeros(2, np.float32), one)
    assert found.count == 2 and found.maximum is None and dict(found.histogram) == {"NaN": 2}


def test_complex_numbers_strings_and_mismatches() -> None:
    own = np.array([[1 + 2j, 3]], np.complex64)
    found = difference(own, own + np.array([[0, 1j]], np.complex64))
    assert found.count == 1 and found.size == 2 and found.first == (0, 1)
    words = np.array([b"a", b"b"], object)
    assert not difference(words, np.array([b"a", b"b"]))
    assert difference(words, np.array([b"a", b"c"])).first == (1,)
    assert difference(np.zeros(2, np.int8), np.zeros(2, np.uint8)).mismatch == "uint8[2] instead of int8[2]"
    assert difference(np.zeros(2, np.int8), np.zeros(3, np.int8)) and not equal(np.zeros(2), np.zeros(3))


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.int8])
def test_numbers_without_dimensions(dtype: type) -> None:
    found = difference(np.array(1, dtype), np.array(2, dtype))
    assert found.count == found.size == 1 and found.first == () and found.values[1] == 2
    assert not difference(np.array(1, dtype), np.array(1, dtype))


def test_said_in_a_line() -> None:
    own, other = np.zeros((2, 3), np.int8), np.zeros((2, 3), np.int8)
    assert str(difference(own, other)) == "all 6 values are equal"
    other[1, 2] = -4
    assert str(difference(own, other)) == "1 of 6 values differs, by 4 LSB; the first at [1, 2]: -4 instead of 0"
