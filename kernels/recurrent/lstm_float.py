"""LSTMs of float32, with weights of float32 or of codes (hybrid): one step, and what is prepared for it.

A gate is ``activation(W x + R h + peephole * c + bias)``; with layer normalization the sum is normalized before the
bias is added. UNIDIRECTIONAL_SEQUENCE_LSTM, LSTM and BIDIRECTIONAL_SEQUENCE_LSTM run these steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import ActivationFunctionType
from ..activations.lookup import logistic_with_cutoffs
from ..libm import tanhf
from ..operator import Node, TensorSpec
from ..profiles import Profile
from ..vector_activation import activate, logistic
from .lstm_weights import Arrays, Sizes
from .tensor_utils import Hybrid, Weights, require_float, require_weights

GATES = 4
_WITH_DIAGONALS = "UNIDIRECTIONAL_SEQUENCE_LSTM"
_NORMALIZATION_GUARD = np.float32(1e-8)


@dataclass(frozen=True)
class Layout:
    """Where a layer's tensors are among an operator's inputs: the first of each group, or the one."""

    inputs: int
    recurrent: int
    peephole: int
    bias: int
    projection: int
    hidden: int
    cell: int
    layer_norm: int | None = None
    auxiliary: int | None = None

    @property
    def projection_bias(self) -> int:
        """It follows the projection."""
        return self.projection + 1


FULL = Layout(1, 5, 9, 12, 16, 18, 19, layer_norm=20)
"""The inputs of LSTM and UNIDIRECTIONAL_SEQUENCE_LSTM."""


@dataclass(frozen=True)
class FloatLayer:
    """Everything of a layer but its weights.

    Parameters
    ----------
    scales : of weights that are codes, by the operator's input; 0 for others.
    hybrid : how activations are quantized, where weights are codes.
    reference_functions : the logistic function and tanh are the C library's, as in TFLM; otherwise Eigen's.
    """

    layout: Layout
    activation: ActivationFunctionType
    cell_clip: np.float32
    projection_clip: np.float32
    scales: tuple[np.float32, ...]
    hybrid: Hybrid | None
    reference_functions: bool


@dataclass(frozen=True)
class FloatGate:
    """The arrays of one gate; ``peephole`` and ``layer_norm`` are (cells,), None where there are none.

    ``recurrent`` weights that are an array (cells,) are a matrix's diagonal, of float32 in hybrid layers too.
    """

    inputs: Weights
    recurrent: Weights | np.ndarray
    auxiliary: Weights | None
    peephole: np.ndarray | None
    bias: np.ndarray
    layer_norm: np.ndarray | None


def prepare_layer(
    node: Node,
    layout: Layout,
    sizes: Sizes,
    options: tuple[ActivationFunctionType, float, float, bool],
    profile: Profile,
) -> FloatLayer:
    """Prepare a layer after a check of its tensors; ``options``: activation, clips, asymmetric_quantize_inputs.

    Notes
    -----
    Source: ``CheckInputTensorDimensions`` in ``kernels/unidirectional_sequence_lstm.cc``, ``lstm.cc`` and
    ``bidirectional_sequence_lstm.cc``.
    """
    activation, cell_clip, projection_clip, asymmetric = options
    node.require(cell_clip >= 0 and projection_clip >= 0, "clips that are not negative")
    matrices = _check_matrices(node, layout, sizes)
    _check_vectors(node, layout, sizes)
    source, hidden, cell = node.input(0), node.input(layout.hidden), node.input(layout.cell)
    require_float(node, source, hidden, cell, node.output())
    node.require(math.prod(hidden.shape) == sizes.batches * sizes.outputs, "a hidden state of batch by outputs")
    node.require(math.prod(cell.shape) == sizes.batches * sizes.cells, "a cell state of batch by units")
    hybrid = Hybrid(asymmetric, profile.reproduces_quirks) if require_weights(node, *matrices) else None
    return FloatLayer(
        layout,
        activation,
        np.float32(cell_clip),
        np.float32(projection_clip),
        tuple(np.float32(0) if spec is None else spec.scale for spec in node.inputs),
        hybrid,
        profile.algorithm_of(node.name) == "tables",
    )


def _check_matrices(node: Node, layout: Layout, sizes: Sizes) -> list[TensorSpec]:
    """Return the matrices of a layer, whose shapes are checked; peepholes, which may be codes, are among them."""
    coupled = node.optional_input(layout.inputs) is None
    found: list[TensorSpec] = []
    for first, columns in ((layout.inputs, sizes.inputs), (layout.recurrent, sizes.outputs)):
        if coupled:
            node.require(node.optional_input(first) is None, "all weights of the input gate, or none")
        for index in range(first + coupled, first + GATES):
            spec = node.input(index)
            if node.name == _WITH_DIAGONALS and first == layout.recurrent and len(spec.shape) == 1:
                require_float(node, spec)
                shapes_fit = spec.shape == (sizes.cells,) and sizes.outputs == sizes.cells
                node.require(shapes_fit, f"{spec.name!r} of shape [{sizes.cells}], and as many outputs")
                continue
            node.require(spec.shape == (sizes.cells, columns), f"{spec.name!r} of shape [{sizes.cells}, {columns}]")
            found.append(spec)
    peepholes = [node.optional_input(layout.peephole + number) for number in range(3)]
    present = [spec for spec in peepholes if spec is not None]
    wanted = 0 if not present else 2 if coupled else 3
    node.require(len(present) == wanted and not (coupled and peepholes[0]), "all peepholes of the gates, or none")
    for spec in present:
        node.require(spec.shape == (sizes.cells,), f"{spec.name!r} of shape [{sizes.cells}]")
    projection = node.optional_input(layout.projection)
    if projection is None:
        node.require(sizes.outputs == sizes.cells, "as many outputs as units where nothing is projected")
    else:
        shape = (sizes.outputs, sizes.cells)
        node.require(projection.shape == shape, f"{projection.name!r} of shape {list(shape)}")
        found.append(projection)
    return [*found, *present]


def _check_vectors(node: Node, layout: Layout, sizes: Sizes) -> None:
    coupled = node.optional_input(layout.inputs) is None
    groups = [range(layout.bias + coupled, layout.bias + GATES)]
    if coupled:
        node.require(node.optional_input(layout.bias) is None, "no bias of an input gate that is coupled")
    if _normalizes(node, layout):
        assert layout.layer_norm is not None
        groups.append(range(layout.layer_norm + coupled, layout.layer_norm + GATES))
    for index in (index for group in groups for index in group):
        spec = node.input(index)
        require_float(node, spec)
        node.require(spec.shape == (sizes.cells,), f"{spec.name!r} of shape [{sizes.cells}]")
    bias = node.optional_input(layout.projection_bias)
    if bias is not None:
        require_float(node, bias)
        node.require(node.optional_input(layout.projection) is not None, "no projection bias without a projection")
        node.require(bias.shape == (sizes.outputs,), f"{bias.name!r} of shape [{sizes.outputs}]")


def _normalizes(node: Node, layout: Layout) -> bool:
    return layout.layer_norm is not None and any(
        node.optional_input(layout.layer_norm + number) is not None for number in range(GATES)
    )


def strict_products(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return (batch, depth) by rows (units, depth): float32 sums from the first column to the last."""
    totals = np.zeros((len(x), len(weights)), np.float32)
    for column in range(x.shape[1]):
        totals = totals + x[:, column, None] * weights[:, column]
    return totals


