"""Memory for tensors, asked for within what the machine has."""

from __future__ import annotations

import math
import os

import numpy as np

from ..kernels.operator import Shape
from ..schema import ModelError


def copy_of(array: np.ndarray) -> np.ndarray:
    """Return a copy of a tensor's memory; ModelError where there is no memory left for it."""
    try:
        return np.array(array)
    except MemoryError as error:
        raise ModelError(f"the model needs more memory than can be had: {error}") from None


def physical_memory() -> int | None:
    """Return the bytes of memory that the machine has, where the system tells."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def empty_strings(shape: Shape) -> np.ndarray:
    """Return what a string input holds until it is set; the reference has no memory for it then."""
    limit = physical_memory()
    if limit is not None and math.prod(shape) * np.dtype(object).itemsize > limit:
        raise MemoryError
    return np.full(shape, b"", object)
