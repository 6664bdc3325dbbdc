"""Conversions from floating point to integer where C leaves the result to the processor."""

from __future__ import annotations

import numpy as np

from ..fixed_point import INT32_MIN


def to_int32(x: np.ndarray) -> np.ndarray:
    """Convert whole float numbers to int32 as x86-64 does: what does not fit, and NaN, becomes -2**31.

    Notes
    -----
    The reference casts without a check (``AffineQuantize`` in ``kernels/internal/reference/quantize.h``). C leaves
    the result open; the instruction that compilers choose on x86-64, ``cvttss2si``, defines it so.
    """
    fits = (x >= INT32_MIN) & (x <= 2.0**31 - 1)
    return np.where(fits, x, np.asarray(x).dtype.type(INT32_MIN)).astype(np.int32)


def saturate(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Convert floats to an integer type, truncating; what does not fit becomes the nearest end, NaN the greatest.

    Notes
    -----
    Source: ``SaturatingCastFloatingToInteger`` in ``kernels/cast.cc``.
    """
    info = np.iinfo(dtype)
    wide = x.astype(np.float64)  # float16 would compare with infinities
    above = (wide >= 2.0 ** info.max.bit_length()) | np.isnan(x)
    below = wide < float(info.min)
    whole = np.where(above | below, np.zeros((), x.dtype), x).astype(dtype)
    return np.where(above, dtype.type(info.max), np.where(below, dtype.type(info.min), whole))