def _add_products(weights: Weights, totals: np.ndarray, x: np.ndarray) -> np.ndarray:
    if weights.hybrid is None:
        return strict_products(x, weights.matrix) + totals
    return weights.add_products(totals, x)


def _clip(x: np.ndarray, clip: np.float32) -> np.ndarray:
    return np.clip(x, -clip, clip) if clip > 0 else x


def normalize(x: np.ndarray) -> np.ndarray:
    """Bring each row to mean 0 and variance 1; sums run from left to right.

    Notes
    -----
    Source: ``PortableMeanStddevNormalization`` in ``kernels/internal/reference/portable_tensor_utils.cc``.
    """
    count = np.float32(x.shape[1])
    mean = (_running_sum(x) / count)[:, None]
    variance = _running_sum((x - mean) * (x - mean)) / count
    inverse = np.float32(1) / np.sqrt(variance + _NORMALIZATION_GUARD)
    return (x - mean) * inverse[:, None]


def _running_sum(x: np.ndarray) -> np.ndarray:
    total = np.zeros(len(x), np.float32)
    for column in range(x.shape[1]):
        total = total + x[:, column]
    return total


@dataclass(frozen=True)
class FloatCell:
    """A layer with its weights."""

    layer: FloatLayer
    gates: tuple[FloatGate | None, ...]
    projection: Weights | None
    projection_bias: np.ndarray | None

    def _logistic(self, x: np.ndarray, number: int, place: tuple[int, int]) -> np.ndarray:
        """Apply the logistic function to gate ``number`` of rows that are in ``place``: the first, and of how many.

        The reference keeps the gates one after the other in memory: input gate, cell, forget and output gate. Where
        that places them decides which elements are whole vectors.
        """
        if self.layer.reference_functions:
            return logistic_with_cutoffs(x)
        row, rows = place
        slot = (0, 2, 1, 3)[number] - (self.gates[0] is None)
        return logistic(x, (slot * rows + row) * x.shape[1])

    def _activate(self, x: np.ndarray) -> np.ndarray:
        if self.layer.reference_functions and self.layer.activation is ActivationFunctionType.TANH:
            return tanhf(x)
        return activate(x, self.layer.activation)

    def _gate(
        self, gate: FloatGate, x: np.ndarray, second: np.ndarray | None, h: np.ndarray, c: np.ndarray
    ) -> np.ndarray:
        """Return a gate's sum, before its activation."""
        start = np.zeros_like(gate.bias) if gate.layer_norm is not None else gate.bias
        totals = _add_products(gate.inputs, np.tile(start, (len(x), 1)), x)
        if gate.auxiliary is not None and second is not None:
            totals = _add_products(gate.auxiliary, totals, second)
        if isinstance(gate.recurrent, Weights):
            totals = _add_products(gate.recurrent, totals, h)
        else:
            totals = totals + gate.recurrent * h
        if gate.peephole is not None:
            totals = totals + gate.peephole * c
        if gate.layer_norm is not None:
            totals = normalize(totals) * gate.layer_norm + gate.bias
        return np.asarray(totals, np.float32)

    def step(
        self,
        x: np.ndarray,
        second: np.ndarray | None,
        states: tuple[np.ndarray, np.ndarray],
        place: tuple[int, int] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the new hidden state (batch, outputs) and cell state (batch, cells).

        ``place`` is the first of these rows and the number of all, where they are not all.

        Notes
        -----
        Source: ``LstmStepFloat`` and ``LstmStepHybrid`` in ``kernels/lstm_eval.cc``; ``micro/kernels/lstm_eval.h``. The
        output gate looks at the new cell state, the others at the old one.
        """
        first, forget_gate, update_gate, output_gate = self.gates
        assert forget_gate is not None and update_gate is not None and output_gate is not None
        (h, c), place = states, place or (0, len(x))
        forget = self._logistic(self._gate(forget_gate, x, second, h, c), 1, place)
        let_in = np.float32(1) - forget
        if first is not None:
            let_in = self._logistic(self._gate(first, x, second, h, c), 0, place)
        update = self._activate(self._gate(update_gate, x, second, h, c))
        cell = _clip(forget * c + update * let_in, self.layer.cell_clip)
        output = self._logistic(self._gate(output_gate, x, second, h, cell), 3, place)
        hidden = output * self._activate(cell)
        if self.projection is not None:
            bias = self.projection_bias
            start = np.zeros(len(self.projection.matrix), np.float32) if bias is None else bias
            hidden = _add_products(self.projection, np.tile(start, (len(x), 1)), hidden)
            hidden = _clip(hidden, self.layer.projection_clip)
        return hidden, cell

    def sequence(
        self,
        x: np.ndarray,
        second: np.ndarray | None,
        states: tuple[np.ndarray, np.ndarray],
        backward: bool = False,
        place: tuple[int, int] | None = None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Run over (time, batch, depth); return the hidden states of all steps and the last two states."""
        results = np.zeros((len(x), *states[0].shape), np.float32)
        order = range(len(x))
        for time in reversed(order) if backward else order:
            states = self.step(x[time], None if second is None else second[time], states, place)
            results[time] = states[0]
        return results, *states

    def batch(
        self,
        x: np.ndarray,
        second: np.ndarray | None,
        states: tuple[np.ndarray, np.ndarray],
        backward: bool = False,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Run over (batch, time, depth), each sequence by itself: hybrid steps of zeros are left out for it alone."""
        h, c = states
        results = np.zeros((*x.shape[:2], h.shape[1]), np.float32)
        last_h, last_c = np.zeros_like(h), np.zeros_like(c)
        for row in range(len(x)):
            own = h[row : row + 1], c[row : row + 1]
            other = None if second is None else second[row][:, None]
            steps, end_h, end_c = self.sequence(x[row][:, None], other, own, backward, (row, len(x)))
            results[row], last_h[row], last_c[row] = steps[:, 0], end_h[0], end_c[0]
        return results, last_h, last_c


def cell_of(layer: FloatLayer, arrays: Arrays) -> FloatCell:
    """Return a layer with its weights out of the operator's inputs."""
    layout = layer.layout

    def matrix(index: int | None) -> Weights | None:
        array = None if index is None or index >= len(arrays) else arrays[index]
        return None if array is None or index is None else Weights(array, layer.scales[index], layer.hybrid)

    def vector(index: int | None) -> np.ndarray | None:
        array = None if index is None or index >= len(arrays) else arrays[index]
        if array is None or index is None or array.dtype == np.float32:
            return array
        return array.view(np.int8).astype(np.float32) * layer.scales[index]

    def gate(number: int) -> FloatGate | None:
        inputs, given = matrix(layout.inputs + number), arrays[layout.recurrent + number]
        bias = vector(layout.bias + number)
        recurrent = matrix(layout.recurrent + number) if given is not None and given.ndim == 2 else given
        if inputs is None or recurrent is None or bias is None:
            return None
        # The cell gate, number 2, has no peephole; those of the others stand close together.
        peephole = None if number == 2 else vector(layout.peephole + min(number, 2))
        layer_norm = None if layout.layer_norm is None else vector(layout.layer_norm + number)
        auxiliary = None if layout.auxiliary is None else matrix(layout.auxiliary + number)
        return FloatGate(inputs, recurrent, auxiliary, peephole, bias, layer_norm)

    gates = tuple(gate(number) for number in range(GATES))
    return FloatCell(layer, gates, matrix(layout.projection), vector(layout.projection_bias))
