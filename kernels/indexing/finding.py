"""ONE_HOT, WHERE, TOPK_V2, UNIQUE and BUCKETIZE: from indices to masks, and from values to indices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import TensorType
from ...schema.options import BucketizeOptions, OneHotOptions, UniqueOptions
from ..broadcast import LARGEST_RANK
from ..checks import options_of, require_arity, require_same_type
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile
from ..shape.arguments import INDEX_TYPES, scalar


@dataclass(frozen=True)
class OneHot(Prepared):
    """The axis that is added, and its size."""

    axis: int
    depth: int


def prepare_one_hot(node: Node, profile: Profile) -> OneHot:
    """Prepare ONE_HOT.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/one_hot.cc``. Only -1 counts from the end.
    """
    require_arity(node, 4)
    indices, on_value, off_value = node.input(0), node.input(2), node.input(3)
    require_same_type(node, on_value, off_value, node.output())
    node.require(indices.type in INDEX_TYPES, "indices of type int32 or int64")
    single = all(all(size == 1 for size in spec.shape) for spec in (on_value, off_value))
    node.require(single, "one element in inputs 2 and 3")
    depth = scalar(node, 1, (TensorType.INT32,))
    node.require(depth >= 0, f"a depth of at least 0, not {depth}")
    rank = len(indices.shape)
    axis = options_of(node, OneHotOptions).axis
    axis = rank if axis == -1 else axis
    node.require(0 <= axis <= rank, f"an axis in [-1, {rank}], not {axis}")
    node.require(rank < LARGEST_RANK, f"an output of rank at most {LARGEST_RANK}")
    return OneHot(((*indices.shape[:axis], depth, *indices.shape[axis:]),), axis, depth)


def evaluate_one_hot(
    prepared: OneHot, indices: np.ndarray, depth: np.ndarray, on_value: np.ndarray, off_value: np.ndarray
) -> np.ndarray:
    """Return on_value where the place along the axis is the index, else off_value; indices are cut to int32."""
    places = np.arange(prepared.depth).reshape(-1, *(1,) * (indices.ndim - prepared.axis))
    hot = np.expand_dims(indices.astype(np.int32), prepared.axis) == places
    return np.where(hot, on_value.reshape(()), off_value.reshape(()))


def prepare_where(node: Node, profile: Profile) -> Prepared:
    """Prepare WHERE; how many rows the output has is known when it runs (``kernels/where.cc``)."""
    require_arity(node, 1)
    node.require(1 <= len(node.input(0).shape) <= LARGEST_RANK, f"an input of rank 1 to {LARGEST_RANK}")
    node.require(node.output().type is TensorType.INT64, "an int64 output")
    return Prepared((None,))


def evaluate_where(prepared: Prepared, x: np.ndarray) -> np.ndarray:
    """Return the coordinates of the elements that are not 0, a row for each."""
    return np.ascontiguousarray(np.argwhere(x), np.int64)


@dataclass(frozen=True)
class TopK(Prepared):
    """How many values are taken of each row, and the data type of their indices."""

    k: int
    index_dtype: np.dtype


def prepare_top_k(node: Node, profile: Profile) -> TopK:
    """Prepare TOPK_V2; a negative k is 0.

    Notes
    -----
    Source: ``Prepare`` and ``ResizeOutput`` in ``kernels/topk_v2.cc``.
    """
    require_arity(node, 2, 2)
    source = node.input(0)
    require_same_type(node, source, node.output())
    types = (TensorType.INT32, TensorType.INT16)
    node.require(node.output(1).type in types, "indices of type int32 or int16")
    k = max(0, scalar(node, 1, types))
    node.require(len(source.shape) >= 1, "an input of rank 1 or more")
    node.require(k <= source.shape[-1], f"at most {source.shape[-1]} values of each row, not {k}")
    shape = (*source.shape[:-1], k)
    return TopK((shape, shape), k, node.output(1).dtype)


def evaluate_top_k(prepared: TopK, x: np.ndarray, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the greatest values of each row, greatest first, and where they are; of equal ones the first.

    Notes
    -----
    Source: ``TopContainer`` in ``kernels/topk_v2.cc``. Its order of NaN depends on its heap and is not reproduced.
    """
    order = x.shape[-1] - 1 - np.argsort(x[..., ::-1], -1, kind="stable")[..., ::-1]
    indices = order[..., : prepared.k]
    return np.take_along_axis(x, indices, -1), indices.astype(prepared.index_dtype)


