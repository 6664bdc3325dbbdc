"""BATCH_MATMUL of float32 by int8: the rows of the first factor are quantized anew at every call."""

from __future__ import annotations

import math

import numpy as np

from ...schema.deferred import dataclass
from ..fixed_point import int32_from_float
from ..operator import Node, Prepared, Shape, TensorSpec
from .hybrid import quantize_asymmetric, quantize_symmetric, row_sums

_BATCH_AXES = 3


@dataclass(frozen=True)
class HybridBatchMatMul(Prepared):
    """A product of float32 by int8.

    Parameters
    ----------
    adjoint_x, adjoint_y : exchange the last two axes of a factor first.
    x_shape, y_shape : the factors' shapes as the product sees them, five axes each.
    scale : of the second factor, float32 (1,) or (columns,).
    per_channel : whether each column has a scale of its own.
    asymmetric : whether rows get a zero point of their own.
    quirks : the reference's defects are reproduced.
    """

    adjoint_x: bool
    adjoint_y: bool
    x_shape: Shape
    y_shape: Shape
    scale: np.ndarray
    per_channel: bool
    asymmetric: bool
    quirks: bool


def _five(shape: Shape) -> Shape:
    return (1,) * (5 - len(shape)) + shape


def prepare_hybrid(
    node: Node, shape: Shape, adjoint: tuple[bool, bool], x: Shape, y: Shape, asymmetric: bool, quirks: bool
) -> HybridBatchMatMul:
    """Prepare the hybrid form; ``x`` and ``y`` are the factors' shapes after the exchange of axes.

    Notes
    -----
    Source: ``Eval`` and ``EvalHybrid`` in ``kernels/batch_matmul.cc``: where the second factor is one matrix along an
    axis, the first one's matrices there are put below each other.
    """
    weights: TensorSpec = node.input(1)
    scales = np.array(weights.quantization.scale, np.float32)
    finite = bool(np.all(np.isfinite(scales))) and bool(np.all(scales > 0))
    node.require(len(scales) > 0 and finite, "positive scales of the second factor")
    if len(scales) > 1:
        axis = len(weights.shape) - (2 if adjoint[1] else 1)
        fits = len(scales) == y[-1] and weights.quantization.quantized_dimension == axis
        node.require(fits, f"one scale, or one for each of {y[-1]} columns")
    if not adjoint[0] and len(x) > 2 and len(y) > 2 and y[-3] == 1:
        x, y = (*x[:-3], x[-3] * x[-2], x[-1]), (*y[:-3], *y[-2:])
    return HybridBatchMatMul((shape,), *adjoint, _five(x), _five(y), scales, len(scales) > 1, asymmetric, quirks)


def matrix_indices(prepared: HybridBatchMatMul, shape: Shape, batch: Shape) -> np.ndarray:
    """Return, for every product of matrices, the number of the matrix of one factor whose scales or sums are used.

    Quirk: with several leading axes the reference adds the indices along them, without their strides.
    """
    indices = np.zeros(batch, np.int64)
    for axis, index in enumerate(np.indices(batch)):
        stride = 1 if prepared.quirks else math.prod(shape[axis + 1 : _BATCH_AXES])
        indices += 0 if shape[axis] == 1 else index * stride
    return indices


def evaluate_hybrid(prepared: HybridBatchMatMul, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Multiply float32 matrices (..., rows, depth) by int8 ones (..., depth, columns).

    Notes
    -----
    Source: ``BatchMatMul`` with scaling factors in ``kernels/internal/reference/batch_matmul.h``. The product of zero
    points and sums of columns is formed in float32.
    """
    x = np.ascontiguousarray(x.swapaxes(-1, -2) if prepared.adjoint_x else x).reshape(prepared.x_shape)
    y = np.ascontiguousarray(y if prepared.adjoint_y else y.swapaxes(-1, -2))
    y = y.reshape(*prepared.y_shape[:3], prepared.y_shape[4], prepared.y_shape[3])  # (..., columns, depth)
    rows, depth, columns = *x.shape[3:], y.shape[3]
    if math.prod(prepared.output_shape) == 0 or depth == 0:
        return np.zeros(prepared.output_shape, np.float32)
    flat = x.reshape(-1, depth)
    offsets = np.zeros(len(flat), np.int32)
    with np.errstate(all="ignore"):
        if prepared.asymmetric:
            codes, scales, offsets = quantize_asymmetric(flat, prepared.quirks)
        else:
            codes, scales = quantize_symmetric(flat, prepared.quirks)
        if not prepared.per_channel:
            scales = scales * prepared.scale[0]
        totals = np.matmul(codes.reshape(x.shape).astype(np.int32), y.swapaxes(-1, -2).astype(np.int32))
        batch = totals.shape[:_BATCH_AXES]
        of_x = matrix_indices(prepared, x.shape, batch)
        of_y = matrix_indices(prepared, y.shape, batch)
        sums = row_sums(y.reshape(-1, depth), prepared.quirks).reshape(-1, columns)
        scales, offsets = scales.reshape(-1, rows)[of_x][..., None], offsets.reshape(-1, rows)[of_x][..., None]
        moved = sums[of_y][:, :, :, None].astype(np.float32) * offsets.astype(np.float32)
        totals = int32_from_float(totals.astype(np.float32) - moved)
        if prepared.per_channel:
            scales = scales * prepared.scale
        real = scales.astype(np.float32) * totals.astype(np.float32)
    return (real + np.float32(0)).reshape(prepared.output_shape)
