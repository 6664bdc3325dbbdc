"""How ranges are chosen: by hand on small distributions, and against NumPy and brute force on drawn ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from q31.schema import InputError, QuantizationError
from q31.tools.quantization.range_choice import METHODS, choose
from q31.tools.quantization.range_search import _divergence, squared_errors
from q31.tools.quantization.statistics import Collector, Histogram, TensorStatistics

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
arrays = npst.arrays(np.float32, st.integers(1, 40), elements=finite)


def statistics_of(*examples: object) -> TensorStatistics:
    collector = Collector("t", "tensor 3 ('t')", histogram=True)
    for number, values in enumerate(examples):
        collector.add(number, np.asarray(values, np.float32))
    found = collector.statistics()
    assert found is not None
    return found


def test_a_histogram_counts_the_upper_halves_of_float32() -> None:
    found = statistics_of([1.0, 1.007, -2.0, 0.0, -0.0, 1.0078125], [1.0]).histogram
    assert found is not None
    assert dict(zip(found.buckets.tolist(), found.counts.tolist(), strict=True)) == {
        0x0000: 1,
        0x3F80: 3,
        0x3F81: 1,
        0x8000: 1,
        0xC000: 1,
    }
    starts, ends, counts = found.intervals(-2.0, 1.0078125)
    assert starts.tolist() == [-2.0, 0.0, 0.0, 1.0, 1.0078125]
    assert ends.tolist() == [-2.0, 0.0, 0.0, 1.0078125, 1.0078125]
    assert counts.tolist() == [1, 1, 1, 3, 1]


@given(arrays)
def test_every_value_lies_in_an_interval_and_intervals_ascend(values: np.ndarray) -> None:
    found = statistics_of(values)
    assert found.histogram is not None
    starts, ends, counts = found.histogram.intervals(found.min, found.max)
    assert counts.sum() == values.size and np.isfinite(ends).all()
    assert (starts <= ends).all() and (ends[:-1] <= starts[1:]).all()
    near = np.abs(values) >= 2.0**-126
    inside = (starts <= values[near, None].astype(float)) & (values[near, None].astype(float) <= ends)
    assert inside.any(axis=1).all()


def test_many_values_are_counted_as_few_are() -> None:
    values = np.random.default_rng(0).normal(size=300000).astype(np.float32)
    apart = statistics_of(*np.split(values, 3000)).histogram
    together = statistics_of(values).histogram
    assert isinstance(apart, Histogram) and isinstance(together, Histogram)
    np.testing.assert_array_equal(apart.buckets, together.buckets)
    np.testing.assert_array_equal(apart.counts, together.counts)


def test_a_zero_has_no_sign() -> None:
    found = statistics_of([-0.0, 0.0], [-0.0])
    assert not np.signbit(found.minima).any() and not np.signbit(found.maxima).any()


@pytest.mark.parametrize(("value", "name"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")])
def test_what_is_not_finite_is_refused_with_tensor_and_example(value: float, name: str) -> None:
    with pytest.raises(QuantizationError, match=rf"^example 1: tensor 3 \('t'\) has {name} among its values$"):
        statistics_of([0.0], [1.0, value])


def test_min_max_is_of_all_examples() -> None:
    assert choose(statistics_of([1, 2], [-3, 0.5]), "min-max") == (-3.0, 2.0)


def test_a_moving_average_begins_with_the_first_example_and_goes_by_their_numbers() -> None:
    first, second, third = ([0, 8], [-4, 4], [-8, 0])
    # minima 0, -2, -5; maxima 8, 6, 3
    assert choose(statistics_of(first, second, third), "moving-average", momentum=0.5) == (-5.0, 3.0)
    collector = Collector("t", "t", histogram=False)
    collector.add(2, np.array(third, np.float32))
    late = collector.statistics()
    assert late is not None
    early = statistics_of(first, second)
    early = TensorStatistics(early.name, early.examples, early.minima, early.maxima, early.count)
    assert choose(late.merged(early), "moving-average", momentum=0.5) == (-5.0, 3.0)
    assert choose(statistics_of(first, second), "moving-average") == pytest.approx((-0.2, 7.8))


def test_a_percentile_leaves_as_many_values_at_both_ends() -> None:
    # From 64 on, each integer begins a bucket of its own, half as wide; smaller ones have narrower ones.
    assert choose(statistics_of(np.arange(1, 101)), "percentile", percentile=99) == (1 + 2**-7, 99.5)
    assert choose(statistics_of(np.arange(1, 101)), "percentile", percentile=100) == (1.0, 100.0)
    assert choose(statistics_of([0.7] * 9), "percentile") == (float(np.float32(0.7)),) * 2


@pytest.mark.parametrize("percentile", [75, 99, 99.9, 99.99])
def test_a_percentile_is_numpys_but_for_the_width_of_a_bucket(percentile: float) -> None:
    values = np.random.default_rng(1).normal(0.3, 2, 30000).astype(np.float32)
    low, high = choose(statistics_of(values), "percentile", percentile=percentile)
    assert low == pytest.approx(np.percentile(values, 100 - percentile), rel=1 / 64)
    assert high == pytest.approx(np.percentile(values, percentile), rel=1 / 64)


def true_error(values: np.ndarray, low: float, high: float, codes: int = 256) -> float:
    scale = (high - low) / (codes - 1)
    first = round(low / scale)
    quantized = np.clip(np.rint(values / scale), first, first + codes - 1) * scale
    return float(np.mean((values - quantized) ** 2))


def test_squared_errors_by_hand() -> None:
    # Codes 0, 1, 2, 3. All of the width of a code around one: 1/12. Beyond the last, 3 to 4: the integral of d^2, 1/3.
    # A quarter of a code, from 1 to 1.25: (1/4)^3 / 3 / (1/4). Points: 0.25 off, and 2 beyond.
    starts, ends = np.array([0.5, 3, 1, 1.25, 5]), np.array([1.5, 4, 1.25, 1.25, 5])
    found = squared_errors(starts, ends, 1.0, 0, 3)
    assert found == pytest.approx([1 / 12, 1 / 3, 1 / 48, 1 / 16, 4])
    assert squared_errors(starts * 3, ends * 3, 3.0, 0, 3) == pytest.approx(9 * found)


@given(st.floats(-9, 9), st.floats(0, 5), st.integers(-6, 0))
def test_squared_errors_are_the_mean_of_many_values(start: float, width: float, first: int) -> None:
    values = start + width * (np.arange(4000) + 0.5) / 4000
    expected = np.mean((values - np.clip(np.rint(values / 0.7), first, first + 7) * 0.7) ** 2)
    (found,) = squared_errors(np.array([start]), np.array([start + width]), 0.7, first, first + 7)
    assert found == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_mse_cuts_an_outlier_where_that_costs_less_than_coarse_codes() -> None:
    # Four codes, 0 to 3 of a scale s: 1000 values near 1.004, one of 9. The whole range would make each of the thousand
    # a 0. 1000 (s - 1.004)^2 + (9 - 3 s)^2 is least at s = 1.0217, hence at 3.065.
    low, high = choose(statistics_of([1.0] * 1000 + [9.0]), "mse", bits=2)
    assert low == 0 and high == pytest.approx(3.065, rel=0.01)
    assert choose(statistics_of([-1.0] * 1000 + [-9.0]), "mse", bits=2) == (-high, 0.0)
    # Three values do not outweigh it: 9 - 3 s times itself is zero at s = 3 with 3 (1.004)^2 left.
    assert choose(statistics_of([1.0] * 3 + [9.0]), "mse", bits=2)[1] == pytest.approx(9, rel=0.05)


@pytest.mark.parametrize("name", ["normal", "relu", "heavy", "outliers", "uniform"])
@pytest.mark.parametrize("bits", [4, 8])
def test_mse_is_about_the_least_that_brute_force_finds(name: str, bits: int) -> None:
    generator = np.random.default_rng(7)
    drawn = generator.normal(0.2, 1, 20000)
    values = {
        "normal": drawn,
        "relu": np.maximum(drawn, 0),
        "heavy": generator.standard_t(3, 20000),
        "outliers": np.append(drawn, [40.0, -9.0]),
        "uniform": generator.uniform(-1, 3, 20000),
    }[name].astype(np.float32)
    low, high = choose(statistics_of(values), "mse", bits=bits)
    least, most = min(values.min(), 0), max(values.max(), 0)
    assert least <= low <= 0 <= high <= most
    shares = np.linspace(0.05, 1, 30)
    brute = min(
        true_error(values, least * a, most * b, 1 << bits) for a in (shares if least else [0.0]) for b in shares
    )
    assert true_error(values, low, high, 1 << bits) <= 1.05 * brute


def test_a_symmetric_mse_range_is_of_one_magnitude() -> None:
    values = np.append(np.random.default_rng(0).normal(size=5000), [30.0])
    low, high = choose(statistics_of(values), "mse", bits=4, symmetric=True)
    assert low >= values.min() and 2 < high < 8
    assert choose(statistics_of(values), "mse", bits=16, symmetric=True)[1] == pytest.approx(30, rel=0.01)


def test_the_divergence_by_hand() -> None:
    # One code for both bins says half and half: 3/4 log(3/2) + 1/4 log(1/2).
    assert _divergence(np.array([3.0, 1.0]), 0, 2, 1) == pytest.approx(0.75 * np.log(1.5) + 0.25 * np.log(0.5))
    assert _divergence(np.array([3.0, 1.0]), 0, 2, 2) == 0
    # The bin without values gets nothing: each code of two bins tells exactly what there is.
    assert _divergence(np.array([4.0, 0.0, 2.0, 2.0]), 0, 4, 2) == 0
    # What is cut off, 2 of 8, is in the last bin of the one and not of the other: (3, 5)/8 and (3, 3)/6.
    assert _divergence(np.array([3.0, 3.0, 2.0]), 0, 2, 2) == pytest.approx(
        3 / 8 * np.log(6 / 8) + 5 / 8 * np.log(10 / 8)
    )


def test_entropy_keeps_what_is_even_and_cuts_outliers() -> None:
    generator = np.random.default_rng(2)
    even = generator.uniform(-1, 3, 50000)
    assert choose(statistics_of(even), "entropy") == pytest.approx((even.min(), even.max()), rel=0.01)
    spread = generator.normal(size=50000)
    low, high = choose(statistics_of(np.append(spread, [100.0])), "entropy")
    assert low == np.float32(spread.min()) and 3 < high < 20
    # Zeros, of which activations are full, do not count.
    positive = np.abs(spread)
    full = choose(statistics_of(positive), "entropy")
    assert choose(statistics_of(np.append(positive, np.zeros(500000))), "entropy") == full


@pytest.mark.parametrize("method", METHODS)
@given(values=arrays, exponent=st.integers(-20, 20))
def test_every_method_gives_a_range_within_what_was_seen_and_scales_along(
    method: str, values: np.ndarray, exponent: int
) -> None:
    values = np.where(np.abs(values) < 1e-15, 0, np.clip(values, -1e15, 1e15)).astype(np.float32)
    low, high = choose(statistics_of(values), method)
    assert type(low) is type(high) is float
    assert min(values.min(), 0) <= low <= high <= max(values.max(), 0)
    factor = 2.0**exponent
    assert choose(statistics_of(values * np.float32(factor)), method) == (low * factor, high * factor)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("percentile", {"percentile": 50}, "percentile: expected a number above 50 up to 100, got 50"),
        ("percentile", {"percentile": float("nan")}, "percentile: expected"),
        ("moving-average", {"momentum": 1.0}, "momentum: expected a number from 0 to below 1, got 1.0"),
        ("mse", {"bits": 1}, "bits: expected an integer from 2 to 16, got 1"),
        ("entropy", {"bits": 12}, "bits: expected an integer from 2 to 10, got 12"),
        ("min-max", {"bits": 8}, "min-max has no option 'bits'; it has none"),
        ("mse", {"percentile": 99}, "mse has no option 'percentile'; it has bits, symmetric"),
    ],
)
def test_wrong_options_are_one_clear_error(method: str, options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}"):
        choose(statistics_of([1.0, 2.0]), method, **options)
