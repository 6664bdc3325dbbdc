"""POW: float32 and int32."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...schema import InputError, TensorType
from ..activation_range import clamp_float
from ..broadcast import broadcast_shape
from ..checks import require_arity, require_same_type
from ..fixed_point import INT32_MIN, round_half_away
from ..libm import powf
from ..operator import Kernel, Node, Prepared
from ..profiles import Profile

_NEAR = np.float32(1e-5)


@dataclass(frozen=True)
class Power(Prepared):
    """POW. ``one_exponent``: a single one is stretched over the bases, so that it may be a whole number."""

    one_exponent: bool


def prepare(node: Node, profile: Profile) -> Power:
    """Prepare POW.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/pow.cc``.
    """
    require_arity(node, 2)
    base, exponent, output = node.input(0), node.input(1), node.output()
    require_same_type(node, base, exponent, output)
    shape = broadcast_shape(node, base.shape, exponent.shape)
    return Power((shape,), base.shape != exponent.shape and int(np.prod(exponent.shape)) == 1)


def whole_exponent(exponent: np.ndarray) -> int:
    """Return a single exponent that is a positive whole number or within 1e-5 of one, otherwise 0."""
    value = exponent.ravel()[0]
    if exponent.dtype == np.int32:
        return max(int(value), 0)
    if not 0 < value < 2.0**31:
        return 0
    whole = int(round_half_away(value))
    return whole if np.abs(value - np.float32(whole)) < _NEAR else 0


def _multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        product = a * b
    if a.dtype == np.int32:
        return product
    largest = np.finfo(np.float32).max
    return clamp_float(product, -largest, largest)


def power_by_squaring(base: np.ndarray, exponent: int) -> np.ndarray:
    """Multiply out a whole power; int32 wraps, float32 saturates at its greatest finite number.

    Notes
    -----
    Source: ``IntegerExponentPow`` in ``kernels/internal/optimized/optimized_ops.h``: the binary digits of the
    exponent from the highest on, each a square, and a product with the base where the digit is 1.
    """
    result = base
    for digit in f"{exponent:b}"[1:]:
        result = _multiply(result, result)
        if digit == "1":
            result = _multiply(base, result)
    return result


def evaluate(prepared: Power, base: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """Raise to a power, with broadcasting.

    Raises
    ------
    InputError
        Where an int32 exponent is negative, as in the reference.

    Notes
    -----
    Source: ``Pow`` in ``kernels/internal/reference/reference_ops.h`` (int32 in float64, where what does not fit
    becomes the least int32, as x86 converts it) and ``BroadcastPow4D`` in ``optimized_ops.h``.
    """
    if base.dtype == np.int32 and np.any(exponent < 0):
        raise InputError(f"POW of int32 takes no negative exponent; got {exponent.min()}")
    if prepared.one_exponent and (whole := whole_exponent(exponent)):
        return np.array(np.broadcast_to(power_by_squaring(base, whole), prepared.output_shape))
    if base.dtype == np.float32:
        return powf(base, exponent)
    with np.errstate(all="ignore"):
        powers = np.rint(np.power(base.astype(np.float64), exponent.astype(np.float64)))
    fits = np.abs(powers) < 2.0**31
    return np.where(fits, np.where(fits, powers, 0).astype(np.int32), np.int32(INT32_MIN))


KERNELS = (Kernel("POW", (1, 1), (TensorType.FLOAT32, TensorType.INT32), prepare, evaluate),)
