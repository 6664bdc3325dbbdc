"""MEAN over any axes: float32, int32, int64, and int8, uint8, int16 with one rescaling that includes the division."""

from __future__ import annotations

import numpy as np

from ...schema import TensorType
from ...schema.deferred import dataclass
from ...schema.options import ReducerOptions
from ..activation_range import type_range
from ..checks import (
    checked_multiplier,
    options_of,
    require_arity,
    require_quantized,
    require_same_type,
    require_symmetric,
)
from ..fixed_point import multiply_by_quantized_multiplier, output_codes
from ..operator import Instruction, Kernel, Node, Prepared, Shape
from ..profiles import Profile, Rounding
from .lowering import lower_float_sum, lower_sum_of_codes

_QUANTIZED = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)
_TYPES = (TensorType.FLOAT32, TensorType.INT32, TensorType.INT64, *_QUANTIZED)


@dataclass(frozen=True)
class Mean(Prepared):
    """A mean over ``axes``, sorted and without repetition, of ``count`` elements each."""

    axes: Shape
    count: int


@dataclass(frozen=True)
class QuantizedMean(Mean):
    """A mean of codes.

    ``multiplier`` and ``shift`` rescale a sum, less ``count`` zero points, to the output: they contain the division.
    """

    input_zero_point: int
    multiplier: int
    shift: int
    output_zero_point: int
    output_min: int
    output_max: int
    rounding: Rounding


def resolve_axes(node: Node, axes: np.ndarray, rank: int) -> Shape:
    """Return axes as sorted, distinct, non-negative numbers; a scalar has none.

    Notes
    -----
    Source: ``ResolveAxis`` in ``kernels/internal/reference/reduce.h``.
    """
    if rank == 0:
        return ()
    values = [int(axis) for axis in np.asarray(axes).ravel()]
    node.require(all(-rank <= axis < rank for axis in values), f"axes within rank {rank}, not {values}")
    return tuple(sorted({axis % rank for axis in values}))


def reduced_shape(shape: Shape, axes: Shape, keep_dims: bool) -> Shape:
    """Return the shape after reducing ``axes``."""
    if keep_dims:
        return tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return tuple(size for axis, size in enumerate(shape) if axis not in axes)


def _divide_multiplier(multiplier: int, shift: int, count: int) -> tuple[int, int]:
    """Divide a multiplier by a count; the shift is raised first, to keep the multiplier's bits.

    Notes
    -----
    Source: ``QuantizedMeanOrSum`` in ``kernels/internal/reference/reduce.h``.
    """
    raised = min(count.bit_length() - 1, 32, 31 + shift)
    return (multiplier << raised) // count, shift - raised


def prepare(node: Node, profile: Profile) -> Mean:
    """Prepare MEAN; the axes must be known.

    Notes
    -----
    Source: ``PrepareMeanOrSum`` in ``kernels/reduce.cc``.
    """
    require_arity(node, 2)
    source, axis, target = node.input(0), node.input(1), node.output()
    require_same_type(node, source, target)
    node.require(axis.type is TensorType.INT32, "axes of int32")
    axes = resolve_axes(node, node.value(1), len(source.shape))
    count = int(np.prod([source.shape[axis] for axis in axes], dtype=np.int64))
    shape = reduced_shape(source.shape, axes, options_of(node, ReducerOptions).keep_dims)
    if source.type not in _QUANTIZED:
        return Mean((shape,), axes, count)
    require_quantized(node, source, target)
    if source.type is TensorType.INT16:
        require_symmetric(node, source, target)
    rounding = profile.rounding_of(node.name)
    multiplier, shift = checked_multiplier(node, float(source.scale) / float(target.scale), rounding)
    if count > 0:
        multiplier, shift = _divide_multiplier(multiplier, shift, count)
    limits = type_range(target.type)
    return QuantizedMean(
        (shape,), axes, count, source.zero_point, multiplier, shift, target.zero_point, *limits, rounding
    )


def _rows(prepared: Mean, x: np.ndarray) -> np.ndarray:
    """Return the elements of each mean as a row, in the order in which they lie in memory: (outputs, count)."""
    kept = [axis for axis in range(x.ndim) if axis not in prepared.axes]
    outputs = int(np.prod([x.shape[axis] for axis in kept], dtype=np.int64))
    return x.transpose(*kept, *prepared.axes).reshape(outputs, prepared.count)


def accumulate(prepared: Mean, x: np.ndarray) -> np.ndarray:
    """Return the sums over the axes, flat.

    float32 is summed from left to right in float32, integers in int64 (wrapping), codes in int32 (wrapping).
    """
    rows = _rows(prepared, x)
    if x.dtype == np.float32:
        with np.errstate(all="ignore"):
            return np.add.accumulate(rows, axis=1)[:, -1] + np.float32(0)  # the sum starts from +0
    return rows.sum(axis=1, dtype=np.int64).astype(np.int32 if isinstance(prepared, QuantizedMean) else np.int64)


def evaluate(prepared: Mean, x: np.ndarray, axes: np.ndarray | None = None) -> np.ndarray:
    """Average over the prepared axes; the result has the type of ``x``. The mean of nothing is NaN, or 0 in integers.

    Notes
    -----
    Source: ``Mean`` and ``QuantizedMeanOrSum`` in ``kernels/internal/reference/reduce.h``; ``EvalMean`` in
    ``kernels/reduce.cc``.
    """
    shape = prepared.output_shape
    if x.size == 0:
        return np.full(shape, np.nan if x.dtype == np.float32 else 0, x.dtype)
    sums = accumulate(prepared, x)
    if isinstance(prepared, QuantizedMean):
        shifted = (sums.astype(np.int64) - prepared.input_zero_point * prepared.count).astype(np.int32)
        codes = multiply_by_quantized_multiplier(shifted, prepared.multiplier, prepared.shift, prepared.rounding)
        limits = (prepared.output_min, prepared.output_max)
        return output_codes(codes, prepared.output_zero_point, *limits, x.dtype).reshape(shape)
    if x.dtype == np.float32:
        return (sums / np.float32(prepared.count)).reshape(shape)
    # C's division truncates towards zero, NumPy's towards minus infinity.
    truncated = sums // prepared.count + ((sums < 0) & (sums % prepared.count != 0))
    return truncated.astype(x.dtype).reshape(shape)


def lower(prepared: Mean, node: Node) -> Instruction | None:
    """Lower means of codes and of float32; empty tensors and other types stay with ``evaluate``."""
    if isinstance(prepared, QuantizedMean):
        rescaling = (prepared.multiplier, prepared.shift, prepared.rounding)
        points, limits = (
            (prepared.input_zero_point, prepared.output_zero_point),
            (prepared.output_min, prepared.output_max),
        )
        return lower_sum_of_codes(node, prepared.axes, points, rescaling, limits)
    if node.input(0).type is TensorType.FLOAT32:
        return lower_float_sum(node, prepared.axes, prepared.count, whole=False)
    return None


KERNELS = (Kernel("MEAN", (1, 3), _TYPES, prepare, evaluate, lower, values=(1,)),)
