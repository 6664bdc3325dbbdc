"""REDUCE_MAX, REDUCE_MIN, REDUCE_ANY and REDUCE_ALL, and what all reductions but MEAN share."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import ReducerOptions
from ..checks import options_of, require_arity, require_same_type, require_symmetric
from ..operator import Instruction, Kernel, Node, Prepared, Shape
from ..profiles import Profile
from .lowering import lower_extreme
from .mean import reduced_shape, resolve_axes

CODES = (TensorType.UINT8, TensorType.INT8, TensorType.INT16)
PLAIN = (TensorType.FLOAT32, TensorType.INT32, TensorType.INT64)


@dataclass(frozen=True)
class Reduction(Prepared):
    """A reduction.

    Parameters
    ----------
    axes : sorted, distinct axes.
    count : how many elements become one.
    whole : whether every axis is reduced: the reference then starts from the first element, otherwise from the
        operation's neutral one.
    """

    axes: Shape
    count: int
    whole: bool


def prepare_reduction(node: Node) -> Reduction:
    """Prepare the axes and the shape of any reduction.

    Notes
    -----
    Source: ``PrepareSimple`` in ``kernels/reduce.cc``.
    """
    require_arity(node, 2)
    source, axis, target = node.input(0), node.input(1), node.output()
    require_same_type(node, source, target)
    node.require(axis.type is TensorType.INT32, "axes of int32")
    if source.type is TensorType.INT16:
        require_symmetric(node, source, target)
    axes = resolve_axes(node, node.value(1), len(source.shape))
    shape = reduced_shape(source.shape, axes, options_of(node, ReducerOptions).keep_dims)
    count = math.prod(source.shape[axis] for axis in axes)
    return Reduction((shape,), axes, count, len(axes) == len(source.shape))


def rows_of(prepared: Reduction, x: np.ndarray) -> np.ndarray:
    """Return the elements of each result as a row, in the order in which they lie in memory: (outputs, count)."""
    kept = [axis for axis in range(x.ndim) if axis not in prepared.axes]
    outputs = math.prod(x.shape[axis] for axis in kept)
    return x.transpose(*kept, *prepared.axes).reshape(outputs, prepared.count)


def with_start(prepared: Reduction, rows: np.ndarray, neutral: float) -> np.ndarray:
    """Put the neutral element before each row where the reference starts from it."""
    if prepared.whole and prepared.count:
        return rows
    return np.concatenate([np.full((len(rows), 1), neutral, rows.dtype), rows], axis=1)


def require_same_quantization(node: Node) -> None:
    """Raise ModelError unless input and output codes mean the same."""
    source, target = node.input(0), node.output()
    if source.type in CODES:
        same = source.scale == target.scale and source.zero_point == target.zero_point
        node.require(same, "one quantization of input and output")


def prepare_extreme(node: Node, profile: Profile) -> Reduction:
    """Prepare REDUCE_MAX or REDUCE_MIN."""
    prepared = prepare_reduction(node)
    require_same_quantization(node)
    return prepared


def prepare_logical(node: Node, profile: Profile) -> Reduction:
    """Prepare REDUCE_ANY or REDUCE_ALL."""
    return prepare_reduction(node)


def _first_best(prepared: Reduction, x: np.ndarray, greatest: bool) -> np.ndarray:
    """Return each row's greatest or least element, the first of equals.

    Notes
    -----
    Source: ``EvalType`` in ``kernels/reduce.cc``. Its comparison never prefers a NaN, and never leaves one. It starts
    from the least finite number: the greatest of nothing but minus infinities is that number.
    """
    limits = np.finfo(x.dtype) if x.dtype.kind == "f" else None if x.dtype == bool else np.iinfo(x.dtype)
    if limits is None:
        neutral: float = not greatest
    else:
        neutral = limits.min if greatest else limits.max
    rows = with_start(prepared, rows_of(prepared, x), neutral)
    ordered = rows
    if x.dtype.kind == "f":
        worst = np.float32(-np.inf if greatest else np.inf)
        ordered = np.where(np.isnan(rows), worst, rows)
        ordered[:, 0] = np.where(np.isnan(rows[:, 0]), -worst, ordered[:, 0])  # a NaN at the start stays
    best = np.argmax(ordered, axis=1) if greatest else np.argmin(ordered, axis=1)
    best = np.where(rows[:, 0] != rows[:, 0], 0, best)
    return rows[np.arange(len(rows)), best].reshape(prepared.output_shape)


def evaluate_max(prepared: Reduction, x: np.ndarray, axes: np.ndarray | None = None) -> np.ndarray:
    """Return the greatest element over the axes; of nothing, the least number of the type."""
    return _first_best(prepared, x, greatest=True)


def evaluate_min(prepared: Reduction, x: np.ndarray, axes: np.ndarray | None = None) -> np.ndarray:
    """Return the least element over the axes; of nothing, the greatest number of the type."""
    return _first_best(prepared, x, greatest=False)


def lower_max(prepared: Reduction, node: Node) -> Instruction | None:
    """Lower REDUCE_MAX of codes and of float32; empty tensors and other types stay with ``evaluate``."""
    return lower_extreme(node, prepared.axes, prepared.whole, greatest=True)


def lower_min(prepared: Reduction, node: Node) -> Instruction | None:
    """Lower REDUCE_MIN in the same way."""
    return lower_extreme(node, prepared.axes, prepared.whole, greatest=False)


def evaluate_any(prepared: Reduction, x: np.ndarray, axes: np.ndarray | None = None) -> np.ndarray:
    """Return whether any element over the axes is true."""
    return rows_of(prepared, x).any(axis=1).reshape(prepared.output_shape)


def evaluate_all(prepared: Reduction, x: np.ndarray, axes: np.ndarray | None = None) -> np.ndarray:
    """Return whether all elements over the axes are true."""
    return rows_of(prepared, x).all(axis=1).reshape(prepared.output_shape)


_ORDERED = (*PLAIN, *CODES, TensorType.BOOL)

KERNELS = (
    Kernel("REDUCE_MAX", (1, 3), _ORDERED, prepare_extreme, evaluate_max, lower_max, values=(1,)),
    Kernel("REDUCE_MIN", (1, 3), _ORDERED, prepare_extreme, evaluate_min, lower_min, values=(1,)),
    Kernel("REDUCE_ANY", (1, 1), (TensorType.BOOL,), prepare_logical, evaluate_any, values=(1,)),
    Kernel("REDUCE_ALL", (1, 1), (TensorType.BOOL,), prepare_logical, evaluate_all, values=(1,)),
)
