"""ADD, SUB and MUL: profiles, defects and corners; tests/conformance holds them to the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from q31.kernels.elementwise import add_sub, mul
from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import LITERT, SINGLE, TFLM, Profile
from q31.schema import ModelError, Quantization, TensorType
from q31.schema.options import AddOptions, MulOptions, SubOptions

OPTIONS = {"ADD": AddOptions, "SUB": SubOptions, "MUL": MulOptions}
EVALUATE = {"ADD": add_sub.evaluate_add, "SUB": add_sub.evaluate_sub, "MUL": mul.evaluate}


def node(name: str, tensor_type: TensorType, shapes: Any, scales: Any = (), **options: Any) -> Node:
    quantizations = [Quantization((scale,), (0,)) for scale in scales] or [Quantization()] * 3
    specs = [TensorSpec("t", tensor_type, *each) for each in zip((*shapes, ()), quantizations, strict=True)]
    return Node(name, 2, OPTIONS[name](**options), tuple(specs[:2]), (specs[2],))


def compute(name: str, tensor_type: TensorType, a: Any, b: Any, scales: Any = (), profile: Profile = LITERT) -> Any:
    the_node = node(name, tensor_type, (a.shape, b.shape), scales)
    prepared = (mul.prepare if name == "MUL" else add_sub.prepare)(the_node, profile)
    return EVALUATE[name](prepared, a, b)


def codes(*values: int) -> np.ndarray:
    return np.array(values, np.int8)


def test_equal_scales_add_codes() -> None:
    assert compute("ADD", TensorType.INT8, codes(1, -2, 100), codes(3), (1.0, 1.0, 1.0)).tolist() == [4, 1, 103]


def test_where_the_reference_ends_its_process_the_sum_is_still_right() -> None:
    tiny = 2.0**-22  # an output multiplier of 8
    assert compute("ADD", TensorType.INT8, codes(1, -1, 0), codes(0, 0, 0), (1.0, 1.0, tiny)).tolist() == [127, -128, 0]
    exactly_one = 2.0**-19
    assert compute("SUB", TensorType.INT8, codes(1, -1, 0), codes(0), (1.0, 1.0, exactly_one)).tolist() == [
        127,
        -128,
        0,
    ]


def test_subs_forgotten_left_shift_is_reproduced_in_litert_only() -> None:
    scales = (0.01, 0.01, 0.02 / 2**20 / 60)
    a, b = np.full(5, 127, np.int8), np.full(5, -128, np.int8)
    assert compute("SUB", TensorType.INT8, a, b, scales).tolist() == [1, 1, 1, 1, 2]  # blocks of four differ
    assert compute("SUB", TensorType.INT8, a, b[:1], scales).tolist() == [2] * 5  # not where it broadcasts
    assert compute("SUB", TensorType.INT8, a, b, scales, TFLM).tolist() == [127] * 5


def test_profiles_round_differently() -> None:
    random = np.random.default_rng(1)
    a, b = random.integers(-128, 128, (2, 20000)).astype(np.int8)
    scales = (0.02, 0.03, 0.05)
    double, single = (compute("MUL", TensorType.INT8, a, b, scales, profile) for profile in (TFLM, SINGLE))
    differences = np.abs(double.astype(int) - single)
    assert 0 < np.count_nonzero(differences) < len(a) // 5
    assert differences.max() == 1


def test_int16_powers_of_two_have_a_form_of_their_own_in_litert() -> None:
    the_node = node("ADD", TensorType.INT16, ((4,), (4,)), (0.5, 0.25, 0.5))
    assert isinstance(add_sub.prepare(the_node, LITERT), add_sub.PowerOfTwoSum)
    assert isinstance(add_sub.prepare(the_node, TFLM), add_sub.QuantizedSum)
    general = node("ADD", TensorType.INT16, ((4,), (4,)), (0.5, 0.25, 0.5), pot_scale_int16=False)
    assert isinstance(add_sub.prepare(general, LITERT), add_sub.QuantizedSum)


def test_integers_wrap_and_are_clamped_then() -> None:
    a = np.array([2**31 - 1, 5], np.int32)
    assert compute("ADD", TensorType.INT32, a, np.array(1, np.int32)).tolist() == [-(2**31), 6]
    assert compute("MUL", TensorType.INT32, a, a).tolist() == [1, 25]


def test_infinities_leave_as_the_greatest_float32() -> None:
    a = np.array([np.inf, -np.inf, np.nan], np.float32)
    result = compute("ADD", TensorType.FLOAT32, a, np.zeros(3, np.float32))
    largest = np.finfo(np.float32).max
    assert result[:2].tolist() == [largest, -largest]
    assert np.isnan(result[2])


@pytest.mark.parametrize("name", ["ADD", "SUB", "MUL"])
def test_scalars_give_arrays(name: str) -> None:
    for tensor_type, dtype in ((TensorType.INT8, np.int8), (TensorType.INT64, np.int64), (TensorType.FLOAT32, "f4")):
        scales = (0.5, 0.5, 0.5) if tensor_type is TensorType.INT8 else ()
        result = compute(name, tensor_type, np.array(3, dtype), np.array(2, dtype), scales)
        assert isinstance(result, np.ndarray)
        assert result.shape == ()


@pytest.mark.parametrize(
    ("scales", "complaint"), [((0.0, 1.0, 1.0), "positive scale"), ((1.0, 1.0, float("nan")), "positive scale")]
)
def test_scales_that_are_none_are_refused(scales: Any, complaint: str) -> None:
    with pytest.raises(ModelError, match=complaint):
        add_sub.prepare(node("ADD", TensorType.INT8, ((1,), (1,)), scales), LITERT)


def test_types_must_agree() -> None:
    int8, uint8 = (TensorSpec("t", t, (1,), Quantization((1.0,), (0,))) for t in (TensorType.INT8, TensorType.UINT8))
    with pytest.raises(ModelError, match="one data type"):
        add_sub.prepare(Node("ADD", 1, AddOptions(), (int8, uint8), (int8,)), LITERT)
