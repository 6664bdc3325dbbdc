"""Whether a scale is a power of two, as the reference's int16 kernels ask."""

from __future__ import annotations

import numpy as np

from .fixed_point import round_half_away
from .libm import logf


def power_of_two(scale: np.float32) -> int | None:
    """Return the exponent of a positive scale that is within a thousandth (of the exponent) of a power of two.

    Notes
    -----
    Source: ``CheckedLog2`` in ``kernels/internal/quantization_util.cc``; all in float32.
    """
    exponent = logf(scale) * (np.float32(1) / logf(2))
    rounded = round_half_away(exponent)
    return int(rounded) if abs(exponent - rounded) < np.float32(1e-3) else None
