"""SCATTER_ND, SPARSE_TO_DENSE, DYNAMIC_UPDATE_SLICE, MATRIX_DIAG and MATRIX_SET_DIAG: values to places of a tensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ..broadcast import LARGEST_RANK
from ..checks import require_arity, require_same_type
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile
from ..shape.arguments import FIXED_TYPES, INDEX_TYPES, vector
from .bounds import axis_bounds, flat_positions, require_within
from .lowering import lower_scatter_nd, lower_update_slice

_LARGEST_SIZE = 2**31 - 1
_MOST_SPARSE_AXES = 4


@dataclass(frozen=True)
class ScatterND(Prepared):
    """Whether only the flat position has to be within the output, as in the reference, or each index."""

    flat_bounds: bool


def _shape_of(node: Node, index: int, types: tuple[TensorType, ...]) -> tuple[int, ...]:
    shape = vector(node, index, types)
    node.require(len(shape) <= LARGEST_RANK, f"an output of rank at most {LARGEST_RANK}")
    node.require(all(0 <= size <= _LARGEST_SIZE for size in shape), f"sizes in [0, 2**31), not {list(shape)}")
    return shape


def prepare_scatter_nd(node: Node, profile: Profile) -> ScatterND:
    """Prepare SCATTER_ND: the last axis of the indices names a slice of the output.

    Notes
    -----
    Source: ``CheckShapes`` in ``kernels/scatter_nd.cc``.
    """
    require_arity(node, 3)
    indices, updates = node.input(0), node.input(1)
    require_same_type(node, updates, node.output())
    node.require(indices.type is TensorType.INT32, "int32 indices")
    shape = _shape_of(node, 2, (TensorType.INT32,))
    node.require(len(indices.shape) >= 1 and len(updates.shape) >= 1, "indices and updates of rank 1 or more")
    depth = indices.shape[-1]
    node.require(depth <= len(shape), f"indices of at most {len(shape)} axes")
    node.require(updates.shape == (*indices.shape[:-1], *shape[depth:]), "an update for each index")
    return ScatterND((shape,), profile.reproduces_quirks)


def evaluate_scatter_nd(prepared: ScatterND, indices: np.ndarray, updates: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Add each update to its slice of zeros, one after the other; of bools, any.

    Raises
    ------
    ModelError
        Where an index is beyond its axis.
    """
    depth = indices.shape[-1]
    sizes = prepared.output_shape
    count = int(np.prod(indices.shape[:-1]))
    bounds = axis_bounds(sizes[:depth], prepared.flat_bounds)
    positions = flat_positions("SCATTER_ND", indices.reshape(count, depth), sizes[:depth], bounds)
    output = np.zeros((int(np.prod(sizes[:depth])), int(np.prod(sizes[depth:]))), updates.dtype)
    slices = updates.reshape(count, output.shape[1])
    with np.errstate(over="ignore", invalid="ignore"):
        for position, update in zip(positions, slices, strict=True):
            output[position] += update
    return output.reshape(sizes)


def _lower_scatter_nd(prepared: ScatterND, node: Node) -> Instruction | None:
    bounds = axis_bounds(prepared.output_shape[: node.input(0).shape[-1]], prepared.flat_bounds)
    return lower_scatter_nd(node, bounds, prepared.output_shape)


def prepare_sparse_to_dense(node: Node, profile: Profile) -> Prepared:
    """Prepare SPARSE_TO_DENSE of up to 4 axes.

    Notes
    -----
    Source: ``Prepare`` and ``CheckDimensionsMatch`` in ``kernels/sparse_to_dense.cc``, which lets only a lone index
    have a scalar value, and reads beyond a vector of values that is too short.
    """
    require_arity(node, 4)
    indices, values, default = node.input(0), node.input(2), node.input(3)
    require_same_type(node, values, default, node.output())
    node.require(indices.type in INDEX_TYPES and len(indices.shape) in (1, 2), "int32 or int64 indices of rank 1 or 2")
    shape = _shape_of(node, 1, INDEX_TYPES)
    axes = indices.shape[1] if len(indices.shape) == 2 else 1
    node.require(axes == len(shape) <= _MOST_SPARSE_AXES, f"indices of {len(shape)} axes, at most {_MOST_SPARSE_AXES}")
    count = indices.shape[0]
    node.require(values.shape in ((count,), ()), f"{count} values, or a scalar")
    node.require(all(size == 1 for size in default.shape), "one default value")
    return Prepared((shape,))


def evaluate_sparse_to_dense(
    prepared: Prepared, indices: np.ndarray, shape: np.ndarray, values: np.ndarray, default: np.ndarray
) -> np.ndarray:
    """Write each value to its place among default values; of several for one place the last stays.

    Raises
    ------
    ModelError
        Where an index is beyond its axis; the reference writes beyond its output.
    """
    output = np.full(prepared.output_shape, default.reshape(()), values.dtype)
    rows = indices.reshape(len(indices), output.ndim)
    for axis, size in enumerate(output.shape):
        require_within("SPARSE_TO_DENSE", rows[:, axis], 0, size)
    for row, value in zip(rows, np.broadcast_to(values, len(rows)), strict=True):
        output[tuple(row)] = value
    return output


