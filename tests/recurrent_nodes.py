"""Nodes of recurrent layers with cells of one unit, whose inputs are constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from q31.kernels.operator import Node, TensorSpec
from q31.schema import ActivationFunctionType, Quantization, TensorType
from q31.schema.options import BidirectionalSequenceLSTMOptions, BidirectionalSequenceRNNOptions, LSTMOptions

FLOAT32, INT8 = TensorType.FLOAT32, TensorType.INT8


def _floats(array: Any) -> TensorSpec:
    value = np.asarray(array, np.float32)
    return TensorSpec("t", FLOAT32, value.shape, Quantization(), value)


def _codes(array: Any) -> TensorSpec:
    value = np.asarray(array, np.int8)
    return TensorSpec("t", INT8, value.shape, Quantization((1.0,), (0,)), value)


def bidirectional(
    x: Any, auxiliary: Any = None, width: int = 0, hybrid: bool = False, time_major: bool = False, merged: bool = False
) -> Node:
    """Weights of one, so that states are sums; ``width``: of an auxiliary input that has weights."""
    matrix = _codes if hybrid else _floats
    batch = np.shape(x)[1 if time_major else 0]
    cell = [matrix([[1]]), matrix([[1]]), _floats([0]), _floats(np.zeros((batch, 1)))]
    inputs: list[TensorSpec | None] = [_floats(x), *cell, *cell, None, None, None]
    if auxiliary is not None:
        inputs[9] = _floats(auxiliary)
    if width:
        inputs[10:] = [matrix(np.ones((1, width)))] * 2
    outputs = (TensorSpec("y", FLOAT32, ()),) * (2 - merged)
    options = BidirectionalSequenceRNNOptions(time_major, merge_outputs=merged)
    return Node("BIDIRECTIONAL_SEQUENCE_RNN", 3, options, tuple(inputs), outputs)


def plain_lstm(x: float) -> Node:
    """An LSTM without an activation: weights of one, no biases."""
    one, zero = _floats([[1]]), _floats([[0]])
    weights: list[TensorSpec | None] = [one] * 8
    biases: list[TensorSpec | None] = [_floats([0])] * 4
    inputs = (_floats([[x]]), *weights, None, None, None, *biases, None, None, zero, zero)
    return Node("LSTM", 1, LSTMOptions(), inputs, (TensorSpec("y", FLOAT32, ()),))


def merged_lstms() -> Node:
    """Two layers, whose weights are 0 and whose states are 0, over a batch of two: all they give is 0."""
    inputs: list[TensorSpec | None] = [None] * 48
    inputs[0] = _floats(np.ones((2, 1, 1)))
    for first, state in ((0, 35), (17, 37)):
        for index in range(first + 1, first + 9):
            inputs[index] = _floats([[0]])
        for index in range(first + 12, first + 16):
            inputs[index] = _floats([0])
        inputs[state] = inputs[state + 1] = _floats([[0], [0]])
    options = BidirectionalSequenceLSTMOptions(ActivationFunctionType.TANH, merge_outputs=True, time_major=False)
    return Node("BIDIRECTIONAL_SEQUENCE_LSTM", 3, options, tuple(inputs), (TensorSpec("y", FLOAT32, ()),))
