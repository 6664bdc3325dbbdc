"""MEAN by hand; tests/conformance holds it to the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import LITERT
from q31.kernels.reduce import mean
from q31.schema import ModelError, Quantization, TensorType
from q31.schema.options import ReducerOptions

ONE = Quantization((1.0,), (0,))


def node(tensor_type: TensorType, shape: Any, axes: Any, keep_dims: bool = False) -> Node:
    quantization = ONE if tensor_type is TensorType.INT8 else Quantization()
    x, y = (TensorSpec("t", tensor_type, tuple(shape), quantization) for _ in "xy")
    axis = TensorSpec("axis", TensorType.INT32, np.shape(axes), value=np.array(axes, np.int32))
    return Node("MEAN", 1, ReducerOptions(keep_dims=keep_dims), (x, axis), (y,))


def compute(tensor_type: TensorType, x: np.ndarray, axes: Any, keep_dims: bool = False) -> np.ndarray:
    return mean.evaluate(mean.prepare(node(tensor_type, x.shape, axes, keep_dims), LITERT), x)


def test_axes_may_be_negative_and_repeated() -> None:
    x = np.arange(24, dtype=np.int8).reshape(2, 3, 4)
    assert np.array_equal(compute(TensorType.INT8, x, [-1, 2, -1]), compute(TensorType.INT8, x, 2))
    assert compute(TensorType.INT8, x, [0, -1], keep_dims=True).shape == (1, 3, 1)


def test_integers_are_divided_towards_zero() -> None:
    x = np.array([[-3, -4], [3, 4]], np.int32)
    assert compute(TensorType.INT32, x, 1).tolist() == [-3, 3]


def test_float_sums_run_from_left_to_right() -> None:
    x = np.array([1e8, 1, -1e8, 1], np.float32)
    assert compute(TensorType.FLOAT32, x, 0) == np.float32(0.25)


def test_the_mean_of_nothing() -> None:
    assert np.isnan(compute(TensorType.FLOAT32, np.zeros((2, 0), np.float32), 1)).all()
    assert compute(TensorType.INT8, np.zeros((2, 0), np.int8), 1).tolist() == [0, 0]


def test_the_division_is_in_the_multiplier() -> None:
    prepared = mean.prepare(node(TensorType.INT8, (1, 7, 7, 3), [1, 2]), LITERT)
    assert isinstance(prepared, mean.QuantizedMean)
    assert prepared.multiplier * 2.0 ** (prepared.shift - 31) == pytest.approx(1 / 49)


def test_an_axis_beyond_the_rank_is_refused() -> None:
    with pytest.raises(ModelError, match="axes within rank 2"):
        mean.prepare(node(TensorType.FLOAT32, (2, 2), [2]), LITERT)


def test_means_over_any_axes_are_compiled() -> None:
    for axes in ([1, 2], [0, 2], [], [0, 1, 2]):
        the_node = node(TensorType.INT8, (2, 3, 4), axes)
        assert mean.lower(mean.prepare(the_node, LITERT), the_node) is not None
