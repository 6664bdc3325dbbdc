"""Compiled operators that find places by values give what ``evaluate`` gives, and refuse what it refuses."""

from __future__ import annotations

import math
import os
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import q31
from compiled_nodes import EXAMPLES, INNER, run_cases_in_a_process
from conformance.judge import run
from q31.kernels.profiles import LITERT
from q31.schema import TensorType, numpy_dtype
from q31.schema.options import (
    DynamicUpdateSliceOptions,
    FillOptions,
    GatherNdOptions,
    ReverseSequenceOptions,
    ScatterNdOptions,
)
from q31.tools.conformance.case import Case, Operand, constant, result, single_operator, tensor
from q31.tools.conformance.differences import compare
from q31.tools.inspection import inspect

T = TensorType
SIZES = st.sampled_from([1, 2, 3, 5, 8, 17, 40])
SHAPES = st.lists(SIZES, min_size=1, max_size=4).filter(lambda sizes: math.prod(sizes) <= 10_000).map(tuple)
COPIED = st.sampled_from([T.FLOAT32, T.INT8, T.INT16, T.INT64, T.BOOL])


class Inputs:
    """Operands of one operator, and the values of those that are no constants."""

    def __init__(self, draw: Any) -> None:
        self.draw, self.operands, self.values = draw, [], []
        self.random = np.random.default_rng(draw(st.integers(0, 2**32)))

    def add(self, value: np.ndarray, is_constant: bool | None = None) -> None:
        """Add an input, a constant or not as said or drawn."""
        operand: Operand = constant(value)
        if not (self.draw(st.booleans()) if is_constant is None else is_constant):
            operand = tensor(operand.type, value.shape)
            self.values.append(value)
        self.operands.append(operand)

    def add_numbers(self, tensor_type: TensorType, shape: tuple[int, ...]) -> None:
        """Add an input of numbers that all of a type's bits are used for, within which sums stay."""
        dtype = numpy_dtype(tensor_type)
        large = self.random.integers(-(2**29), 2**29, shape)
        self.add(np.asarray(large & 1 if tensor_type is T.BOOL else large).astype(dtype), False)

    def case(self, name: str, options: Any, kind: TensorType, version: int = 1) -> Case:
        return single_operator(name, options, self.operands, [result(kind)], self.values, version=version)


def indices(inputs: Inputs, sizes: tuple[int, ...], sound: bool) -> tuple[np.ndarray, tuple[int, ...]]:
    """Return rows of indices within ``sizes``, or some that may be beyond, and the axes before the last."""
    leading = (inputs.draw(SIZES), *inputs.draw(st.sampled_from([(), (2,)])))
    rows = inputs.random.integers(0, sizes, (*leading, len(sizes)))
    if not sound:
        rows.reshape(-1)[inputs.draw(st.integers(0, rows.size - 1))] += inputs.draw(st.sampled_from([-50, -1, 1, 50]))
    return rows, leading


@st.composite
def picked(draw: Any, sound: bool = True) -> Case:
    inputs, kind, shape = Inputs(draw), draw(COPIED), draw(SHAPES)
    rows, _ = indices(inputs, shape[: draw(st.integers(1, len(shape)))], sound)
    inputs.add_numbers(kind, shape)
    inputs.add(rows.astype(draw(st.sampled_from([np.int16, np.int32, np.int64]))))
    return inputs.case("GATHER_ND", GatherNdOptions(), kind, version=5)


@st.composite
def scattered(draw: Any, sound: bool = True) -> Case:
    kind, shape = draw(st.sampled_from([T.FLOAT32, T.UINT8, T.BOOL, T.INT8, T.INT32, T.INT64])), draw(SHAPES)
    inputs, depth = Inputs(draw), draw(st.integers(1, len(shape)))
    rows, leading = indices(inputs, shape[:depth], sound)
    inputs.add(rows.astype(np.int32))
    inputs.add_numbers(kind, (*leading, *shape[depth:]))
    inputs.add(np.array(shape, np.int32), True)
    return inputs.case("SCATTER_ND", ScatterNdOptions(), kind)


@st.composite
def updated(draw: Any) -> Case:
    inputs, kind, shape = Inputs(draw), draw(COPIED), draw(SHAPES)
    inputs.add_numbers(kind, shape)
    inputs.add_numbers(kind, tuple(draw(st.integers(1, size)) for size in shape))
    starts = [draw(st.integers(-2, size + 2)) for size in shape]
    inputs.add(np.array(starts, draw(st.sampled_from([np.int32, np.int64]))))
    return inputs.case("DYNAMIC_UPDATE_SLICE", DynamicUpdateSliceOptions(), kind, version=3)


@st.composite
def turned(draw: Any, sound: bool = True) -> Case:
    kind = draw(st.sampled_from([T.FLOAT32, T.UINT8, T.INT16, T.INT32, T.INT64]))
    inputs, shape = Inputs(draw), draw(SHAPES.filter(lambda sizes: len(sizes) > 1))
    time, batch, *_ = draw(st.permutations(range(len(shape))))
    inputs.add_numbers(kind, shape)
    lengths = inputs.random.integers(0, shape[time] + 1, shape[batch])
    if not sound:
        lengths[draw(st.integers(0, len(lengths) - 1))] = draw(st.sampled_from([-1, shape[time] + 1]))
    inputs.add(lengths.astype(draw(st.sampled_from([np.int32, np.int64]))))
    return inputs.case("REVERSE_SEQUENCE", ReverseSequenceOptions(time, batch), kind)


@st.composite
def filled(draw: Any) -> Case:
    inputs, kind = Inputs(draw), draw(COPIED)
    inputs.add(np.array(draw(SHAPES), np.int32), True)
    inputs.add_numbers(kind, ())
    return inputs.case("FILL", FillOptions(), kind)


STRATEGIES = {"FILL": filled, "GATHER_ND": picked, "SCATTER_ND": scattered, "DYNAMIC_UPDATE_SLICE": updated}
STRATEGIES["REVERSE_SEQUENCE"] = turned


@pytest.mark.parametrize("name", STRATEGIES)
def test_compiled_moves_are_those_of_evaluate(name: str) -> None:
    @settings(max_examples=EXAMPLES, deadline=None)
    @given(STRATEGIES[name]())
    def agree(case: Case) -> None:
        (operator,) = inspect(case.graph, LITERT)["subgraphs"][0]["operators"]
        assert operator["execution"] == "compiled"
        expected, got = run(case, "numpy"), run(case, "numba")
        assert not isinstance(expected, q31.Error) and not isinstance(got, q31.Error)
        assert compare(expected, got) == ""

    agree()


@pytest.mark.parametrize("name", ["GATHER_ND", "SCATTER_ND", "REVERSE_SEQUENCE"])
def test_what_is_beyond_bounds_is_refused_in_the_same_words(name: str) -> None:
    refused = set()

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(STRATEGIES[name](sound=False))
    def agree(case: Case) -> None:
        expected, got = run(case, "numpy"), run(case, "numba")
        if isinstance(expected, q31.Error):
            assert str(got) == str(expected)
            refused.add(str(got))
        else:  # an index beyond its axis, whose place is in the array all the same
            assert not isinstance(got, q31.Error)
            assert compare(expected, got) == ""

    agree()
    assert refused


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
@pytest.mark.parametrize("environment", [{"Q31_JIT": "0"}, {"Q31_ISA": "generic"}], ids=str)
def test_other_forms_move_the_same(environment: dict[str, str]) -> None:
    run_cases_in_a_process(__file__, "of_evaluate or refused", **environment)
