"""Recurrent operators in int8: LSTM, UNIDIRECTIONAL_SEQUENCE_LSTM and SVDF, as TensorFlow's converter makes them.

Of an LSTM, the hidden state has the output's parameters, the cell state is int16 with a power of two as its scale.
Peepholes are int16, as are an SVDF's state and its weights of time. Biases have the scale of the input's products.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...schema import ActivationFunctionType, Operator, Quantization, Subgraph, TensorType
from ...schema.types import LSTMKernelType
from .parameters import Parameters, activation_parameters, bias_parameters, weight_parameters

if TYPE_CHECKING:
    from .planning import Planner

Ranges = Mapping[int, tuple[float, float]]

LSTMS = ("LSTM", "UNIDIRECTIONAL_SEQUENCE_LSTM")
NAMES = (*LSTMS, "SVDF")
INTERMEDIATES = (
    "input_to_input_intermediate",
    "input_to_forget_intermediate",
    "input_to_cell_intermediate",
    "input_to_output_intermediate",
    "effective_hidden_scale_intermediate",
)
"""The names of an integer LSTM's intermediates; without layer normalization only the last has parameters."""

_WEIGHTS, _PEEPHOLES, _NORMALIZATION = range(1, 9), range(9, 12), range(20, 24)
_BIASES = {12: 1, 13: 2, 14: 3, 15: 4}
_PROJECTION, _PROJECTION_BIAS = 16, 17
_HIDDEN_STATE, _CELL_STATE = 18, 19
_TIME_BITS = 10
"""SVDF adds up products of its state and its weights of time in int32: six bits of int16 are left free for that."""

_PROJECTED = Parameters(TensorType.INT8, Quantization(scale=(1 / 128,), zero_point=(0,)))
"""Of what an LSTM projects: a logistic function times tanh, between -1 and 1 whatever the data is."""


def states(operator: Operator) -> tuple[int, ...]:
    """Return the operands of an operator that are its states."""
    return {"SVDF": (4,), **dict.fromkeys(LSTMS, (_HIDDEN_STATE, _CELL_STATE))}.get(operator.name, ())


def unfit(operator: Operator, subgraph: Subgraph) -> str:
    """Return why a recurrent operator stays float whatever the ranges are, or nothing."""
    options = operator.options
    if any(len([one for one in subgraph.operators if operator.inputs[k] in one.inputs]) > 1 for k in states(operator)):
        return "its state has another use"
    if operator.name == "SVDF":
        fitting = options.fused_activation_function is ActivationFunctionType.RELU
        return "" if fitting else "its kernel of int8 is for RELU alone"
    if getattr(options, "kernel_type", LSTMKernelType.FULL) is not LSTMKernelType.FULL:
        return "its kernel type is BASIC"
    if getattr(options, "diagonal_recurrent_tensors", False):
        return "its recurrent weights are diagonal"
    if any(_has(operator, k) and len(subgraph.tensors[operator.inputs[k]].shape) != 2 for k in _WEIGHTS):
        return "its weights are no matrices"
    if any(_has(operator, operand) for operand in _NORMALIZATION):
        return "it has layer normalization"
    if options.fused_activation_function is not ActivationFunctionType.TANH:
        return "its kernel of int8 is for TANH alone"
    return ""


def with_states(subgraph: Subgraph, ranges: Ranges) -> Ranges:
    """Return the ranges of activations: those of variables are left out, and LSTMs' outputs have their states', too."""
    activations = {tensor: range for tensor, range in ranges.items() if not subgraph.tensors[tensor].is_variable}
    for operator in subgraph.operators:
        if operator.name in LSTMS and len(operator.inputs) > _CELL_STATE:
            both = [ranges[one] for one in (operator.outputs[0], operator.inputs[_HIDDEN_STATE]) if one in ranges]
            if operator.outputs[0] in ranges:
                activations[operator.outputs[0]] = (min(low for low, _ in both), max(high for _, high in both))
    return activations


def plan_recurrent(planner: Planner, index: int, ranges: Ranges) -> None:
    """Plan constants, states and intermediates of a recurrent operator whose input and output are planned."""
    operator = planner.subgraph.operators[index]
    if operator.name == "SVDF":
        _plan_svdf(planner, index, operator, ranges)
    else:
        _plan_lstm(planner, index, operator, ranges)


def _plan_lstm(planner: Planner, index: int, operator: Operator, ranges: Ranges) -> None:
    plan, input = planner.plan, planner.seen(index, 0)
    (output,) = operator.outputs
    own = plan.requantized_outputs.get(output, plan.tensors.get(output))
    if input is None or own is None:
        return
    for operand in (*_WEIGHTS, *_PEEPHOLES, _PROJECTION):
        if _has(operator, operand):
            type = TensorType.INT16 if operand in _PEEPHOLES else TensorType.INT8
            plan.constants[index, operand] = weight_parameters(_value(planner, operator, operand), None, type)
    for operand, weights in _BIASES.items():
        if _has(operator, operand):
            plan.constants[index, operand] = bias_parameters(input, plan.constants[index, weights])
    hidden = _PROJECTED if _has(operator, _PROJECTION) else own
    if _has(operator, _PROJECTION_BIAS):
        plan.constants[index, _PROJECTION_BIAS] = bias_parameters(hidden, plan.constants[index, _PROJECTION])
    plan.tensors[operator.inputs[_HIDDEN_STATE]] = own
    cell = operator.inputs[_CELL_STATE]
    if cell in ranges:
        plan.tensors[cell] = _power_of_two(*ranges[cell])
    plan.intermediates[index] = (None, None, None, None, hidden)


def _plan_svdf(planner: Planner, index: int, operator: Operator, ranges: Ranges) -> None:
    plan, state = planner.plan, operator.inputs[4]
    plan.constants[index, 1] = weight_parameters(_value(planner, operator, 1), None)
    plan.constants[index, 2] = _time_parameters(_value(planner, operator, 2))
    if state in ranges:
        plan.tensors[state] = activation_parameters(*ranges[state], TensorType.INT16)
        if _has(operator, 3):
            plan.constants[index, 3] = bias_parameters(plan.tensors[state], plan.constants[index, 2])


def _has(operator: Operator, operand: int) -> bool:
    return operand < len(operator.inputs) and operator.inputs[operand] >= 0


def _value(planner: Planner, operator: Operator, operand: int) -> np.ndarray:
    value = planner.value(operator.inputs[operand])
    assert value is not None
    return value


def _power_of_two(low: float, high: float) -> Parameters:
    """Return the parameters of a cell state; the kernels take scales from 2**-15 to 2**-9."""
    bound = min(max(-low, high, 1.0), 64.0)
    scale = 2.0 ** np.ceil(np.log2(bound)) / 2**15
    return Parameters(TensorType.INT16, Quantization(scale=(float(scale),), zero_point=(0,)))


def _time_parameters(values: np.ndarray) -> Parameters:
    bound = max(float(np.abs(values).max(initial=0.0)), 2.0**-15)
    scale = bound / 2 ** (_TIME_BITS - 1)
    return Parameters(TensorType.INT16, Quantization(scale=(scale,), zero_point=(0,)))
