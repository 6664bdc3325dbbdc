"""ARG_MAX and ARG_MIN."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import LITERT
from q31.kernels.registry import REGISTRY
from q31.schema import ModelError, TensorType
from q31.schema.options import ArgMaxOptions, ArgMinOptions

INT32, INT64, FLOAT32 = TensorType.INT32, TensorType.INT64, TensorType.FLOAT32


def run(name: str, values: Any, axis: int, output_type: TensorType = INT32, tensor_type: TensorType = FLOAT32) -> Any:
    x = np.array(values, TensorSpec("", tensor_type, ()).dtype)
    where = np.array(axis, np.int32)
    inputs = (TensorSpec("x", tensor_type, x.shape), TensorSpec("axis", INT32, (), value=where))
    options = (ArgMaxOptions if name == "ARG_MAX" else ArgMinOptions)(output_type)
    node = Node(name, 1, options, inputs, (TensorSpec("y", output_type, ()),))
    kernel = REGISTRY[name]
    prepared = kernel.prepare(node, LITERT)
    result = kernel.evaluate(prepared, x, where)
    assert (result.shape,) == prepared.output_shapes
    return result


def test_the_first_of_equals_wins() -> None:
    assert run("ARG_MAX", [[1, 3, 3], [5, 5, 4]], 1).tolist() == [1, 0]
    assert run("ARG_MIN", [[3, 1, 1], [5, 5, 5]], -1).tolist() == [1, 0]


def test_any_axis_and_both_index_types() -> None:
    x = np.random.default_rng(0).integers(-128, 128, (3, 4, 5), dtype=np.int8)
    for axis in range(3):
        result = run("ARG_MAX", x, axis, INT64, TensorType.INT8)
        assert result.dtype == np.int64 and np.array_equal(result, x.argmax(axis))


def test_a_nan_is_neither_the_greatest_nor_the_least() -> None:
    assert run("ARG_MAX", [np.nan, 1, 3, np.nan], 0) == 2
    assert run("ARG_MIN", [np.nan, 1, 3, np.nan], 0) == 1


def test_an_axis_without_elements_is_a_model_error() -> None:
    with pytest.raises(ModelError, match="at least one element"):
        run("ARG_MAX", np.zeros((2, 0)), 1)
    with pytest.raises(ModelError, match="an axis in"):
        run("ARG_MAX", np.zeros((2, 3)), 2)
