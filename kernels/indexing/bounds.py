"""Indices that only values decide: what a node can hold to bounds no earlier than when it runs."""

from __future__ import annotations

import math

import numpy as np

from ...schema import ModelError
from ..operator import Shape


def bounds_message(name: str, low: int | str, high: int | str) -> str:
    """Return what :func:`require_within` says, with braces for the least and the greatest index."""
    return f"{name}: expected indices in [{low}, {high}); got some in [{{}}, {{}}]"


def require_within(name: str, indices: np.ndarray, low: int, high: int) -> None:
    """Raise ModelError unless every index is in ``[low, high)``."""
    if indices.size and not (low <= int(indices.min()) and int(indices.max()) < high):
        raise ModelError(bounds_message(name, low, high).format(indices.min(), indices.max()))


def axis_bounds(sizes: Shape, flat_bounds: bool, least: int = -(2**31)) -> list[tuple[int, int]]:
    """Return the bounds of an index along each axis: those of the axis, or from ``least`` on all that int32 holds."""
    return [(least, 2**31) if flat_bounds else (0, size) for size in sizes]


def flat_positions(name: str, rows: np.ndarray, sizes: Shape, bounds: list[tuple[int, int]]) -> np.ndarray:
    """Return the position in a dense array of ``sizes`` that each row of indices names.

    Parameters
    ----------
    rows : (count, len(sizes)), of integers.
    bounds : what an index along each axis must be within; beyond its axis, the position must still be in the array.

    Raises
    ------
    ModelError
        Where an index or a position is out of bounds.

    Notes
    -----
    Source: ``GatherNdHelper`` and ``ScatterNd`` in ``kernels/internal/reference/reference_ops.h`` hold the flat
    position alone to bounds.
    """
    positions = np.zeros(len(rows), np.int64)
    for axis, size in enumerate(sizes):
        require_within(name, rows[:, axis], *bounds[axis])
        positions = positions * size + rows[:, axis]
    require_within(name, positions, 0, math.prod(sizes))
    return positions
