"""State in variable tensors: carried over between invokes, reset, and refused where it is no variable tensor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import q31
from q31.kernels.operator import TensorSpec
from q31.kernels.profiles import LITERT, SINGLE
from q31.kernels.vector_activation import tanh
from q31.schema import ActivationFunctionType, Quantization, TensorType
from q31.schema.options import RNNOptions, SVDFOptions
from q31.tools.conformance.case import Case, Operand, constant, network, result, tensor
from quirk_nodes import run
from recurrent_nodes import basic_lstm, integer_lstm

FLOAT32, INT8, INT16 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT16
UNIT = Quantization((1.0,), (0,))


def svdf(state: Operand, activation: ActivationFunctionType = ActivationFunctionType.RELU) -> Case:
    """One filter that adds the last three inputs, the newest counted three times and the oldest once."""
    x, y = tensor(INT8, (1, 1), UNIT), result(INT8, UNIT, (1, 1))
    weights = [constant(np.array([[1]], np.int8), UNIT), constant(np.array([[1, 2, 3]], np.int16), UNIT)]
    operator = ("SVDF", 3, SVDFOptions(rank=1, fused_activation_function=activation), [x, *weights, None, state], [y])
    return network([operator], [x], [y], [[np.zeros((1, 1), np.int8)]])


def step(interpreter: q31.Interpreter, x: int) -> int:
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.array([[x]], np.int8))
    interpreter.invoke()
    return int(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0, 0])


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_state_is_carried_over_and_reset(backend: str) -> None:
    case = svdf(tensor(INT16, (1, 3), UNIT, is_variable=True))
    interpreter = q31.Interpreter(model_content=case.model, backend=backend)
    interpreter.allocate_tensors()
    assert [step(interpreter, x) for x in (1, 10, 0, 0, 0)] == [3, 32, 21, 10, 0]
    step(interpreter, 20)
    interpreter.reset_all_variables()
    assert step(interpreter, 1) == 3


def test_negative_sums_pass_the_ignored_relu() -> None:
    interpreter = q31.Interpreter(model_content=svdf(tensor(INT16, (1, 3), UNIT, is_variable=True)).model)
    interpreter.allocate_tensors()
    assert step(interpreter, -1) == -3


@pytest.mark.parametrize("state", [constant(np.zeros((1, 3), np.int16), UNIT), None])
def test_state_must_be_a_variable_tensor(state: Operand) -> None:
    with pytest.raises(q31.ModelError, match="input 4 is state"):
        q31.Interpreter(model_content=svdf(state).model).allocate_tensors()


def test_a_narrow_state_is_tflms() -> None:
    case = svdf(tensor(INT8, (1, 3), UNIT, is_variable=True))
    with pytest.raises(q31.UnsupportedOperatorError, match="int8"):
        q31.Interpreter(model_content=case.model).allocate_tensors()


def test_other_activations_are_refused() -> None:
    case = svdf(tensor(INT16, (1, 3), UNIT, is_variable=True), ActivationFunctionType.NONE)
    with pytest.raises(q31.ModelError, match="RELU"):
        q31.Interpreter(model_content=case.model).allocate_tensors()


def rnn(weights: Operand, depth: int = 1) -> Case:
    """One unit that adds its input and half its state."""
    x, y = tensor(FLOAT32, (1, depth)), result(FLOAT32, shape=(1, 1))
    state = tensor(FLOAT32, (1, 1), is_variable=True)
    half, bias = constant(np.array([[0.5]], np.float32)), constant(np.zeros(1, np.float32))
    options = RNNOptions(ActivationFunctionType.RELU6)
    return network([("RNN", 1, options, [x, weights, half, bias, state], [y])], [x], [y], [[np.zeros((1, depth))]])


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_an_rnn_carries_its_state_over(backend: str) -> None:
    interpreter = q31.Interpreter(model_content=rnn(constant(np.ones((1, 1), np.float32))).model, backend=backend)
    interpreter.allocate_tensors()
    (source,), (target,) = interpreter.get_input_details(), interpreter.get_output_details()
    for given, expected in ((4, 4), (1, 3), (100, 6), (0, 3)):
        interpreter.set_tensor(source["index"], np.array([[given]], np.float32))
        interpreter.invoke()
        assert interpreter.get_tensor(target["index"]) == expected


def test_weights_of_different_types_are_refused() -> None:
    with pytest.raises(q31.UnsupportedOperatorError, match="all int8"):
        q31.Interpreter(model_content=rnn(constant(np.ones((1, 1), np.int8), UNIT)).model).allocate_tensors()


def test_weights_of_another_shape_are_refused() -> None:
    with pytest.raises(q31.ModelError, match="weights \\[1, 2\\]"):
        q31.Interpreter(model_content=rnn(constant(np.ones((1, 1), np.float32)), 2).model).allocate_tensors()


def test_tanh_is_eigens() -> None:
    """Its last bit differs from the C library's now and then; it is odd, and 1 from 7.9 on."""
    x = np.linspace(-8, 8, 4001, dtype=np.float32)
    y = tanh(x)
    np.testing.assert_array_equal(y, -tanh(-x))
    np.testing.assert_allclose(y, np.tanh(x.astype(np.float64)), rtol=5e-7)
    assert tanh(np.float32(7.91)) == 1


@pytest.mark.parametrize(
    ("changes", "intermediates", "expected"),
    [
        ({9: (np.zeros(2, np.int16), 1.0)}, 5, "peepholes of all gates"),
        ({21: (np.ones(2, np.int16), 1.0)}, 5, "factors of a layer normalization of all gates"),
        ({number: (np.zeros(3, np.int16), 1.0) for number in (9, 10, 11)}, 5, r"of shape \[2\]"),
        ({}, 3, "5 intermediates"),
        ({}, 12, "a projection with a bias"),
    ],
)
def test_an_integer_lstm_that_is_none_is_refused(changes: Any, intermediates: int, expected: str) -> None:
    code = TensorSpec("inner", INT8, (0,), Quantization((1.0,), (0,)))
    with pytest.raises((q31.ModelError, q31.UnsupportedOperatorError), match=expected):
        run(integer_lstm(2, 2, changes, [code] * intermediates), LITERT)


def test_peepholes_beyond_the_units_are_refused_where_the_reference_reads_them() -> None:
    three = {number: (np.zeros(1, np.int16), 1.0) for number in (9, 10, 11)}
    node = integer_lstm(1, 2, {**three, 16: (np.ones((2, 1), np.int8), 1.0)})
    with pytest.raises(q31.UnsupportedOperatorError, match="at most as many outputs as units"):
        run(node, LITERT)
    run(node, SINGLE)


def test_a_basic_lstm_of_other_types_is_refused() -> None:
    node = basic_lstm()
    mixed = replace(node, inputs=(*node.inputs[:4], node.inputs[0]))
    with pytest.raises(q31.UnsupportedOperatorError, match="uint8 with a bias of int32"):
        run(mixed, LITERT)
    coarse = replace(node.outputs[1], quantization=Quantization((2.0**-10,), (0,)))
    with pytest.raises(q31.ModelError, match=r"a scale of 2\*\*-11"):
        run(replace(node, outputs=(node.outputs[0], coarse, *node.outputs[2:])), LITERT)
