"""What the oracle cannot say of the element-wise operators: errors, and numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from q31.kernels.elementwise.shifts import rounding_divide_by_wrapping_pot
from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import PROFILES
from q31.kernels.registry import find
from q31.schema import InputError, Quantization, TensorType


def run(name: str, arrays: list[np.ndarray], output: TensorSpec, profile: str = "litert", **quantization: Any) -> Any:
    """Prepare and evaluate one operator on arrays that share a quantization."""
    given = Quantization(**quantization)
    specs = tuple(TensorSpec("x", TensorType[str(a.dtype).upper()], a.shape, given) for a in arrays)
    node = Node(name, 1, None, specs, (output,))
    kernel = find(node)
    return kernel.evaluate(kernel.prepare(node, PROFILES[profile]), *arrays)


@pytest.mark.parametrize("name", ["DIV", "FLOOR_DIV", "FLOOR_MOD"])
def test_division_of_integers_by_zero_is_an_input_error(name: str) -> None:
    x = np.array([1, 2], np.int32)
    with pytest.raises(InputError, match="divisor is 0"):
        run(name, [x, np.array([1, 0], np.int32)], TensorSpec("y", TensorType.INT32, (2,)))


@pytest.mark.parametrize("name", ["SQRT", "RSQRT"])
def test_roots_of_negative_codes_are_input_errors(name: str) -> None:
    output = TensorSpec("y", TensorType.INT8, (2,), Quantization((0.1,), (0,)))
    with pytest.raises(InputError, match="at least the zero point 3"):
        run(name, [np.array([5, 2], np.int8)], output, scale=(0.1,), zero_point=(3,))


def test_not_equal_of_unquantized_int16_which_the_reference_leaves_unwritten() -> None:
    a, b = np.array([1, 2, 3], np.int16), np.array([1, 3, 3], np.int16)
    assert run("NOT_EQUAL", [a, b], TensorSpec("y", TensorType.BOOL, (3,))).tolist() == [False, True, False]


def test_scale_of_exactly_one_compares_codes() -> None:
    a, b = np.array([-128, 0, 5], np.int8), np.array([127, 0, 4], np.int8)
    output = TensorSpec("y", TensorType.BOOL, (3,))
    for profile in ("litert", "tflm"):
        greater = run("GREATER", [a, b], output, profile, scale=(1.0,), zero_point=(0,))
        assert greater.tolist() == [False, False, True]


def test_floor_division_that_overflows_saturates_eight_at_a_time_in_the_profile_litert_only() -> None:
    a, b = np.full(9, -128, np.int8), np.full(9, -1, np.int8)
    output = TensorSpec("y", TensorType.INT8, (9,))
    assert run("FLOOR_DIV", [a, b], output).tolist() == [127] * 8 + [-128]
    assert run("FLOOR_DIV", [a, b], output, "tflm").tolist() == [-128] * 9


def test_remainder_has_the_sign_of_the_divisor() -> None:
    a, b = np.array([7, -7, 7, -7], np.int32), np.array([3, 3, -3, -3], np.int32)
    assert run("FLOOR_MOD", [a, b], TensorSpec("y", TensorType.INT32, (4,))).tolist() == [1, 2, -2, -1]


def test_square_by_squaring_saturates_where_powf_is_infinite() -> None:
    base = np.array([1e30, -2.0], np.float32)
    output = TensorSpec("y", TensorType.FLOAT32, (2,))
    assert run("POW", [base, np.array([2], np.float32)], output).tolist() == [np.finfo(np.float32).max, 4.0]
    assert run("POW", [base, np.array([2, 2], np.float32)], output).tolist() == [np.inf, 4.0]


@pytest.mark.parametrize(
    ("x", "exponent", "expected"),
    [(0, 31, 0), (0, 32, 1), (0, 63, 1), (0, 64, 0), (5, 64, 5), (-5, 32, -5), (0, -1, 1), (3, 65, 2), (-3, 65, -2)],
)
def test_a_shift_beyond_31_wraps_at_32_and_its_mask_at_64(x: int, exponent: int, expected: int) -> None:
    assert int(rounding_divide_by_wrapping_pot(np.int32(x), exponent)) == expected
