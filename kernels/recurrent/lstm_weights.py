"""The weights of an LSTM's gates, and the products that both of its algorithms form with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..checks import checked_multiplier
from ..fixed_point import multiply_by_quantized_multiplier, saturating_rounding_doubling_high_multiply
from ..operator import Node
from ..profiles import Rounding

Arrays: TypeAlias = "tuple[np.ndarray | None, ...]"


@dataclass(frozen=True)
class Sizes:
    """Sizes of a layer: ``cells`` units, of which ``outputs`` remain after the projection."""

    batches: int
    inputs: int
    cells: int
    outputs: int


@dataclass(frozen=True)
class Gate:
    """The arrays of one gate: weights (cells, inputs) and (cells, outputs) of int8, bias (cells,) of int32.

    ``peephole`` and ``layer_norm`` are (cells,) of int16, None where there are none.
    """

    inputs: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray
    peephole: np.ndarray | None
    layer_norm: np.ndarray | None


Gates: TypeAlias = "tuple[Gate | None, Gate, Gate, Gate]"


def gates_of(arrays: Arrays) -> Gates:
    """Return the input gate (None where it is coupled to the forget gate), forget, cell and output gate."""

    def gate(number: int) -> Gate | None:
        inputs, recurrent, bias = arrays[1 + number], arrays[5 + number], arrays[12 + number]
        if inputs is None or recurrent is None or bias is None:
            return None
        # The cell gate, number 2, has no peephole; those of the others stand close together.
        peephole = None if number == 2 else arrays[9 + min(number, 2)]
        return Gate(inputs, recurrent, bias, peephole, arrays[20 + number] if len(arrays) > 20 else None)

    first, forget, cell, output = (gate(number) for number in range(4))
    assert forget is not None and cell is not None and output is not None
    return first, forget, cell, output


@dataclass(frozen=True)
class Rescaling:
    """A multiplication of int32 by a real number."""

    multiplier: int
    shift: int
    rounding: Rounding

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Multiply; int64 arrays wrap to int32 first."""
        wrapped = np.asarray(x, np.int64).astype(np.int32)
        return multiply_by_quantized_multiplier(wrapped, self.multiplier, self.shift, self.rounding).astype(np.int64)

    def half_up(self, x: np.ndarray) -> np.ndarray:
        """Multiply as SIMD code does: rounded twice, the second time with halves up.

        Notes
        -----
        Source: ``MultiplyByQuantizedMultiplier4Rows`` in ``kernels/internal/common.h``.
        """
        left, right = max(self.shift, 0), max(-self.shift, 0)
        shifted = (np.asarray(x, np.int64) << left).astype(np.int32)
        high = saturating_rounding_doubling_high_multiply(shifted, self.multiplier).astype(np.int64)
        return high + (1 << right >> 1) >> right


def rescaling(node: Node, real: float, rounding: Rounding) -> Rescaling:
    """Return the rescaling by a real number, or raise ModelError where it is out of range."""
    return Rescaling(*checked_multiplier(node, real, rounding), rounding)


def saturate(x: np.ndarray, dtype: type[np.integer]) -> np.ndarray:
    """Clamp to the range of an integer type; the result is int64."""
    limits = np.iinfo(dtype)
    return np.clip(np.asarray(x, np.int64), limits.min, limits.max)


def dot(x: np.ndarray, zero_point: int, weights: np.ndarray) -> np.ndarray:
    """Return codes less their zero point (batches, n) by weights (m, n), int64 (batches, m)."""
    return (x.astype(np.int64) - zero_point) @ weights.astype(np.int64).T


def quantized_clip(node: Node, clip: float, scale: np.float32, dtype: type[np.integer]) -> int:
    """Return a clip in codes, cut off (not rounded); 0 where there is none.

    Notes
    -----
    Source: ``PopulateQuantizedLstmParams8x8_16`` in ``kernels/unidirectional_sequence_lstm.cc``; in float32.
    """
    limits = np.iinfo(dtype)
    node.require(clip >= 0, "clips that are not negative")
    with np.errstate(all="ignore"):
        return int(min(np.float32(clip) / scale, np.float32(limits.max))) if clip > 0 else 0


def clip_codes(x: np.ndarray, clip: int) -> np.ndarray:
    """Clamp to [-clip, clip]; a clip of 0 is none."""
    return np.clip(x, -clip, clip) if clip > 0 else x
