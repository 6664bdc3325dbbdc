"""BIDIRECTIONAL_SEQUENCE_RNN: one cell forward in time, another backward."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import ActivationFunctionType, TensorType
from ...schema.options import BidirectionalSequenceRNNOptions
from ..checks import options_of
from ..operator import Instruction, Kernel, Node, Prepared, TensorSpec
from ..profiles import Profile
from .float_lowering import both_ways
from .rnn import Cell, lower_cell, require_cell
from .tensor_utils import Hybrid, Weights, require_float, require_weights

_FORWARD, _BACKWARD = 1, 5  # the first input of each cell: weights, recurrent weights, bias, state
_AUXILIARY, _AUXILIARY_WEIGHTS = 9, (10, 11)
_STATES = (_FORWARD + 3, _BACKWARD + 3)


@dataclass(frozen=True)
class BidirectionalRNN(Prepared):
    """A layer of two directions.

    Parameters
    ----------
    activation : applied to every new state.
    time_major : the axis of time is the first.
    merge_outputs : both states are in one output, the forward one first.
    scales : float32, of the weights and recurrent weights of the forward and the backward cell, and of the auxiliary
        weights of both, where they are codes.
    hybrid : how activations are quantized, where weights are codes.
    crossed : both cells have the auxiliary input as a second one; otherwise the backward cell has it in the input's
        place, where there is one.
    backward_reads_input : the backward cell has the input all the same.
    auxiliary_stride : how many elements of the auxiliary input are passed over from step to step.
    passes : how often the sequence is run over, with states carried on.
    """

    activation: ActivationFunctionType
    time_major: bool
    merge_outputs: bool
    scales: tuple[np.float32, ...]
    hybrid: Hybrid | None
    crossed: bool
    backward_reads_input: bool
    auxiliary_stride: int
    passes: int


def prepare(node: Node, profile: Profile) -> BidirectionalRNN:
    """Prepare BIDIRECTIONAL_SEQUENCE_RNN.

    The inputs are the input (batch, time, depth), or time first; weights, recurrent weights, bias and state of each
    cell; maybe an auxiliary input, and weights of both cells for it.

    Notes
    -----
    Source: ``Prepare`` and ``Eval`` in ``kernels/bidirectional_sequence_rnn.cc``. Quirks: there, the auxiliary input is
    walked in steps of the input's depth (but in float32 where time is not first), which is reproduced where this stays
    within it; a backward cell does not read an auxiliary input in place of the input unless time is first; hybrid
    layers with time first run over the sequence as often as it has steps.
    """
    node.require(len(node.inputs) == 12, "12 inputs")
    node.require(None not in node.inputs[:_AUXILIARY], "none of the first 9 inputs left out")
    options = options_of(node, BidirectionalSequenceRNNOptions)
    node.require(len(node.outputs) == 2 - options.merge_outputs, f"{2 - options.merge_outputs} outputs")
    source = node.input(0)
    node.require(len(source.shape) == 3, "an input of rank 3")
    time, batch = source.shape[:2] if options.time_major else source.shape[1::-1]
    scales, units = [], []
    matrices, floats = [], [source, *node.outputs]
    for first in (_FORWARD, _BACKWARD):
        weights, recurrent, bias, hidden = (node.input(first + index) for index in range(4))
        node.require(len(weights.shape) == 2, "weights of rank 2")
        require_cell(node, (source.shape[2], weights.shape[0]), weights, recurrent, bias)
        node.require(hidden.shape == (batch, weights.shape[0]), f"a state [{batch}, {weights.shape[0]}]")
        matrices += [weights, recurrent]
        floats += [bias, hidden]
        scales += [weights.scale, recurrent.scale]
        units.append(weights.shape[0])
    auxiliary, crossed = _auxiliary(node, source, units)
    if crossed:
        matrices += [node.input(index) for index in _AUXILIARY_WEIGHTS]
        scales += [node.input(index).scale for index in _AUXILIARY_WEIGHTS]
    require_float(node, *floats, *((auxiliary,) if auxiliary else ()))
    hybrid = None
    if require_weights(node, *matrices):
        hybrid = Hybrid(options.asymmetric_quantize_inputs, profile.reproduces_quirks)

    stride = auxiliary.shape[2] if auxiliary else 0
    quirks, time_major = profile.reproduces_quirks, options.time_major
    if quirks and crossed and stride > source.shape[2] and (time_major or hybrid):
        stride = source.shape[2]
    leading, merged = source.shape[:2], sum(units)
    return BidirectionalRNN(
        ((*leading, merged),) if options.merge_outputs else tuple((*leading, one) for one in units),
        options.fused_activation_function,
        time_major,
        options.merge_outputs,
        tuple(scales),
        hybrid,
        crossed,
        auxiliary is None or (quirks and not crossed and not time_major),
        stride,
        time if quirks and hybrid is not None and time_major else 1,
    )


def _auxiliary(node: Node, source: TensorSpec, units: list[int]) -> tuple[TensorSpec | None, bool]:
    """Check the auxiliary input; return it, and whether there are weights for it."""
    auxiliary = node.optional_input(_AUXILIARY)
    weights = [node.optional_input(index) for index in _AUXILIARY_WEIGHTS]
    node.require((weights[0] is None) == (weights[1] is None), "auxiliary weights of both cells, or of none")
    if auxiliary is None:
        node.require(weights[0] is None, "no auxiliary weights without an auxiliary input")
        return None, False
    node.require(len(auxiliary.shape) == 3, "an auxiliary input of rank 3")
    node.require(auxiliary.shape[:2] == source.shape[:2], "an auxiliary input of the input's steps and batch")
    if weights[0] is None:
        node.require(auxiliary.shape == source.shape, "an auxiliary input of the input's shape, without weights for it")
        return auxiliary, False
    for one, count in zip(weights, units, strict=True):
        shape = (count, auxiliary.shape[2])
        node.require(one is not None and one.shape == shape, f"auxiliary weights {list(shape)}")
    return auxiliary, True


def _strided(prepared: BidirectionalRNN, auxiliary: np.ndarray) -> np.ndarray:
    """Return the auxiliary input as the cells read it.

    Quirk: each step, and each sequence where time is not first, is looked for at its number times the input's depth.
    """
    depth = auxiliary.shape[2]
    if prepared.auxiliary_stride == depth:
        return auxiliary
    flat, (first, second) = auxiliary.ravel(), auxiliary.shape[:2]
    result = np.zeros_like(auxiliary)
    for number in range(first):
        for inner in range(second):
            # The rows of a step with time first are next to each other; only the step itself is misplaced.
            at = number * second * prepared.auxiliary_stride
            at += inner * (depth if prepared.time_major else prepared.auxiliary_stride)
            result[number, inner] = flat[at : at + depth]
    return result


def evaluate(prepared: BidirectionalRNN, *arrays: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Run both cells; return the states of all steps, of the forward and of the backward cell, and the last of each.

    Notes
    -----
    Source: ``EvalFloat`` and ``EvalHybrid`` in ``kernels/bidirectional_sequence_rnn.cc``.
    """
    x, auxiliary = arrays[0], arrays[_AUXILIARY]
    assert x is not None
    seconds = auxiliary if prepared.crossed else None
    if seconds is not None:
        seconds = _strided(prepared, seconds)
    replaced = x if prepared.backward_reads_input or prepared.crossed or auxiliary is None else auxiliary
    outputs, states = [], []
    for direction, first in enumerate((_FORWARD, _BACKWARD)):
        cell, hidden = _cell(prepared, direction, arrays), arrays[first + 3]
        assert hidden is not None
        source = replaced if direction else x
        output = np.zeros((*x.shape[:2], hidden.shape[1]), np.float32)
        last = hidden.copy()
        for _ in range(prepared.passes):
            last = _run(prepared, cell, (source, seconds), last, bool(direction), output)
        outputs.append(output)
        states.append(last)
    if prepared.merge_outputs:
        return np.concatenate(outputs, axis=2), *states
    return *outputs, *states


