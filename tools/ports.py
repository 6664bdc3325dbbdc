"""Between real numbers, images and the codes of a model's inputs and outputs."""

from __future__ import annotations

import numpy as np

from ..engine.views import Port
from ..kernels.fixed_point import round_half_away
from ..schema import InputError


def quantize(port: Port, real: np.ndarray) -> np.ndarray:
    """Return real values as the port's data type: ``round(real / scale) + zero_point``, saturated.

    Halves are rounded away from zero and the arithmetic is float32, as in QUANTIZE. Floating-point ports
    take the values as they are.

    Raises
    ------
    InputError
        Where the port is of integers and has no scale.
    """
    real = np.asarray(real, np.float32)
    if port.dtype.kind == "f":
        return real.astype(port.dtype)
    if port.dtype.kind not in "iu" or not port.scale:
        raise InputError(f"{port.name!r}: {port.dtype} without a scale does not stand for real values")
    limits = np.iinfo(port.dtype)
    codes = round_half_away(real / np.float32(port.scale)).astype(np.float64) + port.zero_point
    return np.clip(codes, limits.min, limits.max).astype(port.dtype)


def dequantize(port: Port, values: np.ndarray) -> np.ndarray:
    """Return what codes stand for, ``scale * (code - zero_point)`` in float64; other values as float64."""
    values = np.asarray(values, np.float64)
    return np.float64(port.scale) * (values - port.zero_point) if port.scale else values


def from_pixels(port: Port, pixels: np.ndarray, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Return grey levels 0 to 255 as the port's data type.

    Without ``low`` and ``high``, uint8 takes a level as it is, int8 takes the level minus 128, and every other
    type the reals 0 to 1 (quantized where it is quantized). With them, 0 stands for ``low`` and 255 for ``high``.

    Raises
    ------
    InputError
        Where the port cannot stand for the values.
    """
    if low is None or high is None:
        if port.dtype == np.uint8:
            return np.asarray(pixels, np.uint8)
        if port.dtype == np.int8:
            return (np.asarray(pixels, np.int16) - 128).astype(np.int8)
        low, high = 0.0, 1.0
    fractions = np.asarray(pixels, np.float32) / np.float32(255)
    if (low, high) != (0.0, 1.0):
        fractions = np.float32(low) + fractions * np.float32(high - low)
    return quantize(port, fractions)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the probabilities of logits on the last axis, in float64."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
