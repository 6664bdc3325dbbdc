"""NumericVerify: differences, when they are an error, and nodes that make no sense."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from flatbuffers import flexbuffers
from hypothesis import given
from hypothesis import strategies as st

from q31.kernels.operator import Node, TensorSpec
from q31.kernels.profiles import LITERT
from q31.kernels.registry import find
from q31.schema import Error, ModelError, Quantization, TensorType

INT8, FLOAT32 = TensorType.INT8, TensorType.FLOAT32
HALVES = Quantization((0.5,), (-1,))


def node(source: TensorSpec, reference: TensorSpec, options: dict[str, Any]) -> Node:
    data = bytes(flexbuffers.Dumps(options))
    return Node("CUSTOM", 1, None, (source, reference), (TensorSpec("", FLOAT32, ()),), "NumericVerify", data)


def run(reference: list[float], options: dict[str, Any]) -> list[float]:
    x, floats = np.array([-1, 1, 9], np.int8), np.array(reference, np.float32)
    one = node(TensorSpec("", INT8, x.shape, HALVES), TensorSpec("", FLOAT32, floats.shape), options)
    return find(one).evaluate(find(one).prepare(one, LITERT), x, floats).tolist()


def test_differences_from_the_reference() -> None:
    assert run([0, 0, 7], {}) == [0, 1, -2]


@pytest.mark.parametrize("tolerance", [0.1, 3])
def test_a_difference_beyond_tolerance_times_scale_is_an_error_where_asked_for(tolerance: float) -> None:
    assert run([0, 0, 7], {"tolerance": tolerance}) == [0, 1, -2]
    assert run([0, 1, 5], {"tolerance": tolerance, "log_if_failed": True}) == [0, 0, 0]
    with pytest.raises(ModelError, match="away from its reference"):
        run([0, 0, 7], {"tolerance": tolerance, "log_if_failed": True})


def test_a_tolerance_below_a_tenth_is_no_limit() -> None:
    assert run([0, 0, 7], {"tolerance": 0.05, "log_if_failed": True}) == [0, 1, -2]


@given(
    st.sampled_from(TensorType),
    st.lists(st.sampled_from([0, 1, 2, 3]), max_size=3),
    st.lists(st.sampled_from([0.5, 1e38, 0.0, np.inf, np.nan]), max_size=3),
    st.sampled_from([0, 0.5, -1, 1e30, "1"]),
    st.booleans(),
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_refused_by_name_or_computed(kind: Any, shape: Any, scales: Any, tolerance: Any, log: bool) -> None:
    source = TensorSpec("", kind, tuple(shape), Quantization(tuple(scales), (3,) * len(scales)))
    one = node(source, TensorSpec("", FLOAT32, tuple(shape)), {"tolerance": tolerance, "log_if_failed": log})
    try:
        prepared = find(one).prepare(one, LITERT)
    except Error:
        return
    with suppress(ModelError):
        result = find(one).evaluate(prepared, np.ones(shape, source.dtype), np.ones(shape, np.float32))
        assert result.shape == prepared.output_shape and result.dtype == np.float32
