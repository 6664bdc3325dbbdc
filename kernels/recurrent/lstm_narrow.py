"""One step of the int8 LSTM of 12 intermediates, as LiteRT computes it: products are rounded to int8 (8x8_8).

A gate is the sum of two int8 codes, one of the input's product and one of the hidden state's, in a scale of its own;
normalization and activations are in float32. The input gate is coupled, and the result always projected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import LSTMOptions, UnidirectionalSequenceLSTMOptions
from ..checks import require_quantized
from ..fixed_point import multiply_int64_by_quantized_multiplier, round_half_away, rounding_divide_by_pot
from ..libm import expf, tanhf
from ..operator import Node
from ..profiles import Profile
from .lstm_weights import Gate, Gates, Rescaling, Sizes, clip_codes, dot, quantized_clip, rescaling, saturate

INTERMEDIATES = 12
_CELL_SCALE = np.float32(2.0**-15)
_NEARLY_ZERO = np.float32(1e-8)


@dataclass(frozen=True)
class Product:
    """Of codes by weights: rescaled to int8 with a zero point, and from there to the scale of a gate's sum."""

    rescaling: Rescaling
    zero_point: int
    to_sum: Rescaling

    def __call__(self, x: np.ndarray, zero_point: int, weights: np.ndarray) -> np.ndarray:
        """Return codes (batch, n) by weights (cells, n) in the scale of the sum, int64 (batch, cells)."""
        codes = saturate(self.rescaling(dot(x, zero_point, weights)) + self.zero_point, np.int8)
        return self.to_sum(codes - self.zero_point)


@dataclass(frozen=True)
class Parameters:
    """Everything but the weights.

    Parameters
    ----------
    inputs, recurrent : products of forget, cell and output gate.
    factor_scales : of their factors of layer normalization.
    projected : rescales the projection.
    cell_clip, projection_clip : in codes; 0 for none.
    quirks : the output gate's product of the hidden state is the reference's mistaken one.
    """

    inputs: tuple[Product, ...]
    recurrent: tuple[Product, ...]
    factor_scales: tuple[np.float32, ...]
    input_zero_point: int
    output_zero_point: int
    projected: Rescaling
    cell_clip: int
    projection_clip: int
    quirks: bool

    def step(
        self, gates: Gates, projection: np.ndarray | None, projection_bias: np.ndarray | None
    ) -> Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Return the function of one step: input, hidden state, cell state to hidden and cell state.

        Notes
        -----
        Source: ``LstmStepInteger8x8_8`` and the functions it calls in ``kernels/lstm_eval.cc``, and
        ``kernels/internal/reference/portable_tensor_utils.cc``.
        """
        assert projection is not None and projection_bias is not None
        _, second, third, fourth = gates

        def gate_sum(number: int, gate: Gate, x: np.ndarray, h: np.ndarray) -> np.ndarray:
            of_input = self.inputs[number](x, self.input_zero_point, gate.inputs)
            of_hidden = self.recurrent[number](h, self.output_zero_point, gate.recurrent)
            assert gate.layer_norm is not None
            sums = saturate(of_input + of_hidden, np.int16)
            return _normalize(sums, gate.layer_norm, self.factor_scales[number], gate.bias)

        def step(x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            forget = _logistic(gate_sum(0, second, x, h))
            update = _tanh(gate_sum(1, third, x, h), -12)
            kept = rounding_divide_by_pot(forget * c, 15).astype(np.int64)
            added = rounding_divide_by_pot((32767 - forget) * update, 15).astype(np.int64)
            cell = clip_codes(saturate(kept + added, np.int16), self.cell_clip)
            output = _logistic(gate_sum(2, fourth, x, h))
            codes = rounding_divide_by_pot(output * _tanh(cell, -15), 15).astype(np.int64)
            sums = codes @ projection.astype(np.int64).T + projection_bias
            projected = self.projected
            hidden = multiply_int64_by_quantized_multiplier(sums, projected.multiplier, projected.shift)
            hidden = saturate(hidden.astype(np.int64) + self.output_zero_point, np.int8)
            return clip_codes(hidden, self.projection_clip).astype(np.int8), cell.astype(np.int16)

        return step


def _normalize(sums: np.ndarray, factors: np.ndarray, scale: np.float32, bias: np.ndarray) -> np.ndarray:
    """Bring int16 sums (batch, cells) to mean 0 and variance 1, times factors, plus the bias; in Q3.12.

    Notes
    -----
    Source: ``PortableApplyLayerNormFloat``: in float32, its sums from the first cell to the last.
    """
    x, count = sums.astype(np.float32), np.float32(sums.shape[1])
    total = squares = np.zeros(len(x), np.float32)
    for column in x.T:
        total, squares = total + column, squares + column * column
    mean = total / count
    variance = squares / count - mean * mean
    with np.errstate(invalid="ignore"):  # what rounding makes negative has no root
        spread = np.where(variance == 0, np.sqrt(_NEARLY_ZERO), np.sqrt(variance))
    normal = (x - mean[:, None]) * (np.float32(1) / spread)[:, None]
    bias_scale = np.float32(2.0**-10) * scale
    weighted = normal * factors.astype(np.float32) * scale + bias.astype(np.float32) * bias_scale
    # The C code leaves open what becomes of numbers beyond int32, and of none: compiled, they are clamped, and it is 0.
    rounded = np.clip(round_half_away(weighted * np.float32(4096)), -32768, 32767)
    return np.where(np.isnan(rounded), np.float32(0), rounded).astype(np.int64)


def _to_q15(x: np.ndarray) -> np.ndarray:
    """Cut off the fraction of numbers in [-1, 1]."""
    return saturate((x * np.float32(32768)).astype(np.int64), np.int16)


def _logistic(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-a)), Q3.12 to Q0.15, in float32."""
    real = x.astype(np.float32) * np.float32(2.0**-12)
    return _to_q15(np.float32(1) / (np.float32(1) + expf(-real)))


