"""float16 and bfloat16: floats of 16 bits, which the reference widens to float32 for a function and rounds again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..schema import TensorType

NARROW = (TensorType.FLOAT16, TensorType.BFLOAT16)


def through_float32(function: Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    """Apply a function of float32 to arrays of float16 or bfloat16 and round its result to their type.

    float32 arrays go to the function as they are.
    """
    dtype = arrays[0].dtype
    return np.asarray(function(*(array.astype(np.float32, copy=False) for array in arrays))).astype(dtype, copy=False)
