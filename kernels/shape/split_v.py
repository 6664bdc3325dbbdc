"""SPLIT_V: one tensor into parts of given sizes along an axis."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from ...schema import TensorType
from ...schema.options import SplitVOptions
from ..checks import options_of, require_arity, require_same_type
from ..operator import Instruction, Kernel, Node
from ..profiles import Profile
from . import copies
from .arguments import normalized_axis, scalar, vector
from .split import Split


def prepare(node: Node, profile: Profile) -> Split:
    """Prepare SPLIT_V; one size may be -1, for all that is left.

    Notes
    -----
    Source: ``Prepare`` and ``ResizeOutputTensors`` in ``kernels/split_v.cc``.
    """
    parts = options_of(node, SplitVOptions).num_splits
    node.require(parts >= 1, f"num_splits of at least 1, not {parts}")
    require_arity(node, 3, parts)
    source = node.input(0)
    require_same_type(node, source, *node.outputs)
    sizes = list(vector(node, 1))
    node.require(len(sizes) == parts, f"{parts} sizes")
    axis = normalized_axis(node, scalar(node, 2, (TensorType.INT32,)), len(source.shape))
    node.require(sizes.count(-1) <= 1, "at most one size of -1")
    if -1 in sizes:
        sizes[sizes.index(-1)] = source.shape[axis] - sum(size for size in sizes if size != -1)
    fits = all(size >= 0 for size in sizes) and sum(sizes) == source.shape[axis]
    node.require(fits, f"sizes that add up to {source.shape[axis]}, not {sizes}")
    return Split(tuple((*source.shape[:axis], size, *source.shape[axis + 1 :]) for size in sizes), axis)


def evaluate(prepared: Split, x: np.ndarray, sizes: np.ndarray, axis: np.ndarray) -> tuple[np.ndarray, ...]:
    """Cut ``x`` into the parts."""
    return tuple(part.copy() for part in np.split(x, list(accumulate(prepared.widths))[:-1], prepared.axis))


def lower(prepared: Split, node: Node) -> tuple[Instruction, ...] | None:
    """Lower to one ``strided_copy`` for each part."""
    return copies.split(node, 0, prepared.axis, prepared.widths)


_TYPES = (
    TensorType.FLOAT32,
    TensorType.UINT8,
    TensorType.INT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
)

KERNELS = (Kernel("SPLIT_V", (1, 3), _TYPES, prepare, evaluate, lower, values=(1, 2)),)