@dataclass(frozen=True)
class Unique(Prepared):
    """The data type of the indices."""

    index_dtype: np.dtype


def prepare_unique(node: Node, profile: Profile) -> Unique:
    """Prepare UNIQUE of a vector; how many values there are is known when it runs (``kernels/unique.cc``)."""
    require_arity(node, 1, 2)
    source = node.input(0)
    require_same_type(node, source, node.output())
    node.require(len(source.shape) == 1, "an input of rank 1")
    out_type = options_of(node, UniqueOptions).idx_out_type
    fits = out_type in INDEX_TYPES and out_type is node.output(1).type
    node.require(fits, "indices of type int32 or int64, as in idx_out_type")
    return Unique((None, source.shape), node.output(1).dtype)


def evaluate_unique(prepared: Unique, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values in the order in which they first appear, and for each element which of them it is.

    Zeros of both signs are one value, the first. Every NaN is a value of its own; the reference's tree of values has
    no place for them.
    """
    known: dict[object, int] = {}
    firsts: list[int] = []
    indices = np.empty(x.shape, prepared.index_dtype)
    for position, value in enumerate(x.tolist()):
        if value not in known:
            known[value] = len(firsts)
            firsts.append(position)
        indices[position] = known[value]
    return x[np.array(firsts, np.int64)], indices


@dataclass(frozen=True)
class Bucketize(Prepared):
    """The boundaries, float32, in ascending order."""

    boundaries: np.ndarray


def prepare_bucketize(node: Node, profile: Profile) -> Bucketize:
    """Prepare BUCKETIZE (``kernels/bucketize.cc``)."""
    require_arity(node, 1)
    node.require(node.output().type is TensorType.INT32, "an int32 output")
    boundaries = np.array(options_of(node, BucketizeOptions).boundaries, np.float32)
    node.require(
        bool(np.all(boundaries[:-1] <= boundaries[1:])) and not np.isnan(boundaries).any(), "sorted boundaries"
    )
    return Bucketize((node.input(0).shape,), boundaries)


def evaluate_bucketize(prepared: Bucketize, x: np.ndarray) -> np.ndarray:
    """Return how many boundaries are not greater than each element; integers are compared as float32."""
    values = x if x.dtype == np.float64 else x.astype(np.float32)
    return np.asarray(np.searchsorted(prepared.boundaries, values, "right"), np.int32)


_ONE_HOT_TYPES = (
    TensorType.FLOAT32,
    TensorType.INT32,
    TensorType.INT64,
    TensorType.INT8,
    TensorType.UINT8,
    TensorType.BOOL,
)
_WHERE_TYPES = (
    TensorType.BOOL,
    TensorType.FLOAT32,
    TensorType.INT64,
    TensorType.INT32,
    TensorType.INT8,
    TensorType.UINT8,
    TensorType.UINT32,
)
_ORDERED_TYPES = (
    TensorType.FLOAT32,
    TensorType.UINT8,
    TensorType.INT8,
    TensorType.INT16,
    TensorType.INT32,
    TensorType.INT64,
)
_BUCKETIZE_TYPES = (TensorType.FLOAT32, TensorType.FLOAT64, TensorType.INT32, TensorType.INT64)

KERNELS = (
    Kernel("ONE_HOT", (1, 1), _ONE_HOT_TYPES, prepare_one_hot, evaluate_one_hot, values=(1,), selector=2),
    Kernel("WHERE", (1, 2), _WHERE_TYPES, prepare_where, evaluate_where),
    Kernel("TOPK_V2", (1, 3), _ORDERED_TYPES, prepare_top_k, evaluate_top_k, values=(1,)),
    Kernel("UNIQUE", (1, 1), _ORDERED_TYPES, prepare_unique, evaluate_unique),
    Kernel("BUCKETIZE", (1, 1), _BUCKETIZE_TYPES, prepare_bucketize, evaluate_bucketize),
)