def _cell(prepared: BidirectionalRNN, direction: int, arrays: tuple[np.ndarray | None, ...]) -> Cell:
    first = (_FORWARD, _BACKWARD)[direction]
    weights, recurrent, bias = arrays[first : first + 3]
    extra = arrays[_AUXILIARY_WEIGHTS[direction]] if prepared.crossed else None
    assert weights is not None and recurrent is not None and bias is not None
    scales, hybrid = prepared.scales, prepared.hybrid
    return Cell(
        prepared.activation,
        Weights(weights, scales[2 * direction], hybrid),
        Weights(recurrent, scales[2 * direction + 1], hybrid),
        bias,
        None if extra is None else Weights(extra, scales[4 + direction], hybrid),
    )


def _run(
    prepared: BidirectionalRNN,
    cell: Cell,
    inputs: tuple[np.ndarray, np.ndarray | None],
    hidden: np.ndarray,
    backward: bool,
    output: np.ndarray,
) -> np.ndarray:
    """Run a cell over the batch, or over each sequence by itself where time is not first; return the last state."""
    x, second = inputs
    if prepared.time_major:
        output[...], last = cell.sequence(x, second, hidden, backward)
        return last
    last = np.zeros_like(hidden)
    for row in range(len(x)):
        one = None if second is None else second[row][:, None]
        states, end = cell.sequence(x[row][:, None], one, hidden[row : row + 1], backward)
        output[row], last[row] = states[:, 0], end[0]
    return last


def lower(prepared: BidirectionalRNN, node: Node) -> tuple[Instruction, ...] | None:
    """Lower to two of ``rnn_float``; cells with a second input, and several passes, stay with ``evaluate``."""
    if prepared.crossed or prepared.passes > 1:
        return None
    units = node.input(_FORWARD).shape[0], node.input(_BACKWARD).shape[0]
    source = 0 if prepared.backward_reads_input else _AUXILIARY
    ways = both_ways(prepared.time_major, prepared.merge_outputs, units, source)
    cells = []
    for direction, (way, first) in enumerate(zip(ways, (_FORWARD, _BACKWARD), strict=True)):
        scales = prepared.scales[2 * direction], prepared.scales[2 * direction + 1]
        cells.append(lower_cell(node, way, first, prepared.activation, scales, prepared.hybrid))
    forward, backward = cells
    return None if forward is None or backward is None else (forward, backward)


_TYPES = (TensorType.FLOAT32,)

KERNELS = (Kernel("BIDIRECTIONAL_SEQUENCE_RNN", (1, 3), _TYPES, prepare, evaluate, lower, states=_STATES),)
