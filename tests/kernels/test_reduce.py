"""SUM and REDUCE_PROD where the oracle has no answer, and the reductions' errors."""

from __future__ import annotations

import numpy as np
import pytest

from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import PROFILES
from q31.kernels.registry import find
from q31.schema import ModelError, Quantization, TensorType, UnsupportedOperatorError
from q31.schema.options import ReducerOptions


def reduce(
    name: str,
    x: np.ndarray,
    axes: list[int],
    source: Quantization | None = None,
    target: Quantization | None = None,
    profile: str = "litert",
) -> np.ndarray:
    tensor_type = TensorType[x.dtype.name.upper()]
    where = np.array(axes, np.int32)
    inputs = (
        TensorSpec("x", tensor_type, x.shape, source or Quantization()),
        TensorSpec("axes", TensorType.INT32, where.shape, value=where),
    )
    outputs = (TensorSpec("y", tensor_type, (), target or source or Quantization()),)
    node = Node(name, 1, ReducerOptions(), inputs, outputs)
    kernel = find(node)
    return kernel.evaluate(kernel.prepare(node, PROFILES[profile]), x, where)


def test_sum_of_int16_is_the_definition() -> None:
    x = np.array([[100, -200], [300, 400]], np.int16)
    y = reduce("SUM", x, [0], Quantization((0.5,), (0,)), Quantization((1.0,), (0,)))
    assert y.tolist() == [200, 100]


def test_sum_of_int8_has_the_defect_in_litert_only() -> None:
    x, codes = np.array([-1, 2], np.int8), Quantization((1.0,), (0,))
    assert reduce("SUM", x, [0], codes).view(np.uint8).tolist() == 255
    assert reduce("SUM", x, [0], codes, profile="tflm").tolist() == 1


def test_sum_of_nothing_is_zero() -> None:
    assert reduce("SUM", np.zeros((0, 2), np.float32), [0]).tolist() == [0, 0]
    assert reduce("REDUCE_PROD", np.zeros((0, 2), np.float32), [0]).tolist() == [1, 1]
    assert reduce("REDUCE_ANY", np.zeros((0, 2), bool), [0]).tolist() == [False, False]


@pytest.mark.parametrize("axes", [[2], [-3]])
def test_axes_beyond_the_rank(axes: list[int]) -> None:
    with pytest.raises(ModelError, match="axes within rank"):
        reduce("REDUCE_MAX", np.zeros((2, 2), np.float32), axes)


def test_extremes_do_not_rescale() -> None:
    with pytest.raises(ModelError, match="one quantization"):
        reduce("REDUCE_MAX", np.zeros(2, np.int8), [0], Quantization((1.0,), (0,)), Quantization((2.0,), (0,)))


def test_product_of_quantized_uint8() -> None:
    with pytest.raises(UnsupportedOperatorError, match="int8 and int16 only"):
        reduce("REDUCE_PROD", np.zeros(2, np.uint8), [0], Quantization((1.0,), (0,)))


def test_product_of_codes_of_an_empty_tensor() -> None:
    with pytest.raises(ModelError, match="at least one element"):
        reduce("REDUCE_PROD", np.zeros((0, 2), np.int8), [0], Quantization((1.0,), (0,)))
