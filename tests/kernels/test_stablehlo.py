"""Operators from StableHLO: values worked out by hand, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import q31
from q31.schema import TensorType
from q31.schema.options import (
    DilateOptions,
    FakeQuantOptions,
    ReduceWindowOptions,
    StablehloGatherOptions,
    StablehloPadOptions,
    StablehloReduceWindowOptions,
    StablehloScatterOptions,
)
from q31.schema.types import ReduceWindowFunction
from q31.tools.conformance.case import Case, constant, result, single_operator, tensor
from q31.tools.conformance.cases_stablehlo import body_of
from q31.tools.conformance.control_flow_graphs import joined

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


def _dilated(factors: tuple[int, ...]) -> Case:
    given = [np.array([[1, 2], [3, 4]], np.int32), np.array(-1, np.int32)]
    inputs = [tensor(INT32, (2, 2)), constant(np.array(factors, np.int32)), tensor(INT32, ())]
    return single_operator("DILATE", DilateOptions(), inputs, [result(INT32)], given)


def test_dilating_moves_elements_apart_and_fills_what_is_between_with_the_padding_value() -> None:
    assert _run(_dilated((2, 3))) == [[1, -1, -1, 2], [-1, -1, -1, -1], [3, -1, -1, 4]]


def test_dilating_by_less_than_one_is_refused() -> None:
    with pytest.raises(q31.ModelError, match="factors of 1 or more"):
        _run(_dilated((1, 0)))


def _gather(vector: int, indices: list[Any]) -> Case:
    """Gather rows of [[1, 2], [3, 4], [5, 6]], an index for each."""
    rows = np.array([[1, 2], [3, 4], [5, 6]], np.int32)
    array = np.array(indices, np.int32)
    options = StablehloGatherOptions((1,), (0,), (0,), vector, (1, 2), False)
    inputs = [tensor(INT32, rows.shape), tensor(INT32, array.shape)]
    return single_operator("STABLEHLO_GATHER", options, inputs, [result(INT32, shape=(1, 1))], [rows, array])


def test_rows_are_gathered_with_the_vector_of_an_index_along_either_axis() -> None:
    assert _run(_gather(1, [[2], [0]])) == [[5, 6], [1, 2]]
    assert _run(_gather(0, [[2, 0]])) == [[5, 6], [1, 2]]


def _scatter(body: str | None, indices: list[Any], vector: int = 1) -> Case:
    """Scatter 10, 20 and 30 into [1, 2, 3], an index for each."""
    array = np.array(indices, np.int32)
    options = StablehloScatterOptions(False, (), (0,), (0,), vector, False, 1)
    inputs = [tensor(INT32, (3,)), tensor(INT32, array.shape), tensor(INT32, (3,))]
    given = [np.array([1, 2, 3], np.int32), array, np.array([10, 20, 30], np.int32)]
    main = single_operator("STABLEHLO_SCATTER", options, inputs, [result(INT32)], given)
    return Case(joined(main.graph, body_of(INT32, body)), main.inputs)


@pytest.mark.parametrize(
    ("body", "expected"), [(None, [1, 30, 3]), ("STABLEHLO_ADD", [1, 42, 3]), ("STABLEHLO_MAXIMUM", [1, 30, 3])]
)
def test_updates_of_one_place_are_applied_in_order_and_those_outside_are_left_out(
    body: str | None, expected: Any
) -> None:
    updates = [[1], [-1], [1]] if body is None else [[1], [3], [1]]
    assert _run(_scatter(body, updates)) == expected


@pytest.mark.parametrize(
    "case", [_gather(1, [2, 0]), _scatter(None, [0, 1, 2]), _gather(2, [[2], [0]])], ids=["gather", "scatter", "deeper"]
)
def test_indices_without_a_vector_are_refused_because_the_reference_reads_its_length_from_anywhere(case: Case) -> None:
    with pytest.raises(q31.UnsupportedOperatorError, match="index_vector_dim"):
        _run(case)


def _reduced(window: int, padding: tuple[int, int], body: str, given: np.ndarray, initial: Any) -> Case:
    one = TensorType.BOOL if given.dtype == bool else INT32
    options = StablehloReduceWindowOptions((window,), (1,), (1,), (1,), padding, 1)
    inputs = [tensor(one, given.shape), tensor(one, ())]
    arrays = [given, np.array(initial, given.dtype)]
    main = single_operator("STABLEHLO_REDUCE_WINDOW", options, inputs, [result(one)], arrays)
    return Case(joined(main.graph, body_of(one, body)), main.inputs)


def test_a_padded_window_makes_running_sums() -> None:
    assert _run(_reduced(3, (2, 0), "STABLEHLO_ADD", np.array([1, 2, 3], np.int32), 0)) == [1, 3, 6]


def test_the_logical_and_of_numbers_is_one_or_zero() -> None:
    assert _run(_reduced(2, (0, 0), "STABLEHLO_AND", np.array([5, 7, 0], np.int32), 9)) == [1, 0]


def test_sums_of_bool_are_refused_because_the_reference_stores_bytes_above_one() -> None:
    with pytest.raises(q31.UnsupportedOperatorError, match="ADD of numbers"):
        _run(_reduced(2, (0, 0), "STABLEHLO_ADD", np.array([True, True]), False))


@pytest.mark.parametrize(("window", "padding"), [(2**20 + 1, 2**20), (2, 2**28), (2**16, 2**18)])
def test_a_window_that_would_take_minutes_is_refused(window: int, padding: int) -> None:
    with pytest.raises(q31.ModelError, match="at most"):
        _run(_reduced(window, (padding, 0), "STABLEHLO_ADD", np.array([1, 2, 3], np.int32), 0))
