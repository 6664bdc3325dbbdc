"""The compiled LSTMs of float32 give the bits of ``evaluate``, over several invokes."""

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
from q31.schema.options import LSTMOptions, UnidirectionalSequenceLSTMOptions
from q31.tools.conformance.case import Case, Operand, constant, network, result, tensor
from q31.tools.conformance.differences import compare
from q31.tools.inspection import inspect

FLOAT32 = TensorType.FLOAT32
SIZES = st.sampled_from([1, 2, 3, 7, 8, 16, 17, 33, 64])


@st.composite
def layers(draw: Any, hybrid: bool) -> Case:
    """A layer that is lowered: activation TANH, no weights of -128."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    batch, steps, depth, cells = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(SIZES), draw(SIZES)
    outputs, sequence, time_major = draw(st.sampled_from([cells, 5, 20])), draw(st.booleans()), draw(st.booleans())

    def floats(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    def matrix(*shape: int) -> Operand:
        if not hybrid:
            return constant(floats(*shape) / np.float32(2))
        scale = Quantization((float(np.float32(random.uniform(0.001, 0.02))),), (0,))
        return constant(random.integers(-127, 128, shape).astype(np.int8), scale)

    given_inputs: list[Operand | None] = [None] * 24
    gates, peepholes, normalized = range(draw(st.integers(0, 1)), 4), draw(st.booleans()), draw(st.booleans())
    for gate in gates:
        given_inputs[1 + gate], given_inputs[5 + gate] = matrix(cells, depth), matrix(cells, outputs)
        given_inputs[12 + gate] = constant(floats(cells))
        given_inputs[20 + gate] = constant(floats(cells)) if normalized else None
        if peepholes and gate != 2:
            given_inputs[9 + min(gate, 2)] = matrix(cells)
    if outputs != cells:
        given_inputs[16] = matrix(outputs, cells)
        given_inputs[17] = constant(floats(outputs)) if draw(st.booleans()) else None
    given_inputs[18] = tensor(FLOAT32, (batch, outputs), is_variable=True)
    given_inputs[19] = tensor(FLOAT32, (batch, cells), is_variable=True)
    leading = ((steps, batch) if time_major else (batch, steps)) if sequence else (batch,)
    x = given_inputs[0] = tensor(FLOAT32, (*leading, depth))
    y = result(FLOAT32, shape=(*leading, outputs))
    clips = draw(st.sampled_from([0.0, 0.5])), draw(st.sampled_from([0.0, 0.5]))
    asymmetric = hybrid and draw(st.booleans())
    options: Any = LSTMOptions(ActivationFunctionType.TANH, *clips, asymmetric_quantize_inputs=asymmetric)
    if sequence:
        options = UnidirectionalSequenceLSTMOptions(ActivationFunctionType.TANH, *clips, time_major, asymmetric)
    kinds = [lambda: floats(*x.shape) * 3, lambda: floats(*x.shape) * 60, lambda: np.zeros(x.shape, np.float32)]
    runs = [[kinds[draw(st.integers(0, 2))]().astype(np.float32)] for _ in range(3)]
    name, version = ("UNIDIRECTIONAL_SEQUENCE_LSTM", 3) if sequence else ("LSTM", 4)
    return network([(name, version, options, given_inputs, [y])], [x], [y], runs)


@pytest.mark.parametrize("hybrid", [False, True], ids=["float32", "hybrid"])
def test_compiled_layers_are_those_of_evaluate(hybrid: bool) -> None:
    @settings(max_examples=EXAMPLES, deadline=None)
    @given(layers(hybrid))
    def agree(case: Case) -> None:
        expected, got = run(case, "numpy"), run(case, "numba")
        assert not isinstance(expected, q31.Error) and not isinstance(got, q31.Error)
        assert compare(expected, got) == ""

    agree()


@settings(max_examples=20, deadline=None)
@given(layers(True))
def test_they_are_compiled(case: Case) -> None:
    (operator,) = inspect(case.graph, LITERT)["subgraphs"][0]["operators"]
    assert operator["execution"] == "compiled"


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
@pytest.mark.parametrize("environment", [{"Q31_JIT": "0"}, {"Q31_ISA": "generic"}], ids=str)
def test_other_forms_compute_the_same_bits(environment: dict[str, str]) -> None:
    run_cases_in_a_process(__file__, "agree or evaluate", **environment)
