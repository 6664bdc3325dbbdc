"""Nodes of recurrent layers with cells of one unit, whose inputs are constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from q31.kernels.operator import Node, TensorSpec
from q31.schema import ActivationFunctionType, Quantization, TensorType
from q31.schema.options import BidirectionalSequenceLSTMOptions, BidirectionalSequenceRNNOptions, LSTMOptions
from q31.schema.types import LSTMKernelType

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


def integer_lstm(
    cells: int, outputs: int, changes: Mapping[int, Any], intermediates: Sequence[TensorSpec | None] = ()
) -> Node:
    """An LSTM of int8, one of a batch, with an input and weights of 0 but for the changes: by input, codes and scale.

    Without intermediates given, that of the hidden state has the scale 2**-7 and the zero point 0.
    """
    kinds = {**dict.fromkeys(range(9), np.int8), **dict.fromkeys(range(12, 16), np.int32), 18: np.int8, 19: np.int16}
    shapes = {0: (1, 1), 18: (1, outputs), 19: (1, cells), **dict.fromkeys(range(12, 16), (cells,))}
    shapes |= {**dict.fromkeys(range(1, 5), (cells, 1)), **dict.fromkeys(range(5, 9), (cells, outputs))}
    inputs: list[TensorSpec | None] = [None] * 24
    for index, kind in kinds.items():
        scale = {18: 2.0**-7, 19: 2.0**-15}.get(index, 2.0**-6)
        inputs[index] = _scaled(np.zeros(shapes[index], kind), scale)
    for index, (value, scale) in changes.items():
        inputs[index] = _scaled(np.asarray(value), scale)
    inner = tuple(intermediates) or (None, None, None, None, _scaled(np.zeros(0, np.int8), 2.0**-7))
    output = TensorSpec("y", INT8, (), Quantization((2.0**-7,), (0,)))
    return Node("LSTM", 4, LSTMOptions(ActivationFunctionType.TANH), tuple(inputs), (output,), intermediates=inner)


def _scaled(array: np.ndarray, scale: float, zero_point: int = 0) -> TensorSpec:
    kinds = {np.dtype(np.int8): INT8, np.dtype(np.int16): TensorType.INT16, np.dtype(np.int32): TensorType.INT32}
    return TensorSpec("t", kinds[array.dtype], array.shape, Quantization((scale,), (zero_point,)), array)


def rounded_peephole() -> Node:
    """Peepholes of 16 input gates: products of -1/2, 1/4, 5/4 and so on, where the cell gate is all but 1."""
    weights = np.zeros(16, np.int16)
    weights[:5] = -2, 1, 5, 9, 13
    none = np.zeros(16, np.int16), 2.0
    open_gate = np.full(16, 10**6, np.int32), 1.0
    return integer_lstm(16, 16, {9: (weights, 2.0), 10: none, 11: none, 14: open_gate, 19: (_ones(16), 2.0**-15)})


def _ones(cells: int) -> np.ndarray:
    return np.ones((1, cells), np.int16)


def projected_peephole() -> Node:
    """Two units, of which one output is left, with a peephole of the forget gate."""
    none = np.zeros(2, np.int16), 1.0
    state = np.full((1, 2), 10000, np.int16), 2.0**-15
    projection = np.ones((1, 2), np.int8), 2.0**-4
    changes = {9: none, 10: (np.full(2, 3, np.int16), 1.0), 11: none, 16: projection, 19: state}
    return integer_lstm(2, 1, changes)


def projected_lstm() -> Node:
    """One unit, whose result has the zero point 100."""
    changes = {16: (np.ones((1, 1), np.int8), 1.0), 19: (np.full((1, 1), 32767, np.int16), 2.0**-15)}
    return integer_lstm(1, 1, changes, (*[None] * 4, _scaled(np.zeros(0, np.int8), 2.0**-7, 100)))  # type: ignore[arg-type]


def narrow_lstm() -> Node:
    """Two units with the output gate's sums 1 and -1, of the hidden state, and one output of the first."""
    factors = np.full(2, 2**10, np.int16), 2.0**-10
    changes = {
        8: (np.array([[1], [-1]], np.int8), 2.0**-6),
        16: (np.array([[1, 0]], np.int8), 2.0**-1),
        17: (np.zeros(1, np.int32), 2.0**-15),
        18: (np.full((1, 1), 100, np.int8), 2.0**-7),
        19: (np.full((1, 2), 20000, np.int16), 2.0**-15),
        **dict.fromkeys((20, 21, 22, 23), factors),
    }
    return integer_lstm(2, 1, changes, [_scaled(np.zeros(0, np.int8), 2.0**-6)] * 12)


def basic_lstm() -> Node:
    """A cell of one unit whose sums are -1/2, 1/4, 0 and 0."""
    codes, state = Quantization((2.0**-7,), (128,)), Quantization((2.0**-11,), (0,))
    u8, i16, i32 = TensorType.UINT8, TensorType.INT16, TensorType.INT32
    middle = TensorSpec("t", u8, (1, 1), codes, np.full((1, 1), 128, np.uint8))
    weights = TensorSpec("w", u8, (4, 2), codes, np.full((4, 2), 128, np.uint8))
    bias = TensorSpec("b", i32, (4,), Quantization((2.0**-14,), (0,)), np.array([-2, 1, 0, 0], np.int32))
    cell = TensorSpec("c", i16, (1, 1), state, np.zeros((1, 1), np.int16))
    outputs = tuple(
        TensorSpec("y", *one) for one in ((u8, (), codes), (i16, (), state), (u8, (), codes), (i16, (), state))
    )
    options = LSTMOptions(ActivationFunctionType.TANH, kernel_type=LSTMKernelType.BASIC)
    return Node("LSTM", 2, options, (middle, middle, weights, bias, cell), outputs)