def prepare_dynamic_update_slice(node: Node, profile: Profile) -> Prepared:
    """Prepare DYNAMIC_UPDATE_SLICE (``kernels/dynamic_update_slice.cc``)."""
    require_arity(node, 3)
    operand, update, start = node.input(0), node.input(1), node.input(2)
    require_same_type(node, operand, update, node.output())
    rank = len(operand.shape)
    node.require(start.type in INDEX_TYPES and start.shape == (rank,), f"a vector of {rank} int32 or int64 starts")
    fits = len(update.shape) == rank and all(u <= o for u, o in zip(update.shape, operand.shape, strict=True))
    node.require(fits, "an update no larger than the operand")
    return Prepared((operand.shape,))


def evaluate_dynamic_update_slice(
    prepared: Prepared, operand: np.ndarray, update: np.ndarray, start: np.ndarray
) -> np.ndarray:
    """Replace the box of the operand that begins at ``start``, moved until it lies within."""
    output = operand.copy()
    begin = [min(max(0, int(b)), o - u) for b, o, u in zip(start, operand.shape, update.shape, strict=True)]
    output[tuple(slice(b, b + u) for b, u in zip(begin, update.shape, strict=True))] = update
    return output


def _lower_dynamic_update_slice(prepared: Prepared, node: Node) -> tuple[Instruction, ...] | None:
    return lower_update_slice(node)


def prepare_matrix_diag(node: Node, profile: Profile) -> Prepared:
    """Prepare MATRIX_DIAG (``kernels/matrix_diag.cc``)."""
    require_arity(node, 1)
    source = node.input(0)
    require_same_type(node, source, node.output())
    node.require(1 <= len(source.shape) < LARGEST_RANK, f"an input of rank 1 to {LARGEST_RANK - 1}")
    return Prepared(((*source.shape, source.shape[-1]),))


def evaluate_matrix_diag(prepared: Prepared, diagonal: np.ndarray) -> np.ndarray:
    """Return matrices of zeros with the last axis of the input along their diagonals."""
    output = np.zeros(prepared.output_shape, diagonal.dtype)
    places = np.arange(diagonal.shape[-1])
    output[..., places, places] = diagonal
    return output


def prepare_matrix_set_diag(node: Node, profile: Profile) -> Prepared:
    """Prepare MATRIX_SET_DIAG.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/matrix_set_diag.cc``, which never looks at the shape of the diagonals.
    """
    require_arity(node, 2)
    source, diagonal = node.input(0), node.input(1)
    require_same_type(node, source, diagonal, node.output())
    node.require(len(source.shape) >= 2, "an input of rank 2 or more")
    shape = (*source.shape[:-2], min(source.shape[-2:]))
    node.require(diagonal.shape == shape, f"diagonals of shape {list(shape)}")
    return Prepared((source.shape,))


def evaluate_matrix_set_diag(prepared: Prepared, x: np.ndarray, diagonal: np.ndarray) -> np.ndarray:
    """Replace the diagonals of the matrices."""
    output = x.copy()
    places = np.arange(diagonal.shape[-1])
    output[..., places, places] = diagonal
    return output


_SCATTER_TYPES = (
    TensorType.FLOAT32,
    TensorType.UINT8,
    TensorType.BOOL,
    TensorType.INT8,
    TensorType.INT64,
    TensorType.INT32,
)
_SPARSE_TYPES = (TensorType.INT32, TensorType.INT64, TensorType.INT8, TensorType.UINT8, TensorType.FLOAT32)
_SLICE_TYPES = (*FIXED_TYPES, TensorType.INT4)
_MATRIX_TYPES = (
    TensorType.FLOAT32,
    TensorType.INT64,
    TensorType.INT32,
    TensorType.INT16,
    TensorType.INT8,
    TensorType.UINT8,
)

KERNELS = (
    Kernel(
        "SCATTER_ND",
        (1, 1),
        _SCATTER_TYPES,
        prepare_scatter_nd,
        evaluate_scatter_nd,
        _lower_scatter_nd,
        values=(2,),
        selector=1,
    ),
    Kernel(
        "SPARSE_TO_DENSE",
        (1, 3),
        _SPARSE_TYPES,
        prepare_sparse_to_dense,
        evaluate_sparse_to_dense,
        values=(1,),
        selector=2,
    ),
    Kernel(
        "DYNAMIC_UPDATE_SLICE",
        (1, 6),
        _SLICE_TYPES,
        prepare_dynamic_update_slice,
        evaluate_dynamic_update_slice,
        _lower_dynamic_update_slice,
    ),
    Kernel("MATRIX_DIAG", (1, 1), _MATRIX_TYPES, prepare_matrix_diag, evaluate_matrix_diag),
    Kernel("MATRIX_SET_DIAG", (1, 1), _MATRIX_TYPES, prepare_matrix_set_diag, evaluate_matrix_set_diag),
)
