"""ARG_MAX and ARG_MIN: the index of the greatest or least element along an axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import ArgMaxOptions, ArgMinOptions
from ..checks import options_of, require_arity
from ..operator import Field, Input, Instruction, Kernel, Node, Output, Prepared
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


def lower_arg_max(prepared: ArgMax, node: Node) -> Instruction | None:
    """Lower 8-bit codes and float32."""
    return _lower(prepared, node, greatest=True)


def lower_arg_min(prepared: ArgMax, node: Node) -> Instruction | None:
    """Lower 8-bit codes and float32."""
    return _lower(prepared, node, greatest=False)


def _lower(prepared: ArgMax, node: Node, greatest: bool) -> Instruction | None:
    spec = node.input(0)
    outer, inner = math.prod(spec.shape[: prepared.axis]), math.prod(spec.shape[prepared.axis + 1 :])
    if outer * inner == 0 or spec.type is TensorType.INT32:
        return None
    fields: dict[str, Field] = {
        "input": Input(0, math.prod(spec.shape) * spec.dtype.itemsize),
        "output": Output(0, outer * inner * prepared.dtype.itemsize),
        "outer": outer,
        "size": spec.shape[prepared.axis],
        "inner": inner,
        "wide": int(prepared.dtype == np.int64),
    }
    if spec.type is TensorType.FLOAT32:
        return Instruction("arg_max_float32", {**fields, "sign": 1 if greatest else -1})
    flip = (0x80 if spec.type is TensorType.INT8 else 0) ^ (0 if greatest else 0xFF)
    return Instruction("arg_max8", {**fields, "flip": flip})


_TYPES = (TensorType.FLOAT32, TensorType.UINT8, TensorType.INT8, TensorType.INT32, TensorType.BOOL)

KERNELS = (
    Kernel("ARG_MAX", (1, 2), _TYPES, prepare_arg_max, evaluate_arg_max, lower_arg_max, values=(1,)),
    Kernel("ARG_MIN", (1, 2), _TYPES, prepare_arg_min, evaluate_arg_min, lower_arg_min, values=(1,)),
)
