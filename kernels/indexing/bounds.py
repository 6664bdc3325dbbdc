"""Indices that only values decide: what a node can hold to bounds no earlier than when it runs."""

from __future__ import annotations

import math

import numpy as np

from ...schema import ModelError
from ..operator import Shape


def bounds_message(name: str, low: int, high: int) -> str:
    """Return what :func:`require_within` says, with braces for the least and the greatest index."""
    return f"{name}: expected indices in [{low}, {high}); got some in [{{}}, {{}}]"


def require_within(name: str, indices: np.ndarray, low: int, high: int) -> None:
    """Raise ModelError unless every index is in ``[low, high)``."""
    if indices.size and not (low <= int(indices.min()) and int(indices.max()) < high):
        raise ModelError(bounds_message(name, low, high).format(indices.min(), indices.max()))


def flat_positions(name: str, rows: np.ndarray, sizes: Shape, flat_bounds: bool) -> np.ndarray:
    """Return the position in a dense array of ``sizes`` that each row of indices names.

    Parameters
    ----------
    rows : (count, len(sizes)), of integers.
    flat_bounds : an index may lie beyond its axis, as long as the position is within the array.

    Raises
    ------
    ModelError
        Where an index, or with ``flat_bounds`` a position, is out of bounds.

    Notes
    -----
    Source: ``GatherNdHelper`` and ``ScatterNd`` in ``kernels/internal/reference/reference_ops.h`` hold the flat
    position alone to bounds.
    """
    positions = np.zeros(len(rows), np.int64)
    for axis, size in enumerate(sizes):
        low, high = (-(2**31), 2**31) if flat_bounds else (0, size)
        require_within(name, rows[:, axis], low, high)
        positions = positions * size + rows[:, axis]
    require_within(name, positions, 0, math.prod(sizes))
    return positions
