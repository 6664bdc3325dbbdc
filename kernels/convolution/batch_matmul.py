"""BATCH_MATMUL: products of matrices, whose leading axes broadcast.

float32, int8 (to int8 or int32), int16 by int16 or int8, and float32 by int8 (module ``hybrid_matmul``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import BatchMatMulOptions
from ..activation_range import type_range
from ..checks import checked_multiplier, options_of, require_arity, require_quantized, require_symmetric
from ..fixed_point import multiply_by_quantized_multiplier, multiply_int64_by_quantized_multiplier, output_codes
from ..operator import Instruction, Kernel, Node, Prepared, Shape
from ..profiles import NarrowAccumulator, Profile, Rounding
from .accumulation import matmul_terms, narrow_accumulator, saturates, saturating_sum, wrapped
from .batch_matmul_lowering import (
    lower_float_batch_matmul,
    lower_plain_batch_matmul,
    lower_quantized_batch_matmul,
)
from .hybrid_lowering import lower_hybrid_batch_matmul
from .hybrid_matmul import HybridBatchMatMul, evaluate_hybrid, prepare_hybrid
from .quantization import legacy_scale, legacy_zero_point

FLOAT32, INT8, INT16, INT32 = TensorType.FLOAT32, TensorType.INT8, TensorType.INT16, TensorType.INT32
_COMBINATIONS = {
    (FLOAT32, FLOAT32, FLOAT32),
    (FLOAT32, INT8, FLOAT32),
    (INT8, INT8, INT8),
    (INT8, INT8, INT32),
    (INT16, INT16, INT16),
    (INT16, INT8, INT16),
}
_RANKS = (2, 5)


@dataclass(frozen=True)
class BatchMatMul(Prepared):
    """A product; ``adjoint_x`` and ``adjoint_y`` exchange the last two axes of a factor first."""

    adjoint_x: bool
    adjoint_y: bool


@dataclass(frozen=True)
class QuantizedBatchMatMul(BatchMatMul):
    """A product of codes that is rescaled to output codes."""

    x_zero_point: int
    y_zero_point: int
    multiplier: int
    shift: int
    output_zero_point: int
    output_min: int
    output_max: int
    rounding: Rounding
    narrow: NarrowAccumulator | None = None


def _output_shape(node: Node, x: Shape, y: Shape) -> Shape:
    node.require(x[-1] == y[-2], f"matrices that can be multiplied, not {list(x[-2:])} by {list(y[-2:])}")
    rank = max(len(x), len(y))
    pairs = list(zip((1,) * (rank - len(x)) + x[:-2], (1,) * (rank - len(y)) + y[:-2], strict=True))
    node.require(all(a == b or a == 1 or b == 1 for a, b in pairs), "leading axes that broadcast")
    return (*(b if a == 1 else a for a, b in pairs), x[-2], y[-1])


def prepare(node: Node, profile: Profile) -> BatchMatMul | HybridBatchMatMul:
    """Prepare BATCH_MATMUL.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/batch_matmul.cc``. The product of the scales is formed in float32.
    Quirk: a factor of codes with several scales has a scale of 0.
    """
    require_arity(node, 2)
    x, y, target = node.input(0), node.input(1), node.output()
    if (x.type, y.type, target.type) not in _COMBINATIONS:
        raise node.unsupported("float32 by float32 or int8, int8 to int8 or int32, int16 by int16 or int8")
    low, high = _RANKS
    node.require(low <= len(x.shape) <= high and low <= len(y.shape) <= high, f"ranks of {low} to {high}")
    options = options_of(node, BatchMatMulOptions)
    first, second = _transposed(x.shape, options.adj_x), _transposed(y.shape, options.adj_y)
    shape = _output_shape(node, first, second)
    adjoint = (bool(options.adj_x), bool(options.adj_y))
    if (x.type, y.type) == (FLOAT32, INT8):
        flags = (options.asymmetric_quantize_inputs, profile.reproduces_quirks)
        return prepare_hybrid(node, shape, adjoint, first, second, *flags)
    if target.type in (FLOAT32, INT32):
        return BatchMatMul((shape,), *adjoint)
    require_quantized(node, x, y, target)
    if x.type is INT16:
        require_symmetric(node, x, y, target)
    rounding = profile.rounding_of(node.name)
    scales = [legacy_scale(spec) if profile.reproduces_quirks else spec.scale for spec in (x, y, target)]
    node.require(float(scales[2]) > 0, "one scale of the output")
    with np.errstate(all="ignore"):
        real = float(scales[0] * scales[1]) / float(scales[2])
    multiplier, shift = checked_multiplier(node, real, rounding)
    node.require(x.type is INT8 or shift < 15, f"scales whose ratio is below 2**14, not {real:g}")
    offset = legacy_zero_point if profile.reproduces_quirks else (lambda spec: spec.zero_point)
    rescaling = (offset(x), offset(y), multiplier, shift, target.zero_point, *type_range(target.type))
    narrow = narrow_accumulator(profile, np.dtype(np.int64 if x.type is INT16 else np.int32))
    return QuantizedBatchMatMul((shape,), *adjoint, *rescaling, rounding, narrow)


def accumulate(prepared: QuantizedBatchMatMul, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the accumulators (..., rows, columns), int32 or int64, before requantization; int32 wraps."""
    first = _matrices(x, prepared.adjoint_x).astype(np.int64) - prepared.x_zero_point
    second = _matrices(y, prepared.adjoint_y).astype(np.int64) - prepared.y_zero_point
    dtype = np.dtype(np.int64 if x.dtype == np.int16 else np.int32)
    if saturates(prepared.narrow):
        return saturating_sum(prepared.narrow, matmul_terms(first, second), prepared.output_shape, dtype, None)
    return wrapped(prepared.narrow, np.matmul(first, second).astype(dtype))


