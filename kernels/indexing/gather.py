"""GATHER and GATHER_ND: slices of a tensor, picked by indices."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import GatherOptions
from ..broadcast import LARGEST_RANK
from ..checks import options_of, require_arity, require_same_type
from ..operator import Instruction, Kernel, Node, Prepared, Shape
from ..profiles import Profile
from ..shape import copies
from ..shape.arguments import normalized_axis
from .bounds import axis_bounds, flat_positions, require_within
from .lowering import lower_gather_nd

_INDEX_TYPES = (TensorType.INT16, TensorType.INT32, TensorType.INT64)


@dataclass(frozen=True)
class Gather(Prepared):
    """The axis along which slices are picked, and how many leading axes input and positions share."""

    axis: int
    batch_dims: int


def prepare_gather(node: Node, profile: Profile) -> Gather:
    """Prepare GATHER.

    The reference's kernel reads negative axes and batch_dims anew; both are counted from the front here.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/gather.cc``.
    """
    require_arity(node, 2)
    source, positions = node.input(0), node.input(1)
    require_same_type(node, source, node.output())
    node.require(positions.type in _INDEX_TYPES, "positions of type int16, int32 or int64")
    options = options_of(node, GatherOptions)
    rank, positions_rank = len(source.shape), len(positions.shape)
    axis = normalized_axis(node, options.axis, rank)
    batch_dims = options.batch_dims + (positions_rank if options.batch_dims < 0 else 0)
    node.require(0 <= batch_dims <= min(axis, positions_rank), f"batch_dims in [0, {min(axis, positions_rank)}]")
    shared = source.shape[:batch_dims]
    node.require(shared == positions.shape[:batch_dims], f"{batch_dims} leading axes of one size")
    shape = (*source.shape[:axis], *positions.shape[batch_dims:], *source.shape[axis + 1 :])
    node.require(len(shape) <= LARGEST_RANK, f"an output of rank at most {LARGEST_RANK}")
    return Gather((shape,), axis, batch_dims)


def evaluate_gather(prepared: Gather, x: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Pick slices of ``x`` along the axis, for each index of the shared axes on its own.

    Raises
    ------
    ModelError
        Where a position is negative or beyond the axis.
    """
    require_within("GATHER", positions, 0, x.shape[prepared.axis])
    output = np.empty(prepared.output_shape, x.dtype)
    axis = prepared.axis - prepared.batch_dims
    for batch in np.ndindex(*x.shape[: prepared.batch_dims]):
        output[batch] = np.take(x[batch], positions[batch].astype(np.int64), axis)
    return output


def lower_gather(prepared: Gather, node: Node) -> Instruction | None:
    """Lower to ``gather``, which copies rows of bytes and holds positions that are not constant to bounds."""
    return copies.gather(node, 0, 1, prepared.output_shape, prepared.axis, prepared.batch_dims)


@dataclass(frozen=True)
class GatherND(Prepared):
    """Whether only the flat position has to be within input 0, as in the reference, or each index."""

    flat_bounds: bool


def prepare_gather_nd(node: Node, profile: Profile) -> GatherND:
    """Prepare GATHER_ND: the last axis of the indices names a slice of the leading axes of input 0.

    Notes
    -----
    Source: ``Prepare`` and ``Eval`` in ``kernels/gather_nd.cc``.
    """
    require_arity(node, 2)
    source, indices = node.input(0), node.input(1)
    require_same_type(node, source, node.output())
    node.require(indices.type in _INDEX_TYPES, "indices of type int16, int32 or int64")
    node.require(len(source.shape) >= 1 and len(indices.shape) >= 1, "inputs of rank 1 or more")
    depth = indices.shape[-1]
    node.require(depth <= len(source.shape), f"indices of at most {len(source.shape)} axes")
    node.require(0 not in source.shape or 0 in indices.shape, "values to pick from")
    shape = (*indices.shape[:-1], *source.shape[depth:])
    node.require(len(shape) <= LARGEST_RANK, f"an output of rank at most {LARGEST_RANK}")
    return GatherND((shape,), profile.reproduces_quirks)


def evaluate_gather_nd(prepared: GatherND, x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Pick ``x[tuple(index)]`` for each index.

    Raises
    ------
    ModelError
        Where an index is negative or beyond its axis.
    """
    depth = indices.shape[-1]
    rows = indices.reshape(math.prod(indices.shape[:-1]), depth)
    positions = flat_positions("GATHER_ND", rows, x.shape[:depth], _nd_bounds(prepared, x.shape[:depth]))
    slices = x.reshape(math.prod(x.shape[:depth]), math.prod(x.shape[depth:]))
    return slices[positions].reshape(prepared.output_shape)


def _nd_bounds(prepared: GatherND, sizes: Shape) -> list[tuple[int, int]]:
    return axis_bounds(sizes, prepared.flat_bounds, 0)


def _lower_gather_nd(prepared: GatherND, node: Node) -> Instruction | None:
    sizes = node.input(0).shape[: node.input(1).shape[-1]]
    return lower_gather_nd(node, _nd_bounds(prepared, sizes), prepared.output_shape)


_TYPES = (
    TensorType.FLOAT32,
    TensorType.FLOAT16,
    TensorType.UINT8,
    TensorType.INT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
    TensorType.BOOL,
    TensorType.BFLOAT16,
    TensorType.STRING,
)

KERNELS = (
    Kernel("GATHER", (1, 8), (*_TYPES, TensorType.INT4), prepare_gather, evaluate_gather, lower_gather),
    Kernel("GATHER_ND", (1, 6), _TYPES, prepare_gather_nd, evaluate_gather_nd, _lower_gather_nd),
)
