"""L2_POOL_2D over images (N, H, W, C) of float32: the root of the mean square under a window."""

from __future__ import annotations

import numpy as np

from ...schema import TensorType
from ..activation_range import clamp_float
from ..operator import Kernel
from .pool_2d import Pool2D, accumulate, prepare


def evaluate(prepared: Pool2D, x: np.ndarray) -> np.ndarray:
    """Return the root of the mean square of the taps inside the image; shape ``(N, OH, OW, C)``.

    Notes
    -----
    Source: ``L2Pool`` in ``kernels/internal/reference/pooling.h``.
    """
    with np.errstate(all="ignore"):
        sums, counts = accumulate(prepared, x * x)
        root = np.sqrt(sums / counts.astype(np.float32))
    return clamp_float(root, np.float32(prepared.activation_min), np.float32(prepared.activation_max))


KERNELS = (Kernel("L2_POOL_2D", (1, 1), (TensorType.FLOAT32,), prepare, evaluate),)
