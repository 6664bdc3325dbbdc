"""BIDIRECTIONAL_SEQUENCE_LSTM of float32, with weights of float32 or codes: a layer forward, and one backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import BidirectionalSequenceLSTMOptions
from ..checks import options_of
from ..operator import Instruction, Kernel, Node, Prepared, TensorSpec
from ..profiles import Profile
from .float_lowering import both_ways
from .lstm_float import GATES, FloatLayer, Layout, cell_of, prepare_layer
from .lstm_float_lowering import lower_float_lstm
from .lstm_weights import Sizes
from .tensor_utils import require_float, require_weights

_LAYOUTS = (
    Layout(1, 5, 9, 12, 16, 35, 36, auxiliary=40),
    Layout(18, 22, 26, 29, 33, 37, 38, auxiliary=44),
)
_AUXILIARY = 39
_INPUTS = 48
_STATES = (35, 36, 37, 38)


@dataclass(frozen=True)
class BidirectionalLSTM(Prepared):
    """Both layers.

    Parameters
    ----------
    layers : the forward and the backward one.
    time_major : the input's first axis is time.
    merge_outputs : one output has the states of both, side by side.
    weighted : the auxiliary input has weights; without, it is the backward layer's input.
    """

    layers: tuple[FloatLayer, FloatLayer]
    time_major: bool
    merge_outputs: bool
    weighted: bool


def prepare(node: Node, profile: Profile) -> BidirectionalLSTM:
    """Prepare BIDIRECTIONAL_SEQUENCE_LSTM.

    Notes
    -----
    Source: ``Prepare``, ``CheckInputTensorDimensions`` and ``Eval`` in ``kernels/bidirectional_sequence_lstm.cc``.
    """
    node.require(len(node.inputs) == _INPUTS, f"{_INPUTS} inputs")
    options = options_of(node, BidirectionalSequenceLSTMOptions)
    node.require(len(node.outputs) == 2 - options.merge_outputs, f"{2 - options.merge_outputs} outputs")
    source = node.input(0)
    node.require(len(source.shape) == 3, "an input of rank 3")
    batches = source.shape[1 if options.time_major else 0]
    chosen = options.fused_activation_function, options.cell_clip, options.proj_clip, options.asymmetric_quantize_inputs
    weighted = _check_auxiliary(node, source)
    layers, outputs = [], []
    for layout in _LAYOUTS:
        recurrent = node.input(layout.recurrent + 3)
        node.require(len(recurrent.shape) == 2, "recurrent weights of rank 2")
        sizes = Sizes(batches, source.shape[2], *recurrent.shape)
        layers.append(prepare_layer(node, layout, sizes, chosen, profile))
        outputs.append(sizes.outputs)
        if weighted:
            _check_auxiliary_weights(node, layout, sizes)
    node.require((layers[0].hybrid is None) == (layers[1].hybrid is None), "weights of one type in both layers")
    require_float(node, *node.outputs)
    leading = source.shape[:2]
    shapes = ((*leading, sum(outputs)),) if options.merge_outputs else tuple((*leading, one) for one in outputs)
    return BidirectionalLSTM(shapes, (layers[0], layers[1]), options.time_major, options.merge_outputs, weighted)


def _check_auxiliary(node: Node, source: TensorSpec) -> bool:
    """Check the auxiliary input; return whether there are weights for it."""
    auxiliary = node.optional_input(_AUXILIARY)
    weighted = any(node.optional_input(index) is not None for index in range(_AUXILIARY + 1, _INPUTS))
    if auxiliary is None:
        node.require(not weighted, "no auxiliary weights without an auxiliary input")
        return False
    require_float(node, auxiliary)
    # The reference walks it in steps of the input's depth, so that it would read another depth at wrong places.
    node.require(auxiliary.shape == source.shape, "an auxiliary input of the input's shape")
    return weighted


def _check_auxiliary_weights(node: Node, layout: Layout, sizes: Sizes) -> None:
    assert layout.auxiliary is not None
    coupled = node.optional_input(layout.inputs) is None
    matrices = [node.input(layout.auxiliary + gate) for gate in range(coupled, GATES)]
    if coupled:
        node.require(node.optional_input(layout.auxiliary) is None, "no auxiliary weights of a coupled input gate")
    for spec in matrices:
        node.require(spec.shape == (sizes.cells, sizes.inputs), f"auxiliary weights [{sizes.cells}, {sizes.inputs}]")
    require_weights(node, node.input(layout.inputs + 1), *matrices)


def evaluate(prepared: BidirectionalLSTM, *arrays: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Run both layers; return the hidden states of all steps, forward and backward, and both layers' last states.

    Notes
    -----
    Source: ``Eval`` in ``kernels/bidirectional_sequence_lstm.cc``; ``EvalFloat`` and ``EvalHybrid`` in
    ``kernels/lstm_eval.cc``.
    """
    x, auxiliary = arrays[0], arrays[_AUXILIARY]
    assert x is not None
    second = auxiliary if prepared.weighted else None
    outputs, states = [], []
    for backward, (layer, layout) in enumerate(zip(prepared.layers, _LAYOUTS, strict=True)):
        hidden, state = arrays[layout.hidden], arrays[layout.cell]
        assert hidden is not None and state is not None
        source = auxiliary if backward and auxiliary is not None and not prepared.weighted else x
        batches = x.shape[1 if prepared.time_major else 0]
        given = hidden.reshape(batches, -1), state.reshape(batches, -1)
        cell = cell_of(layer, arrays)
        run = cell.sequence if prepared.time_major else cell.batch
        y, h, c = run(source, second, given, bool(backward))
        outputs.append(y)
        states += [h.reshape(hidden.shape), c.reshape(state.shape)]
    if prepared.merge_outputs:
        return np.concatenate(outputs, axis=2), *states
    return *outputs, *states


def lower(prepared: BidirectionalLSTM, node: Node) -> tuple[Instruction, ...] | None:
    """Lower to two of ``lstm_float``; layers with weights for the auxiliary input stay with ``evaluate``."""
    if prepared.weighted:
        return None
    units = [node.input(layout.recurrent + 3).shape[1] for layout in _LAYOUTS]
    source = 0 if node.optional_input(_AUXILIARY) is None else _AUXILIARY
    ways = both_ways(prepared.time_major, prepared.merge_outputs, (units[0], units[1]), source)
    forward, backward = (lower_float_lstm(layer, way, node) for layer, way in zip(prepared.layers, ways, strict=True))
    return None if forward is None or backward is None else (forward, backward)


_TYPES = (TensorType.FLOAT32,)

KERNELS = (Kernel("BIDIRECTIONAL_SEQUENCE_LSTM", (1, 3), _TYPES, prepare, evaluate, lower, states=_STATES),)
