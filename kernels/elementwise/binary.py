"""Functions of two tensors, element by element, on numbers as they are.

MAXIMUM, MINIMUM, LOGICAL_AND, LOGICAL_OR, BITWISE_XOR, RIGHT_SHIFT, FLOOR_DIV and FLOOR_MOD broadcast; ATAN2,
STABLEHLO_AND and STABLEHLO_SHIFT_LEFT do not.
Quantized codes, where an operator takes them, are numbers like others: scale and zero point are not looked at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...schema import InputError, TensorType
from ..broadcast import broadcast_shape
from ..checks import require_arity, require_same_type
from ..libm import atan2f
from ..narrow_floats import NARROW, through_float32
from ..operator import Instruction, Kernel, Node, Prepared
from ..profiles import Profile
from .lowering import lower_extreme_of_two


@dataclass(frozen=True)
class Binary(Prepared):
    """A function applied to each pair of elements; the operator's name says which."""


@dataclass(frozen=True)
class FloorDiv(Binary):
    """FLOOR_DIV. ``elements_in_blocks``: of how many leading elements the one quotient that overflows saturates.

    That is the least int8 or int16 divided by -1. The reference converts float64 to the type with nothing said about
    overflow; where it does not broadcast, its binary does so eight at a time, saturating, and the rest wraps. A quirk
    of the profile ``litert``; in the others all wrap, as int32 does in any case.
    """

    elements_in_blocks: int


