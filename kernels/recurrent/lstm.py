"""UNIDIRECTIONAL_SEQUENCE_LSTM and LSTM; here those of int8 with a cell state of int16, step by step over a sequence.

The hidden state (batch, units or projected units) and the cell state (batch, units) are kept between invokes. LiteRT
and TFLM compute this operator differently; the modules ``lstm_litert`` and ``lstm_tflm`` have one step of each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import ActivationFunctionType, TensorType
from ...schema.options import LSTMOptions, UnidirectionalSequenceLSTMOptions
from ...schema.types import LSTMKernelType
from ..checks import options_of, require_quantized, require_symmetric
from ..operator import Instruction, Kernel, Node, Prepared, Shape, TensorSpec
from ..profiles import Profile
from . import lstm_litert, lstm_tflm
from .lowering import lower_lstm
from .lstm_layers import FloatLSTM, evaluate_float, prepare_float
from .lstm_weights import Arrays, Sizes, gates_of

_INPUT_WEIGHTS, _RECURRENT_WEIGHTS, _BIASES = range(1, 5), range(5, 9), range(12, 16)
_PEEPHOLE, _LAYER_NORM = range(9, 12), range(20, 24)
_PROJECTION, _PROJECTION_BIAS, _HIDDEN, _CELL = 16, 17, 18, 19


@dataclass(frozen=True)
class SequenceLSTM(Prepared):
    """A layer; its parameters' ``step`` makes a function of its weights that applies it once.

    ``sequence``: the input has an axis of time, which is the first where it is ``time_major``.
    """

    sequence: bool
    time_major: bool
    parameters: lstm_litert.Parameters | lstm_tflm.Parameters


def _options(node: Node) -> tuple[LSTMOptions | UnidirectionalSequenceLSTMOptions, bool]:
    """Return the options, and whether time is the first axis."""
    if node.name == "LSTM":
        plain = options_of(node, LSTMOptions)
        if plain.kernel_type is not LSTMKernelType.FULL:
            raise node.unsupported("the kernel type FULL")
        return plain, False
    options = options_of(node, UnidirectionalSequenceLSTMOptions)
    if options.diagonal_recurrent_tensors:
        raise node.unsupported("recurrent weights that are matrices")
    return options, options.time_major


def _optional(node: Node, indices: range) -> list[TensorSpec | None]:
    return [node.optional_input(index) for index in indices]


def _require_shape(node: Node, spec: TensorSpec, tensor_type: TensorType, shape: Shape) -> None:
    node.require(spec.type is tensor_type, f"{spec.name!r} of type {tensor_type.name.lower()}")
    node.require(spec.shape == shape, f"{spec.name!r} of shape {list(shape)}")


def prepare(node: Node, profile: Profile) -> SequenceLSTM | FloatLSTM:
    """Prepare UNIDIRECTIONAL_SEQUENCE_LSTM or LSTM.

    Notes
    -----
    Source: ``Prepare``, ``CheckInputTensorDimensions`` and ``PopulateQuantizedLstmParams8x8_16`` in
    ``kernels/unidirectional_sequence_lstm.cc``; ``micro/kernels/unidirectional_sequence_lstm.cc``.
    """
    if node.input(0).type is TensorType.FLOAT32:
        return prepare_float(node, profile)
    node.require(len(node.inputs) in (20, 24) and len(node.outputs) == 1, "20 or 24 inputs and 1 output")
    source, hidden, cell, target = node.input(0), node.input(_HIDDEN), node.input(_CELL), node.output()
    options, time_major = _options(node)
    sequence = node.name != "LSTM"
    if any(_optional(node, _PEEPHOLE)) or any(_optional(node, _LAYER_NORM)):
        raise node.unsupported("int8 without peepholes, layer normalization and diagonal weights")
    if (hidden.type, cell.type, target.type) != (TensorType.INT8, TensorType.INT16, TensorType.INT8):
        raise node.unsupported("int8 with a cell state of int16")
    activation = options.fused_activation_function
    node.require(activation is ActivationFunctionType.TANH, f"the fused activation TANH, not {activation.name}")
    clips = (options.cell_clip, options.proj_clip)
    node.require(all(clip >= 0 for clip in clips), "clips that are not negative")
    rank = 3 if sequence else 2
    node.require(len(source.shape) == rank, f"an input of rank {rank}")
    recurrent = node.input(_RECURRENT_WEIGHTS[-1])
    node.require(len(recurrent.shape) == 2, "recurrent weights of rank 2")
    batches = source.shape[1 if time_major else 0]
    sizes = Sizes(batches, source.shape[-1], *recurrent.shape)
    _check_weights(node, sizes)
    node.require(math.prod(hidden.shape) == batches * sizes.outputs, f"a hidden state [{batches}, {sizes.outputs}]")
    node.require(math.prod(cell.shape) == batches * sizes.cells, f"a cell state [{batches}, {sizes.cells}]")
    require_quantized(node, source, hidden, cell, target)
    require_symmetric(node, cell)
    make = lstm_tflm.prepare if profile.algorithm_of(node.name) == "tables" else lstm_litert.prepare
    shape = (*source.shape[:-1], sizes.outputs)
    return SequenceLSTM((shape,), sequence, time_major, make(node, options, sizes, profile.rounding_of(node.name)))


def _check_weights(node: Node, sizes: Sizes) -> None:
    """Check types, shapes and scales of all weights and biases."""
    coupled = node.optional_input(_INPUT_WEIGHTS[0]) is None
    groups: list[tuple[range, TensorType, Shape]] = [
        (_INPUT_WEIGHTS, TensorType.INT8, (sizes.cells, sizes.inputs)),
        (_RECURRENT_WEIGHTS, TensorType.INT8, (sizes.cells, sizes.outputs)),
        (_BIASES, TensorType.INT32, (sizes.cells,)),
    ]
    for indices, tensor_type, shape in groups:
        for index in indices:
            if coupled and index == indices[0]:
                node.require(
                    node.optional_input(index) is None, "no weights and bias of the input gate, or all of them"
                )
                continue
            spec = node.input(index)
            _require_shape(node, spec, tensor_type, shape)
            if tensor_type is TensorType.INT8:
                require_quantized(node, spec)
                require_symmetric(node, spec)
    projection, bias = node.optional_input(_PROJECTION), node.optional_input(_PROJECTION_BIAS)
    if projection is None:
        node.require(bias is None, "no projection bias without projection weights")
        node.require(sizes.outputs == sizes.cells, "as many outputs as units where nothing is projected")
        return
    _require_shape(node, projection, TensorType.INT8, (sizes.outputs, sizes.cells))
    require_quantized(node, projection)
    require_symmetric(node, projection)
    if bias is not None:
        _require_shape(node, bias, TensorType.INT32, (sizes.outputs,))


def evaluate(prepared: SequenceLSTM | FloatLSTM, x: np.ndarray, *others: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Apply the layer to every step; return the hidden states of all steps, the last of them and the cell state.

    Notes
    -----
    Source: ``EvalInteger8x8_16`` in ``kernels/lstm_eval.cc``.
    """
    if isinstance(prepared, FloatLSTM):
        return evaluate_float(prepared, x, *others)
    arrays: Arrays = (x, *others)
    hidden, cell = arrays[_HIDDEN], arrays[_CELL]
    assert hidden is not None and cell is not None
    timed = x if prepared.sequence else x[None]
    first = prepared.time_major or not prepared.sequence
    steps = timed if first else timed.swapaxes(0, 1)
    batches, outputs = steps.shape[1], prepared.output_shape[-1]
    h, c = hidden.reshape(batches, outputs), cell.reshape(batches, -1)
    step = prepared.parameters.step(gates_of(arrays), arrays[_PROJECTION], arrays[_PROJECTION_BIAS])
    results = np.zeros((len(steps), batches, outputs), np.int8)
    for number, now in enumerate(steps):
        h, c = step(now, h, c)
        results[number] = h
    y = results if first else np.ascontiguousarray(results.swapaxes(0, 1))
    return y.reshape(prepared.output_shape), h.reshape(hidden.shape), c.reshape(cell.shape)


def lower(prepared: SequenceLSTM | FloatLSTM, node: Node) -> Instruction | None:
    """Lower LiteRT's arithmetic to ``lstm8``; TFLM's stays with ``evaluate``."""
    if isinstance(prepared, FloatLSTM) or not isinstance(prepared.parameters, lstm_litert.Parameters):
        return None
    return lower_lstm(prepared.parameters, prepared.time_major, node)


_TYPES = (TensorType.FLOAT32, TensorType.INT8)

KERNELS = (
    Kernel("UNIDIRECTIONAL_SEQUENCE_LSTM", (1, 3), _TYPES, prepare, evaluate, lower, states=(_HIDDEN, _CELL)),
    Kernel("LSTM", (1, 4), _TYPES, prepare, evaluate, states=(_HIDDEN, _CELL)),
)
