"""Noise in place of pictures and spectra: several scales of it, so that it does not average out."""

from __future__ import annotations

import numpy as np

_COARSE = (4, 16, 64)
"""So many cells along a side; the last layer of noise has a cell for each value."""


def noise(shape: tuple[int, ...], low: float, high: float, generator: np.random.Generator) -> np.ndarray:
    """Return float32 noise in ``[low, high]``: cells of several sizes added up, along the rows and columns of images.

    Parameters
    ----------
    shape : with examples first and channels last where there are four dimensions; with fewer, the second is cut into
        cells.
    """
    sizes = shape[1:3] if len(shape) > 3 else shape[1:2]
    total = np.zeros(shape, np.float32)
    for coarse in (*_COARSE, max(sizes)):
        counts = tuple(min(coarse, size) for size in sizes)
        cells = generator.uniform(-1, 1, (shape[0], *counts, *shape[1 + len(sizes) :])).astype(np.float32)
        for axis, (count, size) in enumerate(zip(counts, sizes, strict=True), 1):
            cells = np.take(cells, np.arange(size) * count // size, axis=axis)
        total += cells
    spread = np.clip(total / 2, -1, 1)
    return (low + (spread + 1) * ((high - low) / 2)).astype(np.float32)
