"""UNSORTED_SEGMENT_SUM, _PROD, _MAX and _MIN, SEGMENT_SUM, and CUMSUM: running results along an axis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...schema import TensorType
from ...schema.options import CumsumOptions
from ..checks import options_of, require_arity, require_same_type
from ..operator import Evaluated, Kernel, Node, Prepared
from ..profiles import Profile
from ..shape.arguments import normalized_axis, scalar
from .bounds import require_within


def _greater(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.where(a < b, b, a)


def _less(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.where(b < a, b, a)


@dataclass(frozen=True)
class _Reduction:
    """How two values become one, and what an empty segment holds."""

    combine: Callable[[Any, Any], Any]
    start: Callable[[np.dtype], Any]


def _least(dtype: np.dtype) -> Any:
    return np.finfo(dtype).min if dtype.kind == "f" else np.iinfo(dtype).min


def _greatest(dtype: np.dtype) -> Any:
    return np.finfo(dtype).max if dtype.kind == "f" else np.iinfo(dtype).max


_REDUCTIONS = {
    "UNSORTED_SEGMENT_SUM": _Reduction(np.add, lambda dtype: 0),
    "UNSORTED_SEGMENT_PROD": _Reduction(np.multiply, lambda dtype: 1),
    "UNSORTED_SEGMENT_MAX": _Reduction(_greater, _least),
    "UNSORTED_SEGMENT_MIN": _Reduction(_less, _greatest),
}


def prepare_segments(node: Node, profile: Profile) -> Prepared:
    """Prepare UNSORTED_SEGMENT_*: the shape of the segment ids is the beginning of the data's.

    Notes
    -----
    Source: ``Prepare`` and ``ResizeOutputTensor`` in ``kernels/unsorted_segment.cc``.
    """
    require_arity(node, 3)
    data, ids = node.input(0), node.input(1)
    require_same_type(node, data, node.output())
    node.require(ids.type is TensorType.INT32, "int32 segment ids")
    node.require(ids.shape == data.shape[: len(ids.shape)], "segment ids for the first axes of the data")
    node.require(node.input(2).shape in ((), (1,)), "a scalar number of segments")
    count = scalar(node, 2, (TensorType.INT32,))
    node.require(count >= 0, f"at least 0 segments, not {count}")
    return Prepared(((count, *data.shape[len(ids.shape) :]),))


def evaluate_segments(
    reduction: _Reduction, prepared: Prepared, data: np.ndarray, ids: np.ndarray, count: np.ndarray
) -> np.ndarray:
    """Combine the slices of each segment, one after the other; those of negative ids are left out.

    Raises
    ------
    ModelError
        Where an id is not below the number of segments.
    """
    shape = prepared.output_shape
    require_within("UNSORTED_SEGMENT", ids, -(2**31), shape[0])
    output = np.full(shape, reduction.start(data.dtype), data.dtype)
    slices = data.reshape(ids.size, *shape[1:])
    with np.errstate(over="ignore", invalid="ignore"):
        for segment, values in zip(ids.ravel(), slices, strict=True):
            if segment >= 0:
                output[segment] = reduction.combine(output[segment], values)
    return output


def prepare_sorted_segments(node: Node, profile: Profile) -> Prepared:
    """Prepare SEGMENT_SUM, whose segment ids begin with 0 and are sorted without gaps: the last one tells their number.

    Notes
    -----
    Source: ``ResizeOutputTensor`` in ``kernels/segment_sum.cc``.
    """
    require_arity(node, 2)
    data, ids = node.input(0), node.input(1)
    require_same_type(node, data, node.output())
    node.require(ids.type is TensorType.INT32, "int32 segment ids")
    node.require(ids.shape == data.shape[:1] and 0 not in ids.shape and len(ids.shape) == 1, "a segment id per row")
    values = node.value(1).astype(np.int64)
    node.require(values[0] == 0 and set(np.diff(values).tolist()) <= {0, 1}, "segment ids from 0 on, sorted, no gaps")
    return Prepared(((int(values[-1]) + 1, *data.shape[1:]),))


def evaluate_sorted_segments(prepared: Prepared, data: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Add the rows of each segment, one after the other.

    Notes
    -----
    Source: ``SegmentSum`` in ``kernels/internal/reference/reference_ops.h``.
    """
    return evaluate_segments(_REDUCTIONS["UNSORTED_SEGMENT_SUM"], prepared, data, ids, np.array(0))


@dataclass(frozen=True)
class Cumsum(Prepared):
    """The axis, whether a sum leaves out its own element, and whether it runs from the end."""

    axis: int
    exclusive: bool
    reverse: bool


def prepare_cumsum(node: Node, profile: Profile) -> Cumsum:
    """Prepare CUMSUM (``kernels/cumsum.cc``)."""
    require_arity(node, 2)
    source = node.input(0)
    require_same_type(node, source, node.output())
    axis = normalized_axis(node, scalar(node, 1, (TensorType.INT32,)), len(source.shape))
    options = options_of(node, CumsumOptions)
    return Cumsum((source.shape,), axis, options.exclusive, options.reverse)


def evaluate_cumsum(prepared: Cumsum, x: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Return the running sums, from 0; in float32 each rounds.

    Notes
    -----
    Source: ``CumSum`` in ``kernels/internal/optimized/optimized_ops.h``.
    """
    output = np.empty_like(x)
    source, target = np.moveaxis(x, prepared.axis, 0), np.moveaxis(output, prepared.axis, 0)
    if prepared.reverse:
        source, target = source[::-1], target[::-1]
    total = np.zeros(source.shape[1:], x.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        for index, values in enumerate(source):
            if prepared.exclusive:
                target[index] = total
            total = total + values
            if not prepared.exclusive:
                target[index] = total
    return output


def _segment_kernel(name: str) -> Kernel:
    evaluate: Callable[..., Evaluated] = partial(evaluate_segments, _REDUCTIONS[name])
    return Kernel(name, (1, 1), (TensorType.INT32, TensorType.FLOAT32), prepare_segments, evaluate, values=(2,))


_SUMMED = (TensorType.INT32, TensorType.FLOAT32)
_CUMSUM_TYPES = (TensorType.INT32, TensorType.INT64, TensorType.FLOAT32)

KERNELS = (
    *(_segment_kernel(name) for name in _REDUCTIONS),
    Kernel("SEGMENT_SUM", (1, 1), _SUMMED, prepare_sorted_segments, evaluate_sorted_segments, values=(1,)),
    Kernel("CUMSUM", (1, 1), _CUMSUM_TYPES, prepare_cumsum, evaluate_cumsum, values=(1,)),
)
