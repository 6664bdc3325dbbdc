"""ARG_MAX and ARG_MIN: the index of the greatest or least element along an axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import ArgMaxOptions, ArgMinOptions
from ..checks import options_of, require_arity
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile
from ..shape.arguments import INDEX_TYPES, normalized_axis, scalar, without


@dataclass(frozen=True)
class ArgMax(Prepared):
    """The axis that is searched and the data type of the indices."""

    axis: int
    dtype: np.dtype


def prepare_arg_max(node: Node, profile: Profile) -> ArgMax:
    """Prepare ARG_MAX."""
    return _prepare(node, options_of(node, ArgMaxOptions).output_type)


def prepare_arg_min(node: Node, profile: Profile) -> ArgMax:
    """Prepare ARG_MIN."""
    return _prepare(node, options_of(node, ArgMinOptions).output_type)


def _prepare(node: Node, output_type: TensorType) -> ArgMax:
    """Prepare either (``Prepare`` and ``ResizeOutput`` in ``kernels/arg_min_max.cc``)."""
    require_arity(node, 2)
    source, target = node.input(0), node.output()
    node.require(
        output_type in INDEX_TYPES and output_type is target.type, "an int32 or int64 output of the type in output_type"
    )
    axis = normalized_axis(node, scalar(node, 1), len(source.shape))
    node.require(source.shape[axis] > 0, f"at least one element along axis {axis}")
    return ArgMax((without(source.shape, axis),), axis, target.dtype)


def _ordered(x: np.ndarray, worst: float) -> np.ndarray:
    """Replace NaN, which no comparison prefers, by what loses every comparison."""
    return np.where(np.isnan(x), np.float32(worst), x) if x.dtype == np.float32 else x


def evaluate_arg_max(prepared: ArgMax, x: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Return the first index of the greatest element.

    Notes
    -----
    Source: ``ArgMinMax`` in ``kernels/internal/reference/arg_min_max.h``. Where a vector has a NaN, the reference's
    answer depends on the width of its SIMD code; here a NaN is never the greatest.
    """
    return np.asarray(np.argmax(_ordered(x, -np.inf), prepared.axis), prepared.dtype)


def evaluate_arg_min(prepared: ArgMax, x: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Return the first index of the least element; a NaN is never the least."""
    return np.asarray(np.argmin(_ordered(x, np.inf), prepared.axis), prepared.dtype)


_TYPES = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8, TensorType.INT32, TensorType.BOOL)

KERNELS = (
    Kernel("ARG_MAX", (1, 2), _TYPES, prepare_arg_max, evaluate_arg_max, values=(1,)),
    Kernel("ARG_MIN", (1, 2), _TYPES, prepare_arg_min, evaluate_arg_min, values=(1,)),
)
