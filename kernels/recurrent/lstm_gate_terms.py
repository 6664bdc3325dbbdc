"""What a gate of an int8 LSTM may add to its products: a look at the cell state, and layer normalization."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..fixed_point import multiply_by_quantized_multiplier
from ..inverse_square_root import inverse_square_root
from .lstm_weights import Rescaling, saturate

BLOCK = 16
"""Cells that the reference's SIMD code takes at a time, where it rounds halves of a peephole up."""

_RESOLUTION = 10  # bits by which normalized values are finer than integers


@dataclass(frozen=True)
class Peephole:
    """Weights by the cell state, added to a gate's sum.

    Parameters
    ----------
    rescaling : of the products to the gate's sum.
    outputs : the layer's outputs. Quirk: the reference takes so many cells for the layer's, so that with a projection
        only the first ``batch * outputs`` cells of the batch have peepholes, and with another cell's weights.
    whole_batch : a step takes the whole batch, rather than one sequence.
    quirks : whether that is reproduced, and the rounding of halves in blocks of 16.
    """

    rescaling: Rescaling
    outputs: int
    whole_batch: bool
    quirks: bool

    def add(self, sums: np.ndarray, weights: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """Return int16 sums (batch, cells) plus weights (cells,) of int16 by the cell state (batch, cells).

        Notes
        -----
        Source: ``NeonVectorBatchVectorCwiseProductAccumulate`` in ``kernels/internal/optimized/neon_tensor_utils.cc``.
        """
        if not self.quirks:
            return saturate(sums + self.rescaling(cells.astype(np.int64) * weights), np.int16)
        rows = 1 if self.whole_batch else len(sums)
        width = self.outputs * len(sums) // rows
        result, states = sums.reshape(rows, -1).copy(), cells.reshape(rows, -1)
        column = np.arange(width) % self.outputs
        products = (states[:, :width].astype(np.int64) * weights[column]).astype(np.int32)
        in_block = column < self.outputs // BLOCK * BLOCK
        added = np.where(in_block, self.rescaling.half_up(products), self.rescaling(products))
        result[:, :width] = saturate(result[:, :width] + added, np.int16)
        return result.reshape(sums.shape)


@dataclass(frozen=True)
class Normalization:
    """Layer normalization of a gate's sum: to mean 0 and variance 1, times factors, plus the bias.

    Parameters
    ----------
    rescaling : of factors by normalized values to Q3.12; its shift has the 12 bits.
    variance_guard : stands for a variance below 1.
    """

    rescaling: Rescaling
    variance_guard: int

    def __call__(self, sums: np.ndarray, factors: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """Normalize int16 sums (batch, cells) with factors (cells,) of int16 and a bias (cells,) of int32.

        Notes
        -----
        Source: ``PortableApplyLayerNorm`` in ``kernels/internal/reference/portable_tensor_utils.cc``. Its division of
        2**20 by the number of cells loses the fraction.
        """
        count = sums.shape[1]
        results = np.zeros_like(sums, np.int64)
        for row, result in zip(sums.astype(np.int64), results, strict=True):
            total, squares = int(row.sum()), int((row * row).sum())
            mean = _truncated(total << _RESOLUTION, count)
            variance = squares * ((1 << 2 * _RESOLUTION) // count) - mean * mean
            variance = _truncated(variance, 1 << 2 * _RESOLUTION)
            multiplier, shift = inverse_square_root(self.variance_guard if variance < 1 else variance)
            centred = ((row << _RESOLUTION) - mean).astype(np.int32)
            normal = multiply_by_quantized_multiplier(centred, multiplier, shift, self.rescaling.rounding)
            scaled = normal.astype(np.int64) * factors + bias
            half = 1 << _RESOLUTION >> 1
            rounded = np.sign(scaled) * (np.abs(scaled) + half >> _RESOLUTION)
            result[...] = saturate(self.rescaling(rounded), np.int16)
        return results


def _truncated(dividend: int, divisor: int) -> int:
    """Divide as C does, toward 0."""
    return abs(dividend) // divisor * (1 if dividend >= 0 else -1)
