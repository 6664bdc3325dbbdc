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
from ..profiles import Profile, Rounding
from .gemmlowp16 import logistic, tanh
from .lstm_gate_terms import Normalization, Peephole
from .lstm_weights import Gate, Gates, Rescaling, Sizes, clip_codes, dot, quantized_clip, rescaling, saturate

_GATE_SCALE = np.float32(2.0**-12)
_GATE_EXPONENT = 12
_GUARD_OF_FACTORS = np.float32(10000)
_GATE_BITS = 3  # integer bits of a gate's sum
_CELL_EXPONENTS = range(-15, -8)


@dataclass(frozen=True)
class Parameters:
    """Everything but the weights.

    Parameters
    ----------
    inputs, recurrent : rescalings of the four gates' products to Q3.12, or to what is normalized.
    peepholes, normalizations : of the four gates; None where a gate has none.
    cell_exponent : the cell state's scale is two to this power.
    hidden : rescales output gate by cell, both Q0.15, to the layer's result, or to what is projected.
    hidden_zero_point : of that. Quirk: in the codes that are projected, and in their bias alike, the reference gives it
        the wrong sign, so that they saturate elsewhere.
    projected : rescales the projection.
    cell_clip, projection_clip : in codes; 0 for none.
    """

    inputs: tuple[Rescaling | None, ...]
    recurrent: tuple[Rescaling | None, ...]
    peepholes: tuple[Peephole | None, ...]
    normalizations: tuple[Normalization | None, ...]
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

        def step(x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            first, second, third, fourth = gates
            forget = logistic(self._gate_sum(1, second, x, h, c), _GATE_BITS).astype(np.int64)
            update = tanh(self._gate_sum(2, third, x, h, c), _GATE_BITS).astype(np.int64)
            let_in = 32767 - forget if first is None else logistic(self._gate_sum(0, first, x, h, c), _GATE_BITS)
            kept = rounding_divide_by_pot(forget * c, 15).astype(np.int64)
            added = rounding_divide_by_pot(let_in.astype(np.int64) * update, 30 + self.cell_exponent).astype(np.int64)
            cell = clip_codes(saturate(kept + added, np.int16), self.cell_clip)
            output = logistic(self._gate_sum(3, fourth, x, h, cell), _GATE_BITS).astype(np.int64)
            product = self.hidden(output * tanh(cell, 15 + self.cell_exponent))
            if projection is None:
                hidden = saturate(product + self.hidden_zero_point, np.int8)
            else:
                codes = saturate(product + self.hidden_zero_point, np.int8)
                sums = dot(codes, self.hidden_zero_point, projection)
                if projection_bias is not None:
                    sums = sums + projection_bias
                hidden = saturate(self.projected(sums) + self.output_zero_point, np.int8)
                hidden = clip_codes(hidden, self.projection_clip)
            return hidden.astype(np.int8), cell.astype(np.int16)

        return step

    def _gate_sum(self, number: int, gate: Gate, x: np.ndarray, h: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """Return a gate's sum, before its activation; the output gate looks at the new cell state."""
        of_input, of_hidden = self.inputs[number], self.recurrent[number]
        peephole, normalization = self.peepholes[number], self.normalizations[number]
        assert of_input is not None and of_hidden is not None
        bias = 0 if normalization is not None else gate.bias
        sums = saturate(of_input(dot(x, self.input_zero_point, gate.inputs) + bias), np.int16)
        sums = saturate(sums + of_hidden(dot(h, self.output_zero_point, gate.recurrent)), np.int16)
        if peephole is not None and gate.peephole is not None:
            sums = peephole.add(sums, gate.peephole, cell)
        if normalization is not None and gate.layer_norm is not None:
            sums = normalization(sums, gate.layer_norm, gate.bias)
        return sums


def prepare(
    node: Node,
    options: LSTMOptions | UnidirectionalSequenceLSTMOptions,
    sizes: Sizes,
    profile: Profile,
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
    rounding, quirks = profile.rounding_of(node.name), profile.reproduces_quirks
    exponent = power_of_two(cell.scale)
    node.require(exponent in _CELL_EXPONENTS, f"a cell state with a scale of 2**-15 to 2**-9, not {cell.scale}")
    assert exponent is not None

    gate_scales = _gate_scales(node)

    def to_gate(index: int, scale: np.float32) -> Rescaling | None:
        weights, gate_scale = node.optional_input(index), gate_scales[(index - 1) % 4]
        return None if weights is None else rescaling(node, float(weights.scale * scale / gate_scale), rounding)

    def peephole(number: int) -> Peephole | None:
        weights = None if number == 2 else node.optional_input(9 + min(number, 2))
        if weights is None:
            return None
        if quirks and sizes.outputs > sizes.cells:
            raise node.unsupported("peepholes with at most as many outputs as units; the reference reads beyond them")
        real = float(np.float32(2.0**exponent * float(weights.scale) / float(gate_scales[number])))
        return Peephole(rescaling(node, real, rounding), sizes.outputs, _takes_whole_batch(options), quirks)

    projection = node.optional_input(16)
    projection_scale = np.float32(1) if projection is None else projection.scale
    hidden_zero_point = -hidden.zero_point if projection is not None and quirks else hidden.zero_point
    with np.errstate(all="ignore"):
        return Parameters(
            tuple(to_gate(index, source.scale) for index in range(1, 5)),
            tuple(to_gate(index, state.scale) for index in range(5, 9)),
            tuple(peephole(number) for number in range(4)),
            tuple(_normalization(node, number, rounding) for number in range(4)),
            source.zero_point,
            state.zero_point,
            exponent,
            rescaling(node, float(np.float32(2.0**-15 / float(hidden.scale) * 2.0**-15)), rounding),
            hidden_zero_point,
            rescaling(node, float(projection_scale * hidden.scale / state.scale), rounding),
            quantized_clip(node, options.cell_clip, cell.scale, np.int16),
            quantized_clip(node, options.proj_clip, target.scale, np.int8),
        )


def _takes_whole_batch(options: LSTMOptions | UnidirectionalSequenceLSTMOptions) -> bool:
    return not isinstance(options, UnidirectionalSequenceLSTMOptions) or options.time_major


def _gate_scales(node: Node) -> list[np.float32]:
    """Return the scales of the four gates' sums; with layer normalization they are those of the intermediates."""
    if node.optional_input(21) is None:
        return [_GATE_SCALE] * 4
    scales = []
    for number, spec in enumerate(node.intermediates[:4]):
        if spec is None or (number == 0 and node.optional_input(1) is None):
            scales.append(_GATE_SCALE)
            continue
        scale = float(spec.scale)
        node.require(np.isfinite(scale) and scale > 0, f"a positive scale of {spec.name!r}, not {scale}")
        scales.append(spec.scale)
    return scales


def _normalization(node: Node, number: int, rounding: Rounding) -> Normalization | None:
    factors = node.optional_input(20 + number)
    if factors is None:
        return None
    scaled = rescaling(node, float(factors.scale), rounding)
    shift = scaled.shift + _GATE_EXPONENT
    node.require(shift <= 31, f"a scale of {factors.name!r} below 2**19, not {factors.scale}")
    guard = max(1, int(min(_GUARD_OF_FACTORS * factors.scale, np.float32(2**30))))
    return Normalization(Rescaling(scaled.multiplier, shift, rounding), guard)
