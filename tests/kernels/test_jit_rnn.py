"""The compiled RNNs and SVDF of float32 give the bits of ``evaluate``, over several invokes, in every activation."""

from __future__ import annotations

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
from q31.schema import ActivationFunctionType, Quantization, TensorType
from q31.schema.options import RNNOptions, SequenceRNNOptions, SVDFOptions
from q31.tools.conformance.case import Case, Operand, constant, network, result, tensor
from q31.tools.conformance.differences import compare
from q31.tools.inspection import inspect

FLOAT32 = TensorType.FLOAT32
SIZES = st.sampled_from([1, 2, 3, 7, 8, 16, 17, 33, 64])
ACTIVATIONS = st.sampled_from(list(ActivationFunctionType))


@st.composite
def layers(draw: Any, hybrid: bool) -> Case:
    """A layer that is lowered: no weights of -128."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    batch, steps, depth, units = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(SIZES), draw(SIZES)
    activation, asymmetric, time_major = draw(ACTIVATIONS), hybrid and draw(st.booleans()), draw(st.booleans())
    operator = draw(st.sampled_from(["RNN", "UNIDIRECTIONAL_SEQUENCE_RNN", "SVDF"]))

    def matrix(*shape: int) -> Operand:
        if not hybrid:
            return constant(random.standard_normal(shape).astype(np.float32) / np.float32(2))
        scale = Quantization((float(np.float32(random.uniform(0.001, 0.02))),), (0,))
        return constant(random.integers(-127, 128, shape).astype(np.int8), scale)

    leading, options, second, state = (batch,), RNNOptions(activation, asymmetric), units, units
    if operator == "UNIDIRECTIONAL_SEQUENCE_RNN":
        leading = (steps, batch) if time_major else (batch, steps)
        options = SequenceRNNOptions(time_major, activation, asymmetric)
    elif operator == "SVDF":
        options, second, state = SVDFOptions(1, activation, asymmetric), steps, units * steps
    x, y = tensor(FLOAT32, (*leading, depth)), result(FLOAT32, shape=(*leading, units))
    bias = constant(random.standard_normal(units).astype(np.float32))
    memory = tensor(FLOAT32, (batch, state), is_variable=True)
    inputs = [x, matrix(units, depth), matrix(units, second), bias, memory]
    runs = [[random.standard_normal(x.shape).astype(np.float32) * draw(st.sampled_from([0, 1, 9]))] for _ in range(3)]
    return network([(operator, 3, options, inputs, [y])], [x], [y], [[run[0].astype(np.float32)] for run in runs])


@pytest.mark.parametrize("hybrid", [False, True], ids=["float32", "hybrid"])
def test_compiled_layers_are_those_of_evaluate(hybrid: bool) -> None:
    @settings(max_examples=EXAMPLES, deadline=None)
    @given(layers(hybrid))
    def agree(case: Case) -> None:
        expected, got = run(case, "numpy"), run(case, "numba")
        assert not isinstance(expected, q31.Error) and not isinstance(got, q31.Error)
        assert compare(expected, got) == ""

    agree()


@pytest.mark.parametrize("hybrid", [False, True], ids=["float32", "hybrid"])
def test_they_are_compiled(hybrid: bool) -> None:
    @settings(max_examples=20, deadline=None)
    @given(layers(hybrid))
    def are_compiled(case: Case) -> None:
        (operator,) = inspect(case.graph, LITERT)["subgraphs"][0]["operators"]
        assert operator["execution"] == "compiled"

    are_compiled()


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
@pytest.mark.parametrize("environment", [{"Q31_JIT": "0"}, {"Q31_ISA": "generic"}], ids=str)
def test_other_forms_compute_the_same_bits(environment: dict[str, str]) -> None:
    run_cases_in_a_process(__file__, "of_evaluate", **environment)
