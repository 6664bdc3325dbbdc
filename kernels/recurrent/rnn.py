"""RNN, UNIDIRECTIONAL_SEQUENCE_RNN and BIDIRECTIONAL_SEQUENCE_RNN: cells of one matrix each for input and state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import ActivationFunctionType, TensorType
from ...schema.options import RNNOptions, SequenceRNNOptions
from ..checks import options_of, require_arity
from ..convolution.packing import LANES, round_up
from ..operator import Field, Instruction, Kernel, Node, Prepared, Scratch, State, TensorSpec
from ..profiles import Profile
from ..vector_activation import activate
from .float_lowering import Way, activation_fields, codes_are_plain, pack_matrices
from .tensor_utils import Hybrid, Weights, require_float, require_weights

_HIDDEN = 4


@dataclass(frozen=True)
class RNN(Prepared):
    """A layer of one direction.

    Parameters
    ----------
    activation : applied to every new state.
    sequence : the input has an axis of time.
    time_major : that axis is the first.
    input_scale, recurrent_scale : of weights that are codes.
    hybrid : how activations are quantized, where weights are codes.
    """

    activation: ActivationFunctionType
    sequence: bool
    time_major: bool
    input_scale: np.float32
    recurrent_scale: np.float32
    hybrid: Hybrid | None


@dataclass(frozen=True)
class Cell:
    """A cell with its weights: input (units, depth), recurrent (units, units), bias, and maybe a second input's."""

    activation: ActivationFunctionType
    weights: Weights
    recurrent: Weights
    bias: np.ndarray
    auxiliary: Weights | None = None

    def step(self, x: np.ndarray, second: np.ndarray | None, hidden: np.ndarray) -> np.ndarray:
        """Return the new state (batch, units).

        Notes
        -----
        Source: ``RnnBatchStep`` in ``kernels/internal/kernel_utils.cc``.
        """
        totals = np.tile(self.bias, (len(x), 1))
        totals = self.weights.add_products(totals, x)
        if self.auxiliary is not None and second is not None:
            totals = self.auxiliary.add_products(totals, second)
        return activate(self.recurrent.add_products(totals, hidden), self.activation)

    def sequence(
        self, x: np.ndarray, second: np.ndarray | None, hidden: np.ndarray, backward: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Run over (time, batch, depth); return the states of all steps and the last."""
        states = np.zeros((len(x), *hidden.shape), np.float32)
        order = range(len(x))
        for time in reversed(order) if backward else order:
            hidden = states[time] = self.step(x[time], None if second is None else second[time], hidden)
        return states, hidden


def require_cell(
    node: Node, shapes: tuple[int, int], weights: TensorSpec, recurrent: TensorSpec, bias: TensorSpec
) -> None:
    """Raise ModelError unless a cell's tensors have the shapes that (depth, units) demand."""
    depth, units = shapes
    node.require(weights.shape == (units, depth), f"weights [{units}, {depth}]")
    node.require(recurrent.shape == (units, units), f"recurrent weights [{units}, {units}]")
    node.require(bias.shape == (units,), f"a bias [{units}]")


def _prepare(node: Node, profile: Profile, sequence: bool) -> RNN:
    require_arity(node, 5)
    source, weights, recurrent, bias, hidden = (node.input(index) for index in range(5))
    rank = 3 if sequence else 2
    node.require(len(source.shape) == rank, f"an input of rank {rank}")
    node.require(len(weights.shape) == 2, "weights of rank 2")
    time_major = False
    if sequence:
        options = options_of(node, SequenceRNNOptions)
        time_major = options.time_major
        activation, asymmetric = options.fused_activation_function, options.asymmetric_quantize_inputs
    else:
        plain = options_of(node, RNNOptions)
        activation, asymmetric = plain.fused_activation_function, plain.asymmetric_quantize_inputs
    batch, units = source.shape[1 if time_major else 0], weights.shape[0]
    require_cell(node, (source.shape[-1], units), weights, recurrent, bias)
    node.require(hidden.shape == (batch, units), f"a state [{batch}, {units}]")
    require_float(node, source, bias, hidden, node.output())
    codes = require_weights(node, weights, recurrent)
    hybrid = Hybrid(asymmetric, profile.reproduces_quirks) if codes else None
    shape = (*source.shape[:-1], units)
    return RNN((shape,), activation, sequence, time_major, weights.scale, recurrent.scale, hybrid)


def prepare_rnn(node: Node, profile: Profile) -> RNN:
    """Prepare RNN: input (batch, depth), weights, recurrent weights, bias, and a state (batch, units).

    Notes
    -----
    Source: ``Prepare`` in ``kernels/basic_rnn.cc``.
    """
    return _prepare(node, profile, sequence=False)


def prepare_sequence(node: Node, profile: Profile) -> RNN:
    """Prepare UNIDIRECTIONAL_SEQUENCE_RNN: as RNN, with an input (batch, time, depth), or time first.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/unidirectional_sequence_rnn.cc``.
    """
    return _prepare(node, profile, sequence=True)


def evaluate(
    prepared: RNN, x: np.ndarray, weights: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, hidden: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Run the cell; return the states of all steps and the last.

    Notes
    -----
    Source: ``EvalFloat`` and ``EvalHybrid`` in the files above. Where time is not first, each of the batch's sequences
    runs by itself: hybrid steps of zeros are left out for it alone.
    """
    cell = Cell(
        prepared.activation,
        Weights(weights, prepared.input_scale, prepared.hybrid),
        Weights(recurrent, prepared.recurrent_scale, prepared.hybrid),
        bias,
    )
    if not prepared.sequence:
        state = cell.step(x, None, hidden)
        return state, state
    if prepared.time_major:
        return cell.sequence(x, None, hidden)
    states = np.zeros(prepared.output_shape, np.float32)
    last = np.zeros_like(hidden)
    for row, sequence in enumerate(x):
        one, end = cell.sequence(sequence[:, None], None, hidden[row : row + 1])
        states[row], last[row] = one[:, 0], end[0]
    return states, last


def lower(prepared: RNN, node: Node) -> Instruction | None:
    """Lower to ``rnn_float``."""
    scales = prepared.input_scale, prepared.recurrent_scale
    way = Way(prepared.sequence, prepared.time_major)
    return lower_cell(node, way, 1, prepared.activation, scales, prepared.hybrid)


def lower_cell(
    node: Node,
    way: Way,
    first: int,
    activation: ActivationFunctionType,
    scales: tuple[np.float32, np.float32],
    hybrid: Hybrid | None,
) -> Instruction | None:
    """Lower a cell, whose tensors are the inputs from ``first`` on, to ``rnn_float``.

    Hybrid weights that meet a defect of the reference's SIMD code stay with ``evaluate``.
    """
    weights, recurrent, bias = (node.input(first + index).value for index in range(3))
    steps, batches, inputs = way.sizes(node)
    if weights is None or recurrent is None or bias is None or 0 in (steps, batches, inputs, len(bias)):
        return None
    if hybrid is not None:
        weights, recurrent = weights.view(np.int8), recurrent.view(np.int8)
    if not all(codes_are_plain(hybrid, matrix) for matrix in (weights, recurrent)):
        return None
    units = len(bias)
    width, deepest = round_up(units, LANES), max(inputs, units)
    start = np.zeros(width, np.float32)
    start[:units] = bias
    fields: dict[str, Field] = {
        **way.fields(node, units),
        "hidden": State(first + 3, 4 * batches * units),
        "units": units,
        "blocks": width // LANES,
        **{"weights": pack_matrices(hybrid, [weights]), "weights_scale": float(scales[0])},
        **{"recurrent": pack_matrices(hybrid, [recurrent]), "recurrent_scale": float(scales[1])},
        "bias": start,
        **activation_fields(activation),
        "hybrid": int(hybrid is not None),
        "asymmetric": int(hybrid is not None and hybrid.asymmetric),
        "quirks": int(hybrid is not None and hybrid.quirks),
        "ends": Scratch(8),
        "vector": Scratch(2 * (deepest + LANES)),
        "vector_size": deepest + LANES,
        "products": Scratch(4 * width),
        "zeros": np.zeros(width, np.int32),
        "sums": Scratch(4 * width),
    }
    return Instruction("rnn_float", fields)


_TYPES, _STATES = (TensorType.FLOAT32,), (_HIDDEN,)

KERNELS = (
    Kernel("RNN", (1, 3), _TYPES, prepare_rnn, evaluate, lower, states=_STATES),
    Kernel("UNIDIRECTIONAL_SEQUENCE_RNN", (1, 3), _TYPES, prepare_sequence, evaluate, lower, states=_STATES),
)
