"""State in variable tensors: carried over between invokes, reset, and refused where it is no variable tensor."""

from __future__ import annotations

import numpy as np
import pytest

import q31
from conformance.case import Case, Operand, constant, network, result, tensor
from q31.schema import ActivationFunctionType, Quantization, TensorType
from q31.schema.options import SVDFOptions

INT8, INT16 = TensorType.INT8, TensorType.INT16
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
