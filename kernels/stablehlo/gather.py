"""STABLEHLO_GATHER: windows of a tensor, at places that indices name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import StablehloGatherOptions
from ..checks import options_of, require_arity, require_same_type
from ..operator import Kernel, Node, Prepared, Shape
from ..profiles import Profile
from ..shape.arguments import COPIED_TYPES


@dataclass(frozen=True)
class Gather(Prepared):
    """How indices, windows and the output's axes belong together; the names are StableHLO's."""

    index_vector_dim: int
    start_index_map: Shape
    slice_sizes: Shape
    collapsed_slice_dims: Shape
    offset_dims: Shape


def require_axes(node: Node, name: str, axes: Sequence[int], rank: int) -> Shape:
    """Return axes that are distinct, ascending and below ``rank``, or raise ModelError."""
    node.require(list(axes) == sorted(set(axes)), f"{name} that ascend, not {list(axes)}")
    node.require(all(0 <= axis < rank for axis in axes), f"{name} in [0, {rank - 1}], not {list(axes)}")
    return tuple(axes)


def require_vector(node: Node, axis: int, indices: Shape) -> None:
    """Raise an error unless ``axis`` is an axis of the indices.

    An axis one beyond the last says that each index is a vector of its own. The reference lets it pass, and takes the
    vector's length from memory that nothing has written: it mostly crashes.

    Raises
    ------
    ModelError
        Where the axis is negative, or further beyond.
    UnsupportedOperatorError
        Where it is one beyond the last.

    Notes
    -----
    Source: ``ReadIndexVector`` in ``kernels/tensor_slice_util.cc``.
    """
    rank = len(indices)
    node.require(0 <= axis <= rank, f"index_vector_dim up to {rank}, not {axis}")
    if axis == rank:
        raise node.unsupported(f"index_vector_dim below {rank}")


def prepare(node: Node, profile: Profile) -> Gather:
    """Prepare STABLEHLO_GATHER. The output's rank is that of the indices without their vector, and of the windows.

    Notes
    -----
    Source: ``Prepare`` and ``GetResultShape`` in ``kernels/stablehlo_gather.cc``.
    """
    require_arity(node, 2)
    x, indices = node.input(0), node.input(1)
    require_same_type(node, x, node.output())
    node.require(indices.type in (TensorType.INT32, TensorType.INT64), "indices of type int32 or int64")
    options = options_of(node, StablehloGatherOptions)
    rank, vector = len(x.shape), options.index_vector_dim
    require_vector(node, vector, indices.shape)
    mapped = tuple(options.start_index_map)
    node.require(len(mapped) == indices.shape[vector], f"a start_index_map of {indices.shape[vector]} axes")
    node.require(len(set(mapped)) == len(mapped) and all(0 <= axis < rank for axis in mapped), "axes of input 0")
    sizes = tuple(options.slice_sizes)
    node.require(len(sizes) == rank, f"{rank} slice_sizes, not {len(sizes)}")
    node.require(all(0 <= one <= side for one, side in zip(sizes, x.shape, strict=True)), "slices within input 0")
    collapsed = require_axes(node, "collapsed_slice_dims", options.collapsed_slice_dims, rank)
    node.require(all(sizes[axis] == 1 for axis in collapsed), "slices of 1 along collapsed_slice_dims")
    window = [size for axis, size in enumerate(sizes) if axis not in collapsed]
    batch = [size for axis, size in enumerate(indices.shape) if axis != vector]
    result_rank = len(window) + len(batch)
    offset = require_axes(node, "offset_dims", options.offset_dims, result_rank)
    node.require(len(offset) == len(window), f"{len(window)} offset_dims, not {len(offset)}")
    node.require(len(node.output().shape) == result_rank, f"an output of rank {result_rank}")
    shape = tuple((window if axis in offset else batch).pop(0) for axis in range(result_rank))
    return Gather((shape,), vector, mapped, sizes, collapsed, offset)


def evaluate(prepared: Gather, x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Read a window for each index vector, moved back into the tensor where it would reach beyond.

    Notes
    -----
    Source: ``EvalWithTypes`` and ``ClipStartingIndex`` in ``kernels/stablehlo_gather.cc``.
    """
    vectors = np.moveaxis(indices, prepared.index_vector_dim, -1)
    starts = np.zeros((*vectors.shape[:-1], x.ndim), np.int64)
    starts[..., list(prepared.start_index_map)] = vectors
    starts = np.clip(starts, 0, np.subtract(x.shape, prepared.slice_sizes).astype(np.int64))
    output = np.empty(prepared.output_shape, x.dtype)
    batch_axes = [axis for axis in range(output.ndim) if axis not in prepared.offset_dims]
    windows = output.transpose(*batch_axes, *prepared.offset_dims)
    for place in np.ndindex(*vectors.shape[:-1]):
        window = x[
            tuple(slice(start, start + size) for start, size in zip(starts[place], prepared.slice_sizes, strict=True))
        ]
        windows[place] = window.squeeze(prepared.collapsed_slice_dims)
    return output


KERNELS = (Kernel("STABLEHLO_GATHER", (1, 1), COPIED_TYPES, prepare, evaluate),)
