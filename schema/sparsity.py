"""Sparse constants: the schema's modification of the TACO format (Kjolstad and others, OOPSLA 2017).

The dimensions of a tensor, followed by those of its blocks, are traversed in a given order. A dense dimension is
stored with all its coordinates; a sparse one with the coordinates that hold values, as in compressed sparse rows:
``array_segments`` says which entries of ``array_indices`` belong to each position of the dimensions before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .errors import ModelError
from .graph import Sparsity
from .types import DimensionType


def verify_sparsity(sparsity: Sparsity, shape: Sequence[int], place: str) -> None:
    """Verify that the parameters describe a tensor of this shape; ModelError where not."""
    rank, blocks = len(shape), len(sparsity.block_map)
    order = sparsity.traversal_order
    if sorted(order) != list(range(rank + blocks)) or sorted(order[:rank]) != list(range(rank)):
        raise ModelError(
            f"{place}.traversal_order: {list(order)} does not traverse {rank} dimensions and {blocks} of blocks"
        )
    if len(set(sparsity.block_map)) != blocks or any(not 0 <= dimension < rank for dimension in sparsity.block_map):
        raise ModelError(f"{place}.block_map: {list(sparsity.block_map)} for {rank} dimensions")
    if len(sparsity.dim_metadata) != len(order):
        raise ModelError(f"{place}.dim_metadata: {len(sparsity.dim_metadata)} entries; expected {len(order)}")
    sizes = _sizes(sparsity, shape, place)
    positions = 1
    for level, (dimension, metadata) in enumerate(zip(order, sparsity.dim_metadata, strict=True)):
        where = f"{place}.dim_metadata[{level}]"
        if metadata.format == DimensionType.DENSE:
            if metadata.dense_size != sizes[dimension]:
                raise ModelError(f"{where}.dense_size: {metadata.dense_size}; expected {sizes[dimension]}")
            positions *= metadata.dense_size
            continue
        segments, indices = metadata.array_segments or (), metadata.array_indices or ()
        if len(segments) != positions + 1:
            raise ModelError(f"{where}.array_segments: {len(segments)} entries; expected {positions + 1}")
        if segments[0] != 0 or segments[-1] != len(indices) or np.any(np.diff(segments) < 0):
            raise ModelError(f"{where}.array_segments: they do not divide {len(indices)} indices in order")
        if indices and (min(indices) < 0 or max(indices) >= sizes[dimension]):
            raise ModelError(f"{where}.array_indices: an index is out of range for a dimension of {sizes[dimension]}")
        positions = len(indices)


def _sizes(sparsity: Sparsity, shape: Sequence[int], place: str) -> list[int]:
    """Return the size of each traversed dimension: those of the tensor counted in blocks, then those of a block."""
    rank = len(shape)
    sizes = [*shape, *(0 for _ in sparsity.block_map)]
    block_metadata = dict(zip(sparsity.traversal_order, sparsity.dim_metadata, strict=True))
    for number, dimension in enumerate(sparsity.block_map):
        metadata = block_metadata[rank + number]
        size = metadata.dense_size
        if size <= 0 or shape[dimension] % size or metadata.format != DimensionType.DENSE:
            raise ModelError(f"{place}.block_map: no dense blocks of {size} fit dimension {dimension} of {list(shape)}")
        sizes[rank + number] = size
        sizes[dimension] //= size
    return sizes


def _stored_count(sparsity: Sparsity) -> int:
    """Return how many values are stored."""
    count = 1
    for metadata in sparsity.dim_metadata:
        dense = metadata.format == DimensionType.DENSE
        count = count * metadata.dense_size if dense else len(metadata.array_indices or ())
    return count


def densify(values: np.ndarray, sparsity: Sparsity, shape: Sequence[int], place: str) -> np.ndarray:
    """Return the dense array of a sparse tensor.

    Parameters
    ----------
    values : one-dimensional; the stored values in the order of traversal.
    sparsity, shape : verified already.
    place : begins the message of the ModelError that a wrong number of values raises.
    """
    rank = len(shape)
    sizes = _sizes(sparsity, shape, place)
    described = _stored_count(sparsity)
    if described != len(values):
        raise ModelError(f"{place}: the parameters describe {described} values; the buffer has {len(values)}")
    # coordinates[d]: the coordinate along traversed dimension d of each stored position so far.
    coordinates: dict[int, np.ndarray] = {}
    positions = 1
    for dimension, metadata in zip(sparsity.traversal_order, sparsity.dim_metadata, strict=True):
        if metadata.format == DimensionType.DENSE:
            parents = np.repeat(np.arange(positions), metadata.dense_size)
            here = np.tile(np.arange(metadata.dense_size), positions)
        else:
            parents = np.repeat(np.arange(positions), np.diff(metadata.array_segments or (0,)))
            here = np.array(metadata.array_indices or (), dtype=np.int64)
        coordinates = {key: value[parents] for key, value in coordinates.items()}
        coordinates[dimension] = here
        positions = len(here)
    for number, dimension in enumerate(sparsity.block_map):
        coordinates[dimension] = coordinates[dimension] * sizes[rank + number] + coordinates[rank + number]
    dense = np.zeros(math.prod(shape), dtype=values.dtype)
    if rank:
        index = np.ravel_multi_index([coordinates[dimension] for dimension in range(rank)], tuple(shape))
        dense[index] = values
    else:
        dense[:] = values
    return dense.reshape(tuple(shape))
