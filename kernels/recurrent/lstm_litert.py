"""One step of an int8 LSTM as LiteRT computes it: activations in gemmlowp's int16 fixed point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...schema.options import LSTMOptions, UnidirectionalSequenceLSTMOptions
from ..checks import require_quantized
from ..fixed_point import rounding_divide_by_pot
from ..operator import Node
from ..power_of_two import power_of_two
from ..profiles import Rounding
from .gemmlowp16 import logistic, tanh
from .lstm_weights import Gate, Gates, Rescaling, Sizes, clip_codes, dot, quantized_clip, rescaling, saturate

_GATE_SCALE = np.float32(2.0**-12)
_GATE_BITS = 3  # integer bits of a gate's sum
_CELL_EXPONENTS = range(-15, -8)


@dataclass(frozen=True)
class Parameters:
    """Everything but the weights.

    Parameters
    ----------
    inputs, recurrent : rescalings of the four gates' products to Q3.12.
    cell_exponent : the cell state's scale is two to this power.
    hidden : rescales output gate by cell, both Q0.15, to the layer's result, or to what is projected.
    projected : rescales the projection.
    cell_clip, projection_clip : in codes; 0 for none.
    """

    inputs: tuple[Rescaling | None, ...]
    recurrent: tuple[Rescaling | None, ...]
    input_zero_point: int
    output_zero_point: int
    cell_exponent: int
    hidden: Rescaling
    hidden_zero_point: int
    projected: Rescaling
    cell_clip: int
    projection_clip: int

    def step(
        self, gates: Gates, projection: np.ndarray | None, projection_bias: np.ndarray | None
    ) -> Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Return the function of one step: input, hidden state, cell state to hidden and cell state.

        Notes
        -----
        Source: ``LstmStepInteger8x8_16`` and the functions it calls in ``kernels/lstm_eval.cc``, and
        ``kernels/internal/reference/portable_tensor_utils.cc``.
        """

        def gate_sum(x: np.ndarray, h: np.ndarray, number: int, gate: Gate) -> np.ndarray:
            of_input, of_hidden = self.inputs[number], self.recurrent[number]
            assert of_input is not None and of_hidden is not None
            sums = saturate(of_input(dot(x, self.input_zero_point, gate.inputs) + gate.bias), np.int16)
            return saturate(sums + of_hidden(dot(h, self.output_zero_point, gate.recurrent)), np.int16)

        def step(x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            first, second, third, fourth = gates
            forget = logistic(gate_sum(x, h, 1, second), _GATE_BITS).astype(np.int64)
            update = tanh(gate_sum(x, h, 2, third), _GATE_BITS).astype(np.int64)
            output = logistic(gate_sum(x, h, 3, fourth), _GATE_BITS).astype(np.int64)
            let_in = 32767 - forget if first is None else logistic(gate_sum(x, h, 0, first), _GATE_BITS)
            kept = rounding_divide_by_pot(forget * c, 15).astype(np.int64)
            added = rounding_divide_by_pot(let_in.astype(np.int64) * update, 30 + self.cell_exponent).astype(np.int64)
            cell = clip_codes(saturate(kept + added, np.int16), self.cell_clip)
            product = self.hidden(output * tanh(cell, 15 + self.cell_exponent))
            if projection is None:
                hidden = saturate(product + self.hidden_zero_point, np.int8)
            else:
                # Quirk: the zero point has the wrong sign in the codes that are projected and in their bias alike.
                codes = saturate(product - self.hidden_zero_point, np.int8)
                sums = dot(codes, -self.hidden_zero_point, projection)
                if projection_bias is not None:
                    sums = sums + projection_bias
                hidden = saturate(self.projected(sums) + self.output_zero_point, np.int8)
                hidden = clip_codes(hidden, self.projection_clip)
            return hidden.astype(np.int8), cell.astype(np.int16)

        return step


def prepare(
    node: Node, options: LSTMOptions | UnidirectionalSequenceLSTMOptions, sizes: Sizes, rounding: Rounding
) -> Parameters:
    """Prepare the multipliers; types and shapes have been checked.

    Notes
    -----
    Source: ``PopulateQuantizedLstmParams8x8_16`` in ``kernels/unidirectional_sequence_lstm.cc``; in float32.
    """
    source, state, cell, target = node.input(0), node.input(18), node.input(19), node.output()
    node.require(len(node.intermediates) == 5, "5 intermediates")
    hidden = node.intermediates[4]
    node.require(hidden is not None, "the intermediate of the hidden state")
    assert hidden is not None
    require_quantized(node, hidden)
    exponent = power_of_two(cell.scale)
    node.require(exponent in _CELL_EXPONENTS, f"a cell state with a scale of 2**-15 to 2**-9, not {cell.scale}")
    assert exponent is not None

    def to_gate(index: int, scale: np.float32) -> Rescaling | None:
        weights = node.optional_input(index)
        return None if weights is None else rescaling(node, float(weights.scale * scale / _GATE_SCALE), rounding)

    projection = node.optional_input(16)
    projection_scale = np.float32(1) if projection is None else projection.scale
    with np.errstate(all="ignore"):
        return Parameters(
            tuple(to_gate(index, source.scale) for index in range(1, 5)),
            tuple(to_gate(index, state.scale) for index in range(5, 9)),
            source.zero_point,
            state.zero_point,
            exponent,
            rescaling(node, float(np.float32(2.0**-15 / float(hidden.scale) * 2.0**-15)), rounding),
            hidden.zero_point,
            rescaling(node, float(projection_scale * hidden.scale / state.scale), rounding),
            quantized_clip(node, options.cell_clip, cell.scale, np.int16),
            quantized_clip(node, options.proj_clip, target.scale, np.int8),
        )
