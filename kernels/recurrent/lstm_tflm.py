"""One step of an int8 LSTM as TFLM computes it: activations by interpolation in the table of LOGISTIC and TANH."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...schema import ActivationFunctionType
from ...schema.options import LSTMOptions, UnidirectionalSequenceLSTMOptions
from ..activations.sigmoid_int16 import InterpolatedSigmoid, evaluate_interpolated
from ..operator import Node
from ..power_of_two import power_of_two
from ..profiles import Profile
from .lstm_weights import Gate, Gates, Rescaling, Sizes, clip_codes, dot, quantized_clip, rescaling, saturate

_GATE_EXPONENT = -12
_EXPONENTS = range(-30, 1)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return evaluate_interpolated(InterpolatedSigmoid((x.shape,), 3, 0, 9, False), x).astype(np.int64)


def _tanh(x: np.ndarray, exponent: int) -> np.ndarray:
    """Return tanh of int16 codes whose scale is two to a power, as Q0.15."""
    left = 12 + exponent
    rescaled = (3 << left, 0) if left >= 0 else (3, -left)
    return evaluate_interpolated(InterpolatedSigmoid((x.shape,), *rescaled, 8, True), x).astype(np.int64)


@dataclass(frozen=True)
class Parameters:
    """Everything but the weights.

    Parameters
    ----------
    inputs, recurrent : rescalings of the four gates' products to Q3.12.
    kept, added : rescale forget gate by cell and input gate by update to the cell state, whose scale is two to the
        ``cell_exponent``.
    hidden : rescales output gate by cell, both Q0.15, to the layer's result.
    cell_clip : in codes; 0 for none.
    """

    inputs: tuple[Rescaling, ...]
    recurrent: tuple[Rescaling, ...]
    input_zero_point: int
    output_zero_point: int
    cell_exponent: int
    kept: Rescaling
    added: Rescaling
    hidden: Rescaling
    cell_clip: int

    def step(
        self, gates: Gates, projection: np.ndarray | None, projection_bias: np.ndarray | None
    ) -> Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Return the function of one step: input, hidden state, cell state to hidden and cell state.

        Notes
        -----
        Source: ``LstmStep`` and the functions it calls in ``micro/kernels/lstm_eval.h`` of tflite-micro.
        """

        def gate_sum(x: np.ndarray, h: np.ndarray, number: int, gate: Gate | None) -> np.ndarray:
            assert gate is not None
            of_input = self.inputs[number](dot(x, self.input_zero_point, gate.inputs) + gate.bias)
            of_hidden = self.recurrent[number](dot(h, self.output_zero_point, gate.recurrent))
            return saturate(saturate(of_input, np.int16) + saturate(of_hidden, np.int16), np.int16)

        def step(x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            let_in, forget = _sigmoid(gate_sum(x, h, 0, gates[0])), _sigmoid(gate_sum(x, h, 1, gates[1]))
            update = _tanh(gate_sum(x, h, 2, gates[2]), _GATE_EXPONENT)
            output = _sigmoid(gate_sum(x, h, 3, gates[3]))
            kept, added = saturate(self.kept(forget * c), np.int16), saturate(self.added(let_in * update), np.int16)
            cell = clip_codes(saturate(kept + added, np.int16), self.cell_clip)
            hidden = saturate(self.hidden(_tanh(cell, self.cell_exponent) * output) + self.output_zero_point, np.int8)
            return hidden.astype(np.int8), cell.astype(np.int16)

        return step


def prepare(
    node: Node, options: LSTMOptions | UnidirectionalSequenceLSTMOptions, sizes: Sizes, profile: Profile
) -> Parameters:
    """Prepare the multipliers; types and shapes have been checked.

    Notes
    -----
    Source: ``micro/kernels/lstm_eval_common.cc`` and ``unidirectional_sequence_lstm.cc`` of tflite-micro.
    """
    source, state, cell = node.input(0), node.input(18), node.input(19)
    plain = all(node.optional_input(index) is None for index in (9, 10, 11, 16, *range(20, 24)))
    if node.optional_input(1) is None or not plain:
        raise node.unsupported("an input gate, and no peephole, projection or normalization, in TFLM's profiles")
    activation = options.fused_activation_function
    node.require(activation is ActivationFunctionType.TANH, f"the fused activation TANH, not {activation.name}")
    rounding = profile.rounding_of(node.name)
    exponent = power_of_two(cell.scale)
    node.require(exponent in _EXPONENTS, f"a cell state whose scale is a power of two up to 1, not {cell.scale}")
    assert exponent is not None

    def to_gate(index: int, scale: np.float32) -> Rescaling:
        return rescaling(node, float(node.input(index).scale * scale) / 2.0**_GATE_EXPONENT, rounding)

    with np.errstate(all="ignore"):
        return Parameters(
            tuple(to_gate(index, source.scale) for index in range(1, 5)),
            tuple(to_gate(index, state.scale) for index in range(5, 9)),
            source.zero_point,
            state.zero_point,
            exponent,
            rescaling(node, 2.0**-15, rounding),
            rescaling(node, 2.0**-30 / float(cell.scale), rounding),
            rescaling(node, 2.0**-30 / float(state.scale), rounding),
            quantized_clip(node, options.cell_clip, cell.scale, np.int16),
        )