def _transposed(shape: Shape, swap: bool) -> Shape:
    return (*shape[:-2], shape[-1], shape[-2]) if swap else shape


def _matrices(x: np.ndarray, swap: bool) -> np.ndarray:
    return x.swapaxes(-1, -2) if swap else x


def evaluate(prepared: BatchMatMul | HybridBatchMatMul, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Multiply matrices (..., rows, depth) by (..., depth, columns).

    Notes
    -----
    Source: ``BatchMatMul`` in ``kernels/internal/reference/batch_matmul.h``. float32 products are added along the
    depth one after the other, int8 ones in int32, int16 ones in int64. int32 outputs are sums of codes, zero points
    included.
    """
    if isinstance(prepared, HybridBatchMatMul):
        return evaluate_hybrid(prepared, x, y)
    if isinstance(prepared, QuantizedBatchMatMul):
        return _requantize(prepared, accumulate(prepared, x, y), x.dtype)
    x, y = _matrices(x, prepared.adjoint_x), _matrices(y, prepared.adjoint_y)
    if x.dtype == np.float32:
        total = np.zeros(prepared.output_shape, np.float32)
        with np.errstate(all="ignore"):
            for k in range(x.shape[-1]):
                total += x[..., :, k, None] * y[..., None, k, :]
        return total
    return np.matmul(x.astype(np.int32), y.astype(np.int32))


def _requantize(prepared: QuantizedBatchMatMul, sums: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if sums.dtype == np.int64:
        scaled = multiply_int64_by_quantized_multiplier(sums, prepared.multiplier, prepared.shift)
    else:
        scaled = multiply_by_quantized_multiplier(sums, prepared.multiplier, prepared.shift, prepared.rounding)
    return output_codes(scaled, prepared.output_zero_point, prepared.output_min, prepared.output_max, dtype)


def lower(prepared: BatchMatMul | HybridBatchMatMul, node: Node) -> Instruction | None:
    """Lower to products of matrices of one kind."""
    if isinstance(prepared, HybridBatchMatMul):
        return lower_hybrid_batch_matmul(prepared, node)
    if isinstance(prepared, QuantizedBatchMatMul):
        if prepared.narrow is not None:
            return None
        return lower_quantized_batch_matmul(prepared, node)
    if node.output().type is FLOAT32:
        return lower_float_batch_matmul(prepared, node)
    return lower_plain_batch_matmul(prepared, node)


KERNELS = (Kernel("BATCH_MATMUL", (1, 4), (FLOAT32, INT8, INT16), prepare, evaluate, lower),)
