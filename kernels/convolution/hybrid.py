"""Hybrid kernels, of "dynamic range" models: float32 activations, quantized anew at every call, with int8 weights.

Even the reference's resolver runs SIMD code here, with defects of its own. Profiles that reproduce them set
``quirks``; the others compute what the operator's definition says.
"""

from __future__ import annotations

import math

import numpy as np

from ..activation_range import clamp_float
from ..fixed_point import round_half_away
from ..operator import Node, TensorSpec
from ..vector_activation import activate
from .prepared import HybridConv2D, HybridDepthwiseConv2D, HybridFullyConnected, HybridTransposeConv
from .quantization import filter_scales
from .taps import accumulate_conv_2d, accumulate_depthwise_conv_2d, add_bias, scatter_float

SIMD_BLOCK = 8
SYMMETRIC_MIN = -127
_GEMV_BLOCK = 16
GEMM_ROWS = 4  # CONV_2D with a multiple of so many filters goes through a matrix product without the defect


def prepare_hybrid_scales(node: Node, weights: TensorSpec, channels: int) -> np.ndarray:
    """Return the filter's scales, float32 (1,) or (channels,)."""
    node.require(bool(weights.quantization.scale), "a quantized filter")
    return filter_scales(node, weights, channels)


def _round(scaled: np.ndarray, quirks: bool) -> np.ndarray:
    """Round the last axis half away from zero.

    Quirk: the reference rounds whole blocks of eight by adding 0.5 in float32 and truncating, so that 0.49999997
    becomes 1; only the rest is rounded properly.
    """
    rounded = round_half_away(scaled)
    if quirks:
        whole = scaled.shape[-1] // SIMD_BLOCK * SIMD_BLOCK
        head = scaled[..., :whole]
        rounded[..., :whole] = np.trunc(head + np.copysign(np.float32(0.5), head))
    return rounded


def _codes_of(scaled: np.ndarray, zero_point: np.ndarray, least: int, quirks: bool) -> np.ndarray:
    """Return the int8 codes of float32 (rows, n) in steps; int32 (rows, 1) zero points; a NaN is coded 0.

    Quirk: in whole blocks of eight what is not finite is converted to int32, where NaN becomes the least number, before
    the zero point is added, which may wrap. After the blocks, codes that are symmetric are the least.
    """
    codes = np.clip(_round(scaled, quirks) + zero_point.astype(np.float32), least, 127)
    codes = np.where(np.isnan(codes), np.float32(0), codes).astype(np.int8)
    finite = np.isfinite(scaled)
    if not quirks or np.all(finite):
        return codes
    high = np.where(scaled == np.inf, zero_point <= 0, zero_point < 0)  # INT32_MAX, INT32_MIN wrap
    beyond = np.where(high, np.int8(127), np.int8(least))
    whole = scaled.shape[-1] // SIMD_BLOCK * SIMD_BLOCK
    beyond[:, whole:] = least if least == SYMMETRIC_MIN else codes[:, whole:]
    return np.where(finite, codes, beyond)


def quantize_symmetric(x: np.ndarray, quirks: bool) -> tuple[np.ndarray, np.ndarray]:
    """Quantize each row of float32 (rows, n) to int8 in [-127, 127] with a scale of its own.

    Returns
    -------
    (codes, scale) : int8 (rows, n) and float32 (rows,); a row of zeros has scale 1.

    Notes
    -----
    Source: ``NeonSymmetricQuantizeFloats`` in ``kernels/internal/optimized/neon_tensor_utils.cc``. Of rows below about
    1e-37 the inverse of the scale is infinite.
    """
    largest = np.max(np.abs(x), axis=1, initial=np.float32(0))
    zero = largest == 0
    safe = np.where(zero, np.float32(1), largest)
    scale = np.where(zero, np.float32(1), largest / np.float32(127))
    inverse = np.float32(127) / safe
    return _codes_of(x * inverse[:, None], np.zeros((len(x), 1), np.int32), SYMMETRIC_MIN, quirks), scale


