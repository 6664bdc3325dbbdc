"""UNIDIRECTIONAL_SEQUENCE_LSTM and LSTM of float32, with weights of float32 or codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema.options import LSTMOptions, UnidirectionalSequenceLSTMOptions
from ..checks import options_of
from ..operator import Node, Prepared
from ..profiles import Profile
from .lstm_float import FULL, FloatLayer, cell_of, prepare_layer
from .lstm_weights import Arrays, Sizes


@dataclass(frozen=True)
class FloatLSTM(Prepared):
    """A layer; ``sequence``: its input has an axis of time, which is the first where it is ``time_major``."""

    layer: FloatLayer
    sequence: bool
    time_major: bool


def prepare_float(node: Node, profile: Profile) -> FloatLSTM:
    """Prepare UNIDIRECTIONAL_SEQUENCE_LSTM or LSTM of float32.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/unidirectional_sequence_lstm.cc`` and ``lstm.cc``.
    """
    sequence = node.name != "LSTM"
    time_major = False
    if sequence:
        options = options_of(node, UnidirectionalSequenceLSTMOptions)
        time_major = options.time_major
        chosen = options.fused_activation_function, options.cell_clip, options.proj_clip
        asymmetric = options.asymmetric_quantize_inputs
    else:
        plain = options_of(node, LSTMOptions)
        chosen = plain.fused_activation_function, plain.cell_clip, plain.proj_clip
        asymmetric = plain.asymmetric_quantize_inputs
    node.require(len(node.inputs) in (20, 24) and len(node.outputs) == 1, "20 or 24 inputs and 1 output")
    source, recurrent = node.input(0), node.input(FULL.recurrent + 3)
    rank = 3 if sequence else 2
    node.require(len(source.shape) == rank, f"an input of rank {rank}")
    ranks = (1, 2) if sequence else (2,)
    node.require(len(recurrent.shape) in ranks, f"recurrent weights of rank {' or '.join(map(str, ranks))}")
    batches = source.shape[1 if time_major else 0]
    sizes = Sizes(batches, source.shape[-1], recurrent.shape[0], recurrent.shape[-1])
    layer = prepare_layer(node, FULL, sizes, (*chosen, asymmetric), profile)
    return FloatLSTM(((*source.shape[:-1], sizes.outputs),), layer, sequence, time_major)


def evaluate_float(prepared: FloatLSTM, *arrays: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Run the layer; return the hidden states of all steps, the last of them and the cell state.

    Notes
    -----
    Source: ``EvalFloat`` and ``EvalHybrid`` in ``kernels/lstm_eval.cc``.
    """
    given: Arrays = arrays
    x, hidden, state = given[0], given[FULL.hidden], given[FULL.cell]
    assert x is not None and hidden is not None and state is not None
    cell = cell_of(prepared.layer, given)
    batches = x.shape[1 if prepared.time_major else 0]
    h, c = hidden.reshape(batches, prepared.output_shape[-1]), state.reshape(batches, -1)
    if not prepared.sequence:
        h, c = cell.step(x, None, (h, c))
        return h, h.reshape(hidden.shape), c.reshape(state.shape)
    run = cell.sequence if prepared.time_major else cell.batch
    y, h, c = run(x, None, (h, c))
    return y, h.reshape(hidden.shape), c.reshape(state.shape)
