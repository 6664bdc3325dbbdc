"""UNIDIRECTIONAL_SEQUENCE_LSTM and LSTM; here those of int8 with a cell state of int16, step by step over a sequence.

The hidden state (batch, units or projected units) and the cell state (batch, units) are kept between invokes. LiteRT
and TFLM compute this operator differently; the modules ``lstm_litert`` and ``lstm_tflm`` have one step of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...schema import TensorType
from ...schema.options import LSTMOptions, UnidirectionalSequenceLSTMOptions
from ...schema.types import LSTMKernelType
from ..checks import options_of, require_quantized, require_symmetric
from ..operator import Instruction, Kernel, Node, Prepared, Shape, TensorSpec
from ..profiles import Profile
from . import lstm_basic, lstm_litert, lstm_narrow, lstm_tflm
from .float_lowering import Way
from .lowering import lower_lstm
from .lstm_float_lowering import lower_float_lstm
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
    parameters: lstm_litert.Parameters | lstm_narrow.Parameters | lstm_tflm.Parameters


def _options(node: Node) -> tuple[LSTMOptions | UnidirectionalSequenceLSTMOptions, bool]:
    """Return the options, and whether time is the first axis."""
    if node.name == "LSTM":
        return options_of(node, LSTMOptions), False
    options = options_of(node, UnidirectionalSequenceLSTMOptions)
    return options, options.time_major


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
    if (hidden.type, cell.type, target.type) != (TensorType.INT8, TensorType.INT16, TensorType.INT8):
        raise node.unsupported("int8 with a cell state of int16")
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
    make: Callable[..., Any] = lstm_litert.prepare
    if profile.algorithm_of(node.name) == "tables":
        make = lstm_tflm.prepare
    elif not sequence and len(node.intermediates) == lstm_narrow.INTERMEDIATES:
        make = lstm_narrow.prepare
    shape = (*source.shape[:-1], sizes.outputs)
    return SequenceLSTM((shape,), sequence, time_major, make(node, options, sizes, profile))


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
    _check_vectors(node, sizes, coupled)
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


def _check_vectors(node: Node, sizes: Sizes, coupled: bool) -> None:
    """Check peepholes and the factors of layer normalization, of which all gates have one or none has."""
    groups = (("peepholes", _PEEPHOLE), ("factors of a layer normalization", _LAYER_NORM))
    for what, indices in groups:
        found = [node.optional_input(index) for index in indices]
        present = [spec for spec in found if spec is not None]
        wanted = len(indices) - coupled
        node.require(not present or (len(present) == wanted and not (coupled and found[0])), f"{what} of all gates")
        for spec in present:
            _require_shape(node, spec, TensorType.INT16, (sizes.cells,))
            require_quantized(node, spec)
            require_symmetric(node, spec)


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
    """Lower LiteRT's arithmetic to ``lstm8`` or ``lstm_float``; TFLM's stays with ``evaluate``."""
    if isinstance(prepared, FloatLSTM):
        return lower_float_lstm(prepared.layer, Way(prepared.sequence, prepared.time_major), node)
    if not isinstance(prepared.parameters, lstm_litert.Parameters):
        return None
    return lower_lstm(prepared.parameters, prepared.sequence, prepared.time_major, node)


def _form_of(node: Node) -> Kernel:
    """Return the kernel of a LSTM's kernel type."""
    return BASIC if options_of(node, LSTMOptions).kernel_type is LSTMKernelType.BASIC else FULL


_TYPES, _VERSIONS = (TensorType.FLOAT32, TensorType.INT8), (1, 4)
_BASIC_TYPES = (TensorType.FLOAT32, TensorType.UINT8)

FULL = Kernel("LSTM", _VERSIONS, _TYPES, prepare, evaluate, lower, states=(_HIDDEN, _CELL))
BASIC = Kernel("LSTM", _VERSIONS, _BASIC_TYPES, lstm_basic.prepare, lstm_basic.evaluate, states=lstm_basic.STATES)

KERNELS = (
    Kernel("UNIDIRECTIONAL_SEQUENCE_LSTM", (1, 3), _TYPES, prepare, evaluate, lower, states=(_HIDDEN, _CELL)),
    replace(FULL, types=(*_TYPES, TensorType.UINT8), form_of=_form_of),
)
