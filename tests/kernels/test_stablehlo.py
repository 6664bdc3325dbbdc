"""Operators from StableHLO: values worked out by hand, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import q31
from conformance.case import Case, constant, result, single_operator, tensor
from q31.schema import TensorType
from q31.schema.options import FakeQuantOptions, ReduceWindowOptions, StablehloGatherOptions, StablehloPadOptions
from q31.schema.types import ReduceWindowFunction

FLOAT32, INT32 = TensorType.FLOAT32, TensorType.INT32


def _run(case: Case) -> list[Any]:
    interpreter = q31.Interpreter(model_content=case.model, backend="numpy")
    interpreter.allocate_tensors()
    for details, array in zip(interpreter.get_input_details(), case.inputs, strict=True):
        interpreter.set_tensor(details["index"], array)
    interpreter.invoke()
    return list(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).tolist())


def _pad(low: int, high: int, interior: int) -> Case:
    options = StablehloPadOptions((low,), (high,), (interior,))
    given = [np.array([1, 2, 3], np.int32), np.array(0, np.int32)]
    return single_operator("STABLEHLO_PAD", options, [tensor(INT32, (3,)), tensor(INT32, ())], [result(INT32)], given)


def test_padding_in_between_becomes_padding_at_the_edge_where_the_first_element_is_cut_off() -> None:
    assert _run(_pad(-1, 2, 3)) == [0, 0, 0, 2, 0, 0, 0, 3, 0, 0]


def test_negative_interior_padding_is_refused() -> None:
    with pytest.raises(q31.ModelError, match="interior padding"):
        _run(_pad(0, 0, -1))


def test_a_window_that_would_reach_beyond_the_tensor_is_moved_back() -> None:
    options = StablehloGatherOptions((1,), (), (0,), 1, (2,), False)
    given = [np.array([1, 2, 3], np.int32), np.array([[-5], [1], [9]], np.int32)]
    inputs = [tensor(INT32, (3,)), tensor(INT32, (3, 1))]
    case = single_operator("STABLEHLO_GATHER", options, inputs, [result(INT32, shape=(1, 1))], given)
    assert _run(case) == [[1, 2], [2, 3], [2, 3]]


def test_an_overlapping_window_sums_from_the_initial_value() -> None:
    geometry = [constant(np.array([n], np.int64)) for n in (2, 1, 2)]
    given = [np.array([1, 2, 3, 4], np.int32), np.array(10, np.int32)]
    inputs = [tensor(INT32, (4,)), tensor(INT32, ()), *geometry]
    options = ReduceWindowOptions(ReduceWindowFunction.ADD)
    assert _run(single_operator("REDUCE_WINDOW", options, inputs, [result(INT32)], given)) == [14, 16]


def test_fake_quantization_moves_its_range_so_that_zero_is_a_step() -> None:
    options = FakeQuantOptions(-0.4, 2.6, 2)
    given = [np.array([-1, 0.4, 0.6, 9], np.float32)]
    case = single_operator("FAKE_QUANT", options, [tensor(FLOAT32, (4,))], [result(FLOAT32)], given)
    assert _run(case) == [0, 0, 1, 3]


def test_narrow_range_is_refused_by_name() -> None:
    options = FakeQuantOptions(-1, 1, 8, narrow_range=True)
    given = [np.zeros(1, np.float32)]
    case = single_operator("FAKE_QUANT", options, [tensor(FLOAT32, (1,))], [result(FLOAT32)], given)
    with pytest.raises(q31.UnsupportedOperatorError, match="narrow_range"):
        _run(case)