def quantize_asymmetric(x: np.ndarray, quirks: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quantize each row of float32 (rows, n) to int8 with a scale and a zero point of its own.

    Returns
    -------
    (codes, scale, zero_point) : int8 (rows, n), float32 (rows,), int32 (rows,); a row of zeros has scale 1 and
        zero point 0.

    Notes
    -----
    Source: ``NeonAsymmetricQuantizeFloats`` in ``kernels/internal/optimized/neon_tensor_utils.cc``. The zero point is
    taken from the end of the range that gives the smaller error.
    """
    low = np.min(x, axis=1, initial=np.float32(0))
    high = np.max(x, axis=1, initial=np.float32(0))
    zero = low == high
    step = np.where(zero, 1.0, (high - low).astype(np.float64) / 255)
    from_low, from_high = -128 - low / step, 127 - high / step
    nearer_low = 128 + np.abs(low / step) < 127 + np.abs(high / step)
    zero_point = np.clip(round_half_away(np.where(nearer_low, from_low, from_high)), -128, 127)
    zero_point = np.where(zero | np.isnan(zero_point), 0, zero_point).astype(np.int32)
    scale = step.astype(np.float32)
    inverse = np.where(scale == 0, np.float32(0), np.float32(1) / scale)
    return _codes_of(x * inverse[:, None], zero_point[:, None], -128, quirks), scale, zero_point


def _quantize_images(x: np.ndarray, asymmetric: bool, quirks: bool) -> tuple[np.ndarray, np.ndarray]:
    """Quantize each image of (N, H, W, C) as a whole; return int32 codes less their zero point, and the scales."""
    rows = x.reshape(len(x), math.prod(x.shape[1:]))
    if asymmetric:
        codes, scale, zero_point = quantize_asymmetric(rows, quirks)
        centred = codes.astype(np.int32) - zero_point[:, None]
    else:
        codes, scale = quantize_symmetric(rows, quirks)
        centred = codes.astype(np.int32)
    return centred.reshape(x.shape), scale[:, None, None, None]


def mistaken_weights(weights: np.ndarray) -> np.ndarray:
    """Return int32 weights (units, ...) with only those left whose product may get the wrong sign.

    Quirk: the reference's SSE product negates the weight where the activation is negative, in int8, which cannot
    hold the negative of -128. Only whole blocks of 16 columns are computed so, not the columns after them.
    """
    rows = weights.reshape(len(weights), -1).astype(np.int32)
    mistaken = np.where(rows == -128, rows, 0)
    mistaken[:, rows.shape[1] // _GEMV_BLOCK * _GEMV_BLOCK :] = 0
    return mistaken.reshape(weights.shape)


def has_mistaken_weights(weights: np.ndarray) -> bool:
    """Whether the SSE product may get a sign wrong with these weights (units, ...)."""
    return bool(np.any(mistaken_weights(weights)))


def weights_as_read(prepared: HybridConv2D | HybridFullyConnected, weights: np.ndarray) -> np.ndarray:
    """Return the weights as products take them: int8 ones as they are, of uint8 ones int32 less their zero point.

    Quirk: the reference reads uint8 weights as int8, and no zero point.
    """
    if prepared.filter_zero_point is None:
        return weights
    return weights.view(np.int8) if prepared.quirks else weights.astype(np.int32) - prepared.filter_zero_point


def evaluate_hybrid_conv_2d(
    prepared: HybridConv2D, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """Evaluate CONV_2D of float32 (N, H, W, C) with int8 or uint8 weights.

    Notes
    -----
    Source: ``HybridConvPerChannel`` in ``kernels/internal/reference/conv.h`` (asymmetric: filter scale, then
    activation scale), ``HybridConv`` in ``kernels/internal/optimized/optimized_ops.h`` (symmetric: their product).
    """
    weights = weights_as_read(prepared, weights)
    codes, scale = _quantize_images(x, prepared.asymmetric, prepared.quirks)
    sums = accumulate_conv_2d(prepared.window, prepared.groups, codes, weights.astype(np.int32))
    if prepared.asymmetric:
        real = sums.astype(np.float32) * prepared.filter_scale * scale
    else:
        if prepared.quirks and len(weights) % GEMM_ROWS:
            mistaken = mistaken_weights(weights)
            sums -= 2 * accumulate_conv_2d(prepared.window, 1, np.minimum(codes, 0), mistaken)
        real = sums.astype(np.float32) * (scale * prepared.filter_scale[0])
    return _finish(real, bias, prepared.activation_min, prepared.activation_max)


def evaluate_hybrid_depthwise_conv_2d(
    prepared: HybridDepthwiseConv2D, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """Evaluate DEPTHWISE_CONV_2D of float32 (N, H, W, C) with int8 weights.

    Notes
    -----
    Source: ``DepthwiseConvHybridPerChannel`` in ``kernels/internal/reference/integer_ops/depthwise_conv.h``.
    """
    codes, scale = _quantize_images(x, True, prepared.quirks)
    sums = accumulate_depthwise_conv_2d(prepared.window, codes, weights.astype(np.int32)).astype(np.float32)
    real = sums * (prepared.filter_scale * scale)
    return _finish(real, bias, prepared.activation_min, prepared.activation_max)


def evaluate_hybrid_transpose_conv(
    prepared: HybridTransposeConv, weights: np.ndarray, x: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """Evaluate TRANSPOSE_CONV of float32 (N, H, W, C) with int8 weights (O, FH, FW, C).

    Notes
    -----
    Source: ``HybridTransposeConv`` in ``kernels/internal/reference/reference_ops.h``: each product of codes is rescaled
    by itself, and the sum is one of float32.
    """
    codes, scale = _quantize_images(x, True, prepared.quirks)

    def term(channel: np.ndarray, column: np.ndarray) -> np.ndarray:
        return np.asarray((channel * column).astype(np.float32) * prepared.filter_scale * scale)

    total = scatter_float(prepared.window, codes, weights.astype(np.int32), term)
    return _finish(total, bias, prepared.activation_min, prepared.activation_max)


def _finish(real: np.ndarray, bias: np.ndarray | None, low: np.float32, high: np.float32) -> np.ndarray:
    return clamp_float(add_bias(real, bias), low, high)


def _dot(codes: np.ndarray, weights: np.ndarray, quirks: bool) -> np.ndarray:
    """Return the int32 products of each row of codes (batch, depth) with each row of weights (units, depth)."""
    codes = codes.astype(np.int32)
    sums = codes @ weights.astype(np.int32).T
    if quirks:
        sums -= 2 * (np.minimum(codes, 0) @ mistaken_weights(weights).T)
    return sums


def row_sums(weights: np.ndarray, quirks: bool) -> np.ndarray:
    """Return the int32 sum of each row of weights (units, depth).

    Quirk: whole blocks of 16 columns are summed in eight int16 lanes, two columns each, which wrap.
    """
    if not quirks:
        return weights.sum(axis=1, dtype=np.int32)
    whole = weights.shape[1] // _GEMV_BLOCK * _GEMV_BLOCK
    pairs = weights[:, :whole].reshape(len(weights), -1, _GEMV_BLOCK // 2, 2)
    lanes = pairs.sum(axis=(1, 3), dtype=np.int16)
    return lanes.sum(axis=1, dtype=np.int32) + weights[:, whole:].sum(axis=1, dtype=np.int32)


def row_sums_wrap(weights: np.ndarray) -> bool:
    """Whether the int16 lanes wrap that weights (units, depth) are summed in."""
    return bool(np.any(row_sums(weights, quirks=True) != row_sums(weights, quirks=False)))


def add_hybrid_products(
    totals: np.ndarray, x: np.ndarray, weights: np.ndarray, filter_scale: np.ndarray, asymmetric: bool, quirks: bool
) -> np.ndarray:
    """Return float32 totals (batch, units) plus the products of float32 (batch, depth) with int8 (units, depth).

    Notes
    -----
    Source: ``SseMatrixBatchVectorMultiplyAccumulate`` in ``kernels/internal/optimized/sse_tensor_utils.cc``. Its
    callers leave the totals untouched where all activations are zeros.
    """
    if not np.any(x):
        return totals
    if asymmetric:
        codes, scale, zero_point = quantize_asymmetric(x, quirks)
        sums = _dot(codes, weights, quirks)
        sums -= zero_point[:, None] * row_sums(weights, quirks)
    else:
        codes, scale = quantize_symmetric(x, quirks)
        sums = _dot(codes, weights, quirks)
    return np.asarray(totals + sums.astype(np.float32) * (filter_scale * scale[:, None]))


def _add_sparse_asymmetric_products(
    totals: np.ndarray, x: np.ndarray, weights: np.ndarray, filter_scale: np.ndarray, quirks: bool
) -> np.ndarray:
    """Return float32 totals (batch, units) plus the products of float32 (batch, depth) with int8 (units, depth).

    Notes
    -----
    Source: ``EvalSparseHybridImpl`` in ``kernels/fully_connected.cc``. The part of the zero points is subtracted in
    float32, before the products are added.
    """
    if not np.any(x):
        return totals
    codes, scale, zero_point = quantize_asymmetric(x, quirks)
    factor, offset = scale[:, None] * filter_scale, zero_point[:, None].astype(np.float32)
    offset_factor = factor * offset if len(filter_scale) == 1 else scale[:, None] * offset * filter_scale
    totals = totals - offset_factor * weights.sum(axis=1, dtype=np.int32).astype(np.float32)
    return np.asarray(totals + _dot(codes, weights, quirks).astype(np.float32) * factor)


def evaluate_hybrid_fully_connected(
    prepared: HybridFullyConnected, x: np.ndarray, weights: np.ndarray, bias: np.ndarray | None
) -> np.ndarray:
    """Evaluate FULLY_CONNECTED of float32 (batch, depth) with int8 or uint8 weights (units, depth).

    Notes
    -----
    Source: ``EvalHybridDense`` in ``kernels/fully_connected.cc``.
    """
    weights = weights_as_read(prepared, weights)
    start = np.zeros(prepared.units, np.float32) if bias is None else bias.reshape(-1)
    real = np.tile(start, (prepared.batch, 1))
    if prepared.sparse and prepared.asymmetric:
        real = _add_sparse_asymmetric_products(real, x, weights, prepared.filter_scale, prepared.quirks)
    else:
        real = add_hybrid_products(real, x, weights, prepared.filter_scale, prepared.asymmetric, prepared.quirks)
    if prepared.activation_min == -np.inf:
        return activate(real, prepared.activation)
    at_least = np.where(prepared.activation_min < real, real, prepared.activation_min)  # also of a NaN and of -0
    return np.minimum(at_least, prepared.activation_max)