def _tanh(x: np.ndarray, exponent: int) -> np.ndarray:
    """Return tanh of codes whose scale is two to a power, as Q0.15, in float32."""
    return _to_q15(tanhf(x.astype(np.float32) * np.float32(2.0**exponent)))


def prepare(
    node: Node, options: LSTMOptions | UnidirectionalSequenceLSTMOptions, sizes: Sizes, profile: Profile
) -> Parameters:
    """Prepare the multipliers; types and shapes have been checked.

    Notes
    -----
    Source: ``PopulateQuantizedLstmParams8x8_8`` in ``kernels/lstm.cc``; in float32.
    """
    factors = [node.optional_input(index) for index in (21, 22, 23)]
    projection = node.optional_input(16)
    if projection is None or node.optional_input(17) is None or None in factors:
        raise node.unsupported("a projection with a bias, and layer normalization, where there are 12 intermediates")
    for spec in node.intermediates:
        node.require(spec is not None and spec.type is TensorType.INT8, f"{INTERMEDIATES} intermediates of int8")
        assert spec is not None
        require_quantized(node, spec)
    source, state, cell, target = node.input(0), node.input(18), node.input(19), node.output()
    node.require(cell.scale == _CELL_SCALE, f"a cell state with a scale of 2**-15, not {cell.scale}")
    rounding = profile.rounding_of(node.name)
    clip = options.cell_clip if options.cell_clip < 1 else 0.0

    with np.errstate(all="ignore"):
        inputs = tuple(_product(node, (2 + number, 4 + 3 * number), source.scale, profile) for number in range(3))
        recurrent = [_product(node, (6 + number, 5 + 3 * number), state.scale, profile) for number in range(3)]
        if profile.reproduces_quirks:
            recurrent[2] = _mistaken(recurrent, inputs[1].zero_point)
        return Parameters(
            inputs,
            tuple(recurrent),
            tuple(_through_multiplier(node, spec.scale, profile) for spec in factors if spec is not None),
            source.zero_point,
            state.zero_point,
            rescaling(node, float(np.float32(float(projection.scale) * 2.0**-15 / float(state.scale))), rounding),
            quantized_clip(node, clip, cell.scale, np.int16),
            quantized_clip(node, options.proj_clip, target.scale, np.int8),
            profile.reproduces_quirks,
        )


def _product(node: Node, indices: tuple[int, int], scale: np.float32, profile: Profile) -> Product:
    """Return the product of an operand of this scale; ``indices`` of the weights, and of the intermediate of it."""
    weights, product = node.input(indices[0]), node.intermediates[indices[1]]
    total = node.intermediates[indices[1] // 3 * 3]
    assert product is not None and total is not None
    rounding = profile.rounding_of(node.name)
    to_product = rescaling(node, float(weights.scale * scale / product.scale), rounding)
    return Product(to_product, product.zero_point, rescaling(node, float(product.scale / total.scale), rounding))


def _mistaken(recurrent: list[Product], zero_point: int) -> Product:
    """Return the output gate's product of the hidden state as the reference has it.

    Quirk: it takes the zero point of the cell gate's product of the input, and for a multiplier what lies eleven places
    after the first of eight: the shift of the forget gate.
    """
    own, forget = recurrent[2], recurrent[0]
    wrong = Rescaling(forget.to_sum.shift, own.to_sum.shift, own.to_sum.rounding)
    return Product(own.rescaling, zero_point, wrong)


def _through_multiplier(node: Node, scale: np.float32, profile: Profile) -> np.float32:
    """Return a scale as its multiplier and shift have it."""
    scaled = rescaling(node, float(scale), profile.rounding_of(node.name))
    return np.float32(scaled.multiplier * 2.0 ** (scaled.shift - 31))
