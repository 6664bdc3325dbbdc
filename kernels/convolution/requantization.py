"""Lowering of a requantization to the constants of ``kernels/jit/requantize.py``, which derives them."""

from __future__ import annotations

import numpy as np

from ..operator import Field
from ..profiles import Rounding
from .packing import pad_channels
from .prepared import Requantization

WIDE, IN_FLOAT64, NARROW, NARROW_FROM_ZERO = 0, 1, 2, 3
"""The forms of ``kernels/jit/requantize.py``."""

_LARGEST_NARROW = 2.0**29  # what an accumulator stays below
_LARGEST_EXPONENT = 22  # a zero point of 8 bits, shifted left by it, fits beside the accumulator


def requantization_fields(
    requantization: Requantization, bias: np.ndarray, reach: np.ndarray, groups: int
) -> dict[str, Field] | None:
    """Return the fields ``REQUANTIZATION`` and ``bias``; None where a product might not fit float64's int32.

    Parameters
    ----------
    bias : int32 (channels,).
    reach : float64 (channels,), what the magnitude of an accumulator without its bias does not pass.
    """
    furthest = reach + np.abs(bias.astype(np.float64))
    flip = 128 if requantization.output_dtype == np.uint8 else 0
    in_float64 = requantization.rounding is Rounding.FLOAT64
    if in_float64 and np.any(np.minimum(furthest, 2.0**31) * requantization.real_multiplier >= 2.0**31 - 1):
        return None
    narrow = not in_float64 and _is_narrow(requantization, furthest)
    from_zero = requantization.activation_min >= requantization.output_zero_point
    form = IN_FLOAT64 if in_float64 else WIDE if not narrow else NARROW_FROM_ZERO if from_zero else NARROW
    start = bias.astype(np.int64)
    constants = dict.fromkeys(("doubled_multiplier", "threshold", "offset", "offset_below", "exponent"), start * 0)
    if narrow:
        added, constants = _narrow_constants(requantization, requantization.output_zero_point - flip)
        start = start + added
    left_shift, right_shift, rounding, sign_mask = rounding_constants(requantization)
    return {
        "bias": pad_channels(wrap32(start), groups),
        "form": form,
        **{name: pad_channels(wrap32(values), groups) for name, values in constants.items()},
        "multiplier": pad_channels(requantization.multiplier.astype(np.int32), groups),
        "left_shift": pad_channels(left_shift.astype(np.int32), groups),
        "right_shift": pad_channels(right_shift, groups),
        "rounding": pad_channels(rounding, groups),
        "sign_mask": pad_channels(sign_mask, groups),
        "real_multiplier": pad_channels(requantization.real_multiplier, groups),
        "output_zero_point": requantization.output_zero_point,
        "activation_min": requantization.activation_min - flip,
        "activation_max": requantization.activation_max - flip,
        "code_flip": flip,
    }


def narrow_requantization(requantization: Requantization, reach: float) -> dict[str, Field] | None:
    """Return the constants of form ``NARROW`` for one channel, as numbers; None where accumulators do not fit it.

    Parameters
    ----------
    reach : what the magnitude of an accumulator does not pass.
    """
    if requantization.rounding is Rounding.FLOAT64 or not _is_narrow(requantization, np.array([reach])):
        return None
    added, constants = _narrow_constants(requantization, requantization.output_zero_point)
    constants["sign_mask"] = constants.pop("offset_below") - constants["offset"]
    del constants["threshold"]
    return {name: int(wrap32(values)[0]) for name, values in {"bias": added, **constants}.items()}


def _is_narrow(requantization: Requantization, furthest: np.ndarray) -> bool:
    multiplier, shift = requantization.multiplier, requantization.shift
    shifts_fit = np.all((shift <= 0) & (shift >= -_LARGEST_EXPONENT))
    codes_of_8_bits = requantization.output_dtype.itemsize == 1
    return bool(codes_of_8_bits and shifts_fit and np.all(multiplier >= 1 << 30) and np.all(furthest < _LARGEST_NARROW))


def _narrow_constants(requantization: Requantization, zero_point: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return what the bias has added, and the other constants; int64 (channels,), to be wrapped to int32."""
    multiplier, exponent = requantization.multiplier.astype(np.int64), -requantization.shift.astype(np.int64)
    single = requantization.rounding is Rounding.SINGLE
    rounds = (exponent == 0) if single else np.ones_like(exponent, np.bool_)
    # An odd multiple of 2**30 over the factor of two: the least that leaves no accumulator negative.
    unit = (np.int64(1) << 30) // (multiplier & -multiplier)
    least = np.int64(_LARGEST_NARROW)
    odd = np.where(unit >= least, unit, least + unit)
    added = np.where(rounds, odd, np.int64(1) << 31)
    threshold = (added.astype(np.uint64) * (2 * multiplier).astype(np.uint64) >> np.uint64(32)).astype(np.int64)
    half = np.where(exponent > 0, np.int64(1) << np.maximum(exponent - 1, 0), 0)
    offset = half - threshold + (np.int64(zero_point) << exponent)
    below = offset if single else offset - (exponent > 0)
    return added, {
        "doubled_multiplier": 2 * multiplier,
        "threshold": threshold,
        "offset": offset,
        "offset_below": below,
        "exponent": exponent,
    }


def wrap32(values: np.ndarray) -> np.ndarray:
    """Return integers as int32, modulo 2**32."""
    return values.astype(np.int64).astype(np.int32)


def rounding_constants(requantization: Requantization) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return left shift, right shift, rounding and sign mask of the form ``WIDE``, int64 (channels,)."""
    shift = requantization.shift.astype(np.int64)
    if requantization.rounding is Rounding.SINGLE:
        right_shift = 31 - shift
        return np.zeros_like(shift), right_shift, np.int64(1) << (right_shift - 1), np.zeros_like(shift)
    right = np.maximum(-shift, 0)
    rounding = np.int64(1 << 30) + np.where(right > 0, np.int64(1) << (30 + right), 0)
    return np.maximum(shift, 0), 31 + right, rounding, np.where(right > 0, np.int64(-(2**31)), 0)
