"""LSTM of the kernel type BASIC: one cell whose gates are rows of one matrix, of float32 or of uint8 with int16 state.

Rows of input gate, cell gate, forget gate and output gate follow each other, of so many units each; a row is multiplied
by the input and, after it, the hidden state. The products, and what they are formed of, are outputs too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..checks import require_quantized
from ..fixed_point import rounding_divide_by_pot
from ..operator import Node, Prepared
from ..power_of_two import power_of_two
from ..profiles import Profile
from ..vector_activation import logistic, tanh
from . import gemmlowp16
from .lstm_float import strict_products
from .lstm_weights import Rescaling, rescaling

STATES = (1, 4)
"""The hidden state and the cell state among the inputs."""

_GATES = 4
_GATE_BITS = 3  # integer bits of a gate's sum
_STATE_BITS = 4  # of the cell state
_INPUT_ZERO_POINT = 128
_FLOAT_TYPES = (TensorType.FLOAT32,) * 9
_CODE_TYPES = (
    TensorType.UINT8,
    TensorType.UINT8,
    TensorType.UINT8,
    TensorType.INT32,
    TensorType.INT16,
    TensorType.UINT8,
    TensorType.INT16,
    TensorType.UINT8,
    TensorType.INT16,
)


@dataclass(frozen=True)
class FloatCell(Prepared):
    """A cell of float32."""


@dataclass(frozen=True)
class QuantizedCell(Prepared):
    """A cell of uint8.

    ``rescaling`` brings products to Q3.12. ``rounds_half_up``: as the reference's matrix product does, on any
    processor; the definition of the cell in ``kernels/internal/reference/lstm_cell.h`` rounds halves away from 0.
    """

    weights_zero_point: int
    rescaling: Rescaling
    rounds_half_up: bool


def prepare(node: Node, profile: Profile) -> FloatCell | QuantizedCell:
    """Prepare a LSTM of the kernel type BASIC.

    Notes
    -----
    Source: ``basic::Prepare`` and ``basic::Eval`` in ``kernels/lstm.cc``.
    """
    node.require(len(node.inputs) == 5 and None not in node.inputs, "5 inputs, where the kernel type is BASIC")
    node.require(len(node.outputs) == 4, "4 outputs, where the kernel type is BASIC")
    source, hidden, weights, bias, cell = (node.input(index) for index in range(5))
    outputs = [node.output(index) for index in range(4)]
    types = tuple(spec.type for spec in (source, hidden, weights, bias, cell, *outputs))
    if types not in (_FLOAT_TYPES, _CODE_TYPES):
        raise node.unsupported("all float32; or uint8 with a bias of int32, a cell state and products of int16")
    node.require(len(source.shape) == len(hidden.shape) == 2, "an input and a hidden state of rank 2")
    batches, depth = source.shape
    units = hidden.shape[1]
    node.require(hidden.shape[0] == batches, f"a hidden state of a batch of {batches}")
    wanted = ((weights, (_GATES * units, depth + units)), (bias, (_GATES * units,)), (cell, (batches, units)))
    for spec, shape in wanted:
        node.require(spec.shape == shape, f"{spec.name!r} of shape {list(shape)}")
    shapes = (hidden.shape, hidden.shape, (batches, depth + units), (batches, _GATES * units))
    if source.type is TensorType.FLOAT32:
        return FloatCell(shapes)
    require_quantized(node, weights, bias, node.output(1))
    exponent = power_of_two(node.output(1).scale)
    node.require(exponent == _STATE_BITS - 15, f"a cell state with a scale of 2**-11, not {node.output(1).scale}")
    rescale = rescaling(node, 4096.0 * float(bias.scale), profile.rounding_of(node.name))
    return QuantizedCell(shapes, weights.zero_point, rescale, profile.reproduces_quirks)


def evaluate(
    prepared: FloatCell | QuantizedCell,
    x: np.ndarray,
    h: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray,
    c: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """Apply the cell once.

    Returns
    -------
    Hidden state, cell state, the input with the hidden state after it, and the gates' sums; then both states again, as
    the next invoke finds them.

    Notes
    -----
    Source: ``LstmCell`` in ``kernels/internal/optimized/optimized_ops.h``.
    """
    both = np.concatenate((x, h), axis=1)
    if isinstance(prepared, FloatCell):
        sums = strict_products(both, weights) + bias
        hidden, cell = _float_step(sums, c)
    else:
        sums = _quantized_sums(prepared, both, weights, bias)
        hidden, cell = _quantized_step(sums, c)
    return hidden, cell, both, sums, hidden, cell


def _float_step(sums: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    let_in, update, forget, output = np.split(sums, _GATES, axis=1)
    cell = logistic(let_in) * tanh(update) + logistic(forget) * c
    return logistic(output) * tanh(cell), cell


def _quantized_sums(prepared: QuantizedCell, both: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return the gates' sums (batch, 4 units) in Q3.12."""
    centred = both.astype(np.int64) - _INPUT_ZERO_POINT
    sums = centred @ (weights.astype(np.int64) - prepared.weights_zero_point).T + bias
    rescale = prepared.rescaling.half_up if prepared.rounds_half_up else prepared.rescaling
    scaled = rescale(sums.astype(np.int32))
    return np.clip(scaled, -32768, 32767).astype(np.int16)


def _quantized_step(sums: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    let_in, update, forget, output = np.split(sums, _GATES, axis=1)
    added = gemmlowp16.multiply(gemmlowp16.logistic(let_in, _GATE_BITS), gemmlowp16.tanh(update, _GATE_BITS))
    kept = gemmlowp16.multiply(gemmlowp16.logistic(forget, _GATE_BITS), c)
    cell = np.clip(rounding_divide_by_pot(added, _STATE_BITS) + kept, -32768, 32767).astype(np.int16)
    result = gemmlowp16.multiply(gemmlowp16.logistic(output, _GATE_BITS), gemmlowp16.tanh(cell, _STATE_BITS))
    codes = np.clip(rounding_divide_by_pot(result, 8), -128, 127)
    return (codes + _INPUT_ZERO_POINT).astype(np.uint8), cell