def prepare_floor_div(node: Node, profile: Profile) -> FloorDiv:
    """Prepare FLOOR_DIV.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/floor_div.cc``.
    """
    shapes = prepare(node, profile).output_shapes
    first, second = node.input(0), node.input(1)
    in_blocks = profile.reproduces_quirks and first.shape == second.shape and first.dtype.itemsize < 4
    return FloorDiv(shapes, math.prod(first.shape) // 8 * 8 if in_blocks else 0)


def prepare(node: Node, profile: Profile) -> Binary:
    """Prepare an operator whose two inputs and output have one type.

    Notes
    -----
    Source: ``Prepare`` in ``kernels/maximum_minimum.cc``, ``logical.cc``, ``bitwise_xor.cc``, ``right_shift.cc``,
    ``floor_div.cc`` and ``floor_mod.cc``.
    """
    require_arity(node, 2)
    first, second, output = node.input(0), node.input(1), node.output()
    require_same_type(node, first, second, output)
    return Binary((broadcast_shape(node, first.shape, second.shape),))


def prepare_same_shape(node: Node, profile: Profile) -> Binary:
    """Prepare ATAN2, STABLEHLO_AND or STABLEHLO_SHIFT_LEFT, which do not broadcast.

    Notes
    -----
    Source: ``EnsureSameShape`` in ``kernels/atan2.cc``, which forgets some shapes that differ, and
    ``kernels/stablehlo_elementwise.cc``.
    """
    require_arity(node, 2)
    node.require(node.input(0).shape == node.input(1).shape, "inputs of one shape")
    return prepare(node, profile)


def evaluate_maximum(prepared: Binary, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the greater; the second where they cannot be compared.

    Notes
    -----
    Source: ``MaximumOp`` in ``kernels/maximum_minimum.cc``.
    """
    return np.where(a > b, a, b)


def evaluate_minimum(prepared: Binary, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the lesser; the second where they cannot be compared.

    Notes
    -----
    Source: ``MinimumOp`` in ``kernels/maximum_minimum.cc``.
    """
    return np.where(a < b, a, b)


def lower_extreme(prepared: Binary, node: Node) -> Instruction | None:
    """Lower MAXIMUM and MINIMUM of codes and of float32; other types stay with ``evaluate``."""
    return lower_extreme_of_two(node, prepared.output_shape)


def evaluate_and(prepared: Binary, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return whether both are true."""
    return np.asarray(np.logical_and(a, b))


def evaluate_or(prepared: Binary, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return whether one is true."""
    return np.asarray(np.logical_or(a, b))


def evaluate_xor(prepared: Binary, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the bits that differ."""
    return np.asarray(np.bitwise_xor(a, b))


def evaluate_bitwise_and(prepared: Binary, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the bits that both have."""
    return np.asarray(np.bitwise_and(a, b))


def evaluate_left_shift(prepared: Binary, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Shift left; nothing is left where the distance is not within the bits of the type.

    Notes
    -----
    Source: ``EvalImpl`` in ``kernels/stablehlo_shift_left.cc``. Of distances below 0 and above 31 C leaves undefined
    what they do.
    """
    bits = 8 * a.dtype.itemsize
    return np.where((b >= 0) & (b < bits), np.left_shift(a, np.clip(b, 0, bits - 1)), 0).astype(a.dtype)


def evaluate_right_shift(prepared: Binary, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Shift right, keeping the sign; the distance is limited to 0 and the bits of the type less one.

    Notes
    -----
    Source: ``RightShift`` in ``kernels/right_shift.cc``.
    """
    return np.asarray(np.right_shift(a, np.clip(b, 0, 8 * a.dtype.itemsize - 1)))


def _require_divisors(name: str, divisors: np.ndarray) -> None:
    if np.any(divisors == 0):
        raise InputError(f"{name}: a divisor is 0")


def evaluate_floor_div(prepared: FloorDiv, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Divide in float64 and round down.

    Raises
    ------
    InputError
        Where a divisor is 0, as in the reference.

    Notes
    -----
    Source: ``FloorDiv`` in ``kernels/internal/reference/floor_div.h`` and ``EvalImpl`` in ``kernels/floor_div.cc``.
    """
    _require_divisors("FLOOR_DIV", b)
    with np.errstate(all="ignore"):
        quotient = np.floor(a.astype(np.float64) / b.astype(np.float64))
        if a.dtype == np.float32:
            return np.asarray(quotient, np.float32)
    whole = np.array(quotient).astype(np.int64).ravel()
    in_blocks = slice(prepared.elements_in_blocks)
    whole[in_blocks] = np.minimum(whole[in_blocks], np.iinfo(a.dtype).max)
    return whole.astype(a.dtype).reshape(np.shape(quotient))


def evaluate_floor_mod(prepared: Binary, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the remainder of a division rounded down: it has the divisor's sign.

    Raises
    ------
    InputError
        Where an integer divisor is 0, as in the reference.

    Notes
    -----
    Source: ``FloorMod`` in ``kernels/internal/reference/floor_mod.h``.
    """
    if a.dtype != np.float32:
        _require_divisors("FLOOR_MOD", b)
        return np.asarray(np.remainder(a, b))
    with np.errstate(all="ignore"):
        truncated = np.fmod(a, b)
        return np.where((truncated != 0) & ((b < 0) != (truncated < 0)), truncated + b, truncated)


def evaluate_atan2(prepared: Binary, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the angle of the point (x, y) by the C library, in float64 where that is the type, else in float32."""
    if y.dtype == np.float64:
        return np.asarray(np.frompyfunc(math.atan2, 2, 1)(y, x), np.float64)
    return through_float32(atan2f, y, x)


_CODES = (TensorType.INT8, TensorType.UINT8, TensorType.INT16)
_INTEGERS = (*_CODES, TensorType.UINT16, TensorType.INT32, TensorType.UINT32)
_PLAIN = (TensorType.FLOAT32, TensorType.INT32, TensorType.INT64)
_BOOL = (TensorType.BOOL,)
_LONG = (TensorType.INT64, TensorType.UINT64)
_SIGNED = (TensorType.INT8, TensorType.INT16, TensorType.INT32)

KERNELS = (
    Kernel("MAXIMUM", (1, 4), (*_PLAIN, *NARROW, *_CODES), prepare, evaluate_maximum, lower_extreme),
    Kernel("MINIMUM", (1, 4), (*_PLAIN, *NARROW, *_CODES), prepare, evaluate_minimum, lower_extreme),
    Kernel("LOGICAL_AND", (1, 1), _BOOL, prepare, evaluate_and),
    Kernel("LOGICAL_OR", (1, 1), _BOOL, prepare, evaluate_or),
    Kernel("BITWISE_XOR", (1, 1), _INTEGERS, prepare, evaluate_xor),
    Kernel("RIGHT_SHIFT", (1, 1), _INTEGERS, prepare, evaluate_right_shift),
    Kernel(
        "FLOOR_DIV",
        (1, 3),
        (TensorType.FLOAT32, TensorType.INT32, TensorType.INT16, TensorType.INT8),
        prepare_floor_div,
        evaluate_floor_div,
    ),
    Kernel("FLOOR_MOD", (1, 2), (*_PLAIN, TensorType.INT8, TensorType.INT16), prepare, evaluate_floor_mod),
    Kernel("STABLEHLO_AND", (1, 1), (*_BOOL, *_INTEGERS, *_LONG), prepare_same_shape, evaluate_bitwise_and),
    Kernel("STABLEHLO_SHIFT_LEFT", (1, 1), _SIGNED, prepare_same_shape, evaluate_left_shift),
    Kernel("ATAN2", (1, 1), (TensorType.FLOAT32, *NARROW, TensorType.FLOAT64), prepare_same_shape, evaluate_atan2),
)
