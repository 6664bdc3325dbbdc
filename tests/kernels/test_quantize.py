"""QUANTIZE, DEQUANTIZE and CAST: rounding, and what does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import LITERT, SINGLE, Profile
from q31.kernels.registry import REGISTRY
from q31.schema import ModelError, Quantization, TensorType, UnsupportedOperatorError

FLOAT32, INT8, UINT8, INT16, INT32 = (
    TensorType.FLOAT32,
    TensorType.INT8,
    TensorType.UINT8,
    TensorType.INT16,
    TensorType.INT32,
)


def per_tensor(scale: float, zero_point: int = 0) -> Quantization:
    return Quantization((float(np.float32(scale)),), (zero_point,))


def run(
    name: str,
    x: np.ndarray,
    source: TensorType,
    target: TensorType,
    first: Quantization | None = None,
    second: Quantization | None = None,
    profile: Profile = LITERT,
) -> Any:
    inputs = (TensorSpec("x", source, x.shape, first or Quantization()),)
    node = Node(name, 1, None, inputs, (TensorSpec("y", target, (), second or Quantization()),))
    kernel = REGISTRY[name]
    return kernel.evaluate(kernel.prepare(node, profile), x)


def quantize(values: Any, second: Quantization, target: TensorType = INT8) -> list[int]:
    return run("QUANTIZE", np.array(values, np.float32), FLOAT32, target, None, second).tolist()


def test_halves_round_away_from_zero() -> None:
    assert quantize([0.5, -0.5, 1.5, -2.5, 0.49999997], per_tensor(1.0)) == [1, -1, 2, -3, 0]


def test_the_quotient_is_taken_in_float32() -> None:
    # Half a code more or less: the quotient in float64 would round to -119, the product with 1 / scale to -117.
    assert quantize([-11.95, -11.65], per_tensor(0.1)) == [-120, -116]


def test_codes_are_clamped() -> None:
    assert quantize([1e6, -1e6], per_tensor(1.0, 5)) == [127, -128]
    assert quantize([1e6, -1e6], per_tensor(1.0, 5), INT16) == [32767, -32768]


def test_what_does_not_fit_in_int32_is_its_minimum_and_the_sum_wraps() -> None:
    beyond = [3e9, -3e9, np.inf, -np.inf, np.nan]
    assert quantize(beyond, per_tensor(1.0, 0)) == [-128] * 5
    assert quantize(beyond, per_tensor(1.0, -1)) == [127] * 5


def test_each_channel_has_its_own_scale() -> None:
    second = Quantization((1.0, 0.5), (0, 10), quantized_dimension=1)
    assert quantize([[1, 1], [2, 2]], second) == [[1, 12], [2, 14]]
    with pytest.raises(ModelError, match="scales"):
        quantize([[1, 1, 1]], second)


def test_int8_to_uint8_of_one_scale_flips_the_sign_bit() -> None:
    x = np.arange(-128, 128).astype(np.int8)
    result = run("QUANTIZE", x, INT8, UINT8, per_tensor(0.3, -5), per_tensor(0.3, 123))
    assert np.array_equal(result, x.view(np.uint8) ^ 0x80)


def test_profiles_round_once_or_twice() -> None:
    x = np.arange(-32768, 32768).astype(np.int16)
    twice, once = (
        run("QUANTIZE", x, INT16, INT32, per_tensor(0.3), per_tensor(0.7), profile) for profile in (LITERT, SINGLE)
    )
    assert np.abs(twice - once).max() <= 1
    exact = x * (np.float64(np.float32(0.3)) / np.float64(np.float32(0.7)))
    assert np.abs(once - exact).max() <= 0.5 + 1e-4


def test_unlisted_pairs_of_types_are_unsupported() -> None:
    with pytest.raises(UnsupportedOperatorError, match="int32 to int8, int16"):
        run("QUANTIZE", np.zeros(1, np.int32), INT32, UINT8, per_tensor(1.0), per_tensor(1.0))


def test_dequantize_rounds_once_from_float64() -> None:
    x = np.arange(-32768, 32768).astype(np.int16)
    result = run("DEQUANTIZE", x, INT16, FLOAT32, per_tensor(0.1, 3))
    assert np.array_equal(result, ((x.astype(np.int64) - 3) * np.float64(np.float32(0.1))).astype(np.float32))


def test_dequantize_widens_float16() -> None:
    x = np.array([1.5, -np.inf, 6e-8], np.float16)
    assert np.array_equal(run("DEQUANTIZE", x, TensorType.FLOAT16, FLOAT32), x.astype(np.float32))


def cast(values: Any, source: TensorType, target: TensorType) -> list[Any]:
    spec = TensorSpec("", source, ())
    return run("CAST", np.array(values, spec.dtype), source, target).tolist()


def test_casts_from_float_truncate_and_saturate() -> None:
    assert cast([1.9, -1.9, 300, -300, np.inf, -np.inf, np.nan], FLOAT32, INT8) == [1, -1, 127, -128, 127, -128, 127]
    assert cast([2.0**31, -(2.0**31), np.nan], FLOAT32, INT32) == [2**31 - 1, -(2**31), 2**31 - 1]
    assert cast([65504, np.inf], TensorType.FLOAT16, TensorType.INT64) == [65504, 2**63 - 1]
    assert cast([-1.0, 2.0**64], FLOAT32, TensorType.UINT32) == [0, 2**32 - 1]


def test_casts_between_integers_wrap() -> None:
    assert cast([300, -300], INT32, INT8) == [44, -44]
    assert cast([-1], INT8, TensorType.UINT32) == [2**32 - 1]


def test_anything_but_zero_is_true() -> None:
    assert cast([0.0, -0.0, 0.1, np.nan], FLOAT32, TensorType.BOOL) == [False, False, True, True]


def test_casts_to_float16_go_through_float32() -> None:
    # Just above a tie of float16: float32 loses the bit that would decide it.
    assert cast([2**24 + 2**13 + 1], TensorType.INT64, TensorType.FLOAT16) == [np.inf]
    assert cast([2049, 2051], INT32, TensorType.FLOAT16) == [2048, 2052]


def test_a_complex_number_gives_its_real_part() -> None:
    assert cast([1.9 + 5j, 5j], TensorType.COMPLEX64, INT8) == [1, 0]
    assert cast([5j], TensorType.COMPLEX64, TensorType.BOOL) == [False]
