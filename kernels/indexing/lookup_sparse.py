"""EMBEDDING_LOOKUP_SPARSE: weighted sums of rows of a table, one for each row of a sparse tensor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...schema import ModelError, TensorType
from ...schema.options import EmbeddingLookupSparseOptions
from ...schema.types import CombinerType
from ..checks import options_of, require_arity
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile
from .bounds import axis_bounds, flat_positions, require_within

_MOST_ELEMENTS = 1 << 40


@dataclass(frozen=True)
class EmbeddingLookupSparse(Prepared):
    """``combiner``: whether sums are divided by the sum of the weights, or the root of the sum of their squares."""

    combiner: CombinerType


def prepare(node: Node, profile: Profile) -> EmbeddingLookupSparse:
    """Prepare EMBEDDING_LOOKUP_SPARSE.

    The inputs are the numbers of rows (count,), where in the sparse tensor each stands (count, rank), the shape of the
    dense one (rank,), weights (count,), and the table. The output has that shape but its last size, and a row's.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/embedding_lookup_sparse.cc``.
    """
    require_arity(node, 5)
    rows, indices, dense, weights, table = (node.input(index) for index in range(5))
    integers = {rows.type, indices.type, dense.type} == {TensorType.INT32}
    floats = {weights.type, table.type, node.output().type} == {TensorType.FLOAT32}
    if not (integers and floats):
        raise node.unsupported("int32 rows, indices and shape, and float32 weights, table and output")
    node.require(len(rows.shape) == len(dense.shape) == len(weights.shape) == 1, "rows, shape and weights of rank 1")
    node.require(len(indices.shape) == 2 and len(table.shape) >= 2, "indices of rank 2, a table of rank 2 or more")
    count, rank = indices.shape
    node.require(rows.shape == weights.shape == (count,), "as many rows, indices and weights")
    node.require(rank > 0 and dense.shape == (rank,), "indices as long as the dense shape, of one axis or more")
    return EmbeddingLookupSparse((None,), options_of(node, EmbeddingLookupSparseOptions).combiner)


def evaluate(
    prepared: EmbeddingLookupSparse,
    rows: np.ndarray,
    indices: np.ndarray,
    dense_shape: np.ndarray,
    weights: np.ndarray,
    table: np.ndarray,
) -> np.ndarray:
    """Sum up, in order; a sum is divided as soon as another one goes on, and again where it is taken up once more.

    Raises
    ------
    ModelError
        Where a row, an index or the dense shape is out of bounds.

    Notes
    -----
    Source: ``Eval`` and ``FinalizeAggregation`` in ``kernels/embedding_lookup_sparse.cc``. Indices should be sorted.
    """
    leading = tuple(int(size) for size in dense_shape[:-1])
    if any(size < 0 for size in leading) or math.prod((*leading, *table.shape[1:])) > _MOST_ELEMENTS:
        raise ModelError(
            f"EMBEDDING_LOOKUP_SPARSE: expected a dense shape that memory can hold; got {list(dense_shape)}"
        )
    require_within("EMBEDDING_LOOKUP_SPARSE", rows, 0, len(table))
    targets = flat_positions("EMBEDDING_LOOKUP_SPARSE", indices[:, :-1], leading, axis_bounds(leading, False))
    sums = np.zeros((math.prod(leading), *table.shape[1:]), np.float32)
    starts = [number for number in range(len(rows)) if number == 0 or targets[number] != targets[number - 1]]
    for start, end in pairwise([*starts, len(rows)]):
        total = squares = np.float32(0)
        target = sums[targets[start]]
        for number in range(start, end):
            weight = weights[number]
            total, squares = total + weight, squares + weight * weight
            target += table[rows[number]] * weight
        if prepared.combiner is CombinerType.MEAN:
            target /= total
        elif prepared.combiner is CombinerType.SQRTN:
            target /= np.sqrt(squares)
    return sums.reshape(*leading, *table.shape[1:])


KERNELS = (Kernel("EMBEDDING_LOOKUP_SPARSE", (1, 1), (TensorType.FLOAT32,), prepare, evaluate, selector=4),)
