"""The compiled layers of two directions give the bits of ``evaluate``, over several invokes."""

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
from q31.schema.options import BidirectionalSequenceLSTMOptions, BidirectionalSequenceRNNOptions
from q31.tools.conformance.case import Case, Operand, constant, network, result, tensor
from q31.tools.conformance.differences import compare
from q31.tools.inspection import inspect

FLOAT32, TANH = TensorType.FLOAT32, ActivationFunctionType.TANH
SIZES = st.sampled_from([1, 2, 7, 8, 16, 17, 33])


class Layer:
    """What is drawn of a layer, and its operands."""

    def __init__(self, draw: Any, hybrid: bool) -> None:
        self.hybrid, self.random = hybrid, np.random.default_rng(draw(st.integers(0, 2**32)))
        self.batch, self.steps, self.depth = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(SIZES)
        self.units = (draw(SIZES), draw(SIZES))
        self.time_major, self.merged, self.replaced = (draw(st.booleans()) for _ in range(3))
        self.asymmetric = hybrid and draw(st.booleans())

    def floats(self, *shape: int) -> np.ndarray:
        return self.random.standard_normal(shape).astype(np.float32)

    def matrix(self, *shape: int) -> Operand:
        if not self.hybrid:
            return constant(self.floats(*shape) / np.float32(2))
        scale = Quantization((float(np.float32(self.random.uniform(0.001, 0.02))),), (0,))
        return constant(self.random.integers(-127, 128, shape).astype(np.int8), scale)

    def state(self, units: int) -> Operand:
        return tensor(FLOAT32, (self.batch, units), is_variable=True)

    def case(self, name: str, options: Any, inputs: list[Operand | None], auxiliary: int) -> Case:
        leading = (self.steps, self.batch) if self.time_major else (self.batch, self.steps)
        x = inputs[0] = tensor(FLOAT32, (*leading, self.depth))
        given_inputs = [x]
        if self.replaced:
            given_inputs.append(tensor(FLOAT32, x.shape))
            inputs[auxiliary] = given_inputs[1]
        widths = (sum(self.units),) if self.merged else self.units
        outputs = [result(FLOAT32, shape=(*leading, width)) for width in widths]
        scales = np.float32(3), np.float32(60), np.float32(0)
        runs = [[self.floats(*x.shape) * self.random.choice(scales) for _ in given_inputs] for _ in range(3)]
        return network([(name, 3, options, inputs, outputs)], given_inputs, outputs, runs)


@st.composite
def rnns(draw: Any, hybrid: bool) -> Case:
    """Hybrid, with time first, a sequence has one step: of more, the reference runs over it several times."""
    layer = Layer(draw, hybrid)
    if hybrid and layer.time_major:
        layer.steps = 1
    inputs: list[Operand | None] = [None] * 12
    for first, units in zip((1, 5), layer.units, strict=True):
        own = layer.matrix(units, layer.depth), layer.matrix(units, units), constant(layer.floats(units))
        inputs[first : first + 4] = [*own, layer.state(units)]
    options = BidirectionalSequenceRNNOptions(layer.time_major, TANH, layer.merged, layer.asymmetric)
    return layer.case("BIDIRECTIONAL_SEQUENCE_RNN", options, inputs, 9)


@st.composite
def lstms(draw: Any, hybrid: bool) -> Case:
    layer, clip = Layer(draw, hybrid), draw(st.sampled_from([0.0, 0.5]))
    inputs: list[Operand | None] = [None] * 48
    for first, states, units in zip((1, 18), (35, 37), layer.units, strict=True):
        for gate in range(draw(st.integers(0, 1)), 4):
            inputs[first + gate], inputs[first + 4 + gate] = (
                layer.matrix(units, layer.depth),
                layer.matrix(units, units),
            )
            inputs[first + 11 + gate] = constant(layer.floats(units))
        inputs[states : states + 2] = [layer.state(units), layer.state(units)]
    options = BidirectionalSequenceLSTMOptions(TANH, clip, 0.0, layer.merged, layer.time_major, layer.asymmetric)
    return layer.case("BIDIRECTIONAL_SEQUENCE_LSTM", options, inputs, 39)


@pytest.mark.parametrize("hybrid", [False, True], ids=["float32", "hybrid"])
@pytest.mark.parametrize("layers", [rnns, lstms])
def test_compiled_layers_are_those_of_evaluate(layers: Any, hybrid: bool) -> None:
    @settings(max_examples=EXAMPLES // 2, deadline=None)
    @given(layers(hybrid))
    def agree(case: Case) -> None:
        (operator,) = inspect(case.graph, LITERT)["subgraphs"][0]["operators"]
        assert operator["execution"] == "compiled"
        expected, got = run(case, "numpy"), run(case, "numba")
        assert not isinstance(expected, q31.Error) and not isinstance(got, q31.Error)
        assert compare(expected, got) == ""

    agree()


@pytest.mark.skipif(INNER in os.environ, reason="this is the inner run")
@pytest.mark.parametrize("environment", [{"Q31_JIT": "0"}, {"Q31_ISA": "generic"}], ids=str)
def test_other_forms_compute_the_same_bits(environment: dict[str, str]) -> None:
    run_cases_in_a_process(__file__, "of_evaluate", **environment)
